// IOMMUs that are PCI functions: their registers are in a BAR, and firmware does not say where. Linux places BARs when
// it scans the bus; this does it instead, before anything else looks. Source: the PCI bus binding (`ranges` of a host
// bridge); Linux Documentation/devicetree/bindings/virtio/iommu.txt; VIOT (virtio-iommu PCI nodes).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.hpp"
#include "firmware/description.hpp"

namespace xlate::firmware {

/// Of the first cell of a PCI node's `reg` (phys.hi): bus, device and function, as a requester id has them.
inline constexpr Field kPciFunction{8, 16};

/// One kind of such IOMMUs.
struct PciIommuKind {
    std::string_view compatible;
    std::string_view id;  ///< of the function, as QEMU has it: "1af4:1057"
    std::uint64_t bar_bytes = 0;
    bool narrow_registers = false;  ///< there are fields of 8 and 16 bits
};
/// nullptr: a node of another kind.
const PciIommuKind* pci_iommu_kind(const Node& node);
/// Whether a node is such an IOMMU, of a kind whose BAR's size is known.
bool is_pci_iommu(const Node& node);

/// Each gets a place of its own: in the first window for 32-bit memory of its host bridge, or, where the bridge names
/// none that the CPU sees as it stands, below 4 GiB where no other node has registers and no memory is. Its `regs` then
/// say where, its `linux_name` is the function's, and it has one interrupt, its messages. Returns a sentence for each.
std::vector<std::string> place_pci_iommus(Description& description);

/// The one that is this function, by Linux's name, once it has a place.
std::optional<NodeIndex> find_pci_iommu(const Description& description, std::string_view name);

}  // namespace xlate::firmware
