// The second stage of one guest-physical address: Sv32x4 to Sv57x4. Numbers are the steps of "Virtual Address
// Translation Process" (privileged specification), with what "Two-Stage Address Translation" changes in them.
#include "iommu/riscv/address_space.hpp"
#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/purpose.hpp"
#include "iommu/riscv/walk.hpp"

namespace xlate::iommu::riscv {

namespace pte = riscv_table::pte;

namespace {

/// Bare stages: what their translations may be kept as. The specification recommends 2 MiB or 1 GiB.
constexpr std::uint8_t kBareLog2 = 30;

}  // namespace

Progress SecondStage::fail(WalkFault::Kind kind) {
    fault_ = {kind, Cause::table_corrupt, 0};
    return Progress::fault;
}

/// D has to be set before this access goes on: a write; or a first-stage word that the IOMMU may update itself.
bool SecondStage::wants_dirty(std::uint64_t word) const {
    if (pte::D.test(word) || !pte::W.test(word)) return false;
    return kinds_.write || use_ == Use::update;
}

Progress SecondStage::advance(Iommu& iommu, const Requester& requester, const DeviceContext& context,
                              const Reply& reply, Step& step) {
    const std::uint64_t space = space_tag::second_stage(context.gscid());
    for (;;) {
        switch (state_) {
            case State::begin: {
                epoch_ = iommu.epoch();
                walked_ = has_line_ = false;
                output_ = {};
                output_.address = gpa_;
                output_.log2_bytes = kBareLog2;
                mode_ = context.second_stage(iommu.registers.gxl());
                if (mode_ == Mode::bare) return Progress::done;
                const unsigned bits =
                    context.sxl() ? 34 : riscv_table::input_bits(mode_) + riscv_table::kStage2RootBits;
                if (gpa_ >> bits != 0) return fail(WalkFault::Kind::guest_page);
                probe_ = 0;
                state_ = State::cache_lookup;
                if (!iommu.gpa_cache.enabled() || requester.debug) break;
                state_ = State::cached;
                step.kind = StepKind::lookup;
                step.lookup = {Structure::ipa_cache, 2, 0};
                return Progress::step;
            }
            case State::cached: {
                state_ = State::cache_lookup;
                const CachedTranslation* hit = iommu.gpa_cache.lookup(space, gpa_);
                if (hit == nullptr) break;
                // It says what is allowed without another look; anything else the tables decide.
                const std::uint8_t bits = hit->permissions.bits;
                const bool writes = kinds_.write || use_ == Use::update;
                if (kinds_.read && (bits & Permissions::kUserRead) == 0) break;
                if (writes && (bits & Permissions::kUserWrite) == 0) break;
                if (kinds_.execute && (bits & Permissions::kUserExecute) == 0) break;
                output_.address = hit->pa + (gpa_ - hit->va);
                output_.log2_bytes = hit->log2_bytes;
                output_.readable = (bits & Permissions::kUserRead) != 0;
                output_.writable = output_.dirty = (bits & Permissions::kUserWrite) != 0;
                output_.executable = (bits & Permissions::kUserExecute) != 0;
                output_.pbmt = hit->level;
                return Progress::done;
            }
            case State::cache_lookup:
                // From the deepest table upwards.
                if (probe_ < kWalkCaches && probe_ + 2U <= riscv_table::levels(mode_) && !requester.debug) {
                    ++probe_;
                    if (!iommu.walk_s2[kWalkCaches - probe_].enabled()) break;
                    state_ = State::cache_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::walk_cache, 2, static_cast<std::uint8_t>(kWalkCaches - probe_)};
                    return Progress::step;
                }
                state_ = State::root;
                break;
            case State::cache_looked_up: {
                state_ = State::cache_lookup;
                const WalkCacheEntry* hit =
                    iommu.walk_s2[kWalkCaches - probe_].lookup(space, gpa_, riscv_table::shift(mode_, probe_));
                if (hit == nullptr) break;
                table_ = hit->table;
                above_ = static_cast<std::uint8_t>(probe_ - 1);
                state_ = State::fetch;
                break;
            }
            case State::root:  // 1
                above_ = static_cast<std::uint8_t>(riscv_table::levels(mode_) - 1);
                table_ = context.address(dc::IOHGATP);
                state_ = State::fetch;
                break;
            case State::fetch: {  // 2
                if (table_ >> iommu.params().physical_bits() != 0) return fail(WalkFault::Kind::access);
                const bool root = above_ + 1U == riscv_table::levels(mode_);
                const unsigned bits = riscv_table::index_bits(mode_) + (root ? riscv_table::kStage2RootBits : 0);
                const std::uint64_t index = (gpa_ >> riscv_table::shift(mode_, above_)) & low_mask(bits);
                word_address_ = table_ + index * riscv_table::word_bytes(mode_);
                iommu.count(HpmEvent::second_stage_walks, {requester, context});
                if (!requester.debug) ++iommu.counters.walk_reads;
                state_ = State::fetched;
                has_line_ = use_ == Use::final && iommu.reads_line(mode_, above_);
                step.kind = StepKind::access;
                step.access = {};
                step.access.address = PhysAddr{has_line_ ? align_down(word_address_, kLineBytes) : word_address_};
                step.access.size = has_line_ ? kLineBytes : riscv_table::word_bytes(mode_);
                step.access.purpose = walk_purpose(2, above_);
                step.access.input = gpa_;
                return Progress::step;
            }
            case State::fetched: {
                if (iommu.is_poisoned(step.access)) return fail(WalkFault::Kind::cause);
                if (reply.abort) return fail(WalkFault::Kind::access);
                if (has_line_) {
                    line_ = iommu.load_line(reply, iommu.registers.big_endian());
                    word_ = line_[word_address_ % kLineBytes / 8];
                } else {
                    word_ = iommu.load(reply, 0, riscv_table::word_bytes(mode_));
                }
                if (iommu.unusable(word_, mode_) || (above_ != 0 && pte::N.test(word_))) {  // 3
                    return fail(WalkFault::Kind::guest_page);
                }
                if (pte::R.test(word_) || pte::X.test(word_)) return leaf(iommu, requester, context, step);  // 4
                if (iommu.unusable_table(word_) || above_ == 0) return fail(WalkFault::Kind::guest_page);
                table_ = riscv_table::table_address(word_, mode_);
                if (above_ <= kWalkCaches && !requester.debug && epoch_ == iommu.epoch()) {
                    const unsigned shift = riscv_table::shift(mode_, above_);
                    const WalkCacheEntry entry{space,     align_down(gpa_, std::uint64_t{1} << shift),
                                               table_,    static_cast<std::uint8_t>(shift),
                                               kPageBits, static_cast<std::uint8_t>(kWalkCaches - above_),
                                               {}};
                    if (requester.later != nullptr) {
                        requester.later->table(2, entry);
                    } else {
                        iommu.walk_s2[kWalkCaches - above_].fill(entry, requester.did);
                    }
                }
                --above_;
                state_ = State::fetch;
                break;
            }
            case State::updated:
                if (iommu.is_poisoned(step.access)) return fail(WalkFault::Kind::cause);
                if (reply.abort) return fail(WalkFault::Kind::access);
                // The word has changed under way: once more.
                if (iommu.load(reply, 0, riscv_table::word_bytes(mode_)) != word_) {
                    state_ = State::fetch;
                    break;
                }
                word_ |= pte::A.mask() | (wants_dirty(word_) ? pte::D.mask() : 0);
                return finish(iommu, requester, context);
        }
    }
}

Progress SecondStage::leaf(Iommu& iommu, const Requester& requester, const DeviceContext& context, Step& step) {
    // 5: U is checked as for an access from user mode.
    const bool checked = kinds_.check || use_ != Use::final;
    if (checked && ((kinds_.execute && !pte::X.test(word_)) || (kinds_.read && !pte::R.test(word_)) ||
                    (kinds_.write && !pte::W.test(word_)))) {
        return fail(WalkFault::Kind::guest_page);
    }
    if (!pte::U.test(word_)) return fail(WalkFault::Kind::guest_page);
    // 6
    const std::uint64_t ppn = riscv_table::table_address(word_, mode_) >> kPageBits;
    if ((ppn & low_mask(above_ * riscv_table::index_bits(mode_))) != 0) return fail(WalkFault::Kind::guest_page);
    if (pte::N.test(word_) && (ppn & low_mask(riscv_table::kNapotBits)) != pte::kNapotCode) {
        return fail(WalkFault::Kind::guest_page);
    }
    // 7
    if (pte::A.test(word_) && !wants_dirty(word_)) return finish(iommu, requester, context);
    if (!context.test(tc::GADE)) return fail(WalkFault::Kind::guest_page);
    if (requester.debug) return finish(iommu, requester, context);
    iommu.update_word(step, word_address_, riscv_table::word_bytes(mode_), word_,
                      word_ | pte::A.mask() | (wants_dirty(word_) ? pte::D.mask() : 0), iommu.registers.big_endian());
    state_ = State::updated;
    return Progress::step;
}

/// 8.
Progress SecondStage::finish(Iommu& iommu, const Requester& requester, const DeviceContext& context) {
    output_ = output_of(word_, gpa_);
    walked_ = true;
    const unsigned log2 = output_.log2_bytes;
    if (iommu.gpa_cache.enabled() && !requester.debug && epoch_ == iommu.epoch()) {
        CachedTranslation entry;
        entry.va = gpa_ & ~low_mask(log2);
        entry.pa = output_.address & ~low_mask(log2);
        entry.space = space_tag::second_stage(context.gscid());
        entry.stream = requester.did;
        entry.log2_bytes = output_.log2_bytes;
        entry.level = output_.pbmt;
        entry.permissions.bits =
            static_cast<std::uint8_t>((output_.readable ? Permissions::kUserRead : 0) |
                                      (output_.writable && output_.dirty ? Permissions::kUserWrite : 0) |
                                      (output_.executable ? Permissions::kUserExecute : 0));
        if (requester.later != nullptr) {
            requester.later->second_stage(entry);
        } else {
            iommu.gpa_cache.fill(entry);
        }
    }
    return Progress::done;
}

StageOutput leaf_output(Mode mode, unsigned above, std::uint64_t word, std::uint64_t input) {
    const bool napot = pte::N.test(word);
    const unsigned log2 = napot ? kPageBits + riscv_table::kNapotBits : riscv_table::shift(mode, above);
    StageOutput output;
    output.log2_bytes = static_cast<std::uint8_t>(log2);
    output.address = (riscv_table::table_address(word, mode) & ~low_mask(log2)) | (input & low_mask(log2));
    output.readable = pte::R.test(word);
    output.writable = pte::W.test(word);
    output.executable = pte::X.test(word);
    output.dirty = pte::D.test(word);
    output.pbmt = mode == Mode::sv32 ? 0 : static_cast<std::uint8_t>(pte::PBMT.get(word));
    return output;
}

StageOutput SecondStage::output_of(std::uint64_t word, std::uint64_t gpa) const {
    return leaf_output(mode_, above_, word, gpa);
}

/// Words that would need a fault or an update say nothing. A leaf of more than a page says it of all its addresses.
std::optional<StageOutput> SecondStage::beside(const Iommu& iommu, std::uint64_t gpa) const {
    if (mode_ == Mode::bare) {
        StageOutput same;
        same.address = gpa;
        return same;
    }
    if (!walked_) return std::nullopt;
    if ((gpa ^ gpa_) >> output_.log2_bytes == 0) return output_of(word_, gpa);
    if (!has_line_ || (gpa ^ gpa_) >> (kPageBits + kLinePagesLog2) != 0) return std::nullopt;
    const std::uint64_t word = line_[(gpa >> kPageBits) % kLinePages];
    if (iommu.unusable(word, mode_) || (!pte::R.test(word) && !pte::X.test(word)) || pte::N.test(word) ||
        !pte::A.test(word) || !pte::U.test(word)) {
        return std::nullopt;
    }
    return output_of(word, gpa);
}

}  // namespace xlate::iommu::riscv
