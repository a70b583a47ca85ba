#include "firmware/pci_iommus.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_hosts.hpp"

namespace xlate::firmware {
namespace {

constexpr std::uint64_t kVirtioBarBytes = 0x4000;  // QEMU's
constexpr std::uint32_t kPciAddressCells = 3, kPciSizeCells = 2;
constexpr Field kPciSpace{24, 2};     // of phys.hi: 2 is 32-bit memory
constexpr Field kPciFunction{8, 16};  // of phys.hi: bus, device, function

struct Window {
    std::uint64_t base = 0;
    std::uint64_t size = 0;
};

/// As the CPU sees it, if nothing between the bridge and the root moves addresses.
std::optional<Window> memory_window(const Description& description, const Node& host) {
    const Property* const ranges = host.property("ranges");
    if (ranges == nullptr || host.address_cells != kPciAddressCells || host.size_cells != kPciSizeCells) return {};
    for (std::optional<NodeIndex> at = host.parent; at && index(*at) != 0; at = description.node(*at).parent) {
        const Property* const above = description.node(*at).property("ranges");
        if (above == nullptr || !above->bytes.empty()) return {};
    }
    const std::uint32_t parent_cells = host.parent ? description.node(*host.parent).address_cells : 2;
    if (parent_cells == 0 || parent_cells > 2) return {};
    const std::size_t row = (kPciAddressCells + parent_cells + kPciSizeCells) * std::size_t{4};
    for (std::size_t at = 0; at + row <= ranges->bytes.size(); at += row) {
        const std::uint8_t* const cells = &ranges->bytes[at];
        if (kPciSpace.get(load_be(cells, 4)) != 2) continue;
        return Window{load_be(cells + 12, 4 * parent_cells), load_be(cells + row - 8, 8)};
    }
    return {};
}

class Placer {
public:
    explicit Placer(Description& description) : description_(description) {}

    std::vector<std::string> place() {
        for (const PciHost& host : pci_hosts(description_)) {
            for (const NodeIndex at : description_.providers()) {
                const Node& node = description_.node(at);
                if (node.parent == host.node && node.reachable && is_pci_iommu(node)) place(at, host);
            }
        }
        return std::move(said_);
    }

private:
    void place(NodeIndex at, const PciHost& host) {
        Node& node = description_.nodes[index(at)];
        const auto window = memory_window(description_, description_.node(host.node));
        const Window all = window.value_or(Window{0x1000'0000, 0xE000'0000});
        std::uint64_t address = align_up(all.base, kVirtioBarBytes);
        while (address < all.base + all.size && !is_free(address)) address += kVirtioBarBytes;
        if (address + kVirtioBarBytes > all.base + all.size) return;  // no room: it stays without registers
        if (node.linux_name.empty()) {
            const auto function =
                static_cast<unsigned>(node.regs.empty() ? 0 : kPciFunction.get(node.regs.front().high));
            node.linux_name = pci_name(host.domain, function < 0x100 ? host.first_bus << 8 | function : function);
        }
        if (node.regs.empty()) node.regs.emplace_back();
        node.regs.front().cpu_address = address;
        node.regs.front().size = kVirtioBarBytes;
        if (node.interrupts.empty()) node.interrupts.push_back({std::nullopt, {}, "msi-x"});
        said_.push_back(fmt::format("{}: the registers of this PCI function are at {:#x}, the first free place {}",
                                    node.path, address, window ? "of its host bridge's window" : "below 4 GiB"));
    }

    bool is_free(std::uint64_t address) const {
        const auto apart = [&](std::uint64_t base, std::uint64_t size) {
            return address + kVirtioBarBytes <= base || base + size <= address;
        };
        for (const MemoryRange& range : description_.memory) {
            if (!apart(range.base, range.size)) return false;
        }
        return std::all_of(description_.nodes.begin(), description_.nodes.end(), [&](const Node& node) {
            return std::all_of(node.regs.begin(), node.regs.end(), [&](const Reg& reg) {
                return !reg.cpu_address || reg.size == 0 || apart(*reg.cpu_address, reg.size);
            });
        });
    }

    Description& description_;
    std::vector<std::string> said_;
};

}  // namespace

bool is_pci_iommu(const Node& node) { return iommu_kind(node).compatible == "virtio,pci-iommu"; }

std::vector<std::string> place_pci_iommus(Description& description) { return Placer(description).place(); }

}  // namespace xlate::firmware
