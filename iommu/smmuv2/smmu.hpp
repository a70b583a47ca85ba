// One SMMUv1 or SMMUv2: registers, stream mapping, context banks, faults, and the core's caches. Resumable: its owner
// decides when things happen.
//   registers      read_register, write_register: effects are immediate
//   translations   Translation objects, as many as the owner wants, stepped with this Smmu
//   sync           step_sync while sync_pending(): TLBSYNC and sTLBGSYNC; their status is busy until it has stepped on
//   operations     step_operation while operation_pending(): ATS1*, sGATS*
//   wires          take_wire: pulses; 0.. the global interrupts, then the context interrupts
// Source: docs/spec/iommu-hardware.md section 2.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/smmuv2/address_space.hpp"
#include "iommu/smmuv2/context.hpp"
#include "iommu/smmuv2/faults.hpp"
#include "iommu/smmuv2/parameters.hpp"
#include "iommu/smmuv2/purpose.hpp"
#include "iommu/smmuv2/registers.hpp"
#include "iommu/smmuv2/sheet.hpp"
#include "iommu/smmuv2/stream_match.hpp"
#include "iommu/smmuv2/translation.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::smmuv2 {

/// Counts of a whole SMMU. translations = done + faults + stalls given up.
struct SmmuCounters {
    std::uint64_t translations = 0;      ///< started (retries of a stalled one not counted)
    std::uint64_t faults = 0;            ///< ended with a fault, recorded or not
    std::uint64_t stalls = 0;            ///< times an access was held: by its own fault or behind one
    std::uint64_t unmatched = 0;         ///< of a stream that no group has
    std::uint64_t global_faults = 0;     ///< recorded in sGFSR, or would have been but for an older one
    std::uint64_t context_faults = 0;    ///< recorded in an FSR, or would have been but for an older one
    std::uint64_t behind_fault = 0;      ///< terminated since an older fault of their context was outstanding
    std::uint64_t illegal_contexts = 0;  ///< met a context bank that is programmed against the architecture
    std::uint64_t tlb_misses = 0;
    std::uint64_t walks = 0;
    std::uint64_t walk_reads = 0;
    std::uint64_t invalidations = 0;  ///< TLBI registers written
    std::uint64_t syncs = 0;          ///< drains done
};

class Smmu final : public Instance, public TableWords {
public:
    explicit Smmu(const SmmuParams& params);

    /// Power-on: registers to reset, caches empty, held accesses to be terminated.
    void reset() override;

    const InstanceSpec& spec() const override { return sheet(); }
    std::uint64_t register_bytes(unsigned /*bank*/ = 0) const override { return features().space().bytes(); }
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned /*bank*/ = 0) const override {
        return registers.read(offset, size);
    }
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned machines() const override { return 2; }
    bool machine_pending(unsigned index) const override;
    const Step& step_machine(unsigned index, const Reply& reply) override;
    /// In the order of firmware's `interrupts`, where they have no names: "global" ones, then "context0" and on.
    unsigned wires() const override { return params_.global_interrupts + params_.context_interrupts; }
    WireSpec wire(unsigned index) const override;
    std::optional<unsigned> take_wire() override;
    std::optional<std::uint64_t> take_resumed() override { return stalls.take_resumed(); }
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    // What its tables say, for a sanitizer: of the bank that has the space now. Short descriptors are not watched.
    unsigned word_bytes() const override { return 8; }
    bool decode(AccessPurpose /*purpose*/, std::uint64_t /*word*/, TableWord& /*out*/) const override { return false; }
    bool decode_in(std::uint64_t space, AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::uint64_t table_bytes(std::uint64_t space) const override;
    /// Claims name an ASID, or the VMID of stage 2 alone: of the first bank that is on and has it.
    std::uint64_t space_of(std::uint32_t context) const override;
    std::optional<std::uint64_t> space_of_stream(StreamId stream) const override;
    bool needs_drain() const override { return true; }

    bool sync_pending() const { return syncs_active_ != 0; }
    /// Steps: sync, idle.
    const Step& step_sync(const Reply& reply);
    bool operation_pending() const { return !operations_.empty(); }
    /// Steps: access, idle.
    const Step& step_operation(const Reply& reply);

    const SmmuParams& params() const { return params_; }
    const Features& features() const { return params_.features; }

    // For translations.
    void record_global_fault(FaultCode code, const Request& request, const Request& effective);
    void record_context_fault(const Fault& fault, const Request& request, const Request& effective,
                              const Context& context, bool stalls);
    bool global_fault_aborts(FaultCode code) const;

    // The parts, for translations, for statistics and for tests.
    Registers registers;
    Tlb tlb;
    Tlb ipa_cache;
    std::vector<WalkCache> walk_s1;  ///< by level
    std::vector<WalkCache> walk_s2;
    Stalls stalls;
    SmmuCounters counters;

    /// Applies an invalidation to all caches and sinks.
    void invalidate(const Invalidation& invalidation);

private:
    struct Operation {
        unsigned bank = 0;  ///< Write::kGlobal: sGATS*
        std::uint32_t offset = 0;
        std::uint64_t operand = 0;
    };
    void global_invalidation(const Write& write);
    void bank_invalidation(const Write& write);
    void mapping_changed(const Write& write);
    void forget_streams(unsigned group, std::uint32_t smr, TlbOp op);
    void forget_bank(unsigned bank, TlbOp op);
    void start_operation(const Operation& operation);
    void finish_operation(const Operation& operation, const Step& step);
    void update_translates() { translates_ = !cr0::CLIENTPD.test(registers.cr0); }
    void update_wires();
    std::optional<Context> context_of(std::uint64_t space) const;
    std::uint64_t space_of_bank(unsigned bank) const;
    void rearm(unsigned wire);
    std::optional<unsigned> wire_of_bank(unsigned bank) const;
    bool global_line() const;

    SmmuParams params_;
    std::uint32_t syncs_active_ = 0;  ///< status registers that are busy
    bool sync_given_ = false;         ///< a sync step is out, for those in covered_
    std::vector<bool> covered_;       ///< by bank; the last one: sTLBGSYNC
    std::vector<bool> again_;         ///< asked for once more since then
    std::vector<Operation> operations_;
    bool operation_running_ = false;
    Translation operation_;
    Step sync_step_;
    Step operation_step_;
    std::vector<bool> lines_;   ///< level of each wire
    std::vector<bool> pulses_;  ///< not taken yet
};

}  // namespace xlate::iommu::smmuv2
