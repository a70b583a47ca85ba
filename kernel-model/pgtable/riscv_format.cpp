#include "kernel-model/pgtable/riscv_format.hpp"

namespace xlate::kernel {

namespace table = iommu::riscv_table;
namespace pte = iommu::riscv_table::pte;

namespace {

constexpr unsigned kPhysicalBits = 56;

PgtableFormat::Row make_row(table::Mode mode) {
    PgtableFormat::Row row;
    row.descriptor_bytes = table::word_bytes(mode);
    row.first_level = 0;
    row.last_level = table::levels(mode) - 1;
    row.ias = table::input_bits(mode) - 1;
    row.oas = kPhysicalBits;
    for (unsigned above = 0; above < table::levels(mode) && above < 4; ++above) {
        row.pgsize_bitmap |= std::uint64_t{1} << table::shift(mode, above);
    }
    row.pgsize_bitmap &= low_mask(row.ias);
    row.root_alignment = std::uint64_t{1} << table::kPageBits;
    return row;
}

}  // namespace

RiscvFormat::RiscvFormat(table::Mode mode, bool amo) : PgtableFormat(make_row(mode)), mode_(mode), amo_(amo) {}

unsigned RiscvFormat::shift(unsigned level) const { return table::shift(mode_, row_.last_level - level); }
std::uint64_t RiscvFormat::entries(unsigned /*level*/) const { return std::uint64_t{1} << table::index_bits(mode_); }
bool RiscvFormat::is_leaf(std::uint64_t word, unsigned /*level*/) const {
    return pte::R.test(word) || pte::W.test(word) || pte::X.test(word);
}
PhysAddr RiscvFormat::leaf_address(std::uint64_t word, unsigned /*level*/) const { return table_address(word); }
PhysAddr RiscvFormat::table_address(std::uint64_t word) const { return PhysAddr{table::table_address(word, mode_)}; }

std::uint64_t RiscvFormat::leaf(PhysAddr page, const PageProt& prot, unsigned /*level*/,
                                std::uint64_t /*pgsize*/) const {
    std::uint64_t word =
        pte::PPN.of(page.value >> table::kPageBits) | pte::V.of(1) | pte::A.of(1) | pte::U.of(1) | pte::R.of(1);
    if (prot.write) word |= pte::W.of(1) | (amo_ ? 0 : pte::D.of(1));
    return word;
}

std::uint64_t RiscvFormat::table(PhysAddr next, unsigned /*level*/) const {
    return pte::PPN.of(next.value >> table::kPageBits) | pte::V.of(1);
}

std::uint64_t RiscvFormat::part(std::uint64_t word, unsigned level, std::uint64_t offset,
                                unsigned /*part_level*/) const {
    return pte::PPN.set(word, (leaf_address(word, level).value + offset) >> table::kPageBits);
}

}  // namespace xlate::kernel
