// The first stage of one IOVA: Sv32 to Sv57. Numbers are the steps of "Virtual Address Translation Process" (privileged
// specification). With a second stage, each table address goes through it as an implicit access.
#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/purpose.hpp"
#include "iommu/riscv/walk.hpp"

namespace xlate::iommu::riscv {

namespace pte = riscv_table::pte;

Progress FirstStage::fail(WalkFault::Kind kind, std::uint64_t iotval2) {
    fault_ = {kind, Cause::table_corrupt, iotval2};
    return Progress::fault;
}

/// iotval2 of an implicit access: the page of the table that it wanted, as the reference model tells it.
std::uint64_t FirstStage::implicit_address(bool write) const {
    return (word_gpa_ & ~low_mask(kPageBits)) | 1 | (write ? 2 : 0);
}

/// Bits above the input are copies of its highest; Sv32: zeros.
bool FirstStage::canonical() const {
    const unsigned bits = riscv_table::input_bits(mode_);
    if (mode_ == Mode::sv32) return iova_ >> bits == 0;
    const std::uint64_t above = iova_ >> (bits - 1);
    return above == 0 || above == low_mask(64 - bits + 1);
}

Progress FirstStage::advance(Iommu& iommu, const Requester& requester, const DeviceContext& context, const Reply& reply,
                             Step& step) {
    const bool big = context.big_endian();
    for (;;) {
        switch (state_) {
            case State::begin:
                epoch_ = iommu.epoch();
                global_ = false;
                has_line_ = false;
                output_ = {};
                if (!canonical()) return fail(WalkFault::Kind::page);
                above_ = static_cast<std::uint8_t>(riscv_table::levels(mode_) - 1);  // 1
                probe_ = 0;
                state_ = State::cache_lookup;
                break;
            case State::cache_lookup:
                // From the deepest table upwards.
                if (probe_ < kWalkCaches && probe_ + 2U <= riscv_table::levels(mode_) && !requester.debug) {
                    ++probe_;
                    if (!iommu.walk_s1[kWalkCaches - probe_].enabled()) break;
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
                    iommu.walk_s1[kWalkCaches - probe_].lookup(space_, iova_, riscv_table::shift(mode_, probe_));
                if (hit == nullptr) break;
                table_ = hit->table;
                above_ = static_cast<std::uint8_t>(probe_ - 1);
                state_ = State::locate;
                break;
            }
            case State::locate: {  // 2
                const std::uint64_t index =
                    (iova_ >> riscv_table::shift(mode_, above_)) & low_mask(riscv_table::index_bits(mode_));
                word_gpa_ = table_ + index * riscv_table::word_bytes(mode_);
                AccessKinds kinds;
                kinds.read = true;
                second_.start(word_gpa_, context.test(tc::SADE) ? SecondStage::Use::update : SecondStage::Use::table,
                              kinds);
                state_ = State::locating;
                break;
            }
            case State::locating:
                switch (second_.advance(iommu, requester, context, reply, step)) {
                    case Progress::step:
                        return Progress::step;
                    case Progress::fault:
                        if (second_.fault().kind != WalkFault::Kind::guest_page) return fail(second_.fault().kind);
                        return fail(WalkFault::Kind::guest_page, implicit_address(false));
                    case Progress::done:
                        break;
                }
                word_address_ = second_.output().address;
                if (word_address_ >> iommu.params().physical_bits() != 0) return fail(WalkFault::Kind::access);
                state_ = State::read;
                break;
            case State::read:
                iommu.count(HpmEvent::first_stage_walks, {requester, context, space_});
                if (!requester.debug) ++iommu.counters.walk_reads;
                state_ = State::fetched;
                has_line_ = iommu.reads_line(mode_, above_);
                step.kind = StepKind::access;
                step.access = {};
                step.access.address = PhysAddr{has_line_ ? align_down(word_address_, kLineBytes) : word_address_};
                step.access.size = has_line_ ? kLineBytes : riscv_table::word_bytes(mode_);
                step.access.purpose = walk_purpose(1, above_);
                step.access.input = iova_;
                return Progress::step;
            case State::fetched: {
                if (iommu.is_poisoned(step.access)) return fail(WalkFault::Kind::cause);
                if (reply.abort) return fail(WalkFault::Kind::access);
                if (has_line_) {
                    line_ = iommu.load_line(reply, big);
                    word_ = line_[word_address_ % kLineBytes / 8];
                } else {
                    word_ = iommu.load(reply, 0, riscv_table::word_bytes(mode_), big);
                }
                if (iommu.unusable(word_, mode_) || (above_ != 0 && pte::N.test(word_))) {  // 3
                    return fail(WalkFault::Kind::page);
                }
                global_above_ = global_;
                global_ = global_ || pte::G.test(word_);
                if (pte::R.test(word_) || pte::X.test(word_)) {  // 4
                    const Progress end = leaf(iommu, context, step);
                    if (end != Progress::step || !requester.debug) return end;
                    return finish();
                }
                if (iommu.unusable_table(word_) || above_ == 0) return fail(WalkFault::Kind::page);
                table_ = riscv_table::table_address(word_, mode_);
                // What is below a global table is global: an entry of the walk cache would not say so.
                if (above_ <= kWalkCaches && !global_ && !requester.debug && epoch_ == iommu.epoch()) {
                    const unsigned shift = riscv_table::shift(mode_, above_);
                    const WalkCacheEntry entry{space_,    align_down(iova_, std::uint64_t{1} << shift),
                                               table_,    static_cast<std::uint8_t>(shift),
                                               kPageBits, static_cast<std::uint8_t>(kWalkCaches - above_),
                                               {}};
                    if (requester.later != nullptr) {
                        requester.later->table(1, entry);
                    } else {
                        iommu.walk_s1[kWalkCaches - above_].fill(entry, requester.did);
                    }
                }
                --above_;
                state_ = State::locate;
                break;
            }
            case State::updated:
                if (iommu.is_poisoned(step.access)) return fail(WalkFault::Kind::cause);
                if (reply.abort) return fail(WalkFault::Kind::access);
                if (iommu.load(reply, 0, riscv_table::word_bytes(mode_), big) != word_) {
                    state_ = State::read;  // it has changed under way: once more
                    break;
                }
                word_ |= pte::A.mask() | (kinds_.write && pte::W.test(word_) ? pte::D.mask() : 0);
                return finish();
        }
    }
}

/// 5. Rights of an ATS request are told, not checked; whose page it is, is checked.
bool FirstStage::permitted() const {
    if (kinds_.check) {
        if (kinds_.execute && !pte::X.test(word_)) return false;
        if (kinds_.read && !pte::R.test(word_)) return false;
        if (kinds_.write && !pte::W.test(word_)) return false;
    }
    if (!pte::U.test(word_)) return kinds_.privileged;
    return !kinds_.privileged || (!kinds_.execute && sum_);
}

Progress FirstStage::leaf(const Iommu& iommu, const DeviceContext& context, Step& step) {
    if (!permitted()) return fail(WalkFault::Kind::page);
    // 6
    const std::uint64_t ppn = riscv_table::table_address(word_, mode_) >> kPageBits;
    if ((ppn & low_mask(above_ * riscv_table::index_bits(mode_))) != 0) return fail(WalkFault::Kind::page);
    if (pte::N.test(word_) && (ppn & low_mask(riscv_table::kNapotBits)) != pte::kNapotCode) {
        return fail(WalkFault::Kind::page);
    }
    // 7
    const bool dirties = kinds_.write && pte::W.test(word_) && !pte::D.test(word_);
    if (pte::A.test(word_) && !dirties) return finish();
    if (!context.test(tc::SADE)) return fail(WalkFault::Kind::page);
    if (!second_.output().writable) {
        return fail(WalkFault::Kind::guest_page, implicit_address(true));
    }
    iommu.update_word(step, word_address_, riscv_table::word_bytes(mode_), word_,
                      word_ | pte::A.mask() | (dirties ? pte::D.mask() : 0), context.big_endian());
    state_ = State::updated;
    return Progress::step;
}

/// 8.
Progress FirstStage::finish() {
    output_ = output_of(word_, iova_);
    return Progress::done;
}

StageOutput FirstStage::output_of(std::uint64_t word, std::uint64_t iova) const {
    StageOutput output = leaf_output(mode_, above_, word, iova);
    output.user = pte::U.test(word);
    output.global = global_;
    return output;
}

/// Words that would need a fault or an update say nothing.
std::optional<StageOutput> FirstStage::beside(const Iommu& iommu, std::uint64_t iova) const {
    if (!has_line_ || (iova ^ iova_) >> (kPageBits + kLinePagesLog2) != 0) return std::nullopt;
    const std::uint64_t word = line_[(iova >> kPageBits) % kLinePages];
    if (iommu.unusable(word, mode_) || (!pte::R.test(word) && !pte::X.test(word)) || pte::N.test(word) ||
        !pte::A.test(word)) {
        return std::nullopt;
    }
    StageOutput output = output_of(word, iova);
    output.global = global_above_ || pte::G.test(word);
    return output;
}

}  // namespace xlate::iommu::riscv
