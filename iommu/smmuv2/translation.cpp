#include "iommu/smmuv2/translation.hpp"

#include "iommu/smmuv2/smmu.hpp"
#include "iommu/tables/memory_attributes.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

/// S2CR.SHCFG and SCTLR.SHCFG: 0 as it comes, 1 outer, 2 inner, 3 none; as descriptors code it.
std::uint8_t shareability(std::uint64_t shcfg, std::uint8_t incoming) {
    constexpr std::uint8_t kCodes[4] = {0, 2, 3, 0};
    return shcfg == s2cr::SHCFG_INCOMING ? incoming : kCodes[shcfg];
}

}  // namespace

void Translation::start(Smmu& smmu, const Request& request) {
    request_ = request;
    operation_ = false;
    both_stages_ = true;
    state_ = State::begin;
    if (ticket_ != 0) smmu.stalls.forget(ticket_);
    ticket_ = 0;
    if (!request.debug) ++smmu.counters.translations;
}

void Translation::start_operation(unsigned bank, const Request& request, bool both_stages) {
    request_ = request;
    request_.debug = true;
    effective_ = request_;
    operation_ = true;
    both_stages_ = both_stages;
    bank_ = static_cast<std::uint8_t>(bank);
    privcfg_ = instcfg_ = 0;
    ticket_ = 0;
    state_ = State::context;
}

const Step& Translation::step(Smmu& smmu, const Reply& reply) {
    while (!advance(smmu, reply)) {
    }
    return step_;
}

bool Translation::advance(Smmu& smmu, const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin(smmu);
        case State::context:
            return enter_context(smmu);
        case State::tlb_lookup: {
            state_ = State::walk;
            const CachedTranslation* hit = smmu.tlb.lookup(
                context_.space, context_.s1 ? input_address(context_.stage1, request_.address) : request_.address);
            if (hit == nullptr) {
                ++smmu.counters.tlb_misses;
                return false;
            }
            // Without the right, a walk finds which stage refuses.
            if (!hit->permissions.allows(effective_)) return false;
            return complete(*hit, true);
        }
        case State::walk:
            if (!request_.debug) ++smmu.counters.walks;
            if (context_.s1) {
                stage1_.start();
                state_ = State::walk_stage1;
            } else {
                stage2_.start(request_.address, false);
                state_ = State::walk_stage2;
            }
            return false;
        case State::walk_stage1: {
            const Progress progress = stage1_.advance(smmu, effective_, context_, reply, step_);
            if (progress == Progress::step) return true;
            if (progress == Progress::fault) return context_fault(smmu, stage1_.fault());
            if (!context_.s2 || !both_stages_) return finish_walk(smmu);
            stage2_.start(stage1_.output().address, false);
            state_ = State::walk_stage2;
            return false;
        }
        case State::walk_stage2: {
            const Progress progress = stage2_.advance(smmu, effective_, context_, reply, step_);
            if (progress == Progress::step) return true;
            if (progress == Progress::fault) return context_fault(smmu, stage2_.fault());
            return finish_walk(smmu);
        }
        case State::stalled:
            switch (smmu.stalls.take(ticket_)) {
                case Stalls::Answer::wait:
                    return true;
                case Stalls::Answer::retry:
                    ticket_ = 0;
                    state_ = State::begin;
                    return false;
                case Stalls::Answer::terminate:
                    ticket_ = 0;
                    ++smmu.counters.faults;
                    step_.kind = StepKind::fault;
                    state_ = State::finished;
                    return true;
            }
            return true;
        case State::finished:
            return true;
    }
    return true;
}

bool Translation::begin(Smmu& smmu) {
    const Registers& r = smmu.registers;
    epoch_ = smmu.epoch();
    effective_ = request_;
    privcfg_ = instcfg_ = 0;
    stream_attributes_ = request_.incoming;
    Result& result = step_.result;
    result.fault = 0;
    result.recorded = result.stage2 = false;
    result.ipa = 0;
    result.stall_tag = 0;
    const bool unsupported = request_.unsupported || request_.ats != AtsType::untranslated;
    if (cr0::CLIENTPD.test(r.cr0)) {
        return unsupported ? refuse(smmu, FaultCode::global_UUT, Response::abort) : bypass(stream_attributes_);
    }
    const StreamMatch match = match_stream(r, value(request_.sid), smmu.features().sms != 0);
    switch (match.kind) {
        case StreamMatch::Kind::none:
            ++smmu.counters.unmatched;
            if (cr0::USFCFG.test(r.cr0)) return global_fault(smmu, FaultCode::USF);
            return unsupported ? global_fault(smmu, FaultCode::global_UUT) : bypass(stream_attributes_);
        case StreamMatch::Kind::several:
            return global_fault(smmu, FaultCode::SMCF);
        case StreamMatch::Kind::one:
            break;
    }
    const std::uint32_t word = r.s2cr[match.group];
    if (s2cr::MTCFG.test(word)) {
        stream_attributes_.mair = mair_of_stage2(static_cast<unsigned>(s2cr::MemAttr.get(word)));
    }
    stream_attributes_.shareability = shareability(s2cr::SHCFG.get(word), stream_attributes_.shareability);
    switch (s2cr::TYPE.get(word)) {
        case s2cr::TYPE_TRANS:
            break;
        case s2cr::TYPE_BYPASS:
            return unsupported ? global_fault(smmu, FaultCode::global_UUT) : bypass(stream_attributes_);
        default:
            return global_fault(smmu, FaultCode::ICF);
    }
    if (s2cr::CBNDX.get(word) >= r.banks.size()) return global_fault(smmu, FaultCode::UCBF);
    bank_ = static_cast<std::uint8_t>(s2cr::CBNDX.get(word));
    privcfg_ = static_cast<std::uint8_t>(s2cr::PRIVCFG.get(word));
    instcfg_ = static_cast<std::uint8_t>(s2cr::INSTCFG.get(word));
    if (privcfg_ == s2cr::PRIVCFG_UNPRIV) effective_.privileged = false;
    if (privcfg_ == s2cr::PRIVCFG_PRIV) effective_.privileged = true;
    if (instcfg_ == s2cr::INSTCFG_DATA) effective_.instruction = false;
    if (instcfg_ == s2cr::INSTCFG_INSTRUCTION) effective_.instruction = !request_.write;
    const Bank& bank = r.banks[bank_];
    if (!smmu.features().v2 && cbar::IRPTNDX.get(bank.cbar) >= smmu.features().numirpt)
        return global_fault(smmu, FaultCode::UCIF);
    state_ = State::context;
    return false;
}

bool Translation::enter_context(Smmu& smmu) {
    const Registers& r = smmu.registers;
    const Bank& bank = r.banks[bank_];
    const std::uint64_t type = bank.type();
    if (type == cbar::TYPE_S1_TRANS_S2_FAULT) return global_fault(smmu, FaultCode::ICF);
    if (type == cbar::TYPE_S1_TRANS_S2_TRANS && cbar::CBNDX.get(bank.cbar) >= r.banks.size())
        return global_fault(smmu, FaultCode::UCBF);
    context_ = decode_context(r, bank_, smmu.features());
    if (operation_ && !both_stages_ && type == cbar::TYPE_S2_TRANS) {
        Fault fault;
        fault.code = FaultCode::UUT;
        return context_fault(smmu, fault);
    }
    // What is behind an older fault of its context neither hits nor walks, unless HUPCF lets it.
    for (const std::uint8_t index : {context_.bank, context_.s2_bank}) {
        const Bank& one = r.banks[index];
        if (request_.debug || !one.faulted() || sctlr::HUPCF.test(one.sctlr)) continue;
        if (sctlr::CFCFG.test(one.sctlr)) return hold(smmu, index, false);
        ++smmu.counters.behind_fault;
        return refuse(smmu, FaultCode::held,
                      sctlr::CFRE.test(one.sctlr) ? Response::abort : Response::read_zero_write_ignored);
    }
    if (request_.unsupported || request_.ats != AtsType::untranslated) {
        Fault fault;
        fault.code = FaultCode::UUT;
        fault.s2 = !context_.s1 && context_.s2;
        return context_fault(smmu, fault);
    }
    if (!context_.s1 && !context_.s2) {
        // The bank is off: attributes by SCTLR.
        MemoryAttributes attributes = stream_attributes_;
        if (sctlr::MTCFG.test(bank.sctlr)) {
            attributes.mair = mair_of_stage2(static_cast<unsigned>(sctlr::MemAttr.get(bank.sctlr)));
        }
        attributes.shareability = shareability(sctlr::SHCFG.get(bank.sctlr), attributes.shareability);
        return bypass(attributes);
    }
    if (context_.illegal) {
        if (!request_.debug) ++smmu.counters.illegal_contexts;
        Fault fault;
        fault.s2 = !context_.s1;
        fault.level = (context_.s1 ? context_.stage1.format : context_.stage2.format) == Format::aarch64 ? 0 : 1;
        fault.ipa = request_.address;
        context_fault(smmu, fault);
        // FSR knows a translation fault; people shall hear which rule it is.
        step_.result.fault = static_cast<std::uint16_t>(kBrokenRule + *context_.illegal);
        return true;
    }
    state_ = State::walk;
    if (smmu.tlb.enabled() && !request_.debug) {
        state_ = State::tlb_lookup;
        step_.kind = StepKind::lookup;
        step_.lookup = {Structure::tlb, 1, 0};
        return true;
    }
    return false;
}

bool Translation::finish_walk(Smmu& smmu) {
    const bool both = context_.s1 && context_.s2 && both_stages_;
    const StageOutput& first = context_.s1 ? stage1_.output() : stage2_.output();
    const StageOutput& last = both ? stage2_.output() : first;
    CachedTranslation entry;
    const std::uint64_t input = context_.s1 ? input_address(context_.stage1, request_.address) : request_.address;
    entry.log2_bytes = first.log2_bytes < last.log2_bytes ? first.log2_bytes : last.log2_bytes;
    entry.va = align_down(input, std::uint64_t{1} << entry.log2_bytes);
    entry.pa = align_down(last.address, std::uint64_t{1} << entry.log2_bytes);
    entry.space = context_.space;
    entry.stream = stream_tag(request_.sid, std::nullopt);
    entry.granule = first.granule;
    entry.level = first.level;
    entry.leaf_log2_bytes = first.leaf_log2_bytes;
    entry.global = context_.s1 && first.global;
    if (context_.s1) {
        const unsigned half = select_half(context_.stage1, input);
        entry.ignore_top_byte = context_.stage1.half[half & 1].tbi;
    }
    entry.permissions = first.permissions;
    entry.attributes = first.attributes;
    if (both) {
        entry.permissions.bits &= last.permissions.bits;
        entry.attributes = combine(first.attributes, last.attributes);
    } else if (context_.s1 && !context_.s2) {
        entry.attributes = combine(first.attributes, context_.s2_bypass);
    }
    const bool keep = !request_.debug && epoch_ == smmu.epoch();
    if (keep) smmu.tlb.fill(entry);
    return complete(entry, keep);
}

}  // namespace xlate::iommu::smmuv2
