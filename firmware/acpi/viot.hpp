// VIOT: which endpoints are behind which virtio-iommu.
// Source: ACPI specification 6.5, section 5.2.32; docs/spec/iommu-hardware.md 10.4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "firmware/acpi/table.hpp"

namespace xlate::firmware::acpi {

class Fields;

enum class ViotType : std::uint8_t { pci_range = 1, mmio_endpoint = 2, virtio_pci = 3, virtio_mmio = 4 };

/// PCI functions: endpoint id = endpoint_start + ((segment - segment_start) << 16) + bdf - bdf_start. Ends are
/// inclusive.
struct ViotPciRange {
    std::uint32_t endpoint_start = 0;
    std::uint16_t segment_start = 0;
    std::uint16_t segment_end = 0;
    std::uint16_t bdf_start = 0;
    std::uint16_t bdf_end = 0;
    std::uint16_t output = 0;           ///< offset of the IOMMU's node in the table
    std::optional<std::size_t> target;  ///< index in Viot::nodes; none: nothing translates there
};
struct ViotMmioEndpoint {
    std::uint32_t endpoint = 0;
    std::uint64_t base = 0;  ///< first address of the device's first memory resource
    std::uint16_t output = 0;
    std::optional<std::size_t> target;
};
struct ViotVirtioPci {
    std::uint16_t segment = 0;
    std::uint16_t bdf = 0;
};
struct ViotVirtioMmio {
    std::uint64_t base = 0;
};

struct ViotNode {
    std::uint64_t offset = 0;
    std::uint8_t type = 0;
    std::uint16_t length = 0;
    std::variant<std::monostate, ViotPciRange, ViotMmioEndpoint, ViotVirtioPci, ViotVirtioMmio> body;

    bool is_iommu() const {
        return std::holds_alternative<ViotVirtioPci>(body) || std::holds_alternative<ViotVirtioMmio>(body);
    }
};

struct Viot {
    std::uint16_t node_count = 0;
    std::vector<ViotNode> nodes;  ///< in table order
};

/// Errors: InputError (bad_firmware) if a node does not fit the table.
Viot read_viot(const Table& table, std::vector<Oddity>& oddities);
/// What it says, for whoever prints tables.
Fields fields_of(const Viot& viot);

/// "pci-range"; "type-9" for one that we do not know.
std::string viot_type_name(std::uint8_t type);

}  // namespace xlate::firmware::acpi
