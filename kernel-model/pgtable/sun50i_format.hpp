// The two-level tables of Allwinner's IOMMU, as Linux's driver writes them: a page's rights are a domain's number.
// Source: iommu/simple/layout_sun50i.hpp; Linux drivers/iommu/sun50i-iommu.c.
#pragma once

#include "iommu/simple/layout_sun50i.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

/// Domains of DM_AUT as Linux uses them.
enum class Sun50iAci : std::uint8_t { none = 1, read = 2, write = 3, read_write = 4 };

class Sun50iFormat final : public PgtableFormat {
public:
    Sun50iFormat();

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned level) const override;
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr next, unsigned level) const override;
};

using Sun50iPgtable = PgtableOf<Sun50iFormat>;

}  // namespace xlate::kernel
