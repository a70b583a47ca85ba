#include "iommu/smmuv3/translation.hpp"

#include "iommu/smmuv3/purpose.hpp"
#include "iommu/smmuv3/smmu.hpp"
#include "iommu/smmuv3/stream_table.hpp"
#include "iommu/tables/memory_attributes.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

/// Rights as the client's own attributes see them: undoes what PRIVCFG and INSTCFG did to its requests.
Permissions seen_by_client(Permissions permissions, const SteConfig& ste_config) {
    unsigned bits = permissions.bits;
    if (ste_config.privcfg == 2) bits = (bits & 7) | ((bits & 7) << 3);        // all unprivileged
    if (ste_config.privcfg == 3) bits = (bits & 0x38) | (bits >> 3);           // all privileged
    if (ste_config.instcfg == 2) bits = (bits & 0x1B) | ((bits & 0x09) << 2);  // reads are data
    if (ste_config.instcfg == 3) bits = (bits & 0x36) | ((bits & 0x24) >> 2);  // reads are instructions
    return {static_cast<std::uint8_t>(bits)};
}

}  // namespace

void Translation::start(Smmu& smmu, const Request& request) {
    request_ = request;
    stages_ = Stages::all;
    config_only_ = false;
    state_ = State::begin;
    if (!request.debug) {
        smmu.count(&SmmuCounters::translations, PmcgEvent::transactions, request.sid);
        if (request.ats == AtsType::translation_request)
            smmu.count(&SmmuCounters::ats_requests, PmcgEvent::ats_requests, request.sid);
        if (request.ats == AtsType::translated)
            smmu.count(&SmmuCounters::ats_translated, PmcgEvent::ats_translated, request.sid);
    }
}

void Translation::start_operation(const Request& request, Stages stages) {
    request_ = request;
    request_.debug = true;
    stages_ = stages;
    config_only_ = false;
    state_ = State::begin;
}

void Translation::start_prefetch(StreamId sid, std::optional<SubstreamId> ssid, std::optional<std::uint64_t> address) {
    request_ = Request{};
    request_.sid = sid;
    request_.ssid = ssid;
    request_.address = address.value_or(0);
    request_.prefetch = true;
    stages_ = Stages::all;
    config_only_ = !address;
    state_ = State::begin;
}

const Step& Translation::step(Smmu& smmu, const Reply& reply) {
    while (!advance(smmu, reply)) {
    }
    return step_;
}

bool Translation::read_config(Smmu& smmu, std::uint32_t size, AccessPurpose purpose) {
    if (!request_.debug) {
        smmu.count(&SmmuCounters::config_reads, PmcgEvent::config_access, request_.sid);
        if (purpose == Purpose::ste) ++smmu.counters.ste_fetches;
        if (purpose == Purpose::cd) ++smmu.counters.cd_fetches;
    }
    walk_count_ = WalkCount::none;
    step_.kind = StepKind::access;
    step_.access.address = PhysAddr{pointer_};
    step_.access.size = size;
    step_.access.kind = AccessKind::read;
    step_.access.purpose = purpose;
    return true;
}

bool Translation::advance(Smmu& smmu, const Reply& reply) {
    const Features& f = smmu.features();
    Registers& r = smmu.registers;
    switch (state_) {
        case State::begin:
            return begin(smmu);
        case State::config_lookup: {
            state_ = State::ste;
            const StreamConfig* hit = smmu.config_cache.lookup(config_.stream);
            if (hit == nullptr) {
                smmu.count(&SmmuCounters::config_misses, PmcgEvent::config_cache_miss, request_.sid);
                return false;
            }
            config_ = *hit;
            state_ = State::configured;
            return false;
        }
        case State::ste: {
            const auto where = locate_ste(request_.sid, r.strtab_base, r.strtab_base_cfg, f);
            if (!where) return fail(smmu, EventCode::C_BAD_STREAMID);
            pointer_ = where->address;
            state_ = where->is_l1 ? State::ste_l1_read : State::ste_read;
            return where->is_l1 ? read_config(smmu, l1std::kBytes, Purpose::ste_l1)
                                : read_config(smmu, kSteBytes, Purpose::ste);
        }
        case State::ste_l1_read: {
            if (reply.abort) return fail(smmu, EventCode::F_STE_FETCH, pointer_);
            const auto address = locate_ste_l2(request_.sid, load_le(reply.data.data(), 8), r.strtab_base_cfg);
            if (!address) return fail(smmu, EventCode::C_BAD_STREAMID);
            pointer_ = *address;
            state_ = State::ste_read;
            return read_config(smmu, kSteBytes, Purpose::ste);
        }
        case State::ste_read:
            if (reply.abort) return fail(smmu, EventCode::F_STE_FETCH, pointer_);
            ste_words_ = words_from_bytes<8>(reply.data.data());
            return ste_done(smmu);
        case State::cd_l1_pointer:
        case State::cd_pointer: {
            note_walk(smmu);
            const Progress progress = stage2_.advance(smmu, effective_, config_, reply, step_);
            if (progress == Progress::step) return walk_step();
            if (progress == Progress::fault) return fail(smmu, stage2_.fault());
            pointer_ = stage2_.output().address;
            state_ = state_ == State::cd_l1_pointer ? State::cd_l1 : State::cd;
            return false;
        }
        case State::cd_l1:
            state_ = State::cd_l1_read;
            return read_config(smmu, l1cd::kBytes, Purpose::cd_l1);
        case State::cd_l1_read: {
            if (reply.abort) return fail(smmu, EventCode::F_CD_FETCH, pointer_);
            const std::uint64_t descriptor = load_le(reply.data.data(), 8);
            const std::uint64_t table = keep(descriptor, 51, 12);
            if (!l1cd::V.test(descriptor) || table >> output_address_bits(f) != 0) return bad_substream(smmu);
            const bool small = config_.ste.s1_format == ste::S1FMT_4K_L2;
            const std::uint64_t start = small ? table : align_down(table, 0x10000);
            return locate_cd(start + (config_.cd_index & low_mask(small ? 6 : 10)) * kCdBytes, State::cd_pointer,
                             State::cd);
        }
        case State::cd:
            state_ = State::cd_read;
            return read_config(smmu, kCdBytes, Purpose::cd);
        case State::cd_read:
            return cd_done(smmu, reply);
        case State::configured:
            return configured(smmu);
        case State::tlb_lookup: {
            state_ = State::walk;
            const CachedTranslation* hit = smmu.tlb.lookup(config_.space, request_.address);
            if (hit == nullptr) {
                smmu.count(&SmmuCounters::tlb_misses, PmcgEvent::tlb_miss, request_.sid);
                return false;
            }
            const bool write = request_.ats == AtsType::translation_request ? !request_.no_write : request_.write;
            // Without the right, a walk: it makes the page dirty, or finds which stage refuses.
            if ((hit->permissions.bits & Permissions::needed(write, request_.instruction, request_.privileged)) == 0)
                return false;
            return complete(*hit, true);
        }
        case State::walk:
            apply_overrides();
            if (config_.s1) {
                stage1_.start();
                state_ = State::walk_stage1;
            } else {
                stage2_.start(request_.address, Stage2Use::final);
                state_ = State::walk_stage2;
            }
            return false;
        case State::walk_stage1: {
            note_walk(smmu);
            const Progress progress = stage1_.advance(smmu, effective_, config_, reply, step_);
            if (progress == Progress::step) return walk_step();
            if (progress == Progress::fault) return fail(smmu, stage1_.fault());
            if (!config_.ste.s2 || split_stage(smmu)) return finish_walk(smmu);
            stage2_.start(stage1_.output().address, Stage2Use::final);
            state_ = State::walk_stage2;
            return false;
        }
        case State::walk_stage2: {
            note_walk(smmu);
            const Progress progress = stage2_.advance(smmu, effective_, config_, reply, step_);
            if (progress == Progress::step) return walk_step();
            if (progress == Progress::fault) return fail(smmu, stage2_.fault());
            return finish_walk(smmu);
        }
        case State::stalled: {
            if (!have_stall_tag_) {
                // No tag was free then: from the start.
                state_ = State::begin;
                return false;
            }
            const StallAnswer answer = smmu.stalls.take_answer(stall_tag_);
            if (answer == StallAnswer::none) return true;
            have_stall_tag_ = false;
            if (answer == StallAnswer::retry) {
                state_ = State::begin;
                return false;
            }
            step_.kind = StepKind::fault;
            step_.result.response = answer == StallAnswer::abort ? Response::abort : Response::read_zero_write_ignored;
            ++smmu.counters.faults;
            state_ = State::finished;
            return true;
        }
        case State::unrecorded:
            return record_fault(smmu);
        case State::finished:
            return true;
    }
    return true;
}

/// A walk counts once its owner has gone on with its first step: one that gave up before (another translation walks the
/// same page) has not walked. The way to a CD through stage 2 is a walk of its own.
void Translation::note_walk(Smmu& smmu) {
    if (walk_count_ != WalkCount::begun) return;
    walk_count_ = WalkCount::counted;
    if (!request_.debug) ++smmu.counters.walks;
}

bool Translation::walk_step() {
    if (walk_count_ == WalkCount::none) walk_count_ = WalkCount::begun;
    return true;
}

bool Translation::begin(Smmu& smmu) {
    walk_count_ = WalkCount::none;
    Registers& r = smmu.registers;
    const Features& f = smmu.features();
    epoch_ = smmu.epoch();
    configured_ = false;
    have_stall_tag_ = false;
    config_.ste.merge_events = false;
    config_.stream = stream_tag(request_.sid, request_.ssid);
    step_.result.fault = 0;
    step_.result.recorded = false;
    step_.result.stage2 = false;
    step_.result.ipa = 0;
    // Section 1.9, step 1: global bypass.
    if (!r.enabled(cr0::SMMUEN)) {
        if (request_.ats == AtsType::translation_request) return fail(smmu, EventCode::F_BAD_ATS_TREQ);
        if (request_.ats == AtsType::translated) return fail(smmu, EventCode::F_TRANSL_FORBIDDEN);
        if (gbpa::ABORT.test(r.gbpa_effective)) return quiet_abort(smmu);
        if (request_.address >> output_address_bits(f) != 0) return quiet_abort(smmu);
        MemoryAttributes attributes = request_.incoming;
        if (f.attr_types_ovr != 0 && gbpa::MTCFG.test(r.gbpa_effective)) {
            attributes.mair = mair_of_stage2(static_cast<unsigned>(gbpa::MEMATTR.get(r.gbpa_effective)));
        }
        const std::uint64_t sh = gbpa::SHCFG.get(r.gbpa_effective);
        if (sh != ste::SHCFG_INCOMING) attributes.shareability = static_cast<std::uint8_t>(sh);
        return bypass(attributes, false);
    }
    if (request_.unsupported) return fail(smmu, EventCode::F_UUT);
    if (request_.ats == AtsType::translated && !r.enabled(cr0::ATSCHK)) {
        // Taken at its word: nothing is looked up.
        if (request_.address >> output_address_bits(f) != 0) return quiet_abort(smmu);
        return bypass(request_.incoming, false);
    }
    if (smmu.config_cache.enabled() && !request_.debug) {
        state_ = State::config_lookup;
        step_.kind = StepKind::lookup;
        step_.lookup = {Structure::config_cache, 1, 0};
        return true;
    }
    state_ = State::ste;
    return false;
}

bool Translation::split_stage(const Smmu& smmu) const {
    if (stages_ == Stages::stage1) return true;
    return request_.ats == AtsType::translation_request && config_.ste.eats == ste::EATS_S1CHK &&
           smmu.registers.enabled(cr0::ATSCHK);
}

bool Translation::configured(Smmu& smmu) {
    const Features& f = smmu.features();
    const SteConfig& ste_config = config_.ste;
    configured_ = true;
    if (config_only_) {
        step_.kind = StepKind::done;
        state_ = State::finished;
        return true;
    }
    if (const auto refused = ats_refusal(smmu)) return fail(smmu, *refused);
    if (stages_ != Stages::all) {
        const bool s1 = ste_config.s1 && !config_.s1_bypassed_by_dss;
        const bool wanted1 = stages_ != Stages::stage2;
        const bool wanted2 = stages_ != Stages::stage1;
        if ((wanted1 && !s1) || (wanted2 && !ste_config.s2)) {
            step_.kind = StepKind::fault;
            step_.result.fault = kStageNotConfigured;
            state_ = State::finished;
            return true;
        }
    }
    if (request_.ats == AtsType::translated) {
        if (ste_config.eats == ste::EATS_TRANS) return bypass(request_.incoming, false);
        config_.s1 = false;
        config_.regime = Regime::ns_stage2;
        config_.space = space_tag::make(Regime::ns_stage2, ste_config.vmid, 0, false);
    }
    if (!config_.s1) {
        // The input of stage 2, or what bypasses both, has the size of an output address.
        if (request_.ats != AtsType::translated && request_.address >> output_address_bits(f) != 0) {
            Fault fault;
            fault.code = EventCode::F_ADDR_SIZE;
            fault.unconditional = true;
            return fail(smmu, fault);
        }
        if (!ste_config.s2) {
            MemoryAttributes attributes = request_.incoming;
            if (ste_config.mtcfg) attributes.mair = mair_of_stage2(ste_config.mem_attr);
            if (ste_config.shcfg != ste::SHCFG_INCOMING) attributes.shareability = ste_config.shcfg;
            return bypass(attributes, request_.ats == AtsType::untranslated);
        }
    }
    state_ = State::walk;
    if (smmu.tlb.enabled() && !request_.debug && !split_stage(smmu)) {
        state_ = State::tlb_lookup;
        step_.kind = StepKind::lookup;
        step_.lookup = {Structure::tlb, 1, 0};
        return true;
    }
    return false;
}

bool Translation::finish_walk(Smmu& smmu) {
    const bool both = config_.s1 && config_.ste.s2 && !split_stage(smmu);
    const StageOutput& first = config_.s1 ? stage1_.output() : stage2_.output();
    const StageOutput& last = both ? stage2_.output() : first;
    CachedTranslation entry;
    entry.log2_bytes = first.log2_bytes < last.log2_bytes ? first.log2_bytes : last.log2_bytes;
    entry.va = align_down(request_.address, std::uint64_t{1} << entry.log2_bytes);
    entry.pa = align_down(last.address, std::uint64_t{1} << entry.log2_bytes);
    entry.space = config_.space;
    entry.stream = config_.stream;
    entry.granule = first.granule;
    entry.level = first.level;
    entry.leaf_log2_bytes = first.log2_bytes;
    entry.global = config_.s1 && first.global;
    if (config_.s1) {
        const unsigned half = select_half(config_.stage1, request_.address);
        entry.ignore_top_byte = config_.stage1.half[half & 1].tbi;
    }
    entry.permissions = first.permissions;
    entry.attributes = first.attributes;
    if (both) {
        entry.permissions.bits &= last.permissions.bits;
        entry.attributes = combine(first.attributes, last.attributes);
    }
    entry.permissions = seen_by_client(entry.permissions, config_.ste);
    const bool keep = !request_.debug && !split_stage(smmu) && epoch_ == smmu.epoch();
    if (keep) smmu.tlb.fill(entry);
    return complete(entry, keep);
}

}  // namespace xlate::iommu::smmuv3
