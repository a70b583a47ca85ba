// AMD-Vi's tables as Linux's driver writes them. v1: three levels to begin with, one more on top when an address asks
// for it, pages of any power of two from 4 KiB up (larger than an entry's: equal words beside each other, with the size
// in their addresses). Levels count 0 (six levels) to 5 (the leaves'). The upper half of the input has no use here.
// Source: iommu/tables/layout_amd.hpp; Linux drivers/iommu/amd/io_pgtable.c (6.1), alloc_pte() and
// iommu_v1_map_pages().
#pragma once

#include "iommu/tables/layout_amd.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

class AmdV1Format final : public PgtableFormat {
public:
    AmdV1Format();

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned level) const override;
    bool present(std::uint64_t word) const override { return iommu::amd_table::v1::PR.test(word); }
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    std::uint64_t leaf_bytes(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr table, unsigned level) const override;
    std::uint64_t part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const override;

    /// As the device table counts them: 6 - level.
    static unsigned hardware_level(unsigned level) { return iommu::amd_table::kHostLevels - level; }
};

using AmdV1Pgtable = PgtableOf<AmdV1Format>;

/// v2 tables, as Linux writes them (drivers/iommu/amd/io_pgtable_v2.c): those of x86-64 with four levels, A and D set
/// beforehand; pages of 4 KiB, 2 MiB and 1 GiB. Levels count 0 (the root's) to 3. Of the input the lower half alone.
class AmdV2Format final : public PgtableFormat {
public:
    AmdV2Format();

    unsigned shift(unsigned level) const override { return iommu::amd_table::shift(row_.last_level + 1 - level); }
    std::uint64_t entries(unsigned /*level*/) const override {
        return std::uint64_t{1} << iommu::amd_table::kIndexBits;
    }
    bool present(std::uint64_t word) const override { return iommu::amd_table::v2::P.test(word); }
    bool is_leaf(std::uint64_t word, unsigned level) const override {
        return level == row_.last_level || iommu::amd_table::v2::PS.test(word);
    }
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override { return PhysAddr{iommu::amd_table::v2::address(word)}; }
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr table, unsigned level) const override;
    std::uint64_t part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const override;
};

using AmdV2Pgtable = PgtableOf<AmdV2Format>;

}  // namespace xlate::kernel
