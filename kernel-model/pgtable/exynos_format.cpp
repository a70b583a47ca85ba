#include "kernel-model/pgtable/exynos_format.hpp"

namespace xlate::kernel {

namespace ex = iommu::exynos;
using ex::Kind;

namespace {

constexpr unsigned kSections = 0, kPages = 1;

PgtableFormat::Row make_row(ex::Words words) {
    PgtableFormat::Row row;
    row.descriptor_bytes = ex::kWordBytes;
    row.first_level = kSections;
    row.last_level = kPages;
    row.ias = ex::kInputBits;
    row.oas = ex::output_bits(words);
    row.pgsize_bitmap = std::uint64_t{1} << ex::kSectionBits | std::uint64_t{1} << ex::kLargePageBits |
                        std::uint64_t{1} << ex::kPageBits;
    row.root_alignment = ex::kRootBytes;
    row.already_mapped = -kEADDRINUSE;
    return row;
}

Kind kind_for(unsigned level, std::uint64_t pgsize) {
    if (level == kSections) return Kind::section;
    return pgsize == std::uint64_t{1} << ex::kPageBits ? Kind::small_page : Kind::large_page;
}

}  // namespace

ExynosFormat::ExynosFormat(ex::Words words, std::uint64_t zero_table) : PgtableFormat(make_row(words)), words_(words) {
    if (zero_table != 0) zero_link_ = table(PhysAddr{zero_table}, kSections);
}

Kind ExynosFormat::kind_of(std::uint64_t word, unsigned level) {
    const auto bits = static_cast<std::uint32_t>(word);
    return level == kSections ? ex::section_kind(bits) : ex::page_kind(bits);
}

unsigned ExynosFormat::shift(unsigned level) const { return level == kSections ? ex::kSectionBits : ex::kPageBits; }
std::uint64_t ExynosFormat::entries(unsigned level) const {
    return level == kSections ? ex::kSectionEntries : ex::kTableEntries;
}
bool ExynosFormat::is_leaf(std::uint64_t word, unsigned level) const { return kind_of(word, level) != Kind::table; }
std::uint64_t ExynosFormat::leaf_bytes(std::uint64_t word, unsigned level) const {
    return std::uint64_t{1} << ex::log2_bytes(kind_of(word, level));
}
PhysAddr ExynosFormat::leaf_address(std::uint64_t word, unsigned level) const {
    return PhysAddr{ex::address(static_cast<std::uint32_t>(word), kind_of(word, level), words_)};
}
PhysAddr ExynosFormat::table_address(std::uint64_t word) const {
    return PhysAddr{ex::address(static_cast<std::uint32_t>(word), Kind::table, words_)};
}

std::uint64_t ExynosFormat::leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const {
    const Kind kind = kind_for(level, pgsize);
    return ex::address_field(page.value, words_) | ex::rights_field(prot.read, prot.write, kind, words_) |
           ex::type_bits(kind);
}
std::uint64_t ExynosFormat::table(PhysAddr next, unsigned /*level*/) const {
    return ex::address_field(next.value, words_) | ex::type_bits(Kind::table);
}

std::uint64_t ExynosFormat::cleared_at(std::uint64_t /*word*/, unsigned level) const { return unused(level); }
std::uint64_t ExynosFormat::unused(unsigned level) const { return level == kSections ? zero_link_ : 0; }

}  // namespace xlate::kernel
