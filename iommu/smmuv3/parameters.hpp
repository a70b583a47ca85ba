// What an SMMU instance has: the contents of its ID registers as plain values, and the shape of its caches.
// Source: docs/spec/iommu-hardware.md section 1.1; presets as noted.
#pragma once

#include <cstdint>
#include <string>

#include "iommu/cache.hpp"
#include "iommu/smmuv3/layout.hpp"

namespace xlate::iommu::smmuv3 {

/// Each value is the ID register field of that name (lower case), in the register's own coding.
struct Features {
    // IDR0
    std::uint8_t s2p = 0, s1p = 1, ttf = 2, cohacc = 1, btm = 0, httu = 0, hyp = 0, ats = 0, ns1ats = 0, asid16 = 1,
                 msi = 0, sev = 0, atos = 0, pri = 0, vmw = 0, vmid16 = 0, cd2l = 0, ttendian = 2, atsrecerr = 0,
                 stall_model = 1, term_model = 1, st_level = 1;
    // IDR1
    std::uint8_t sidsize = 16, ssidsize = 0, priqs = 0, eventqs = 19, cmdqs = 19, attr_types_ovr = 0,
                 attr_perms_ovr = 0, ecmdq = 0;
    // IDR3
    std::uint8_t had = 0, xnx = 0, pps = 0, fwb = 0, stt = 0, ril = 0, bbml = 0, e0pd = 0;
    // IDR5
    std::uint8_t oas = 4, gran4k = 1, gran16k = 1, gran64k = 1, ds = 0, vax = 0;
    std::uint16_t stall_max = 0;
    // IDR6, with ECMDQ: control pages, and queues in each, as log2
    std::uint8_t ecmdq_log2nump = 0, ecmdq_log2numq = 0;
    // IIDR, AIDR
    std::uint32_t iidr = 0;
    std::uint8_t aidr = 1;  ///< architecture minor version: 1 is SMMUv3.1
};

/// How many enhanced command queues there are.
constexpr std::uint32_t ecmdq_count(const Features& f) {
    return f.ecmdq == 0 ? 0U : 1U << (f.ecmdq_log2nump + f.ecmdq_log2numq);
}
/// Of the register space: two pages and the command queue control pages.
constexpr std::uint32_t register_bytes(const Features& f) {
    return kRegisterBytes + (f.ecmdq == 0 ? 0U : kControlPageBytes << f.ecmdq_log2nump);
}

/// QEMU 7.2 `virt,iommu=smmuv3`: stage 1 only, 44-bit, no stall, no substreams (Linux: features 0x00008305).
Features qemu_like();
/// Everything that this model implements, but ECMDQ: its control pages need a register space that firmware rarely has.
Features full_features();
/// MMU-600: both stages, ATS, PRI, HTTU, stall, 48-bit.
Features mmu600_like();
/// By name: "qemu", "full", "mmu-600-like". Throws InputError for another.
Features features_by_name(const std::string& preset);

/// Caches of the TCU.
struct CacheShapes {
    CacheParams config{true, 64, 4, Replacement::lru};
    CacheParams tlb{true, 2048, 4, Replacement::lru};
    CacheParams ipa{true, 128, 4, Replacement::lru};
    bool walk_enabled = true;
    /// Levels 0..3 of stage 1 and 2. Level 3 holds no tables: it keeps nothing, but may be looked up.
    CacheParams walk_s1[4] = {{true, 4, 4, Replacement::lru},
                              {true, 28, 4, Replacement::lru},
                              {true, 348, 4, Replacement::lru},
                              {false, 4, 4, Replacement::lru}};
    CacheParams walk_s2[4] = {{true, 4, 4, Replacement::lru},
                              {true, 28, 4, Replacement::lru},
                              {true, 92, 4, Replacement::lru},
                              {false, 4, 4, Replacement::lru}};
    bool walk_s2_nonfinal = true;  ///< also keep stage 2 tables met on the way to a stage 1 table or a CD
};

/// Everything about one instance. Plain values, already validated.
struct SmmuParams {
    Features features;
    CacheShapes caches;
    std::uint64_t seed = 1;
    std::string name = "smmuv3";            ///< names its streams of random numbers
    std::uint8_t commands_per_fetch = 1;    ///< 1..4: one fetch reads so many commands, within 64 bytes
    bool prefetch_commands = false;         ///< CMD_PREFETCH_* fetch; else they are accepted without effect
    bool randomize_unknown_resets = false;  ///< registers whose reset is unknown start with random bits, else 0
    std::uint32_t gbpa_reset = 0x1000;      ///< an implementation choice; QEMU's
};

}  // namespace xlate::iommu::smmuv3
