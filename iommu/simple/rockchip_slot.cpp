#include "iommu/simple/rockchip_slot.hpp"

#include <algorithm>

#include "iommu/simple/rockchip_spec.hpp"
#include "iommu/slot_steps.hpp"

namespace xlate::iommu::rockchip {
namespace {

Permissions rights(std::uint32_t word, bool reads, bool writes) {
    Permissions permissions;
    constexpr std::uint8_t kReads = Permissions::kUserRead | Permissions::kUserExecute | Permissions::kPrivilegedRead |
                                    Permissions::kPrivilegedExecute;
    constexpr std::uint8_t kWrites = Permissions::kUserWrite | Permissions::kPrivilegedWrite;
    if (reads && pte::READABLE.test(word)) permissions.bits |= kReads;
    if (writes && pte::WRITABLE.test(word)) permissions.bits |= kWrites;
    return permissions;
}

}  // namespace

Slot::~Slot() { enter(State::idle); }

// The bank counts what is on its way, and knows what waits.
void Slot::enter(State state) {
    const bool active = state != State::idle && state != State::finished;
    if (active != active_) bank().active += active ? 1 : ~0U;
    active_ = active;
    if (state_ == State::waiting && state != State::waiting) {
        auto& waiting = bank().waiting;
        waiting.erase(std::remove(waiting.begin(), waiting.end(), this), waiting.end());
    }
    state_ = state;
}

void Slot::start(const Request& request) {
    enter(State::idle);
    request_ = request;
    bank_ = mmu_.bank_of(request);
    epoch_ = mmu_.epoch();
    retried_ = false;
    counted_ = false;
    enter(State::begin);
}

void Slot::again() {
    enter(State::begin);
    epoch_ = mmu_.epoch();
}

// Called by the bank, which takes it off its list itself.
void Slot::resume() { state_ = State::begin; }

std::optional<std::uint64_t> Slot::walked_space() const {
    if (state_ == State::directory_cache || state_ == State::directory || state_ == State::table) return bank_;
    return std::nullopt;
}

const Step& Slot::step(const Reply& reply) {
    Rockchip::Bank& at = bank();
    switch (state_) {
        case State::idle:
            step_.kind = StepKind::idle;
            return step_;
        case State::begin:
            epoch_ = mmu_.epoch();
            if (request_.ats != AtsType::untranslated || request_.unsupported) return refuse(Fault::unsupported, false);
            if (!at.paging) return pass();
            if (at.holds() && !request_.debug) return wait();
            if (!counted_) ++mmu_.counters_.translations;
            counted_ = true;
            if (request_.address >> kInputBits != 0) return fault(Fault::out_of_range);
            return lookup(Structure::tlb, State::tlb);
        case State::tlb: {
            const CachedTranslation* entry =
                request_.debug ? at.tlb.peek(bank_, request_.address) : at.tlb.lookup(bank_, request_.address);
            if (entry == nullptr) {
                if (!request_.debug) ++mmu_.counters_.walks;
                return lookup(Structure::walk_cache, State::directory_cache);
            }
            ++mmu_.counters_.tlb_hits;
            std::uint32_t word = 0;
            if ((entry->permissions.bits & Permissions::kUserRead) != 0) word |= 1U << pte::READABLE.lsb;
            if ((entry->permissions.bits & Permissions::kUserWrite) != 0) word |= 1U << pte::WRITABLE.lsb;
            return done(entry->pa, word, true);
        }
        case State::directory_cache: {
            const WalkCacheEntry* entry = at.directory.lookup(bank_, request_.address, kDirectoryShift);
            if (entry != nullptr) return use_directory(entry->table);
            const std::uint64_t root = address(at.dte_addr, mmu_.parameters_.version);
            return read(root + std::uint64_t{directory_index(request_.address)} * kWordBytes, Purpose::directory,
                        State::directory);
        }
        case State::directory: {
            if (reply.abort) return fault(Fault::bus_error);
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (!dte::VALID.test(word)) return fault(Fault::directory_invalid);
            const std::uint64_t table = address(word, mmu_.parameters_.version);
            if (epoch_ == mmu_.epoch() && !request_.debug) {
                WalkCacheEntry entry;
                entry.space = bank_;
                entry.base = request_.address & ~low_mask(kDirectoryShift);
                entry.table = table;
                entry.shift = kDirectoryShift;
                entry.granule = kPageBits;
                at.directory.fill(entry);
            }
            return use_directory(table);
        }
        case State::table: {
            if (reply.abort) return fault(Fault::bus_error);
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (!pte::VALID.test(word)) return fault(Fault::page_invalid);
            return done(address(word, mmu_.parameters_.version), word, false);
        }
        case State::waiting:
        case State::finished:
            return step_;
    }
    return step_;
}

const Step& Slot::lookup(Structure structure, State next) {
    enter(next);
    lookup_step(step_, structure, kDirectoryLevel);
    return step_;
}

const Step& Slot::read(std::uint64_t from, AccessPurpose purpose, State next) {
    enter(next);
    if (!request_.debug) ++mmu_.counters_.walk_reads;
    read_step(step_, request_, from, kWordBytes, purpose);
    return step_;
}

const Step& Slot::use_directory(std::uint64_t table) {
    return read(table + std::uint64_t{table_index(request_.address)} * kWordBytes, Purpose::table, State::table);
}

// What ports keep of one MMU is for the accesses that this MMU serves.
const Step& Slot::done(std::uint64_t page, std::uint32_t word, bool from_tlb) {
    const bool allowed = (request_.write ? pte::WRITABLE : pte::READABLE).test(word);
    if (!allowed) return fault(request_.write ? Fault::write_denied : Fault::read_denied);
    const bool one = mmu_.parameters_.banks == 1;
    const bool writes = one || bank_ == mmu_.parameters_.banks - 1;
    CachedTranslation entry;
    entry.va = keep(request_.address, 31, kPageBits);
    entry.pa = page;
    entry.space = bank_;
    entry.stream = stream_tag(request_.sid, request_.ssid);
    entry.log2_bytes = kPageBits;
    entry.granule = kPageBits;
    entry.leaf_log2_bytes = kPageBits;
    entry.permissions = rights(word, one || !writes, writes);
    const bool current = epoch_ == mmu_.epoch() && !request_.debug;
    if (!from_tlb && current) bank().tlb.fill(entry);
    enter(State::finished);
    step_.kind = StepKind::done;
    step_.result = {};
    step_.result.pa = PhysAddr{page | (request_.address & low_mask(kPageBits))};
    step_.result.entry = entry;
    step_.result.attributes = request_.incoming;
    step_.result.entry.attributes = request_.incoming;
    step_.result.cacheable = current;
    step_.result.epoch = epoch_;
    return step_;
}

const Step& Slot::pass() {
    enter(State::finished);
    done_step(step_, request_, request_.address, epoch_);
    step_.result.entry.bypass = true;
    return step_;
}

const Step& Slot::wait() {
    enter(State::waiting);
    bank().waiting.push_back(this);
    step_.kind = StepKind::stalled;
    step_.result = {};
    step_.result.epoch = epoch_;
    return step_;
}

const Step& Slot::refuse(Fault fault, bool recorded) {
    enter(State::finished);
    fault_step(step_, Response::abort, static_cast<std::uint16_t>(fault), epoch_);
    step_.result.recorded = recorded;
    return step_;
}

// Another access's fault may have come first, or a stall: then this one finds out again when it is over.
const Step& Slot::fault(Fault fault) {
    if (request_.debug || request_.prefetch) return refuse(fault, false);
    Rockchip::Bank& at = bank();
    if (at.holds()) return wait();
    if (fault == Fault::bus_error) {
        ++mmu_.counters_.bus_errors;
        mmu_.raise(at, interrupt::BUS_ERROR.of(1), request_.address, request_.write);
        return refuse(fault, true);
    }
    if (retried_) {
        ++mmu_.counters_.given_up;
        return refuse(fault, true);
    }
    retried_ = true;
    ++mmu_.counters_.page_faults;
    at.fault_active = true;
    mmu_.raise(at, interrupt::PAGE_FAULT.of(1), request_.address, request_.write);
    wait();
    step_.result.fault = static_cast<std::uint16_t>(fault);
    step_.result.recorded = true;
    return step_;
}

}  // namespace xlate::iommu::rockchip
