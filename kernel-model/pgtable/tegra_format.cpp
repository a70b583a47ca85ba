#include "kernel-model/pgtable/tegra_format.hpp"

namespace xlate::kernel {

namespace tegra = iommu::tegra;

namespace {

constexpr unsigned kDirectory = 0, kTable = 1;

PgtableFormat::Row make_row(unsigned address_bits) {
    PgtableFormat::Row row;
    row.descriptor_bytes = tegra::kWordBytes;
    row.first_level = kDirectory;
    row.last_level = kTable;
    row.ias = tegra::kInputBits;
    row.oas = address_bits;
    row.pgsize_bitmap = std::uint64_t{1} << tegra::kPageBits;
    row.root_alignment = tegra::kTableBytes;
    return row;
}

}  // namespace

TegraFormat::TegraFormat(unsigned address_bits) : PgtableFormat(make_row(address_bits)), address_bits_(address_bits) {}

unsigned TegraFormat::shift(unsigned level) const {
    return level == kDirectory ? tegra::kSectionBits : tegra::kPageBits;
}
std::uint64_t TegraFormat::entries(unsigned /*level*/) const { return tegra::kEntries; }
bool TegraFormat::is_leaf(std::uint64_t word, unsigned level) const {
    return level == kTable || !tegra::word::NEXT.test(word);
}
PhysAddr TegraFormat::leaf_address(std::uint64_t word, unsigned /*level*/) const {
    return PhysAddr{tegra::word::address(static_cast<std::uint32_t>(word), address_bits_)};
}
PhysAddr TegraFormat::table_address(std::uint64_t word) const {
    return PhysAddr{tegra::word::address(static_cast<std::uint32_t>(word), address_bits_)};
}

std::uint64_t TegraFormat::leaf(PhysAddr page, const PageProt& prot, unsigned /*level*/,
                                std::uint64_t /*pgsize*/) const {
    return (page.value >> tegra::kPageBits) | tegra::word::NONSECURE.of(1) |
           tegra::word::READABLE.of(prot.read ? 1 : 0) | tegra::word::WRITABLE.of(prot.write ? 1 : 0);
}
std::uint64_t TegraFormat::table(PhysAddr next, unsigned /*level*/) const {
    return (next.value >> tegra::kPageBits) | tegra::word::kAll | tegra::word::NEXT.of(1);
}
std::uint32_t TegraFormat::ptb_data(PhysAddr directory) {
    return static_cast<std::uint32_t>(directory.value >> tegra::kPageBits) | tegra::word::kAll;
}

}  // namespace xlate::kernel
