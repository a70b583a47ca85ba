// What the words of its first-stage tables say, for the shadow of a sanitizer (iommu/shadow/table_words.hpp). Tables of
// a guest are found by addresses that are not the machine's: not followed.
#include "iommu/riscv/address_space.hpp"
#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/purpose.hpp"

namespace xlate::iommu::riscv {

namespace pte = riscv_table::pte;

bool Iommu::decode_in(std::uint64_t space, AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    const auto row = static_cast<unsigned>(purpose), first = static_cast<unsigned>(walk_purpose(1, 0));
    if (space_tag::GV.test(space) || row < first || row > static_cast<unsigned>(walk_purpose(1, 4))) return false;
    const unsigned above = row - first;
    out = {};
    out.granule = kPageBits;
    out.log2_bytes = static_cast<std::uint8_t>(riscv_table::shift(Mode::sv39, above));
    if (unusable(word, Mode::sv39)) return true;
    out.leaf = pte::R.test(word) || pte::X.test(word);
    if (!out.leaf && (above == 0 || unusable_table(word))) return true;
    out.present = true;
    out.target = riscv_table::table_address(word, Mode::sv39);
    out.target_bytes = std::uint64_t{1} << (out.leaf ? out.log2_bytes : kPageBits);
    out.global = out.leaf && pte::G.test(word);
    if (!out.leaf) out.next = walk_purpose(1, above - 1);
    return true;
}

std::uint64_t Iommu::space_of(std::uint32_t context) const { return space_tag::first_stage(false, 0, context, false); }

/// By the context that is cached; a device whose context is not, or that has processes, is followed by its walks alone.
std::optional<std::uint64_t> Iommu::space_of_stream(StreamId stream) const {
    const DeviceContext* context = ddt_cache.peek(stream_tag(stream, std::nullopt));
    if (context == nullptr || context->test(tc::PDTV) || context->nested()) return ~std::uint64_t{0};
    if (context->mode(dc::FSC) == atp::BARE) return ~std::uint64_t{0};
    return space_of(context->pscid());
}

}  // namespace xlate::iommu::riscv
