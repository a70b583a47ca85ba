#include "iommu/intel/outputs.hpp"

#include <algorithm>

#include "iommu/intel/purpose.hpp"

namespace xlate::iommu::vtd {

void Outputs::clear() {
    std::fill(records_.begin(), records_.end(), FaultRecord{});
    overflow_ = false;
    errors_ = 0;
    next_ = first_ = 0;
    pulses_ = unsent_ = 0;
    sending_ = false;
}

std::uint32_t Outputs::control(Event event) {
    return event == Event::fault ? reg::FECTL : event == Event::completion ? reg::IECTL : reg::PECTL;
}

// 7.2.1: while PFO is set nothing is recorded; a register that software has not read yet is not written over.
bool Outputs::report(const FaultRecord& record, Registers& registers) {
    const bool quiet = !any_status();
    const bool same = collapse_ && std::any_of(records_.begin(), records_.end(), [&](const FaultRecord& one) {
                          return frcd::F.test(one.high) && frcd::SID.get(one.high) == frcd::SID.get(record.high);
                      });
    if (overflow_ || same) {
        ++lost;
        return false;
    }
    if (frcd::F.test(records_[next_].high)) {
        ++lost;
        overflow_ = true;
        if (quiet) signal(Event::fault, registers);
        return false;
    }
    const bool none =
        std::none_of(records_.begin(), records_.end(), [](const FaultRecord& one) { return frcd::F.test(one.high); });
    if (none) first_ = next_;
    records_[next_] = record;
    records_[next_].high |= frcd::F.mask();
    next_ = next_ + 1 < records_.size() ? next_ + 1 : 0;
    ++recorded;
    if (quiet) signal(Event::fault, registers);
    return true;
}

void Outputs::clear_record(unsigned index, Registers& registers) {
    records_[index].high &= ~frcd::F.mask();
    if (!any_status()) unsignal(Event::fault, registers);
}

std::uint32_t Outputs::fault_status() const {
    const bool pending =
        std::any_of(records_.begin(), records_.end(), [](const FaultRecord& one) { return frcd::F.test(one.high); });
    return static_cast<std::uint32_t>(errors_ | fsts::PFO.of(overflow_ ? 1 : 0) | fsts::PPF.of(pending ? 1 : 0) |
                                      fsts::FRI.of(pending ? first_ : 0));
}

void Outputs::write_fault_status(std::uint64_t value, Registers& registers) {
    errors_ &= ~value;
    if (fsts::PFO.test(value)) overflow_ = false;
    if (!any_status()) unsignal(Event::fault, registers);
}

void Outputs::raise(Field error, Registers& registers) {
    const bool quiet = !any_status();
    errors_ |= error.mask();
    if (quiet) signal(Event::fault, registers);
}

// 6.5.2.8: while IWC is set no further event comes of it.
void Outputs::complete(Registers& registers) {
    if (ics::IWC.test(registers.get(reg::ICS))) return;
    registers.set(reg::ICS, ics::IWC.mask());
    signal(Event::completion, registers);
}

void Outputs::write_completion_status(std::uint64_t value, Registers& registers) {
    if (!ics::IWC.test(value)) return;
    registers.set(reg::ICS, 0);
    unsignal(Event::completion, registers);
}

void Outputs::write_control(Event event, std::uint64_t value, Registers& registers) {
    const std::uint64_t before = registers.get(control(event));
    std::uint64_t now = ectl::IM.set(before, ectl::IM.get(value));
    const bool due = ectl::IP.test(now) && !ectl::IM.test(now);
    if (due) now = ectl::IP.set(now, 0);
    registers.set(control(event), now);
    if (due) send(event, registers);
}

void Outputs::signal(Event event, Registers& registers) {
    const std::uint64_t now = registers.get(control(event));
    if (!ectl::IM.test(now)) return send(event, registers);
    registers.set(control(event), now | ectl::IP.mask());
}

void Outputs::unsignal(Event event, Registers& registers) {
    registers.set(control(event), registers.get(control(event)) & ~ectl::IP.mask());
}

void Outputs::send(Event event, const Registers& registers) {
    const std::uint32_t bit = std::uint32_t{1} << static_cast<unsigned>(event);
    ++messages;
    if (in_interrupt_range(registers.message_address(control(event) + 4) & low_mask(32))) {
        pulses_ |= bit;
    } else {
        unsent_ |= bit;
    }
}

std::optional<unsigned> Outputs::take_wire() {
    for (unsigned wire = 0; wire < kEvents; ++wire) {
        if ((pulses_ >> wire & 1) == 0) continue;
        pulses_ &= ~(std::uint32_t{1} << wire);
        return wire;
    }
    return std::nullopt;
}

void Outputs::step(const Registers& registers, Step& step) {
    sending_ = false;
    step.kind = StepKind::idle;
    for (unsigned i = 0; i < kEvents; ++i) {
        if ((unsent_ >> i & 1) == 0) continue;
        unsent_ &= ~(std::uint32_t{1} << i);
        const std::uint32_t data = control(static_cast<Event>(i)) + 4;
        sending_ = true;
        step.kind = StepKind::access;
        step.access = {};
        step.access.address = PhysAddr{registers.message_address(data)};
        step.access.size = 4;
        step.access.kind = AccessKind::write;
        step.access.purpose = Purpose::message;
        store_le(step.access.data.data(), 4, registers.get(data));
        return;
    }
}

}  // namespace xlate::iommu::vtd
