// Second-level tables of VT-d as Linux's driver writes them: pages of 4 KiB, 2 MiB, 1 GiB; three to five levels.
// Source: iommu/tables/layout_vtd.hpp; Linux drivers/iommu/intel/iommu.c (6.1 to 6.12), __domain_mapping().
#pragma once

#include "iommu/tables/layout_vtd.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

class VtdSecondFormat final : public PgtableFormat {
public:
    /// `leaf_levels`: 1: 4 KiB alone; 2: 2 MiB too; 3: 1 GiB too.
    VtdSecondFormat(unsigned levels, unsigned address_bits, unsigned leaf_levels);

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned /*level*/) const override;
    bool present(std::uint64_t word) const override;
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr table, unsigned level) const override;
    std::uint64_t part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const override;
};

/// First-level tables (scalable mode): those of x86-64, A and D set beforehand.
class VtdFirstFormat final : public PgtableFormat {
public:
    VtdFirstFormat(unsigned levels, bool gigabytes);

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned /*level*/) const override;
    bool present(std::uint64_t word) const override;
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr table, unsigned level) const override;
    std::uint64_t part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const override;
};

}  // namespace xlate::kernel
