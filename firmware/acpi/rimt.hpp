// RIMT: which devices are behind which RISC-V IOMMU.
// Source: RISC-V IO Mapping Table specification; docs/spec/iommu-hardware.md 10.5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "firmware/acpi/table.hpp"

namespace xlate::firmware::acpi {

class Fields;

enum class RimtType : std::uint8_t { iommu = 0, root_complex = 1, platform_device = 2 };

struct RimtIommu {
    struct Wire {
        std::uint32_t irq = 0;
        std::uint32_t flags = 0;  ///< level 0, active high 1
    };
    std::string hardware_id;  ///< "RSCV0004": of its device in the namespace
    std::uint64_t base = 0;
    std::uint32_t flags = 0;
    std::uint32_t proximity = 0;
    std::uint16_t segment = 0;
    std::uint16_t bdf = 0;
    std::vector<Wire> wires;

    bool is_pci() const { return (flags & 1) != 0; }
};

/// out = dest_base + id - source_base. `ids` as it stands in the table: Linux takes source_base + ids itself, too.
struct RimtMapping {
    std::uint32_t source_base = 0;
    std::uint32_t ids = 0;
    std::uint32_t dest_base = 0;
    std::uint32_t dest_offset = 0;  ///< offset of the IOMMU's node in the table
    std::uint32_t flags = 0;
    std::optional<std::size_t> target;  ///< index in Rimt::nodes; none: nothing translates there
};
struct RimtRootComplex {
    std::uint32_t flags = 0;  ///< ATS 0, PRI 1
    std::uint16_t segment = 0;
    std::vector<RimtMapping> mappings;

    bool ats_supported() const { return (flags & 1) != 0; }
};
struct RimtPlatformDevice {
    std::string path;  ///< "\_SB.DMA0"
    std::vector<RimtMapping> mappings;
};

struct RimtNode {
    std::uint64_t offset = 0;
    std::uint8_t type = 0;
    std::uint8_t revision = 0;
    std::uint16_t length = 0;
    std::uint16_t id = 0;
    std::variant<std::monostate, RimtIommu, RimtRootComplex, RimtPlatformDevice> body;

    bool is_iommu() const { return std::holds_alternative<RimtIommu>(body); }
};

struct Rimt {
    std::uint32_t node_count = 0;
    std::vector<RimtNode> nodes;  ///< in table order

    /// Of the PCI root complex of `segment`: Linux takes the first.
    const RimtRootComplex* root_complex(unsigned segment) const;
};

/// Errors: InputError (bad_firmware) if a node does not fit the table; limit beyond limits.hpp.
Rimt read_rimt(const Table& table, std::vector<Oddity>& oddities);
/// What it says, for whoever prints tables.
Fields fields_of(const Rimt& rimt);

/// "iommu"; "type-9" for one that we do not know.
std::string rimt_type_name(std::uint8_t type);

}  // namespace xlate::firmware::acpi
