// One translation on its way through the SMMU: the algorithm of section 1.9, a step at a time.
// A Translation is reused by its owner (a translation slot): start, then step until done, fault or stalled.
// It keeps no reference: the Smmu is given to each step and must be the same one.
// Source: docs/spec/iommu-hardware.md sections 1.4 to 1.6 and 1.8 to 1.13.
#pragma once

#include <cstdint>
#include <optional>

#include "iommu/engine.hpp"
#include "iommu/smmuv3/context.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/walk.hpp"

namespace xlate::iommu::smmuv3 {

class Smmu;

/// Counts of a whole SMMU's translations, kept by the Smmu. translations = done + faults + stalls given up.
struct SmmuCounters {
    std::uint64_t translations = 0;  ///< started (retries of a stalled one not counted)
    std::uint64_t faults = 0;        ///< ended with a fault, recorded or not
    std::uint64_t stalls = 0;        ///< times an access stalled
    std::uint64_t config_reads = 0;  ///< STE and CD fetches, both levels
    std::uint64_t ste_fetches = 0;   ///< of those: STEs
    std::uint64_t cd_fetches = 0;    ///< of those: CDs
    std::uint64_t walk_reads = 0;    ///< descriptor fetches, both stages
    std::uint64_t httu_updates = 0;
    std::uint64_t config_misses = 0;  ///< look-ups of the configuration cache without a hit
    std::uint64_t tlb_misses = 0;     ///< look-ups of the TLB without a hit
    std::uint64_t walks = 0;          ///< table walks, those to a CD through stage 2 included
    std::uint64_t ats_requests = 0;
    std::uint64_t ats_translated = 0;
};

class Translation {
public:
    /// Which stages an address translation operation (GATOS) asks for.
    enum class Stages : std::uint8_t { all, stage1, stage2, both };
    /// Result::fault of an operation on a stage that the STE does not configure.
    static constexpr std::uint16_t kStageNotConfigured = 0xFE;

    /// Begins `request`; steps of an earlier one are forgotten.
    void start(Smmu& smmu, const Request& request);
    /// Begins an address translation operation: as a debug request, for chosen stages.
    void start_operation(const Request& request, Stages stages);
    /// Begins what CMD_PREFETCH_* asks for: speculative, no transaction. Without `address` the configuration alone.
    void start_prefetch(StreamId sid, std::optional<SubstreamId> ssid, std::optional<std::uint64_t> address);
    /// The next step; `reply` answers the access of the previous one. The reference stays good until the next call.
    /// After done or fault the same step comes again. A stalled one steps `stalled` until software has answered; one
    /// whose record has no room (waits_for_record) until Smmu::take_resumed has named it.
    const Step& step(Smmu& smmu, const Reply& reply);
    const Step& last_step() const { return step_; }
    const Request& request() const { return request_; }
    /// It steps `stalled` because the SMMU has no room for the record of its fault yet: not for software to answer.
    bool waits_for_record() const { return state_ == State::unrecorded; }
    /// The address space whose tables the client's own address is walked in, while it is.
    std::optional<std::uint64_t> walked_space() const {
        const bool walks = state_ == State::walk || state_ == State::walk_stage1 || state_ == State::walk_stage2;
        return walks ? std::optional(config_.space) : std::nullopt;
    }
    /// From the beginning, as the same access: it is not counted once more.
    void again() { state_ = State::begin; }
    /// What STE and CD said, as far as they have been read; whole from the first descriptor read on.
    const StreamConfig& config() const { return config_; }
    /// Smmu::epoch() when it began.
    std::uint32_t epoch() const { return epoch_; }

private:
    enum class State : std::uint8_t {
        begin,
        config_lookup,
        ste,
        ste_l1_read,
        ste_read,
        cd_l1_pointer,
        cd_l1,
        cd_l1_read,
        cd_pointer,
        cd,
        cd_read,
        configured,
        tlb_lookup,
        walk,
        walk_stage1,
        walk_stage2,
        stalled,
        unrecorded,
        finished,
    };
    // Each returns true if `step_` is to be given to the owner. advance() is inline, having one caller: a step goes
    // through several states.
    inline bool advance(Smmu& smmu, const Reply& reply);
    bool begin(Smmu& smmu);
    void note_walk(Smmu& smmu);
    bool walk_step();
    bool ste_done(Smmu& smmu);
    bool locate_cd(std::uint64_t address, State through_stage2, State direct);
    bool cd_done(Smmu& smmu, const Reply& reply);
    bool configured(Smmu& smmu);
    bool finish_walk(Smmu& smmu);
    bool complete(const CachedTranslation& entry, bool cacheable);
    bool bypass(MemoryAttributes attributes, bool cacheable);
    bool quiet_abort(Smmu& smmu);
    bool bad_substream(Smmu& smmu);
    bool fail(Smmu& smmu, EventCode code, std::uint64_t fetch_address = 0);
    bool fail(Smmu& smmu, const Fault& fault);
    bool record_fault(Smmu& smmu);
    bool end_fault(Smmu& smmu);
    bool read_config(Smmu& smmu, std::uint32_t size, AccessPurpose purpose);  ///< at pointer_
    void make_space(const Smmu& smmu);
    void keep_config(Smmu& smmu);
    void apply_overrides();
    std::optional<EventCode> ats_refusal(const Smmu& smmu) const;
    bool split_stage(const Smmu& smmu) const;

    enum class WalkCount : std::uint8_t { none, begun, counted };
    State state_ = State::finished;
    WalkCount walk_count_ = WalkCount::none;
    Stages stages_ = Stages::all;
    bool have_stall_tag_ = false;
    bool config_only_ = false;  ///< a prefetch that ends with the configuration
    bool configured_ = false;   ///< config_.ste is this request's
    std::uint16_t stall_tag_ = 0;
    std::uint32_t epoch_ = 0;
    Request request_;    ///< as the client sent it
    Request effective_;  ///< after PRIVCFG and INSTCFG
    StreamConfig config_;
    SteWords ste_words_{};
    EventWords record_{};  ///< of a fault, while it waits for room
    std::uint64_t pointer_ = 0;
    Stage1Walk stage1_;
    Stage2Walk stage2_;
    Step step_;
};

}  // namespace xlate::iommu::smmuv3
