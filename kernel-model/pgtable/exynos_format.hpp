// The two-level tables of the Exynos SysMMU, as Linux's driver writes them: sections, large pages as sixteen equal
// words, small pages; every unused word of the first level is a link to one second-level table of zeros that all
// domains share. Source: iommu/exynos/layout.hpp; docs/spec/linux-findings.md 33; Linux drivers/iommu/exynos-iommu.c.
#pragma once

#include "iommu/exynos/layout.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

class ExynosFormat final : public PgtableFormat {
public:
    /// `zero_table`: of the zeros. 0: unused words are 0.
    explicit ExynosFormat(iommu::exynos::Words words, std::uint64_t zero_table = 0);

    std::uint32_t pt_base(std::uint64_t root) const { return iommu::exynos::pt_base(root, words_); }

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned level) const override;
    bool present(std::uint64_t word) const override { return word != 0 && word != zero_link_; }
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    std::uint64_t leaf_bytes(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr next, unsigned level) const override;
    std::uint64_t cleared_at(std::uint64_t word, unsigned level) const override;
    std::uint64_t unused(unsigned level) const override;

private:
    static iommu::exynos::Kind kind_of(std::uint64_t word, unsigned level);
    iommu::exynos::Words words_;
    std::uint64_t zero_link_ = 0;
};

using ExynosPgtable = PgtableOf<ExynosFormat>;

}  // namespace xlate::kernel
