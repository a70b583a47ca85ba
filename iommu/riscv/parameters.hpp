// What a RISC-V IOMMU has: its capabilities register, what of fctl can be written, and the shape of its caches.
// Source: docs/spec/iommu-hardware.md section 9; cache shapes are estimates.
#pragma once

#include <cstdint>
#include <string>

#include "iommu/cache.hpp"
#include "iommu/riscv/layout.hpp"

namespace xlate::iommu::riscv {

/// By level as ledgers count them: the last one before the page is 3. Sv57's fifth level, above 0, is not kept.
inline constexpr unsigned kWalkCaches = 3;

/// Plain values, already validated.
struct RiscvParams {
    std::uint64_t capabilities = 0;
    bool big_endian = false;         ///< fctl.BE after reset
    bool wired = false;              ///< fctl.WSI after reset
    std::uint8_t vector_bits = 4;    ///< writable bits of each field of icvec
    std::uint8_t hpm_counters = 31;  ///< besides iohpmcycles; 0..31
    std::uint8_t hpm_bits = 64;      ///< of each counter
    std::uint8_t max_ddt_levels = 3;
    bool fills_at_end =
        false;  ///< walk caches and gpa_cache get what a walk has read when it is over, not with each word
    bool reads_lines = false;  ///< of the last level a walk reads the line of 64 bytes, not a word
    unsigned wires = 4;        ///< interrupt lines: vector v drives line v
    CacheParams ddt_cache{true, 64, 4}, pdt_cache{true, 64, 4}, tlb{true, 512, 4}, gpa_cache{true, 128, 4};
    CacheParams walk_s1[kWalkCaches] = {{true, 4, 0}, {true, 16, 0}, {true, 64, 4}};
    CacheParams walk_s2[kWalkCaches] = {{true, 4, 0}, {true, 16, 0}, {true, 64, 4}};
    std::uint64_t seed = 1;
    std::string name = "riscv-iommu";  ///< names its streams of random numbers

    bool has(Field bit) const { return bit.test(capabilities); }
    bool extended_context() const { return has(caps::MSI_FLAT); }
    /// PPN fields of registers, in place.
    std::uint64_t ppn_mask() const { return queue_base::PPN.of(low_mask(physical_bits()) >> kPageBits); }
    unsigned physical_bits() const { return static_cast<unsigned>(caps::PAS.get(capabilities)); }
};

/// "full": all that is modelled; "qemu": as QEMU's riscv-iommu shows itself; "base": Sv39 alone, one stage, device
/// contexts of 32 bytes, no ATS: what a small SoC has; "nested": that with Sv39x4, for a guest (caps::BELOW_GUEST).
std::uint64_t capabilities_by_name(const std::string& name);

}  // namespace xlate::iommu::riscv
