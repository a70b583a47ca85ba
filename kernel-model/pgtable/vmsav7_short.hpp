// VMSAv7 short descriptors as Linux writes them for an IOMMU: sections and pages, supersections and large pages as
// groups of sixteen equal entries; types by TEX remap.
// Source: Arm DDI 0406C B3.5; Linux drivers/iommu/io-pgtable-arm-v7s.c.
#pragma once

#include <cstdint>

#include "kernel-model/pgtable/format.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

class Vmsav7Short final : public PgtableFormat {
public:
    Vmsav7Short(std::uint64_t pgsize_bitmap, bool coherent_walk);

    struct Registers {
        std::uint32_t ttbr0 = 0;
        std::uint32_t ttbcr = 0;
        std::uint32_t prrr = 0;
        std::uint32_t nmrr = 0;
    };
    Registers registers(std::uint64_t root) const;

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
    static PageProt prot_of(std::uint64_t word, unsigned level);
    bool coherent_walk_;
};

}  // namespace xlate::kernel
