// The words of the Tegra SMMU's two-level tables, as Linux's driver writes them: non-secure, and a page's rights.
// Linux keeps these tables in its driver (drivers/tegra/tegra_smmu_as), not by io-pgtable.
// Source: iommu/tegra/layout.hpp; docs/spec/linux-findings.md 22.
#pragma once

#include "iommu/tegra/layout.hpp"
#include "kernel-model/pgtable/format.hpp"

namespace xlate::kernel {

class TegraFormat final : public PgtableFormat {
public:
    /// `address_bits`: of the memory controller, 32 or 34.
    explicit TegraFormat(unsigned address_bits);

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned level) const override;
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr next, unsigned level) const override;
    /// What PTB_DATA gets for a directory.
    static std::uint32_t ptb_data(PhysAddr directory);

private:
    unsigned address_bits_;
};

}  // namespace xlate::kernel
