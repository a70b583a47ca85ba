#include "iommu/smmuv3/conformance.hpp"

#include <array>

#include "iommu/smmuv3/commands.hpp"
#include "iommu/smmuv3/context.hpp"
#include "iommu/smmuv3/parameters.hpp"
#include "iommu/smmuv3/pmcg.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

using S = Support;

constexpr std::array kSteFields{
    FieldSupport{"V", ste::V, S::functional, {}},
    FieldSupport{"Config", ste::Config, S::functional, {}},
    FieldSupport{"S1Fmt", ste::S1Fmt, S::functional, {}},
    FieldSupport{"S1ContextPtr", ste::S1ContextPtr, S::functional, {}},
    FieldSupport{"S1CDMax", ste::S1CDMax, S::functional, {}},
    FieldSupport{"S1DSS", ste::S1DSS, S::functional, {}},
    FieldSupport{"S1CIR", ste::S1CIR, S::stored, "attributes of CD fetches are not modelled"},
    FieldSupport{"S1COR", ste::S1COR, S::stored, "attributes of CD fetches are not modelled"},
    FieldSupport{"S1CSH", ste::S1CSH, S::stored, "attributes of CD fetches are not modelled"},
    FieldSupport{"S2HWU", ste::S2HWU, S::stored, "PBHA"},
    FieldSupport{"DRE", ste::DRE, S::stored, "destructive reads are not modelled"},
    FieldSupport{"CONT", ste::CONT, S::stored, "a hint: STEs are kept one by one"},
    FieldSupport{"DCP", ste::DCP, S::stored, "directed cache prefetch is not modelled"},
    FieldSupport{"PPAR", ste::PPAR, S::stored, "automatic PRI responses go by IDR3.PPS"},
    FieldSupport{"MEV", ste::MEV, S::functional, {}},
    FieldSupport{"S1PIE", ste::S1PIE, S::absent, "permission indirection"},
    FieldSupport{"S2FWB", ste::S2FWB, S::functional,
                 "the weaker of both stages, as without it: code 6 does not strengthen stage 1"},
    FieldSupport{"S1MPAM", ste::S1MPAM, S::absent, "IDR3.MPAM is 0"},
    FieldSupport{"S1STALLD", ste::S1STALLD, S::functional, {}},
    FieldSupport{"EATS", ste::EATS, S::functional, "3 (DPT) acts as 0"},
    FieldSupport{"STRW", ste::STRW, S::functional, {}},
    FieldSupport{"MemAttr", ste::MemAttr, S::functional, {}},
    FieldSupport{"MTCFG", ste::MTCFG, S::functional, {}},
    FieldSupport{"ALLOCCFG", ste::ALLOCCFG, S::stored, "allocation hints are not modelled"},
    FieldSupport{"SHCFG", ste::SHCFG, S::functional, {}},
    FieldSupport{"NSCFG", ste::NSCFG, S::stored, "secure streams only"},
    FieldSupport{"PRIVCFG", ste::PRIVCFG, S::functional, {}},
    FieldSupport{"INSTCFG", ste::INSTCFG, S::functional, {}},
    FieldSupport{"S2VMID", ste::S2VMID, S::functional, {}},
    FieldSupport{"S2T0SZ", ste::S2T0SZ, S::functional, {}},
    FieldSupport{"S2SL0", ste::S2SL0, S::functional, {}},
    FieldSupport{"S2IR0", ste::S2IR0, S::stored, "attributes of walks are not modelled"},
    FieldSupport{"S2OR0", ste::S2OR0, S::stored, "attributes of walks are not modelled"},
    FieldSupport{"S2SH0", ste::S2SH0, S::functional, "with S2DS; attributes of walks are not modelled"},
    FieldSupport{"S2TG", ste::S2TG, S::functional, {}},
    FieldSupport{"S2PS", ste::S2PS, S::functional, {}},
    FieldSupport{"S2AA64", ste::S2AA64, S::functional, "0 is ILLEGAL: no AArch32 tables"},
    FieldSupport{"S2ENDI", ste::S2ENDI, S::functional, "1 is ILLEGAL: little-endian tables only"},
    FieldSupport{"S2AFFD", ste::S2AFFD, S::functional, {}},
    FieldSupport{"S2PTW", ste::S2PTW, S::functional, {}},
    FieldSupport{"S2HD", ste::S2HD, S::functional, {}},
    FieldSupport{"S2HA", ste::S2HA, S::functional, {}},
    FieldSupport{"S2S", ste::S2S, S::functional, {}},
    FieldSupport{"S2R", ste::S2R, S::functional, {}},
    FieldSupport{"S2SL0_2", ste::S2SL0_2, S::functional, {}},
    FieldSupport{"S2DS", ste::S2DS, S::functional, "level -1 is not cached"},
    FieldSupport{"S2TTB", ste::S2TTB, S::functional, {}},
};

constexpr std::array kCdFields{
    FieldSupport{"T0SZ", cd::T0SZ, S::functional, {}},
    FieldSupport{"TG0", cd::TG0, S::functional, {}},
    FieldSupport{"IR0", cd::IR0, S::stored, "attributes of walks are not modelled"},
    FieldSupport{"OR0", cd::OR0, S::stored, "attributes of walks are not modelled"},
    FieldSupport{"SH0", cd::SH0, S::functional, "with DS; attributes of walks are not modelled"},
    FieldSupport{"EPD0", cd::EPD0, S::functional, {}},
    FieldSupport{"ENDI", cd::ENDI, S::functional, "1 is C_BAD_CD: little-endian tables only"},
    FieldSupport{"T1SZ", cd::T1SZ, S::functional, {}},
    FieldSupport{"TG1", cd::TG1, S::functional, {}},
    FieldSupport{"IR1", cd::IR1, S::stored, "attributes of walks are not modelled"},
    FieldSupport{"OR1", cd::OR1, S::stored, "attributes of walks are not modelled"},
    FieldSupport{"SH1", cd::SH1, S::functional, "with DS; attributes of walks are not modelled"},
    FieldSupport{"EPD1", cd::EPD1, S::functional, {}},
    FieldSupport{"V", cd::V, S::functional, {}},
    FieldSupport{"IPS", cd::IPS, S::functional, {}},
    FieldSupport{"AFFD", cd::AFFD, S::functional, {}},
    FieldSupport{"WXN", cd::WXN, S::functional, {}},
    FieldSupport{"UWXN", cd::UWXN, S::stored, "what EL0 can write is never executable at EL1"},
    FieldSupport{"TBI0", cd::TBI0, S::functional, {}},
    FieldSupport{"TBI1", cd::TBI1, S::functional, {}},
    FieldSupport{"PAN", cd::PAN, S::functional, {}},
    FieldSupport{"AA64", cd::AA64, S::functional, "0 is C_BAD_CD: no AArch32 tables"},
    FieldSupport{"HD", cd::HD, S::functional, {}},
    FieldSupport{"HA", cd::HA, S::functional, {}},
    FieldSupport{"S", cd::S, S::functional, {}},
    FieldSupport{"R", cd::R, S::functional, {}},
    FieldSupport{"A", cd::A, S::functional, {}},
    FieldSupport{"ASET", cd::ASET, S::functional, "part of the TLB tag; broadcast invalidations are not modelled"},
    FieldSupport{"ASID", cd::ASID, S::functional, {}},
    FieldSupport{"NSCFG0", cd::NSCFG0, S::stored, "secure streams only"},
    FieldSupport{"HAD0", cd::HAD0, S::functional, {}},
    FieldSupport{"E0PD0", cd::E0PD0, S::functional, {}},
    FieldSupport{"TTB0", cd::TTB0, S::functional, {}},
    FieldSupport{"PnCH", cd::PnCH, S::stored, "protected contiguous hint"},
    FieldSupport{"EPAN", cd::EPAN, S::functional, {}},
    FieldSupport{"NSCFG1", cd::NSCFG1, S::stored, "secure streams only"},
    FieldSupport{"HAD1", cd::HAD1, S::functional, {}},
    FieldSupport{"E0PD1", cd::E0PD1, S::functional, {}},
    FieldSupport{"TTB1", cd::TTB1, S::functional, {}},
    FieldSupport{"DS", cd::DS, S::functional, "level -1 is not cached"},
    FieldSupport{"MAIR", cd::MAIR, S::functional, {}},
    FieldSupport{"AMAIR", cd::AMAIR, S::stored, "implementation defined attributes"},
};

void add_row(std::string& page, std::string_view name, std::string_view where, NamedSupport support) {
    page += "| ";
    page += name;
    page += " | ";
    page += where;
    page += " | ";
    page += smmuv3::name(support.support);
    page += " | ";
    page += support.note;
    page += " |\n";
}

std::string hexadecimal(std::uint64_t value) {
    std::string digits;
    do {
        digits.insert(digits.begin(), "0123456789ABCDEF"[value & 0xF]);
        value >>= 4;
    } while (value != 0);
    return "0x" + (digits.size() < 2 ? "0" + digits : digits);
}

std::string bit_range(const EntryField& field) {
    const std::string high = std::to_string(field.lsb + field.width - 1);
    return "DW" + std::to_string(field.word) + " [" +
           (field.width == 1 ? high : high + ":" + std::to_string(field.lsb)) + "]";
}

template <typename Rows>
void add_fields(std::string& page, const Rows& rows) {
    page += "| Field | Bits | Support | Note |\n|---|---|---|---|\n";
    for (const FieldSupport& row : rows) add_row(page, row.name, bit_range(row.field), {row.support, row.note});
    page += "\n";
}

}  // namespace

const FieldSupport* ste_field_support(std::size_t& count) {
    count = kSteFields.size();
    return kSteFields.data();
}
const FieldSupport* cd_field_support(std::size_t& count) {
    count = kCdFields.size();
    return kCdFields.data();
}

NamedSupport register_support(const RegSpec& row) {
    if (row.offset >= kSecureOffset && row.offset < kPage1) {
        return {S::absent, "S_IDR1.SECURE_IMPL is 0: reads zero, ignores writes"};
    }
    switch (row.offset) {
        case reg::IDR2:
            return {S::absent, "no VATOS"};
        case reg::IDR4:
            return {S::absent, "implementation defined"};
        case reg::STATUSR:
            return {S::absent, "never dormant"};
        case reg::AGBPA:
            return {S::absent, "implementation defined"};
        case reg::CR1:
            return {S::stored, "attributes of queue and table accesses are not modelled"};
        case reg::CR0:
            return {S::functional, "DPT_WALK_EN absent"};
        case reg::CR2:
            return {S::functional, "PTM absent: no broadcast invalidations"};
        case reg::GBPA:
            return {S::functional, "ALLOCCFG, PRIVCFG, INSTCFG stored"};
        case reg::GERROR:
            return {S::functional, "SFM_ERR never happens"};
        case reg::GERROR_IRQ_CFG2:
        case reg::EVENTQ_IRQ_CFG2:
            return {S::stored, "attributes of MSI writes are not modelled"};
        case reg::PRIQ_IRQ_CFG2:
            return {S::functional, "LO acts; the attributes are stored"};
        default:
            return {S::functional, {}};
    }
}

NamedSupport pmcg_support(const RegSpec& row) {
    switch (row.offset) {
        case 0xDF8:
            return {S::absent, "no secure counting"};
        case 0xE08:
            return {S::absent, "implementation defined"};
        case 0xE64:
            return {S::stored, "attributes of MSI writes are not modelled"};
        default:
            return {S::functional, {}};
    }
}

NamedSupport command_support(Opcode opcode) {
    // A legal form of each.
    CommandWords words = command::make(opcode);
    if (illegal_command(words, full_features())) return {S::absent, "CERROR_ILL"};
    switch (opcode) {
        case Opcode::PREFETCH_CONFIG:
        case Opcode::PREFETCH_ADDR:
            return {S::functional,
                    "a hint: acts if the model's parameter prefetch_commands says so; ADDR its first page"};
        case Opcode::SYNC:
            return {S::functional, "SEV makes no event"};
        default:
            return {S::functional, {}};
    }
}

NamedSupport event_support(EventCode code) {
    switch (code) {
        case EventCode::F_TLB_CONFLICT:
        case EventCode::F_CFG_CONFLICT:
            return {S::absent, "the record is encoded; caches never conflict"};
        case EventCode::E_PAGE_REQUEST:
            return {S::absent, "an optional hint"};
        case EventCode::F_VMS_FETCH:
            return {S::absent, "no MPAM"};
        default:
            return {S::functional, {}};
    }
}

std::string smmuv3_conformance_page() {
    std::string page =
        "# SMMUv3: what the model does\n\n"
        "Made by `smmuv3_conformance_page()` from the tables in `iommu/smmuv3/`; a test fails when the two disagree.\n"
        "Run the tests of `iommu` with `XLATE_UPDATE_DOCS=1` to write it anew.\n\n"
        "- *functional*: acts as the architecture says, when its ID register says that it is there.\n"
        "- *stored*: kept and read back, or accepted, without effect.\n"
        "- *absent*: reads as zero, is ignored or is an error, as the architecture says for hardware without it.\n\n"
        "Not modelled at all: AArch32 tables, big-endian tables, secure and realm streams (no SEC_SID; the\n"
        "secure page reads as zero), MPAM, DPT, VATOS, broadcast TLB maintenance (DVM; IDR0.BTM is 0).\n\n"
        "## Registers\n\n| Register | Offset | Support | Note |\n|---|---|---|---|\n";
    for (const RegSpec& row : kRegisters) add_row(page, row.name, hexadecimal(row.offset), register_support(row));
    page +=
        "\n### Enhanced command queues\n\nWith IDR1.ECMDQ: 2^IDR6.LOG2NUMP control pages of 64 KiB behind both "
        "register "
        "pages, 2^IDR6.LOG2NUMQ queues in each,\nall consumed side by side. Control pages are in page 0 at steps of 32 "
        "bytes, queues in their page at even steps.\n\n| Register | Offset | Support | Note |\n|---|---|---|---|\n";
    for (const RegSpec& row : kControlPageRegisters)
        add_row(page, row.name, hexadecimal(row.offset), {S::functional, {}});
    for (const RegSpec& row : kEcmdqRegisters) add_row(page, row.name, hexadecimal(row.offset), {S::functional, {}});
    page += "\n## Stream table entry\n\n";
    add_fields(page, kSteFields);
    page += "### Rules that make one ILLEGAL (C_BAD_STE)\n\n";
    std::size_t count = 0;
    const SteRule* ste_rows = ste_rules(count);
    for (std::size_t i = 0; i < count; ++i) page += "- " + std::string(ste_rows[i].name) + "\n";
    page += "\n## Context descriptor\n\n";
    add_fields(page, kCdFields);
    page += "### Rules that make one invalid (C_BAD_CD)\n\n";
    const CdRule* cd_rows = cd_rules(count);
    for (std::size_t i = 0; i < count; ++i) page += "- " + std::string(cd_rows[i].name) + "\n";
    page += "\n## Commands\n\n| Command | Opcode | Support | Note |\n|---|---|---|---|\n";
    for (unsigned code = 0; code < 256; ++code) {
        const auto opcode = static_cast<Opcode>(code);
        if (std::string_view(name(opcode)) != "reserved")
            add_row(page, name(opcode), hexadecimal(code), command_support(opcode));
    }
    page += "\n## Events\n\n| Event | Code | Support | Note |\n|---|---|---|---|\n";
    for (unsigned code = 0; code < 256; ++code) {
        const auto event = static_cast<EventCode>(code);
        if (std::string_view(name(event)) != "reserved")
            add_row(page, name(event), hexadecimal(code), event_support(event));
    }
    page +=
        "\n## Performance monitor counter group\n\nCounters: EVCNTR, EVTYPER, SVR and SMR, 1 to 64 of each, "
        "functional. "
        "Events 0 to 7 are counted.\n\n| Register | Offset | Support | Note |\n|---|---|---|---|\n";
    for (const RegSpec& row : kPmcgRegisters) add_row(page, row.name, hexadecimal(row.offset), pmcg_support(row));
    return page;
}

}  // namespace xlate::iommu::smmuv3
