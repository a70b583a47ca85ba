#include "kernel-model/pgtable/dart_format.hpp"

namespace xlate::kernel {

namespace table = iommu::dart_table;
namespace pte = iommu::dart_table::pte;

namespace {

constexpr unsigned kL1 = 0, kL2 = 1;

PgtableFormat::Row make_row(unsigned page_log2, unsigned oas) {
    PgtableFormat::Row row;
    row.descriptor_bytes = table::kWordBytes;
    row.first_level = kL1;
    row.last_level = kL2;
    row.ias = table::shift(page_log2, 2);
    row.oas = oas;
    row.pgsize_bitmap = std::uint64_t{1} << page_log2;
    row.root_alignment = std::uint64_t{1} << page_log2;
    return row;
}

}  // namespace

DartFormat::DartFormat(table::Words words, unsigned page_log2, unsigned oas)
    : PgtableFormat(make_row(page_log2, oas)), words_(words), page_log2_(page_log2) {}

unsigned DartFormat::shift(unsigned level) const { return table::shift(page_log2_, level == kL1 ? 1 : 0); }
std::uint64_t DartFormat::entries(unsigned /*level*/) const {
    return std::uint64_t{1} << table::index_bits(page_log2_);
}
bool DartFormat::is_leaf(std::uint64_t /*word*/, unsigned level) const { return level == kL2; }
PhysAddr DartFormat::leaf_address(std::uint64_t word, unsigned /*level*/) const { return table_address(word); }
PhysAddr DartFormat::table_address(std::uint64_t word) const { return PhysAddr{table::address(word, words_)}; }

std::uint64_t DartFormat::leaf(PhysAddr page, const PageProt& prot, unsigned /*level*/,
                               std::uint64_t /*pgsize*/) const {
    const bool dart1 = words_ == table::Words::dart1;
    std::uint64_t word = table::address_field(page.value, words_) | pte::VALID.of(1) | pte::SP_DIS.of(1) |
                         pte::SUBPAGE_START.of(0) | pte::SUBPAGE_END.of(0xFFF);
    if (!prot.read) word |= (dart1 ? pte::DART1_NO_READ : pte::DART2_NO_READ).of(1);
    if (!prot.write) word |= (dart1 ? pte::DART1_NO_WRITE : pte::DART2_NO_WRITE).of(1);
    return word;
}

std::uint64_t DartFormat::table(PhysAddr next, unsigned /*level*/) const {
    return table::address_field(next.value, words_) | pte::VALID.of(1);
}

}  // namespace xlate::kernel
