#include "kernel-model/pgtable/sun50i_format.hpp"

namespace xlate::kernel {

namespace sun = iommu::sun50i;

namespace {

constexpr unsigned kDirectory = 0, kTable = 1;

PgtableFormat::Row make_row() {
    PgtableFormat::Row row;
    row.descriptor_bytes = sun::kWordBytes;
    row.first_level = kDirectory;
    row.last_level = kTable;
    row.ias = sun::kInputBits;
    row.oas = 32;
    row.pgsize_bitmap = std::uint64_t{1} << sun::kPageBits;
    row.root_alignment = sun::kDirectoryEntries * sun::kWordBytes;
    row.already_mapped = -kEBUSY;
    return row;
}

}  // namespace

Sun50iFormat::Sun50iFormat() : PgtableFormat(make_row()) {}

unsigned Sun50iFormat::shift(unsigned level) const {
    return level == kDirectory ? sun::kDirectoryShift : sun::kPageBits;
}
std::uint64_t Sun50iFormat::entries(unsigned level) const {
    return level == kDirectory ? sun::kDirectoryEntries : sun::kTableEntries;
}
bool Sun50iFormat::is_leaf(std::uint64_t /*word*/, unsigned level) const { return level == kTable; }
PhysAddr Sun50iFormat::leaf_address(std::uint64_t word, unsigned /*level*/) const {
    return PhysAddr{sun::pte::page(static_cast<std::uint32_t>(word))};
}
PhysAddr Sun50iFormat::table_address(std::uint64_t word) const {
    return PhysAddr{sun::dte::table(static_cast<std::uint32_t>(word))};
}

std::uint64_t Sun50iFormat::leaf(PhysAddr page, const PageProt& prot, unsigned /*level*/,
                                 std::uint64_t /*pgsize*/) const {
    Sun50iAci aci = Sun50iAci::none;
    if (prot.read && prot.write) aci = Sun50iAci::read_write;
    if (prot.read && !prot.write) aci = Sun50iAci::read;
    if (!prot.read && prot.write) aci = Sun50iAci::write;
    return keep(page.value, 31, sun::kPageBits) | sun::pte::VALID.of(1) |
           sun::pte::ACI.of(static_cast<std::uint64_t>(aci));
}
std::uint64_t Sun50iFormat::table(PhysAddr next, unsigned /*level*/) const {
    return keep(next.value, 31, 10) | sun::dte::TYPE.of(sun::dte::TYPE_TABLE);
}

}  // namespace xlate::kernel
