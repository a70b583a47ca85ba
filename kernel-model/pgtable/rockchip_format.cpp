#include "kernel-model/pgtable/rockchip_format.hpp"

namespace xlate::kernel {

namespace rk = iommu::rockchip;

namespace {

constexpr unsigned kDirectory = 0, kTable = 1;

PgtableFormat::Row make_row(rk::Version version) {
    PgtableFormat::Row row;
    row.descriptor_bytes = rk::kWordBytes;
    row.first_level = kDirectory;
    row.last_level = kTable;
    row.ias = rk::kInputBits;
    row.oas = rk::output_bits(version);
    row.pgsize_bitmap = std::uint64_t{1} << rk::kPageBits;
    row.root_alignment = rk::kTableBytes;
    row.already_mapped = -kEADDRINUSE;
    return row;
}

}  // namespace

RockchipFormat::RockchipFormat(rk::Version version) : PgtableFormat(make_row(version)), version_(version) {}

unsigned RockchipFormat::shift(unsigned level) const {
    return level == kDirectory ? rk::kDirectoryShift : rk::kPageBits;
}
std::uint64_t RockchipFormat::entries(unsigned /*level*/) const { return rk::kEntries; }
bool RockchipFormat::is_leaf(std::uint64_t /*word*/, unsigned level) const { return level == kTable; }

PhysAddr RockchipFormat::leaf_address(std::uint64_t word, unsigned /*level*/) const { return table_address(word); }
PhysAddr RockchipFormat::table_address(std::uint64_t word) const {
    return PhysAddr{rk::address(static_cast<std::uint32_t>(word), version_)};
}

std::uint64_t RockchipFormat::leaf(PhysAddr page, const PageProt& prot, unsigned /*level*/,
                                   std::uint64_t /*pgsize*/) const {
    std::uint64_t word = rk::address_field(page.value, version_) | rk::pte::VALID.of(1);
    if (prot.read) word |= rk::pte::READABLE.of(1);
    if (prot.write) word |= rk::pte::WRITABLE.of(1);
    return word;
}

std::uint64_t RockchipFormat::table(PhysAddr table, unsigned /*level*/) const {
    return rk::address_field(table.value, version_) | rk::dte::VALID.of(1);
}

std::uint64_t RockchipFormat::cleared(std::uint64_t word) const { return rk::pte::VALID.set(word, 0); }

}  // namespace xlate::kernel
