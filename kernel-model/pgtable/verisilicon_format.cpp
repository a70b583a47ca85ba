#include "kernel-model/pgtable/verisilicon_format.hpp"

namespace xlate::kernel {

namespace vsi = iommu::verisilicon;

namespace {

constexpr unsigned kDirectory = 0, kTable = 1;

// Linux answers a mapped page with -4096 or a positive number, by where it met it; -EEXIST stands for both.
PgtableFormat::Row make_row() {
    PgtableFormat::Row row;
    row.descriptor_bytes = vsi::kWordBytes;
    row.first_level = kDirectory;
    row.last_level = kTable;
    row.ias = vsi::kInputBits;
    row.oas = vsi::kOutputBits;
    row.pgsize_bitmap = std::uint64_t{1} << vsi::kPageBits;
    row.root_alignment = vsi::kTableBytes;
    return row;
}

}  // namespace

VerisiliconFormat::VerisiliconFormat() : PgtableFormat(make_row()) {}

unsigned VerisiliconFormat::shift(unsigned level) const {
    return level == kDirectory ? vsi::kDirectoryShift : vsi::kPageBits;
}
std::uint64_t VerisiliconFormat::entries(unsigned /*level*/) const { return vsi::kEntries; }
bool VerisiliconFormat::is_leaf(std::uint64_t /*word*/, unsigned level) const { return level == kTable; }
PhysAddr VerisiliconFormat::leaf_address(std::uint64_t word, unsigned /*level*/) const {
    return PhysAddr{vsi::pte::page(static_cast<std::uint32_t>(word))};
}
PhysAddr VerisiliconFormat::table_address(std::uint64_t word) const {
    return PhysAddr{vsi::dte::table(static_cast<std::uint32_t>(word))};
}
std::uint64_t VerisiliconFormat::leaf(PhysAddr page, const PageProt& prot, unsigned /*level*/,
                                      std::uint64_t /*pgsize*/) const {
    return vsi::pte::page_field(page.value) | vsi::pte::VALID.of(1) | vsi::pte::WRITABLE.of(prot.write ? 1 : 0);
}
std::uint64_t VerisiliconFormat::table(PhysAddr table, unsigned /*level*/) const {
    return vsi::dte::table(static_cast<std::uint32_t>(table.value)) | vsi::dte::VALID.of(1);
}
std::uint64_t VerisiliconFormat::cleared(std::uint64_t word) const { return vsi::pte::VALID.set(word, 0); }

}  // namespace xlate::kernel
