#include "firmware/acpi/describe_table.hpp"

#include <utility>

#include <fmt/format.h>

#include "firmware/iommu_families.hpp"

namespace xlate::firmware::acpi {
namespace {

class ViotDescriber final : public TableDescriber {
public:
    using TableDescriber::TableDescriber;

    void functions() override {
        const Viot& viot = *tables_.viot;
        std::map<std::size_t, NodeIndex> iommus;
        for (std::size_t i = 0; i < viot.nodes.size(); ++i) {
            if (const auto* pci = std::get_if<ViotVirtioPci>(&viot.nodes[i].body)) {
                Node node;
                node.name = fmt::format("virtio-iommu@{:x},{:x}", pci->bdf >> 3 & 31, pci->bdf & 7);
                node.linux_name = fmt::format("{:04x}:{:02x}:{:02x}.{:x}", pci->segment, pci->bdf >> 8,
                                              pci->bdf >> 3 & 31, pci->bdf & 7);
                node.compatible = {std::string(iommu_kind_of_table("VIOT PCI")->compatible)};
                node.iommu_cells = 1;
                node.parent = machine_.root_above(pci->segment, pci->bdf >> 8);
                iommus[i] = machine_.add(std::move(node));
            } else if (const auto* mmio = std::get_if<ViotVirtioMmio>(&viot.nodes[i].body)) {
                Node node = machine_.at_address("virtio-iommu", mmio->base, 0x200,
                                                iommu_kind_of_table("VIOT MMIO")->compatible);
                node.iommu_cells = 1;
                node.linux_name = fmt::format("{:x}.virtio_mmio", mmio->base);
                if (const auto found = machine_.of_address.find(mmio->base); found != machine_.of_address.end())
                    machine_.describe_as(node, found->second);
                iommus[i] = machine_.add(std::move(node));
            }
        }
        for (const ViotNode& one : viot.nodes) {
            if (const auto* range = std::get_if<ViotPciRange>(&one.body)) {
                if (range->bdf_end < range->bdf_start) continue;
                IommuMapRow row;
                row.base = range->bdf_start;
                row.length = range->bdf_end - range->bdf_start + 1U;
                if (range->target) row.provider = iommus.at(*range->target);
                ranges_.push_back({range->segment_start, range->segment_end, range->endpoint_start, row});
            } else if (const auto* endpoint = std::get_if<ViotMmioEndpoint>(&one.body)) {
                Node node = machine_.at_address("device", endpoint->base, kPageBytes, "acpi-device");
                node.linux_name = fmt::format("{:x}.device", endpoint->base);
                if (const auto found = machine_.of_address.find(endpoint->base); found != machine_.of_address.end())
                    machine_.describe_as(node, found->second);
                node.has_iommus = true;
                IommuEntry entry;
                entry.args = {endpoint->endpoint};
                entry.result = endpoint->target ? EntryResult::ok : EntryResult::missing_node;
                if (endpoint->target) entry.provider = iommus.at(*endpoint->target);
                node.viot = std::move(entry);
                machine_.add(std::move(node));
            }
        }
    }
    std::set<unsigned> segments() const override {
        std::set<unsigned> all;
        for (const ViotNode& node : tables_.viot->nodes) {
            if (const auto* range = std::get_if<ViotPciRange>(&node.body)) all.insert(range->segment_start);
        }
        return all;
    }
    void root(const PciRootNode& of) override {
        Node& node = machine_.at(of.node);
        for (const Range& range : ranges_) {
            if (of.segment < range.first || of.segment > range.last) continue;
            if (!node.viot_map) node.viot_map.emplace();
            IommuMapRow row = range.row;
            row.out = range.endpoint + ((of.segment - range.first) << 16);
            node.viot_map->rows.push_back(row);
        }
    }

private:
    struct Range {
        unsigned first = 0;
        unsigned last = 0;
        std::uint32_t endpoint = 0;
        IommuMapRow row;
    };

    std::vector<Range> ranges_;
};

}  // namespace

std::unique_ptr<TableDescriber> describe_viot(Described& machine) {
    if (!machine.tables->viot) return nullptr;
    return std::make_unique<ViotDescriber>(machine);
}

}  // namespace xlate::firmware::acpi
