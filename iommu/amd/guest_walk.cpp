// The process's tables: the entry of the GCR3 table, then x86-64 tables of four or five levels. The GCR3 table stands
// at a system address; what it names is a guest's if the device has host tables too.
#include "iommu/amd/iommu.hpp"
#include "iommu/amd/purpose.hpp"
#include "iommu/amd/space.hpp"
#include "iommu/amd/walk.hpp"
#include "iommu/tables/layout_amd.hpp"

namespace xlate::iommu::amd {

namespace v2 = amd_table::v2;
namespace gcr3 = amd_table::gcr3;

void GuestWalk::start(std::uint64_t address, std::uint32_t pasid, const Dte& entry, std::uint64_t space, bool nested,
                      bool write, bool debug) {
    address_ = address;
    pasid_ = pasid;
    table_ = dte::gcr3_root(entry.words);
    gcr3_level_ = static_cast<std::uint8_t>(entry.gcr3_levels());
    top_ = static_cast<std::uint8_t>(entry.guest_levels());
    space_ = space;
    nested_ = nested;
    write_ = write;
    debug_ = debug;
    state_ = State::begin;
}

Progress GuestWalk::fail(const WalkFault& fault) {
    fault_ = fault;
    return Progress::fault;
}
Progress GuestWalk::not_present() { return fail(WalkFault{}); }

void GuestWalk::read(Step& step, std::uint64_t address, AccessPurpose purpose) const {
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{address};
    step.access.size = 8;
    step.access.purpose = purpose;
    step.access.input = address_;
}

Progress GuestWalk::advance(Iommu& iommu, const Dte& entry, const Reply& reply, Step& step) {
    for (;;) {
        switch (state_) {
            case State::begin: {
                epoch_ = iommu.epoch();
                output_ = {};
                const unsigned bits = amd_table::input_bits(top_);
                const std::uint64_t above = address_ >> (bits - 1);
                if (above != 0 && above != low_mask(64 - bits + 1)) return not_present();  // not canonical
                if (gcr3_level_ < 3 && pasid_ >> (amd_table::kIndexBits * gcr3_level_) != 0) return not_present();
                state_ = State::gcr3;
                break;
            }
            case State::gcr3: {
                const std::uint64_t index =
                    pasid_ >> (amd_table::kIndexBits * (gcr3_level_ - 1U)) & low_mask(amd_table::kIndexBits);
                if (!debug_) ++iommu.counters.guest_reads;
                state_ = State::gcr3_fetched;
                read(step, table_ + index * 8, Purpose::gcr3);
                return Progress::step;
            }
            case State::gcr3_fetched: {
                if (reply.abort) {
                    WalkFault fault;
                    fault.event = Event::page_tab_hw_error;
                    fault.address = step.access.address.value;
                    return fail(fault);
                }
                const std::uint64_t word = load_le(reply.data.data(), 8);
                if (!gcr3::V.test(word)) return not_present();
                table_ = word & gcr3::ADDRESS.mask();
                state_ = --gcr3_level_ != 0 ? State::gcr3 : State::cache_lookup;
                level_ = top_;
                probe_ = 0;
                break;
            }
            case State::cache_lookup:
                if (probe_ < kWalkCaches && probe_ + 1U < top_ && !debug_) {
                    ++probe_;
                    if (!iommu.walk_guest[kWalkCaches - probe_].enabled()) break;
                    state_ = State::cache_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::walk_cache, 1, static_cast<std::uint8_t>(kWalkCaches - probe_)};
                    return Progress::step;
                }
                state_ = State::locate;
                break;
            case State::cache_looked_up: {
                state_ = State::cache_lookup;
                const WalkCacheEntry* hit =
                    iommu.walk_guest[kWalkCaches - probe_].lookup(space_, address_, amd_table::shift(probe_ + 1U));
                if (hit == nullptr) break;
                table_ = hit->table;
                level_ = probe_;
                output_.writable = !hit->limits.no_write;
                output_.user = !hit->limits.no_user;
                output_.executable = !hit->limits.user_xn;
                state_ = State::locate;
                break;
            }
            case State::locate:
                word_guest_ = table_ + amd_table::word_offset(address_, level_);
                if (!nested_) {
                    word_address_ = word_guest_;
                    state_ = State::read;
                    break;
                }
                host_.start(word_guest_, entry, space_tag::host(entry.domain()), debug_);
                state_ = State::locating;
                break;
            case State::locating:
                switch (host_.advance(iommu, reply, step)) {
                    case Progress::step:
                        return Progress::step;
                    case Progress::fault:
                        return fail(host_.fault());
                    case Progress::done:
                        break;
                }
                if (!host_.output().readable) {
                    WalkFault fault;
                    fault.present = fault.permission = true;
                    return fail(fault);
                }
                word_address_ = host_.output().address;
                state_ = State::read;
                break;
            case State::read:
                if (!debug_) ++iommu.counters.guest_reads;
                state_ = State::fetched;
                read(step, word_address_, guest_purpose(level_));
                return Progress::step;
            case State::fetched:
                if (reply.abort) {
                    WalkFault fault;
                    fault.event = Event::page_tab_hw_error;
                    fault.address = word_address_;
                    return fail(fault);
                }
                switch (take_word(iommu, load_le(reply.data.data(), 8), step)) {
                    case Progress::fault:
                        return Progress::fault;
                    case Progress::done:
                        return Progress::done;
                    case Progress::step:
                        break;
                }
                if (state_ == State::updated) return Progress::step;
                break;
            case State::updated:
                if (reply.abort) {
                    WalkFault fault;
                    fault.event = Event::page_tab_hw_error;
                    fault.address = word_address_;
                    return fail(fault);
                }
                if (load_le(reply.data.data(), 8) != word_) {
                    state_ = State::read;  // it has changed under way: once more
                    break;
                }
                if (const Progress end = use_word(iommu, word_); end != Progress::step) return end;
                break;
        }
    }
}

/// step: an update comes next (State::updated), or the table below.
Progress GuestWalk::take_word(Iommu& iommu, std::uint64_t word, Step& step) {
    if (!v2::P.test(word)) return not_present();
    const bool leaf = level_ == 1 || (v2::PS.test(word) && level_ <= 3);
    if (!leaf && v2::PS.test(word)) {
        WalkFault fault;
        fault.present = fault.reserved = true;
        return fail(fault);
    }
    const bool dirties = leaf && write_ && v2::RW.test(word) && output_.writable && !v2::D.test(word);
    if (debug_ || (v2::A.test(word) && !dirties)) return use_word(iommu, word);
    ++iommu.counters.updates;
    word_ = word;
    state_ = State::updated;
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{word_address_};
    step.access.size = 8;
    step.access.kind = AccessKind::compare_and_swap;
    step.access.purpose = Purpose::update;
    step.access.expected = word;
    store_le(step.access.data.data(), 8, word | v2::A.mask() | (dirties ? v2::D.mask() : 0));
    return Progress::step;
}

Progress GuestWalk::use_word(Iommu& iommu, std::uint64_t word) {
    output_.writable = output_.writable && v2::RW.test(word);
    output_.user = output_.user && v2::US.test(word);
    output_.executable = output_.executable && !v2::NX.test(word);
    if (level_ == 1 || v2::PS.test(word)) {
        const unsigned log2 = amd_table::shift(level_);
        output_.log2_bytes = static_cast<std::uint8_t>(log2);
        output_.address = (v2::address(word) & ~low_mask(log2)) | (address_ & low_mask(log2));
        return Progress::done;
    }
    table_ = v2::address(word);
    --level_;
    if (level_ <= kWalkCaches && !debug_ && epoch_ == iommu.epoch()) {
        const unsigned shift = amd_table::shift(level_ + 1U);
        WalkCacheEntry entry;
        entry.space = space_;
        entry.base = address_ & ~low_mask(shift);
        entry.table = table_;
        entry.shift = static_cast<std::uint8_t>(shift);
        entry.granule = kPageBits;
        entry.level = static_cast<std::uint8_t>(kWalkCaches - level_);
        entry.limits = {!output_.writable, !output_.user, !output_.executable, !output_.executable};
        iommu.walk_guest[kWalkCaches - level_].fill(entry);
    }
    state_ = State::locate;
    return Progress::step;
}

}  // namespace xlate::iommu::amd
