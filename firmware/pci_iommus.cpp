#include "firmware/pci_iommus.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_hosts.hpp"

namespace xlate::firmware {
namespace {

constexpr PciIommuKind kKinds[] = {
    {"virtio,pci-iommu", "1af4:1057", 0x4000, true},
    {"riscv,pci-iommu", "1b36:0014", 0x1000},
};

struct Window {
    std::uint64_t base = 0;
    std::uint64_t size = 0;
};

/// As the CPU sees it.
std::optional<Window> memory_window(const Description& description, NodeIndex host) {
    constexpr std::uint32_t kMemory32 = 2;
    for (const PciWindow& one : pci_windows(description, host)) {
        const auto seen = cpu_address_of(description, host, one.above);
        if (one.space == kMemory32 && seen) return Window{*seen, one.size};
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
        const auto window = memory_window(description_, host.node);
        const Window all = window.value_or(Window{0x1000'0000, 0xE000'0000});
        const std::uint64_t bar = pci_iommu_kind(node)->bar_bytes;
        std::uint64_t address = align_up(all.base, bar);
        while (address < all.base + all.size && !is_free(address, bar)) address += bar;
        if (address + bar > all.base + all.size) {
            said_.push_back(
                fmt::format("{}: there is no room for the registers of this PCI function {}: it stays without",
                            node.path, window ? "in its host bridge's window" : "below 4 GiB"));
            return;
        }
        if (node.linux_name.empty()) {
            const auto function =
                static_cast<unsigned>(node.regs.empty() ? 0 : kPciFunction.get(node.regs.front().high));
            node.linux_name = pci_name(host.domain, function < 0x100 ? host.first_bus << 8 | function : function);
        }
        if (node.regs.empty()) node.regs.emplace_back();
        node.regs.front().cpu_address = address;
        node.regs.front().size = bar;
        if (node.interrupts.empty()) node.interrupts.push_back({std::nullopt, {}, "msi-x"});
        said_.push_back(fmt::format("{}: the registers of this PCI function are at {:#x}, the first free place {}",
                                    node.path, address, window ? "of its host bridge's window" : "below 4 GiB"));
    }

    bool is_free(std::uint64_t address, std::uint64_t bar) const {
        const auto apart = [&](std::uint64_t base, std::uint64_t size) {
            return address + bar <= base || base + size <= address;
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

const PciIommuKind* pci_iommu_kind(const Node& node) {
    const std::string_view compatible = iommu_kind(node).compatible;
    const auto* const found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                           [&](const PciIommuKind& one) { return one.compatible == compatible; });
    return found != std::end(kKinds) ? found : nullptr;
}

bool is_pci_iommu(const Node& node) { return pci_iommu_kind(node) != nullptr; }

std::optional<NodeIndex> find_pci_iommu(const Description& description, std::string_view name) {
    for (const NodeIndex at : description.providers()) {
        const Node& node = description.node(at);
        if (node.reachable && node.linux_name == name && is_pci_iommu(node)) return at;
    }
    return std::nullopt;
}

std::vector<std::string> place_pci_iommus(Description& description) { return Placer(description).place(); }

}  // namespace xlate::firmware
