#include "kernel-model/pgtable/vtd_format.hpp"

#include <algorithm>

namespace xlate::kernel {

namespace vt = iommu::vtd_table;

namespace {

constexpr unsigned kPhysicalBits = 52;

/// Levels count from the root, 0, down; VT-d's from the leaves, 1, up.
PgtableFormat::Row make_row(unsigned levels, unsigned input_bits, unsigned leaf_levels) {
    PgtableFormat::Row row;
    row.descriptor_bytes = vt::kWordBytes;
    row.first_level = 0;
    row.last_level = levels - 1;
    row.ias = input_bits;
    row.oas = kPhysicalBits;
    for (unsigned level = 1; level <= leaf_levels && level < levels; ++level) {
        row.pgsize_bitmap |= std::uint64_t{1} << vt::shift(level);
    }
    row.root_alignment = std::uint64_t{1} << vt::kPageBits;
    return row;
}

/// A large leaf's parts are small ones, the last of them without PS.
std::uint64_t part_of(std::uint64_t word, std::uint64_t address, bool smallest) {
    const std::uint64_t bits = word & ~vt::address(~std::uint64_t{0});
    return (smallest ? vt::second::PS.set(bits, 0) : bits) | address;
}

}  // namespace

VtdSecondFormat::VtdSecondFormat(unsigned levels, unsigned address_bits, unsigned leaf_levels)
    : PgtableFormat(make_row(levels, std::min(address_bits, vt::input_bits(levels)), leaf_levels)) {}

unsigned VtdSecondFormat::shift(unsigned level) const { return vt::shift(row_.last_level + 1 - level); }
std::uint64_t VtdSecondFormat::entries(unsigned /*level*/) const { return std::uint64_t{1} << vt::kIndexBits; }
bool VtdSecondFormat::present(std::uint64_t word) const { return vt::second::R.test(word) || vt::second::W.test(word); }
bool VtdSecondFormat::is_leaf(std::uint64_t word, unsigned level) const {
    return level == row_.last_level || vt::second::PS.test(word);
}
PhysAddr VtdSecondFormat::leaf_address(std::uint64_t word, unsigned /*level*/) const { return table_address(word); }
PhysAddr VtdSecondFormat::table_address(std::uint64_t word) const { return PhysAddr{vt::address(word)}; }
std::uint64_t VtdSecondFormat::leaf(PhysAddr page, const PageProt& prot, unsigned level,
                                    std::uint64_t /*pgsize*/) const {
    return page.value | vt::second::R.of(prot.read ? 1 : 0) | vt::second::W.of(prot.write ? 1 : 0) |
           vt::second::PS.of(level != row_.last_level ? 1 : 0);
}
std::uint64_t VtdSecondFormat::table(PhysAddr next, unsigned /*level*/) const {
    return next.value | vt::second::R.of(1) | vt::second::W.of(1);
}
std::uint64_t VtdSecondFormat::part(std::uint64_t word, unsigned level, std::uint64_t offset,
                                    unsigned part_level) const {
    return part_of(word, leaf_address(word, level).value + offset, part_level == row_.last_level);
}

// Bus addresses are of the lower half: those of the upper would have to be sign-extended.
VtdFirstFormat::VtdFirstFormat(unsigned levels, bool gigabytes)
    : PgtableFormat(make_row(levels, vt::input_bits(levels) - 1, gigabytes ? 3 : 2)) {}

unsigned VtdFirstFormat::shift(unsigned level) const { return vt::shift(row_.last_level + 1 - level); }
std::uint64_t VtdFirstFormat::entries(unsigned /*level*/) const { return std::uint64_t{1} << vt::kIndexBits; }
bool VtdFirstFormat::present(std::uint64_t word) const { return vt::first::P.test(word); }
bool VtdFirstFormat::is_leaf(std::uint64_t word, unsigned level) const {
    return level == row_.last_level || vt::first::PS.test(word);
}
PhysAddr VtdFirstFormat::leaf_address(std::uint64_t word, unsigned /*level*/) const { return table_address(word); }
PhysAddr VtdFirstFormat::table_address(std::uint64_t word) const { return PhysAddr{vt::address(word)}; }
std::uint64_t VtdFirstFormat::leaf(PhysAddr page, const PageProt& prot, unsigned level,
                                   std::uint64_t /*pgsize*/) const {
    return page.value | vt::first::P.of(1) | vt::first::US.of(1) | vt::first::RW.of(prot.write ? 1 : 0) |
           vt::first::A.of(1) | vt::first::D.of(prot.write ? 1 : 0) |
           vt::first::PS.of(level != row_.last_level ? 1 : 0);
}
std::uint64_t VtdFirstFormat::table(PhysAddr next, unsigned /*level*/) const {
    return next.value | vt::first::P.of(1) | vt::first::RW.of(1) | vt::first::US.of(1) | vt::first::A.of(1);
}
std::uint64_t VtdFirstFormat::part(std::uint64_t word, unsigned level, std::uint64_t offset,
                                   unsigned part_level) const {
    return part_of(word, leaf_address(word, level).value + offset, part_level == row_.last_level);
}

}  // namespace xlate::kernel
