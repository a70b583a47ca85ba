// What becomes of each property that may have to do with DMA: acted on, named as not modelled, or irrelevant.
// So that no fact of firmware is read or skipped without a word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/span.hpp"
#include "firmware/description.hpp"

namespace xlate::firmware {

enum class PropertyRole : std::uint8_t {
    acted_on,      ///< decoded, and used by a model above
    not_modelled,  ///< means something for DMA that no model does: named by `inspect` and by a run
    irrelevant     ///< nothing that a master's transactions meet
};

struct PropertyRow {
    std::string_view name;  ///< whole, or with one '*' at its end or start
    PropertyRole role = PropertyRole::irrelevant;
    std::string_view sentence;  ///< not modelled: what is assumed instead
};

/// The first row that fits; nullptr if none does.
const PropertyRow* property_row(std::string_view name);
Span<PropertyRow> property_rows();

/// Of a property without a row: whether it is one of those whose rows must be complete: a property of an IOMMU, or one
/// whose name speaks of translation or DMA ("iommu", "smmu", "dma-", "msi-", "pasid", "memory-region", ...).
bool speaks_of_dma(std::string_view name);

/// Facts of the firmware that no model acts on, one for each property with the nodes that have it, by name. Looked at:
/// nodes that are there and are IOMMUs, masters behind one, or host bridges with a map; and any other that has a
/// property which speaks of DMA and has no row.
struct UnmodelledProperty {
    std::string_view name;
    std::string what;
    std::vector<NodeIndex> nodes;  ///< in firmware order
};
std::vector<UnmodelledProperty> unmodelled_properties(const Description& description);

}  // namespace xlate::firmware
