#include "iommu/intel/invalidation_queue.hpp"

#include "iommu/intel/vtd.hpp"

namespace xlate::iommu::vtd {

bool InvalidationQueue::runnable(const Vtd& unit) const {
    return unit.queue_on() && unit.queue_head != unit.queue_tail() && !unit.outputs.error(fsts::IQE) &&
           !unit.outputs.error(fsts::ITE);
}

bool InvalidationQueue::pending(const Vtd& unit) const { return busy() || runnable(unit); }

/// As many as there are in the line of the one at the head; an access has 16, 32 or 64 bytes.
void InvalidationQueue::fetch(Vtd& unit, Step& step) {
    constexpr std::uint64_t kLine = 64;
    const std::uint64_t address = unit.queue_address(unit.queue_head);
    unsigned count = 1;
    std::uint32_t next = unit.queue_next(unit.queue_head);
    while (count < unit.params().descriptors_per_fetch && next != unit.queue_tail() &&
           unit.queue_address(next) == address + std::uint64_t{count} * unit.queue_bytes() &&
           unit.queue_address(next) / kLine == address / kLine) {
        ++count;
        next = unit.queue_next(next);
    }
    fetched_ = count == 3 ? 2 : count;
    next_ = 0;
    state_ = State::fetch;
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{address};
    step.access.size = fetched_ * unit.queue_bytes();
    step.access.purpose = Purpose::descriptor;
}

/// With the descriptor in hand. False: it was an error, and the head stays at it.
bool InvalidationQueue::begin(Vtd& unit, Step& step) {
    if (illegal_descriptor(words_, unit.params(), unit.scalable(), unit.queue_wide())) {
        if (!waits_.empty()) {
            failing_ = true;
            drain(step);
            return true;
        }
        unit.outputs.raise(fsts::IQE, unit.registers);
        clear();
        return false;
    }
    const auto type = static_cast<DescriptorType>(qi::TYPE.get(words_[0]));
    const bool plain = type == DescriptorType::wait || type == DescriptorType::interrupt_entry_cache ||
                       type == DescriptorType::device_tlb || type == DescriptorType::pasid_device_tlb ||
                       type == DescriptorType::page_group_response;
    const std::uint8_t code = descriptor_code(type, plain ? 0 : qi::G.get(words_[0]));
    step.opcode = code;
    ++executed[code % executed.size()];
    if (type == DescriptorType::wait) return begin_wait(unit, step);
    if (type == DescriptorType::page_group_response) {
        unit.respond(words_);
    } else {
        unit.invalidate(decode_descriptor(words_, unit.params()));
    }
    state_ = State::complete;
    step.kind = StepKind::executed;
    return true;
}

void InvalidationQueue::complete(Vtd& unit) {
    unit.queue_head = unit.queue_next(unit.queue_head);
    state_ = State::idle;
}

/// What an interrupt tells of is complete when it comes, and so is what stands before a fence.
bool InvalidationQueue::begin_wait(Vtd& unit, Step& step) {
    waits_.push_back({words_, unit.queue_head});
    const bool last = qi::FN.test(words_[0]) || qi::IF.test(words_[0]) || waits_.size() == kMostWaits ||
                      unit.queue_next(unit.queue_head) == unit.queue_tail();
    if (last) {
        at_head_ = true;
        drain(step);
    } else {
        state_ = State::complete;
        step.kind = StepKind::executed;
    }
    return true;
}

void InvalidationQueue::drain(Step& step) {
    written_ = 0;
    state_ = State::sync;
    step.kind = StepKind::sync;
    step.opcode = descriptor_code(DescriptorType::wait, 0);
}

/// The next status of those that have one. False: none is left.
bool InvalidationQueue::write_status(Step& step) {
    while (written_ < waits_.size()) {
        const Descriptor& wait = waits_[written_++].words;
        if (!qi::SW.test(wait[0])) continue;
        state_ = State::status;
        step.kind = StepKind::access;
        step.access = {};
        step.access.address = PhysAddr{wait[1] & ~low_mask(2)};
        step.access.size = 4;
        step.access.kind = AccessKind::write;
        step.access.purpose = Purpose::wait_status;
        store_le(step.access.data.data(), 4, qi::STATUS.get(wait[0]));
        return true;
    }
    return false;
}

// The head moves first: software may look at it as soon as the interrupt is there.
void InvalidationQueue::end_waits(Vtd& unit) {
    state_ = State::idle;
    if (at_head_) {
        complete(unit);
        if (qi::IF.test(waits_.back().words[0])) unit.outputs.complete(unit.registers);
    }
    const bool failing = failing_;
    waits_.clear();
    at_head_ = failing_ = false;
    if (!failing) return;
    unit.outputs.raise(fsts::IQE, unit.registers);
    clear();
}

void InvalidationQueue::step(Vtd& unit, const Reply& reply, Step& step) {
    switch (state_) {
        case State::idle:
            break;
        case State::fetch: {
            if (reply.abort) {
                if (!waits_.empty()) {
                    failing_ = true;
                    drain(step);
                    return;
                }
                unit.outputs.raise(fsts::IQE, unit.registers);
                clear();
                break;
            }
            const unsigned words = unit.queue_bytes() / 8;
            for (unsigned i = 0; i < fetched_; ++i) {
                line_[i] = {};
                for (unsigned j = 0; j < words; ++j) line_[i][j] = load_le(&reply.data[8 * (words * i + j)], 8);
            }
            words_ = line_[next_++];
            if (!begin(unit, step)) break;
            return;
        }
        case State::complete:
            complete(unit);
            break;
        case State::sync:
            if (reply.abort) {
                // 6.5.2.10: a device TLB has not answered: the wait is given up, and nothing is fetched until software
                // clears the error.
                if (at_head_) complete(unit);
                unit.outputs.raise(fsts::ITE, unit.registers);
                clear();
                break;
            }
            if (write_status(step)) return;
            end_waits(unit);
            break;
        case State::status:
            if (reply.abort) {
                unit.queue_head = waits_[written_ - 1].index;
                unit.outputs.raise(fsts::IQE, unit.registers);
                clear();
                break;
            }
            if (write_status(step)) return;
            end_waits(unit);
            break;
    }
    // 11.4.9.2: a tail outside of the queue, or inside of a descriptor.
    if (runnable(unit) && unit.queue_tail() >= unit.queue_entries()) unit.outputs.raise(fsts::IQE, unit.registers);
    if (!runnable(unit)) {
        if (!waits_.empty()) {
            drain(step);  // the queue was turned off behind them, or something is wrong
        } else {
            step.kind = StepKind::idle;
        }
        return;
    }
    if (next_ < fetched_) {
        words_ = line_[next_++];
        if (begin(unit, step)) return;
        step.kind = StepKind::idle;
        return;
    }
    fetch(unit, step);
}

bool RegisterInvalidation::pending(const Vtd& unit) const {
    return running_ || ccmd::ICC.test(unit.registers.get(reg::CCMD)) || iotlb::IVT.test(unit.iotlb_register);
}

void RegisterInvalidation::step(Vtd& unit, Step& step) {
    if (running_) {
        running_ = false;
        if (context_) {
            unit.registers.set(reg::CCMD, ccmd::ICC.set(unit.registers.get(reg::CCMD), 0));
        } else {
            unit.iotlb_register = iotlb::IVT.set(unit.iotlb_register, 0);
        }
    }
    if (!pending(unit)) {
        step.kind = StepKind::idle;
        return;
    }
    const std::uint64_t command = unit.registers.get(reg::CCMD);
    context_ = ccmd::ICC.test(command);
    running_ = true;
    // Granularity 0 is reserved, and while the queue is on registers are not for use: nothing is done, and the actual
    // granularity (CAIG, IAIG) says so.
    Descriptor words{};
    std::uint64_t granularity = context_ ? ccmd::CIRG.get(command) : iotlb::IIRG.get(unit.iotlb_register);
    if (unit.queue_on()) granularity = 0;
    if (context_) {
        words[0] = qi::TYPE.of(static_cast<unsigned>(DescriptorType::context_cache)) | qi::G.of(granularity) |
                   qi::DID.of(ccmd::DID.get(command)) | qi::CC_SID.of(ccmd::SID.get(command)) |
                   qi::CC_FM.of(ccmd::FM.get(command));
        unit.registers.set(reg::CCMD, ccmd::CAIG.set(command, granularity));
    } else {
        const bool page = granularity == qi::PAGE;
        if (page &&
            (!cap::PSI.test(unit.params().cap) || iva::AM.get(unit.iva_register) > cap::MAMV.get(unit.params().cap))) {
            granularity = qi::DOMAIN;  // what hardware may do in its place
        }
        words[0] = qi::TYPE.of(static_cast<unsigned>(DescriptorType::iotlb)) | qi::G.of(granularity) |
                   qi::DID.of(iotlb::DID.get(unit.iotlb_register));
        words[1] = unit.iva_register;
        unit.iotlb_register = iotlb::IAIG.set(unit.iotlb_register, granularity);
    }
    if (granularity != 0) unit.invalidate(decode_descriptor(words, unit.params()));
    step.kind = StepKind::sync;
    step.opcode = descriptor_code(DescriptorType::wait, 0);
}

}  // namespace xlate::iommu::vtd
