// Which IOMMU a node is: by `compatible` of a device tree, or by the entry of the ACPI table that it was made of.
// The one place that decides it; whether a family is modelled is not said here but by the room that has an engine.
// Source: match tables of Linux drivers/iommu (6.1 to 6.12 and later), docs/spec/iommu-hardware.md section 11,
// docs/spec/kernel-probe.md section 5 (group rules), docs/spec/linux-findings.md 6.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/span.hpp"
#include "firmware/description.hpp"

namespace xlate::firmware {

/// How a driver forms groups of devices that are not PCI functions.
enum class GroupRule : std::uint8_t {
    per_device,    ///< each its own
    exclusive_id,  ///< each its own; an id that another device has is refused (SMMUv3)
    stream_match,  ///< ids that match alike share; partial overlap is refused (SMMUv1, v2)
    shared_id,     ///< devices with the same id share (DART)
    per_iommu,     ///< all devices of one instance share
    soc_table      ///< as a table in the driver for each SoC says, which firmware does not show (Tegra, MediaTek)
};

/// What the cells of one provider reference are to the driver.
enum class IdCells : std::uint8_t {
    none,         ///< no id: the instance alone says who it is
    id,           ///< the first cell is an id
    id_and_mask,  ///< SMMUv1, v2: 16 bits of id; the mask from a second cell, else from `stream-match-mask`
    larb_port     ///< MediaTek: local arbiter (bits 9:5) and port (bits 4:0) in one cell
};

/// One name under which firmware knows an IOMMU.
struct IommuKind {
    std::string_view compatible;  ///< as in Linux's match tables; "" of what no row knows
    std::string_view family;      ///< "smmuv3", "rockchip", ...; "unknown"
    std::string_view title;       ///< for people: "Arm SMMUv3"
    std::string_view driver;      ///< Linux's: "arm-smmu-v3"; empty: Linux has none
    IdCells cells = IdCells::id;
    GroupRule group = GroupRule::per_device;
    bool last_provider_wins = false;  ///< of several providers in one list; otherwise the first one does
    std::string_view table{};         ///< ACPI: the entry that such a node is made of: "IORT SMMUv3"
    std::string_view acpi_name{};     ///< Linux's device of that entry, without its number: "arm-smmu-v3"
    std::string_view main{};          ///< property of a cache: a phandle of the IOMMU behind it; see main_iommu()
    /// What the compatibles of its parts begin with, which are children of its node; see iommu_parts().
    std::string_view parts{};
    std::string_view part_number{};  ///< property of a part: its number, if its place does not say it
    /// The driver programs every provider of a list alike; the first one then stands for all of them.
    bool uses_all_providers = false;
};

/// By the first of the node's compatibles that has a row (also of a node that is no provider, such as an SMMU without
/// `#iommu-cells`); else, of a provider, by the vendor's manner of naming ("renesas,ipmmu-..."; `compatible` is then
/// empty: Linux does not bind by it); else the unknown kind. Never fails.
const IommuKind& iommu_kind(const Node& node);
/// By an entry of an ACPI table such as "DMAR DRHD", "IORT SMMU 3" (the model); none: no such entry.
const IommuKind* iommu_kind_of_table(std::string_view entry);
/// Whether Linux takes units of this kind only where it can reserve their registers for itself: those of a table that
/// is a driver's own (DMAR, IVRS). It uses none that lie over one another, and says so.
bool reserves_registers(const IommuKind& kind);
/// Every row, grouped by family.
Span<IommuKind> iommu_kinds();
/// Whether Linux's driver of that name has one of the node's compatibles in its match table.
bool binds_to(std::string_view driver, const Node& node);

/// The IOMMU that walks tables for `node`, which is a cache before it (IPMMU); none: it does so itself.
std::optional<NodeIndex> main_iommu(const Description& description, NodeIndex node);

/// Context banks and the like that have nodes of their own: available children with registers; in the tree's order.
std::vector<NodeIndex> iommu_parts(const Description& description, NodeIndex node);

/// Whether others can be behind it: it has `#iommu-cells` or `mmu-masters`.
bool is_iommu(const Node& node);

/// One stream match: ids equal to `id` in the bits that `mask` does not exempt.
struct StreamMatch {
    std::uint32_t id = 0;
    std::uint32_t mask = 0;  ///< bits that do not count

    bool covers(const StreamMatch& other) const { return (other.mask & ~mask) == 0 && ((id ^ other.id) & ~mask) == 0; }
    bool overlaps(const StreamMatch& other) const { return ((id ^ other.id) & ~(mask | other.mask)) == 0; }
    bool operator==(const StreamMatch& other) const { return id == other.id && mask == other.mask; }
};
/// The id that one reference to `provider` gives its master; none for a family without ids.
std::optional<StreamMatch> stream_of(const Node& provider, const std::vector<std::uint32_t>& args);

/// An id of a fwspec as its driver reads it: where the upper half is a mask "0x4000 mask 0x7", else "0x4000".
std::string id_text(IdCells cells, std::uint32_t id);

}  // namespace xlate::firmware
