// VMSAv8-64 stage 2 as Linux writes it for an IOMMU; with 32-bit sizes also VMSAv7 long descriptors, whose bits are the
// same. A short top level is replaced by several tables of the next one, side by side.
// Source: docs/spec/iommu-hardware.md sections 1.10 and 2, linux-findings.md 26; Linux drivers/iommu/io-pgtable-arm.c.
#pragma once

#include <cstdint>

#include "kernel-model/pgtable/format.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"
#include "kernel-model/pgtable/vmsav8_stage1.hpp"

namespace xlate::kernel {

class Vmsav8Stage2 final : public PgtableFormat {
public:
    explicit Vmsav8Stage2(const IoPgtableConfig& config);

    /// What the context's registers (VTCR, VTTBR, or an STE's fields of these names) say about these tables.
    struct Registers {
        std::uint64_t vttbr = 0;
        unsigned t0sz = 0;
        std::uint64_t sl0 = 0;
        std::uint64_t tg0 = 0;
        std::uint64_t ps = 0;
        std::uint64_t sh0 = 0;
        std::uint64_t ir0 = 0;
        std::uint64_t or0 = 0;
    };
    Registers registers(std::uint64_t root) const;

    unsigned shift(unsigned level) const override { return iommu::smmuv3::level_shift(granule_, level); }
    std::uint64_t entries(unsigned level) const override;
    bool is_leaf(std::uint64_t word, unsigned level) const override;
    PhysAddr leaf_address(std::uint64_t word, unsigned level) const override;
    PhysAddr table_address(std::uint64_t word) const override;
    std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const override;
    std::uint64_t table(PhysAddr table, unsigned level) const override;
    std::uint64_t part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const override;

private:
    bool wide() const { return granule_ == iommu::smmuv3::Granule::k64; }
    std::uint64_t address_field(std::uint64_t address) const;
    bool coherent_walk_;
    iommu::smmuv3::Granule granule_ = iommu::smmuv3::Granule::k4;
};

}  // namespace xlate::kernel
