// The two-level tables of Verisilicon's IOMMU, as Linux's driver writes them: an unmapped leaf keeps its address and
// loses its valid bit, tables stay until their domain goes.
// Source: iommu/simple/layout_verisilicon.hpp; Linux drivers/iommu/vsi-iommu.c.
#pragma once

#include "iommu/simple/layout_verisilicon.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

class VerisiliconFormat final : public PgtableFormat {
public:
    VerisiliconFormat();

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned level) const override;
    bool present(std::uint64_t word) const override { return iommu::verisilicon::pte::VALID.test(word); }
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr table, unsigned level) const override;
    std::uint64_t cleared(std::uint64_t word) const override;
};

using VerisiliconPgtable = PgtableOf<VerisiliconFormat>;

}  // namespace xlate::kernel
