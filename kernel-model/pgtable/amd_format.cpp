#include "kernel-model/pgtable/amd_format.hpp"

namespace xlate::kernel {

namespace table = iommu::amd_table;
namespace v1 = iommu::amd_table::v1;
namespace v2 = iommu::amd_table::v2;

namespace {

constexpr unsigned kDefaultLevels = 3;  // DEFAULT_PGTABLE_LEVEL
constexpr unsigned kInputBits = 63, kPhysicalBits = 52;
/// AMD_IOMMU_PGSIZES. 512 GiB is an erratum of the hardware; no single mapping here is as large as that.
constexpr unsigned kLargestPage = 38;

PgtableFormat::Row make_row() {
    PgtableFormat::Row row;
    row.descriptor_bytes = table::kWordBytes;
    row.first_level = table::kHostLevels - kDefaultLevels;
    row.last_level = table::kHostLevels - 1;
    row.ias = kInputBits;
    row.oas = kPhysicalBits;
    row.pgsize_bitmap = low_mask(kLargestPage + 1) & ~low_mask(table::kPageBits);
    row.root_alignment = std::uint64_t{1} << table::kPageBits;
    row.grows = true;
    return row;
}

constexpr std::uint64_t kFlags = v1::PR.mask() | v1::FC.mask();

constexpr unsigned kV2Levels = 4;

PgtableFormat::Row make_v2_row() {
    PgtableFormat::Row row;
    row.descriptor_bytes = table::kWordBytes;
    row.first_level = 0;
    row.last_level = kV2Levels - 1;
    row.ias = table::input_bits(kV2Levels) - 1;  // addresses are canonical
    row.oas = kPhysicalBits;
    for (unsigned level = 1; level < kV2Levels; ++level) row.pgsize_bitmap |= std::uint64_t{1} << table::shift(level);
    row.root_alignment = std::uint64_t{1} << table::kPageBits;
    return row;
}

}  // namespace

AmdV1Format::AmdV1Format() : PgtableFormat(make_row()) {}

unsigned AmdV1Format::shift(unsigned level) const { return table::shift(hardware_level(level)); }
std::uint64_t AmdV1Format::entries(unsigned /*level*/) const { return std::uint64_t{1} << table::kIndexBits; }

bool AmdV1Format::is_leaf(std::uint64_t word, unsigned /*level*/) const {
    const std::uint64_t next = v1::NEXT_LEVEL.get(word);
    return next == v1::kLeaf || next == v1::kSizedLeaf;
}

std::uint64_t AmdV1Format::leaf_bytes(std::uint64_t word, unsigned level) const {
    const bool sized = v1::NEXT_LEVEL.get(word) == v1::kSizedLeaf;
    return std::uint64_t{1} << (sized ? v1::sized_log2(word) : shift(level));
}

PhysAddr AmdV1Format::leaf_address(std::uint64_t word, unsigned level) const {
    return PhysAddr{v1::address(word) & ~(leaf_bytes(word, level) - 1)};
}
PhysAddr AmdV1Format::table_address(std::uint64_t word) const { return PhysAddr{v1::address(word)}; }

std::uint64_t AmdV1Format::leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const {
    std::uint64_t word = kFlags | v1::IR.of(prot.read ? 1 : 0) | v1::IW.of(prot.write ? 1 : 0);
    if (pgsize == std::uint64_t{1} << shift(level)) return word | page.value;
    return word | v1::NEXT_LEVEL.of(v1::kSizedLeaf) | v1::sized_address(page.value, log2_floor(pgsize));
}

std::uint64_t AmdV1Format::table(PhysAddr next, unsigned level) const {
    return v1::PR.of(1) | v1::IR.of(1) | v1::IW.of(1) | v1::NEXT_LEVEL.of(hardware_level(level) - 1) | next.value;
}

std::uint64_t AmdV1Format::part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const {
    PageProt prot;
    prot.read = v1::IR.test(word);
    prot.write = v1::IW.test(word);
    return leaf(leaf_address(word, level) + offset, prot, part_level, std::uint64_t{1} << shift(part_level));
}

AmdV2Format::AmdV2Format() : PgtableFormat(make_v2_row()) {}

PhysAddr AmdV2Format::leaf_address(std::uint64_t word, unsigned level) const {
    return PhysAddr{v2::address(word) & ~low_mask(shift(level))};
}
std::uint64_t AmdV2Format::leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t /*pgsize*/) const {
    return page.value | v2::P.of(1) | v2::US.of(1) | v2::A.of(1) | v2::D.of(1) | v2::RW.of(prot.write ? 1 : 0) |
           v2::PS.of(level != row_.last_level ? 1 : 0);
}
std::uint64_t AmdV2Format::table(PhysAddr next, unsigned /*level*/) const {
    return next.value | v2::P.of(1) | v2::RW.of(1) | v2::US.of(1);
}
std::uint64_t AmdV2Format::part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const {
    PageProt prot;
    prot.write = v2::RW.test(word);
    return leaf(leaf_address(word, level) + offset, prot, part_level, std::uint64_t{1} << shift(part_level));
}

}  // namespace xlate::kernel
