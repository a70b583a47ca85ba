#include "iommu/smmuv2/address_space.hpp"

#include <fmt/format.h>

namespace xlate::iommu::smmuv2 {

namespace {

constexpr std::uint64_t kRegime = space_tag::REGIME.mask();
constexpr std::uint64_t kNotHyp = std::uint64_t{4} << space_tag::REGIME.lsb;  ///< this bit is 0 in all but hyp
/// Stage 1 and nested, which differ in the lowest bit.
constexpr std::uint64_t kStage1 = std::uint64_t{6} << space_tag::REGIME.lsb;

Invalidation match(TlbOp op, std::uint64_t space, std::uint64_t mask) {
    Invalidation match;
    match.target = Invalidation::Target::translations;
    match.code = static_cast<std::uint16_t>(op);
    match.space = space;
    match.space_mask = match.global_mask = mask;
    return match;
}

Invalidation with_page(Invalidation match, std::uint64_t address, bool leaf) {
    match.by_address = true;
    match.leaf = leaf;
    match.first = align_down(address, 0x1000);
    match.last = match.first + 0xFFF;
    return match;
}

}  // namespace

Invalidation all_nsnh() { return match(TlbOp::all_nsnh, 0, kNotHyp); }
Invalidation all_hyp() { return match(TlbOp::all_hyp, space_tag::make(Regime::hyp, 0, 0), kRegime); }
Invalidation by_vmid(std::uint16_t vmid) {
    return match(TlbOp::vmid, space_tag::make(Regime::stage1, vmid, 0), kNotHyp | space_tag::VMID.mask());
}
Invalidation stage1_of_vmid(std::uint16_t vmid, TlbOp op) {
    return match(op, space_tag::make(Regime::stage1, vmid, 0), kStage1 | space_tag::VMID.mask());
}
Invalidation by_asid(std::uint16_t vmid, std::uint16_t asid) {
    Invalidation result = match(TlbOp::asid, space_tag::make(Regime::stage1, vmid, asid),
                                kStage1 | space_tag::VMID.mask() | space_tag::ASID.mask());
    result.keeps_global = true;
    return result;
}
Invalidation by_va(std::uint16_t vmid, std::uint16_t asid, std::uint64_t va, bool leaf) {
    Invalidation result = match(TlbOp::va, space_tag::make(Regime::stage1, vmid, asid),
                                kStage1 | space_tag::VMID.mask() | space_tag::ASID.mask());
    result.global_mask = kStage1 | space_tag::VMID.mask();
    return with_page(result, va, leaf);
}
Invalidation by_va_any_asid(std::uint16_t vmid, std::uint64_t va, bool leaf) {
    return with_page(
        match(TlbOp::va_any_asid, space_tag::make(Regime::stage1, vmid, 0), kStage1 | space_tag::VMID.mask()), va,
        leaf);
}
Invalidation by_ipa(std::uint16_t vmid, std::uint64_t ipa, bool leaf) {
    return with_page(match(TlbOp::ipa, space_tag::make(Regime::stage2, vmid, 0), kRegime | space_tag::VMID.mask()), ipa,
                     leaf);
}
Invalidation by_va_hyp(std::uint64_t va, bool leaf) {
    return with_page(match(TlbOp::va_hyp, space_tag::make(Regime::hyp, 0, 0), kRegime), va, leaf);
}

Invalidation configuration(std::uint64_t stream, std::uint64_t stream_mask, TlbOp op) {
    Invalidation result;
    result.target = Invalidation::Target::configuration;
    result.code = static_cast<std::uint16_t>(op);
    result.stream = stream;
    result.stream_mask = stream_mask;
    return result;
}

std::string describe(const Invalidation& invalidation) {
    const std::uint64_t vmid = space_tag::VMID.get(invalidation.space);
    const std::uint64_t asid = space_tag::ASID.get(invalidation.space);
    const char* leaf = invalidation.leaf ? " leaf" : "";
    switch (static_cast<TlbOp>(invalidation.code)) {
        case TlbOp::none:
            // What would have done, for a sanitizer.
            if (!invalidation.is_tlb() || !invalidation.by_address) return "reset";
            return space_tag::REGIME.get(invalidation.space) == static_cast<std::uint64_t>(Regime::stage2)
                       ? fmt::format("TLBIIPAS2 VMID {} {:#x}, then TLBSYNC", vmid, invalidation.first)
                       : fmt::format("TLBIVA ASID {} VMID {} {:#x}, then TLBSYNC", asid, vmid, invalidation.first);
        case TlbOp::all_nsnh:
            return "TLBIALLNSNH";
        case TlbOp::all_hyp:
            return "TLBIALLH";
        case TlbOp::vmid:
            return fmt::format("TLBIVMID VMID {}", vmid);
        case TlbOp::vmid_s1:
            return fmt::format("TLBIVMIDS1 VMID {}", vmid);
        case TlbOp::bank_all:
            return fmt::format("TLBIALL VMID {}", vmid);
        case TlbOp::asid:
            return fmt::format("TLBIASID ASID {} VMID {}", asid, vmid);
        case TlbOp::va:
            return fmt::format("TLBIVA ASID {} VMID {} {:#x}{}", asid, vmid, invalidation.first, leaf);
        case TlbOp::va_any_asid:
            return fmt::format("TLBIVAA VMID {} {:#x}{}", vmid, invalidation.first, leaf);
        case TlbOp::ipa:
            return fmt::format("TLBIIPAS2 VMID {} {:#x}{}", vmid, invalidation.first, leaf);
        case TlbOp::va_hyp:
            return fmt::format("TLBIVAH {:#x}{}", invalidation.first, leaf);
        case TlbOp::stream:
            return fmt::format("SMR or S2CR of {:#x} mask {:#x}", invalidation.stream,
                               static_cast<std::uint16_t>(~invalidation.stream_mask));
        case TlbOp::bank:
            return fmt::format("context of {:#x} mask {:#x}", invalidation.stream,
                               static_cast<std::uint16_t>(~invalidation.stream_mask));
        case TlbOp::global:
            return "sCR0";
    }
    return "?";
}

}  // namespace xlate::iommu::smmuv2
