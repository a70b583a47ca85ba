// The two-level tables of the Rockchip IOMMU, both versions, as Linux's driver writes them: leaves are valid with their
// rights, an unmapped one keeps its address and loses its valid bit, tables stay until their domain goes.
// Source: iommu/simple/layout_rockchip.hpp; Linux drivers/iommu/rockchip-iommu.c.
#pragma once

#include "iommu/simple/layout_rockchip.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

class RockchipFormat final : public PgtableFormat {
public:
    explicit RockchipFormat(iommu::rockchip::Version version);

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned level) const override;
    bool present(std::uint64_t word) const override { return iommu::rockchip::pte::VALID.test(word); }
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr table, unsigned level) const override;
    std::uint64_t cleared(std::uint64_t word) const override;

    /// The value of DTE_ADDR for a directory at `root`.
    std::uint32_t dte_addr(std::uint64_t root) const { return static_cast<std::uint32_t>(table(PhysAddr{root}, 0)); }

private:
    iommu::rockchip::Version version_;
};

using RockchipPgtable = PgtableOf<RockchipFormat>;

}  // namespace xlate::kernel
