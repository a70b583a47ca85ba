// What the firmware says, neutral of its format: the one thing that the kernel model and the SoC builder read.
// Source: shared design section 1; docs/spec/iommu-hardware.md section 11 (device tree).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/span.hpp"

namespace xlate::firmware {

/// Index of a node in Description::nodes (depth-first order, root is 0).
enum class NodeIndex : std::uint32_t {};
constexpr std::size_t index(NodeIndex node) { return static_cast<std::size_t>(node); }

/// One `reg` entry. `cpu_address`: through every `ranges` up to the root; none if some bus does not map it.
struct Reg {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    std::optional<std::uint64_t> cpu_address;
    std::string_view name;   ///< from reg-names, may be empty; in the blob
    std::uint32_t high = 0;  ///< of a three-cell address its first cell: PCI's phys.hi (space, bus, device, function)
};

/// One interrupt specifier, resolved to its controller; cells as they stand.
struct Interrupt {
    std::optional<NodeIndex> controller;
    std::vector<std::uint32_t> cells;
    std::string name;  ///< from interrupt-names, may be empty
};

/// How one `iommus` entry reads. Anything but ok and provider_disabled ends the list (Linux's rule,
/// docs/spec/linux-findings.md 4).
enum class EntryResult { ok, provider_disabled, hole, missing_node, no_cells_property, truncated };
std::string_view name(EntryResult result);

struct IommuEntry {
    std::uint32_t phandle = 0;
    std::optional<NodeIndex> provider;
    std::vector<std::uint32_t> args;  ///< #iommu-cells words
    EntryResult result = EntryResult::ok;
};

/// One row of `iommu-map` or of an ACPI table: ids [base, base + length) become out + (id - base) at the provider.
struct IommuMapRow {
    std::uint32_t base = 0;
    std::uint32_t phandle = 0;
    std::optional<NodeIndex> provider;  ///< none: no node has this phandle
    std::uint32_t out = 0;
    std::uint32_t length = 0;
    bool past_iommus = false;           ///< ACPI: leads to no IOMMU (straight to an interrupt translation service)
    bool folded = false;                ///< ACPI: every id of the row becomes `out`
    std::vector<std::uint32_t> more{};  ///< read by_cells: what the provider takes beyond its first cell
};

/// How a kernel takes an `iommu-map` apart: rows of four cells; or, from ccb2fd725d41 on, of three and as many as the
/// provider's #iommu-cells says. Source: docs/spec/probe-reports.md section 1.
enum class MapReading : std::uint8_t { four_cells, by_cells };

struct IommuMap {
    std::vector<IommuMapRow> rows;
    std::optional<std::uint32_t> mask;  ///< iommu-map-mask; none: all bits
    bool malformed = false;             ///< empty, or not a multiple of 16 bytes: every look-up is an error
    /// IORT: an id that is a row's last one is another row's that begins with it, if there is one. Otherwise the first
    /// row counts.
    bool last_id_is_tentative = false;
    /// What reading it by_cells gives, where that differs: some provider takes other than one cell.
    struct ByCells {
        std::vector<IommuMapRow> rows;
        bool malformed = false;  ///< the cells do not come out even, or a row of several cells has a length above 1
        bool tolerated = false;  ///< rows of four cells and length 1 throughout: read as before, with a warning
    };
    std::optional<ByCells> by_cells{};
    /// Looks `id` up; `provider_disabled` is for the caller to find out.
    const IommuMapRow* find(std::uint32_t id) const;
};

/// Answer of a look-up in an iommu-map. Source: docs/spec/kernel-probe.md section 2.3, OMAP.
enum class MapResult { ok, provider_disabled, bypass, missing_node, error_base_outside_mask, error_malformed };
std::string_view name(MapResult result);
struct MapLookup {
    MapResult result = MapResult::bypass;
    std::optional<NodeIndex> provider;
    std::uint32_t id = 0;               ///< translated id; for bypass the id as it came
    std::vector<std::uint32_t> more{};  ///< further cells for the provider
};

struct DmaWindow {
    std::uint64_t bus = 0;
    std::uint64_t cpu = 0;
    std::uint64_t size = 0;
    std::optional<std::uint32_t> pci_flags;
};

struct DmaRanges {
    enum class Kind { empty, list, bad_length } kind = Kind::empty;
    std::vector<DmaWindow> windows;
};

/// One row of a legacy `mmu-masters` list of an SMMU.
struct LegacyMaster {
    std::uint32_t phandle = 0;
    std::optional<NodeIndex> master;
    std::vector<std::uint32_t> stream_ids;
};

/// A property as it stands. Name (followed by a zero byte) and bytes lie in the blob.
struct Property {
    std::string_view name;
    ByteView bytes;
    std::uint64_t offset = 0;  ///< of the value in the blob, for messages
};

/// One node of the tree, properties decoded where somebody above needs them, raw otherwise.
struct Node {
    std::string path;  ///< "/soc/usb@c000"; "/" for the root
    std::string name;  ///< "usb@c000"
    std::optional<NodeIndex> parent;
    std::vector<NodeIndex> children;
    std::uint32_t phandle = 0;  ///< 0: nobody can refer to it
    std::vector<std::string> compatible;
    std::optional<std::string> status;
    bool available = true;            ///< own status absent, "okay" or "ok"
    bool reachable = true;            ///< available, and every ancestor too
    std::uint32_t address_cells = 2;  ///< that its children use
    std::uint32_t size_cells = 1;
    std::vector<Reg> regs;
    std::vector<Interrupt> interrupts;
    bool has_ranges = false;  ///< a `ranges` property stands here, possibly empty
    std::optional<std::uint32_t> iommu_cells;
    bool has_iommus = false;
    std::vector<IommuEntry> iommus;  ///< in firmware order, up to and including the entry that ends the list
    std::optional<IommuEntry> viot;  ///< ACPI: its endpoint in a VIOT
    std::optional<IommuMap> iommu_map;
    std::optional<IommuMap> viot_map;  ///< ACPI: of a PCI host bridge, the VIOT's ranges
    std::string linux_name;            ///< ACPI: of the device that Linux makes; empty: as a device tree's node
    std::optional<DmaRanges> dma_ranges;
    bool dma_coherent = false;  ///< effective: nearest dma-coherent / dma-noncoherent up the DMA parents
    std::optional<NodeIndex> dma_parent;
    std::optional<NodeIndex> dma_ranges_node;  ///< the node whose non-empty dma-ranges limits it
    std::optional<NodeIndex>
        bus_dma_ranges_node;  ///< the same for devices that have no node (PCI): starts here, not above
    std::vector<LegacyMaster> mmu_masters;
    Span<Property> properties;  ///< all of them, in blob order; see Raw

    const Property* property(std::string_view wanted) const;
    bool has(std::string_view wanted) const { return property(wanted) != nullptr; }
    std::optional<std::uint32_t> u32(std::string_view wanted) const;
    bool is_compatible(std::string_view with) const;
};

/// Something odd that does not stop the reading: "/soc/usb@c000", "iommus: phandle 0x11 ... 0 cells are left".
struct Oddity {
    std::string path;
    std::string what;
};

struct MemoryRange {
    std::uint64_t base = 0;
    std::uint64_t size = 0;
};

/// Bus addresses of a device that firmware has a word on: memory that it has used since firmware and goes on using
/// (an IORT's reserved memory range; a device tree's region with `iommu-addresses`), or addresses to leave alone.
struct DeviceReservation {
    std::uint64_t base = 0;  ///< of the addresses, as the device sends them
    std::uint64_t size = 0;
    std::optional<MemoryRange> memory;  ///< none: no memory belongs to them
    bool relaxable = false;             ///< the device does without the memory once it has a driver
    std::string where;                  ///< what says so: a node's path, or "IORT node at 0x130"
    std::optional<NodeIndex> master;    ///< device tree: whose these are
    std::optional<NodeIndex> provider;  ///< IORT: of whoever sends the ids first_id..last_id to this IOMMU
    std::uint32_t first_id = 0;
    std::uint32_t last_id = 0;  ///< included
};

/// The firmware as it stands, which decoded parts point into: with hundreds of thousands of properties, a copy and an
/// allocation for each would cost more than everything else.
struct Raw {
    std::vector<std::uint8_t> blob;
    std::vector<Property> properties;  ///< of all nodes, in their order
};

namespace acpi {
struct Tables;
}

/// A PCI host bridge of which firmware says the root bus.
struct PciRootNode {
    NodeIndex node{};
    unsigned segment = 0;
    unsigned bus = 0;
};

/// Copyable; copies share `raw`, which nobody changes once it has been read.
struct Description {
    std::shared_ptr<const Raw> raw;  ///< none where a description was not read
    std::string source;              ///< file name, for messages
    enum class Origin { device_tree, acpi } origin = Origin::device_tree;
    std::shared_ptr<const acpi::Tables> tables;  ///< ACPI: what it was read from
    std::vector<PciRootNode> pci_roots;          ///< ACPI: in the order in which Linux scans them
    bool acs_early = false;  ///< ACPI: Linux asks for PCI's access control services before it scans PCI
    std::vector<Node> nodes;
    std::vector<MemoryRange> memory;
    std::vector<MemoryRange> reservations;  ///< the blob's memory reservation block
    std::vector<DeviceReservation> device_reservations;
    std::uint32_t boot_cpuid = 0;
    std::vector<Oddity> oddities;

    const Node& node(NodeIndex at) const { return nodes[index(at)]; }
    std::optional<NodeIndex> find_path(std::string_view path) const;
    /// The node with this phandle (the first in depth-first order if several have it).
    std::optional<NodeIndex> find_phandle(std::uint32_t phandle) const;
    std::vector<NodeIndex> providers() const;  ///< every node with #iommu-cells, in order
    /// Looks `id` up in the iommu-map of `host`, which must have one.
    MapLookup map_id(NodeIndex host, std::uint32_t id, MapReading reading = MapReading::four_cells) const;
    /// What Linux makes of `iommus` of `master`: the entries that count, or none (and why).
    struct Effective {
        bool translated = false;
        std::optional<EntryResult> stop;         ///< why the list ended early
        std::vector<const IommuEntry*> entries;  ///< empty unless translated
    };
    Effective effective_iommus(NodeIndex master) const;
};

/// Reads a flattened device tree. `name` is for messages only.
/// Errors: InputError with status bad_firmware and a byte offset, for anything that is not a whole, valid tree;
/// with status limit for a tree beyond the bounds of limits.hpp.
/// Whatever is valid as a tree but strange as a binding is accepted and named in `oddities`.
Description read_device_tree(std::vector<std::uint8_t> blob, const std::string& name);

/// Reads a file whole. Errors: InputError, status usage if it can't be read, limit if it is larger than 64 MiB.
std::vector<std::uint8_t> read_file(const std::string& path);

/// The same for a device tree or an ACPI table, whose headers are checked before the rest is read: a refusal costs
/// little, however large the file is. Of a file that is neither it gives the beginning, which says so. Errors: those of
/// read_file; those of a header (read_flat_tree, read_table).
std::vector<std::uint8_t> read_firmware_file(const std::string& path);

}  // namespace xlate::firmware
