// How Linux goes through an IORT: drivers/acpi/arm64/iort.c, read as behaviour.
#include <algorithm>

#include "firmware/acpi/iort.hpp"

namespace xlate::firmware::acpi {
namespace {

enum class Match { none, whole, tentative };

Match match(const IdMapping& mapping, const IortNode& node, std::uint32_t id, bool found_before, std::uint32_t& out) {
    if (mapping.single()) {
        if (!node.is(IortType::named_component) && !node.is(IortType::root_complex)) return Match::none;
        out = mapping.output_base;
        return Match::whole;
    }
    const std::uint32_t last = mapping.input_base + mapping.count;  // 32 bits, as in Linux
    if (id < mapping.input_base || id > last) return Match::none;
    if (found_before && id != mapping.input_base) return Match::none;
    out = mapping.output_base + (id - mapping.input_base);
    return mapping.count > 0 && id == last ? Match::tentative : Match::whole;
}

/// The mapping that an SMMUv3 or a counter group keeps for its own MSIs: no client's id goes through it.
std::optional<std::size_t> own_mapping(const IortNode& node) {
    constexpr std::uint8_t kFirstRevisionWithFlag = 5;
    constexpr std::uint32_t kDeviceIdValid = 0x10;
    if (node.is(IortType::pmcg)) return 0;
    const auto* const smmu = std::get_if<SmmuV3>(&node.body);
    if (smmu == nullptr || !smmu->device_id_mapping) return std::nullopt;
    if (node.revision >= kFirstRevisionWithFlag) {
        if ((smmu->flags & kDeviceIdValid) == 0) return std::nullopt;
    } else if (smmu->event_gsiv != 0 && smmu->pri_gsiv != 0 && smmu->gerror_gsiv != 0 && smmu->sync_gsiv != 0) {
        return std::nullopt;
    }
    if (*smmu->device_id_mapping >= node.mappings.size()) return std::nullopt;
    return *smmu->device_id_mapping;
}

}  // namespace

std::optional<std::size_t> Iort::root_complex(std::uint32_t segment) const {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const auto* const complex = std::get_if<RootComplex>(&nodes[i].body);
        if (complex != nullptr && complex->segment == segment) return i;
    }
    return std::nullopt;
}

std::optional<IortLookup> map_to_smmu(const Iort& iort, std::size_t from, std::uint32_t id) {
    std::size_t at = from;
    for (std::size_t steps = 0; steps <= iort.nodes.size(); ++steps) {  // nodes that refer to each other end here
        const IortNode& node = iort.nodes[at];
        if (node.is_iommu()) return IortLookup{at, id};
        const std::optional<std::size_t> own = own_mapping(node);
        std::optional<std::size_t> next;
        std::uint32_t out = id;
        for (std::size_t i = 0; i < node.mappings.size(); ++i) {
            const IdMapping& mapping = node.mappings[i];
            if (i == own || !mapping.target) continue;
            const Match found = match(mapping, node, id, next.has_value(), out);
            if (found == Match::none) continue;
            next = mapping.target;
            if (found == Match::whole) break;
        }
        if (!next) return std::nullopt;
        at = *next;
        id = out;
    }
    return std::nullopt;
}

std::optional<IortLookup> component_to_smmu(const Iort& iort, std::size_t at, std::size_t index) {
    const IortNode& node = iort.nodes[at];
    if (index >= node.mappings.size()) return std::nullopt;
    const IdMapping& mapping = node.mappings[index];
    if (!mapping.target || !mapping.single()) return std::nullopt;
    return map_to_smmu(iort, *mapping.target, mapping.output_base);
}

bool requests_acs(const Iort& iort) {
    return std::any_of(iort.nodes.begin(), iort.nodes.end(), [&](const IortNode& node) {
        return node.is(IortType::root_complex) &&
               std::any_of(node.mappings.begin(), node.mappings.end(), [&](const IdMapping& mapping) {
                   return mapping.target && iort.nodes[*mapping.target].is_iommu();
               });
    });
}

}  // namespace xlate::firmware::acpi
