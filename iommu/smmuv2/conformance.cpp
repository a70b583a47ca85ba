#include "iommu/smmuv2/conformance.hpp"

#include <array>

#include <fmt/format.h>

#include "iommu/smmuv2/context.hpp"
#include "iommu/smmuv2/faults.hpp"
#include "iommu/smmuv2/parameters.hpp"
#include "iommu/smmuv2/registers.hpp"
#include "iommu/smmuv2/sheet.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

using S = Support;

constexpr std::array kFields{
    FieldSupport{"sCR0", "CLIENTPD", cr0::CLIENTPD, {S::functional, {}}},
    FieldSupport{"sCR0", "GFRE", cr0::GFRE, {S::functional, {}}},
    FieldSupport{"sCR0", "GFIE", cr0::GFIE, {S::functional, {}}},
    FieldSupport{"sCR0", "EXIDENABLE", cr0::EXIDENABLE, {S::functional, "with IDR0.EXIDS"}},
    FieldSupport{"sCR0", "GCFGFRE", cr0::GCFGFRE, {S::functional, {}}},
    FieldSupport{"sCR0", "GCFGFIE", cr0::GCFGFIE, {S::functional, {}}},
    FieldSupport{
        "sCR0", "TRANSIENTCFG", cr0::TRANSIENTCFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"sCR0", "STALLD", cr0::STALLD, {S::functional, {}}},
    FieldSupport{"sCR0", "GSE", cr0::GSE, {S::stored, "a stall holds its own context alone"}},
    FieldSupport{"sCR0", "USFCFG", cr0::USFCFG, {S::functional, {}}},
    FieldSupport{"sCR0", "VMIDPNE", cr0::VMIDPNE, {S::stored, "no broadcast TLB maintenance"}},
    FieldSupport{"sCR0", "PTM", cr0::PTM, {S::stored, "no broadcast TLB maintenance"}},
    FieldSupport{"sCR0", "FB", cr0::FB, {S::stored, "barriers are not modelled"}},
    FieldSupport{"sCR0", "BSU", cr0::BSU, {S::stored, "barriers are not modelled"}},
    FieldSupport{"sCR0", "MemAttr", cr0::MemAttr, {S::stored, "of what bypasses globally: attributes stay"}},
    FieldSupport{"sCR0", "MTCFG", cr0::MTCFG, {S::stored, "of what bypasses globally: attributes stay"}},
    FieldSupport{"sCR0", "SMCFCFG", cr0::SMCFCFG, {S::stored, "a conflict always faults"}},
    FieldSupport{"sCR0", "SHCFG", cr0::SHCFG, {S::stored, "of what bypasses globally: attributes stay"}},
    FieldSupport{"sCR0", "RACFG", cr0::RACFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"sCR0", "WACFG", cr0::WACFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"sCR0", "NSCFG", cr0::NSCFG, {S::stored, "secure streams only"}},
    FieldSupport{"sCR0", "VMID16EN", cr0::VMID16EN, {S::functional, "with IDR2.VMID16S"}},
    FieldSupport{"SMRn", "ID", smr::ID, {S::functional, {}}},
    FieldSupport{"SMRn", "MASK", smr::MASK, {S::functional, {}}},
    FieldSupport{"SMRn", "VALID", smr::VALID, {S::functional, {}}},
    FieldSupport{"SMRn, EXIDENABLE", "EXID", smr::EXID, {S::functional, {}}},
    FieldSupport{"SMRn, EXIDENABLE", "EXMASK", smr::EXMASK, {S::functional, {}}},
    FieldSupport{"S2CRn", "CBNDX", s2cr::CBNDX, {S::functional, {}}},
    FieldSupport{"S2CRn", "SHCFG", s2cr::SHCFG, {S::functional, "of what bypasses"}},
    FieldSupport{"S2CRn", "EXIDVALID", s2cr::EXIDVALID, {S::functional, {}}},
    FieldSupport{"S2CRn", "MTCFG", s2cr::MTCFG, {S::functional, "of what bypasses"}},
    FieldSupport{"S2CRn", "MemAttr", s2cr::MemAttr, {S::functional, "of what bypasses"}},
    FieldSupport{"S2CRn", "TYPE", s2cr::TYPE, {S::functional, "3 acts as fault"}},
    FieldSupport{"S2CRn", "NSCFG", s2cr::NSCFG, {S::stored, "secure streams only"}},
    FieldSupport{"S2CRn", "RACFG", s2cr::RACFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"S2CRn", "WACFG", s2cr::WACFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"S2CRn", "PRIVCFG", s2cr::PRIVCFG, {S::functional, "1 acts as 0"}},
    FieldSupport{"S2CRn", "INSTCFG", s2cr::INSTCFG, {S::functional, "1 acts as 0"}},
    FieldSupport{
        "S2CRn", "TRANSIENTCFG", s2cr::TRANSIENTCFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"CBARn", "VMID", cbar::VMID, {S::functional, {}}},
    FieldSupport{"CBARn", "S1_BPSHCFG", cbar::S1_BPSHCFG, {S::functional, "stage 2 bypass"}},
    FieldSupport{"CBARn", "HYPC", cbar::HYPC, {S::functional, "stage 2 bypass: one privilege, no ASID"}},
    FieldSupport{"CBARn", "S1_FB", cbar::S1_FB, {S::stored, "barriers are not modelled"}},
    FieldSupport{"CBARn", "S1_MEMATTR", cbar::S1_MEMATTR, {S::functional, "stage 2 bypass"}},
    FieldSupport{"CBARn", "TYPE", cbar::TYPE, {S::functional, "2 (stage 2 faults) is an invalid context fault"}},
    FieldSupport{"CBARn", "BSU", cbar::BSU, {S::stored, "barriers are not modelled"}},
    FieldSupport{"CBARn", "RACFG", cbar::RACFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"CBARn", "WACFG", cbar::WACFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"CBARn", "IRPTNDX", cbar::IRPTNDX, {S::functional, "SMMUv1"}},
    FieldSupport{"CBARn, nested", "CBNDX", cbar::CBNDX, {S::functional, "VMID is that of the stage 2 bank"}},
    FieldSupport{"CBA2Rn", "VA64", cba2r::VA64, {S::functional, "if an AArch64 granule is there"}},
    FieldSupport{"CBA2Rn", "MONC", cba2r::MONC, {S::absent, "no monitor contexts"}},
    FieldSupport{"CBA2Rn", "VMID16", cba2r::VMID16, {S::functional, {}}},
    FieldSupport{"SCTLR", "M", sctlr::M, {S::functional, {}}},
    FieldSupport{"SCTLR", "TRE", sctlr::TRE, {S::functional, "short descriptors"}},
    FieldSupport{"SCTLR", "AFE", sctlr::AFE, {S::functional, "short descriptors; long ones always have the flag"}},
    FieldSupport{"SCTLR", "AFFD", sctlr::AFFD, {S::functional, {}}},
    FieldSupport{"SCTLR", "E", sctlr::E, {S::functional, {}}},
    FieldSupport{"SCTLR", "CFRE", sctlr::CFRE, {S::functional, {}}},
    FieldSupport{"SCTLR", "CFIE", sctlr::CFIE, {S::functional, {}}},
    FieldSupport{"SCTLR", "CFCFG", sctlr::CFCFG, {S::functional, {}}},
    FieldSupport{"SCTLR", "HUPCF", sctlr::HUPCF, {S::functional, {}}},
    FieldSupport{"SCTLR", "WXN", sctlr::WXN, {S::functional, {}}},
    FieldSupport{"SCTLR", "UWXN", sctlr::UWXN, {S::functional, "AArch64 tables: always so"}},
    FieldSupport{"SCTLR", "ASIDPNE", sctlr::ASIDPNE, {S::stored, "no broadcast TLB maintenance"}},
    FieldSupport{"SCTLR", "PTW", sctlr::PTW, {S::functional, "stage 2"}},
    FieldSupport{
        "SCTLR", "TRANSIENTCFG", sctlr::TRANSIENTCFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"SCTLR", "MemAttr", sctlr::MemAttr, {S::functional, "while M is 0"}},
    FieldSupport{"SCTLR", "MTCFG", sctlr::MTCFG, {S::functional, "while M is 0"}},
    FieldSupport{"SCTLR", "FB", sctlr::FB, {S::stored, "barriers are not modelled"}},
    FieldSupport{"SCTLR", "SHCFG", sctlr::SHCFG, {S::functional, "while M is 0"}},
    FieldSupport{"SCTLR", "RACFG", sctlr::RACFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"SCTLR", "WACFG", sctlr::WACFG, {S::stored, "allocation and transient hints are not modelled"}},
    FieldSupport{"SCTLR", "NSCFG", sctlr::NSCFG, {S::stored, "secure streams only"}},
    FieldSupport{"TCR", "T0SZ", tcr::T0SZ, {S::functional, {}}},
    FieldSupport{"TCR", "EPD0", tcr::EPD0, {S::functional, {}}},
    FieldSupport{"TCR", "IRGN0", tcr::IRGN0, {S::stored, "attributes of walks are not modelled"}},
    FieldSupport{"TCR", "ORGN0", tcr::ORGN0, {S::stored, "attributes of walks are not modelled"}},
    FieldSupport{"TCR", "SH0", tcr::SH0, {S::stored, "attributes of walks are not modelled"}},
    FieldSupport{"TCR", "TG0", tcr::TG0, {S::functional, {}}},
    FieldSupport{"TCR", "T1SZ", tcr::T1SZ, {S::functional, {}}},
    FieldSupport{"TCR", "A1", tcr::A1, {S::functional, {}}},
    FieldSupport{"TCR", "EPD1", tcr::EPD1, {S::functional, {}}},
    FieldSupport{"TCR", "IRGN1", tcr::IRGN1, {S::stored, "attributes of walks are not modelled"}},
    FieldSupport{"TCR", "ORGN1", tcr::ORGN1, {S::stored, "attributes of walks are not modelled"}},
    FieldSupport{"TCR", "SH1", tcr::SH1, {S::stored, "attributes of walks are not modelled"}},
    FieldSupport{"TCR", "TG1", tcr::TG1, {S::functional, {}}},
    FieldSupport{"TCR, VMSAv7", "A32_T0SZ", tcr::A32_T0SZ, {S::functional, {}}},
    FieldSupport{"TCR, VMSAv7", "A32_T1SZ", tcr::A32_T1SZ, {S::functional, {}}},
    FieldSupport{"TCR, VMSAv7", "EAE", tcr::EAE, {S::functional, {}}},
    FieldSupport{"TCR, short", "N", tcr::N, {S::functional, {}}},
    FieldSupport{"TCR, short", "PD0", tcr::PD0, {S::functional, {}}},
    FieldSupport{"TCR, short", "PD1", tcr::PD1, {S::functional, {}}},
    FieldSupport{"TCR, stage 2", "SL0", tcr::SL0, {S::functional, {}}},
    FieldSupport{"TCR, stage 2", "PS", tcr::PS, {S::functional, {}}},
    FieldSupport{"TCR, stage 2 VMSAv7", "A32_S2_T0SZ", tcr::A32_S2_T0SZ, {S::functional, {}}},
    FieldSupport{"TCR, stage 2 VMSAv7", "A32_S", tcr::A32_S, {S::stored, "the sign is T0SZ's highest bit"}},
    FieldSupport{"TCR2", "PASize", tcr2::PASize, {S::functional, {}}},
    FieldSupport{"TCR2", "AS", tcr2::AS, {S::functional, {}}},
    FieldSupport{"TCR2", "TBI0", tcr2::TBI0, {S::functional, {}}},
    FieldSupport{"TCR2", "TBI1", tcr2::TBI1, {S::functional, {}}},
    FieldSupport{"TCR2", "NSCFG0", tcr2::NSCFG0, {S::stored, "secure streams only"}},
    FieldSupport{"TCR2", "SEP", tcr2::SEP, {S::functional, "7: bit 48 with IDR2.UBS 5, else none"}},
    FieldSupport{"TCR2", "NSCFG1", tcr2::NSCFG1, {S::stored, "secure streams only"}},
    FieldSupport{"TTBRn", "ASID", ttbr::ASID, {S::functional, {}}},
    FieldSupport{"CONTEXTIDR", "ASID", contextidr::ASID, {S::functional, "short descriptors"}},
    FieldSupport{"CONTEXTIDR", "PROCID", contextidr::PROCID, {S::stored, "for debuggers"}},
    FieldSupport{"FSR", "TF", fsr::TF, {S::functional, {}}},
    FieldSupport{"FSR", "AFF", fsr::AFF, {S::functional, {}}},
    FieldSupport{"FSR", "PF", fsr::PF, {S::functional, {}}},
    FieldSupport{"FSR", "EF", fsr::EF, {S::functional, "of table walks; aborts of the access itself are not"}},
    FieldSupport{"FSR", "TLBMCF", fsr::TLBMCF, {S::absent, "by FSRRESTORE alone: caches never conflict"}},
    FieldSupport{"FSR", "TLBLKF", fsr::TLBLKF, {S::absent, "by FSRRESTORE alone: no lockdown"}},
    FieldSupport{"FSR", "ASF", fsr::ASF, {S::functional, {}}},
    FieldSupport{"FSR", "UUT", fsr::UUT, {S::functional, {}}},
    FieldSupport{"FSR", "FORMAT", fsr::FORMAT, {S::functional, {}}},
    FieldSupport{"FSR", "SS", fsr::SS, {S::functional, "goes by RESUME"}},
    FieldSupport{"FSR", "MULTI", fsr::MULTI, {S::functional, {}}},
    FieldSupport{"FSYNR0", "PLVL", fsynr0::PLVL, {S::functional, {}}},
    FieldSupport{"FSYNR0", "S1PTWF", fsynr0::S1PTWF, {S::functional, {}}},
    FieldSupport{"FSYNR0", "WNR", fsynr0::WNR, {S::functional, {}}},
    FieldSupport{"FSYNR0", "PNU", fsynr0::PNU, {S::functional, {}}},
    FieldSupport{"FSYNR0", "IND", fsynr0::IND, {S::functional, {}}},
    FieldSupport{"FSYNR0", "NSSTATE", fsynr0::NSSTATE, {S::absent, "0"}},
    FieldSupport{"FSYNR0", "NSATTR", fsynr0::NSATTR, {S::absent, "0"}},
    FieldSupport{"FSYNR0", "ATOF", fsynr0::ATOF, {S::absent, "operations leave no fault"}},
    FieldSupport{"FSYNR0", "PTWF", fsynr0::PTWF, {S::functional, {}}},
    FieldSupport{"FSYNR0", "AFR", fsynr0::AFR, {S::absent, "faults are synchronous"}},
    FieldSupport{"FSYNR0", "S1CBNDX", fsynr0::S1CBNDX, {S::functional, {}}},
    FieldSupport{"sGFSR", "ICF", gfsr::ICF, {S::functional, {}}},
    FieldSupport{"sGFSR", "USF", gfsr::USF, {S::functional, {}}},
    FieldSupport{"sGFSR", "SMCF", gfsr::SMCF, {S::functional, {}}},
    FieldSupport{"sGFSR", "UCBF", gfsr::UCBF, {S::functional, {}}},
    FieldSupport{"sGFSR", "UCIF", gfsr::UCIF, {S::functional, "SMMUv1"}},
    FieldSupport{"sGFSR", "CAF", gfsr::CAF, {S::absent, "by sGFSRRESTORE alone"}},
    FieldSupport{"sGFSR", "EF", gfsr::EF, {S::absent, "by sGFSRRESTORE alone"}},
    FieldSupport{"sGFSR", "PF", gfsr::PF, {S::absent, "by sGFSRRESTORE alone"}},
    FieldSupport{"sGFSR", "UUT", gfsr::UUT, {S::functional, {}}},
    FieldSupport{"sGFSR", "MULTI", gfsr::MULTI, {S::functional, {}}},
    FieldSupport{"sGFSYNR0", "NESTED", gfsynr0::NESTED, {S::absent, "0"}},
    FieldSupport{"sGFSYNR0", "WNR", gfsynr0::WNR, {S::functional, {}}},
    FieldSupport{"sGFSYNR0", "PNU", gfsynr0::PNU, {S::functional, {}}},
    FieldSupport{"sGFSYNR0", "IND", gfsynr0::IND, {S::functional, {}}},
    FieldSupport{"sGFSYNR0", "NSSTATE", gfsynr0::NSSTATE, {S::absent, "0"}},
    FieldSupport{"sGFSYNR0", "NSATTR", gfsynr0::NSATTR, {S::absent, "0"}},
    FieldSupport{"sGFSYNR0", "ATS", gfsynr0::ATS, {S::functional, {}}},
    FieldSupport{"sGFSYNR1", "STREAMID", gfsynr1::STREAMID, {S::functional, {}}},
    FieldSupport{"sGFSYNR1", "SSD_INDEX", gfsynr1::SSD_INDEX, {S::absent, "no security state determination"}},
};

void add_row(std::string& page, std::string_view name, std::uint64_t offset, NamedSupport support) {
    page += fmt::format("| {} | 0x{:03X} | {} | {} |\n", name, offset, smmuv2::name(support.support), support.note);
}
template <typename Rows>
void add_registers(std::string& page, const Rows& rows, NamedSupport (*support)(const RegSpec&)) {
    page += "| Register | Offset | Support | Note |\n|---|---|---|---|\n";
    for (const RegSpec& row : rows) add_row(page, row.name, row.offset, support(row));
}
std::string bits(Field field) {
    return field.width == 1 ? std::to_string(field.lsb) : fmt::format("{}:{}", field.lsb + field.width - 1, field.lsb);
}
NamedSupport functional(const RegSpec& /*row*/) { return {}; }

}  // namespace

const FieldSupport* field_support(std::size_t& count) {
    count = kFields.size();
    return kFields.data();
}

NamedSupport global_support(const RegSpec& row) {
    switch (row.offset) {
        case gr0::SCR1:
        case gr0::STLBIALL:
        case gr0::STLBIVALM:
        case gr0::STLBIVAM:
        case gr0::STLBIALLM:
            return {S::absent, "secure only: ignored"};
        case gr0::sCR2:
            return {S::stored, "the VMID of what bypasses: for downstream"};
        case gr0::sACR:
            return {S::stored, "implementation defined"};
        case gr0::IDR3:
        case gr0::IDR4:
        case gr0::IDR5:
        case gr0::IDR6:
            return {S::functional, "0"};
        case gr0::sGFSYNR2:
            return {S::stored, "implementation defined"};
        default:
            if (row.offset >= gr0::sGATS1UR && row.offset <= gr0::sGATSR) return {S::functional, "with IDR0.ATOSNS 0"};
            return {};
    }
}

NamedSupport bank_support(const RegSpec& row) {
    switch (row.offset) {
        case cb::ACTLR:
            return {S::stored, "implementation defined; nothing is prefetched"};
        case cb::TCR2:
            return {S::functional, "SMMUv2"};
        case cb::FSYNR1:
            return {S::stored, "implementation defined"};
        case cb::PAR:
        case cb::ATS1PR:
        case cb::ATS1PW:
        case cb::ATS1UR:
        case cb::ATS1UW:
        case cb::ATSR:
            return {S::functional, "with IDR0.ATOSNS 0"};
        default:
            return {};
    }
}

NamedSupport attribute_support(const RegSpec& row) {
    return row.offset == 0x800 ? NamedSupport{S::functional, "SMMUv2"} : NamedSupport{};
}

std::string smmuv2_conformance_page() {
    std::string page =
        "# SMMUv1 and SMMUv2: what the model does\n\n"
        "Made by `smmuv2_conformance_page()` from the tables in `iommu/smmuv2/`; a test fails when the two disagree.\n"
        "Run the tests of `iommu` with `XLATE_UPDATE_DOCS=1` to write it anew.\n\n"
        "- *functional*: acts as the architecture says, when its ID register says that it is there.\n"
        "- *stored*: kept and read back, or accepted, without effect.\n"
        "- *absent*: reads as zero, is ignored, or never happens.\n\n"
        "Not modelled at all: secure streams (SSD tables; the secure copies of registers are stored, for software that "
        "is\n"
        "in the secure world), broadcast TLB maintenance (DVM), monitor contexts, performance monitors, the space that "
        "an\n"
        "implementation may define. Choices where the architecture leaves one: `iommu/smmuv2/README.md`.\n\n"
        "Tables: VMSAv8-64 of 4, 16 and 64 KiB granules, VMSAv7 long and short descriptors in stage 1; VMSAv8-64 and "
        "VMSAv7\n"
        "long descriptors in stage 2; any stage 1 in any stage 2. Hardware updates of descriptors: SMMUv2 has none.\n\n"
        "## Global registers (GR0)\n\n";
    add_registers(page, kGlobalRegisters, &global_support);
    page += "\nOne of each for every stream mapping register group, at steps of four bytes:\n\n";
    add_registers(page, kStreamRegisters, &functional);
    page += "\nThe non-secure copies at 0x400 are there if software is in the secure world (`secure_access`).\n";
    page += "\n## Context bank attributes (GR1)\n\n";
    add_registers(page, kBankAttributeRegisters, &attribute_support);
    page += "\n## Context banks\n\n";
    add_registers(page, kBankRegisters, &bank_support);
    page += "\n## Fields\n\n| Register | Field | Bits | Support | Note |\n|---|---|---|---|---|\n";
    for (const FieldSupport& row : kFields) {
        page += fmt::format("| {} | {} | {} | {} | {} |\n", row.reg, row.name, bits(row.field),
                            smmuv2::name(row.what.support), row.what.note);
    }
    page +=
        "\n## Rules that a bank's programming must keep\n\n"
        "A bank that breaks one translates nothing; the counter `illegal_contexts` says how many accesses met one.\n\n";
    std::size_t count = 0;
    const BankRule* rules = bank_rules(count);
    for (std::size_t i = 0; i < count; ++i) {
        page += fmt::format("- {}: {}\n", rules[i].stage1 ? "stage 1" : "stage 2", rules[i].name);
    }
    page += "\n## Presets\n\n| Preset | IDR0 | IDR1 | IDR2 | IDR7 | Bytes |\n|---|---|---|---|---|---|\n";
    for (const std::string& preset : preset_names()) {
        SmmuParams params;
        params.features = features_by_name(preset);
        const Registers registers(params);
        page += fmt::format("| `{}` | 0x{:08X} | 0x{:08X} | 0x{:08X} | 0x{:02X} | 0x{:X} |\n", preset, registers.id[0],
                            registers.id[1], registers.id[2], registers.id[7], params.features.space().bytes());
    }
    page += "\n## Counters\n\n| Counter | What it counts |\n|---|---|\n";
    for (const CounterSpec& counter : sheet().counters) {
        page += fmt::format("| `{}` | {} |\n", counter.name, counter.sentence);
    }
    return page;
}

}  // namespace xlate::iommu::smmuv2
