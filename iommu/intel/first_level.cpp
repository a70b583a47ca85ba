// First-level tables: those of x86-64 with four or five levels. A is set in every entry that the walk uses, D in the
// leaf of a write. With a second level each table address goes through it.
// Source: VT-d specification 4.1, sections 3.6, 3.8, 9.7.
#include "iommu/intel/address_space.hpp"
#include "iommu/intel/vtd.hpp"
#include "iommu/intel/walk.hpp"
#include "iommu/tables/layout_vtd.hpp"

namespace xlate::iommu::vtd {

namespace pte = vtd_table::first;

bool FirstLevel::canonical(std::uint64_t address, unsigned levels) {
    const unsigned bits = vtd_table::input_bits(levels);
    const std::uint64_t above = address >> (bits - 1);
    return above == 0 || above == low_mask(64 - bits + 1);
}

bool FirstLevel::is_leaf() const { return level_ == 1 || (level_ <= vtd_table::kLeafLevels && pte::PS.test(word_)); }

Progress FirstLevel::advance(Vtd& unit, const Reply& reply, Step& step) {
    for (;;) {
        switch (state_) {
            case State::begin:
                epoch_ = unit.epoch();
                output_ = {};
                writable_ = user_ = executable_ = true;
                level_ = static_cast<std::uint8_t>(table_.levels);
                at_ = table_.root;
                probe_ = 1;
                state_ = State::cache_lookup;
                break;
            case State::cache_lookup:
                if (probe_ <= kWalkCaches && probe_ + 1U <= table_.levels && !kinds_.debug) {
                    ++probe_;
                    if (!unit.walk_s1[kWalkCaches + 1 - probe_].enabled()) break;
                    state_ = State::cache_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::walk_cache, 1, static_cast<std::uint8_t>(kWalkCaches + 1 - probe_)};
                    return Progress::step;
                }
                state_ = State::locate;
                break;
            case State::cache_looked_up: {
                state_ = State::cache_lookup;
                const WalkCacheEntry* hit =
                    unit.walk_s1[kWalkCaches + 1 - probe_].lookup(table_.space, address_, vtd_table::shift(probe_));
                if (hit == nullptr) break;
                at_ = hit->table;
                level_ = static_cast<std::uint8_t>(probe_ - 1);
                state_ = State::locate;
                break;
            }
            case State::locate: {
                word_guest_ = at_ + vtd_table::index(address_, level_) * vtd_table::kWordBytes;
                word_address_ = word_guest_;
                state_ = State::read;
                if (!table_.nested) break;
                AccessKinds kinds;
                kinds.read = true;
                kinds.debug = kinds_.debug;
                second_.start(word_guest_, table_.second, kinds);
                state_ = State::locating;
                break;
            }
            case State::locating:
                switch (second_.advance(unit, reply, step)) {
                    case Progress::step:
                        return Progress::step;
                    case Progress::fault:
                        switch (second_.fault()) {
                            case WalkFault::beyond_width:
                                return fail(WalkFault::nested_width);
                            case WalkFault::not_present:
                            case WalkFault::no_read:
                                return fail(level_ == table_.levels ? WalkFault::nested_root : WalkFault::nested_entry);
                            default:
                                second_failed_ = true;
                                return fail(second_.fault());
                        }
                    case Progress::done:
                        break;
                }
                word_address_ = second_.output().address;
                state_ = State::read;
                break;
            case State::read:
                if (!kinds_.debug) ++unit.counters.walk_reads;
                state_ = State::fetched;
                step.kind = StepKind::access;
                step.access = {};
                step.access.address = PhysAddr{word_address_};
                step.access.size = vtd_table::kWordBytes;
                step.access.purpose = walk_purpose(1, level_);
                step.access.input = address_;
                return Progress::step;
            case State::fetched: {
                if (reply.abort) return fail(level_ == table_.levels ? WalkFault::root_access : WalkFault::access);
                word_ = load_le(&reply.data[0], vtd_table::kWordBytes);
                if (refused(unit)) return Progress::fault;
                const Progress updated = update(unit, step);
                if (updated != Progress::done) return updated;
                if (is_leaf()) return finish(unit);
                break;
            }
            case State::updated:
                if (reply.abort) return fail(WalkFault::update);
                if (load_le(&reply.data[0], vtd_table::kWordBytes) != word_) {
                    state_ = State::read;  // it has changed under way: once more
                    break;
                }
                word_ |= pte::A.mask() | (table_.extended_accessed ? pte::EA.mask() : 0) |
                         (is_leaf() && kinds_.write ? pte::D.mask() : 0);
                if (is_leaf()) return finish(unit);
                state_ = State::fetched;
                break;
        }
        // Down to the next table, once the entry stands as it should.
        if (state_ != State::fetched) continue;
        writable_ = writable_ && pte::RW.test(word_);
        user_ = user_ && pte::US.test(word_);
        executable_ = executable_ && !pte::XD.test(word_);
        at_ = vtd_table::address(word_);
        // Only what takes nothing away is kept: what does, is read again, to say so as the walk does.
        const bool plain = writable_ && user_ && executable_;
        if (plain && level_ <= kWalkCaches + 1 && !kinds_.debug) {
            const unsigned shift = vtd_table::shift(level_);
            WalkCacheEntry entry;
            entry.space = table_.space;
            entry.base = address_ & ~low_mask(shift);
            entry.table = at_;
            entry.shift = static_cast<std::uint8_t>(shift);
            entry.granule = vtd_table::kPageBits;
            entry.level = static_cast<std::uint8_t>(kWalkCaches + 1 - level_);
            if (unit.undisturbed(epoch_, entry)) unit.walk_s1[kWalkCaches + 1 - level_].fill(entry);
        }
        --level_;
        state_ = State::locate;
    }
}

bool FirstLevel::refused(const Vtd& unit) {
    const auto no = [&](WalkFault fault) {
        fault_ = fault;
        return true;
    };
    if (!pte::P.test(word_)) return no(WalkFault::not_present);
    if (!table_.nested && unit.params().beyond(vtd_table::address(word_))) return no(WalkFault::reserved);
    if (pte::XD.test(word_) && !table_.no_execute) return no(WalkFault::reserved);
    if (level_ > vtd_table::kLeafLevels && pte::PS.test(word_)) return no(WalkFault::reserved);
    if (level_ == 3 && pte::PS.test(word_) && !cap::FS1GP.test(unit.params().cap)) return no(WalkFault::reserved);
    if (level_ > 1 && is_leaf()) {
        const std::uint64_t low =
            vtd_table::address(word_) & low_mask(vtd_table::shift(level_)) & ~pte::PAT_LARGE.mask();
        if (low != 0) return no(WalkFault::reserved);
    }
    if (!kinds_.check) return false;
    if (!pte::US.test(word_) && !kinds_.supervisor) return no(WalkFault::supervisor);
    if (kinds_.execute && pte::XD.test(word_)) return no(WalkFault::no_execute);
    const bool writes = pte::RW.test(word_) || (kinds_.supervisor && !table_.write_protect);
    return kinds_.write && !writes && no(WalkFault::no_write);
}

Progress FirstLevel::update(Vtd& unit, Step& step) {
    const std::uint64_t accessed = pte::A.mask() | (table_.extended_accessed ? pte::EA.mask() : 0);
    const std::uint64_t wanted = accessed | (is_leaf() && kinds_.write ? pte::D.mask() : 0);
    if (kinds_.debug || (word_ & wanted) == wanted) return Progress::done;
    if (table_.nested && !second_.output().writable) return fail(WalkFault::nested_update);
    unit.update_word(step, word_address_, word_, word_ | wanted);
    state_ = State::updated;
    return Progress::step;
}

Progress FirstLevel::finish(Vtd& /*unit*/) {
    writable_ = writable_ && pte::RW.test(word_);
    user_ = user_ && pte::US.test(word_);
    executable_ = executable_ && !pte::XD.test(word_);
    const unsigned log2 = vtd_table::shift(level_);
    output_.log2_bytes = static_cast<std::uint8_t>(log2);
    output_.address = (vtd_table::address(word_) & ~low_mask(log2)) | (address_ & low_mask(log2));
    output_.readable = true;
    output_.writable = writable_;
    output_.executable = executable_;
    output_.user = user_;
    output_.dirty = pte::D.test(word_);
    return Progress::done;
}

}  // namespace xlate::iommu::vtd
