// One request on its way through a VT-d unit: as memory, or, to the interrupt range, as an interrupt.
// Source: VT-d specification 4.1, sections 3.4 to 3.8, 5.1, 7.1; docs/spec/iommu-hardware.md section 3.
#pragma once

#include <cstdint>
#include <optional>

#include "iommu/instance.hpp"
#include "iommu/intel/layout_faults.hpp"
#include "iommu/intel/walk.hpp"

namespace xlate::iommu::vtd {

/// What Result has not.
struct Outcome {
    bool no_access = false;            ///< ATS: success without rights
    bool unsupported_request = false;  ///< a fault of an ATS request: else completer abort
    bool readable = false, writable = false;
    bool interrupt = false;     ///< the request was one; `address` and `data` are what is delivered
    std::uint64_t address = 0;  ///< compatibility format: destination, mode, hint
    std::uint32_t data = 0;     ///< vector, delivery mode, trigger mode
};

class Translation final : public TranslationSlot {
public:
    explicit Translation(Vtd& unit) : unit_(unit) {}
    /// A write to the interrupt range: its data is taken to be zero.
    void start(const Request& request) override;
    /// A message with its data.
    void start_message(const Request& request, std::uint32_t data) override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }

    const Outcome& outcome() const { return outcome_; }

private:
    enum class State : std::uint8_t {
        begin,
        context,
        pasid,
        tlb,
        tlb_looked_up,
        first,
        second,
        interrupt_lookup,
        interrupt_looked_up,
        interrupt_entry,
        finished
    };
    /// Which tables this request goes through.
    enum class Levels : std::uint8_t { none, first, second, nested };
    // Each returns true if `step_` is to be given to the owner.
    bool advance(const Reply& reply);
    bool begin();
    bool located_context();
    bool located_pasid();
    bool look_up();
    bool walk();
    bool second_level(std::uint64_t address);
    bool finish(const StageOutput* first, const StageOutput& last);
    CachedTranslation for_requester(CachedTranslation entry) const;
    bool pass(bool by_configuration);
    bool complete(const CachedTranslation& entry, bool cacheable);
    bool fail(WalkFault fault, bool of_second);
    bool fail(Reason reason);
    bool refuse(Reason reason, std::uint64_t low, bool silent);
    Reason reason_of(WalkFault fault, bool of_second) const;
    bool is_ats() const { return request_.ats == AtsType::translation_request; }
    bool scalable() const;
    // interrupts.cpp
    bool begin_interrupt();
    bool take_interrupt(const InterruptEntry& entry);
    bool fail_interrupt(Reason reason, bool silent = false);
    bool deliver(std::uint64_t address, std::uint32_t data);

    Vtd& unit_;
    State state_ = State::finished;
    bool counted_ = false;
    std::uint32_t epoch_ = 0;
    std::uint64_t space_ = 0;
    std::uint32_t pasid_ = 0;
    std::uint32_t data_ = 0;   ///< of a message
    std::uint32_t index_ = 0;  ///< of an interrupt's entry
    bool pasid_located_ = false;
    Levels levels_ = Levels::none;
    Request request_;
    AccessKinds kinds_;
    Outcome outcome_;
    ContextWalk context_;
    PasidWalk pasid_walk_;
    SecondLevel::Table second_table_;
    FirstLevel::Table first_table_;
    StageOutput guest_;  ///< of the first level
    FirstLevel first_;
    SecondLevel second_;
    Step step_;
};

}  // namespace xlate::iommu::vtd
