// Second-level tables: three to five levels, leaves of 4 KiB, 2 MiB, 1 GiB.
// Source: VT-d specification 4.1, sections 3.7, 9.8.
#include "iommu/intel/vtd.hpp"
#include "iommu/intel/walk.hpp"
#include "iommu/tables/layout_vtd.hpp"

namespace xlate::iommu::vtd {

namespace pte = vtd_table::second;

namespace {

/// A leaf may stand at this level.
bool has_leaves(const VtdParams& params, unsigned level) {
    return level == 1 || (level <= vtd_table::kLeafLevels && (cap::SLLPS.get(params.cap) >> (level - 2) & 1) != 0);
}

/// SNP and TM are fields of leaves, as far as the capabilities have them.
bool has_reserved(const VtdParams& params, std::uint64_t word, unsigned level, bool leaf) {
    if (params.beyond(vtd_table::address(word))) return true;
    if (pte::SNP.test(word) && !(leaf && params.has(ecap::SC))) return true;
    if (pte::TM.test(word) && !(leaf && params.has(ecap::DT))) return true;
    if (level > 1 && !leaf && pte::PS.test(word)) return true;
    return leaf && (vtd_table::address(word) & low_mask(vtd_table::shift(level))) != 0;
}

}  // namespace

Progress SecondLevel::advance(Vtd& unit, const Reply& reply, Step& step) {
    for (;;) {
        switch (state_) {
            case State::begin:
                epoch_ = unit.epoch();
                output_ = {};
                writable_ = readable_ = true;
                if (address_ >> vtd_table::input_bits(table_.levels) != 0) return fail(WalkFault::beyond_width);
                level_ = static_cast<std::uint8_t>(table_.levels);
                at_ = table_.root;
                probe_ = 1;
                state_ = State::cache_lookup;
                if (!table_.nested || !unit.nested_cache.enabled() || kinds_.debug) break;
                state_ = State::known;
                step.kind = StepKind::lookup;
                step.lookup = {Structure::ipa_cache, 2, 0};
                return Progress::step;
            case State::known:
                if (look_up(unit)) return Progress::done;
                state_ = State::cache_lookup;
                break;
            case State::cache_lookup:
                // From the deepest table upwards: what level 2 entries point to, then level 3, level 4.
                if (probe_ <= kWalkCaches && probe_ + 1U <= table_.levels && !kinds_.debug) {
                    ++probe_;
                    if (!unit.walk_s2[kWalkCaches + 1 - probe_].enabled()) break;
                    state_ = State::cache_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::walk_cache, 2, static_cast<std::uint8_t>(kWalkCaches + 1 - probe_)};
                    return Progress::step;
                }
                state_ = State::read;
                break;
            case State::cache_looked_up: {
                state_ = State::cache_lookup;
                const WalkCacheEntry* hit =
                    unit.walk_s2[kWalkCaches + 1 - probe_].lookup(table_.space, address_, vtd_table::shift(probe_));
                if (hit == nullptr) break;
                at_ = hit->table;
                level_ = static_cast<std::uint8_t>(probe_ - 1);
                writable_ = !hit->limits.no_write;
                // The entry that was kept says no already: its word is read again, to say so as the walk does.
                if (kinds_.check && kinds_.write && !writable_) {
                    at_ = table_.root;
                    level_ = static_cast<std::uint8_t>(table_.levels);
                    writable_ = true;
                }
                state_ = State::read;
                break;
            }
            case State::read:
                if (!kinds_.debug) ++unit.counters.walk_reads;
                word_address_ = at_ + vtd_table::index(address_, level_) * vtd_table::kWordBytes;
                state_ = State::fetched;
                step.kind = StepKind::access;
                step.access = {};
                step.access.address = PhysAddr{word_address_};
                step.access.size = vtd_table::kWordBytes;
                step.access.purpose = walk_purpose(2, level_);
                step.access.input = address_;
                return Progress::step;
            case State::fetched: {
                if (reply.abort) return fail(level_ == table_.levels ? WalkFault::root_access : WalkFault::access);
                word_ = load_le(&reply.data[0], vtd_table::kWordBytes);
                const Progress taken = take(unit, step);
                if (taken != Progress::done) return taken;
                if (state_ == State::read) break;
                return finish(unit);
            }
            case State::updated:
                if (reply.abort) return fail(WalkFault::update);
                if (load_le(&reply.data[0], vtd_table::kWordBytes) != word_) {
                    state_ = State::read;  // it has changed under way: once more
                    break;
                }
                word_ |= pte::A.mask() | (kinds_.write ? pte::D.mask() : 0);
                return finish(unit);
        }
    }
}

/// The word is there. done: with State::read for the next table, else at a leaf.
Progress SecondLevel::take(Vtd& unit, Step& step) {
    const bool reads = pte::R.test(word_), writes = pte::W.test(word_);
    if (!reads && !writes) return fail(WalkFault::not_present);
    if (kinds_.check && kinds_.write && !writes) return fail(WalkFault::no_write);
    if (kinds_.check && kinds_.read && !reads) return fail(WalkFault::no_read);
    const bool leaf_here = level_ == 1 || (pte::PS.test(word_) && has_leaves(unit.params(), level_));
    if (has_reserved(unit.params(), word_, level_, leaf_here)) return fail(WalkFault::reserved);
    readable_ = readable_ && reads;
    writable_ = writable_ && writes;
    if (leaf_here) return leaf(unit, step);
    at_ = vtd_table::address(word_);
    // Only what may be read: an entry of the cache has no word for the other.
    if (level_ <= kWalkCaches + 1 && readable_ && !kinds_.debug) {
        const unsigned shift = vtd_table::shift(level_);
        WalkCacheEntry entry;
        entry.space = table_.space;
        entry.base = align_down(address_, std::uint64_t{1} << shift);
        entry.table = at_;
        entry.shift = static_cast<std::uint8_t>(shift);
        entry.granule = vtd_table::kPageBits;
        entry.level = static_cast<std::uint8_t>(kWalkCaches + 1 - level_);
        entry.limits.no_write = !writable_;
        if (unit.undisturbed(epoch_, entry)) unit.walk_s2[kWalkCaches + 1 - level_].fill(entry);
    }
    --level_;
    state_ = State::read;
    return Progress::done;
}

Progress SecondLevel::leaf(Vtd& unit, Step& step) {
    const bool dirties = kinds_.write && !pte::D.test(word_);
    if (!table_.updates || kinds_.debug || (pte::A.test(word_) && !dirties)) return Progress::done;
    unit.update_word(step, word_address_, word_, word_ | pte::A.mask() | (dirties ? pte::D.mask() : 0));
    state_ = State::updated;
    return Progress::step;
}

/// A nested domain's page that is known, with the rights that are needed.
bool SecondLevel::look_up(Vtd& unit) {
    const CachedTranslation* const hit = unit.nested_cache.lookup(table_.space, address_);
    if (hit == nullptr) return false;
    const bool reads = (hit->permissions.bits & Permissions::kUserRead) != 0;
    const bool writes = (hit->permissions.bits & Permissions::kUserWrite) != 0;
    if ((kinds_.read && !reads) || (kinds_.write && !writes)) return false;
    output_.log2_bytes = hit->log2_bytes;
    output_.address = hit->pa + (address_ & low_mask(hit->log2_bytes));
    output_.readable = reads;
    output_.writable = writes;
    return true;
}

Progress SecondLevel::finish(Vtd& unit) {
    const unsigned log2 = vtd_table::shift(level_);
    output_.log2_bytes = static_cast<std::uint8_t>(log2);
    output_.address = (vtd_table::address(word_) & ~low_mask(log2)) | (address_ & low_mask(log2));
    output_.readable = readable_;
    output_.writable = writable_;
    output_.dirty = !table_.updates || pte::D.test(word_);
    if (table_.nested && !kinds_.debug && epoch_ == unit.epoch() && unit.nested_cache.enabled()) {
        CachedTranslation entry;
        entry.log2_bytes = static_cast<std::uint8_t>(log2);
        entry.granule = vtd_table::kPageBits;
        entry.va = address_ & ~low_mask(log2);
        entry.pa = output_.address & ~low_mask(log2);
        entry.space = table_.space;
        if (readable_) entry.permissions.bits |= Permissions::kUserRead;
        if (writable_ && output_.dirty) entry.permissions.bits |= Permissions::kUserWrite;
        unit.nested_cache.fill(entry);
    }
    return Progress::done;
}

}  // namespace xlate::iommu::vtd
