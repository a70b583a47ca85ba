#include "iommu/smmuv3/purpose.hpp"
#include "iommu/smmuv3/smmu.hpp"
#include "iommu/smmuv3/walk.hpp"
#include "iommu/tables/memory_attributes.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

std::uint8_t mair_of_fwb(std::uint64_t code) {
    if (code < 4) return static_cast<std::uint8_t>((code & 3) << 2);
    return code == 5 ? 0x44 : 0xFF;  // 5 non-cacheable; 6 write-back and 7 as stage 1 says combine alike
}

Permissions stage2_permissions(std::uint64_t descriptor, bool writable, bool xnx) {
    const bool readable = (pte::S2AP.get(descriptor) & pte::S2AP_READ) != 0;
    const std::uint64_t xn = xnx ? pte::S2XN.get(descriptor) : pte::S2XN.get(descriptor) & 2;
    std::uint8_t bits = 0;
    if (readable) bits |= Permissions::kUserRead | Permissions::kPrivilegedRead;
    if (writable) bits |= Permissions::kUserWrite | Permissions::kPrivilegedWrite;
    // XN: 0 all may, 1 EL1 may not, 2 nobody, 3 EL0 may not. Instruction reads are reads.
    if (readable && (xn == 0 || xn == 1)) bits |= Permissions::kUserExecute;
    if (readable && (xn == 0 || xn == 3)) bits |= Permissions::kPrivilegedExecute;
    return {bits};
}

}  // namespace

Progress Stage2Walk::fail(EventCode code) {
    fault_ = {};
    fault_.code = code;
    fault_.s2 = true;
    fault_.cls = use_ == Stage2Use::final ? event::CLASS_IN : use_ == Stage2Use::cd ? event::CLASS_CD : event::CLASS_TT;
    fault_.ttrnw = code == EventCode::F_PERMISSION && use_ == Stage2Use::table;
    if (code == EventCode::F_WALK_EABT) {
        fault_.fetch_address = descriptor_address_;
    } else {
        fault_.ipa = ipa_;
    }
    return Progress::fault;
}

bool Stage2Walk::needs_write(const Request& request) const {
    if (use_ != Stage2Use::final) return use_ == Stage2Use::table_update;
    return request.ats == AtsType::translation_request ? !request.no_write : request.write;
}

Progress Stage2Walk::advance(Smmu& smmu, const Request& request, const StreamConfig& config, const Reply& reply,
                             Step& step) {
    const Stage2& s2 = config.ste.stage2;
    const std::uint64_t space = space_tag::make(Regime::ns_stage2, config.ste.vmid, 0, false);
    for (;;) {
        switch (state_) {
            case State::begin:
                epoch_ = smmu.epoch();
                if ((ipa_ >> (64 - s2.t0sz)) != 0) return fail(EventCode::F_TRANSLATION);
                lookup_level_ = 4;
                state_ = State::cache_lookup;
                if (smmu.ipa_cache.enabled() && !request.debug) {
                    state_ = State::ipa_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::ipa_cache, 2, 0};
                    return Progress::step;
                }
                break;
            case State::ipa_looked_up: {
                state_ = State::cache_lookup;
                const CachedTranslation* hit = smmu.ipa_cache.lookup(space, ipa_);
                if (hit == nullptr) break;
                output_.address = hit->pa + (ipa_ - hit->va);
                output_.log2_bytes = hit->log2_bytes;
                output_.level = hit->level;
                output_.granule = hit->granule;
                output_.permissions = hit->permissions;
                output_.attributes = hit->attributes;
                if (permitted(request, s2)) return Progress::done;
                break;  // the walk says why, or makes it writable
            }
            case State::cache_lookup:
                // From the deepest table upwards; level -1 is not cached.
                state_ = State::root;
                while (lookup_level_ > (s2.start_level == kLevelMinus1 ? 0 : s2.start_level) && !request.debug) {
                    --lookup_level_;
                    if (!smmu.walk_s2[lookup_level_].enabled()) continue;
                    state_ = State::cache_looked_up;
                    step.kind = StepKind::lookup;
                    step.lookup = {Structure::walk_cache, 2, lookup_level_};
                    return Progress::step;
                }
                break;
            case State::cache_looked_up: {
                state_ = State::cache_lookup;
                const WalkCacheEntry* hit =
                    smmu.walk_s2[lookup_level_].lookup(space, ipa_, level_shift(s2.granule, lookup_level_));
                if (hit == nullptr) break;
                table_ = hit->table;
                level_ = static_cast<std::uint8_t>(lookup_level_ + 1);
                state_ = State::fetch;
                break;
            }
            case State::root: {
                level_ = s2.start_level;
                const std::uint64_t bytes = root_entries(s2.granule, 64U - s2.t0sz, level_) * kDescriptorBytes;
                const std::uint64_t least = s2.output_bits == 52 ? 64 : 16;
                table_ = align_down(s2.ttb, bytes < least ? least : bytes);
                state_ = State::fetch;
                break;
            }
            case State::fetch: {
                const unsigned shift = level_shift(s2.granule, level_);
                // Concatenated roots have more entries than one table.
                const std::uint64_t entries = level_ == s2.start_level ? root_entries(s2.granule, 64U - s2.t0sz, level_)
                                                                       : std::uint64_t{1} << stride(s2.granule);
                descriptor_address_ = table_ + ((ipa_ >> shift) & (entries - 1)) * kDescriptorBytes;
                if (!request.debug) smmu.count(&SmmuCounters::walk_reads, PmcgEvent::walk_access, request.sid);
                state_ = State::fetched;
                step.kind = StepKind::access;
                step.access.address = PhysAddr{descriptor_address_};
                step.access.size = kDescriptorBytes;
                step.access.kind = AccessKind::read;
                step.access.purpose = walk_purpose(2, level_);
                step.access.input = ipa_;
                return Progress::step;
            }
            case State::fetched: {
                if (reply.abort) return fail(EventCode::F_WALK_EABT);
                descriptor_ = load_le(reply.data.data(), kDescriptorBytes);
                const std::uint64_t type = pte::TYPE.get(descriptor_);
                if (!pte::VALID.test(descriptor_)) return fail(EventCode::F_TRANSLATION);
                if (level_ != 3 && type == pte::TYPE_TABLE) {
                    const std::uint64_t next = descriptor_address(descriptor_, page_bits(s2.granule), s2.form);
                    if (next >> s2.output_bits != 0) return fail(EventCode::F_ADDR_SIZE);
                    const bool kept = use_ == Stage2Use::final || smmu.params().caches.walk_s2_nonfinal;
                    if (kept && level_ != kLevelMinus1 && !request.debug && epoch_ == smmu.epoch()) {
                        const unsigned shift = level_shift(s2.granule, level_);
                        smmu.walk_s2[level_].fill(
                            {space, align_down(ipa_, std::uint64_t{1} << shift), next, static_cast<std::uint8_t>(shift),
                             static_cast<std::uint8_t>(page_bits(s2.granule)), level_, TableLimits{}},
                            config.stream);
                    }
                    table_ = next;
                    ++level_;
                    state_ = State::fetch;
                    break;
                }
                if (level_ != 3 && !leaf_allowed(s2.granule, level_, s2.form)) return fail(EventCode::F_TRANSLATION);
                if (level_ == 3 && type != pte::TYPE_PAGE) return fail(EventCode::F_TRANSLATION);
                return leaf(smmu, request, config, step);
            }
            case State::updated:
                if (reply.abort) return fail(EventCode::F_WALK_EABT);
                // Somebody changed the descriptor meanwhile: read it again.
                if (load_le(reply.data.data(), kDescriptorBytes) != descriptor_) {
                    state_ = State::fetch;
                    break;
                }
                ++smmu.counters.httu_updates;
                descriptor_ = updated_;
                return leaf(smmu, request, config, step);
        }
    }
}

bool Stage2Walk::permitted(const Request& request, const Stage2& s2) const {
    const std::uint8_t bits = output_.permissions.bits;
    switch (use_) {
        case Stage2Use::final: {
            Request wanted = request;
            wanted.write = needs_write(request);
            return output_.permissions.allows(wanted);
        }
        case Stage2Use::table:
        case Stage2Use::cd:
            return (bits & Permissions::kPrivilegedRead) != 0 && !(s2.ptw && device());
        case Stage2Use::table_update:
            return (bits & Permissions::kPrivilegedRead) != 0 && (bits & Permissions::kPrivilegedWrite) != 0 &&
                   !(s2.ptw && device());
    }
    return false;
}

Progress Stage2Walk::leaf(Smmu& smmu, const Request& request, const StreamConfig& config, Step& step) {
    const Stage2& s2 = config.ste.stage2;
    const unsigned shift = level_shift(s2.granule, level_);
    const std::uint64_t base = descriptor_address(descriptor_, shift, s2.form);
    if (base >> s2.output_bits != 0) return fail(EventCode::F_ADDR_SIZE);
    std::uint64_t wanted = descriptor_;
    if (!pte::AF.test(descriptor_)) {
        if (s2.ha) {
            wanted |= pte::AF.mask();
        } else if (!s2.affd) {
            return fail(EventCode::F_ACCESS);
        }
    }
    const bool writable = (pte::S2AP.get(descriptor_) & pte::S2AP_WRITE) != 0;
    const bool writable_clean = !writable && s2.hd && pte::DBM.test(descriptor_);
    // A speculative access makes nothing dirty but what a stage 1 table update needs.
    const bool dirty = writable_clean && needs_write(request) && !(request.prefetch && use_ == Stage2Use::final);

    output_.address = base + (ipa_ & low_mask(shift));
    output_.level = level_;
    output_.granule = static_cast<std::uint8_t>(page_bits(s2.granule));
    output_.log2_bytes = static_cast<std::uint8_t>(shift);
    output_.permissions = stage2_permissions(descriptor_, writable || dirty, s2.xnx);
    const std::uint64_t mem_attr = pte::MemAttr.get(descriptor_);
    output_.attributes.mair = s2.fwb ? mair_of_fwb(mem_attr & 7) : mair_of_stage2(static_cast<unsigned>(mem_attr));
    output_.attributes.shareability =
        static_cast<std::uint8_t>(s2.form == OutputForm::ds ? s2.sh : pte::SH.get(descriptor_));
    const bool grant_any = use_ == Stage2Use::final && request.ats == AtsType::translation_request;
    if (!grant_any && !permitted(request, s2)) return fail(EventCode::F_PERMISSION);

    if (dirty) wanted |= pte::S2AP.of(pte::S2AP_WRITE);
    if (wanted != descriptor_ && !request.debug) {
        updated_ = wanted;
        state_ = State::updated;
        step.kind = StepKind::access;
        step.access.address = PhysAddr{descriptor_address_};
        step.access.size = kDescriptorBytes;
        step.access.kind = AccessKind::compare_and_swap;
        step.access.purpose = Purpose::httu;
        step.access.expected = descriptor_;
        store_le(step.access.data.data(), kDescriptorBytes, wanted);
        return Progress::step;
    }
    if (pte::CONT.test(descriptor_)) {
        const unsigned group = shift + contiguous_log2_entries(s2.granule, level_);
        if (group <= 64U - s2.t0sz) output_.log2_bytes = static_cast<std::uint8_t>(group);
    }
    if (!request.debug && epoch_ == smmu.epoch()) {
        CachedTranslation entry;
        entry.va = align_down(ipa_, std::uint64_t{1} << output_.log2_bytes);
        entry.pa = align_down(output_.address, std::uint64_t{1} << output_.log2_bytes);
        entry.space = space_tag::make(Regime::ns_stage2, config.ste.vmid, 0, false);
        entry.stream = config.stream;
        entry.log2_bytes = output_.log2_bytes;
        entry.granule = static_cast<std::uint8_t>(page_bits(s2.granule));
        entry.level = level_;
        entry.permissions = output_.permissions;
        entry.attributes = output_.attributes;
        smmu.ipa_cache.fill(entry);
    }
    return Progress::done;
}

}  // namespace xlate::iommu::smmuv3
