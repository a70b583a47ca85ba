#include "kernel-model/pgtable/mediatek_format.hpp"

#include "base/bits.hpp"
#include "iommu/tables/layout_vmsa7_short.hpp"

namespace xlate::kernel {

namespace mtk = iommu::mediatek;
namespace l1 = iommu::vmsa7_short::l1;
namespace l2 = iommu::vmsa7_short::l2;

namespace {

constexpr unsigned kFirst = 1, kLast = 2;
constexpr std::uint64_t kSizes =
    1ull << mtk::kPageBits | 1ull << mtk::kLargeBits | 1ull << mtk::kSectionBits | 1ull << mtk::kSupersectionBits;

bool is_large(std::uint64_t word) { return l2::TYPE.get(word) == l2::TYPE_LARGE; }

}  // namespace

MediatekFormat::MediatekFormat(unsigned input_bits, unsigned output_bits, bool table_high_bits)
    : PgtableFormat({}), table_high_bits_(table_high_bits) {
    row_.descriptor_bytes = mtk::kWordBytes;
    row_.first_level = kFirst;
    row_.last_level = kLast;
    row_.ias = input_bits;
    row_.oas = output_bits;
    row_.pgsize_bitmap = kSizes;
    row_.root_alignment = std::uint64_t{mtk::l1_entries(input_bits)} * mtk::kWordBytes;
}

unsigned MediatekFormat::shift(unsigned level) const { return level == kFirst ? mtk::kSectionBits : mtk::kPageBits; }
std::uint64_t MediatekFormat::entries(unsigned level) const {
    return level == kFirst ? mtk::l1_entries(row_.ias) : mtk::kTableEntries;
}
bool MediatekFormat::is_leaf(std::uint64_t word, unsigned level) const {
    return level == kLast || l1::TYPE.get(word) != l1::TYPE_TABLE;
}
std::uint64_t MediatekFormat::leaf_bytes(std::uint64_t word, unsigned level) const {
    const bool group = level == kFirst ? l1::SUPER.test(word) : is_large(word);
    return std::uint64_t{group ? 16u : 1u} << shift(level);
}
PhysAddr MediatekFormat::leaf_address(std::uint64_t word, unsigned level) const {
    const std::uint64_t low = word & ~(leaf_bytes(word, level) - 1) & low_mask(32);
    return PhysAddr{low | mtk::high_bits(static_cast<std::uint32_t>(word))};
}
PhysAddr MediatekFormat::table_address(std::uint64_t word) const {
    return PhysAddr{l1::table_address(word) |
                    (table_high_bits_ ? mtk::high_bits(static_cast<std::uint32_t>(word)) : 0)};
}

std::uint64_t MediatekFormat::leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const {
    const std::uint64_t tex = prot.device_memory ? 0 : 1;
    const std::uint64_t bufferable = prot.device_memory || prot.cacheable ? 1 : 0;
    const std::uint64_t cacheable = !prot.device_memory && prot.cacheable ? 1 : 0;
    std::uint64_t word = (page.value & low_mask(32)) | mtk::high_bits_word(page.value);
    if (level == kFirst) {
        word |= l1::TYPE.of(l1::TYPE_SECTION) | l1::B.of(bufferable) | l1::C.of(cacheable) | l1::TEX.of(tex) |
                l1::S.of(1) | l1::nG.of(1) | l1::NS.of(1);
        return pgsize > std::uint64_t{1} << mtk::kSectionBits ? word | l1::SUPER.of(1) : word;
    }
    word |= l2::B.of(bufferable) | l2::C.of(cacheable) | l2::S.of(1) | l2::nG.of(1);
    if (pgsize > std::uint64_t{1} << mtk::kPageBits) return word | l2::TYPE.of(l2::TYPE_LARGE) | l2::LARGE_TEX.of(tex);
    return word | l2::TYPE.of(l2::TYPE_SMALL) | l2::SMALL_TEX.of(tex);
}

std::uint64_t MediatekFormat::table(PhysAddr table, unsigned /*level*/) const {
    return (table.value & low_mask(32)) | (table_high_bits_ ? mtk::high_bits_word(table.value) : 0) |
           l1::TYPE.of(l1::TYPE_TABLE) | l1::TABLE_NS.of(1);
}

std::uint64_t MediatekFormat::part(std::uint64_t word, unsigned level, std::uint64_t offset,
                                   unsigned part_level) const {
    PageProt prot;
    const std::uint64_t tex = level == kFirst  ? l1::TEX.get(word)
                              : is_large(word) ? l2::LARGE_TEX.get(word)
                                               : l2::SMALL_TEX.get(word);
    prot.device_memory = tex == 0;
    prot.cacheable = level == kFirst ? l1::C.test(word) : l2::C.test(word);
    const PhysAddr page{leaf_address(word, level).value + offset};
    return leaf(page, prot, part_level, std::uint64_t{1} << shift(part_level));
}

}  // namespace xlate::kernel
