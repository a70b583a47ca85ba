// What registers say of faults, and the interrupt lines. Source: docs/spec/iommu-hardware.md section 2.
#include "iommu/smmuv2/smmu.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

constexpr std::uint32_t kConfigFaults = 0x1F;  ///< ICF, USF, SMCF, UCBF, UCIF have enables of their own in sCR0

std::uint32_t low32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace

bool Smmu::global_fault_aborts(FaultCode code) const {
    const bool config = (1U << (static_cast<unsigned>(code) - kGlobalFault) & kConfigFaults) != 0;
    return (config ? cr0::GCFGFRE : cr0::GFRE).test(registers.cr0);
}

void Smmu::record_global_fault(FaultCode code, const Request& request, const Request& effective) {
    ++counters.global_faults;
    Registers& r = registers;
    if ((r.gfsr & gfsr::kFaults) != 0) {
        r.gfsr |= low32(gfsr::MULTI.mask());
    } else {
        r.gfsr |= 1U << (static_cast<unsigned>(code) - kGlobalFault);
        r.gfar = request.address & low_mask(49);
        r.gfsynr0 =
            low32(gfsynr0::WNR.of(effective.write) | gfsynr0::PNU.of(effective.privileged) |
                  gfsynr0::IND.of(effective.instruction) | gfsynr0::ATS.of(request.ats != AtsType::untranslated));
        r.gfsynr1 = low32(gfsynr1::STREAMID.of(value(request.sid)));
        r.gfsynr2 = 0;
    }
    update_wires();
}

void Smmu::record_context_fault(const Fault& fault, const Request& request, const Request& effective,
                                const Context& context, bool stalls_it) {
    ++counters.context_faults;
    const unsigned index = fault.s2 ? context.s2_bank : context.bank;
    Bank& bank = registers.banks[index];
    if (bank.faulted()) {
        bank.fsr |= low32(fsr::MULTI.mask());
        update_wires();
        return;
    }
    const Format format = fault.s2 ? context.stage2.format : context.stage1.format;
    bank.fsr = low32((std::uint64_t{1} << static_cast<unsigned>(fault.code)) |
                     fsr::FORMAT.of(bank.aarch64() ? fsr::FORMAT_AARCH64 : fsr_format(format)) |
                     fsr::SS.of(stalls_it ? 1 : 0));
    bank.far = request.address;
    bank.ipafar = fault.s2 ? align_down(fault.ipa, 0x1000) : 0;
    bank.fsynr0 =
        low32(fsynr0::PLVL.of(fault.level) | fsynr0::S1PTWF.of(fault.s1_walk) | fsynr0::WNR.of(effective.write) |
              fsynr0::PNU.of(effective.privileged) | fsynr0::IND.of(effective.instruction) |
              fsynr0::PTWF.of(fault.walk) | fsynr0::S1CBNDX.of(fault.s2 && context.s1 ? context.bank : 0U));
    bank.fsynr1 = 0;
    bank.cbfrsynra = low32(cbfrsynra::SID.of(value(request.sid)));
    // From now on what ports keep of these streams must not be used: their accesses are to meet the fault.
    if (!sctlr::HUPCF.test(bank.sctlr)) forget_bank(index, TlbOp::bank);
    update_wires();
}

bool Smmu::global_line() const {
    const std::uint32_t word = registers.gfsr;
    const bool config = (word & kConfigFaults) != 0 && cr0::GCFGFIE.test(registers.cr0);
    const bool other = (word & gfsr::kFaults & ~kConfigFaults) != 0 && cr0::GFIE.test(registers.cr0);
    return config || other;
}

/// v2: a bank has its own interrupt; v1: CBAR names one, which several may share.
std::optional<unsigned> Smmu::wire_of_bank(unsigned index) const {
    const unsigned context =
        features().v2 ? index : static_cast<unsigned>(cbar::IRPTNDX.get(registers.banks[index].cbar));
    if (context >= params_.context_interrupts) return std::nullopt;
    return params_.global_interrupts + context;
}

void Smmu::update_wires() {
    const auto set = [&](unsigned wire, bool level) {
        if (level && !lines_[wire]) pulses_[wire] = true;
        lines_[wire] = level;
    };
    if (params_.global_interrupts != 0) set(0, global_line());
    if (features().v2) {
        for (unsigned i = 0; i < registers.banks.size(); ++i) {
            const Bank& bank = registers.banks[i];
            if (const auto wire = wire_of_bank(i)) set(*wire, bank.fsr != 0 && sctlr::CFIE.test(bank.sctlr));
        }
        return;
    }
    for (unsigned wire = params_.global_interrupts; wire < wires(); ++wire) {
        bool level = false;
        for (unsigned i = 0; i < registers.banks.size(); ++i) {
            const Bank& bank = registers.banks[i];
            level = level || (wire_of_bank(i) == wire && bank.fsr != 0 && sctlr::CFIE.test(bank.sctlr));
        }
        set(wire, level);
    }
}

/// Software has cleared something, and the line is still high: a level-sensitive input would see it again.
void Smmu::rearm(unsigned wire) {
    if (wire < lines_.size() && lines_[wire]) pulses_[wire] = true;
}

std::optional<unsigned> Smmu::take_wire() {
    for (unsigned wire = 0; wire < pulses_.size(); ++wire) {
        if (!pulses_[wire]) continue;
        pulses_[wire] = false;
        return wire;
    }
    return std::nullopt;
}

}  // namespace xlate::iommu::smmuv2
