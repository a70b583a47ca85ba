#include "iommu/smmuv2/context.hpp"

#include <algorithm>
#include <array>

#include "iommu/tables/memory_attributes.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

Format format_of(const Bank& bank, bool stage2) {
    if (bank.aarch64()) return Format::aarch64;
    return stage2 || tcr::EAE.test(bank.tcr) ? Format::long32 : Format::short32;
}

/// Stage 1: TG0 and TG1 code the same sizes by other numbers. 0: reserved.
unsigned granule_bits(std::uint64_t code, bool upper) {
    constexpr unsigned kLower[4] = {12, 16, 14, 0}, kUpper[4] = {0, 14, 12, 16};
    return upper ? kUpper[code & 3] : kLower[code & 3];
}
bool granule_there(unsigned bits, const Features& f) {
    return bits == 12 ? f.ptfs_4k != 0 : bits == 14 ? f.ptfs_16k != 0 : bits == 16 && f.ptfs_64k != 0;
}
/// A half that no walk may use asks for no granule.
bool half_on(const Bank& bank, bool upper) { return !(upper ? tcr::EPD1 : tcr::EPD0).test(bank.tcr); }

constexpr std::array kRules{
    BankRule{"the stage is implemented (IDR0.S1TS, S2TS)", true, false,
             [](const Bank&, const Features& f) { return f.s1ts == 0; }},
    BankRule{"stage 2 is implemented (IDR0.S2TS)", false, true,
             [](const Bank&, const Features& f) { return f.s2ts == 0; }},
    BankRule{"VMSAv7 tables are implemented (IDR0.PTFS)", true, true,
             [](const Bank& b, const Features& f) { return !b.aarch64() && f.no_aarch32 != 0; }},
    BankRule{
        "short descriptors are implemented (IDR0.PTFS)", true, false,
        [](const Bank& b, const Features& f) { return format_of(b, false) == Format::short32 && f.no_aarch32s != 0; }},
    BankRule{"the granule of TTBR0 is implemented (IDR2.PTFS), or EPD0 is set", true, false,
             [](const Bank& b, const Features& f) {
                 return b.aarch64() && half_on(b, false) && !granule_there(granule_bits(tcr::TG0.get(b.tcr), false), f);
             }},
    BankRule{"the granule of TTBR1 is implemented (IDR2.PTFS), or EPD1 is set", true, false,
             [](const Bank& b, const Features& f) {
                 return b.aarch64() && half_on(b, true) && !granule_there(granule_bits(tcr::TG1.get(b.tcr), true), f);
             }},
    BankRule{"T0SZ is 16..39, or EPD0 is set", true, false,
             [](const Bank& b, const Features&) {
                 const auto tsz = tcr::T0SZ.get(b.tcr);
                 return b.aarch64() && half_on(b, false) && (tsz < 16 || tsz > 39);
             }},
    BankRule{"T1SZ is 16..39, or EPD1 is set", true, false,
             [](const Bank& b, const Features&) {
                 const auto tsz = tcr::T1SZ.get(b.tcr);
                 return b.aarch64() && half_on(b, true) && (tsz < 16 || tsz > 39);
             }},
    BankRule{"SEP is not reserved", true, false,
             [](const Bank& b, const Features& f) { return f.v2 && b.aarch64() && tcr2::SEP.get(b.tcr2) == 6; }},
    BankRule{"the granule of stage 2 is implemented (IDR2.PTFS)", false, true,
             [](const Bank& b, const Features& f) {
                 return b.aarch64() && !granule_there(granule_bits(tcr::TG0.get(b.tcr), false), f);
             }},
    BankRule{"T0SZ of stage 2 is 16..39", false, true,
             [](const Bank& b, const Features&) {
                 const auto tsz = tcr::T0SZ.get(b.tcr);
                 return b.aarch64() && (tsz < 16 || tsz > 39);
             }},
    BankRule{"SL0 is not reserved, and its root is at most 16 tables", false, true,
             [](const Bank& b, const Features&) {
                 const auto sl0 = tcr::SL0.get(b.tcr);
                 if (!b.aarch64()) {
                     const unsigned level = vmsa7_long::stage2_start_level(sl0);
                     const unsigned input = vmsa7_long::stage2_input_bits(tcr::A32_S2_T0SZ.get(b.tcr));
                     if (level > 3) return true;
                     const unsigned shift = vmsa7_long::level_shift(level);
                     return input > shift + vmsa7_long::kStride + 4 || input <= shift;
                 }
                 const auto granule = static_cast<Granule>(granule_bits(tcr::TG0.get(b.tcr), false));
                 const unsigned level = vmsa8_64::stage2_start_level(granule, sl0);
                 if (level > 3) return true;
                 const unsigned input = 64U - static_cast<unsigned>(tcr::T0SZ.get(b.tcr));
                 const unsigned shift = vmsa8_64::level_shift(granule, level);
                 return input > shift + vmsa8_64::stride(granule) + 4 || input <= shift;
             }},
};

Stage1 decode_stage1(const Bank& bank, const Features& f) {
    Stage1 s1;
    s1.format = format_of(bank, false);
    s1.mair = bank.mair0 | (std::uint64_t{bank.mair1} << 32);
    s1.tre = sctlr::TRE.test(bank.sctlr);
    // Long descriptors always have an access flag.
    s1.afe = s1.format != Format::short32 || sctlr::AFE.test(bank.sctlr);
    s1.affd = sctlr::AFFD.test(bank.sctlr);
    s1.wxn = sctlr::WXN.test(bank.sctlr);
    s1.uwxn = sctlr::UWXN.test(bank.sctlr);
    s1.big_endian = sctlr::E.test(bank.sctlr);
    const unsigned oas = address_bits(f.oas);
    const std::uint64_t ttbr[2] = {bank.ttbr0, bank.ttbr1};
    const bool a1 = tcr::A1.test(bank.tcr);
    switch (s1.format) {
        case Format::aarch64: {
            s1.output_bits = static_cast<std::uint8_t>(std::min(address_bits(tcr2::PASize.get(bank.tcr2)), oas));
            const std::uint64_t asid = ttbr::ASID.get(ttbr[a1 ? 1 : 0]);
            s1.asid = static_cast<std::uint16_t>(tcr2::AS.test(bank.tcr2) ? asid : asid & 0xFF);
            constexpr std::uint8_t kSign[8] = {31, 35, 39, 41, 43, 47, 0, 0};
            s1.sign_bit = kSign[tcr2::SEP.get(bank.tcr2)];
            // The widest bus has one bit above the 48 of an input: the sign.
            if (tcr2::SEP.get(bank.tcr2) == tcr2::SEP_UPSTREAM && f.ubs >= 5) s1.sign_bit = 48;
            for (unsigned i = 0; i < 2; ++i) {
                Stage1Half& half = s1.half[i];
                const std::uint64_t tsz = (i == 0 ? tcr::T0SZ : tcr::T1SZ).get(bank.tcr);
                half.disabled = !half_on(bank, i != 0);
                const unsigned bits = granule_bits((i == 0 ? tcr::TG0 : tcr::TG1).get(bank.tcr), i != 0);
                half.granule = static_cast<Granule>(bits == 0 ? 12 : bits);
                half.input_bits = static_cast<std::uint8_t>(64U - (tsz < 16 ? 16 : tsz > 39 ? 39 : tsz));
                half.start_level = static_cast<std::uint8_t>(vmsa8_64::start_level(half.granule, half.input_bits));
                half.ttb = keep(ttbr[i], 47, 4);
                half.tbi = (i == 0 ? tcr2::TBI0 : tcr2::TBI1).test(bank.tcr2);
            }
            break;
        }
        case Format::long32:
            s1.output_bits = static_cast<std::uint8_t>(std::min(vmsa7_long::kOutputBits, oas));
            s1.asid = static_cast<std::uint16_t>(ttbr::ASID8.get(ttbr[a1 ? 1 : 0]));
            for (unsigned i = 0; i < 2; ++i) {
                Stage1Half& half = s1.half[i];
                const auto tsz = static_cast<unsigned>((i == 0 ? tcr::A32_T0SZ : tcr::A32_T1SZ).get(bank.tcr));
                half.disabled = !half_on(bank, i != 0);
                half.input_bits = static_cast<std::uint8_t>(32 - tsz);
                half.start_level = static_cast<std::uint8_t>(vmsa7_long::start_level(tsz));
                half.ttb = keep(ttbr[i], 39, 4);
            }
            break;
        case Format::short32: {
            s1.output_bits = static_cast<std::uint8_t>(std::min(40U, oas));
            s1.asid = static_cast<std::uint16_t>(contextidr::ASID.get(bank.contextidr));
            const auto n = static_cast<unsigned>(tcr::N.get(bank.tcr));
            for (unsigned i = 0; i < 2; ++i) {
                Stage1Half& half = s1.half[i];
                half.disabled = (i == 0 ? tcr::PD0 : tcr::PD1).test(bank.tcr);
                half.input_bits = static_cast<std::uint8_t>(i == 0 ? 32 - n : 32);
                half.start_level = 1;
                half.ttb = vmsa7_short::root_address(ttbr[i], i == 0 ? n : 0);
            }
            break;
        }
    }
    return s1;
}

Stage2 decode_stage2(const Bank& bank, const Features& f) {
    Stage2 s2;
    s2.format = format_of(bank, true);
    s2.affd = sctlr::AFFD.test(bank.sctlr);
    s2.ptw = sctlr::PTW.test(bank.sctlr);
    s2.big_endian = sctlr::E.test(bank.sctlr);
    const unsigned oas = address_bits(f.oas);
    if (s2.format == Format::aarch64) {
        const unsigned bits = granule_bits(tcr::TG0.get(bank.tcr), false);
        s2.granule = static_cast<Granule>(bits == 0 ? 12 : bits);
        s2.output_bits = static_cast<std::uint8_t>(std::min(address_bits(tcr::PS.get(bank.tcr)), oas));
        const std::uint64_t tsz = tcr::T0SZ.get(bank.tcr);
        s2.input_bits = static_cast<std::uint8_t>(64U - (tsz < 16 ? 16 : tsz > 39 ? 39 : tsz));
        s2.start_level = static_cast<std::uint8_t>(vmsa8_64::stage2_start_level(s2.granule, tcr::SL0.get(bank.tcr)));
        s2.ttb = keep(bank.ttbr0, 47, 4);
        return s2;
    }
    s2.output_bits = static_cast<std::uint8_t>(std::min(vmsa7_long::kOutputBits, oas));
    s2.input_bits = static_cast<std::uint8_t>(vmsa7_long::stage2_input_bits(tcr::A32_S2_T0SZ.get(bank.tcr)));
    s2.start_level = static_cast<std::uint8_t>(vmsa7_long::stage2_start_level(tcr::SL0.get(bank.tcr)));
    s2.ttb = keep(bank.ttbr0, 39, 4);
    return s2;
}

}  // namespace

const BankRule* bank_rules(std::size_t& count) {
    count = kRules.size();
    return kRules.data();
}

std::optional<unsigned> illegal_bank(const Bank& bank, bool stage2, const Features& features) {
    if (!sctlr::M.test(bank.sctlr)) return std::nullopt;
    for (unsigned i = 0; i < kRules.size(); ++i) {
        const BankRule& rule = kRules[i];
        if ((stage2 ? rule.stage2 : rule.stage1) && rule.broken(bank, features)) return i;
    }
    return std::nullopt;
}

Context decode_context(const Registers& registers, unsigned index, const Features& features) {
    const Bank& bank = registers.banks[index];
    Context context;
    context.bank = context.s2_bank = static_cast<std::uint8_t>(index);
    context.vmid = registers.vmid(index);
    const std::uint64_t type = bank.type();
    const bool on = sctlr::M.test(bank.sctlr);
    if (type == cbar::TYPE_S2_TRANS) {
        context.s2 = on;
    } else {
        context.s1 = on;
        if (type == cbar::TYPE_S1_TRANS_S2_TRANS) {
            context.s2_bank = static_cast<std::uint8_t>(cbar::CBNDX.get(bank.cbar));
            context.s2 = sctlr::M.test(registers.banks[context.s2_bank].sctlr);
        }
    }
    if (context.s1) {
        context.stage1 = decode_stage1(bank, features);
        context.illegal = illegal_bank(bank, false, features);
    }
    if (context.s2) {
        const Bank& second = registers.banks[context.s2_bank];
        context.stage2 = decode_stage2(second, features);
        if (!context.illegal) context.illegal = illegal_bank(second, true, features);
        // What stage 1 puts out is an intermediate address.
        const auto ias = static_cast<std::uint8_t>(address_bits(features.ias));
        if (context.s1 && context.stage1.format == Format::aarch64) {
            const auto size = static_cast<std::uint8_t>(address_bits(tcr2::PASize.get(bank.tcr2)));
            context.stage1.output_bits = std::min(size, ias);
        }
    }
    context.s2_bypass.mair = mair_of_stage2(static_cast<unsigned>(cbar::S1_MEMATTR.get(bank.cbar)));
    // BPSHCFG: 1 outer, 2 inner; as descriptors code it: 2 outer, 3 inner.
    constexpr std::uint8_t kShareability[4] = {0, 2, 3, 0};
    context.s2_bypass.shareability = kShareability[cbar::S1_BPSHCFG.get(bank.cbar)];
    context.stage1.hyp =
        context.s1 && !context.s2 && cbar::HYPC.test(bank.cbar) && type == cbar::TYPE_S1_TRANS_S2_BYPASS;
    if (context.stage1.hyp) {
        context.regime = Regime::hyp;
        context.space = space_tag::make(Regime::hyp, 0, 0);
    } else if (context.s1) {
        context.regime = context.s2 ? Regime::nested : Regime::stage1;
        context.space = space_tag::make(context.regime, context.vmid, context.stage1.asid);
    } else {
        context.regime = context.s2 ? Regime::stage2 : Regime::bypass;
        context.space = space_tag::make(context.regime, context.s2 ? context.vmid : std::uint16_t{0}, 0);
    }
    return context;
}

}  // namespace xlate::iommu::smmuv2
