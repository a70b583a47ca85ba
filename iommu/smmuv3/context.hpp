// The configuration of one stream and substream, decoded from its STE and CD, with the rules for ILLEGAL ones.
// Source: docs/spec/iommu-hardware.md sections 1.5 and 1.6.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "iommu/engine.hpp"
#include "iommu/smmuv3/invalidation.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/parameters.hpp"

namespace xlate::iommu::smmuv3 {

/// One half (TTB0 or TTB1) of a stage 1 address space.
struct Stage1Half {
    std::uint64_t ttb = 0;
    std::uint8_t tsz = 0;
    std::uint8_t output_bits = 48;  ///< effective: min(IPS, OAS); 48 at most below 64K granule without DS
    Granule granule = Granule::k4;
    OutputForm form = OutputForm::plain;
    std::uint8_t sh = 0;    ///< SHx: with DS the shareability of what these tables map
    bool disabled = false;  ///< EPDx
    bool tbi = false;
    bool had = false;  ///< hierarchical attributes ignored
    bool e0pd = false;
};

struct Stage1 {
    Stage1Half half[2];
    std::uint64_t mair = 0;
    std::uint16_t asid = 0;
    bool affd = false, wxn = false, uwxn = false, pan = false, epan = false, hd = false, ha = false, stall = false,
         record = false, abort = true, aset = false;
    bool single_privilege = false;  ///< EL2 without E2H
};

struct Stage2 {
    std::uint64_t ttb = 0;
    std::uint8_t t0sz = 0;
    std::uint8_t start_level = 0;
    std::uint8_t output_bits = 48;
    Granule granule = Granule::k4;
    OutputForm form = OutputForm::plain;
    std::uint8_t sh = 0;  ///< S2SH0: with DS as in Stage1Half
    bool affd = false, ptw = false, hd = false, ha = false, stall = false, record = false, fwb = false, xnx = false;
};

/// What an STE says, without its CD.
struct SteConfig {
    std::uint8_t config = 0;  ///< effective Config
    bool s1 = false;
    bool s2 = false;
    std::uint8_t s1_format = 0;
    std::uint8_t s1_cd_max = 0;
    std::uint8_t s1dss = 0;
    std::uint64_t s1_context_ptr = 0;
    bool s1_stall_disabled = false;
    std::uint8_t eats = 0;  ///< as written; what it acts as depends on CR0.ATSCHK
    std::uint8_t strw = 0;
    bool merge_events = false;  ///< MEV
    bool ppar = false;
    std::uint8_t mem_attr = 0, shcfg = 1, privcfg = 0, instcfg = 0;
    bool mtcfg = false;
    std::uint16_t vmid = 0;
    Stage2 stage2;
};

/// What the config cache keeps for a (SID, SSID).
struct StreamConfig {
    std::uint64_t stream = 0;  ///< stream_tag() of the traffic
    std::uint32_t cd_index = 0;
    SteConfig ste;
    bool s1 = false;  ///< stage 1 translates this traffic: STE says so and S1DSS does not bypass
    bool s1_bypassed_by_dss = false;
    Stage1 stage1;
    Regime regime = Regime::ns_el1;
    std::uint64_t space = 0;  ///< address-space tag
};

/// One rule that makes an STE ILLEGAL. `broken` may be asked only if all rules before it hold.
struct SteRule {
    std::string_view name;
    bool (*broken)(const SteWords& words, const Features& features);
};
/// Returns the first broken rule's name, or nothing if the STE is legal (V=1). Configs 0xx are never ILLEGAL.
std::optional<std::string_view> illegal_ste(const SteWords& words, const Features& features);
/// The rules in the order of checking, for tests and documentation.
const SteRule* ste_rules(std::size_t& count);

/// One rule that makes a CD invalid (C_BAD_CD). `el2`: the regime has one half and no ASID (EL2 without E2H).
struct CdRule {
    std::string_view name;
    bool (*broken)(const CdWords& words, const SteWords& ste, const Features& features, bool el2);
};
std::optional<std::string_view> illegal_cd(const CdWords& words, const SteWords& ste, const Features& features,
                                           bool e2h);
const CdRule* cd_rules(std::size_t& count);

/// Decodes a legal STE.
SteConfig decode_ste(const SteWords& words, const Features& features);
/// Decodes a legal CD of a stream with `ste`.
Stage1 decode_cd(const CdWords& words, const SteConfig& ste, const Features& features, bool e2h);

/// The level that S2SL0 names for this granule (code 3 of 4K: level 3 with STT); 4 if reserved. `ds`: S2DS is 1, and
/// `sl0` has S2SL0_2 as its bit 2.
unsigned stage2_start_level(Granule granule, unsigned sl0, bool stt, bool ds = false);
unsigned output_address_bits(const Features& features);

}  // namespace xlate::iommu::smmuv3
