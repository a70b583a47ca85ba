// What a VT-d unit tells software by itself: fault records in registers, status bits, and events as messages.
//   messages   to the interrupt range (0xFEExxxxx) they end at local APICs, which no bus model here has: a pulse of the
//              event's wire; to any other address: a write of 4 bytes
// Source: docs/spec/iommu-hardware.md section 3.4; VT-d specification 4.1, sections 7.2 to 7.4.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/engine.hpp"
#include "iommu/intel/registers.hpp"

namespace xlate::iommu::vtd {

/// What has control, data and address registers of its own. Its wire has the same number.
enum class Event : std::uint8_t { fault, completion, page };
inline constexpr unsigned kEvents = 3;

struct FaultRecord {
    std::uint64_t low = 0, high = 0;
};

class Outputs {
public:
    explicit Outputs(const VtdParams& params) : records_(params.fault_records()), collapse_(params.collapse_faults) {}
    void clear();

    /// True: it stands in a register. False: there was no room, an overflow is pending, or one of the same device waits
    /// already and faults collapse.
    bool report(const FaultRecord& record, Registers& registers);
    const FaultRecord& record(unsigned index) const { return records_[index]; }
    unsigned records() const { return static_cast<unsigned>(records_.size()); }
    /// Software has written 1 to F.
    void clear_record(unsigned index, Registers& registers);

    std::uint32_t fault_status() const;
    void write_fault_status(std::uint64_t value, Registers& registers);
    /// IQE, ICE or ITE.
    void raise(Field error, Registers& registers);
    bool error(Field which) const { return which.test(errors_); }

    /// A wait descriptor asked for an interrupt.
    void complete(Registers& registers);
    void write_completion_status(std::uint64_t value, Registers& registers);

    /// FECTL, IECTL, PECTL.
    void write_control(Event event, std::uint64_t value, Registers& registers);
    /// By the event's registers.
    void signal(Event event, Registers& registers);
    void unsignal(Event event, Registers& registers);

    std::optional<unsigned> take_wire();
    bool pending() const { return unsent_ != 0 || sending_; }
    /// One access at a time: access or idle.
    void step(const Registers& registers, Step& step);

    std::uint64_t recorded = 0;  ///< fault records
    std::uint64_t lost = 0;      ///< faults without one
    std::uint64_t messages = 0;  ///< events, by wire or as writes

private:
    static std::uint32_t control(Event event);
    void send(Event event, const Registers& registers);
    bool any_status() const { return (fault_status() & ~fsts::FRI.mask()) != 0; }

    std::vector<FaultRecord> records_;
    bool collapse_;
    bool overflow_ = false;
    std::uint64_t errors_ = 0;  ///< bits of FSTS in place
    unsigned next_ = 0;         ///< record
    unsigned first_ = 0;        ///< FRI: where the first one went when none was pending
    std::uint32_t pulses_ = 0;  ///< by event
    std::uint32_t unsent_ = 0;  ///< messages that are to be written, by event
    bool sending_ = false;
};

}  // namespace xlate::iommu::vtd
