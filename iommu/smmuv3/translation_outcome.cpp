// The end of a translation: done, bypassed, aborted, faulted or stalled. Sections 1.8, 1.9 and 1.13.
#include "iommu/smmuv3/event_record.hpp"
#include "iommu/smmuv3/smmu.hpp"
#include "iommu/smmuv3/translation.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

bool is_config_error(EventCode code) {
    switch (code) {
        case EventCode::C_BAD_STREAMID:
        case EventCode::F_STE_FETCH:
        case EventCode::C_BAD_STE:
        case EventCode::F_STREAM_DISABLED:
        case EventCode::C_BAD_SUBSTREAMID:
        case EventCode::F_CD_FETCH:
        case EventCode::C_BAD_CD:
            return true;
        default:
            return false;
    }
}
bool is_translation_class(EventCode code) {
    return code >= EventCode::F_TRANSLATION && code <= EventCode::F_PERMISSION;
}

}  // namespace

bool Translation::complete(const CachedTranslation& entry, bool cacheable) {
    Result& result = step_.result;
    result.entry = entry;
    result.entry.stream = config_.stream;
    result.pa = PhysAddr{entry.pa + (request_.address & low_mask(entry.log2_bytes))};
    result.attributes = entry.attributes;
    result.cacheable = cacheable;
    result.epoch = epoch_;
    result.response = Response::ok;
    step_.kind = StepKind::done;
    state_ = State::finished;
    return true;
}

bool Translation::bypass(MemoryAttributes attributes, bool cacheable) {
    CachedTranslation entry;
    entry.va = entry.pa = align_down(request_.address, 4096);
    entry.space = space_tag::make(Regime::bypass, 0, 0, false);
    entry.bypass = true;
    entry.permissions = {Permissions::kAll};
    entry.attributes = attributes;
    return complete(entry, cacheable && !request_.debug);
}

bool Translation::quiet_abort(Smmu& smmu) {
    step_.kind = StepKind::fault;
    step_.result.response = Response::abort;
    if (!request_.debug) ++smmu.counters.faults;
    state_ = State::finished;
    return true;
}

bool Translation::bad_substream(Smmu& smmu) { return fail(smmu, EventCode::C_BAD_SUBSTREAMID); }

bool Translation::fail(Smmu& smmu, EventCode code, std::uint64_t fetch_address) {
    Fault fault;
    fault.code = code;
    fault.fetch_address = fetch_address;
    return fail(smmu, fault);
}

bool Translation::fail(Smmu& smmu, const Fault& fault) {
    Registers& r = smmu.registers;
    Result& result = step_.result;
    const SteConfig& ste_config = config_.ste;
    result.fault = static_cast<std::uint16_t>(fault.code);
    result.stage2 = fault.s2;
    result.ipa = fault.ipa;
    result.fault_class = fault.cls;
    result.response = Response::abort;
    state_ = State::finished;
    apply_overrides();

    const bool of_translation = is_translation_class(fault.code) && !fault.unconditional;
    const bool ats = request_.ats == AtsType::translation_request;
    if (ats && of_translation) {
        // An answer with no rights, not an error.
        CachedTranslation entry;
        entry.va = align_down(request_.address, 4096);
        entry.space = config_.space;
        return complete(entry, false);
    }
    bool record = true;
    bool stall = false;
    if (of_translation) {
        record = fault.s2 ? ste_config.stage2.record : config_.stage1.record;
        stall = fault.s2 ? ste_config.stage2.stall : config_.stage1.stall;
        if (!fault.s2 && !config_.stage1.abort) result.response = Response::read_zero_write_ignored;
    }
    if (fault.code == EventCode::C_BAD_STREAMID) record = cr2::RECINVSID.test(r.cr2);
    if (request_.ats != AtsType::untranslated &&
        (is_config_error(fault.code) || (ats && fault.code == EventCode::F_WALK_EABT))) {
        record = record && cr2::REC_CFG_ATS.test(r.cr2);
    }
    if (request_.prefetch || request_.debug || request_.ats != AtsType::untranslated) stall = false;
    if (request_.prefetch || request_.debug) record = false;
    if (stall) {
        result.stall_tag = 0;
        state_ = State::stalled;
        step_.kind = StepKind::stalled;
        ++smmu.counters.stalls;
        const auto tag = smmu.stalls.allocate(request_.sid, request_.id);
        have_stall_tag_ = tag.has_value();
        if (!tag) return true;
        stall_tag_ = result.stall_tag = *tag;
        smmu.events.report(encode_event(fault, request_, effective_, tag), true, false, request_.id, r);
        result.recorded = true;
        return true;
    }
    if (!record) return end_fault(smmu);
    record_ = encode_event(fault, request_, effective_);
    return record_fault(smmu);
}

/// The client gets its answer when the record is on its way: without room for it, both wait.
bool Translation::record_fault(Smmu& smmu) {
    const auto reported = smmu.events.report(record_, false, config_.ste.merge_events, request_.id, smmu.registers);
    if (reported == Events::Reported::no_room) {
        state_ = State::unrecorded;
        step_.kind = StepKind::stalled;
        return true;
    }
    step_.result.recorded = reported == Events::Reported::recorded;
    return end_fault(smmu);
}

bool Translation::end_fault(Smmu& smmu) {
    step_.kind = StepKind::fault;
    state_ = State::finished;
    if (!request_.debug) ++smmu.counters.faults;
    return true;
}

}  // namespace xlate::iommu::smmuv3
