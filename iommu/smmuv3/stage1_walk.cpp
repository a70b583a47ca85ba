#include "iommu/smmuv3/purpose.hpp"
#include "iommu/smmuv3/smmu.hpp"
#include "iommu/smmuv3/walk.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

/// What a leaf and the tables above it allow. `writable`: writes may happen (now, or after a dirty-state update).
Permissions stage1_permissions(std::uint64_t leaf, TableLimits limits, bool writable, const Stage1& s1) {
    const bool user = s1.single_privilege || (pte::AP1.test(leaf) && !limits.no_user);
    const bool user_xn = pte::UXN.test(leaf) || limits.user_xn;
    const bool privileged_xn = pte::PXN.test(leaf) || limits.privileged_xn;
    const bool write_xn = s1.wxn && writable;
    const bool user_execute = user && !user_xn && !write_xn;
    std::uint8_t bits = 0;
    if (user) {
        bits |= Permissions::kUserRead;
        if (writable) bits |= Permissions::kUserWrite;
        if (user_execute) bits |= Permissions::kUserExecute;
    }
    if (s1.single_privilege) return {static_cast<std::uint8_t>(bits | (bits << 3))};
    const bool kept_out = s1.pan && (user || (s1.epan && !user_xn && !write_xn));
    if (!kept_out) {
        bits |= Permissions::kPrivilegedRead;
        if (writable) bits |= Permissions::kPrivilegedWrite;
    }
    // What EL0 can write, EL1 does not execute.
    if (!privileged_xn && !write_xn && !(user && writable)) bits |= Permissions::kPrivilegedExecute;
    return {bits};
}

}  // namespace

unsigned select_half(const Stage1& s1, std::uint64_t va) {
    const unsigned half = s1.single_privilege ? 0 : static_cast<unsigned>((va >> 55) & 1);
    const Stage1Half& chosen = s1.half[half];
    // The bits above the input range, up to 55 or 63, are all zero or all one.
    const unsigned input_bits = 64U - chosen.tsz;
    const unsigned top = chosen.tbi ? 56 : 64;
    if (input_bits >= top) return half;
    const std::uint64_t above = (va & low_mask(top)) >> input_bits;
    const std::uint64_t expected = half == 0 ? 0 : low_mask(top - input_bits);
    return above == expected ? half : 2;
}

Progress Stage1Walk::fail(EventCode code) {
    fault_ = {};
    fault_.code = code;
    fault_.cls = event::CLASS_IN;
    if (code == EventCode::F_WALK_EABT) {
        fault_.cls = event::CLASS_TT;
        fault_.fetch_address = descriptor_address_;
    }
    return Progress::fault;
}

Progress Stage1Walk::advance(Smmu& smmu, const Request& request, const StreamConfig& config, const Reply& reply,
                             Step& step) {
    const Stage1& s1 = config.stage1;
    const bool nested = config.ste.s2;
    for (;;) {
        const Stage1Half& half = s1.half[half_];
        switch (state_) {
            case State::begin: {
                epoch_ = smmu.epoch();
                const unsigned chosen = select_half(s1, request.address);
                if (chosen > 1) return fail(EventCode::F_TRANSLATION);
                half_ = static_cast<std::uint8_t>(chosen);
                const Stage1Half& selected = s1.half[half_];
                if (selected.disabled || (selected.e0pd && !request.privileged)) return fail(EventCode::F_TRANSLATION);
                va_ = request.address & low_mask(56);
                limits_ = {};
                start_level_ = static_cast<std::uint8_t>(start_level(selected.granule, 64U - selected.tsz));
                lookup_level_ = 4;
                state_ = State::cache_lookup;
                break;
            }
            case State::cache_lookup:
                state_ = State::root;
                // Level -1 is not cached.
                while (lookup_level_ > (start_level_ == kLevelMinus1 ? 0 : start_level_) && !request.debug) {
                    --lookup_level_;
                    if (!smmu.walk_s1[lookup_level_].enabled()) continue;
                    state_ = State::cache_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::walk_cache, 1, lookup_level_};
                    return Progress::step;
                }
                break;
            case State::cache_looked_up: {
                state_ = State::cache_lookup;
                const WalkCacheEntry* hit =
                    smmu.walk_s1[lookup_level_].lookup(config.space, va_, level_shift(half.granule, lookup_level_));
                if (hit == nullptr) break;
                table_ = hit->table;
                limits_ = hit->limits;
                level_ = static_cast<std::uint8_t>(lookup_level_ + 1);
                state_ = State::locate;
                break;
            }
            case State::root: {
                level_ = start_level_;
                const std::uint64_t bytes = root_entries(half.granule, 64U - half.tsz, level_) * kDescriptorBytes;
                const std::uint64_t least = half.output_bits == 52 ? 64 : 16;
                table_ = align_down(half.ttb, bytes < least ? least : bytes);
                state_ = State::locate;
                break;
            }
            case State::locate: {
                const unsigned shift = level_shift(half.granule, level_);
                const std::uint64_t entries = level_ == start_level_
                                                  ? root_entries(half.granule, 64U - half.tsz, level_)
                                                  : std::uint64_t{1} << stride(half.granule);
                descriptor_ipa_ = table_ + ((va_ >> shift) & (entries - 1)) * kDescriptorBytes;
                descriptor_address_ = descriptor_ipa_;
                state_ = State::fetch;
                if (nested) {
                    stage2_.start(descriptor_ipa_, Stage2Use::table);
                    state_ = State::locating;
                }
                break;
            }
            case State::locating:
            case State::update_locating: {
                const Progress progress = stage2_.advance(smmu, request, config, reply, step);
                if (progress == Progress::step) return progress;
                if (progress == Progress::fault) {
                    fault_ = stage2_.fault();
                    return progress;
                }
                descriptor_address_ = stage2_.output().address;
                state_ = state_ == State::locating ? State::fetch : State::update;
                break;
            }
            case State::fetch:
                if (!request.debug) smmu.count(&SmmuCounters::walk_reads, PmcgEvent::walk_access, request.sid);
                state_ = State::fetched;
                step.kind = StepKind::access;
                step.access.address = PhysAddr{descriptor_address_};
                step.access.size = kDescriptorBytes;
                step.access.kind = AccessKind::read;
                step.access.purpose = walk_purpose(1, level_);
                step.access.input = va_;
                return Progress::step;
            case State::fetched: {
                if (reply.abort) return fail(EventCode::F_WALK_EABT);
                descriptor_ = load_le(reply.data.data(), kDescriptorBytes);
                const std::uint64_t type = pte::TYPE.get(descriptor_);
                if (!pte::VALID.test(descriptor_)) return fail(EventCode::F_TRANSLATION);
                if (level_ != 3 && type == pte::TYPE_TABLE) {
                    const std::uint64_t next = descriptor_address(descriptor_, page_bits(half.granule), half.form);
                    if (next >> half.output_bits != 0) return fail(EventCode::F_ADDR_SIZE);
                    if (!half.had) {
                        limits_.no_write |= pte::APTable1.test(descriptor_);
                        limits_.no_user |= pte::APTable0.test(descriptor_);
                        limits_.user_xn |= pte::UXNTable.test(descriptor_);
                        limits_.privileged_xn |= pte::PXNTable.test(descriptor_);
                    }
                    if (level_ != kLevelMinus1 && !request.debug && epoch_ == smmu.epoch()) {
                        const unsigned shift = level_shift(half.granule, level_);
                        smmu.walk_s1[level_].fill({config.space, align_down(va_, std::uint64_t{1} << shift), next,
                                                   static_cast<std::uint8_t>(shift),
                                                   static_cast<std::uint8_t>(page_bits(half.granule)), level_, limits_},
                                                  config.stream);
                    }
                    table_ = next;
                    ++level_;
                    state_ = State::locate;
                    break;
                }
                if (level_ != 3 && !leaf_allowed(half.granule, level_, half.form))
                    return fail(EventCode::F_TRANSLATION);
                if (level_ == 3 && type != pte::TYPE_PAGE) return fail(EventCode::F_TRANSLATION);
                const Progress progress = leaf(request, config);
                if (progress != Progress::step) return progress;
                // The update of a table is itself a write through stage 2.
                state_ = State::update;
                if (nested) {
                    stage2_.start(descriptor_ipa_, Stage2Use::table_update);
                    state_ = State::update_locating;
                }
                break;
            }
            case State::update:
                state_ = State::updated;
                step.kind = StepKind::access;
                step.access.address = PhysAddr{descriptor_address_};
                step.access.size = kDescriptorBytes;
                step.access.kind = AccessKind::compare_and_swap;
                step.access.purpose = Purpose::httu;
                step.access.expected = descriptor_;
                store_le(step.access.data.data(), kDescriptorBytes, updated_);
                return Progress::step;
            case State::updated:
                if (reply.abort) return fail(EventCode::F_WALK_EABT);
                // Somebody changed the descriptor meanwhile: read it again.
                if (load_le(reply.data.data(), kDescriptorBytes) != descriptor_) {
                    state_ = State::fetch;
                    break;
                }
                ++smmu.counters.httu_updates;
                descriptor_ = updated_;
                return leaf(request, config);
        }
    }
}

/// done, fault, or step: `updated_` is to be written first.
Progress Stage1Walk::leaf(const Request& request, const StreamConfig& config) {
    const Stage1& s1 = config.stage1;
    const Stage1Half& half = s1.half[half_];
    const unsigned shift = level_shift(half.granule, level_);
    const std::uint64_t base = descriptor_address(descriptor_, shift, half.form);
    if (base >> half.output_bits != 0) return fail(EventCode::F_ADDR_SIZE);
    std::uint64_t wanted = descriptor_;
    if (!pte::AF.test(descriptor_)) {
        if (s1.ha) {
            wanted |= pte::AF.mask();
        } else if (!s1.affd) {
            return fail(EventCode::F_ACCESS);
        }
    }
    const bool ats = request.ats == AtsType::translation_request;
    const bool wants_write = ats ? !request.no_write : request.write;
    // Read-only by APTable is not writable-clean.
    const bool writable = !pte::AP2.test(descriptor_) && !limits_.no_write;
    const bool writable_clean = pte::AP2.test(descriptor_) && s1.hd && pte::DBM.test(descriptor_) && !limits_.no_write;
    const Permissions potential = stage1_permissions(descriptor_, limits_, writable || writable_clean, s1);
    bool dirty = false;
    if (ats) {
        const std::uint8_t write_bit = request.privileged ? Permissions::kPrivilegedWrite : Permissions::kUserWrite;
        dirty = writable_clean && wants_write && (potential.bits & write_bit) != 0;
    } else {
        if (!potential.allows(request)) return fail(EventCode::F_PERMISSION);
        dirty = writable_clean && wants_write && !request.prefetch;
    }
    if (dirty) wanted &= ~pte::AP2.mask();
    if (wanted != descriptor_ && !request.debug) {
        updated_ = wanted;
        return Progress::step;
    }
    output_.permissions = potential;
    if (!writable && !dirty) {
        output_.permissions.bits &=
            static_cast<std::uint8_t>(~(Permissions::kUserWrite | Permissions::kPrivilegedWrite));
    }
    // E0PD holds for hits, too: an unprivileged one walks, and faults.
    if (half.e0pd) output_.permissions.bits &= 0x38;
    output_.address = base + (va_ & low_mask(shift));
    output_.level = level_;
    output_.log2_bytes = static_cast<std::uint8_t>(shift);
    if (pte::CONT.test(descriptor_)) {
        const unsigned group = shift + contiguous_log2_entries(half.granule, level_);
        if (group <= 64U - half.tsz) output_.log2_bytes = static_cast<std::uint8_t>(group);
    }
    output_.granule = static_cast<std::uint8_t>(page_bits(half.granule));
    output_.attributes.mair = static_cast<std::uint8_t>(s1.mair >> (8 * pte::AttrIndx.get(descriptor_)));
    const std::uint64_t sh = half.form == OutputForm::ds ? half.sh : pte::SH.get(descriptor_);
    output_.attributes.shareability = static_cast<std::uint8_t>(output_.attributes.mair < 0x10 ? pte::SH_OSH : sh);
    output_.global = s1.single_privilege || !pte::nG.test(descriptor_);
    return Progress::done;
}

}  // namespace xlate::iommu::smmuv3
