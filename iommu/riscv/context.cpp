#include "iommu/riscv/context.hpp"

namespace xlate::iommu::riscv {

namespace {

constexpr Field kFirstStage64[] = {caps::Sv39, caps::Sv48, caps::Sv57};
constexpr Field kSecondStage64[] = {caps::Sv39x4, caps::Sv48x4, caps::Sv57x4};

bool supported_64(std::uint64_t mode, const Field (&fields)[3], const RiscvParams& params) {
    return mode >= atp::SV39 && mode <= atp::SV57 && params.has(fields[mode - atp::SV39]);
}

bool pdtp_supported(std::uint64_t mode, const RiscvParams& params) {
    switch (mode) {
        case atp::BARE:
            return true;
        case atp::PD8:
            return params.has(caps::PD8);
        case atp::PD17:
            return params.has(caps::PD17);
        case atp::PD20:
            return params.has(caps::PD20);
        default:
            return false;
    }
}

bool second_stage_supported(std::uint64_t mode, bool gxl, const RiscvParams& params) {
    if (mode == atp::BARE) return true;
    return gxl ? mode == atp::SV32 && params.has(caps::Sv32x4) : supported_64(mode, kSecondStage64, params);
}

/// Bits that must be 0 whatever is configured.
bool reserved_bits(const DeviceContext& context, const RiscvParams& params) {
    const DeviceContextWords& w = context.words;
    if ((w[dc::TC] & tc::kReserved) != 0 || (w[dc::TA] & ta::kDeviceReserved) != 0) return true;
    if (atp::RESERVED.test(w[dc::FSC])) return true;
    if (!params.extended_context()) return false;
    const std::uint64_t above = ~low_mask(52);
    return atp::RESERVED.test(w[dc::MSIPTP]) || ((w[dc::MSI_ADDR_MASK] | w[dc::MSI_ADDR_PATTERN]) & above) != 0 ||
           w[dc::RESERVED] != 0;
}

}  // namespace

Mode DeviceContext::second_stage(bool gxl) const {
    const std::uint64_t code = mode(dc::IOHGATP);
    if (code == atp::BARE) return Mode::bare;
    return gxl ? Mode::sv32 : static_cast<Mode>(code - atp::SV39 + static_cast<unsigned>(Mode::sv39));
}

bool DeviceContext::near_interrupt_file(std::uint64_t gpa, unsigned log2) const {
    if (!msi_table()) return false;
    const std::uint64_t compared = ~words[dc::MSI_ADDR_MASK] & low_mask(52) & ~low_mask(log2 - kPageBits);
    return (((gpa >> kPageBits) ^ words[dc::MSI_ADDR_PATTERN]) & compared) == 0;
}
bool DeviceContext::is_interrupt_file(std::uint64_t gpa) const { return near_interrupt_file(gpa, kPageBits); }

std::uint64_t DeviceContext::interrupt_file(std::uint64_t gpa) const {
    std::uint64_t number = 0;
    unsigned next = 0;
    for (unsigned bit = 0; bit < 52; ++bit) {
        if ((words[dc::MSI_ADDR_MASK] >> bit & 1) == 0) continue;
        number |= (gpa >> (kPageBits + bit) & 1) << next++;
    }
    return number;
}

Mode first_stage_mode(std::uint64_t mode, bool sxl) {
    if (mode == atp::BARE) return Mode::bare;
    return sxl ? Mode::sv32 : static_cast<Mode>(mode - atp::SV39 + static_cast<unsigned>(Mode::sv39));
}

bool first_stage_supported(std::uint64_t mode, bool sxl, const RiscvParams& params) {
    if (mode == atp::BARE) return true;
    return sxl ? mode == atp::SV32 && params.has(caps::Sv32) : supported_64(mode, kFirstStage64, params);
}

// The numbers are those of the specification's list.
bool misconfigured(const DeviceContext& context, const RiscvParams& params, const ContextRules& rules) {
    if (reserved_bits(context, params)) return true;  // 1
    const bool en_ats = context.test(tc::EN_ATS), en_pri = context.test(tc::EN_PRI), prpr = context.test(tc::PRPR),
               t2gpa = context.test(tc::T2GPA), pdtv = context.test(tc::PDTV);
    if (!params.has(caps::ATS) && (en_ats || en_pri || prpr)) return true;      // 2
    if (!en_ats && (t2gpa || en_pri)) return true;                              // 3, 4
    if (!en_pri && prpr) return true;                                           // 5
    if (t2gpa && (!params.has(caps::T2GPA) || !context.nested())) return true;  // 6, 7
    const std::uint64_t fsc = context.mode(dc::FSC);
    if (pdtv) {
        if (!pdtp_supported(fsc, params)) return true;  // 8
    } else {
        if (!first_stage_supported(fsc, context.sxl(), params)) return true;  // 9 to 11
        if (context.test(tc::DPE)) return true;                               // 12
    }
    if (!second_stage_supported(context.mode(dc::IOHGATP), rules.gxl, params)) return true;  // 13 to 15
    if (params.extended_context() && context.mode(dc::MSIPTP) > atp::MSI_FLAT) return true;  // 16
    // Interrupt files have guest addresses: without a second stage there are none.
    if (params.extended_context() && context.msi_table() && !context.nested()) return true;
    if (context.nested() && (atp::PPN.get(context.words[dc::IOHGATP]) & 3) != 0) return true;            // 17
    if (!params.has(caps::AMO_HWAD) && (context.test(tc::SADE) || context.test(tc::GADE))) return true;  // 18
    if (!params.has(caps::END) && context.big_endian() != rules.big_endian) return true;                 // 19, 21
    // 20: GXL can be written where both widths are there.
    const bool gxl_writable = params.has(caps::Sv32x4) || params.has(caps::Sv32);
    if (rules.gxl && !context.sxl()) return true;
    return !rules.gxl && !gxl_writable && context.sxl();
}

bool misconfigured(const ProcessContext& context, bool sxl, const RiscvParams& params) {
    return (context.ta & ta::kProcessReserved) != 0 || atp::RESERVED.test(context.fsc) ||
           !first_stage_supported(atp::MODE.get(context.fsc), sxl, params);
}

}  // namespace xlate::iommu::riscv
