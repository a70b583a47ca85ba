// What the words of its tables say, for the shadow of a sanitizer (iommu/shadow/table_words.hpp). First-level tables of
// a nested domain are found by addresses that are not the machine's: not followed.
#include "base/bits.hpp"
#include "iommu/intel/address_space.hpp"
#include "iommu/intel/invalidation_queue.hpp"
#include "iommu/intel/purpose.hpp"
#include "iommu/intel/vtd.hpp"
#include "iommu/tables/layout_vtd.hpp"

namespace xlate::iommu::vtd {

bool Vtd::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    const auto row = static_cast<unsigned>(purpose);
    const auto first = static_cast<unsigned>(walk_purpose(2, 1));
    if (row < first || row >= first + vtd_table::kMostLevels) return false;
    const unsigned level = row - first + 1;
    out = {};
    out.granule = vtd_table::kPageBits;
    out.log2_bytes = static_cast<std::uint8_t>(vtd_table::shift(level));
    namespace pte = vtd_table::second;
    if (!pte::R.test(word) && !pte::W.test(word)) return true;
    out.present = true;
    out.leaf = level == 1 || (level <= vtd_table::kLeafLevels && pte::PS.test(word));
    out.target = vtd_table::address(word);
    out.target_bytes = std::uint64_t{1} << (out.leaf ? out.log2_bytes : vtd_table::kPageBits);
    if (!out.leaf) out.next = walk_purpose(2, level - 1);
    return true;
}

std::uint64_t Vtd::space_of(std::uint32_t context) const { return space_tag::second_level(context); }

/// By the context that is cached; others are followed by their walks alone.
std::optional<std::uint64_t> Vtd::space_of_stream(StreamId stream) const {
    const Context* const context = context_cache.peek(stream_tag(stream, std::nullopt));
    if (context == nullptr || scalable()) return ~std::uint64_t{0};
    if (context::TT.get(context->words[0]) == context::PASS_THROUGH) return ~std::uint64_t{0};
    return space_tag::second_level(context->did());
}

/// Entries that are not present are kept with caching mode alone.
bool Vtd::keeps_configuration(AccessPurpose purpose, const std::uint8_t* bytes) const {
    if (purpose != Purpose::context_entry) return false;
    return context::P.test(load_le(bytes, 8)) || cap::CM.test(params_.cap);
}

/// Flushes by domain go by the id in the entry; an entry of scalable mode has none.
bool Vtd::covers_configuration(const Invalidation& invalidation, std::uint64_t stream,
                               const std::uint8_t* bytes) const {
    if (invalidation.code != descriptor_code(DescriptorType::context_cache, qi::DOMAIN))
        return invalidation.covers_stream(stream);
    return scalable() || context::DID.get(load_le(bytes + 8, 8)) == space_tag::DID.get(invalidation.space);
}

Invalidation Vtd::wanted_for_configuration(std::uint64_t stream) const {
    Invalidation wanted = TableWords::wanted_for_configuration(stream);
    wanted.code = descriptor_code(DescriptorType::context_cache, qi::DEVICE);
    return wanted;
}

}  // namespace xlate::iommu::vtd
