// Context descriptors in simulated memory, and the ASIDs that they carry.
// Source: docs/spec/iommu-hardware.md sections 1.2 (step 9) and 1.6.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "base/ids.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/pgtable/vmsav8_stage1.hpp"

namespace xlate::kernel {

/// The CD that describes these tables: TTB1 off, AArch64, faults recorded and aborted.
/// `stall`: faults of this context stall the transaction.
iommu::smmuv3::CdWords make_cd(const Stage1Registers& tables, std::uint16_t asid, bool stall);

/// The CD table of one domain. Linear up to 1024 contexts or without CD2L, else 64K leaves on demand.
class ArmSmmuCdTable {
public:
    static constexpr unsigned kLeafLog2 = 10;  ///< contexts of one 64 KiB leaf

    ArmSmmuCdTable(Kernel& kernel, PageAllocator& pages) : kernel_(kernel), pages_(pages) {}

    /// 2^`cd_max` contexts. 0 or -ENOMEM.
    int init(unsigned cd_max, bool two_level);
    void free();
    std::uint64_t address() const { return base_.value; }
    std::uint64_t format() const { return format_; }
    unsigned cd_max() const { return cd_max_; }

    /// Linux arm_smmu_write_ctx_desc() for a new context: everything behind the first word, `sync`, the first word as
    /// one 64-bit store, `sync`. 0 or -ENOMEM. `sync` invalidates the cached CD of every stream that uses the table.
    /// `at_once`: all of it and no `sync`, as a mistake.
    int write_ctx_desc(std::uint32_t ssid, const iommu::smmuv3::CdWords& words, const std::function<void()>& sync,
                       bool at_once = false);
    PhysAddr cd_address(std::uint32_t ssid) const;

private:
    int prepare(std::uint32_t ssid, const std::function<void()>& sync);

    Kernel& kernel_;
    PageAllocator& pages_;
    unsigned cd_max_ = 0;
    std::uint64_t format_ = iommu::smmuv3::ste::S1FMT_LINEAR;
    PhysAddr base_{};
    std::uint64_t bytes_ = 0;
    std::map<std::uint32_t, PhysAddr> leaves_;
};

/// Address space numbers of one kernel's SMMUs: the lowest free one from 1 up. Linux arm_smmu_asid_xa.
class AsidAllocator {
public:
    explicit AsidAllocator(Kernel& kernel) : lock_(kernel, "arm_smmu_asid_lock") {}
    /// Nothing: all 2^bits - 1 are taken.
    std::optional<std::uint16_t> alloc(unsigned bits);
    void free(std::uint16_t asid);

private:
    Mutex lock_;
    std::set<std::uint16_t> taken_;
};

}  // namespace xlate::kernel
