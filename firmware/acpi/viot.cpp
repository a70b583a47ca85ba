#include "firmware/acpi/viot.hpp"

#include <map>
#include <utility>

#include <fmt/format.h>

namespace xlate::firmware::acpi {
namespace {

constexpr std::uint64_t kFirstNode = 48;
constexpr std::uint64_t kNodeHeader = 4;

class ViotReader {
public:
    ViotReader(const Table& table, std::vector<Oddity>& oddities) : in_(table, oddities) {}

    Viot read() {
        viot_.node_count = in_.u16(36, "its node count");
        std::uint64_t at = in_.u16(38, "its node offset");
        in_.u64(40, "its header");
        if (viot_.node_count != 0 && at < kFirstNode) {
            in_.fail(38, fmt::format("the nodes begin at {:#x}, inside the header", at), "0x30 or more");
        }
        for (unsigned i = 0; i < viot_.node_count; ++i) {
            if (!in_.holds(at, kNodeHeader)) {
                in_.fail(at, fmt::format("node {} of {} begins outside the table of {:#x} bytes", i + 1,
                                         viot_.node_count, in_.size()));
            }
            const std::uint64_t length = in_.u16(at + 2, "a node");
            if (length < kNodeHeader || !in_.holds(at, length)) {
                in_.fail(at + 2, fmt::format("node {} is {} bytes long", i + 1, length),
                         fmt::format("4 to {}", in_.size() - at));
            }
            by_offset_[at] = viot_.nodes.size();
            read_node(at, static_cast<std::uint16_t>(length));
            at += length;
        }
        if (viot_.node_count != 0 && at < in_.size()) {
            in_.note(at, fmt::format("{} bytes follow the last node", in_.size() - at));
        }
        resolve();
        return std::move(viot_);
    }

private:
    void read_node(std::uint64_t at, std::uint16_t length) {
        ViotNode& node = viot_.nodes.emplace_back();
        node.offset = at;
        node.type = in_.u8(at, "a node");
        node.length = length;
        const auto type = static_cast<ViotType>(node.type);
        const bool known = type >= ViotType::pci_range && type <= ViotType::virtio_mmio;
        if (!known) return in_.note(at, fmt::format("node of type {}: not known, passed over", node.type));
        const unsigned least = type == ViotType::pci_range || type == ViotType::mmio_endpoint ? 24 : 16;
        if (length < least) {
            return in_.note(at + 2, fmt::format("a node of type {} is {} bytes long, too short for its fields ({}); it "
                                                "is passed over",
                                                viot_type_name(node.type), length, least));
        }
        switch (type) {
            case ViotType::pci_range: {
                ViotPciRange range;
                range.endpoint_start = in_.u32(at + 4, "a PCI range");
                range.segment_start = in_.u16(at + 8, "a PCI range");
                range.segment_end = in_.u16(at + 10, "a PCI range");
                range.bdf_start = in_.u16(at + 12, "a PCI range");
                range.bdf_end = in_.u16(at + 14, "a PCI range");
                range.output = in_.u16(at + 16, "a PCI range");
                if (range.segment_end < range.segment_start || range.bdf_end < range.bdf_start) {
                    in_.note(at + 8, "a PCI range that ends before it begins holds nothing");
                }
                node.body = range;
                break;
            }
            case ViotType::mmio_endpoint: {
                ViotMmioEndpoint endpoint;
                endpoint.endpoint = in_.u32(at + 4, "an MMIO endpoint");
                endpoint.base = in_.u64(at + 8, "an MMIO endpoint");
                endpoint.output = in_.u16(at + 16, "an MMIO endpoint");
                node.body = endpoint;
                break;
            }
            case ViotType::virtio_pci:
                node.body = ViotVirtioPci{in_.u16(at + 4, "a virtio-iommu"), in_.u16(at + 6, "a virtio-iommu")};
                break;
            case ViotType::virtio_mmio:
                node.body = ViotVirtioMmio{in_.u64(at + 8, "a virtio-iommu")};
                break;
        }
    }

    void resolve() {
        for (ViotNode& node : viot_.nodes) {
            if (auto* const range = std::get_if<ViotPciRange>(&node.body)) {
                range->target = target(node, range->output);
                if (range->target) check_own(node, *range);
            } else if (auto* const endpoint = std::get_if<ViotMmioEndpoint>(&node.body)) {
                endpoint->target = target(node, endpoint->output);
            }
        }
    }

    std::optional<std::size_t> target(const ViotNode& node, std::uint16_t output) {
        const auto found = by_offset_.find(output);
        if (found != by_offset_.end() && viot_.nodes[found->second].is_iommu()) return found->second;
        in_.note(node.offset + 16, fmt::format("output node {:#x} of the {} at {:#x} is no IOMMU's offset; nothing "
                                               "translates there",
                                               output, viot_type_name(node.type), node.offset));
        return std::nullopt;
    }

    /// The IOMMU's own function must be in no range: it would wait for itself.
    void check_own(const ViotNode& node, const ViotPciRange& range) {
        const auto* const own = std::get_if<ViotVirtioPci>(&viot_.nodes[*range.target].body);
        if (own == nullptr || own->segment < range.segment_start || own->segment > range.segment_end ||
            own->bdf < range.bdf_start || own->bdf > range.bdf_end)
            return;
        in_.note(node.offset, fmt::format("the range {:#x}-{:#x} holds its own virtio-iommu ({:#x}), which nothing "
                                          "translates",
                                          range.bdf_start, range.bdf_end, own->bdf));
    }

    TableReader in_;
    Viot viot_;
    std::map<std::uint64_t, std::size_t> by_offset_;
};

}  // namespace

std::string viot_type_name(std::uint8_t type) {
    switch (static_cast<ViotType>(type)) {
        case ViotType::pci_range:
            return "pci-range";
        case ViotType::mmio_endpoint:
            return "mmio-endpoint";
        case ViotType::virtio_pci:
            return "virtio-iommu-pci";
        case ViotType::virtio_mmio:
            return "virtio-iommu-mmio";
    }
    return fmt::format("type-{}", type);
}

Viot read_viot(const Table& table, std::vector<Oddity>& oddities) { return ViotReader(table, oddities).read(); }

}  // namespace xlate::firmware::acpi
