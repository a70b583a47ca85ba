#include "iommu/amd/iommu.hpp"
#include "iommu/amd/purpose.hpp"
#include "iommu/amd/space.hpp"
#include "iommu/amd/walk.hpp"
#include "iommu/tables/layout_amd.hpp"

namespace xlate::iommu::amd {

namespace v1 = amd_table::v1;

Progress HostWalk::not_present() {
    fault_ = {};
    return Progress::fault;
}

/// A reserved bit, or a level that cannot be below this one.
Progress HostWalk::bad_word(bool reserved) {
    fault_ = {};
    fault_.present = true;
    fault_.reserved = reserved;
    return Progress::fault;
}

Progress HostWalk::advance(Iommu& iommu, const Reply& reply, Step& step) {
    for (;;) {
        switch (state_) {
            case State::begin: {
                epoch_ = iommu.epoch();
                output_ = {};
                const unsigned bits = amd_table::input_bits(mode_);
                if (bits < 64 && address_ >> bits != 0) return not_present();
                probe_ = 0;
                state_ = debug_ ? State::read : State::cache_lookup;
                break;
            }
            case State::cache_lookup:
                // From the deepest table upwards: those of level 1, 2, 3.
                if (probe_ < kWalkCaches && probe_ + 1U < mode_) {
                    ++probe_;
                    if (!iommu.walk_host[kWalkCaches - probe_].enabled()) break;
                    state_ = State::cache_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::walk_cache, 2, static_cast<std::uint8_t>(kWalkCaches - probe_)};
                    return Progress::step;
                }
                state_ = State::read;
                break;
            case State::cache_looked_up: {
                state_ = State::cache_lookup;
                const WalkCacheEntry* hit =
                    iommu.walk_host[kWalkCaches - probe_].lookup(space_, address_, amd_table::shift(probe_ + 1U));
                if (hit == nullptr) break;
                table_ = hit->table;
                level_ = probe_;
                output_.writable = !hit->limits.no_write;
                state_ = State::read;
                break;
            }
            case State::read:
                if (!debug_) ++iommu.counters.host_reads;
                state_ = State::fetched;
                step.kind = StepKind::access;
                step.access = {};
                step.access.address = PhysAddr{table_ + amd_table::word_offset(address_, level_)};
                step.access.size = amd_table::kWordBytes;
                step.access.purpose = host_purpose(level_);
                step.access.input = address_;
                return Progress::step;
            case State::fetched:
                if (reply.abort) {
                    fault_ = {};
                    fault_.event = Event::page_tab_hw_error;
                    fault_.address = step.access.address.value;
                    return Progress::fault;
                }
                if (const Progress end = take_word(iommu, load_le(reply.data.data(), 8)); end != Progress::step) {
                    return end;
                }
                state_ = State::read;
                break;
        }
    }
}

/// step: a table comes next.
Progress HostWalk::take_word(Iommu& iommu, std::uint64_t word) {
    if (!v1::PR.test(word)) return not_present();
    if (v1::RESERVED.test(word)) return bad_word(true);
    output_.readable = output_.readable && v1::IR.test(word);
    output_.writable = output_.writable && v1::IW.test(word);
    const auto next = static_cast<unsigned>(v1::NEXT_LEVEL.get(word));
    if (next == v1::kLeaf || next == v1::kSizedLeaf) {
        const unsigned log2 = next == v1::kLeaf ? amd_table::shift(level_) : v1::sized_log2(word);
        output_.log2_bytes = static_cast<std::uint8_t>(log2);
        output_.address = (v1::address(word) & ~low_mask(log2)) | (address_ & low_mask(log2));
        return Progress::done;
    }
    if (next >= level_) return bad_word(false);
    // Address bits of the levels that are skipped are zero: nothing else is mapped there.
    const std::uint64_t skipped = low_mask(amd_table::input_bits(level_ - 1U)) & ~low_mask(amd_table::input_bits(next));
    if ((address_ & skipped) != 0) return not_present();
    table_ = v1::address(word);
    level_ = static_cast<std::uint8_t>(next);
    // An entry of the walk cache has no place for "may not be read".
    if (level_ <= kWalkCaches && output_.readable && !debug_ && epoch_ == iommu.epoch()) {
        const unsigned shift = amd_table::shift(level_ + 1U);
        WalkCacheEntry entry;
        entry.space = space_;
        entry.base = address_ & ~low_mask(shift);
        entry.table = table_;
        entry.shift = static_cast<std::uint8_t>(shift);
        entry.granule = kPageBits;
        entry.level = static_cast<std::uint8_t>(kWalkCaches - level_);
        entry.limits.no_write = !output_.writable;
        iommu.walk_host[kWalkCaches - level_].fill(entry);
    }
    return Progress::step;
}

}  // namespace xlate::iommu::amd
