#include "firmware/acpi/describe_table.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "firmware/acpi/x86_units.hpp"
#include "firmware/iommu_families.hpp"

namespace xlate::firmware::acpi {
namespace {

class IvrsDescriber final : public TableDescriber {
public:
    using TableDescriber::TableDescriber;

    void platform() override {
        const std::uint8_t used = tables_.ivrs->used_type();
        unsigned number = 0;
        for (const IvrsBlock& block : tables_.ivrs->blocks) {
            const auto* const unit = std::get_if<Ivhd>(&block.body);
            if (unit == nullptr || unit->type != used) continue;
            const IommuKind& kind = *iommu_kind_of_table("IVRS IVHD");
            Node node = machine_.at_address("ivhd", unit->base, register_bytes(*unit), kind.compatible);
            node.linux_name = fmt::format("{}{}", kind.acpi_name, number++);
            node.iommu_cells = 1;
            // The message of its own PCI function, which no table numbers.
            node.interrupts.emplace_back();
            node.interrupts.back().name = "msi";
            const NodeIndex added = machine_.add(std::move(node));
            segments_.insert(unit->segment);
            auto& rows = machine_.segment_rows[unit->segment];
            for (const IvhdEntry& entry : unit->entries) entry_rows(entry, added, rows);
        }
        // Of two entries for one device the later one counts; of two rows the first.
        for (auto& [segment, rows] : machine_.segment_rows) std::reverse(rows.begin(), rows.end());
        for (const IvrsBlock& block : tables_.ivrs->blocks) {
            const auto* const memory = std::get_if<Ivmd>(&block.body);
            if (memory != nullptr) machine_.out.reservations.push_back({memory->base, memory->length});
        }
    }
    std::set<unsigned> segments() const override { return segments_; }

private:
    void entry_rows(const IvhdEntry& entry, NodeIndex iommu, std::vector<IommuMapRow>& rows) {
        using Kind = IvhdEntry::Kind;
        const std::uint32_t length = entry.last < entry.devid ? 0 : entry.last - entry.devid + 1U;
        switch (entry.kind) {
            case Kind::all:
                rows.push_back({0, 0, iommu, 0, kAllIds, false, false});
                break;
            case Kind::select:
            case Kind::range:
            case Kind::extended_select:
            case Kind::extended_range:
                rows.push_back({entry.devid, 0, iommu, entry.devid, length, false, false});
                break;
            case Kind::alias_select:
            case Kind::alias_range:
                rows.push_back({entry.devid, 0, iommu, entry.alias, length, false, true});
                break;
            case Kind::acpi_hid:  // Linux drivers/iommu/amd/init.c: "Invalid HID" of an empty one
                if (!entry.hid.empty()) machine_.behind(ivrs_device(entry), iommu, entry.devid);
                break;
            case Kind::padding:
            case Kind::special:
            case Kind::unknown:
                break;
        }
    }

    /// By hardware and unique id; firmware that puts a path where the unique id belongs means that one.
    Node ivrs_device(const IvhdEntry& entry) const {
        for (const NamespaceDevice& one : tables_.devices) {
            if (!entry.uid.empty() && one.hid == entry.hid && one.uid == entry.uid) return machine_.device(one.path);
        }
        Node node = machine_.device(entry.uid.empty() ? entry.hid : entry.uid);
        if (node.path.front() != '\\') node.path = "/" + node.path;
        node.compatible = {entry.hid};
        return node;
    }

    std::set<unsigned> segments_;
};

}  // namespace

std::unique_ptr<TableDescriber> describe_ivrs(Described& machine) {
    if (!machine.tables->ivrs) return nullptr;
    return std::make_unique<IvrsDescriber>(machine);
}

}  // namespace xlate::firmware::acpi
