// Global registers of SMMUv1 and SMMUv2 as data: one row a register, and the fields of each.
// The space: GR0, GR1, an implementation's own page, the performance monitors' page, ... (half of the space), then one
// page a context bank (the other half); a page is 4 KiB or 64 KiB (IDR1.PAGESIZE), with the same offsets in it.
// `reset` of ID registers is 0 here: their value is the configured feature set (parameters.hpp).
// Source: docs/spec/iommu-hardware.md section 2; names and offsets as IHI 0062 chapters 9 and 10.
#pragma once

#include <array>
#include <cstdint>

#include "base/bits.hpp"
#include "base/registers.hpp"

namespace xlate::iommu::smmuv2 {

/// Offsets in GR0. Stream mapping registers follow: SMR(n), S2CR(n).
namespace gr0 {
inline constexpr std::uint32_t sCR0 = 0x00, SCR1 = 0x04, sCR2 = 0x08, sACR = 0x10, IDR0 = 0x20, IDR1 = 0x24,
                               IDR2 = 0x28, IDR3 = 0x2C, IDR4 = 0x30, IDR5 = 0x34, IDR6 = 0x38, IDR7 = 0x3C,
                               sGFAR = 0x40, sGFSR = 0x48, sGFSRRESTORE = 0x4C, sGFSYNR0 = 0x50, sGFSYNR1 = 0x54,
                               sGFSYNR2 = 0x58, STLBIALL = 0x60, TLBIVMID = 0x64, TLBIALLNSNH = 0x68, TLBIALLH = 0x6C,
                               sTLBGSYNC = 0x70, sTLBGSTATUS = 0x74, TLBIVAH = 0x78, STLBIVALM = 0xA0, STLBIVAM = 0xA8,
                               TLBIVALH64 = 0xB0, TLBIVMIDS1 = 0xB8, STLBIALLM = 0xBC, TLBIVAH64 = 0xC0,
                               sGATS1UR = 0x100, sGATS1UW = 0x108, sGATS1PR = 0x110, sGATS1PW = 0x118,
                               sGATS12UR = 0x120, sGATS12UW = 0x128, sGATS12PR = 0x130, sGATS12PW = 0x138,
                               sGPAR = 0x180, sGATSR = 0x188;
/// The non-secure copy of a register below 0x200 as secure software sees it; a driver of Calxeda's SMMU uses these.
inline constexpr std::uint32_t kNonSecureAlias = 0x400;
constexpr std::uint32_t SMR(unsigned n) { return 0x800 + 4 * n; }
constexpr std::uint32_t S2CR(unsigned n) { return 0xC00 + 4 * n; }
}  // namespace gr0
/// Offsets in GR1.
namespace gr1 {
constexpr std::uint32_t CBAR(unsigned n) { return 4 * n; }
constexpr std::uint32_t CBFRSYNRA(unsigned n) { return 0x400 + 4 * n; }
constexpr std::uint32_t CBA2R(unsigned n) { return 0x800 + 4 * n; }
}  // namespace gr1

inline constexpr std::array kGlobalRegisters{
    RegSpec{"SMMU_sCR0", 0x00, 4, Access::rw, 0x1, "IHI 0062 ch. 10, configuration"},
    RegSpec{"SMMU_SCR1", 0x04, 4, Access::rw, 0, "IHI 0062 ch. 10, secure only"},
    RegSpec{"SMMU_sCR2", 0x08, 4, Access::rw, 0, "IHI 0062 ch. 10, configuration"},
    RegSpec{"SMMU_sACR", 0x10, 4, Access::rw, 0, "IHI 0062 ch. 10, auxiliary configuration"},
    RegSpec{"SMMU_IDR0", 0x20, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_IDR1", 0x24, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_IDR2", 0x28, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_IDR3", 0x2C, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_IDR4", 0x30, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_IDR5", 0x34, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_IDR6", 0x38, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_IDR7", 0x3C, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_sGFAR", 0x40, 8, Access::rw, 0, "IHI 0062 ch. 10, global faults"},
    RegSpec{"SMMU_sGFSR", 0x48, 4, Access::w1c, 0, "IHI 0062 ch. 10, global faults"},
    RegSpec{"SMMU_sGFSRRESTORE", 0x4C, 4, Access::wo, 0, "IHI 0062 ch. 10, global faults"},
    RegSpec{"SMMU_sGFSYNR0", 0x50, 4, Access::rw, 0, "IHI 0062 ch. 10, global faults"},
    RegSpec{"SMMU_sGFSYNR1", 0x54, 4, Access::rw, 0, "IHI 0062 ch. 10, global faults"},
    RegSpec{"SMMU_sGFSYNR2", 0x58, 4, Access::rw, 0, "IHI 0062 ch. 10, global faults"},
    RegSpec{"SMMU_STLBIALL", 0x60, 4, Access::wo, 0, "IHI 0062 ch. 10, secure only"},
    RegSpec{"SMMU_TLBIVMID", 0x64, 4, Access::wo, 0, "IHI 0062 ch. 10, invalidation"},
    RegSpec{"SMMU_TLBIALLNSNH", 0x68, 4, Access::wo, 0, "IHI 0062 ch. 10, invalidation"},
    RegSpec{"SMMU_TLBIALLH", 0x6C, 4, Access::wo, 0, "IHI 0062 ch. 10, invalidation"},
    RegSpec{"SMMU_sTLBGSYNC", 0x70, 4, Access::wo, 0, "IHI 0062 ch. 10, invalidation"},
    RegSpec{"SMMU_sTLBGSTATUS", 0x74, 4, Access::ro, 0, "IHI 0062 ch. 10, invalidation"},
    RegSpec{"SMMU_TLBIVAH", 0x78, 4, Access::wo, 0, "IHI 0062 ch. 10, invalidation"},
    RegSpec{"SMMU_STLBIVALM", 0xA0, 8, Access::wo, 0, "IHI 0062 ch. 10, secure only"},
    RegSpec{"SMMU_STLBIVAM", 0xA8, 8, Access::wo, 0, "IHI 0062 ch. 10, secure only"},
    RegSpec{"SMMU_TLBIVALH64", 0xB0, 8, Access::wo, 0, "IHI 0062 ch. 10, invalidation"},
    RegSpec{"SMMU_TLBIVMIDS1", 0xB8, 4, Access::wo, 0, "IHI 0062 ch. 10, invalidation"},
    RegSpec{"SMMU_STLBIALLM", 0xBC, 4, Access::wo, 0, "IHI 0062 ch. 10, secure only"},
    RegSpec{"SMMU_TLBIVAH64", 0xC0, 8, Access::wo, 0, "IHI 0062 ch. 10, invalidation"},
    RegSpec{"SMMU_sGATS1UR", 0x100, 8, Access::wo, 0, "IHI 0062 ch. 10, address translation operations"},
    RegSpec{"SMMU_sGATS1UW", 0x108, 8, Access::wo, 0, "IHI 0062 ch. 10, address translation operations"},
    RegSpec{"SMMU_sGATS1PR", 0x110, 8, Access::wo, 0, "IHI 0062 ch. 10, address translation operations"},
    RegSpec{"SMMU_sGATS1PW", 0x118, 8, Access::wo, 0, "IHI 0062 ch. 10, address translation operations"},
    RegSpec{"SMMU_sGATS12UR", 0x120, 8, Access::wo, 0, "IHI 0062 ch. 10, address translation operations"},
    RegSpec{"SMMU_sGATS12UW", 0x128, 8, Access::wo, 0, "IHI 0062 ch. 10, address translation operations"},
    RegSpec{"SMMU_sGATS12PR", 0x130, 8, Access::wo, 0, "IHI 0062 ch. 10, address translation operations"},
    RegSpec{"SMMU_sGATS12PW", 0x138, 8, Access::wo, 0, "IHI 0062 ch. 10, address translation operations"},
    RegSpec{"SMMU_sGPAR", 0x180, 8, Access::rw, 0, "IHI 0062 ch. 10, address translation operations"},
    RegSpec{"SMMU_sGATSR", 0x188, 4, Access::ro, 0, "IHI 0062 ch. 10, address translation operations"},
};
static_assert(sorted_and_disjoint(kGlobalRegisters));
/// One of each for every stream mapping register group, at the offset of the first one; the next is four bytes on.
inline constexpr std::array kStreamRegisters{
    RegSpec{"SMMU_SMRn", 0x800, 4, Access::rw, 0, "IHI 0062 ch. 10, stream mapping"},
    RegSpec{"SMMU_S2CRn", 0xC00, 4, Access::rw, 0, "IHI 0062 ch. 10, stream mapping"},
};
/// At the end of GR0's last 4 KiB. The values are those of an MMU-500.
inline constexpr std::array kPeripheralIds{
    RegSpec{"SMMU_PIDR4", 0xFD0, 4, Access::ro, 0x04, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_PIDR5", 0xFD4, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_PIDR6", 0xFD8, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_PIDR7", 0xFDC, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_PIDR0", 0xFE0, 4, Access::ro, 0x80, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_PIDR1", 0xFE4, 4, Access::ro, 0xB4, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_PIDR2", 0xFE8, 4, Access::ro, 0x1B, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_PIDR3", 0xFEC, 4, Access::ro, 0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_CIDR0", 0xFF0, 4, Access::ro, 0x0D, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_CIDR1", 0xFF4, 4, Access::ro, 0xF0, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_CIDR2", 0xFF8, 4, Access::ro, 0x05, "IHI 0062 ch. 10, identification"},
    RegSpec{"SMMU_CIDR3", 0xFFC, 4, Access::ro, 0xB1, "IHI 0062 ch. 10, identification"},
};
static_assert(sorted_and_disjoint(kPeripheralIds));
/// In GR1, one of each for every context bank, at the offset of the first one.
inline constexpr std::array kBankAttributeRegisters{
    RegSpec{"SMMU_CBARn", 0x000, 4, Access::rw, 0, "IHI 0062 ch. 11, context bank attributes"},
    RegSpec{"SMMU_CBFRSYNRAn", 0x400, 4, Access::rw, 0, "IHI 0062 ch. 11, faults"},
    RegSpec{"SMMU_CBA2Rn", 0x800, 4, Access::rw, 0, "IHI 0062 ch. 11, context bank attributes"},
};

namespace cr0 {
inline constexpr Field CLIENTPD{0, 1}, GFRE{1, 1}, GFIE{2, 1}, EXIDENABLE{3, 1}, GCFGFRE{4, 1}, GCFGFIE{5, 1},
    TRANSIENTCFG{6, 2}, STALLD{8, 1}, GSE{9, 1}, USFCFG{10, 1}, VMIDPNE{11, 1}, PTM{12, 1}, FB{13, 1}, BSU{14, 2},
    MemAttr{16, 4}, MTCFG{20, 1}, SMCFCFG{21, 1}, SHCFG{22, 2}, RACFG{24, 2}, WACFG{26, 2}, NSCFG{28, 2},
    VMID16EN{31, 1};
}
namespace cr2 {
inline constexpr Field BPVMID{0, 8};
}
/// MMU-500's meaning of sACR, as its driver writes it.
namespace acr {
inline constexpr Field SMTNMB_TLBEN{8, 1}, S2CRB_TLBEN{10, 1}, CACHE_LOCK{26, 1};
}
namespace idr0 {
inline constexpr Field NUMSMRG{0, 8}, EXIDS{8, 1}, NUMSIDB{9, 4}, BTM{13, 1}, CTTW{14, 1}, NUMIRPT{16, 8},
    PTFS_NO_AARCH32S{24, 1}, PTFS_NO_AARCH32{25, 1}, ATOSNS{26, 1}, SMS{27, 1}, NTS{28, 1}, S2TS{29, 1}, S1TS{30, 1},
    SES{31, 1};
}
namespace idr1 {
inline constexpr Field NUMCB{0, 8}, NUMSSDNDXB{8, 4}, SSDTP{12, 1}, SMCD{15, 1}, NUMS2CB{16, 8}, NUMPAGENDXB{28, 3},
    PAGESIZE{31, 1};
}
namespace idr2 {
inline constexpr Field IAS{0, 4}, OAS{4, 4}, UBS{8, 4}, PTFS_4K{12, 1}, PTFS_16K{13, 1}, PTFS_64K{14, 1},
    VMID16S{15, 1};
}
namespace idr7 {
inline constexpr Field MINOR{0, 4}, MAJOR{4, 4};
}
/// sGFSR: why a transaction failed before it had a context, or by itself.
namespace gfsr {
inline constexpr Field ICF{0, 1}, USF{1, 1}, SMCF{2, 1}, UCBF{3, 1}, UCIF{4, 1}, CAF{5, 1}, EF{6, 1}, PF{7, 1},
    UUT{8, 1}, MULTI{31, 1};
inline constexpr std::uint64_t kFaults = 0x1FF;
}  // namespace gfsr
namespace gfsynr0 {
inline constexpr Field NESTED{0, 1}, WNR{1, 1}, PNU{2, 1}, IND{3, 1}, NSSTATE{4, 1}, NSATTR{5, 1}, ATS{6, 1};
}
namespace gfsynr1 {
inline constexpr Field STREAMID{0, 16}, SSD_INDEX{16, 15};
}
namespace tlbstatus {
inline constexpr Field GSACTIVE{0, 1}, SACTIVE{0, 1};
}
/// VALID is in S2CR.EXIDVALID and MASK and ID have 16 bits each with sCR0.EXIDENABLE.
namespace smr {
inline constexpr Field ID{0, 15}, MASK{16, 15}, VALID{31, 1}, EXID{0, 16}, EXMASK{16, 16};
}
namespace s2cr {
inline constexpr Field CBNDX{0, 8}, SHCFG{8, 2}, EXIDVALID{10, 1}, MTCFG{11, 1}, MemAttr{12, 4}, TYPE{16, 2},
    NSCFG{18, 2}, RACFG{20, 2}, WACFG{22, 2}, PRIVCFG{24, 2}, INSTCFG{26, 2}, TRANSIENTCFG{28, 2};
inline constexpr std::uint64_t TYPE_TRANS = 0, TYPE_BYPASS = 1, TYPE_FAULT = 2, PRIVCFG_DEFAULT = 0, PRIVCFG_DIPAN = 1,
                               PRIVCFG_UNPRIV = 2, PRIVCFG_PRIV = 3, INSTCFG_DEFAULT = 0, INSTCFG_DATA = 2,
                               INSTCFG_INSTRUCTION = 3, SHCFG_INCOMING = 0, SHCFG_OUTER = 1, SHCFG_INNER = 2,
                               SHCFG_NONE = 3;
}  // namespace s2cr
namespace cbar {
inline constexpr Field VMID{0, 8}, S1_BPSHCFG{8, 2}, HYPC{10, 1}, S1_FB{11, 1}, S1_MEMATTR{12, 4}, CBNDX{8, 8},
    TYPE{16, 2}, BSU{18, 2}, RACFG{20, 2}, WACFG{22, 2}, IRPTNDX{24, 8};
inline constexpr std::uint64_t TYPE_S2_TRANS = 0, TYPE_S1_TRANS_S2_BYPASS = 1, TYPE_S1_TRANS_S2_FAULT = 2,
                               TYPE_S1_TRANS_S2_TRANS = 3, S1_BPSHCFG_NSH = 3, S1_MEMATTR_WB = 0xF;
}  // namespace cbar
namespace cbfrsynra {
inline constexpr Field SID{0, 16}, SSD_INDEX{16, 15};
}
namespace cba2r {
inline constexpr Field VA64{0, 1}, MONC{1, 1}, VMID16{16, 16};
}

/// Address sizes as IDR2.IAS, OAS, TCR2.PASize and TCR.PS code them; reserved codes act as the largest.
constexpr unsigned address_bits(std::uint64_t code) {
    constexpr unsigned kBits[8] = {32, 36, 40, 42, 44, 48, 48, 48};
    return kBits[code & 7];
}
constexpr std::uint64_t address_code(unsigned bits) {
    return bits <= 32 ? 0 : bits <= 36 ? 1 : bits <= 40 ? 2 : bits <= 42 ? 3 : bits <= 44 ? 4 : 5;
}

/// Where things stand in the space of an instance.
struct SpaceLayout {
    std::uint32_t page_bytes = 0x1000;
    std::uint32_t pages = 16;  ///< global ones; as many for context banks
    static constexpr SpaceLayout of(std::uint64_t id1) {
        return {idr1::PAGESIZE.test(id1) ? 0x10000U : 0x1000U, std::uint32_t{1} << (idr1::NUMPAGENDXB.get(id1) + 1)};
    }
    constexpr std::uint32_t gr1() const { return page_bytes; }
    constexpr std::uint32_t bank(unsigned n) const { return (pages + n) * page_bytes; }
    constexpr std::uint32_t bytes() const { return 2 * pages * page_bytes; }
};

}  // namespace xlate::iommu::smmuv2
