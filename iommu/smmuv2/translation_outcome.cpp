// The end of a translation: done, bypassed, refused, faulted or stalled; and what registers say of it.
// Source: docs/spec/iommu-hardware.md section 2; IHI 0062 chapter 6.
#include "iommu/smmuv2/smmu.hpp"
#include "iommu/smmuv2/translation.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

/// Rights as the client's own attributes see them: undoes what PRIVCFG and INSTCFG did to its requests.
Permissions seen_by_client(Permissions permissions, std::uint64_t privcfg, std::uint64_t instcfg) {
    unsigned bits = permissions.bits;
    if (privcfg == s2cr::PRIVCFG_UNPRIV) bits = (bits & 7) | ((bits & 7) << 3);
    if (privcfg == s2cr::PRIVCFG_PRIV) bits = (bits & 0x38) | (bits >> 3);
    if (instcfg == s2cr::INSTCFG_DATA) bits = (bits & 0x1B) | ((bits & 0x09) << 2);
    if (instcfg == s2cr::INSTCFG_INSTRUCTION) bits = (bits & 0x36) | ((bits & 0x24) >> 2);
    return {static_cast<std::uint8_t>(bits)};
}

}  // namespace

bool Translation::complete(const CachedTranslation& entry, bool cacheable) {
    Result& result = step_.result;
    result.entry = entry;
    result.entry.stream = stream_tag(request_.sid, request_.ssid);
    result.entry.permissions = seen_by_client(entry.permissions, privcfg_, instcfg_);
    result.pa = PhysAddr{entry.pa + (request_.address & low_mask(entry.log2_bytes))};
    result.attributes = entry.attributes;
    // An address whose sign the bus cut off is not what invalidations name: a port does not keep it.
    const bool as_named = ((request_.address ^ entry.va) & entry.address_mask()) == 0;
    result.cacheable = cacheable && as_named;
    result.epoch = epoch_;
    result.response = Response::ok;
    step_.kind = StepKind::done;
    state_ = State::finished;
    return true;
}

bool Translation::bypass(MemoryAttributes attributes) {
    CachedTranslation entry;
    entry.va = entry.pa = align_down(request_.address, 4096);
    entry.space = space_tag::make(Regime::bypass, 0, 0);
    entry.permissions = {Permissions::kAll};
    entry.attributes = attributes;
    entry.bypass = true;
    privcfg_ = instcfg_ = 0;
    return complete(entry, !request_.debug);
}

bool Translation::refuse(Smmu& smmu, FaultCode code, Response response) {
    step_.kind = StepKind::fault;
    step_.result.response = response;
    step_.result.fault = static_cast<std::uint16_t>(code);
    if (!request_.debug) ++smmu.counters.faults;
    state_ = State::finished;
    return true;
}

bool Translation::hold(Smmu& smmu, unsigned bank, bool faulting) {
    ++smmu.counters.stalls;
    ticket_ = smmu.stalls.hold(bank, request_.id, faulting);
    step_.kind = StepKind::stalled;
    step_.result.response =
        sctlr::CFRE.test(smmu.registers.banks[bank].sctlr) ? Response::abort : Response::read_zero_write_ignored;
    state_ = State::stalled;
    return true;
}

bool Translation::global_fault(Smmu& smmu, FaultCode code) {
    fault_ = {};
    fault_.code = code;
    const bool abort = smmu.global_fault_aborts(code);
    if (!request_.debug) {
        smmu.record_global_fault(code, request_, effective_);
        step_.result.recorded = true;
    }
    return refuse(smmu, code, abort ? Response::abort : Response::read_zero_write_ignored);
}

bool Translation::context_fault(Smmu& smmu, const Fault& fault) {
    fault_ = fault;
    const unsigned index = fault.s2 ? context_.s2_bank : context_.bank;
    const Bank& bank = smmu.registers.banks[index];
    Result& result = step_.result;
    result.fault = static_cast<std::uint16_t>(fault.code);
    result.stage2 = fault.s2;
    result.ipa = fault.ipa;
    const Response response = sctlr::CFRE.test(bank.sctlr) ? Response::abort : Response::read_zero_write_ignored;
    if (request_.debug || request_.prefetch) return refuse(smmu, fault.code, response);
    // Whatever may be mended by software can wait for it; an external abort and an access of a wrong kind cannot.
    const bool may_stall = fault.code == FaultCode::TF || fault.code == FaultCode::AFF || fault.code == FaultCode::PF ||
                           fault.code == FaultCode::ASF;
    const bool stalls = may_stall && sctlr::CFCFG.test(bank.sctlr) && !cr0::STALLD.test(smmu.registers.cr0);
    // One stalled access a bank has the registers; another one waits without a record, and tries again.
    if (stalls && bank.faulted()) return hold(smmu, index, false);
    smmu.record_context_fault(fault, request_, effective_, context_, stalls);
    result.recorded = true;
    if (stalls) return hold(smmu, index, true);
    return refuse(smmu, fault.code, response);
}

}  // namespace xlate::iommu::smmuv2
