// One translation on its way through the SMMU, a step at a time: stream matching, context, TLB, walk, outcome.
// A Translation is reused by its owner (a translation slot): start, then step until done, fault or stalled.
// It keeps no reference: the Smmu is given to each step and must be the same one.
// Source: docs/spec/iommu-hardware.md section 2; IHI 0062 chapters 2 and 6.
#pragma once

#include <cstdint>
#include <optional>

#include "iommu/engine.hpp"
#include "iommu/smmuv2/context.hpp"
#include "iommu/smmuv2/faults.hpp"
#include "iommu/smmuv2/walk.hpp"

namespace xlate::iommu::smmuv2 {

class Smmu;

class Translation {
public:
    /// Begins `request`; steps of an earlier one are forgotten.
    void start(Smmu& smmu, const Request& request);
    /// Begins an address translation operation in `bank`: as a debug request, of one stage or of both.
    void start_operation(unsigned bank, const Request& request, bool both_stages);
    /// The next step; `reply` answers the access of the previous one. The reference stays good until the next call.
    /// After done or fault the same step comes again. A stalled one steps `stalled` until software has answered.
    const Step& step(Smmu& smmu, const Reply& reply);
    const Request& request() const { return request_; }
    /// The address space whose tables the client's own address is walked in, while it is.
    std::optional<std::uint64_t> walked_space() const {
        const bool walks = state_ == State::walk || state_ == State::walk_stage1 || state_ == State::walk_stage2;
        return walks ? std::optional(context_.space) : std::nullopt;
    }
    /// From the beginning, as the same access: it is not counted once more.
    void again() { state_ = operation_ ? State::context : State::begin; }
    std::uint32_t epoch() const { return epoch_; }
    /// The fault of an operation, for PAR.
    const Fault& fault() const { return fault_; }
    const Context& context() const { return context_; }

private:
    enum class State : std::uint8_t {
        begin,
        context,
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
    bool enter_context(Smmu& smmu);
    bool finish_walk(Smmu& smmu);
    bool complete(const CachedTranslation& entry, bool cacheable);
    bool bypass(MemoryAttributes attributes);
    bool global_fault(Smmu& smmu, FaultCode code);
    bool context_fault(Smmu& smmu, const Fault& fault);
    bool hold(Smmu& smmu, unsigned bank, bool faulting);
    bool refuse(Smmu& smmu, FaultCode code, Response response);

    State state_ = State::finished;
    bool operation_ = false;
    bool both_stages_ = false;
    std::uint8_t bank_ = 0;
    std::uint8_t privcfg_ = 0, instcfg_ = 0;
    std::uint32_t epoch_ = 0;
    std::uint32_t ticket_ = 0;
    Request request_;                     ///< as the client sent it
    Request effective_;                   ///< after PRIVCFG and INSTCFG
    MemoryAttributes stream_attributes_;  ///< of the stream before any translation
    Context context_;
    Fault fault_;
    Stage1Walk stage1_;
    Stage2Walk stage2_;
    Step step_;
};

}  // namespace xlate::iommu::smmuv2
