// One translation on its way through a RISC-V IOMMU: "Process to translate an IOVA", a step at a time.
// Source: RISC-V IOMMU specification, section of that name; docs/spec/iommu-hardware.md section 9.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "iommu/instance.hpp"
#include "iommu/riscv/walk.hpp"

namespace xlate::iommu::riscv {

/// What the specification's answer has and Result has not.
struct Outcome {
    bool unsupported_request = false;  ///< a fault of an ATS request: else completer abort
    bool no_access = false;            ///< ATS: success without rights
    bool msi = false;                  ///< the page of a virtual interrupt file
    bool mrif = false;                 ///< of those: kept in memory; untranslated accesses only
    bool mrif_message = false;         ///< start_message(): for the file, which keeps it or drops it
    bool mrif_stored = false;          ///< of those: its identity is pending in the file now
    bool mrif_notice = false;          ///< and enabled: mrif_nid is to be written at the result's address
    std::uint64_t mrif_address = 0;
    std::uint16_t mrif_nid = 0;
    std::uint8_t pbmt = 0;
    bool bare = false;                     ///< no stage was active
    bool bare_first = false;               ///< the first was not
    bool guest_address = false;            ///< ATS with T2GPA: the answer is a guest address
    std::uint64_t supervisor_address = 0;  ///< where the tables lead
    bool readable = false, writable = false, executable = false, global = false;  ///< for an ATS completion
};

class Translation final : public TranslationSlot {
public:
    explicit Translation(Iommu& iommu) : iommu_(iommu) {}
    void start(const Request& request) override;
    /// A message: a write of 4 bytes, `data` as the device sends it (little-endian at offset 0 of its page, big-endian
    /// at 4). If its page is an MRIF's, it is stored there; without this the answer names the file alone.
    void start_message(const Request& request, std::uint32_t data) override;
    MessageFate message_fate() const override;
    const Step& step(const Reply& reply) override;
    void again() override { state_ = State::begin; }
    std::optional<std::uint64_t> walked_space() const override;
    std::uint32_t epoch() const override { return epoch_; }
    /// LineWalks::beside().
    Span<CachedTranslation> beside() const { return {beside_.data(), beside_count_}; }

    const Outcome& outcome() const { return outcome_; }
    /// Steps `stalled` because there is no room for the record of its fault yet: not for software to answer.
    bool waits_for_record() const { return state_ == State::unrecorded; }

private:
    enum class State : std::uint8_t {
        begin,
        device,
        process,
        tlb,
        tlb_looked_up,
        first,
        msi,
        msi_read,
        mrif_pending,
        mrif_swapped,
        mrif_enabled,
        second,
        unrecorded,
        finished
    };
    // Each returns true if `step_` is to be given to the owner.
    bool advance(const Reply& reply);
    bool begin();
    bool located_device();
    bool located_process();
    bool stages(std::uint64_t mode, std::uint64_t root, std::uint32_t pscid, bool sum);
    bool look_up();
    bool translated_gpa();
    bool take_msi_entry(const Reply& reply);
    bool store_message(const StageOutput& page);
    bool finish_message();
    bool access_mrif(State next, std::uint64_t offset);
    bool take_mrif(const Reply& reply);
    bool finish(const StageOutput& second);
    CachedTranslation entry_of(const StageOutput& gpa, const StageOutput& second, std::uint64_t iova) const;
    void note_beside();
    bool pass(bool by_configuration);
    bool complete(const CachedTranslation& entry, bool cacheable);
    bool fail(const WalkFault& fault);
    bool fail(Cause cause, std::uint64_t iotval2 = 0);
    bool record_fault();
    bool end_fault();
    Cause by_access(Cause execute, Cause read, Cause write) const;
    Ttyp ttyp() const;
    bool is_ats() const { return request_.ats == AtsType::translation_request; }

    Iommu& iommu_;
    State state_ = State::finished;
    bool counted_ = false;
    bool sum_ = false;
    bool located_ = false;  ///< the device context is this request's
    std::uint32_t epoch_ = 0;
    std::uint64_t space_ = 0;
    Mode mode_ = Mode::bare;
    Request request_;
    Requester requester_;
    WalkFills fills_;
    AccessKinds kinds_;
    FaultWords record_{};
    StageOutput gpa_;  ///< of the first stage
    std::optional<std::uint32_t> message_;
    std::uint32_t identity_ = 0;  ///< of an interrupt: what the message says
    StageOutput notice_;
    Outcome outcome_;
    DeviceWalk device_;
    ProcessWalk process_;
    FirstStage first_;
    SecondStage second_;
    Step step_;
    std::array<CachedTranslation, kLinePages> beside_{};
    std::uint32_t beside_count_ = 0;
};

}  // namespace xlate::iommu::riscv
