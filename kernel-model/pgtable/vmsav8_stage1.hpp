// VMSAv8-64 stage 1 as Linux writes it for an IOMMU: leaves with the access flag, never global; no contiguous hint.
// Source: docs/spec/iommu-hardware.md section 1.10 and 13; Linux drivers/iommu/io-pgtable-arm.c.
#pragma once

#include <cstdint>

#include "iommu/smmuv3/layout.hpp"
#include "kernel-model/pgtable/format.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

struct IoPgtableConfig {
    std::uint64_t pgsize_bitmap = 0;      ///< page and block sizes that the hardware has; narrowed to one granule
    unsigned ias = 48;                    ///< input bits
    unsigned oas = 48;                    ///< output bits
    bool coherent_walk = true;            ///< the walker snoops: tables are write-back, inner shareable
    std::uint64_t cpu_page_bytes = 4096;  ///< the kernel's PAGE_SIZE: the granule, if the hardware has it
    bool non_secure = false;              ///< stage 1: NS and NSTable are set (IO_PGTABLE_QUIRK_ARM_NS)
};

/// What the context descriptor says about these tables.
struct Stage1Registers {
    std::uint64_t ttbr = 0;
    std::uint64_t mair = 0;
    unsigned t0sz = 0;
    std::uint64_t tg0 = 0;  ///< CD code
    std::uint64_t ips = 0;  ///< OAS code
    std::uint64_t sh0 = 0;
    std::uint64_t ir0 = 0;
    std::uint64_t or0 = 0;
};

/// Codes of TG0 and of output sizes (IPS, PS), which both stages share.
std::uint64_t granule_code(iommu::smmuv3::Granule granule);
std::uint64_t output_size_code(unsigned bits);
/// Linux marks the tables that it has written back to memory, for walkers that do not snoop: a bit that is the
/// software's (linux-findings.md 26).
std::uint64_t table_in_memory(bool coherent_walk);
/// Page sizes that Linux uses from `bitmap` with this CPU page size: one granule's. 0: none usable.
std::uint64_t restrict_pgsizes(std::uint64_t bitmap, std::uint64_t cpu_page_bytes);

class Vmsav8Stage1 final : public PgtableFormat {
public:
    explicit Vmsav8Stage1(const IoPgtableConfig& config);

    iommu::smmuv3::Granule granule() const { return granule_; }
    /// With the root at `root` (IoPgtable::root()).
    Stage1Registers registers(std::uint64_t root) const;

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
    bool non_secure_;
    iommu::smmuv3::Granule granule_ = iommu::smmuv3::Granule::k4;
};

using Stage1Pgtable = PgtableOf<Vmsav8Stage1>;

}  // namespace xlate::kernel
