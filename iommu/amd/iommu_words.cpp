// What the words of v1 tables say, for the shadow of a sanitizer (iommu/shadow/table_words.hpp). Guest tables are not
// followed: a driver that makes them is not here.
#include "iommu/amd/iommu.hpp"
#include "iommu/amd/purpose.hpp"
#include "iommu/amd/space.hpp"
#include "iommu/tables/layout_amd.hpp"

namespace xlate::iommu::amd {

namespace v1 = amd_table::v1;

bool Iommu::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    const auto row = static_cast<unsigned>(purpose), first = static_cast<unsigned>(host_purpose(1));
    if (row < first || row > static_cast<unsigned>(host_purpose(amd_table::kHostLevels))) return false;
    const unsigned level = row - first + 1;
    out = {};
    out.granule = kPageBits;
    out.log2_bytes = static_cast<std::uint8_t>(amd_table::shift(level));
    if (!v1::PR.test(word) || v1::RESERVED.test(word)) return true;
    const auto next = static_cast<unsigned>(v1::NEXT_LEVEL.get(word));
    out.leaf = next == v1::kLeaf || next == v1::kSizedLeaf;
    if (!out.leaf && next >= level) return true;
    out.present = true;
    if (next == v1::kSizedLeaf) {
        // Each word of a replicated leaf maps its own part.
        const unsigned log2 = v1::sized_log2(word);
        out.target = v1::address(word) & ~low_mask(log2);
        out.target_bytes = std::uint64_t{1} << log2;
        if (log2 > out.log2_bytes) out.log2_bytes = static_cast<std::uint8_t>(log2);
    } else {
        out.target = v1::address(word);
        out.target_bytes = std::uint64_t{1} << (out.leaf ? out.log2_bytes : kPageBits);
        if (!out.leaf) out.next = host_purpose(next);
    }
    return true;
}

std::uint64_t Iommu::space_of(std::uint32_t context) const {
    return space_tag::host(static_cast<std::uint16_t>(context));
}

/// By the entry that is cached; a device whose entry is not, or that has guest tables, is followed by its walks alone.
std::optional<std::uint64_t> Iommu::space_of_stream(StreamId stream) const {
    const Dte* entry = dte_cache.peek(stream_tag(stream, std::nullopt));
    if (entry == nullptr || !entry->valid() || !entry->translation_valid() || entry->mode() == 0) {
        return ~std::uint64_t{0};
    }
    if (dte::GV.test(entry->words[0]) && registers.guest_translation()) return ~std::uint64_t{0};
    return space_of(entry->domain());
}

/// Whatever it says: the specification lets any entry be cached that was read.
bool Iommu::keeps_configuration(AccessPurpose purpose, const std::uint8_t* /*bytes*/) const {
    return purpose == Purpose::dte;
}

Invalidation Iommu::wanted_for_configuration(std::uint64_t stream) const {
    Invalidation wanted = TableWords::wanted_for_configuration(stream);
    wanted.code = static_cast<std::uint16_t>(Opcode::invalidate_devtab_entry);
    return wanted;
}

}  // namespace xlate::iommu::amd
