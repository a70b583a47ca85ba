// A command queue of an SMMUv3: reserve slots, fill them, publish PROD, wait for a SYNC. The SMMU's own is shared by
// all CPUs; an enhanced one (ECMDQ) serves the CPUs that were given it. Linux reserves without a lock; here a lock
// stands for the compare-and-swap, and concurrent SYNCs pay the contention of the cost table. Source:
// docs/spec/iommu-hardware.md sections 1.2, 1.3, 1.7; kernel-probe.md section 7.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/dma/page_allocator.hpp"

namespace xlate::kernel {

/// A list of commands that goes to the queue in one piece of at most 64.
class CommandBatch {
public:
    std::vector<iommu::smmuv3::CommandWords> commands;
    void add(const iommu::smmuv3::CommandWords& command) { commands.push_back(command); }
};

/// Statistics. Law: commands counts SYNCs too.
struct CmdqStats {
    std::uint64_t commands = 0;
    std::uint64_t syncs = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t full_waits = 0;  ///< times that a reservation found no room
};

/// Task side only. Entries are 16 bytes.
class ArmSmmuCmdq {
public:
    static constexpr unsigned kBatchEntries = 64;

    ArmSmmuCmdq(Kernel& kernel, PageAllocator& pages, std::string prefix);

    /// Allocates the largest queue that memory gives, down to one page. 0 or -ENOMEM.
    int init(PhysAddr registers, unsigned max_log2_entries);
    /// The same for an enhanced queue whose three registers are at `registers`.
    int init_ecmdq(PhysAddr registers, unsigned max_log2_entries);
    /// Enhanced: programs the queue and switches it on. 0 or -ETIMEDOUT.
    int enable_ecmdq();
    void disable_ecmdq();
    /// PROD and CONS are zero again (after a reset of the hardware).
    void restart();
    std::uint64_t base_register() const;  ///< CMDQ_BASE
    unsigned log2_entries() const { return log2_entries_; }
    PhysAddr registers() const { return registers_; }

    /// Completion by a write into the SYNC's own slot instead of polling CONS.
    bool msi_polling = false;
    bool wait_for_event = false;  ///< IDR0.SEV: the waiting CPU sleeps in WFE between looks

    /// 0, or -ETIMEDOUT: the SYNC did not complete within a second. Without `sync` nothing is waited for.
    int issue(const std::vector<iommu::smmuv3::CommandWords>& commands, bool sync);
    int issue_cmd(const iommu::smmuv3::CommandWords& command) { return issue({command}, false); }
    int issue_cmd_with_sync(const iommu::smmuv3::CommandWords& command) { return issue({command}, true); }
    /// Collects; a full batch is issued without SYNC.
    int batch_add(CommandBatch& batch, const iommu::smmuv3::CommandWords& command);
    int batch_submit(CommandBatch& batch);

    /// GERROR.CMDQ_ERR: steps over the command that stopped the queue. Linux arm_smmu_cmdq_skip_err().
    void skip_err();
    /// GERROR.CMDQP_ERR: the same for an enhanced queue, if it has an error, which it acknowledges.
    void skip_ecmdq_err();

    const CmdqStats& stats() const { return stats_; }

private:
    /// Nothing: the queue stayed full for a second. (Linux tries for ever; a simulation has to end.)
    std::optional<std::uint64_t> reserve(std::uint64_t count);
    void publish(std::uint64_t first, std::uint64_t count);
    void update_consumed();
    int poll_until_consumed(std::uint64_t position);
    int poll_until_msi(std::uint64_t position);
    void pause(unsigned& spins, std::uint64_t& delay_us);
    bool gave_up(SimTime since, std::uint64_t looks) const;
    void report_timeout(std::uint64_t position);
    iommu::smmuv3::CommandWords sync_command(std::uint64_t position) const;
    PhysAddr slot(std::uint64_t position) const;
    std::uint32_t queue_register(std::uint64_t position) const;

    Kernel& kernel_;
    PageAllocator& pages_;
    std::string prefix_;
    int allocate(unsigned max_log2_entries);
    void step_over(std::uint32_t cons, std::uint64_t reason);
    PhysAddr registers_{};
    PhysAddr prod_{};
    PhysAddr cons_{};
    std::uint32_t prod_flags_ = 0;  ///< enhanced: EN and ERRACK, which share PROD
    PhysAddr base_{};
    unsigned log2_entries_ = 0;
    // Positions count commands since the reset; a register holds one modulo twice the size: index and wrap bit.
    std::uint64_t reserved_ = 0;
    std::uint64_t published_ = 0;
    std::uint64_t consumed_ = 0;
    std::vector<bool> filled_;  // by index: written to memory, not yet published
    bool publishing_ = false;
    unsigned waiting_for_sync_ = 0;
    SpinLock lock_;
    CmdqStats stats_;
};

}  // namespace xlate::kernel
