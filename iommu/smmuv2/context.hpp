// What a context bank translates by, decoded from its registers; and the rules that software must keep.
// A bank that breaks one translates nothing: every access is a translation fault (the architecture leaves it open).
// Source: docs/spec/iommu-hardware.md sections 1.10 and 2; IHI 0062 chapters 3 and 12.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "iommu/smmuv2/address_space.hpp"
#include "iommu/smmuv2/registers.hpp"

namespace xlate::iommu::smmuv2 {

enum class Format : std::uint8_t { short32, long32, aarch64 };
/// FSR.FORMAT.
constexpr std::uint64_t fsr_format(Format format) { return static_cast<std::uint64_t>(format); }

using vmsa8_64::Granule;

/// One table of stage 1: that of TTBR0 or of TTBR1.
struct Stage1Half {
    std::uint64_t ttb = 0;
    std::uint8_t input_bits = 48;
    std::uint8_t start_level = 0;
    Granule granule = Granule::k4;
    bool disabled = false;  ///< EPDn, PDn
    bool tbi = false;
};

struct Stage1 {
    Format format = Format::aarch64;
    Stage1Half half[2];
    std::uint8_t output_bits = 48;
    std::uint64_t mair = 0;  ///< short: PRRR and NMRR
    std::uint16_t asid = 0;
    bool tre = false, afe = false, affd = false, wxn = false, uwxn = false, big_endian = false;
    bool hyp = false;           ///< one privilege level, no ASID
    std::uint8_t sign_bit = 0;  ///< SEP: the input is extended from here; 0: taken as it comes
};

struct Stage2 {
    Format format = Format::aarch64;
    std::uint64_t ttb = 0;
    std::uint8_t input_bits = 40;
    std::uint8_t start_level = 1;
    std::uint8_t output_bits = 48;
    Granule granule = Granule::k4;
    bool affd = false, ptw = false, big_endian = false;
};

/// The context of an access: one bank, or two if nested.
struct Context {
    std::uint8_t bank = 0;
    std::uint8_t s2_bank = 0;  ///< that of stage 2: the same one if there is no stage 1
    bool s1 = false, s2 = false;
    Stage1 stage1;
    Stage2 stage2;
    std::uint16_t vmid = 0;
    Regime regime = Regime::stage1;
    std::uint64_t space = 0;
    std::optional<unsigned> illegal;  ///< the first of bank_rules() that it breaks
    MemoryAttributes s2_bypass;       ///< stage 1 with stage 2 bypass: what its output is combined with
};

/// One rule that a bank's programming may break. Asked only if its stage is on (SCTLR.M).
struct BankRule {
    std::string_view name;
    bool stage1 = true, stage2 = true;  ///< of which kinds of banks
    bool (*broken)(const Bank& bank, const Features& features);
};
const BankRule* bank_rules(std::size_t& count);
/// The first rule that a bank breaks, by place in bank_rules(); nothing if it keeps them or is off.
std::optional<unsigned> illegal_bank(const Bank& bank, bool stage2, const Features& features);

/// Of bank `index`, whose type is not S1_TRANS_S2_FAULT, and whose stage 2 bank exists.
Context decode_context(const Registers& registers, unsigned index, const Features& features);

}  // namespace xlate::iommu::smmuv2
