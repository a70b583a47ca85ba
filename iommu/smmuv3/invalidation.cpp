#include "iommu/smmuv3/invalidation.hpp"

#include <fmt/format.h>

namespace xlate::iommu::smmuv3 {

namespace {

/// TG of a command as log2 bytes; 0: any.
std::uint8_t granule_bits(std::uint64_t tg) {
    constexpr std::uint8_t kBits[4] = {0, 12, 14, 16};
    return kBits[tg & 3];
}

/// What a TLBI compares of an entry's space.
struct Scope {
    Regime regime;
    std::uint8_t regime_mask;
    bool vmid;
    bool asid;
};

std::optional<Scope> scope_of(Opcode opcode, bool e2h) {
    constexpr std::uint8_t kStage1 = 6, kEl1 = 4, kEl2 = 6, kOne = 7;
    switch (opcode) {
        case Opcode::TLBI_NH_ALL:
        case Opcode::TLBI_NH_VAA:
            return Scope{Regime::ns_el1, kStage1, true, false};
        case Opcode::TLBI_NH_ASID:
        case Opcode::TLBI_NH_VA:
            return Scope{Regime::ns_el1, kStage1, true, true};
        case Opcode::TLBI_EL2_ALL:
        case Opcode::TLBI_EL2_VAA:
            return Scope{Regime::el2, kEl2, false, false};
        case Opcode::TLBI_EL2_ASID:
            return Scope{Regime::el2, kEl2, false, true};
        case Opcode::TLBI_EL2_VA:
            return Scope{Regime::el2, kEl2, false, e2h};
        case Opcode::TLBI_S12_VMALL:
            return Scope{Regime::ns_el1, kEl1, true, false};
        case Opcode::TLBI_S2_IPA:
            return Scope{Regime::ns_stage2, kOne, true, false};
        case Opcode::TLBI_NSNH_ALL:
            return Scope{Regime::ns_el1, kEl1, false, false};
        default:
            return std::nullopt;
    }
}

void set_range(Invalidation& result, Opcode opcode, const CommandWords& words, const Features& f) {
    result.by_address = true;
    result.first = opcode == Opcode::TLBI_S2_IPA ? cmd::IPA.address(words) : cmd::ADDR.address(words);
    result.last = result.first;
    if (f.ril == 0 || !cmd::TG.test(words)) return;
    result.granule = granule_bits(cmd::TG.get(words));
    result.level = range_level(words, f);
    const unsigned shift = range_scale(words, f) + result.granule;
    // 32 << 55 is 2^60 at most.
    const std::uint64_t bytes = (cmd::NUM.get(words) + 1) << shift;
    result.first = align_down(result.first, std::uint64_t{1} << result.granule);
    const std::uint64_t end = result.first + bytes - 1;
    result.last = end < result.first ? ~std::uint64_t{0} : end;
}

constexpr std::uint64_t kSid = low_mask(32);
constexpr std::uint64_t kSidAndSsid = low_mask(52);

}  // namespace

bool has_range(Opcode opcode) {
    switch (opcode) {
        case Opcode::TLBI_NH_VA:
        case Opcode::TLBI_NH_VAA:
        case Opcode::TLBI_EL2_VA:
        case Opcode::TLBI_EL2_VAA:
        case Opcode::TLBI_S2_IPA:
            return true;
        default:
            return false;
    }
}

unsigned range_scale(const CommandWords& words, const Features& f) {
    const auto scale = static_cast<unsigned>(cmd::SCALE.get(words));
    return f.ds == 0 ? scale & 31 : scale > 39 ? 39 : scale;
}

std::uint8_t range_level(const CommandWords& words, const Features& f) {
    const auto level = static_cast<std::uint8_t>(cmd::TTL.get(words));
    return granule_bits(cmd::TG.get(words)) == 14 && level == 1 && f.ds == 0 ? std::uint8_t{0} : level;
}

std::optional<Invalidation> decode_invalidation(const CommandWords& words, const Features& f, std::uint32_t cr0,
                                                std::uint32_t cr2) {
    const auto opcode = static_cast<Opcode>(cmd::OPCODE.get(words));
    const StreamId sid{static_cast<std::uint32_t>(cmd::SID.get(words))};
    const auto ssid = static_cast<std::uint32_t>(cmd::SSID.get(words));
    Invalidation result;
    result.code = static_cast<std::uint16_t>(opcode);
    if (const auto scope = scope_of(opcode, cr2::E2H.test(cr2))) {
        result.target = Invalidation::Target::translations;
        // Without stage 2 there are no VMIDs: every entry has 0.
        const auto vmid = f.s2p != 0 ? static_cast<std::uint16_t>(cmd::VMID.get(words)) : std::uint16_t{0};
        const auto asid = static_cast<std::uint16_t>(cmd::ASID.get(words));
        const auto ignored = static_cast<unsigned>(cr0::VMW.get(cr0));
        const std::uint64_t vmid_mask = 0xFFFFU << (ignored > 4 ? 0 : ignored);
        result.space = space_tag::make(scope->regime, vmid, asid, false);
        result.global_mask = space_tag::REGIME.of(scope->regime_mask);
        if (scope->vmid) result.global_mask |= space_tag::VMID.of(vmid_mask & 0xFFFF);
        result.space_mask = result.global_mask;
        if (scope->asid) result.space_mask |= space_tag::ASID.mask();
        result.keeps_global = opcode == Opcode::TLBI_NH_ASID || opcode == Opcode::TLBI_EL2_ASID;
        result.leaf = cmd::TLBI_LEAF.test(words);
        if (has_range(opcode)) set_range(result, opcode, words, f);
        return result;
    }
    result.target = Invalidation::Target::configuration;
    result.stream = config_tag(sid, 0);
    result.stream_mask = kSid;
    switch (opcode) {
        case Opcode::CFGI_STE:
            result.leaf = cmd::CFGI_LEAF.test(words);
            return result;
        case Opcode::CFGI_STE_RANGE: {
            const auto shift = static_cast<unsigned>(cmd::CFGI_RANGE.get(words) + 1);
            result.stream_mask = kSid & ~low_mask(shift);
            return result;
        }
        case Opcode::CFGI_CD:
            result.leaf = cmd::CFGI_LEAF.test(words);
            result.stream = config_tag(sid, ssid);
            result.stream_mask = kSidAndSsid;
            return result;
        case Opcode::CFGI_CD_ALL:
            return result;
        case Opcode::ATC_INV: {
            result.target = Invalidation::Target::endpoint;
            result.by_address = true;
            const bool one = cmd::SSV.test(words);
            result.stream = stream_tag(sid, one ? std::optional(SubstreamId{ssid}) : std::nullopt);
            if (!cmd::GLOBAL.test(words)) result.stream_mask = ~std::uint64_t{0};
            const auto pages = static_cast<unsigned>(cmd::ATC_SIZE.get(words));
            if (pages >= cmd::ATC_SIZE_ALL) {
                result.last = ~std::uint64_t{0};
            } else {
                result.first = align_down(cmd::ADDR.address(words), std::uint64_t{4096} << pages);
                result.last = result.first + (std::uint64_t{4096} << pages) - 1;
            }
            return result;
        }
        default:
            return std::nullopt;
    }
}

std::string describe(const Invalidation& given) {
    const auto asid = static_cast<unsigned>(space_tag::ASID.get(given.space));
    const std::uint32_t sid = value(sid_of(given));
    const char* leaf = given.leaf ? " leaf" : "";
    const auto va = [&](const char* name, bool with_asid) {
        std::string text = name;
        if (with_asid) text += fmt::format(" ASID {}", asid);
        text += given.last > given.first + 1 ? fmt::format(" {:#x}..{:#x}", given.first, given.last)
                                             : fmt::format(" {:#x}", given.first);
        if (given.granule != 0 && given.level != 0) text += fmt::format(" level {}", given.level);
        return text + leaf;
    };
    if (given.target == Invalidation::Target::everything) return "reset";
    switch (static_cast<Opcode>(given.code)) {
        case Opcode::CFGI_STE:
            return fmt::format("CFGI_STE of stream {:#x}{}", sid, leaf);
        case Opcode::CFGI_STE_RANGE: {
            if (given.stream_mask == 0) return "CFGI_ALL";
            unsigned shift = 0;
            while ((given.stream_mask >> shift & 1) == 0) ++shift;
            return fmt::format("CFGI_STE_RANGE of stream {:#x}, 2^{}", sid, shift);
        }
        case Opcode::CFGI_CD:
            return fmt::format("CFGI_CD of stream {:#x}, substream {}{}", sid, ssid_of(given), leaf);
        case Opcode::CFGI_CD_ALL:
            return fmt::format("CFGI_CD_ALL of stream {:#x}", sid);
        case Opcode::TLBI_NH_ASID:
            return fmt::format("TLBI_NH_ASID {}", asid);
        case Opcode::TLBI_NH_VA:
            return va("TLBI_NH_VA", true);
        case Opcode::TLBI_NH_VAA:
            return va("TLBI_NH_VAA", false);
        case Opcode::TLBI_EL2_ASID:
            return fmt::format("TLBI_EL2_ASID {}", asid);
        case Opcode::TLBI_EL2_VA:
            return va("TLBI_EL2_VA", true);
        case Opcode::TLBI_EL2_VAA:
            return va("TLBI_EL2_VAA", false);
        case Opcode::TLBI_S12_VMALL:
            return fmt::format("TLBI_S12_VMALL VMID {}", space_tag::VMID.get(given.space));
        case Opcode::TLBI_S2_IPA:
            return va("TLBI_S2_IPA", false);
        case Opcode::ATC_INV:
            return fmt::format("ATC_INV of stream {:#x} {:#x}..{:#x}", sid, given.first, given.last);
        default:
            return std::string(name(static_cast<Opcode>(given.code))).substr(4);  // without CMD_
    }
}

}  // namespace xlate::iommu::smmuv3
