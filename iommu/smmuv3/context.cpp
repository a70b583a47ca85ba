#include "iommu/smmuv3/context.hpp"

#include <algorithm>
#include <array>

namespace xlate::iommu::smmuv3 {

namespace {

using std::uint64_t;

bool stage1_on(const SteWords& w) {
    const uint64_t config = ste::Config.get(w);
    return config == ste::CONFIG_S1 || config == ste::CONFIG_NESTED;
}
bool stage2_on(const SteWords& w) {
    const uint64_t config = ste::Config.get(w);
    return config == ste::CONFIG_S2 || config == ste::CONFIG_NESTED;
}
bool translates(const SteWords& w) { return stage1_on(w) || stage2_on(w); }
bool exceeds(uint64_t address, unsigned bits) { return bits < 64 && (address >> bits) != 0; }
/// Input size of stage 2: OAS (at least 40 bits if AArch32 tables exist).
unsigned input_address_bits(const Features& f) {
    const unsigned oas = output_address_bits(f);
    return (f.ttf & 1) != 0 ? std::max(oas, 40U) : oas;
}
unsigned cd_max(const SteWords& w, const Features& f) {
    return f.ssidsize == 0 ? 0 : static_cast<unsigned>(ste::S1CDMax.get(w));
}

std::optional<Granule> granule_of(uint64_t code, std::array<int, 4> codes) {
    switch (codes[code & 3]) {
        case 4:
            return Granule::k4;
        case 16:
            return Granule::k16;
        case 64:
            return Granule::k64;
        default:
            return std::nullopt;
    }
}
constexpr std::array<int, 4> kTg0{4, 64, 16, 0};  // also S2TG
constexpr std::array<int, 4> kTg1{0, 16, 4, 64};
bool implemented(std::optional<Granule> granule, const Features& f) {
    if (!granule) return false;
    switch (*granule) {
        case Granule::k4:
            return f.gran4k != 0;
        case Granule::k16:
            return f.gran16k != 0;
        case Granule::k64:
            return f.gran64k != 0;
    }
    return false;
}
Granule granule_or_4k(std::optional<Granule> granule) { return granule.value_or(Granule::k4); }
Granule s2_granule(const SteWords& w) { return granule_or_4k(granule_of(ste::S2TG.get(w), kTg0)); }

unsigned largest_tsz(Granule granule, const Features& f) {
    if (f.stt == 0) return 39;
    return granule == Granule::k64 ? 47 : 48;
}
/// DS acts where the SMMU has it and for granules below 64K.
bool s2_ds(const SteWords& w, const Features& f) {
    return f.ds != 0 && ste::S2DS.test(w) && s2_granule(w) != Granule::k64;
}
bool cd_ds(const CdWords& w, Granule granule, const Features& f) {
    return f.ds != 0 && cd::DS.test(w) && granule != Granule::k64;
}
OutputForm form_of(Granule granule, bool ds, const Features& f) {
    if (granule != Granule::k64) return ds ? OutputForm::ds : OutputForm::plain;
    return output_address_bits(f) == 52 ? OutputForm::wide : OutputForm::plain;
}
/// The output size that a table of this granule may use, given what the configuration allows.
unsigned capped(unsigned bits, Granule granule, bool ds, const Features& f) {
    bits = std::min(bits, output_address_bits(f));
    return granule == Granule::k64 || ds ? bits : std::min(bits, 48U);
}
unsigned s2_output_bits(const SteWords& w, const Features& f) {
    return capped(address_bits(ste::S2PS.get(w)), s2_granule(w), s2_ds(w, f), f);
}
/// S2SL0 2 is for physical addresses that need so large a table (AArch64.S2InvalidSL): 4 KiB and 64 KiB from 44 bits
/// on, 16 KiB from 42 bits on.
bool s2_start_needs_more_bits(const SteWords& w, const Features& f) {
    const bool second = s2_ds(w, f) && s2_granule(w) == Granule::k4 && ste::S2SL0_2.test(w);
    if (second || ste::S2SL0.get(w) != 2) return false;
    return output_address_bits(f) < (s2_granule(w) == Granule::k16 ? 42U : 44U);
}
unsigned s2_start(const SteWords& w, const Features& f) {
    const bool ds = s2_ds(w, f);
    const uint64_t above = ds ? ste::S2SL0_2.get(w) << 2 : 0;
    return stage2_start_level(s2_granule(w), static_cast<unsigned>(ste::S2SL0.get(w) | above), f.stt != 0, ds);
}
bool wrong_endian(bool big, const Features& f) {
    return (f.ttendian == idr0::TTENDIAN_LE && big) || (f.ttendian == 3 && !big);
}
bool el2_regime(const SteWords& w, const Features& f) {
    return f.hyp != 0 && ste::Config.get(w) == ste::CONFIG_S1 && ste::STRW.get(w) == ste::STRW_EL2;
}

constexpr std::array kSteRules{
    SteRule{"Config asks for stage 1, which is not implemented",
            [](const SteWords& w, const Features& f) { return stage1_on(w) && f.s1p == 0; }},
    SteRule{"Config asks for stage 2, which is not implemented",
            [](const SteWords& w, const Features& f) { return stage2_on(w) && f.s2p == 0; }},
    SteRule{"S1CDMax is above IDR1.SSIDSIZE",
            [](const SteWords& w, const Features& f) { return stage1_on(w) && cd_max(w, f) > f.ssidsize; }},
    SteRule{"S1Fmt is two-level without IDR0.CD2L",
            [](const SteWords& w, const Features& f) {
                const uint64_t format = ste::S1Fmt.get(w);
                return stage1_on(w) && cd_max(w, f) > 0 && f.cd2l == 0 &&
                       (format == ste::S1FMT_4K_L2 || format == ste::S1FMT_64K_L2);
            }},
    SteRule{"S1ContextPtr is beyond the address size",
            [](const SteWords& w, const Features& f) {
                return stage1_on(w) && exceeds(ste::S1ContextPtr.address(w),
                                               stage2_on(w) ? input_address_bits(f) : output_address_bits(f));
            }},
    SteRule{
        "S2AA64 is 0 without AArch32 tables",
        [](const SteWords& w, const Features& f) { return stage2_on(w) && !ste::S2AA64.test(w) && (f.ttf & 1) == 0; }},
    SteRule{"S2TG is reserved or its granule not implemented",
            [](const SteWords& w, const Features& f) {
                return stage2_on(w) && !implemented(granule_of(ste::S2TG.get(w), kTg0), f);
            }},
    SteRule{"S2T0SZ is out of range",
            [](const SteWords& w, const Features& f) {
                if (!stage2_on(w)) return false;
                const Granule granule = s2_granule(w);
                const auto tsz = static_cast<unsigned>(ste::S2T0SZ.get(w));
                const unsigned least =
                    std::max(granule == Granule::k64 || s2_ds(w, f) ? 12U : 16U, 64 - input_address_bits(f));
                return tsz < least || tsz > largest_tsz(granule, f);
            }},
    SteRule{"S2SL0 is reserved",
            [](const SteWords& w, const Features& f) { return stage2_on(w) && s2_start(w, f) == 4; }},
    SteRule{"S2SL0 starts at a level that IDR5.OAS does not reach",
            [](const SteWords& w, const Features& f) { return stage2_on(w) && s2_start_needs_more_bits(w, f); }},
    SteRule{"S2SL0 does not fit S2T0SZ (more than 16 concatenated tables, or less than two entries)",
            [](const SteWords& w, const Features& f) {
                if (!stage2_on(w)) return false;
                const Granule granule = s2_granule(w);
                const uint64_t entries =
                    root_entries(granule, 64 - static_cast<unsigned>(ste::S2T0SZ.get(w)), s2_start(w, f));
                return entries < 2 || entries > (uint64_t{16} << stride(granule));
            }},
    SteRule{"S2TTB is above the effective S2PS",
            [](const SteWords& w, const Features& f) {
                return stage2_on(w) && exceeds(ste::S2TTB.address(w), s2_output_bits(w, f));
            }},
    SteRule{"S2ENDI asks for an endianness that is not implemented",
            [](const SteWords& w, const Features& f) { return stage2_on(w) && wrong_endian(ste::S2ENDI.test(w), f); }},
    SteRule{"S2S is 1 though IDR0.STALL_MODEL has no stall",
            [](const SteWords& w, const Features& f) {
                return stage2_on(w) && ste::S2S.test(w) && f.stall_model == idr0::STALL_MODEL_NONE;
            }},
    SteRule{"S2S is 0 though IDR0.STALL_MODEL forces stall",
            [](const SteWords& w, const Features& f) {
                return stage2_on(w) && !ste::S2S.test(w) && f.stall_model == idr0::STALL_MODEL_FORCED;
            }},
    SteRule{"S1STALLD is 1 though IDR0.STALL_MODEL is not 0",
            [](const SteWords& w, const Features& f) {
                return stage1_on(w) && ste::S1STALLD.test(w) && f.stall_model != idr0::STALL_MODEL_BOTH;
            }},
    SteRule{"S2HA is 1 without IDR0.HTTU",
            [](const SteWords& w, const Features& f) { return stage2_on(w) && ste::S2HA.test(w) && f.httu == 0; }},
    SteRule{"S2HD is 1 without dirty state in IDR0.HTTU",
            [](const SteWords& w, const Features& f) { return stage2_on(w) && ste::S2HD.test(w) && f.httu < 2; }},
    SteRule{"S2VMID has more than 8 bits without IDR0.VMID16",
            [](const SteWords& w, const Features& f) {
                return translates(w) && f.s2p != 0 && f.vmid16 == 0 && (ste::S2VMID.get(w) >> 8) != 0;
            }},
    SteRule{"STRW is reserved",
            [](const SteWords& w, const Features& f) {
                return f.hyp != 0 && ste::Config.get(w) == ste::CONFIG_S1 && (ste::STRW.get(w) & 1) != 0;
            }},
    SteRule{"EATS asks for split-stage ATS that the STE or IDR0.NS1ATS does not allow",
            [](const SteWords& w, const Features& f) {
                return f.ats != 0 && translates(w) && ste::EATS.get(w) == ste::EATS_S1CHK &&
                       (ste::Config.get(w) != ste::CONFIG_NESTED || ste::S2S.test(w) || f.ns1ats != 0);
            }},
    SteRule{"EATS allows full ATS though stage 2 stalls",
            [](const SteWords& w, const Features& f) {
                return f.ats != 0 && stage2_on(w) && (ste::EATS.get(w) & 1) != 0 && ste::S2S.test(w);
            }},
};

Granule tg0(const CdWords& w) { return granule_or_4k(granule_of(cd::TG0.get(w), kTg0)); }
Granule tg1(const CdWords& w) { return granule_or_4k(granule_of(cd::TG1.get(w), kTg1)); }
/// A half that is switched off is not checked. EL2 without E2H has the first half only, and no EPD.
bool uses_half0(const CdWords& w, bool el2) { return el2 || !cd::EPD0.test(w); }
bool uses_half1(const CdWords& w, bool el2) { return !el2 && !cd::EPD1.test(w); }

bool bad_tsz(uint64_t tsz, Granule granule, bool ds, const Features& f) {
    // Below the 64K granule only DS reaches 52-bit input addresses.
    const unsigned least = (granule == Granule::k64 || ds) && f.vax != 0 ? 12 : 16;
    return tsz < least || tsz > largest_tsz(granule, f);
}
unsigned cd_output_bits(const CdWords& w, Granule granule, const Features& f) {
    return capped(address_bits(cd::IPS.get(w)), granule, cd_ds(w, granule, f), f);
}

constexpr std::array kCdRules{
    CdRule{"V is 0", [](const CdWords& w, const SteWords&, const Features&, bool) { return !cd::V.test(w); }},
    CdRule{"AA64 is 0 without AArch32 tables", [](const CdWords& w, const SteWords&, const Features& f,
                                                  bool) { return !cd::AA64.test(w) && (f.ttf & 1) == 0; }},
    CdRule{"TG0 is reserved or its granule not implemented",
           [](const CdWords& w, const SteWords&, const Features& f, bool el2) {
               return uses_half0(w, el2) && !implemented(granule_of(cd::TG0.get(w), kTg0), f);
           }},
    CdRule{"TG1 is reserved or its granule not implemented",
           [](const CdWords& w, const SteWords&, const Features& f, bool el2) {
               return uses_half1(w, el2) && !implemented(granule_of(cd::TG1.get(w), kTg1), f);
           }},
    CdRule{"T0SZ is out of range",
           [](const CdWords& w, const SteWords&, const Features& f, bool el2) {
               return uses_half0(w, el2) && bad_tsz(cd::T0SZ.get(w), tg0(w), cd_ds(w, tg0(w), f), f);
           }},
    CdRule{"T1SZ is out of range",
           [](const CdWords& w, const SteWords&, const Features& f, bool el2) {
               return uses_half1(w, el2) && bad_tsz(cd::T1SZ.get(w), tg1(w), cd_ds(w, tg1(w), f), f);
           }},
    CdRule{
        "ENDI asks for an endianness that is not implemented",
        [](const CdWords& w, const SteWords&, const Features& f, bool) { return wrong_endian(cd::ENDI.test(w), f); }},
    CdRule{"TTB0 is above the effective IPS",
           [](const CdWords& w, const SteWords&, const Features& f, bool el2) {
               return uses_half0(w, el2) && exceeds(cd::TTB0.address(w), cd_output_bits(w, tg0(w), f));
           }},
    CdRule{"TTB1 is above the effective IPS",
           [](const CdWords& w, const SteWords&, const Features& f, bool el2) {
               return uses_half1(w, el2) && exceeds(cd::TTB1.address(w), cd_output_bits(w, tg1(w), f));
           }},
    CdRule{"A is 0 though IDR0.TERM_MODEL is 1", [](const CdWords& w, const SteWords&, const Features& f,
                                                    bool) { return !cd::A.test(w) && f.term_model != 0; }},
    CdRule{"S is 1 though IDR0.STALL_MODEL has no stall",
           [](const CdWords& w, const SteWords&, const Features& f, bool) {
               return cd::S.test(w) && f.stall_model == idr0::STALL_MODEL_NONE;
           }},
    CdRule{"S is 1 though STE.S1STALLD forbids stall", [](const CdWords& w, const SteWords& s, const Features&,
                                                          bool) { return cd::S.test(w) && ste::S1STALLD.test(s); }},
    CdRule{"S is 0 though IDR0.STALL_MODEL forces stall",
           [](const CdWords& w, const SteWords&, const Features& f, bool) {
               return !cd::S.test(w) && f.stall_model == idr0::STALL_MODEL_FORCED;
           }},
    CdRule{"HA is 1 without IDR0.HTTU",
           [](const CdWords& w, const SteWords&, const Features& f, bool) { return cd::HA.test(w) && f.httu == 0; }},
    CdRule{"HD is 1 without dirty state in IDR0.HTTU",
           [](const CdWords& w, const SteWords&, const Features& f, bool) { return cd::HD.test(w) && f.httu < 2; }},
    CdRule{"ASID has more than 8 bits without IDR0.ASID16",
           [](const CdWords& w, const SteWords&, const Features& f, bool el2) {
               return !el2 && f.asid16 == 0 && (cd::ASID.get(w) >> 8) != 0;
           }},
};

}  // namespace

unsigned output_address_bits(const Features& features) { return address_bits(features.oas); }

unsigned stage2_start_level(Granule granule, unsigned sl0, bool stt, bool ds) {
    if (granule == Granule::k4) {
        if (sl0 > 3) return ds && sl0 == 4 ? kLevelMinus1 : 4;
        return sl0 < 3 ? 2 - sl0 : stt ? 3 : 4;
    }
    sl0 &= 3;
    if (sl0 == 3) return ds && granule == Granule::k16 ? 0 : 4;
    return 3 - sl0;
}

const SteRule* ste_rules(std::size_t& count) {
    count = kSteRules.size();
    return kSteRules.data();
}
const CdRule* cd_rules(std::size_t& count) {
    count = kCdRules.size();
    return kCdRules.data();
}

std::optional<std::string_view> illegal_ste(const SteWords& words, const Features& features) {
    if (ste::Config.get(words) < ste::CONFIG_BYPASS) return std::nullopt;
    for (const SteRule& rule : kSteRules) {
        if (rule.broken(words, features)) return rule.name;
    }
    return std::nullopt;
}

std::optional<std::string_view> illegal_cd(const CdWords& words, const SteWords& ste_words, const Features& features,
                                           bool e2h) {
    const bool el2 = el2_regime(ste_words, features) && !e2h;
    for (const CdRule& rule : kCdRules) {
        if (rule.broken(words, ste_words, features, el2)) return rule.name;
    }
    return std::nullopt;
}

SteConfig decode_ste(const SteWords& w, const Features& f) {
    SteConfig out;
    out.config = static_cast<std::uint8_t>(ste::Config.get(w));
    out.s1 = stage1_on(w);
    out.s2 = stage2_on(w);
    out.s1_format = static_cast<std::uint8_t>(ste::S1Fmt.get(w) % 3);  // 3 acts as 0
    out.s1_cd_max = static_cast<std::uint8_t>(cd_max(w, f));
    out.s1dss = static_cast<std::uint8_t>(ste::S1DSS.get(w) % 3);
    out.s1_context_ptr = ste::S1ContextPtr.address(w);
    out.s1_stall_disabled = ste::S1STALLD.test(w);
    out.eats = f.ats != 0 && translates(w) ? static_cast<std::uint8_t>(ste::EATS.get(w)) : std::uint8_t{0};
    out.strw = el2_regime(w, f) ? std::uint8_t{ste::STRW_EL2} : std::uint8_t{ste::STRW_NSEL1};
    out.merge_events = ste::MEV.test(w);
    out.ppar = ste::PPAR.test(w);
    out.mem_attr = static_cast<std::uint8_t>(ste::MemAttr.get(w));
    out.mtcfg = f.attr_types_ovr != 0 && ste::MTCFG.test(w);
    out.shcfg = static_cast<std::uint8_t>(f.attr_types_ovr != 0 ? ste::SHCFG.get(w) : ste::SHCFG_INCOMING);
    out.privcfg = static_cast<std::uint8_t>(f.attr_perms_ovr != 0 ? ste::PRIVCFG.get(w) : 0);
    out.instcfg = static_cast<std::uint8_t>(f.attr_perms_ovr != 0 ? ste::INSTCFG.get(w) : 0);
    out.vmid = f.s2p != 0 && translates(w) ? static_cast<std::uint16_t>(ste::S2VMID.get(w)) : std::uint16_t{0};
    if (out.s2) {
        Stage2& s2 = out.stage2;
        s2.granule = s2_granule(w);
        s2.t0sz = static_cast<std::uint8_t>(ste::S2T0SZ.get(w));
        s2.start_level = static_cast<std::uint8_t>(s2_start(w, f));
        s2.form = form_of(s2.granule, s2_ds(w, f), f);
        s2.sh = static_cast<std::uint8_t>(ste::S2SH0.get(w));
        s2.output_bits = static_cast<std::uint8_t>(s2_output_bits(w, f));
        s2.ttb = ste::S2TTB.address(w);
        s2.ha = ste::S2HA.test(w);
        s2.hd = ste::S2HD.test(w) && s2.ha;
        s2.affd = ste::S2AFFD.test(w) && !s2.ha;
        s2.ptw = ste::S2PTW.test(w);
        s2.stall = ste::S2S.test(w);
        s2.record = ste::S2R.test(w);
        s2.fwb = f.fwb != 0 && ste::S2FWB.test(w);
        s2.xnx = f.xnx != 0;
    }
    return out;
}

Stage1 decode_cd(const CdWords& w, const SteConfig& ste_config, const Features& f, bool e2h) {
    const bool el2 = ste_config.strw == ste::STRW_EL2 && !e2h;
    Stage1 out;
    Stage1Half& low = out.half[0];
    low.granule = tg0(w);
    low.tsz = static_cast<std::uint8_t>(cd::T0SZ.get(w));
    low.ttb = cd::TTB0.address(w);
    low.disabled = !uses_half0(w, el2);
    low.tbi = cd::TBI0.test(w);
    low.had = f.had != 0 && cd::HAD0.test(w);
    low.e0pd = f.e0pd != 0 && !el2 && cd::E0PD0.test(w);
    low.output_bits = static_cast<std::uint8_t>(cd_output_bits(w, low.granule, f));
    low.form = form_of(low.granule, cd_ds(w, low.granule, f), f);
    low.sh = static_cast<std::uint8_t>(cd::SH0.get(w));
    Stage1Half& high = out.half[1];
    high.granule = tg1(w);
    high.tsz = static_cast<std::uint8_t>(cd::T1SZ.get(w));
    high.ttb = cd::TTB1.address(w);
    high.disabled = !uses_half1(w, el2);
    high.tbi = el2 ? low.tbi : cd::TBI1.test(w);
    high.had = f.had != 0 && cd::HAD1.test(w);
    high.e0pd = f.e0pd != 0 && !el2 && cd::E0PD1.test(w);
    high.output_bits = static_cast<std::uint8_t>(cd_output_bits(w, high.granule, f));
    high.form = form_of(high.granule, cd_ds(w, high.granule, f), f);
    high.sh = static_cast<std::uint8_t>(cd::SH1.get(w));
    out.mair = cd::MAIR.get(w);
    out.asid = el2 ? std::uint16_t{0} : static_cast<std::uint16_t>(cd::ASID.get(w));
    out.ha = cd::HA.test(w);
    out.hd = cd::HD.test(w) && out.ha;
    out.affd = cd::AFFD.test(w) && !out.ha;
    out.wxn = cd::WXN.test(w);
    out.uwxn = cd::UWXN.test(w);
    out.pan = cd::PAN.test(w) && ste_config.strw != ste::STRW_EL2;
    out.epan = cd::EPAN.test(w);
    out.stall = cd::S.test(w);
    out.record = cd::R.test(w);
    out.abort = cd::A.test(w);
    out.aset = cd::ASET.test(w) && !el2;
    out.single_privilege = el2;
    return out;
}

}  // namespace xlate::iommu::smmuv3
