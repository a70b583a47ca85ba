#include "iommu/amd/interrupts.hpp"

#include "iommu/amd/iommu.hpp"
#include "iommu/amd/purpose.hpp"

namespace xlate::iommu::amd {

void Interrupt::start(const InterruptRequest& request) {
    request_ = request;
    state_ = State::begin;
}

const Step& Interrupt::step(const Reply& reply) {
    while (!advance(reply)) {
    }
    return step_;
}

bool Interrupt::advance(const Reply& reply) {
    const std::uint64_t index = message::INDEX.get(request_.data);
    const std::uint64_t tag = stream_tag(StreamId{request_.device}, SubstreamId{static_cast<std::uint32_t>(index)});
    switch (state_) {
        case State::begin:
            step_ = {};
            outcome_ = {};
            located_ = false;
            epoch_ = iommu_.epoch();
            if (!request_.debug) ++iommu_.counters.interrupts;
            if (!iommu_.registers.on(control::EN)) return pass();
            device_.start(request_.device, request_.debug);
            state_ = State::device;
            return false;
        case State::device:
            switch (device_.advance(iommu_, reply, step_)) {
                case Progress::step:
                    return true;
                case Progress::fault:
                    return fail(device_.fault());
                case Progress::done:
                    located_ = true;
                    return located();
            }
            return true;
        case State::cache:
            state_ = State::cache_looked_up;
            step_.kind = StepKind::lookup;
            step_.lookup = {Structure::config_cache, 1, 1};
            return true;
        case State::cache_looked_up:
            if (const EntryWords* hit = iommu_.irte_cache.lookup(tag)) return take_entry((*hit)[0], (*hit)[1]);
            state_ = State::read;
            return false;
        case State::read: {
            const std::uint32_t bytes = iommu_.registers.wide_irtes() ? 16 : 4;
            state_ = State::fetched;
            step_.kind = StepKind::access;
            step_.access = {};
            step_.access.address = PhysAddr{(device_.entry().words[2] & dte::INT_ROOT.mask()) + index * bytes};
            step_.access.size = bytes;
            step_.access.purpose = Purpose::irte;
            return true;
        }
        case State::fetched: {
            if (reply.abort) {
                WalkFault fault;
                fault.event = Event::page_tab_hw_error;
                fault.address = step_.access.address.value;
                return fail(fault);
            }
            const bool wide = iommu_.registers.wide_irtes();
            const EntryWords words{load_le(reply.data.data(), wide ? 8 : 4),
                                   wide ? load_le(reply.data.data() + 8, 8) : 0};
            if (!request_.debug && epoch_ == iommu_.epoch()) iommu_.irte_cache.fill(tag, words);
            return take_entry(words[0], words[1]);
        }
        case State::finished:
            return true;
    }
    return true;
}

/// Kinds of messages that tables do not remap pass if the device's entry says so; to a physical destination.
bool Interrupt::located() {
    const DteWords& words = device_.entry().words;
    if (!dte::IV.test(words[2])) return pass();
    const auto by_bit = [&](Field bit) {
        return bit.test(words[2]) && !message::DM.test(request_.address) ? pass() : block(false, false);
    };
    switch (message::DELIVERY.get(request_.data)) {
        case message::FIXED:
        case message::LOWEST:
            break;
        case message::NMI:
            return by_bit(dte::NMI);
        case message::INIT:
            return by_bit(dte::INIT);
        case message::EXTINT:
            return by_bit(dte::EINT);
        case message::SMI:
            return block(false, false);
        default:
            return dte::INT_CTL.get(words[2]) == dte::INT_PASS ? pass() : block(false, false);
    }
    const std::uint64_t length = dte::INT_TAB_LEN.get(words[2]);
    switch (dte::INT_CTL.get(words[2])) {
        case dte::INT_ABORT:
            return block(false, false);
        case dte::INT_PASS:
            return pass();
        case dte::INT_REMAP:
            break;
        default: {
            WalkFault fault;
            fault.event = Event::illegal_dev_table_entry;
            fault.reserved = true;
            return fail(fault);
        }
    }
    if (length > dte::kMaxIntTabLen) {
        WalkFault fault;
        fault.event = Event::illegal_dev_table_entry;
        return fail(fault);
    }
    if (message::INDEX.get(request_.data) >> length != 0) return block(false, dte::IG.test(words[2]));
    state_ = iommu_.irte_cache.enabled() && !request_.debug ? State::cache : State::read;
    return false;
}

bool Interrupt::take_entry(std::uint64_t low, std::uint64_t high) {
    const bool silent = irte::NOFAULT.test(low);
    if (!irte::EN.test(low)) return block(false, silent || dte::IG.test(device_.entry().words[2]));
    const std::uint64_t type = irte::TYPE.get(low);
    const bool wide = iommu_.registers.wide_irtes();
    // A guest's virtual APIC is not modelled.
    if (type > irte::ARBITRATED || irte::GUEST.test(low)) {
        WalkFault fault;
        fault.present = fault.reserved = true;
        return fail(fault, silent);
    }
    outcome_.remapped = true;
    outcome_.type = static_cast<std::uint8_t>(type);
    outcome_.logical = irte::DM.test(low);
    outcome_.redirection_hint = irte::EOI.test(low);
    if (wide) {
        outcome_.vector = static_cast<std::uint8_t>(irte::VECTOR.get(high));
        const std::uint64_t destination = irte::DEST24.get(low) | irte::DEST_HI.get(high) << 24;
        const bool x2apic = iommu_.params().has(feat::XT) && iommu_.registers.on(control::XT);
        outcome_.destination = static_cast<std::uint32_t>(x2apic ? destination : destination & 0xFF);
    } else {
        outcome_.vector = static_cast<std::uint8_t>(irte::VECTOR8.get(low));
        outcome_.destination = static_cast<std::uint32_t>(irte::DEST8.get(low));
    }
    outcome_.address = kInterruptFirst | message::DEST.of(outcome_.destination) |
                       std::uint64_t{outcome_.destination >> 8} << 40 | message::RH.of(outcome_.redirection_hint) |
                       message::DM.of(outcome_.logical);
    outcome_.data = static_cast<std::uint32_t>(outcome_.vector | message::DELIVERY.of(type));
    step_.kind = StepKind::done;
    step_.result = {};
    step_.result.pa = PhysAddr{outcome_.address};
    step_.result.epoch = epoch_;
    state_ = State::finished;
    return true;
}

bool Interrupt::pass() {
    outcome_ = {};
    outcome_.address = request_.address;
    outcome_.data = request_.data;
    step_.kind = StepKind::done;
    step_.result = {};
    step_.result.pa = PhysAddr{request_.address};
    step_.result.epoch = epoch_;
    state_ = State::finished;
    return true;
}

bool Interrupt::block(bool present, bool silent) {
    WalkFault fault;
    fault.present = present;
    return fail(fault, silent);
}

bool Interrupt::fail(const WalkFault& fault, bool silent) {
    step_.kind = StepKind::fault;
    step_.result = {};
    step_.result.fault = static_cast<std::uint16_t>(fault.event);
    step_.result.response = Response::abort;
    step_.result.epoch = epoch_;
    if (!request_.debug) {
        ++iommu_.counters.interrupts_blocked;
        if (!silent) {
            FaultSubject subject;
            subject.device = request_.device;
            subject.address = request_.address;
            subject.interrupt = true;
            step_.result.recorded = iommu_.report(fault, subject, located_ ? &device_.entry() : nullptr);
        }
    }
    state_ = State::finished;
    return true;
}

}  // namespace xlate::iommu::amd
