// Qualcomm's first IOMMU ("qcom,apq8064-iommu"; Linux's msm_iommu), all that a driver and the hardware share: context
// banks of 4 KiB, a table that leads a master's id to its bank, and registers of the whole at the end of the window.
//   tables   VMSAv7 short descriptors of 32 bits (iommu/tables/layout_vmsa7_short.hpp)
// Source: Linux drivers/iommu/msm_iommu_hw-8xxx.h (offsets and fields alone).
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::msm {

inline constexpr std::uint32_t kBankBytes = 0x1000, kRegisterBytes = 0x100000;
inline constexpr unsigned kMostBanks = 64, kMostMids = 128;  ///< of this model

/// Of bank n at n * kBankBytes.
namespace cb {
inline constexpr std::uint32_t SCTLR = 0x000, ACTLR = 0x004, CONTEXTIDR = 0x008, TTBR0 = 0x010, TTBR1 = 0x014,
                               TTBCR = 0x018, PAR = 0x01C, FSR = 0x020, FSRRESTORE = 0x024, FAR = 0x028, FSYNR0 = 0x02C,
                               FSYNR1 = 0x030, PRRR = 0x034, NMRR = 0x038, TLBLCKR = 0x03C, V2PSR = 0x040,
                               TLBFLPTER = 0x044, TLBSLPTER = 0x048, BFBCR = 0x04C, TLBIALL = 0x800, TLBIASID = 0x804,
                               TLBIVA = 0x808, TLBIVAA = 0x80C, V2PPR = 0x810, V2PPW = 0x814, V2PUR = 0x818,
                               V2PUW = 0x81C, RESUME = 0x820;
}
/// Of the whole.
namespace global {
constexpr std::uint32_t M2VCBR(unsigned mid) { return 0xFF000 + 4 * mid; }
constexpr std::uint32_t CBACR(unsigned bank) { return 0xFF800 + 4 * bank; }
inline constexpr std::uint32_t TLBRSW = 0xFFE00, TESTBUSCR = 0xFFE8C, TLBIALL = 0xFFF00, TLBIVMID = 0xFFF04,
                               CR = 0xFFF80, EAR = 0xFFF84, ESR = 0xFFF88, ESRRESTORE = 0xFFF8C, ESYNR0 = 0xFFF90,
                               ESYNR1 = 0xFFF94, REV = 0xFFFF4, IDR = 0xFFFF8, RPU_ACR = 0xFFFFC;
}  // namespace global

namespace sctlr {
inline constexpr Field M{0, 1}, TRE{1, 1}, AFE{2, 1}, HAF{3, 1}, BE{4, 1}, AFFD{5, 1};
}
namespace actlr {
inline constexpr Field CFERE{0, 1}, CFEIE{1, 1}, PTSHCFG{2, 2}, RCOSH{4, 1}, RCISH{5, 1}, RCNSH{6, 1}, PRIVCFG{8, 2},
    DNA{10, 1}, DNLV2PA{11, 1}, TLBMCFG{12, 2}, CFCFG{14, 1}, TIPCF{15, 1}, V2PCFG{16, 2}, HUME{18, 1};
}
namespace contextidr {
inline constexpr Field ASID{0, 8};
}
namespace ttbcr {
inline constexpr std::uint32_t kAll = 0x37;  ///< N, PD0, PD1
}
/// PAR has the same causes.
namespace fsr {
inline constexpr Field TF{1, 1}, AFF{2, 1}, APF{3, 1}, TLBMF{4, 1}, HTWDEEF{5, 1}, HTWSEEF{6, 1}, MHF{7, 1}, SS{30, 1},
    MULTI{31, 1};
/// What Linux writes when it has printed a fault.
inline constexpr std::uint32_t kTaken = 0x4000000F;
}  // namespace fsr
namespace par {
inline constexpr Field FAULT{0, 1};
constexpr std::uint64_t page(std::uint32_t word) { return keep(word, 31, 12); }
}  // namespace par
namespace fsynr0 {
inline constexpr Field AMID{0, 8};
}
namespace fsynr1 {
inline constexpr Field APRIV{5, 1}, AINST{7, 1}, AWRITE{8, 1};
}
namespace bfbcr {
inline constexpr Field BFBDFE{0, 1};
}
namespace m2vcbr {
inline constexpr Field VMID{0, 5}, CBNDX{8, 8}, BYPASSD{16, 1}, BPRCOSH{17, 1}, BPRCISH{18, 1}, BPRCNSH{19, 1},
    BPSHCFG{20, 2}, NSCFG{22, 2}, BPMTCFG{24, 1}, BPMEMTYPE{25, 3};
}
namespace cbacr {
inline constexpr Field CBVMID{16, 5}, IRPTNDX{24, 8};
}
namespace cr {
inline constexpr Field RPUE{0, 1}, RPUEIE{2, 1}, CLIENTPD{4, 1}, TLBLKCRWE{6, 1};
}
namespace testbuscr {
inline constexpr Field TBE{0, 1}, SPDMBE{1, 1};
}
namespace idr {
inline constexpr Field NM2VCBMT{0, 9}, HTW{9, 1}, TLBSIZE{12, 4}, NCB{16, 8}, NIRPT{24, 8};
}
namespace rev {
inline constexpr Field MINOR{0, 4}, MAJOR{4, 4};
}
namespace tlbiva {
inline constexpr Field ASID{0, 8};
constexpr std::uint32_t va(std::uint64_t address) { return static_cast<std::uint32_t>(keep(address, 31, 12)); }
}  // namespace tlbiva

}  // namespace xlate::iommu::msm
