// Registers of one context bank of SMMUv1 and SMMUv2 as data, at their offsets in the bank's page.
// With VMSAv7 tables the 64-bit registers are read and written as 32-bit ones at the same offsets.
// Source: docs/spec/iommu-hardware.md section 2; names and offsets as IHI 0062 chapter 12.
#pragma once

#include <array>
#include <cstdint>

#include "base/bits.hpp"
#include "base/registers.hpp"

namespace xlate::iommu::smmuv2 {

namespace cb {
inline constexpr std::uint32_t SCTLR = 0x00, ACTLR = 0x04, RESUME = 0x08, TCR2 = 0x10, TTBR0 = 0x20, TTBR1 = 0x28,
                               TCR = 0x30, CONTEXTIDR = 0x34, MAIR0 = 0x38, MAIR1 = 0x3C, PAR = 0x50, FSR = 0x58,
                               FSRRESTORE = 0x5C, FAR = 0x60, FSYNR0 = 0x68, FSYNR1 = 0x6C, IPAFAR = 0x70,
                               TLBIVA = 0x600, TLBIVAA = 0x608, TLBIASID = 0x610, TLBIALL = 0x618, TLBIVAL = 0x620,
                               TLBIVAAL = 0x628, TLBIIPAS2 = 0x630, TLBIIPAS2L = 0x638, TLBSYNC = 0x7F0,
                               TLBSTATUS = 0x7F4, ATS1PR = 0x800, ATS1PW = 0x808, ATS1UR = 0x810, ATS1UW = 0x818,
                               ATSR = 0x8F0;
}  // namespace cb

/// ACTLR's reset is MMU-500's: CPRE and CMTLB set.
inline constexpr std::array kBankRegisters{
    RegSpec{"SMMU_CBn_SCTLR", 0x00, 4, Access::rw, 0, "IHI 0062 ch. 12, control"},
    RegSpec{"SMMU_CBn_ACTLR", 0x04, 4, Access::rw, 0x3, "IHI 0062 ch. 12, auxiliary control"},
    RegSpec{"SMMU_CBn_RESUME", 0x08, 4, Access::wo, 0, "IHI 0062 ch. 12, faults"},
    RegSpec{"SMMU_CBn_TCR2", 0x10, 4, Access::rw, 0, "IHI 0062 ch. 12, translation tables"},
    RegSpec{"SMMU_CBn_TTBR0", 0x20, 8, Access::rw, 0, "IHI 0062 ch. 12, translation tables"},
    RegSpec{"SMMU_CBn_TTBR1", 0x28, 8, Access::rw, 0, "IHI 0062 ch. 12, translation tables"},
    RegSpec{"SMMU_CBn_TCR", 0x30, 4, Access::rw, 0, "IHI 0062 ch. 12, translation tables"},
    RegSpec{"SMMU_CBn_CONTEXTIDR", 0x34, 4, Access::rw, 0, "IHI 0062 ch. 12, translation tables"},
    RegSpec{"SMMU_CBn_MAIR0", 0x38, 4, Access::rw, 0,
            "IHI 0062 ch. 12, memory attributes (PRRR with short descriptors)"},
    RegSpec{"SMMU_CBn_MAIR1", 0x3C, 4, Access::rw, 0,
            "IHI 0062 ch. 12, memory attributes (NMRR with short descriptors)"},
    RegSpec{"SMMU_CBn_PAR", 0x50, 8, Access::rw, 0, "IHI 0062 ch. 12, address translation operations"},
    RegSpec{"SMMU_CBn_FSR", 0x58, 4, Access::w1c, 0, "IHI 0062 ch. 12, faults"},
    RegSpec{"SMMU_CBn_FSRRESTORE", 0x5C, 4, Access::wo, 0, "IHI 0062 ch. 12, faults"},
    RegSpec{"SMMU_CBn_FAR", 0x60, 8, Access::rw, 0, "IHI 0062 ch. 12, faults"},
    RegSpec{"SMMU_CBn_FSYNR0", 0x68, 4, Access::rw, 0, "IHI 0062 ch. 12, faults"},
    RegSpec{"SMMU_CBn_FSYNR1", 0x6C, 4, Access::rw, 0, "IHI 0062 ch. 12, faults"},
    RegSpec{"SMMU_CBn_IPAFAR", 0x70, 8, Access::rw, 0, "IHI 0062 ch. 12, faults"},
    RegSpec{"SMMU_CBn_TLBIVA", 0x600, 8, Access::wo, 0, "IHI 0062 ch. 12, invalidation"},
    RegSpec{"SMMU_CBn_TLBIVAA", 0x608, 8, Access::wo, 0, "IHI 0062 ch. 12, invalidation"},
    RegSpec{"SMMU_CBn_TLBIASID", 0x610, 4, Access::wo, 0, "IHI 0062 ch. 12, invalidation"},
    RegSpec{"SMMU_CBn_TLBIALL", 0x618, 4, Access::wo, 0, "IHI 0062 ch. 12, invalidation"},
    RegSpec{"SMMU_CBn_TLBIVAL", 0x620, 8, Access::wo, 0, "IHI 0062 ch. 12, invalidation"},
    RegSpec{"SMMU_CBn_TLBIVAAL", 0x628, 8, Access::wo, 0, "IHI 0062 ch. 12, invalidation"},
    RegSpec{"SMMU_CBn_TLBIIPAS2", 0x630, 8, Access::wo, 0, "IHI 0062 ch. 12, invalidation"},
    RegSpec{"SMMU_CBn_TLBIIPAS2L", 0x638, 8, Access::wo, 0, "IHI 0062 ch. 12, invalidation"},
    RegSpec{"SMMU_CBn_TLBSYNC", 0x7F0, 4, Access::wo, 0, "IHI 0062 ch. 12, invalidation"},
    RegSpec{"SMMU_CBn_TLBSTATUS", 0x7F4, 4, Access::ro, 0, "IHI 0062 ch. 12, invalidation"},
    RegSpec{"SMMU_CBn_ATS1PR", 0x800, 8, Access::wo, 0, "IHI 0062 ch. 12, address translation operations"},
    RegSpec{"SMMU_CBn_ATS1PW", 0x808, 8, Access::wo, 0, "IHI 0062 ch. 12, address translation operations"},
    RegSpec{"SMMU_CBn_ATS1UR", 0x810, 8, Access::wo, 0, "IHI 0062 ch. 12, address translation operations"},
    RegSpec{"SMMU_CBn_ATS1UW", 0x818, 8, Access::wo, 0, "IHI 0062 ch. 12, address translation operations"},
    RegSpec{"SMMU_CBn_ATSR", 0x8F0, 4, Access::ro, 0, "IHI 0062 ch. 12, address translation operations"},
};
static_assert(sorted_and_disjoint(kBankRegisters));

namespace sctlr {
inline constexpr Field M{0, 1}, TRE{1, 1}, AFE{2, 1}, AFFD{3, 1}, E{4, 1}, CFRE{5, 1}, CFIE{6, 1}, CFCFG{7, 1},
    HUPCF{8, 1}, WXN{9, 1}, UWXN{10, 1}, ASIDPNE{12, 1}, PTW{13, 1}, TRANSIENTCFG{14, 2}, MemAttr{16, 4}, MTCFG{20, 1},
    FB{21, 1}, SHCFG{22, 2}, RACFG{24, 2}, WACFG{26, 2}, NSCFG{28, 2};
}
/// MMU-500's.
namespace actlr {
inline constexpr Field CMTLB{0, 1}, CPRE{1, 1};
}
namespace resume {
inline constexpr Field TNR{0, 1};  ///< 0 retry, 1 terminate
}
/// Stage 1. SEP: which input bit is extended upwards before the table is chosen.
namespace tcr2 {
inline constexpr Field PASize{0, 3}, AS{4, 1}, TBI0{5, 1}, TBI1{6, 1}, NSCFG0{14, 1}, SEP{15, 3}, NSCFG1{30, 1};
inline constexpr std::uint64_t SEP_31 = 0, SEP_35 = 1, SEP_39 = 2, SEP_41 = 3, SEP_43 = 4, SEP_47 = 5, SEP_UPSTREAM = 7;
}  // namespace tcr2
/// VMSAv8-64: TTBRn holds ADDR[47:4] and ASID. A1 picks the TTBR that gives the ASID.
namespace ttbr {
inline constexpr Field ASID{48, 16}, ASID8{48, 8};
}
/// Stage 1, VMSAv8-64.
namespace tcr {
inline constexpr Field T0SZ{0, 6}, EPD0{7, 1}, IRGN0{8, 2}, ORGN0{10, 2}, SH0{12, 2}, TG0{14, 2}, T1SZ{16, 6},
    A1{22, 1}, EPD1{23, 1}, IRGN1{24, 2}, ORGN1{26, 2}, SH1{28, 2}, TG1{30, 2};
inline constexpr std::uint64_t TG0_4K = 0, TG0_64K = 1, TG0_16K = 2, TG1_16K = 1, TG1_4K = 2, TG1_64K = 3, RGN_NC = 0,
                               RGN_WBWA = 1, RGN_WT = 2, RGN_WB = 3, SH_NS = 0, SH_OS = 2, SH_IS = 3;
// Stage 1, VMSAv7. EAE: long descriptors; TxSZ has then three bits. Else N, PD0, PD1.
inline constexpr Field EAE{31, 1}, A32_T0SZ{0, 3}, A32_T1SZ{16, 3}, N{0, 3}, PD0{4, 1}, PD1{5, 1};
// Stage 2. A32_S2_T0SZ is signed, with a copy of its sign in S.
inline constexpr Field SL0{6, 2}, PS{16, 3}, A32_S2_T0SZ{0, 4}, A32_S{4, 1};
}  // namespace tcr
/// ASID of short descriptors.
namespace contextidr {
inline constexpr Field ASID{0, 8}, PROCID{8, 24};
}
namespace fsr {
inline constexpr Field TF{1, 1}, AFF{2, 1}, PF{3, 1}, EF{4, 1}, TLBMCF{5, 1}, TLBLKF{6, 1}, ASF{7, 1}, UUT{8, 1},
    FORMAT{9, 2}, SS{30, 1}, MULTI{31, 1};
inline constexpr std::uint64_t FORMAT_AARCH32_S = 0, FORMAT_AARCH32_L = 1, FORMAT_AARCH64 = 2;
inline constexpr std::uint64_t kFaults = 0x1FE;         ///< TF to UUT
inline constexpr std::uint64_t kClearAll = 0xC00001FE;  ///< what a driver writes at reset
}  // namespace fsr
namespace fsynr0 {
inline constexpr Field PLVL{0, 2}, S1PTWF{3, 1}, WNR{4, 1}, PNU{5, 1}, IND{6, 1}, NSSTATE{7, 1}, NSATTR{8, 1},
    ATOF{9, 1}, PTWF{10, 1}, AFR{11, 1}, S1CBNDX{16, 8};
}
/// TLBIVA, TLBIVAL (A: of any ASID): VMSAv8-64 in 64 bits, VMSAv7 in 32. TLBIIPAS2, TLBIIPAS2L: IPA in pages of 4 KiB.
namespace tlbiva {
inline constexpr Field VA{0, 44}, ASID{48, 16}, A32_ASID{0, 8}, A32_VA{12, 20}, IPA{0, 36};
}
namespace tlbiasid {
inline constexpr Field ASID{0, 16};
}
/// ATS1*: the address, in place. sGATS*: and the context bank in its low bits.
namespace ats {
inline constexpr Field NDX{0, 8};
}
namespace atsr {
inline constexpr Field ACTIVE{0, 1};
}
/// PAR and sGPAR. Success: address in place, attributes; fault: the bits of FSR, one stage and level up.
namespace par {
inline constexpr Field F{0, 1}, SH{7, 2}, NS{9, 1}, ATTR{56, 8};
inline constexpr Field TF{1, 1}, AFF{2, 1}, PF{3, 1}, EF{4, 1}, TLBMCF{5, 1}, TLBLKF{6, 1}, ASF{7, 1}, UUT{8, 1},
    ATOT{31, 1}, PLVL{32, 2}, STAGE{35, 1};
constexpr std::uint64_t address(std::uint64_t par) { return keep(par, 47, 12); }
}  // namespace par

}  // namespace xlate::iommu::smmuv2
