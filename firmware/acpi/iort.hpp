// IORT: which devices are behind which SMMU and which interrupt translation service, and with which ids.
// Source: Arm DEN 0049 "IO Remapping Table", issue E.e; how Linux reads it: docs/spec/iommu-hardware.md 10.1,
// kernel-probe.md 2.9.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "firmware/acpi/table.hpp"

namespace xlate::firmware::acpi {

class Fields;

enum class IortType : std::uint8_t {
    its_group = 0,
    named_component = 1,
    root_complex = 2,
    smmu = 3,  ///< SMMUv1 and v2
    smmu_v3 = 4,
    pmcg = 5,  ///< performance monitor counter group of an SMMUv3
    rmr = 6,   ///< reserved memory range
};

/// One row of a node's ID mapping array: ids [input_base, input_base + count] become output_base + (id - input_base)
/// at the node `target`. `count` is as the table has it: the number of ids **minus one**.
struct IdMapping {
    std::uint32_t input_base = 0;
    std::uint32_t count = 0;
    std::uint32_t output_base = 0;
    std::uint32_t output_reference = 0;  ///< offset of a node from the start of the table
    std::uint32_t flags = 0;
    std::uint64_t offset = 0;           ///< of the row in the table
    std::optional<std::size_t> target;  ///< index in Iort::nodes; none: no node begins there, the row is ignored

    bool single() const { return (flags & 1) != 0; }  ///< output_base is the one id, whatever came in
    std::uint64_t ids() const { return std::uint64_t{count} + 1; }
};

struct ItsGroup {
    std::vector<std::uint32_t> ids;  ///< of the interrupt translation services, as the MADT has them
};

/// Memory properties of a node that makes transactions.
struct IortMemory {
    std::uint32_t cache_coherent = 0;  ///< CCA: 1 if the device is coherent
    std::uint8_t hints = 0;
    std::uint8_t flags = 0;  ///< bit 0 CPM, bit 1 DACS, bit 2 CANWBS
};

struct NamedComponent {
    std::uint32_t flags = 0;  ///< bit 0: stalls; bits 5:1: bits of its PASIDs
    IortMemory memory;
    std::uint8_t address_limit = 0;  ///< bits of its addresses
    std::string path;                ///< in the ACPI namespace: "\_SB_.DEV0"

    bool can_stall() const { return (flags & 1) != 0; }
    unsigned pasid_bits() const { return (flags >> 1) & 0x1F; }
};

struct RootComplex {
    IortMemory memory;
    std::uint32_t ats = 0;  ///< bit 0: ATS, bit 1: PRI, bit 2: PASIDs are forwarded
    std::uint32_t segment = 0;
    std::uint8_t address_limit = 0;        ///< 0 where the node is too old to have it
    std::uint16_t pasid_capabilities = 0;  ///< bits 4:0: greatest PASID width
    std::uint32_t flags = 0;

    bool ats_supported() const { return (ats & 1) != 0; }
};

struct IortInterrupt {
    std::uint32_t gsiv = 0;
    std::uint32_t flags = 0;  ///< 0 level, 1 edge
};

struct Smmu {
    std::uint64_t base = 0;
    std::uint64_t span = 0;
    std::uint32_t model = 0;  ///< 0 v1, 1 v2, 2 MMU-400, 3 MMU-500, 4 MMU-401, 5 ThunderX
    std::uint32_t flags = 0;  ///< bit 0: DVM, bit 1: coherent walks
    std::vector<IortInterrupt> global_interrupts;
    std::vector<IortInterrupt> context_interrupts;
    std::vector<IortInterrupt> pmu_interrupts;

    bool coherent() const { return (flags & 2) != 0; }
};

struct SmmuV3 {
    std::uint64_t base = 0;
    std::uint32_t flags = 0;  ///< bit 0: coherent walks, bits 2:1: HTTU, bit 3: domain valid, bit 4: DeviceID valid
    std::uint64_t vatos = 0;
    std::uint32_t model = 0;  ///< 0 generic, 1 HiSilicon 161x, 2 CN99xx
    std::uint32_t event_gsiv = 0;
    std::uint32_t pri_gsiv = 0;
    std::uint32_t gerror_gsiv = 0;
    std::uint32_t sync_gsiv = 0;
    std::uint32_t proximity_domain = 0;
    std::optional<std::uint32_t> device_id_mapping;  ///< index of the mapping that gives its own MSIs an id

    bool coherent() const { return (flags & 1) != 0; }
    std::uint64_t span() const { return model == 2 ? 0x10000 : 0x20000; }  ///< of its registers; the table has none
};

struct Pmcg {
    std::uint64_t page0 = 0;
    std::uint32_t overflow_gsiv = 0;
    std::uint32_t node_reference = 0;
    std::optional<std::size_t> node;     ///< whose counters these are; none: no node begins there
    std::optional<std::uint64_t> page1;  ///< node revision 1 and later
};

struct Rmr {
    struct Range {
        std::uint64_t base = 0;
        std::uint64_t length = 0;
    };
    std::uint32_t flags = 0;  ///< bit 0: may be remapped, bit 1: privileged, bits 9:2: attributes
    std::vector<Range> ranges;
};

struct IortNode {
    std::uint64_t offset = 0;  ///< from the start of the table
    std::uint8_t type = 0;     ///< IortType, or one that we do not know
    std::uint16_t length = 0;
    std::uint8_t revision = 0;
    std::uint32_t identifier = 0;
    std::vector<IdMapping> mappings;
    /// monostate: a type that we do not know, or a node too short for its fields.
    std::variant<std::monostate, ItsGroup, NamedComponent, RootComplex, Smmu, SmmuV3, Pmcg, Rmr> body;

    bool is(IortType wanted) const { return type == static_cast<std::uint8_t>(wanted); }
    bool is_iommu() const { return is(IortType::smmu) || is(IortType::smmu_v3); }
};

struct Iort {
    std::uint8_t revision = 0;
    std::uint32_t node_count = 0;  ///< as the table has it
    std::vector<IortNode> nodes;   ///< in table order

    /// The root complex of a PCI segment: the first one, as in Linux.
    std::optional<std::size_t> root_complex(std::uint32_t segment) const;
};

/// Errors: InputError (bad_firmware) if a node does not fit the table. What is wrong inside of a node is noted, and
/// that part is left out.
Iort read_iort(const Table& table, std::vector<Oddity>& oddities);
/// What it says, for whoever prints tables.
Fields fields_of(const Iort& iort);

/// "smmu-v3"; "type-9" for one that we do not know.
std::string iort_type_name(std::uint8_t type);

struct IortLookup {
    std::size_t node = 0;  ///< index in Iort::nodes
    std::uint32_t id = 0;  ///< what the id has become there
};
/// Linux's walk from `node` to the next SMMU. The count's off-by-one is worked around as Linux does it: a match on the
/// last id of a mapping is tentative, and a later mapping that begins with this id wins. None: no SMMU is reached.
std::optional<IortLookup> map_to_smmu(const Iort& iort, std::size_t node, std::uint32_t id);
/// The SMMU of a device without ids of its own (a named component): its mapping number `index`, which must be a single
/// one. None ends the device's list.
std::optional<IortLookup> component_to_smmu(const Iort& iort, std::size_t node, std::size_t index);
/// Linux switches PCI access control services on if some root complex maps directly to an SMMU.
bool requests_acs(const Iort& iort);

}  // namespace xlate::firmware::acpi
