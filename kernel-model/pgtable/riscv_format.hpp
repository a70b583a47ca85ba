// Sv39, Sv48 and Sv57 as Linux's RISC-V IOMMU driver writes them: pages of 4 KiB to 512 GiB, user pages with A set; D
// is left to the hardware if it sets it. Only the lower half of the input: what is above would have to be
// sign-extended. Source: iommu/tables/layout_riscv.hpp; Linux drivers/iommu/riscv/iommu.c (6.13),
// riscv_iommu_map_pages().
#pragma once

#include "iommu/tables/layout_riscv.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

class RiscvFormat final : public PgtableFormat {
public:
    /// `mode`: sv39, sv48 or sv57. `amo`: the hardware sets D.
    RiscvFormat(iommu::riscv_table::Mode mode, bool amo);

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned /*level*/) const override;
    bool present(std::uint64_t word) const override { return iommu::riscv_table::pte::V.test(word); }
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr table, unsigned level) const override;
    std::uint64_t part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const override;

private:
    iommu::riscv_table::Mode mode_;
    bool amo_;
};

using RiscvPgtable = PgtableOf<RiscvFormat>;

}  // namespace xlate::kernel
