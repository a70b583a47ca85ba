// One SMMUv3: registers, queues, interrupts and the TCU's caches. Resumable: its owner decides when things happen.
//   registers      read_register, write_register; effects of CR0, IRQ_CTRL, GBPA wait for apply_acks()
//   translations   Translation objects, as many as the owner wants, stepped with this Smmu
//   commands       step_commands: one machine a queue (0: the SMMU's own, n: enhanced queue n - 1), in any order;
//                  step while commands_pending()
//   outputs        step_outputs: event records, page requests, MSIs; step while outputs_pending()
//   address ops    step_gatos while gatos_pending()
//   wires          take_interrupt: pulses
// Copyable: a copy is a snapshot (registered sinks are shared, and must be set again by who needs others).
// Source: docs/spec/iommu-hardware.md section 1 and 14.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/smmuv3/commands.hpp"
#include "iommu/smmuv3/config_cache.hpp"
#include "iommu/smmuv3/events.hpp"
#include "iommu/smmuv3/interrupts.hpp"
#include "iommu/smmuv3/parameters.hpp"
#include "iommu/smmuv3/pmcg.hpp"
#include "iommu/smmuv3/registers.hpp"
#include "iommu/smmuv3/sheet.hpp"
#include "iommu/smmuv3/stall.hpp"
#include "iommu/smmuv3/translation.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::smmuv3 {

class Smmu final : public Instance, public PageRequests, public Endpoints {
public:
    explicit Smmu(const SmmuParams& params);

    /// Power-on: registers to reset, caches empty, queues off, stalled accesses to be answered with abort.
    void reset() override;

    const InstanceSpec& spec() const override { return sheet(); }
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    bool settling() const override { return ack_pending(); }
    void settle() override { apply_acks(); }
    std::unique_ptr<TranslationSlot> make_translation() override;

    // Machines: the command queues, then outputs, then address operations.
    unsigned machines() const override { return command_queues() + 2; }
    const MachineSpec& machine(unsigned index) const override;
    bool machine_pending(unsigned index) const override;
    const Step& step_machine(unsigned index, const Reply& reply) override;
    bool command_prefetched(unsigned queue) const override { return commands_[queue].prefetched(); }
    std::optional<unsigned> take_wire() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;
    bool partition(const std::shared_ptr<const CachePartitions>& partitions) override;
    PageRequests* page_requests() override { return features().pri != 0 ? this : nullptr; }
    Endpoints* endpoints() override { return this; }
    bool checks_translated() const override { return registers.enabled(cr0::ATSCHK); }

    /// A written CR0, IRQ_CTRL or GBPA has not taken effect yet.
    bool ack_pending() const;
    /// Lets it take effect: CR0ACK, IRQ_CTRLACK, GBPA.UPDATE. What must wait (a command, an MSI in flight) stays
    /// pending.
    void apply_acks();

    std::uint32_t command_queues() const { return static_cast<std::uint32_t>(commands_.size()); }
    bool commands_pending(std::uint32_t queue = 0) const { return commands_[queue].pending(*this); }
    /// Steps: access (fetch, MSI), executed, sync, idle.
    const Step& step_commands(const Reply& reply, std::uint32_t queue = 0);

    /// What CMD_PREFETCH_* have asked for, oldest first: for Translation::start_prefetch. Only with
    /// SmmuParams::prefetch_commands. At most kPrefetches wait; the command that would be one more waits in its queue
    /// (commands_pending is false for it until one has been taken).
    static constexpr std::size_t kPrefetches = 16;
    std::optional<Prefetch> take_prefetch() override;

    bool outputs_pending() const;
    /// Writes event and page-request records and MSIs. Steps: access, idle.
    const Step& step_outputs(const Reply& reply);

    bool gatos_pending() const;
    const Step& step_gatos(const Reply& reply);

    /// The next pulse on a wire, if any.
    std::optional<Interrupt> take_interrupt();

    /// A stalled access that software has answered, or one that has waited for room for its record: Request::id of it;
    /// its Translation can be stepped on.
    std::optional<std::uint64_t> take_resumed() override;

    /// An endpoint's page request (PRI). Returns false if it was answered at once (see take_page_response).
    bool page_request(const PageRequest& request) override;
    /// Answers to page requests, by PRI_RESP or automatic.
    std::optional<PageResponse> take_page_response() override;

    /// `group` counts what happens in here; it must outlive the Smmu. TBU events are for its shell to count.
    void add_pmcg(Pmcg& group) { pmcgs_.push_back(&group); }
    /// One more of a statistic, and of the architected event that counts the same.
    void count(std::uint64_t SmmuCounters::*counter, PmcgEvent event, StreamId sid) {
        ++(counters.*counter);
        for (Pmcg* group : pmcgs_) group->count(event, sid);
    }

    const SmmuParams& params() const { return params_; }
    const Features& features() const { return params_.features; }

    // The parts, for translations, for statistics and for tests.
    Registers registers;
    ConfigCache config_cache;
    Tlb tlb;
    Tlb ipa_cache;
    std::vector<WalkCache> walk_s1;  ///< by level
    std::vector<WalkCache> walk_s2;
    Events events;
    Interrupts interrupts;
    Stalls stalls;
    SmmuCounters counters;

    /// Applies an invalidation to all caches and sinks.
    void invalidate(const Invalidation& invalidation);

private:
    friend class Commands;
    SmmuParams params_;
    std::vector<Commands> commands_;   ///< by queue
    std::vector<Step> command_steps_;  ///< the last step of each
    Translation gatos_;
    bool gatos_running_ = false;
    std::vector<Prefetch> prefetches_;
    std::vector<Pmcg*> pmcgs_;
    Step output_step_;
    Step gatos_step_;
};

}  // namespace xlate::iommu::smmuv3
