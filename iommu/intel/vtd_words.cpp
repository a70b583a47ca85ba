// What the words of its tables say, for the shadow of a sanitizer (iommu/shadow/table_words.hpp). First-level tables of
// a nested domain are found by addresses that are not the machine's: not followed.
#include "base/bits.hpp"
#include "iommu/intel/address_space.hpp"
#include "iommu/intel/invalidation_queue.hpp"
#include "iommu/intel/purpose.hpp"
#include "iommu/intel/vtd.hpp"
#include "iommu/tables/layout_vtd.hpp"

namespace xlate::iommu::vtd {

namespace {

void decode_first(unsigned level, std::uint64_t word, TableWord& out) {
    namespace pte = vtd_table::first;
    if (!pte::P.test(word)) return;
    out.leaf = level == 1 || (level <= vtd_table::kLeafLevels && pte::PS.test(word));
    if (!out.leaf && pte::PS.test(word)) return;  // reserved
    out.present = true;
    out.target = vtd_table::address(word) & (out.leaf ? ~low_mask(out.log2_bytes) : ~std::uint64_t{0});
    if (!out.leaf) out.next = walk_purpose(1, level - 1);
}

void decode_second(unsigned level, std::uint64_t word, TableWord& out) {
    namespace pte = vtd_table::second;
    if (!pte::R.test(word) && !pte::W.test(word)) return;
    out.present = true;
    out.leaf = level == 1 || (level <= vtd_table::kLeafLevels && pte::PS.test(word));
    out.target = vtd_table::address(word);
    if (!out.leaf) out.next = walk_purpose(2, level - 1);
}

/// 0: the access is none of a walk at this stage.
unsigned level_of(AccessPurpose purpose, unsigned stage) {
    const auto row = static_cast<unsigned>(purpose), first = static_cast<unsigned>(walk_purpose(stage, 1));
    return row >= first && row < first + vtd_table::kMostLevels ? row - first + 1 : 0;
}

DescriptorType type_of(const Invalidation& invalidation) {
    return static_cast<DescriptorType>(invalidation.code >> kGranularityBits);
}

}  // namespace

bool Vtd::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    const unsigned first = level_of(purpose, 1), level = first != 0 ? first : level_of(purpose, 2);
    if (level == 0) return false;
    out = {};
    out.granule = vtd_table::kPageBits;
    out.log2_bytes = static_cast<std::uint8_t>(vtd_table::shift(level));
    if (first != 0) {
        decode_first(level, word, out);
    } else {
        decode_second(level, word, out);
    }
    out.target_bytes = std::uint64_t{1} << (out.leaf ? out.log2_bytes : vtd_table::kPageBits);
    return true;
}

bool Vtd::decode_in(std::uint64_t space, AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    return !space_tag::NESTED.test(space) && decode(purpose, word, out);
}

/// Walks set A and D (EA too, if the entry asks for it).
std::uint64_t Vtd::hardware_bits(AccessPurpose purpose) const {
    namespace first = vtd_table::first;
    namespace second = vtd_table::second;
    if (level_of(purpose, 1) != 0) return first::A.mask() | first::D.mask() | first::EA.mask();
    return level_of(purpose, 2) != 0 ? second::A.mask() | second::D.mask() : 0;
}

/// The IOTLB and caches of tables are software's to flush behind a context or PASID entry (6.5.3).
bool Vtd::drops_words(const Invalidation& invalidation) const {
    return type_of(invalidation) != DescriptorType::context_cache &&
           type_of(invalidation) != DescriptorType::pasid_cache;
}

void Vtd::note_tables(std::uint64_t domain, std::optional<std::uint32_t> first_level_pasid) {
    if (first_level_.empty()) {
        if (!first_level_pasid) return;
        first_level_.resize(std::size_t{1} << space_tag::DID.width);
    }
    first_level_[domain] = first_level_pasid ? *first_level_pasid + 1 : 0;
}

/// What no first level has translated is in no cache as such.
std::uint64_t Vtd::space_of(std::uint32_t context) const {
    const std::uint32_t first = context < first_level_.size() ? first_level_[context] : 0;
    return first != 0 ? space_tag::first_level(context, first - 1, false) : space_tag::second_level(context);
}

/// By the entries that are cached; others are followed by their walks alone.
std::optional<std::uint64_t> Vtd::space_of_stream(StreamId stream) const {
    const std::uint64_t unknown = ~std::uint64_t{0};
    const Context* const context = context_cache.peek(stream_tag(stream, std::nullopt));
    if (context == nullptr) return unknown;
    if (!scalable()) {
        if (context::TT.get(context->words[0]) == context::PASS_THROUGH) return unknown;
        return space_tag::second_level(context->did());
    }
    const std::uint32_t number =
        params_.has(ecap::RPS) ? static_cast<std::uint32_t>(scalable_context::RID_PASID.get(context->words[1])) : 0;
    const PasidEntry* const entry = pasid_cache.peek(stream_tag(stream, SubstreamId{number}));
    if (entry == nullptr) return unknown;
    if (entry->type() == pasid::SECOND_LEVEL) return space_tag::second_level(entry->did());
    return entry->type() == pasid::FIRST_LEVEL ? space_tag::first_level(entry->did(), number, false) : unknown;
}

/// Entries that are not present are kept with caching mode alone.
bool Vtd::keeps_configuration(AccessPurpose purpose, const std::uint8_t* bytes) const {
    if (purpose != Purpose::context_entry && purpose != Purpose::pasid_entry) return false;
    return context::P.test(load_le(bytes, 8)) || cap::CM.test(params_.cap);
}

/// Flushes by domain go by the id in the entry; a context entry of scalable mode has none. Those of contexts take the
/// device's PASID entries along.
bool Vtd::covers_configuration(const Invalidation& invalidation, std::uint64_t stream, AccessPurpose purpose,
                               const std::uint8_t* bytes) const {
    const bool of_pasid = purpose == Purpose::pasid_entry;
    const bool of_context = type_of(invalidation) == DescriptorType::context_cache;
    if (type_of(invalidation) == DescriptorType::pasid_cache ||
        (of_context && (invalidation.code & low_mask(kGranularityBits)) == qi::DOMAIN)) {
        if (!of_context && !of_pasid) return false;
        if (of_context && !of_pasid && scalable()) return true;
        const std::uint64_t did = (of_pasid ? pasid::DID : context::DID).get(load_le(bytes + 8, 8));
        return ((space_tag::DID.of(did) ^ invalidation.space) & invalidation.space_mask) == 0;
    }
    return invalidation.covers_stream(stream);
}

Invalidation Vtd::wanted_for_configuration(std::uint64_t stream, AccessPurpose purpose,
                                           const std::uint8_t* bytes) const {
    if (purpose == Purpose::pasid_entry) {
        Invalidation wanted;
        wanted.target = Invalidation::Target::translations;
        wanted.code = descriptor_code(DescriptorType::pasid_cache, qi::PC_PASID);
        wanted.space = space_tag::DID.of(pasid::DID.get(load_le(bytes + 8, 8)));
        wanted.space_mask = space_tag::DID.mask();
        return wanted;
    }
    Invalidation wanted = TableWords::wanted_for_configuration(stream, purpose, bytes);
    wanted.code = descriptor_code(DescriptorType::context_cache, qi::DEVICE);
    return wanted;
}

}  // namespace xlate::iommu::vtd
