// DMAR: the remapping units of Intel VT-d and which devices are behind which.
// Source: Intel VT-d specification 4.1, chapter 8; docs/spec/iommu-hardware.md 10.2.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "firmware/acpi/table.hpp"

namespace xlate::firmware::acpi {

class Fields;

enum class DmarType : std::uint16_t { drhd = 0, rmrr = 1, atsr = 2, rhsa = 3, andd = 4, satc = 5, sidp = 6 };
enum class ScopeType : std::uint8_t { pci_endpoint = 1, pci_bridge = 2, ioapic = 3, hpet = 4, acpi_device = 5 };

/// One device: from the start bus down a path of {device, function}, through the bridges on the way.
struct DeviceScope {
    std::uint64_t offset = 0;
    std::uint8_t type = 0;  ///< ScopeType, or one that we do not know
    std::uint8_t length = 0;
    std::uint8_t flags = 0;
    std::uint8_t enumeration_id = 0;
    std::uint8_t start_bus = 0;
    std::vector<std::pair<std::uint8_t, std::uint8_t>> path;
};

struct Drhd {
    std::uint8_t flags = 0;  ///< bit 0: all PCI devices of the segment that no other unit names
    std::uint8_t size = 0;   ///< 2^n pages of registers; older tables: reserved
    std::uint16_t segment = 0;
    std::uint64_t base = 0;
    std::vector<DeviceScope> scopes;

    bool include_all() const { return (flags & 1) != 0; }
    std::uint64_t register_bytes() const { return std::uint64_t{4096} << (size & 0xF); }
};
struct Rmrr {
    std::uint16_t segment = 0;
    std::uint64_t base = 0;
    std::uint64_t end = 0;  ///< inclusive
    std::vector<DeviceScope> scopes;
};
struct Atsr {
    std::uint8_t flags = 0;  ///< bit 0: all ports
    std::uint16_t segment = 0;
    std::vector<DeviceScope> scopes;
};
struct Rhsa {
    std::uint64_t base = 0;
    std::uint32_t proximity_domain = 0;
};
struct Andd {
    std::uint8_t device_number = 0;
    std::string name;
};
struct Satc {
    std::uint8_t flags = 0;  ///< bit 0: the device needs its ATC
    std::uint16_t segment = 0;
    std::vector<DeviceScope> scopes;
};
struct Sidp {
    std::uint16_t segment = 0;
    std::vector<DeviceScope> scopes;
};

struct DmarStructure {
    std::uint64_t offset = 0;
    std::uint16_t type = 0;
    std::uint16_t length = 0;
    std::variant<std::monostate, Drhd, Rmrr, Atsr, Rhsa, Andd, Satc, Sidp> body;

    const std::vector<DeviceScope>* scopes() const;
};

struct Dmar {
    unsigned host_address_width = 0;  ///< bits
    std::uint8_t flags = 0;           ///< bit 0: interrupt remapping, bit 1: no x2APIC, bit 2: DMA control
    std::vector<DmarStructure> structures;

    /// What Linux makes units of: of several structures for one address of a segment the first.
    std::vector<const Drhd*> units() const;
};

/// Errors: InputError (bad_firmware) if a structure does not fit the table.
Dmar read_dmar(const Table& table, std::vector<Oddity>& oddities);
/// What it says, for whoever prints tables.
Fields fields_of(const Dmar& dmar);

/// "drhd"; "type-9".
std::string dmar_type_name(std::uint16_t type);
/// "pci-endpoint"; "type-9".
std::string scope_type_name(std::uint8_t type);

}  // namespace xlate::firmware::acpi
