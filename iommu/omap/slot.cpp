#include "iommu/omap/slot.hpp"

#include <algorithm>

#include "iommu/slot_steps.hpp"

namespace xlate::iommu::omap {

// The MMU knows what waits, and how many walks are under way.
void Slot::enter(State state) {
    const bool walks = state == State::directory || state == State::table;
    if (walks != walking_) mmu_.walking_ += walks ? 1 : ~0U;
    walking_ = walks;
    if (state_ == State::waiting && state != State::waiting) {
        auto& waiting = mmu_.waiting_;
        waiting.erase(std::remove(waiting.begin(), waiting.end(), this), waiting.end());
    }
    state_ = state;
}

void Slot::start(const Request& request) {
    enter(State::idle);
    request_ = request;
    counted_ = missed_ = false;
    enter(State::begin);
}

void Slot::again() { enter(State::begin); }

std::optional<std::uint64_t> Slot::walked_space() const {
    return walking_ ? std::optional<std::uint64_t>(0) : std::nullopt;
}

const Step& Slot::step(const Reply& reply) {
    switch (state_) {
        case State::idle:
            step_.kind = StepKind::idle;
            return step_;
        case State::begin:
            return begin();
        case State::tlb:
            return lookup();
        case State::directory: {
            if (reply.abort) return fault(Fault::walk);
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            const auto type = l1::TYPE.get(word);
            if (type == l1::TYPE_TABLE) {
                return read(l1::table(word) + table_index(request_.address) * kWordBytes, Purpose::table, State::table);
            }
            if (type != l1::TYPE_SECTION) return fault(Fault::translation);
            const std::uint64_t attributes = ram::MIXED.of(l1::MIXED.get(word)) | ram::ENDIAN.of(l1::ENDIAN.get(word)) |
                                             ram::ELSZ.of(l1::ELSZ.get(word));
            return walked(word, l1::log2_bytes(word), static_cast<std::uint32_t>(attributes));
        }
        case State::table: {
            if (reply.abort) return fault(Fault::walk);
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (!l2::present(word)) return fault(Fault::translation);
            const std::uint64_t attributes = ram::MIXED.of(l2::MIXED.get(word)) | ram::ENDIAN.of(l2::ENDIAN.get(word)) |
                                             ram::ELSZ.of(l2::ELSZ.get(word));
            return walked(word, l2::log2_bytes(word), static_cast<std::uint32_t>(attributes));
        }
        case State::waiting:
        case State::finished:
            return step_;
    }
    return step_;
}

const Step& Slot::begin() {
    epoch_ = mmu_.epoch();
    if (request_.ats != AtsType::untranslated || request_.unsupported) return refuse(Fault::unsupported, false);
    if (!cntl::MMU_EN.test(mmu_.cntl_)) return pass();
    if (!counted_ && !request_.debug) ++mmu_.counters_.translations;
    counted_ = true;
    if (request_.address >> kInputBits != 0) return refuse(Fault::out_of_range, false);
    enter(State::tlb);
    lookup_step(step_, Structure::tlb);
    return step_;
}

const Step& Slot::lookup() {
    const Omap::Match match = mmu_.find(address());
    if (!request_.debug) {
        ++mmu_.tlb_counters_.lookups;
        if (match.entry != nullptr) ++mmu_.tlb_counters_.hits;
    }
    if (match.several) return fault(Fault::multi_hit);
    if (match.entry != nullptr) return done(*match.entry);
    if (!request_.debug) ++mmu_.counters_.tlb_misses;
    if (!cntl::TWL_EN.test(mmu_.cntl_)) return fault(Fault::tlb_miss);
    if (!request_.debug) ++mmu_.counters_.walks;
    return read(mmu_.ttb_ + directory_index(request_.address) * kWordBytes, Purpose::directory, State::directory);
}

const Step& Slot::read(std::uint32_t from, AccessPurpose purpose, State next) {
    enter(next);
    if (!request_.debug) ++mmu_.counters_.walk_reads;
    read_step(step_, request_, from, kWordBytes, purpose);
    return step_;
}

// Another walk may have filled the entry meanwhile: a second one would be a multiple hit.
const Step& Slot::walked(std::uint32_t page, unsigned log2_bytes, std::uint32_t attributes) {
    const auto below = static_cast<std::uint32_t>(low_mask(log2_bytes));
    Omap::Entry entry;
    entry.cam = static_cast<std::uint32_t>((address() & ~below) | cam::V.of(1) | cam::PGSZ.of(cam::pgsz(log2_bytes)));
    entry.ram = (page & ~below) | attributes;
    if (!request_.debug && epoch_ == mmu_.epoch() && mmu_.find(address()).entry == nullptr) mmu_.fill(entry);
    return done(entry);
}

// No port keeps it: the MMU's TLB is the only one, and what software reads in it is all that there is.
const Step& Slot::done(const Omap::Entry& entry) {
    const unsigned bits = cam::log2_bytes(entry.cam);
    enter(State::finished);
    step_.kind = StepKind::done;
    step_.result = {};
    CachedTranslation& kept = step_.result.entry;
    kept.va = align_down(request_.address, std::uint64_t{1} << bits);
    kept.pa = align_down(ram::page(entry.ram), std::uint64_t{1} << bits);
    kept.stream = stream_tag(request_.sid, request_.ssid);
    kept.log2_bytes = kept.leaf_log2_bytes = static_cast<std::uint8_t>(bits);
    kept.granule = kPageBits;
    kept.level = bits >= kSectionBits ? 2 : 3;
    kept.permissions.bits = Permissions::kAll;
    kept.attributes = request_.incoming;
    step_.result.attributes = request_.incoming;
    step_.result.pa = PhysAddr{kept.pa | (request_.address & low_mask(bits))};
    step_.result.epoch = epoch_;
    return step_;
}

const Step& Slot::pass() {
    enter(State::finished);
    done_step(step_, request_, request_.address, epoch_);
    step_.result.entry.bypass = true;
    return step_;
}

const Step& Slot::fault(Fault fault) {
    if (request_.debug || request_.prefetch) return refuse(fault, false);
    const bool recorded = mmu_.raise(fault, address());
    if (gp::BUS_ERR_BACK_EN.test(mmu_.gp_)) return refuse(fault, recorded);
    missed_ = recorded && fault == Fault::tlb_miss;
    return wait(fault, recorded);
}

const Step& Slot::refuse(Fault fault, bool recorded) {
    enter(State::finished);
    fault_step(step_, Response::abort, static_cast<std::uint16_t>(fault), epoch_);
    step_.result.recorded = recorded;
    return step_;
}

const Step& Slot::wait(Fault fault, bool recorded) {
    enter(State::waiting);
    mmu_.waiting_.push_back(this);
    step_.kind = StepKind::stalled;
    step_.result = {};
    step_.result.fault = static_cast<std::uint16_t>(fault);
    step_.result.recorded = recorded;
    step_.result.epoch = epoch_;
    return step_;
}

}  // namespace xlate::iommu::omap
