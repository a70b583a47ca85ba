// Registers of a VT-d remapping unit: what Linux's driver and the hardware share. Offsets are from the base that a DRHD
// structure names; IOTLB registers stand at ECAP.IRO, fault records at CAP.FRO.
// Source: docs/spec/iommu-hardware.md section 3.1; VT-d specification 4.1, chapter 11.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::vtd {

inline constexpr std::uint32_t kRegisterBytes = 0x1000;

namespace reg {
inline constexpr std::uint32_t VER = 0x00, CAP = 0x08, ECAP = 0x10, GCMD = 0x18, GSTS = 0x1C, RTADDR = 0x20,
                               CCMD = 0x28, FSTS = 0x34, FECTL = 0x38, FEDATA = 0x3C, FEADDR = 0x40, FEUADDR = 0x44,
                               AFLOG = 0x58, PMEN = 0x64, PLMBASE = 0x68, PLMLIMIT = 0x6C, PHMBASE = 0x70,
                               PHMLIMIT = 0x78, IQH = 0x80, IQT = 0x88, IQA = 0x90, ICS = 0x9C, IECTL = 0xA0,
                               IEDATA = 0xA4, IEADDR = 0xA8, IEUADDR = 0xAC, IQERCD = 0xB0, IRTA = 0xB8, PQH = 0xC0,
                               PQT = 0xC8, PQA = 0xD0, PRS = 0xDC, PECTL = 0xE0, PEDATA = 0xE4, PEADDR = 0xE8,
                               PEUADDR = 0xEC;
/// From ECAP.IRO * 16 on.
inline constexpr std::uint32_t kIva = 0, kIotlb = 8;
}  // namespace reg

namespace cap {
inline constexpr Field ND{0, 3}, AFL{3, 1}, RWBF{4, 1}, PLMR{5, 1}, PHMR{6, 1}, CM{7, 1}, SAGAW{8, 5}, MGAW{16, 6},
    ZLR{22, 1}, FRO{24, 10}, SLLPS{34, 4}, PSI{39, 1}, NFR{40, 8}, MAMV{48, 6}, DWD{54, 1}, DRD{55, 1}, FS1GP{56, 1},
    PI{59, 1}, FS5LP{60, 1}, ESIRTPS{62, 1}, ESRTPS{63, 1};
}  // namespace cap

namespace ecap {
inline constexpr Field C{0, 1}, QI{1, 1}, DT{2, 1}, IR{3, 1}, EIM{4, 1}, PT{6, 1}, SC{7, 1}, IRO{8, 10}, MHMV{20, 4},
    MTS{25, 1}, NEST{26, 1}, PRS{29, 1}, ERS{30, 1}, SRS{31, 1}, NWFS{33, 1}, EAFS{34, 1}, PSS{35, 5}, PASID{40, 1},
    DIT{41, 1}, PDS{42, 1}, SMTS{43, 1}, VCS{44, 1}, SLADS{45, 1}, SLTS{46, 1}, FLTS{47, 1}, SMPWC{48, 1}, RPS{49, 1};
}  // namespace ecap

/// Bits of GCMD, and what answers them in GSTS.
namespace gcmd {
inline constexpr Field TE{31, 1}, SRTP{30, 1}, SFL{29, 1}, EAFL{28, 1}, WBF{27, 1}, QIE{26, 1}, IRE{25, 1},
    SIRTP{24, 1}, CFI{23, 1};
/// Of GSTS: what a driver writes back with one bit changed; the others are commands of one shot.
inline constexpr std::uint64_t kKept = TE.mask() | EAFL.mask() | QIE.mask() | IRE.mask() | CFI.mask();
}  // namespace gcmd

namespace rtaddr {
inline constexpr Field TTM{10, 2};
inline constexpr std::uint64_t LEGACY = 0, SCALABLE = 1;
constexpr std::uint64_t address(std::uint64_t value) { return keep(value, 63, 12); }
}  // namespace rtaddr

namespace ccmd {
inline constexpr Field DID{0, 16}, SID{16, 16}, FM{32, 2}, CAIG{59, 2}, CIRG{61, 2}, ICC{63, 1};
}  // namespace ccmd
/// The IOTLB register; granularities are those of the descriptors.
namespace iotlb {
inline constexpr Field DID{32, 16}, DW{48, 1}, DR{49, 1}, IAIG{57, 2}, IIRG{60, 2}, IVT{63, 1};
}  // namespace iotlb
namespace iva {
inline constexpr Field AM{0, 6}, IH{6, 1};
}  // namespace iva

namespace fsts {
inline constexpr Field PFO{0, 1}, PPF{1, 1}, IQE{4, 1}, ICE{5, 1}, ITE{6, 1}, PRO{7, 1}, FRI{8, 8};
}  // namespace fsts
/// FECTL, IECTL, PECTL.
namespace ectl {
inline constexpr Field IP{30, 1}, IM{31, 1};
}  // namespace ectl
namespace pmen {
inline constexpr Field PRS{0, 1}, EPM{31, 1};
}  // namespace pmen
namespace iqa {
inline constexpr Field QS{0, 3}, DW{11, 1};
constexpr std::uint64_t address(std::uint64_t value) { return keep(value, 63, 12); }
}  // namespace iqa
namespace ics {
inline constexpr Field IWC{0, 1};
}  // namespace ics
namespace irta {
inline constexpr Field S{0, 4}, EIME{11, 1};
constexpr std::uint64_t address(std::uint64_t value) { return keep(value, 63, 12); }
}  // namespace irta
namespace prs {
inline constexpr Field PPR{0, 1}, PRO{1, 1};
}  // namespace prs

/// A fault record: two words of 8 bytes.
inline constexpr std::uint32_t kFaultRecordBytes = 16;
namespace frcd {
inline constexpr Field SID{0, 16}, PRIV{29, 1}, EXE{30, 1}, PP{31, 1}, FR{32, 8}, PV{40, 20}, AT{60, 2}, T1{62, 1},
    F{63, 1};  ///< of the second; PV: the PASID
/// Of the first: a page, or the index of an interrupt's entry.
constexpr std::uint64_t page(std::uint64_t address) { return keep(address, 63, 12); }
inline constexpr Field INDEX{48, 16};
}  // namespace frcd

/// Messages of devices arrive here: never translated as memory.
inline constexpr std::uint64_t kInterruptBase = 0xFEE00000, kInterruptBytes = 0x100000;
constexpr bool in_interrupt_range(std::uint64_t address) {
    return (address & ~(kInterruptBytes - 1)) == kInterruptBase;
}

}  // namespace xlate::iommu::vtd
