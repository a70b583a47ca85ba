#include "iommu/riscv/outputs.hpp"

#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/purpose.hpp"

namespace xlate::iommu::riscv {

namespace {

constexpr std::uint8_t kSuccess = 0, kInvalidRequest = 1, kResponseFailure = 15;

bool accepts(const Queue& queue) {
    return queue.active() && !queue.error(queue_csr::MF) && !queue.error(queue_csr::OVERFLOW);
}

template <std::size_t N>
void write_record(Step& step, const std::array<std::uint64_t, N>& words, std::uint64_t address, AccessPurpose purpose,
                  bool big_endian) {
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{address};
    step.access.size = 8 * N;
    step.access.kind = AccessKind::write;
    step.access.purpose = purpose;
    for (std::size_t i = 0; i < N; ++i) {
        (big_endian ? &store_be : &store_le)(step.access.data.data() + 8 * i, 8, words[i]);
    }
}

PageRequestWords encode(const PageRequest& request) {
    namespace pr = page_request;
    PageRequestWords words{};
    words[0] = pr::DID.of(value(request.sid));
    if (request.ssid) {
        words[0] |= pr::PV.of(1) | pr::PID.of(value(*request.ssid)) | pr::PRIV.of(request.privileged ? 1 : 0) |
                    pr::EXEC.of(request.execute ? 1 : 0);
    }
    words[1] = pr::R.of(request.read ? 1 : 0) | pr::W.of(request.write ? 1 : 0) | pr::L.of(request.last ? 1 : 0) |
               pr::PRGI.of(request.prg_index) | (request.address & ~low_mask(kPageBits));
    return words;
}

/// Stop markers ask for nothing.
bool wants_answer(const PageRequest& request) { return request.last && (request.read || request.write); }

}  // namespace

Outputs::Reported Outputs::report(const FaultWords& words, std::uint64_t request_id, Registers& registers) {
    Queue& queue = registers.fq;
    if (!accepts(queue)) {
        ++lost;
        return Reported::lost;
    }
    if (count_ == kCapacity) {
        waiting_.push_back(request_id);
        return Reported::no_room;
    }
    // Those that wait to be written have their places in the queue already.
    if (((queue.tail + count_ + 1) & queue.mask()) == queue.head || count_ > queue.mask()) {
        queue.raise(queue_csr::OVERFLOW);
        raise(Interrupt::fault, registers);
        ++lost;
        return Reported::lost;
    }
    faults_[(first_ + count_++) % kCapacity] = words;
    return Reported::recorded;
}

/// A record has left; the oldest of the accesses that wait for its place goes on.
void Outputs::pop_fault() {
    first_ = (first_ + 1) % kCapacity;
    --count_;
    if (waiting_.empty()) return;
    resumed_.push_back(waiting_.front());
    waiting_.pop_front();
}

std::optional<std::uint64_t> Outputs::take_resumed() {
    if (resumed_.empty()) return std::nullopt;
    const std::uint64_t id = resumed_.front();
    resumed_.pop_front();
    return id;
}

std::optional<PageResponse> Outputs::take_page_response() {
    if (responses_.empty()) return std::nullopt;
    const PageResponse response = responses_.front();
    responses_.pop_front();
    return response;
}

void Outputs::raise(Interrupt interrupt, Registers& registers) {
    const std::uint32_t bit = std::uint32_t{1} << static_cast<unsigned>(interrupt);
    const bool enabled = interrupt == Interrupt::command ? registers.cq.interrupts
                         : interrupt == Interrupt::fault ? registers.fq.interrupts
                         : interrupt == Interrupt::page  ? registers.pq.interrupts
                                                         : true;
    if (!enabled || (registers.ipsr & bit) != 0) return;
    registers.ipsr |= bit;
    if (!registers.wired()) unsent_ |= bit;
}

/// The messages of a masked vector wait until it is unmasked.
std::optional<Interrupt> Outputs::next_msi(const Registers& registers) const {
    constexpr Field kVector[] = {icvec::CIV, icvec::FIV, icvec::PMIV, icvec::PIV};
    for (unsigned i = 0; i < kInterrupts; ++i) {
        if ((unsent_ >> i & 1) != 0 && !registers.msi[kVector[i].get(registers.icvec)].masked) {
            return static_cast<Interrupt>(i);
        }
    }
    return std::nullopt;
}

bool Outputs::pending(const Registers& registers) const {
    return state_ != State::idle || count_ != 0 || !requests_.empty() || next_msi(registers).has_value();
}

/// The end of the access before.
void Outputs::finish(Iommu& iommu, const Reply& reply) {
    Registers& registers = iommu.registers;
    switch (state_) {
        case State::idle:
        case State::locate:
            return;
        case State::fault:
            if (reply.abort) {
                registers.fq.raise(queue_csr::MF);
                ++lost;
            } else {
                registers.fq.tail = registers.fq.next(registers.fq.tail);
                ++written;
            }
            pop_fault();
            raise(Interrupt::fault, registers);
            break;
        case State::page:
            if (reply.abort) {
                registers.pq.raise(queue_csr::MF);
                raise(Interrupt::page, registers);
                refuse_page(iommu, std::nullopt, kResponseFailure);
            } else {
                registers.pq.tail = registers.pq.next(registers.pq.tail);
                ++requests;
                raise(Interrupt::page, registers);
                page_ended();
            }
            break;
        case State::msi:
            if (reply.abort) {
                FaultWords words{};
                words[0] = fault::CAUSE.of(static_cast<std::uint64_t>(Cause::msi_write));
                constexpr Field kVector[] = {icvec::CIV, icvec::FIV, icvec::PMIV, icvec::PIV};
                words[2] = registers.msi[kVector[static_cast<unsigned>(sending_)].get(registers.icvec)].address;
                if (count_ == kCapacity) {
                    ++lost;
                } else {
                    report(words, 0, registers);
                }
            }
            break;
    }
    state_ = State::idle;
}

void Outputs::page_ended() {
    requests_.pop_front();
    located_ = false;
}

/// The request at the front cannot be queued. `code`: what it is answered, if it wants an answer.
void Outputs::refuse_page(Iommu& iommu, std::optional<Cause> cause, std::uint8_t code, bool silent) {
    const PageRequest& request = requests_.front();
    if (cause && !silent) {
        FaultWords words{};
        words[0] = encode(request)[0] & ~page_request::EXEC.mask();
        words[0] |= fault::CAUSE.of(static_cast<std::uint64_t>(*cause)) |
                    fault::TTYP.of(static_cast<std::uint64_t>(Ttyp::message));
        words[2] = kPageRequestMessage;
        if (count_ == kCapacity) {
            ++lost;
        } else {
            report(words, 0, iommu.registers);
        }
    }
    if (wants_answer(request)) {
        PageResponse answer{request.sid, std::nullopt, request.prg_index, code};
        // A failure is answered as it was asked; else the context says whether endpoints want their PASID back.
        const bool with_pasid = code == kResponseFailure || (located_ && walk_.context().test(tc::PRPR));
        if (with_pasid) answer.ssid = request.ssid;
        respond(answer);
    }
    page_ended();
}

/// The next step for the page request at the front. False: it has ended.
bool Outputs::begin_page(Iommu& iommu, Step& step) {
    Registers& registers = iommu.registers;
    const PageRequest& request = requests_.front();
    if (!located_) {
        if (registers.ddtp_mode() == ddtp::OFF) {
            refuse_page(iommu, Cause::disallowed, kResponseFailure);
            return false;
        }
        if (registers.ddtp_mode() == ddtp::BARE) {
            refuse_page(iommu, Cause::type_disallowed, kInvalidRequest);
            return false;
        }
        walk_.start({value(request.sid), std::nullopt, false});
        state_ = State::locate;
        return true;
    }
    if (!walk_.context().test(tc::EN_PRI)) {
        refuse_page(iommu, Cause::type_disallowed, kInvalidRequest, walk_.context().test(tc::DTF));
        return false;
    }
    Queue& queue = registers.pq;
    if (!queue.active() || queue.error(queue_csr::MF)) {
        refuse_page(iommu, std::nullopt, kResponseFailure);
        return false;
    }
    if (!queue.error(queue_csr::OVERFLOW) && queue.next(queue.tail) == queue.head) {
        queue.raise(queue_csr::OVERFLOW);
        raise(Interrupt::page, registers);
    }
    if (queue.error(queue_csr::OVERFLOW)) {
        refuse_page(iommu, std::nullopt, kSuccess);
        return false;
    }
    state_ = State::page;
    write_record(step, encode(request), queue.address(queue.tail, kPageRequestBytes), Purpose::page_request,
                 registers.big_endian());
    return true;
}

void Outputs::step(Iommu& iommu, const Reply& reply, Step& step) {
    Registers& registers = iommu.registers;
    finish(iommu, reply);
    for (;;) {
        if (state_ == State::locate) {
            switch (walk_.advance(iommu, reply, step)) {
                case Progress::step:
                    return;
                case Progress::fault:
                    state_ = State::idle;
                    refuse_page(iommu, walk_.cause(),
                                walk_.cause() == Cause::type_disallowed ? kInvalidRequest : kResponseFailure);
                    continue;
                case Progress::done:
                    state_ = State::idle;
                    located_ = true;
                    break;
            }
        }
        // What the records of an error or of a queue that went off are: dropped.
        while (count_ != 0 && (!registers.fq.active() || registers.fq.error(queue_csr::MF))) {
            ++lost;
            pop_fault();
        }
        if (count_ != 0) {
            state_ = State::fault;
            write_record(step, faults_[first_], registers.fq.address(registers.fq.tail, kFaultBytes),
                         Purpose::fault_record, registers.big_endian());
            return;
        }
        // The tail that a message tells of is already visible.
        if (const auto interrupt = next_msi(registers)) {
            constexpr Field kVector[] = {icvec::CIV, icvec::FIV, icvec::PMIV, icvec::PIV};
            sending_ = *interrupt;
            unsent_ &= ~(std::uint32_t{1} << static_cast<unsigned>(sending_));
            const MsiVector& vector = registers.msi[kVector[static_cast<unsigned>(sending_)].get(registers.icvec)];
            ++messages;
            state_ = State::msi;
            step.kind = StepKind::access;
            step.access = {};
            step.access.address = PhysAddr{vector.address};
            step.access.size = 4;
            step.access.kind = AccessKind::write;
            step.access.purpose = Purpose::msi;
            store_le(step.access.data.data(), 4, vector.data);
            return;
        }
        if (requests_.empty()) break;
        if (begin_page(iommu, step) && state_ == State::page) return;
    }
    step.kind = StepKind::idle;
}

void Outputs::clear() {
    state_ = State::idle;
    first_ = count_ = unsent_ = 0;
    requests_.clear();
    responses_.clear();
    located_ = false;
    for (const std::uint64_t id : waiting_) resumed_.push_back(id);
    waiting_.clear();
}

}  // namespace xlate::iommu::riscv
