// Tables of MediaTek's M4U as Linux writes them: ARM_V7S with the quirks NS, NO_PERMS and ARM_MTK_EXT (and, where table
// words have high bits too, MTK_TTBR_EXT). Supersections and large pages are sixteen equal words.
// Source: iommu/mediatek/layout.hpp; docs/spec/linux-findings.md 41, second part 35.
#pragma once

#include "iommu/mediatek/layout.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

class MediatekFormat final : public PgtableFormat {
public:
    MediatekFormat(unsigned input_bits, unsigned output_bits, bool table_high_bits);

    unsigned shift(unsigned level) const override;
    std::uint64_t entries(unsigned level) const override;
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    std::uint64_t leaf_bytes(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr table, unsigned level) const override;
    std::uint64_t part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const override;

private:
    bool table_high_bits_;
};

using MediatekPgtable = PgtableOf<MediatekFormat>;

}  // namespace xlate::kernel
