#include "iommu/exynos/slot.hpp"

#include <algorithm>

#include "iommu/slot_steps.hpp"

namespace xlate::iommu::exynos {

Slot::~Slot() { leave_waiting(); }

void Slot::leave_waiting() {
    if (state_ != State::waiting) return;
    auto& waiting = mmu_.waiting_;
    waiting.erase(std::remove(waiting.begin(), waiting.end(), this), waiting.end());
}

void Slot::start(const Request& request) {
    leave_waiting();
    request_ = request;
    input_ = request.address & low_mask(kInputBits);
    counted_ = retried_ = false;
    epoch_ = mmu_.epoch();
    state_ = State::begin;
}

void Slot::again() {
    leave_waiting();
    epoch_ = mmu_.epoch();
    state_ = State::begin;
}

std::optional<std::uint64_t> Slot::walked_space() const {
    if (state_ == State::flpd || state_ == State::section || state_ == State::page) return 0;
    return std::nullopt;
}

const Step& Slot::step(const Reply& reply) {
    switch (state_) {
        case State::idle:
            step_.kind = StepKind::idle;
            return step_;
        case State::begin:
            return begin();
        case State::tlb: {
            const CachedTranslation* entry = request_.debug ? mmu_.tlb_.peek(0, input_) : mmu_.tlb_.lookup(0, input_);
            if (entry != nullptr) {
                if (!request_.debug) ++mmu_.counters_.tlb_hits;
                return translated(*entry);
            }
            if (!request_.debug) ++mmu_.counters_.walks;
            return mmu_.caches_sections() && !request_.debug
                       ? lookup(Structure::walk_cache, State::flpd)
                       : read(mmu_.root() + std::uint64_t{section_index(input_)} * kWordBytes, Purpose::section,
                              State::section);
        }
        case State::flpd: {
            const WalkCacheEntry* entry = mmu_.flpd_.lookup(0, input_, kSectionBits);
            read_section_ = entry == nullptr;
            if (entry == nullptr) {
                return read(mmu_.root() + std::uint64_t{section_index(input_)} * kWordBytes, Purpose::section,
                            State::section);
            }
            return read(entry->table + std::uint64_t{page_index(input_)} * kWordBytes, Purpose::page, State::page);
        }
        case State::section:
            if (reply.abort) return fault(Fault::walk_aborted);
            return section(static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes)));
        case State::page: {
            if (reply.abort) return fault(Fault::walk_aborted);
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            const Kind kind = page_kind(word);
            if (kind == Kind::fault) return fault(Fault::page_invalid);
            keep_section();
            return leaf(word, kind);
        }
        case State::waiting:
        case State::finished:
            return step_;
    }
    return step_;
}

const Step& Slot::begin() {
    epoch_ = mmu_.epoch();
    read_section_ = true;
    if (request_.ats != AtsType::untranslated || request_.unsupported) return refuse(Fault::unsupported, false);
    if (!mmu_.enabled() && !mmu_.holds()) return pass();
    if (mmu_.holds() && !request_.debug) return wait();
    if (!counted_ && !request_.debug) ++mmu_.counters_.translations;
    counted_ = true;
    return lookup(Structure::tlb, State::tlb);
}

const Step& Slot::lookup(Structure structure, State next) {
    state_ = next;
    lookup_step(step_, structure, structure == Structure::walk_cache ? 2 : 0);
    return step_;
}

const Step& Slot::read(std::uint64_t from, AccessPurpose purpose, State next) {
    state_ = next;
    if (!request_.debug) ++mmu_.counters_.walk_reads;
    read_step(step_, request_, from, kWordBytes, purpose);
    step_.access.input = input_;
    return step_;
}

const Step& Slot::section(std::uint32_t word) {
    const Kind kind = section_kind(word);
    if (kind == Kind::fault) return fault(Fault::section_invalid);
    if (kind == Kind::section) return leaf(word, kind);
    table_ = address(word, Kind::table, mmu_.words_);
    if (mmu_.parameters_.version.at_least(3, 3)) keep_section();
    return read(table_ + std::uint64_t{page_index(input_)} * kWordBytes, Purpose::page, State::page);
}

// Once: before version 3.3 when the walk has found a page, from then on whatever it will find.
void Slot::keep_section() {
    if (!read_section_ || request_.debug || !mmu_.caches_sections() || epoch_ != mmu_.epoch()) return;
    read_section_ = false;
    WalkCacheEntry entry;
    entry.base = input_ & ~low_mask(kSectionBits);
    entry.table = table_;
    entry.shift = kSectionBits;
    entry.granule = kPageBits;
    entry.level = 2;
    mmu_.flpd_.fill(entry);
}

const Step& Slot::leaf(std::uint32_t word, Kind kind) {
    constexpr std::uint8_t kReads = Permissions::kUserRead | Permissions::kPrivilegedRead | Permissions::kUserExecute |
                                    Permissions::kPrivilegedExecute;
    constexpr std::uint8_t kWrites = Permissions::kUserWrite | Permissions::kPrivilegedWrite;
    const bool all = !cfg::EAP.test(mmu_.cfg_);
    const bool reads = all || may_read(word, kind, mmu_.words_), writes = all || may_write(word, kind, mmu_.words_);
    CachedTranslation entry;
    entry.log2_bytes = static_cast<std::uint8_t>(log2_bytes(kind));
    entry.leaf_log2_bytes = entry.log2_bytes;
    entry.granule = kPageBits;
    entry.level = kind == Kind::section ? 2 : 3;
    entry.va = input_ & ~low_mask(entry.log2_bytes);
    entry.pa = address(word, kind, mmu_.words_);
    entry.permissions.bits = static_cast<std::uint8_t>((reads ? kReads : 0) | (writes ? kWrites : 0));
    if (!request_.debug && epoch_ == mmu_.epoch()) mmu_.tlb_.fill(entry);
    return translated(entry);
}

const Step& Slot::translated(const CachedTranslation& entry) {
    if (!entry.permissions.allows(request_)) return fault(request_.write ? Fault::write_denied : Fault::read_denied);
    state_ = State::finished;
    step_.kind = StepKind::done;
    step_.result = {};
    step_.result.entry = entry;
    step_.result.entry.va = (request_.address - input_) | entry.va;
    step_.result.entry.stream = stream_tag(request_.sid, request_.ssid);
    step_.result.entry.attributes = request_.incoming;
    step_.result.attributes = request_.incoming;
    step_.result.pa = PhysAddr{entry.pa + (input_ & low_mask(entry.log2_bytes))};
    step_.result.epoch = epoch_;
    return step_;
}

const Step& Slot::pass() {
    state_ = State::finished;
    done_step(step_, request_, request_.address, epoch_);
    step_.result.entry.bypass = true;
    return step_;
}

const Step& Slot::wait() {
    state_ = State::waiting;
    mmu_.waiting_.push_back(this);
    step_.kind = StepKind::stalled;
    step_.result = {};
    step_.result.epoch = epoch_;
    return step_;
}

const Step& Slot::refuse(Fault fault, bool recorded) {
    state_ = State::finished;
    fault_step(step_, Response::read_zero_write_ignored, static_cast<std::uint16_t>(fault), epoch_);
    step_.result.recorded = recorded;
    return step_;
}

// Another access's fault may have come first, or a block: then this one finds out again when it is over.
const Step& Slot::fault(Fault fault) {
    if (request_.debug || request_.prefetch) return refuse(fault, false);
    if (mmu_.holds()) return wait();
    if (retried_) {
        ++mmu_.counters_.given_up;
        return refuse(fault, true);
    }
    mmu_.raise(fault, input_, request_.write);
    if (!mmu_.fault_stalls()) return refuse(fault, true);
    retried_ = true;
    wait();
    step_.result.fault = static_cast<std::uint16_t>(fault);
    step_.result.recorded = true;
    return step_;
}

}  // namespace xlate::iommu::exynos
