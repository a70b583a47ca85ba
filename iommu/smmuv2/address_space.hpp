// The tags that entries of TLBs and walk caches carry, and the invalidations that software asks for by registers.
// Source: docs/spec/iommu-hardware.md section 2; IHI 0062 chapter 5 (translation caches).
#pragma once

#include <cstdint>
#include <string>

#include "iommu/invalidation.hpp"
#include "iommu/smmuv2/layout.hpp"

namespace xlate::iommu::smmuv2 {

/// Whose tables made an entry. Nested and stage-1-only entries of one VMID and ASID are kept apart.
enum class Regime : std::uint8_t { stage1 = 0, nested = 1, stage2 = 2, hyp = 4, bypass = 7 };

/// Address-space tag: ASID[15:0] VMID[31:16] regime[34:32].
namespace space_tag {
inline constexpr Field ASID{0, 16}, VMID{16, 16}, REGIME{32, 3};
constexpr std::uint64_t make(Regime regime, std::uint16_t vmid, std::uint16_t asid) {
    return ASID.of(asid) | VMID.of(vmid) | REGIME.of(static_cast<std::uint64_t>(regime));
}
}  // namespace space_tag

/// What asked for an invalidation (Invalidation::code).
enum class TlbOp : std::uint8_t {
    none,
    all_nsnh,
    all_hyp,
    vmid,
    vmid_s1,
    bank_all,
    asid,
    va,
    va_any_asid,
    ipa,
    va_hyp,
    stream,
    bank,
    global
};

Invalidation all_nsnh();
Invalidation all_hyp();
Invalidation by_vmid(std::uint16_t vmid);
/// Stage 1 and nested entries. `op`: TLBIVMIDS1, or TLBIALL of a bank.
Invalidation stage1_of_vmid(std::uint16_t vmid, TlbOp op);
Invalidation by_asid(std::uint16_t vmid, std::uint16_t asid);
/// One page of 4 KiB at `va`, of one ASID and global ones.
Invalidation by_va(std::uint16_t vmid, std::uint16_t asid, std::uint64_t va, bool leaf);
Invalidation by_va_any_asid(std::uint16_t vmid, std::uint64_t va, bool leaf);
Invalidation by_ipa(std::uint16_t vmid, std::uint64_t ipa, bool leaf);
Invalidation by_va_hyp(std::uint64_t va, bool leaf);
/// What ports keep of streams whose mapping or context has changed. Mask bits of 1 are compared.
Invalidation configuration(std::uint64_t stream, std::uint64_t stream_mask, TlbOp op);

/// "TLBIVA ASID 1 VMID 0 0x1000 leaf".
std::string describe(const Invalidation& invalidation);

}  // namespace xlate::iommu::smmuv2
