// One translation on its way through the SMMU: the algorithm of section 1.9, a step at a time.
// A Translation is reused by its owner (a translation slot): start, then step until done, fault or stalled.
// It keeps no reference: the Smmu is given to each step and must be the same one.
// Source: shared/spec/iommu-hardware.md sections 1.4 to 1.6 and 1.8 to 1.13.
#pragma once

#include <cstdint>

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
    std::uint64_t walk_reads = 0;    ///< descriptor fetches, both stages
    std::uint64_t httu_updates = 0;
    std::uint64_t walks = 0;  ///< translations that needed a walk
    std::uint64_t ats_requests = 0;
    std::uint64_t ats_translated = 0;
};

class Translation {
public:
    /// Begins `request`; steps of an earlier one are forgotten.
    void start(Smmu& smmu, const Request& request);
    /// The next step; `reply` answers the access of the previous one. The reference stays good until the next call.
    /// After done or fault the same step comes again. A stalled one steps `stalled` until software has answered.
    const Step& step(Smmu& smmu, const Reply& reply);
    const Request& request() const { return request_; }

private:
    enum class State : std::uint8_t {
        begin,
        config_lookup,
        ste_l1,
        ste_l1_read,
        ste,
        ste_read,
        cd_start,
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
        finished,
    };
    // Each returns true if `step_` is to be given to the owner.
    bool advance(Smmu& smmu, const Reply& reply);
    bool begin(Smmu& smmu);
    bool ste_done(Smmu& smmu);
    bool cd_done(Smmu& smmu, const Reply& reply);
    bool configured(Smmu& smmu);
    bool finish_walk(Smmu& smmu);
    bool complete(Smmu& smmu, const CachedTranslation& entry, bool cacheable);
    bool bypass(std::uint64_t address, MemoryAttributes attributes);
    bool quiet_abort();
    bool fail(Smmu& smmu, const Fault& fault);
    bool fail(Smmu& smmu, EventCode code, std::uint64_t fetch_address = 0);
    bool bad_substream(Smmu& smmu);
    bool read(std::uint64_t address, std::uint32_t size, AccessPurpose purpose);

    State state_ = State::finished;
    State after_stage2_ = State::finished;
    bool retried_ = false;
    bool have_stage_tag_ = false;
    Request request_;    ///< as the client sent it
    Request effective_;  ///< after PRIVCFG and INSTCFG
    StreamConfig config_;
    SteWords ste_words_{};
    std::uint64_t pointer_ = 0;
    std::uint16_t stall_tag_ = 0;
    std::uint32_t epoch_ = 0;
    Stage1Walk stage1_;
    Stage2Walk stage2_;
    Step step_;
};

}  // namespace xlate::iommu::smmuv3
