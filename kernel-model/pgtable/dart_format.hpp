// The tables below one TTBR of Apple's DART, as Linux's io-pgtable-dart writes them: two levels of one page each,
// leaves of one page size, the whole page accessible. 6.12 sets bit 1 in both kinds of words. Source:
// iommu/tables/layout_dart.hpp; docs/spec/linux-findings.md 7a, 8 and 12a.
#pragma once

#include "iommu/tables/layout_dart.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

class DartFormat final : public PgtableFormat {
public:
    /// `page_log2`: 12 or 14.
    DartFormat(iommu::dart_table::Words words, unsigned page_log2, unsigned oas);

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned level) const override;
    bool present(std::uint64_t word) const override { return iommu::dart_table::pte::VALID.test(word); }
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr table, unsigned level) const override;

private:
    iommu::dart_table::Words words_;
    unsigned page_log2_;
};

using DartPgtable = PgtableOf<DartFormat>;

}  // namespace xlate::kernel
