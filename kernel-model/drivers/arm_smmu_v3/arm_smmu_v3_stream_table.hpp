// The stream table of one SMMUv3 in simulated memory: linear, or two levels with second-level tables on demand.
// Source: docs/spec/iommu-hardware.md sections 1.2 (step 9), 1.4, 1.5.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_cmdq.hpp"
#include "kernel-model/drivers/mistakes.hpp"

namespace xlate::kernel {

/// Task side only.
class ArmSmmuStreamTable {
public:
    static constexpr unsigned kSplit = 8;       ///< SID bits of a second-level table
    static constexpr unsigned kMaxL1Log2 = 17;  ///< at most 2^17 first-level descriptors

    ArmSmmuStreamTable(Kernel& kernel, PageAllocator& pages, ArmSmmuCmdq& cmdq, std::string prefix,
                       const Mistakes& mistakes);

    /// Allocates the table (two-level: its first level). 0 or -ENOMEM.
    int init(unsigned sid_bits, bool two_level, bool abort_unknown);
    std::uint64_t base_register() const;  ///< STRTAB_BASE
    std::uint32_t config_register() const { return config_; }

    bool in_range(std::uint32_t sid) const { return sid < limit_; }
    /// Makes the second-level table of a SID if there is none. 0, -ERANGE, -ENOMEM.
    int prepare(std::uint32_t sid);

    /// The STE of a stream that nobody owns: abort or bypass.
    static iommu::smmuv3::SteWords unowned(bool abort);
    /// Stage 1 with the CD table at `cd_table`.
    static iommu::smmuv3::SteWords stage1(std::uint64_t cd_table, unsigned cd_max, std::uint64_t format,
                                          std::uint64_t strw, bool stall_disable, std::uint64_t eats);

    /// Installs an entry so that the hardware never sees a half-written one: the words behind the first, CFGI, the
    /// first as one 64-bit store, CFGI; entries that translate are prefetched then. Each CFGI is followed by a SYNC.
    void write_strtab_ent(std::uint32_t sid, const iommu::smmuv3::SteWords& entry);

    /// Before the table is the hardware's: no invalidation. The SID is prepared. Must neither translate nor be owned.
    void write_initial(std::uint32_t sid, const iommu::smmuv3::SteWords& entry);

    PhysAddr ste_address(std::uint32_t sid) const;  ///< the SID is prepared

private:
    void fill_unowned(PhysAddr table, std::uint64_t entries);
    void sync_ste_for_sid(std::uint32_t sid);
    void claim_installed(std::uint32_t sid);

    Kernel& kernel_;
    PageAllocator& pages_;
    ArmSmmuCmdq& cmdq_;
    std::string prefix_;
    const Mistakes mistakes_;
    bool two_level_ = false;
    bool abort_unknown_ = true;
    std::uint64_t limit_ = 0;
    std::uint32_t config_ = 0;
    PhysAddr base_{};
    std::map<std::uint32_t, PhysAddr> second_level_;  // by SID >> kSplit
};

}  // namespace xlate::kernel
