#include "study/run/virtio_pci.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "firmware/pci_hosts.hpp"
#include "iommu/families.hpp"
#include "iommu/virtio/virtio_iommu.hpp"
#include "study/config/pci_config.hpp"
#include "study/config/yaml/read.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::Node;
using firmware::NodeIndex;

constexpr std::uint64_t kWindow = 0x1000;
constexpr std::uint64_t kFirst = 0x10000000, kStep = 0x10000, kEnd = 0x100000000;

bool overlaps(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) {
    return a < b + b_size && b < a + a_size;
}

/// The lowest place from 256 MiB on where neither registers nor memory are.
std::optional<std::uint64_t> free_window(const Description& description) {
    for (std::uint64_t at = kFirst; at < kEnd; at += kStep) {
        const bool in_memory =
            std::any_of(description.memory.begin(), description.memory.end(),
                        [&](const firmware::MemoryRange& one) { return overlaps(at, kWindow, one.base, one.size); });
        const bool in_registers =
            std::any_of(description.nodes.begin(), description.nodes.end(), [&](const Node& node) {
                return std::any_of(node.regs.begin(), node.regs.end(), [&](const firmware::Reg& reg) {
                    return reg.cpu_address && overlaps(at, kWindow, *reg.cpu_address, reg.size);
                });
            });
        if (!in_memory && !in_registers) return at;
    }
    return std::nullopt;
}

/// Linux's name of the function; a device tree's node has bus, device and function in the first cell of its address.
std::optional<std::string> function_of(const Description& description, const Node& node) {
    if (!node.linux_name.empty()) return node.linux_name;
    if (node.regs.empty() || !node.parent) return std::nullopt;
    for (const firmware::PciHost& host : firmware::pci_hosts(description)) {
        if (host.node == *node.parent) return firmware::pci_name(host.domain, node.regs.front().high >> 8 & 0xFFFF);
    }
    return std::nullopt;
}

std::vector<std::uint32_t> absent_endpoints(const Description& description, const std::vector<PciSeat>& seats,
                                            NodeIndex iommu) {
    std::vector<std::uint32_t> ids;
    for (const PciSeat& seat : seats) {
        const bool sent = std::any_of(seats.begin(), seats.end(), [&](const PciSeat& other) {
            return other.domain == seat.domain && other.wire_id == seat.own_id;
        });
        if (sent) continue;
        for (const firmware::PciHost& host : firmware::pci_hosts(description)) {
            if (host.domain != seat.domain) continue;
            const firmware::MapLookup found = description.map_id(host.node, seat.own_id);
            if (found.provider == iommu) ids.push_back(found.id);
        }
    }
    return ids;
}

}  // namespace

VirtioPci place_virtio_iommus(const Config& config, Description& description) {
    VirtioPci placed;
    for (const NodeIndex at : description.providers()) {
        Node& node = description.nodes[firmware::index(at)];
        const bool has_registers = !node.regs.empty() && node.regs.front().cpu_address;
        if (!node.reachable || !node.is_compatible("virtio,pci-iommu") || has_registers) continue;
        yaml::Findings findings;
        const std::vector<PciSeat> seats = seat_pci_functions(make_pci_roots(config, findings));
        findings.throw_if_any();
        const std::optional<std::string> name = function_of(description, node);
        const bool is_there =
            name && std::any_of(seats.begin(), seats.end(), [&](const PciSeat& seat) { return seat.name == *name; });
        const std::optional<std::uint64_t> window = free_window(description);
        if (!is_there || !window) {
            placed.notes.push_back(
                fmt::format("{}: soc.pci has no function {} to be this IOMMU: its driver never binds",
                            printable(node.path), name.value_or("at its address")));
            continue;
        }
        firmware::Reg registers;
        registers.address = *window;
        registers.cpu_address = *window;
        registers.size = kWindow;
        node.regs = {registers};
        node.interrupts = {firmware::Interrupt{}};
        node.linux_name = *name;
        placed.absent_endpoints[*name] = absent_endpoints(description, seats, at);
        placed.notes.push_back(fmt::format("{}: {} has its registers at {:#x}, in the layout of virtio over MMIO",
                                           printable(node.path), *name, *window));
    }
    return placed;
}

void leave_out_endpoints(soc::SocConfig& soc, const VirtioPci& placed) {
    if (placed.absent_endpoints.empty()) return;
    soc.engines["virtio-iommu"] = [all = placed.absent_endpoints](const iommu::InstanceParams& params) {
        const auto own = all.find(params.name);
        std::vector<std::uint32_t> absent = own != all.end() ? own->second : std::vector<std::uint32_t>{};
        return iommu::virtio::make_virtio_iommu(params, [absent = std::move(absent)](std::uint32_t endpoint) {
            return std::find(absent.begin(), absent.end(), endpoint) == absent.end();
        });
    };
}

}  // namespace xlate::study
