#include "iommu/virtio/slot.hpp"

namespace xlate::iommu::virtio {

namespace {

constexpr unsigned kLargestEntry = 30;

/// The largest aligned block around `address` that one mapping maps as a whole.
CachedTranslation block_of(const Mapping& mapping, std::uint64_t address, unsigned page_log2) {
    CachedTranslation entry;
    unsigned log2 = page_log2;
    const std::uint64_t offset = mapping.target - mapping.first;
    for (unsigned larger = log2 + 1; larger <= kLargestEntry; ++larger) {
        const std::uint64_t start = address & ~low_mask(larger), end = start | low_mask(larger);
        if (start < mapping.first || end > mapping.last || ((start + offset) & low_mask(larger)) != 0) break;
        log2 = larger;
    }
    entry.va = address & ~low_mask(log2);
    entry.pa = entry.va + offset;
    entry.log2_bytes = static_cast<std::uint8_t>(log2);
    entry.granule = static_cast<std::uint8_t>(page_log2);
    constexpr std::uint8_t kReads = Permissions::kUserRead | Permissions::kPrivilegedRead | Permissions::kUserExecute |
                                    Permissions::kPrivilegedExecute;
    constexpr std::uint8_t kWrites = Permissions::kUserWrite | Permissions::kPrivilegedWrite;
    entry.permissions.bits = static_cast<std::uint8_t>(((mapping.flags & map_flag::READ) != 0 ? kReads : 0) |
                                                       ((mapping.flags & map_flag::WRITE) != 0 ? kWrites : 0));
    return entry;
}

}  // namespace

void Slot::start(const Request& request) {
    request_ = request;
    state_ = State::begin;
    counted_ = false;
}

const Step& Slot::step(const Reply&) {
    switch (state_) {
        case State::begin: {
            epoch_ = unit_.epoch();
            if (unit_.translates() && !counted_ && !request_.debug) ++unit_.counters_.translations;
            counted_ = true;
            const auto domain = unit_.domains_.domain_of(value(request_.sid));
            if (!domain) return find();
            domain_ = *domain;
            return lookup(Structure::tlb, State::tlb);
        }
        case State::tlb: {
            const CachedTranslation* hit = request_.debug ? unit_.tlb_.peek(domain_, request_.address)
                                                          : unit_.tlb_.lookup(domain_, request_.address);
            if (hit != nullptr && hit->permissions.allows(request_)) return done(*hit);
            if (!request_.debug) ++unit_.counters_.tlb_misses;
            return lookup(Structure::walk_cache, State::mappings);
        }
        case State::mappings:
            if (!request_.debug) ++unit_.mapping_lookups_;
            return find();
        case State::finished:
            return step_;
    }
    return step_;
}

const Step& Slot::lookup(Structure structure, State next) {
    state_ = next;
    step_ = {};
    step_.kind = StepKind::lookup;
    step_.lookup = {structure, 1, static_cast<std::uint8_t>(structure == Structure::walk_cache ? 3 : 0)};
    return step_;
}

const Step& Slot::find() {
    const Domains::Found found = unit_.domains_.find(value(request_.sid), request_.address, request_.write);
    if (found.verdict == Domains::Verdict::bypass) return pass();
    if (found.verdict != Domains::Verdict::mapped) return fault(found);
    CachedTranslation entry = block_of(found.mapping, request_.address, unit_.domains_.page_log2());
    entry.space = found.domain;
    if (!request_.debug) {
        ++unit_.mapping_hits_;
        if (epoch_ == unit_.epoch()) unit_.tlb_.fill(entry);
    }
    return done(entry);
}

const Step& Slot::done(const CachedTranslation& entry) {
    state_ = State::finished;
    step_ = {};
    step_.kind = StepKind::done;
    step_.result.entry = entry;
    step_.result.entry.stream = stream_tag(request_.sid, request_.ssid);
    step_.result.entry.attributes = request_.incoming;
    step_.result.attributes = request_.incoming;
    step_.result.pa = PhysAddr{entry.pa + (request_.address - entry.va)};
    step_.result.cacheable = !request_.debug;
    step_.result.epoch = epoch_;
    return step_;
}

const Step& Slot::pass() {
    state_ = State::finished;
    step_ = {};
    step_.kind = StepKind::done;
    step_.result.entry.bypass = true;
    step_.result.pa = PhysAddr{request_.address};
    step_.result.attributes = request_.incoming;
    step_.result.epoch = epoch_;
    return step_;
}

const Step& Slot::fault(const Domains::Found& found) {
    state_ = State::finished;
    step_ = {};
    step_.kind = StepKind::fault;
    step_.result.response = Response::abort;
    const Fault why = found.verdict == Domains::Verdict::no_endpoint ? Fault::unknown
                      : found.verdict == Domains::Verdict::no_domain ? Fault::domain
                      : found.verdict == Domains::Verdict::denied    ? Fault::permission
                                                                     : Fault::mapping;
    step_.result.fault = static_cast<std::uint16_t>(why);
    step_.result.epoch = epoch_;
    if (request_.debug || request_.prefetch) return step_;
    ++unit_.counters_.faults;
    step_.result.recorded = true;
    unit_.record(unit_.domains_.event_of(found, value(request_.sid), request_.address, request_.write));
    return step_;
}

}  // namespace xlate::iommu::virtio
