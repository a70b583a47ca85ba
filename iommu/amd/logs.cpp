#include "iommu/amd/logs.hpp"

#include "iommu/amd/iommu.hpp"
#include "iommu/amd/purpose.hpp"

namespace xlate::iommu::amd {

namespace {

constexpr std::uint8_t kFailure = 15;

bool events_on(const Registers& registers) {
    return registers.on(control::EN) && registers.on(control::EVTLOG) && !registers.events.stopped;
}
bool pprs_on(const Registers& registers) {
    return registers.on(control::EN) && registers.on(control::PPR) && registers.on(control::PPRLOG) &&
           !registers.pprs.stopped;
}

void write_entry(Step& step, const EntryWords& words, std::uint64_t address, AccessPurpose purpose) {
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{address};
    step.access.size = kEntryBytes;
    step.access.kind = AccessKind::write;
    step.access.purpose = purpose;
    store_le(step.access.data.data(), 8, words[0]);
    store_le(step.access.data.data() + 8, 8, words[1]);
}

EntryWords encode(const PageRequest& request) {
    EntryWords words{ppr::CODE.of(ppr::REQUEST) | ppr::DEVICE.of(value(request.sid)) | ppr::TAG.of(request.prg_index),
                     request.address & ~low_mask(kPageBits)};
    words[0] |= ppr::READ.of(request.read ? 1 : 0) | ppr::WRITE.of(request.write ? 1 : 0) |
                ppr::EXEC.of(request.execute ? 1 : 0) | ppr::US.of(request.privileged ? 0 : 1);
    if (request.ssid) {
        const std::uint32_t pasid = value(*request.ssid);
        words[0] |= ppr::GN.of(1) | ppr::PASID_15_0.of(pasid) | ppr::PASID_19_16.of(pasid >> 16);
    }
    return words;
}

}  // namespace

/// Full: one entry stays free. What is lost then is not told; the log stops until software turns it off and on.
bool Logs::report(const EntryWords& words, Registers& registers) {
    if (!events_on(registers)) {
        ++lost;
        return false;
    }
    // Those that wait to be written have their places in the log already.
    if (registers.events.full(count_ + std::uint64_t{1}) || count_ == kCapacity) {
        registers.events.stopped = true;
        raise(status::EVT_OVF, registers);
        ++lost;
        return false;
    }
    events_[(first_ + count_++) % kCapacity] = words;
    return true;
}

std::optional<PageResponse> Logs::take_page_response() {
    if (responses_.empty()) return std::nullopt;
    const PageResponse response = responses_.front();
    responses_.pop_front();
    return response;
}

void Logs::raise(Field bit, Registers& registers) {
    const bool of_page = bit.lsb == status::PPRINT.lsb || bit.lsb == status::PPR_OVF.lsb;
    const bool enabled = bit.lsb == status::COMWAIT.lsb ? registers.on(control::COMWAIT)
                         : of_page                      ? registers.on(control::PPRINT)
                                                        : registers.on(control::EVTINT);
    // What tells of new records is set only if it is wanted; what tells of loss, and of a wait's end, always.
    const bool of_record = bit.lsb == status::EVTINT.lsb || bit.lsb == status::PPRINT.lsb;
    const bool was = bit.test(registers.status);
    if (enabled || !of_record) registers.status |= bit.mask();
    if (!enabled || was) return;
    ++messages;
    if (registers.on(control::INTCAPXT)) {
        const std::uint64_t how = of_page ? registers.xt_ppr : registers.xt_evt;
        const std::uint64_t to = xt_int::DEST_LOW.get(how);
        unsent_.push_back(
            {kInterruptFirst | message::DEST.of(to) | (to >> 8 | xt_int::DEST_HIGH.get(how) << 16) << 40 |
                 message::DM.of(xt_int::DM.get(how)),
             static_cast<std::uint32_t>(xt_int::VECTOR.get(how) | message::DELIVERY.of(xt_int::DELIVERY.get(how)))});
    } else if (msi_cap::ENABLE.test(registers.msi_cap)) {
        unsent_.push_back({registers.msi_addr_lo | std::uint64_t{registers.msi_addr_hi} << 32, registers.msi_data});
    } else {
        pulses_ = 1;
    }
}

bool Logs::take_pulse() {
    const bool pulse = pulses_ != 0;
    pulses_ = 0;
    return pulse;
}

bool Logs::pending(const Registers&) const {
    return state_ != State::idle || count_ != 0 || !requests_.empty() || !unsent_.empty();
}

/// The end of the access before.
void Logs::finish(const Reply& reply, Registers& registers) {
    switch (state_) {
        case State::idle:
            return;
        case State::event:
            first_ = (first_ + 1) % kCapacity;
            --count_;
            if (reply.abort) {
                ++lost;
                break;
            }
            registers.events.tail = registers.events.next(registers.events.tail);
            ++written;
            raise(status::EVTINT, registers);
            break;
        case State::page:
            if (reply.abort) {
                refuse_page();
                break;
            }
            registers.pprs.tail = registers.pprs.next(registers.pprs.tail);
            ++requests;
            requests_.pop_front();
            raise(status::PPRINT, registers);
            break;
        case State::msi:
            break;
    }
    state_ = State::idle;
}

/// The request at the front cannot be logged: its endpoint hears of a failure, or it would wait for ever.
void Logs::refuse_page() {
    const PageRequest& request = requests_.front();
    if (request.last) responses_.push_back({request.sid, request.ssid, request.prg_index, kFailure});
    requests_.pop_front();
}

/// False: it has ended.
bool Logs::begin_page(Registers& registers, Step& step) {
    if (!pprs_on(registers)) {
        refuse_page();
        return false;
    }
    if (registers.pprs.full()) {
        registers.pprs.stopped = true;
        raise(status::PPR_OVF, registers);
        refuse_page();
        return false;
    }
    state_ = State::page;
    write_entry(step, encode(requests_.front()), registers.pprs.address(registers.pprs.tail), Purpose::ppr);
    return true;
}

void Logs::step(Iommu& iommu, const Reply& reply, Step& step) {
    Registers& registers = iommu.registers;
    finish(reply, registers);
    // Events of before go out even when an overflow has stopped the log; not when software has.
    while (count_ != 0 && !(registers.on(control::EN) && registers.on(control::EVTLOG))) {
        first_ = (first_ + 1) % kCapacity;
        --count_;
        ++lost;
    }
    if (count_ != 0) {
        state_ = State::event;
        write_entry(step, events_[first_], registers.events.address(registers.events.tail), Purpose::event);
        return;
    }
    // The tail that a message tells of is already visible.
    if (!unsent_.empty()) {
        state_ = State::msi;
        step.kind = StepKind::access;
        step.access = {};
        step.access.address = PhysAddr{unsent_.front().address};
        step.access.size = 4;
        step.access.kind = AccessKind::write;
        step.access.purpose = Purpose::msi;
        store_le(step.access.data.data(), 4, unsent_.front().data);
        unsent_.pop_front();
        return;
    }
    while (!requests_.empty()) {
        if (begin_page(registers, step)) return;
    }
    step.kind = StepKind::idle;
}

void Logs::clear() {
    state_ = State::idle;
    first_ = count_ = pulses_ = 0;
    unsent_.clear();
    requests_.clear();
    responses_.clear();
}

}  // namespace xlate::iommu::amd
