// What an SMMUv1 or SMMUv2 instance has: the contents of its ID registers as plain values, the shape of its caches, and
// what firmware did before the kernel came.
// Source: docs/spec/iommu-hardware.md section 2; docs/spec/linux-findings.md (SMMUv2 sections); presets as noted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "iommu/cache.hpp"
#include "iommu/smmuv2/layout.hpp"

namespace xlate::iommu::smmuv2 {

/// Each value is the ID register field of that name (lower case), in the register's own coding.
struct Features {
    bool v2 = true;               ///< false: SMMUv1: no CBA2R, TCR2 or IDR7; CBAR names the interrupt
    bool supplement_64k = false;  ///< SMMUv1 with CBA2R, TCR2 and VMSAv8-64 tables (MMU-401)
    // IDR0
    std::uint8_t numsmrg = 128, exids = 0, numsidb = 15, cttw = 1, numirpt = 128, no_aarch32s = 0, no_aarch32 = 0,
                 atosns = 0, sms = 1, nts = 1, s2ts = 1, s1ts = 1;
    // IDR1. smcd: conflicts of stream matching may stay undetected; this model finds them all
    std::uint8_t numcb = 128, nums2cb = 0, numpagendxb = 7, pagesize = 0, smcd = 0;
    // IDR2
    std::uint8_t ias = 5, oas = 5, ubs = 5, ptfs_4k = 1, ptfs_16k = 1, ptfs_64k = 1, vmid16s = 1;
    // IDR7
    std::uint8_t major = 2, minor = 1;

    bool has_cba2r() const { return v2 || supplement_64k; }
    bool aarch64() const { return has_cba2r() && (ptfs_4k | ptfs_16k | ptfs_64k) != 0; }
    /// Stream mapping register groups; without matching, one a stream.
    unsigned groups() const { return sms != 0 ? numsmrg : 1U << (numsidb < 7 ? numsidb : 7); }
    SpaceLayout space() const {
        return SpaceLayout::of(idr1::PAGESIZE.of(pagesize) | idr1::NUMPAGENDXB.of(numpagendxb));
    }
};

/// Everything that this model implements.
Features full_features();
/// MMU-400: SMMUv1, stage 2 alone, 32 groups, 8 banks. Source: Arm DDI 0472.
Features mmu400_like();
/// MMU-401: SMMUv1, one stage, 32 groups, 8 banks, 40-bit. Source: Arm DDI 0521.
Features mmu401_like();
/// MMU-500 r2: both stages, 128 groups, 128 banks at most, 48-bit, pages of 4 and 64 KiB, no address translation
/// operations. Source: Arm DDI 0517; Linux on i.MX8QM, LX2160A and Tegra234 ("Supported page sizes: 0x61311000").
Features mmu500_like();
/// QCOM's: 4 KiB register pages, stage 1 alone; 36 bits and 80 banks are SDM845's, an estimate for others (Linux's logs
/// have 36 to 48 bits). Source: docs/spec/linux-findings.md, `dt-qcom-*`; Linux on SC7280, SC8280XP, SA8775P.
Features qcom_smmu500_like();
/// QCOM's before that (`qcom,smmu-v2`: MSM8996, MSM8998, SDM660): stage 1 alone with address translation operations,
/// all pages, 36 bits, few groups. Source: Linux on MSM8998 and MSM8996 ("address translation ops", "12 [14, 15, 16]
/// register groups", "Supported page sizes: 0x63315000", "36-bit VA -> 36-bit IPA").
Features qcom_smmu_v2_like();
/// NVIDIA's (Tegra194): an MMU-500 in two or three register files. Source: docs/spec/linux-findings.md, `dt-nvidia-*`;
/// OE4T/meta-tegra issue 1142.
Features nvidia_smmu500_like();
/// Marvell's (AP806): 64-bit formats are not to be used, since registers are written in halves.
/// Source: docs/spec/linux-findings.md, fact 18 of the second part.
Features marvell_smmu500_like();
/// Cavium's (ThunderX): SMMUv2 with 128 banks, 64 KiB register pages, 48-bit, all 64-bit pages and none of the 32-bit
/// formats, 16-bit ids. Source: Linux on ThunderX ("Supported page sizes: 0x62215000"), Linux dc0eaa4e19e3.
Features cavium_like();
/// By name: "full", "smmu-v1", "smmu-v2", "mmu-400-like", "mmu-401-like", "mmu-500-like", "qcom-smmu-500-like",
/// "qcom-smmu-v2-like", "nvidia-smmu-500-like", "marvell-smmu-500-like", "cavium-smmu-v2-like". Throws InputError for
/// another.
Features features_by_name(const std::string& preset);
std::vector<std::string> preset_names();
/// Chooses PAGESIZE, NUMPAGENDXB for `bytes` of register space, and as many banks as it holds. Throws InputError if no
/// SMMU is of that size.
void fit_space(Features& features, std::uint64_t bytes);
/// No more banks than firmware has context interrupts (v2: one each; hardware that firmware describes rightly has no
/// more), and as many interrupts as these (v1). None: left as it is, for the driver to complain.
void fit_interrupts(Features& features, unsigned context_interrupts);

/// Caches of the core (TCU).
struct CacheShapes {
    CacheParams tlb{true, 512, 4, Replacement::lru};
    CacheParams ipa{true, 128, 4, Replacement::lru};
    bool walk_enabled = true;
    /// Levels 0..3 of stage 1 and 2. Level 3 holds no tables: it keeps nothing, but may be looked up.
    CacheParams walk_s1[4] = {{true, 4, 4, Replacement::lru},
                              {true, 16, 4, Replacement::lru},
                              {true, 64, 4, Replacement::lru},
                              {false, 4, 4, Replacement::lru}};
    CacheParams walk_s2[4] = {{true, 4, 4, Replacement::lru},
                              {true, 16, 4, Replacement::lru},
                              {true, 64, 4, Replacement::lru},
                              {false, 4, 4, Replacement::lru}};
};

/// A stream mapping register group as firmware left it.
struct InheritedMapping {
    std::uint8_t group = 0;
    std::uint32_t smr = 0, s2cr = 0;
};

/// Everything about one instance. Plain values, already validated.
struct SmmuParams {
    Features features;
    CacheShapes caches;
    std::uint64_t seed = 1;
    std::string name = "smmuv2";             ///< names its streams of random numbers
    std::uint8_t global_interrupts = 1;      ///< faults of no context raise the first
    std::uint16_t context_interrupts = 128;  ///< v2: bank n raises n; v1: the one that CBAR names
    /// Software runs in the secure world's view: registers below 0x400 are the secure copy, non-secure ones are at
    /// gr0::kNonSecureAlias (Calxeda).
    bool secure_access = false;
    /// A hypervisor below the kernel drops S2CR writes of type fault, and turns those of type bypass into fault (QCOM).
    bool firmware_rewrites_s2cr = false;
    /// Streams that a boot loader mapped (a screen that is on): they pass as written until a driver changes them.
    std::vector<InheritedMapping> inherited;
    std::uint32_t reset_cr0 = 1;  ///< CLIENTPD; with inherited mappings 0
};

}  // namespace xlate::iommu::smmuv2
