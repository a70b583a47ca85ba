// Address translation operations: ATS1* of a bank, sGATS*. Source: docs/spec/iommu-hardware.md section 2; IHI 0062
// chapter 4 (address translation commands).
#include "iommu/smmuv2/smmu.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

/// Of stage 1 with short descriptors PAR is a 32-bit register.
std::uint64_t short_par(std::uint64_t pa, MemoryAttributes attributes) {
    const std::uint64_t shared = attributes.shareability != 0 ? 1U << 7 : 0U;
    const std::uint64_t base = par::NS.mask() | shared;
    if ((pa >> 32) == 0) return keep(pa, 31, 12) | base;
    return keep(pa, 31, 24) | ((pa >> 32 & 0xFF) << 16) | 2U | base;  // SS: a supersection
}

}  // namespace

void Smmu::start_operation(const Operation& op) {
    Request request;
    const bool global = op.bank == Write::kGlobal;
    const std::uint32_t first = global ? gr0::sGATS1UR : cb::ATS1PR;
    // sGATS: UR UW PR PW for stage 1, then for both; ATS1: PR PW UR UW.
    const std::uint32_t which = (op.offset - first) / 8;
    request.write = (which & 1) != 0;
    request.privileged = global ? (which & 2) != 0 : (which & 2) == 0;
    const bool both = global && which >= 4;
    const auto bank = global ? static_cast<unsigned>(ats::NDX.get(op.operand)) : op.bank;
    request.address = align_down(op.operand, 0x1000);
    operation_running_ = true;
    if (bank >= registers.banks.size()) {
        operation_.start_operation(0, request, both);  // not stepped
        operation_step_.kind = StepKind::fault;
        return;
    }
    operation_step_.kind = StepKind::idle;
    operation_.start_operation(bank, request, both);
}

const Step& Smmu::step_operation(const Reply& reply) {
    while (!operations_.empty()) {
        const Operation op = operations_.front();
        if (!operation_running_) start_operation(op);
        const bool unimplemented = operation_step_.kind == StepKind::fault;
        if (!unimplemented) {
            const Step& step = operation_.step(*this, reply);
            if (step.kind == StepKind::access || step.kind == StepKind::lookup) return step;
            finish_operation(op, step);
        } else {
            finish_operation(op, operation_step_);
        }
        operations_.erase(operations_.begin());
        operation_running_ = false;
    }
    operation_step_.kind = StepKind::idle;
    return operation_step_;
}

void Smmu::finish_operation(const Operation& op, const Step& step) {
    const bool global = op.bank == Write::kGlobal;
    const Context& context = operation_.context();
    std::uint64_t value = 0;
    if (step.kind == StepKind::done) {
        const Result& result = step.result;
        if (context.s1 && context.stage1.format == Format::short32) {
            value = short_par(result.pa.value, result.attributes);
        } else {
            value = keep(result.pa.value, 47, 12) | par::NS.mask() | par::SH.of(result.attributes.shareability) |
                    par::ATTR.of(result.attributes.mair);
        }
    } else {
        const auto ndx = static_cast<unsigned>(ats::NDX.get(op.operand));
        const bool there = !global || ndx < registers.banks.size();
        const Fault& fault = operation_.fault();
        const auto code = static_cast<unsigned>(fault.code);
        value = par::F.mask();
        if (!there || code >= kGlobalFault) {
            value |= par::UUT.mask();
        } else {
            value |= std::uint64_t{1} << code;
            value |= par::PLVL.of(fault.level) | par::STAGE.of(fault.s2 ? 1 : 0);
        }
    }
    if (global) {
        registers.gpar = value;
        registers.gats_active = false;
    } else {
        registers.banks[op.bank].par = value;
        registers.banks[op.bank].ats_active = false;
    }
}

}  // namespace xlate::iommu::smmuv2
