#include "iommu/smmuv3/events.hpp"
#include "iommu/smmuv3/purpose.hpp"

#include <algorithm>

namespace xlate::iommu::smmuv3 {

namespace {

constexpr std::uint32_t kOverflow = 0x80000000U;

/// Marks a lost record, unless an earlier loss is not acknowledged yet.
void overflow(QueueRegisters& queue) {
    if (((queue.prod ^ queue.cons) & kOverflow) == 0) queue.prod ^= kOverflow;
}
bool overflow_active(const QueueRegisters& queue) { return ((queue.prod ^ queue.cons) & kOverflow) != 0; }

/// Equal records that MEV lets merge: everything but the page offset.
bool same_but_offset(const EventWords& a, const EventWords& b) {
    return a[0] == b[0] && a[1] == b[1] && ((a[2] ^ b[2]) & ~low_mask(12)) == 0 && a[3] == b[3];
}

template <std::size_t N>
void write_record(Step& step, const std::array<std::uint64_t, N>& words, std::uint64_t address, AccessPurpose purpose) {
    step.kind = StepKind::access;
    step.access.address = PhysAddr{address};
    step.access.size = 8 * N;
    step.access.kind = AccessKind::write;
    step.access.purpose = purpose;
    for (std::size_t i = 0; i < N; ++i) store_le(step.access.data.data() + 8 * i, 8, words[i]);
}

void raise_error(Field error, Registers& registers, Interrupts& interrupts) {
    if (registers.raise(error)) interrupts.raise(Interrupt::gerror, registers);
}

}  // namespace

bool Events::writable(const Registers& registers) {
    return registers.enabled(cr0::EVENTQEN) && !registers.error_active(gerror::EVENTQ_ABT) &&
           !registers.eventq.full() && !registers.eventq.inconsistent();
}

Events::Reported Events::report(const EventWords& words, bool stall, bool mergeable, std::uint64_t request_id,
                                Registers& registers) {
    if (stall) {
        stalls_.push_back(words);
        return Reported::recorded;
    }
    if (!registers.enabled(cr0::EVENTQEN)) {
        ++lost;
        return Reported::lost;
    }
    if (mergeable) {
        for (std::uint32_t i = state_ == State::event ? 1 : 0; i < events_.count; ++i) {
            if (same_but_offset(events_.items[(events_.first + i) % kCapacity], words)) {
                ++merged;
                return Reported::recorded;
            }
        }
    }
    if (events_.full()) {
        waiting_.push_back(request_id);
        return Reported::no_room;
    }
    events_.push(words);
    return Reported::recorded;
}

/// A record has left; the oldest of the accesses that wait for its place goes on.
void Events::pop_event() {
    events_.pop();
    if (waiting_.empty()) return;
    resumed_.push_back(waiting_.front());
    waiting_.pop_front();
}

std::optional<std::uint64_t> Events::take_resumed() {
    if (resumed_.empty()) return std::nullopt;
    const std::uint64_t id = resumed_.front();
    resumed_.pop_front();
    return id;
}

bool Events::page_request(const PageRequest& request, bool response_has_pasid, Registers& registers,
                          Interrupts& interrupts) {
    PageResponse answer{request.sid, std::nullopt, request.prg_index, 0xF};
    if (!registers.enabled(cr0::SMMUEN) || !registers.enabled(cr0::PRIQEN) ||
        registers.error_active(gerror::PRIQ_ABT)) {
        respond(answer);
        return false;
    }
    QueueRegisters& queue = registers.priq;
    const std::uint32_t used = (queue.prod - queue.cons) & queue.mask();
    const bool room = used + pages_.size() < (std::size_t{1} << queue.log2_size());
    if (overflow_active(queue) || !room) {
        if (!overflow_active(queue)) overflow(queue);
        if (request.last) {
            answer.code = 0;
            if (response_has_pasid) answer.ssid = request.ssid;
            respond(answer);
            if (irq_cfg::PRIQ_LO.test(registers.priq_irq.attributes)) interrupts.raise(Interrupt::priq, registers);
        }
        return false;
    }
    PageRequestWords words{};
    page_request::SID.set(words, value(request.sid));
    if (request.ssid) {
        page_request::SSV.set(words, 1);
        page_request::SSID.set(words, value(*request.ssid));
        page_request::PRIV.set(words, request.privileged ? 1 : 0);
        page_request::EXEC.set(words, request.execute ? 1 : 0);
    }
    page_request::READ.set(words, request.read ? 1 : 0);
    page_request::WRITE.set(words, request.write ? 1 : 0);
    page_request::LAST.set(words, request.last ? 1 : 0);
    page_request::PRGINDEX.set(words, request.prg_index);
    page_request::ADDR.set_address(words, request.address);
    pages_.push_back(words);
    return true;
}

void Events::respond(const PageResponse& response) { responses_.push_back(response); }

std::optional<PageResponse> Events::take_page_response() {
    if (responses_.empty()) return std::nullopt;
    const PageResponse response = responses_.front();
    responses_.erase(responses_.begin());
    return response;
}

bool Events::pending(const Registers& registers, const Interrupts& interrupts) const {
    return state_ != State::idle || interrupts.msi_pending() || events_.count != 0 || !pages_.empty() ||
           (!stalls_.empty() && writable(registers));
}

void Events::drop(Registers& registers) {
    // Full is the only reason that software is told of.
    if (registers.enabled(cr0::EVENTQEN) && registers.eventq.full()) overflow(registers.eventq);
    ++lost;
    pop_event();
}

void Events::step(const Reply& reply, Registers& registers, Interrupts& interrupts, Step& step) {
    // The end of the access before.
    QueueRegisters& eventq = registers.eventq;
    switch (state_) {
        case State::idle:
            break;
        case State::event:
        case State::stall_event: {
            const bool stall = state_ == State::stall_event;
            if (reply.abort) {
                raise_error(gerror::EVENTQ_ABT, registers, interrupts);
                if (!stall) ++lost;
            } else {
                const bool was_empty = eventq.empty();
                eventq.prod = eventq.next(eventq.prod);
                ++written;
                if (was_empty) interrupts.raise(Interrupt::eventq, registers);
            }
            if (!stall) pop_event();
            if (stall && !reply.abort) stalls_.erase(stalls_.begin());
            break;
        }
        case State::page: {
            const PageRequestWords words = pages_.front();
            pages_.pop_front();
            QueueRegisters& priq = registers.priq;
            if (reply.abort) {
                raise_error(gerror::PRIQ_ABT, registers, interrupts);
                PageResponse answer;
                answer.sid = StreamId{static_cast<std::uint32_t>(page_request::SID.get(words))};
                answer.prg_index = static_cast<std::uint16_t>(page_request::PRGINDEX.get(words));
                answer.code = 0xF;
                respond(answer);
            } else {
                const bool was_empty = priq.empty();
                priq.prod = priq.next(priq.prod);
                ++requests;
                const bool signal =
                    irq_cfg::PRIQ_LO.test(registers.priq_irq.attributes) ? page_request::LAST.test(words) : was_empty;
                if (signal) interrupts.raise(Interrupt::priq, registers);
            }
            break;
        }
        case State::msi:
            interrupts.sent(sending_);
            if (reply.abort) {
                const Field error = sending_ == Interrupt::gerror   ? gerror::MSI_GERROR_ABT
                                    : sending_ == Interrupt::eventq ? gerror::MSI_EVENTQ_ABT
                                                                    : gerror::MSI_PRIQ_ABT;
                raise_error(error, registers, interrupts);
            }
            break;
    }
    state_ = State::idle;

    // The next one. The pointer that an MSI tells of is already visible.
    if (const auto source = interrupts.next_msi()) {
        const IrqConfig& config = *source == Interrupt::gerror   ? registers.gerror_irq
                                  : *source == Interrupt::eventq ? registers.eventq_irq
                                                                 : registers.priq_irq;
        state_ = State::msi;
        sending_ = *source;
        step.kind = StepKind::access;
        step.access.address = PhysAddr{config.address};
        step.access.size = 4;
        step.access.kind = AccessKind::write;
        step.access.purpose = Purpose::msi;
        store_le(step.access.data.data(), 4, config.data);
        return;
    }
    while (events_.count != 0 && !writable(registers)) drop(registers);
    if (events_.count != 0) {
        state_ = State::event;
        return write_record(step, events_.front(), eventq.address(eventq.prod, kEventBytes), Purpose::event);
    }
    if (!stalls_.empty() && writable(registers)) {
        state_ = State::stall_event;
        return write_record(step, stalls_.front(), eventq.address(eventq.prod, kEventBytes), Purpose::event);
    }
    if (!pages_.empty()) {
        state_ = State::page;
        return write_record(step, pages_.front(), registers.priq.address(registers.priq.prod, kPageRequestBytes),
                            Purpose::page_request);
    }
    step.kind = StepKind::idle;
}

void Events::clear() {
    state_ = State::idle;
    events_.count = 0;
    pages_.clear();
    stalls_.clear();
    responses_.clear();
    resumed_.insert(resumed_.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
}

}  // namespace xlate::iommu::smmuv3
