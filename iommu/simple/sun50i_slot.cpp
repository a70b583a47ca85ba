#include "iommu/simple/sun50i_slot.hpp"

#include "iommu/slot_steps.hpp"

namespace xlate::iommu::sun50i {

void Slot::start(const Request& request) {
    request_ = request;
    counted_ = false;
    state_ = State::begin;
}

std::optional<std::uint64_t> Slot::walked_space() const {
    const bool walks = state_ >= State::directory_cache && state_ <= State::table;
    return walks ? std::optional<std::uint64_t>(master_) : std::nullopt;
}

const Step& Slot::step(const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin();
        case State::tlb: {
            const CachedTranslation* entry = mmu_.tlb_.lookup(master_, request_.address);
            if (entry != nullptr) return translated(*entry);
            if (!request_.debug) {
                ++mmu_.counters_.tlb_misses;
                ++mmu_.counters_.walks;
            }
            return lookup(Structure::walk_cache, State::directory_cache);
        }
        case State::directory_cache: {
            const WalkCacheEntry* entry = mmu_.directory_.lookup(0, request_.address, kDirectoryShift);
            if (entry != nullptr) {
                return read(entry->table + std::uint64_t{table_index(request_.address)} * kWordBytes, Purpose::table,
                            State::table);
            }
            return read(mmu_.get(reg::TTB) + std::uint64_t{directory_index(request_.address)} * kWordBytes,
                        Purpose::directory, State::directory);
        }
        case State::directory: {
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (reply.abort || dte::TYPE.get(word) != dte::TYPE_TABLE) return fault(Fault::l1_invalid);
            if (epoch_ == mmu_.epoch() && !request_.debug) {
                WalkCacheEntry entry;
                entry.base = request_.address & ~low_mask(kDirectoryShift);
                entry.table = dte::table(word);
                entry.shift = kDirectoryShift;
                entry.granule = kPageBits;
                entry.level = 2;
                mmu_.directory_.fill(entry);
            }
            return read(dte::table(word) + std::uint64_t{table_index(request_.address)} * kWordBytes, Purpose::table,
                        State::table);
        }
        case State::table: {
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (reply.abort || !pte::VALID.test(word)) return fault(Fault::l2_invalid);
            return page(word);
        }
        case State::finished:
            return step_;
    }
    return step_;
}

const Step& Slot::begin() {
    epoch_ = mmu_.epoch();
    master_ = value(request_.sid);
    if (!enable::ENABLE.test(mmu_.get(reg::ENABLE))) return pass();
    if (!counted_ && !request_.debug) ++mmu_.counters_.translations;
    counted_ = true;
    if (master_ >= kMasters || request_.address >> kInputBits != 0) return fault(Fault::out_of_range);
    if ((mmu_.get(reg::RESET) >> master_ & 1) == 0) return fault(Fault::channel_reset);
    if ((mmu_.get(reg::BYPASS) >> master_ & 1) != 0) return pass();
    return lookup(Structure::tlb, State::tlb);
}

const Step& Slot::lookup(Structure structure, State next) {
    state_ = next;
    lookup_step(step_, structure, structure == Structure::walk_cache ? 2 : 0);
    return step_;
}

const Step& Slot::read(std::uint64_t address, AccessPurpose purpose, State next) {
    state_ = next;
    read_step(step_, request_, address, kWordBytes, purpose);
    if (!request_.debug) ++mmu_.counters_.walk_reads;
    return step_;
}

/// The rights of the page's domain are the master's own, so that the entry is.
const Step& Slot::page(std::uint32_t word) {
    const auto domain = static_cast<unsigned>(pte::ACI.get(word));
    const bool reads = mmu_.allowed(master_, domain, false), writes = mmu_.allowed(master_, domain, true);
    if (!(request_.write ? writes : reads))
        return fault(request_.write ? Fault::write_denied : Fault::read_denied, word);
    constexpr std::uint8_t kReads = Permissions::kUserRead | Permissions::kPrivilegedRead | Permissions::kUserExecute |
                                    Permissions::kPrivilegedExecute;
    constexpr std::uint8_t kWrites = Permissions::kUserWrite | Permissions::kPrivilegedWrite;
    CachedTranslation entry;
    entry.va = keep(request_.address, 31, kPageBits);
    entry.pa = pte::page(word);
    entry.space = master_;
    entry.log2_bytes = entry.granule = kPageBits;
    entry.permissions.bits = static_cast<std::uint8_t>((reads ? kReads : 0) | (writes ? kWrites : 0));
    if (!request_.debug && epoch_ == mmu_.epoch()) mmu_.tlb_.fill(entry);
    return translated(entry);
}

const Step& Slot::translated(const CachedTranslation& entry) {
    if (!entry.permissions.allows(request_)) return fault(request_.write ? Fault::write_denied : Fault::read_denied);
    state_ = State::finished;
    mapped_step(step_, request_, entry, epoch_);
    return step_;
}

const Step& Slot::pass() {
    state_ = State::finished;
    done_step(step_, request_, request_.address, epoch_);
    return step_;
}

const Step& Slot::fault(Fault fault, std::uint32_t word) {
    state_ = State::finished;
    fault_step(step_, Response::read_zero_write_ignored, static_cast<std::uint16_t>(fault), epoch_);
    if (request_.debug || request_.prefetch) return step_;
    ++mmu_.counters_.faults;
    step_.result.recorded = fault != Fault::channel_reset && fault != Fault::out_of_range;
    if (step_.result.recorded) mmu_.raise(fault, master_, request_.address, word);
    return step_;
}

}  // namespace xlate::iommu::sun50i
