// The RISC-V IOMMU's registers, directories, commands and records, shared by the hardware and its driver. Knows base
// and tables only. Names are the specification's.
// Source: docs/spec/iommu-hardware.md section 9; RISC-V IOMMU specification 1.0.
#pragma once

#include <array>
#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::riscv {

inline constexpr std::uint32_t kRegisterBytes = 0x1000;
inline constexpr unsigned kVectors = 16, kHpmCounters = 31, kPageBits = 12, kDeviceIdBits = 24, kProcessIdBits = 20;

namespace reg {
inline constexpr std::uint32_t CAPABILITIES = 0, FCTL = 8, DDTP = 16, CQB = 24, CQH = 32, CQT = 36, FQB = 40, FQH = 48,
                               FQT = 52, PQB = 56, PQH = 64, PQT = 68, CQCSR = 72, FQCSR = 76, PQCSR = 80, IPSR = 84,
                               IOCNTOVF = 88, IOCNTINH = 92, IOHPMCYCLES = 96, IOHPMCTR1 = 104, IOHPMEVT1 = 352,
                               TR_REQ_IOVA = 600, TR_REQ_CTL = 608, TR_RESPONSE = 616, IOMMU_QOSID = 624, ICVEC = 760,
                               MSI_CFG_TBL = 768;
constexpr std::uint32_t iohpmctr(unsigned index) { return IOHPMCTR1 + 8 * index; }  ///< 0..30: counters 1..31
constexpr std::uint32_t iohpmevt(unsigned index) { return IOHPMEVT1 + 8 * index; }
constexpr std::uint32_t msi_addr(unsigned vector) { return MSI_CFG_TBL + 16 * vector; }
constexpr std::uint32_t msi_data(unsigned vector) { return MSI_CFG_TBL + 16 * vector + 8; }
constexpr std::uint32_t msi_vec_ctl(unsigned vector) { return MSI_CFG_TBL + 16 * vector + 12; }
}  // namespace reg

namespace caps {
inline constexpr Field VERSION{0, 8}, Sv32{8, 1}, Sv39{9, 1}, Sv48{10, 1}, Sv57{11, 1}, Svpbmt{15, 1}, Sv32x4{16, 1},
    Sv39x4{17, 1}, Sv48x4{18, 1}, Sv57x4{19, 1}, AMO_MRIF{21, 1}, MSI_FLAT{22, 1}, MSI_MRIF{23, 1}, AMO_HWAD{24, 1},
    ATS{25, 1}, T2GPA{26, 1}, END{27, 1}, IGS{28, 2}, HPM{30, 1}, DBG{31, 1}, PAS{32, 6}, PD8{38, 1}, PD17{39, 1},
    PD20{40, 1}, QOSID{41, 1}, NL{42, 1}, S{43, 1};
/// Of the bits for custom use, ours: the machine is a guest's. What a hypervisor keeps below it, our driver's model
/// does (kernel-model/drivers/riscv/riscv_below_guest.hpp).
inline constexpr Field BELOW_GUEST{56, 1};
inline constexpr std::uint64_t IGS_MSI = 0, IGS_WSI = 1, IGS_BOTH = 2;
}  // namespace caps

namespace fctl {
inline constexpr Field BE{0, 1}, WSI{1, 1}, GXL{2, 1};
}
namespace ddtp {
inline constexpr Field MODE{0, 4}, BUSY{4, 1}, PPN{10, 44};
inline constexpr std::uint64_t OFF = 0, BARE = 1, LVL1 = 2, LVL2 = 3, LVL3 = 4;
}  // namespace ddtp
/// Base of any queue: entries 2^(LOG2SZ + 1).
namespace queue_base {
inline constexpr Field LOG2SZ{0, 5}, PPN{10, 44};
}
/// cqcsr, fqcsr and pqcsr, whose bits stand in the same places; OVERFLOW is the second and third one's.
namespace queue_csr {
inline constexpr Field EN{0, 1}, IE{1, 1}, MF{8, 1}, OVERFLOW{9, 1}, ON{16, 1}, BUSY{17, 1};
inline constexpr Field CMD_TO{9, 1}, CMD_ILL{10, 1}, FENCE_W_IP{11, 1};
}  // namespace queue_csr
namespace ipsr {
inline constexpr Field CIP{0, 1}, FIP{1, 1}, PMIP{2, 1}, PIP{3, 1};
}
namespace icvec {
inline constexpr Field CIV{0, 4}, FIV{4, 4}, PMIV{8, 4}, PIV{12, 4};
}
namespace msi_ctl {
inline constexpr Field M{0, 1};
}
namespace iohpmcycles {
inline constexpr Field COUNTER{0, 63}, OF{63, 1};
}
namespace iohpmevt {
inline constexpr Field EVENT_ID{0, 15}, DMASK{15, 1}, PID_PSCID{16, 20}, DID_GSCID{36, 24}, PV_PSCV{60, 1},
    DV_GSCV{61, 1}, IDT{62, 1}, OF{63, 1};
}
namespace tr_req_ctl {
inline constexpr Field GO_BUSY{0, 1}, PRIV{1, 1}, EXE{2, 1}, NW{3, 1}, PID{12, 20}, PV{32, 1}, DID{40, 24};
/// Bits 11:4 are reserved, and kept as written.
inline constexpr std::uint64_t kWritable = low_mask(33) | DID.mask();
}  // namespace tr_req_ctl
namespace tr_response {
inline constexpr Field FAULT{0, 1}, PBMT{7, 2}, S{9, 1}, PPN{10, 44};
}

/// What a counter counts.
enum class HpmEvent : std::uint8_t {
    none,
    untranslated_requests,
    translated_requests,
    ats_requests,
    tlb_misses,
    ddt_walks,
    pdt_walks,
    first_stage_walks,
    second_stage_walks
};

// Directories. A device context has 32 bytes, or 64 with MSI_FLAT.
inline constexpr std::uint32_t kBaseContextBytes = 32, kExtendedContextBytes = 64, kProcessContextBytes = 16,
                               kDirectoryEntryBytes = 8;
using DeviceContextWords = std::array<std::uint64_t, 8>;
namespace dc {
inline constexpr unsigned TC = 0, IOHGATP = 1, TA = 2, FSC = 3, MSIPTP = 4, MSI_ADDR_MASK = 5, MSI_ADDR_PATTERN = 6,
                          RESERVED = 7;
}
namespace tc {
inline constexpr Field V{0, 1}, EN_ATS{1, 1}, EN_PRI{2, 1}, T2GPA{3, 1}, DTF{4, 1}, PDTV{5, 1}, PRPR{6, 1}, GADE{7, 1},
    SADE{8, 1}, DPE{9, 1}, SBE{10, 1}, SXL{11, 1};
inline constexpr Field CUSTOM{24, 8};  ///< ignored
inline constexpr std::uint64_t kReserved = ~(low_mask(12) | CUSTOM.mask());
}  // namespace tc
/// iohgatp, iosatp, pdtp and msiptp.
namespace atp {
inline constexpr Field PPN{0, 44}, GSCID{44, 16}, RESERVED{44, 16}, MODE{60, 4};
inline constexpr std::uint64_t BARE = 0, SV32 = 8, SV39 = 8, SV48 = 9, SV57 = 10;
inline constexpr std::uint64_t PD8 = 1, PD17 = 2, PD20 = 3, MSI_OFF = 0, MSI_FLAT = 1;
}  // namespace atp
namespace ta {
inline constexpr Field V{0, 1}, ENS{1, 1}, SUM{2, 1}, PSCID{12, 20};
inline constexpr std::uint64_t kDeviceReserved = ~PSCID.mask();
inline constexpr std::uint64_t kProcessReserved = ~(PSCID.mask() | low_mask(3));
}  // namespace ta
/// Non-leaf entries of both directories.
namespace directory {
inline constexpr Field V{0, 1}, PPN{10, 44};
inline constexpr std::uint64_t kReserved = ~(V.mask() | PPN.mask());
}  // namespace directory
/// `level` 0 is the contexts' own. Bits of the device id below, and bits of this level.
struct IdField {
    unsigned lsb = 0, width = 0;
    constexpr std::uint32_t of(std::uint32_t id) const {
        return (id >> lsb) & static_cast<std::uint32_t>(low_mask(width));
    }
};
constexpr IdField device_index(unsigned level, bool extended) {
    const unsigned first = extended ? 6 : 7;
    return level == 0 ? IdField{0, first} : level == 1 ? IdField{first, 9} : IdField{first + 9, 15 - first};
}
constexpr IdField process_index(unsigned level) {
    return level == 0 ? IdField{0, 8} : level == 1 ? IdField{8, 9} : IdField{17, 3};
}

// MSI page table: 16 bytes an entry.
inline constexpr std::uint32_t kMsiEntryBytes = 16;
namespace msipte {
inline constexpr Field V{0, 1}, M{1, 2}, PPN{10, 44}, C{63, 1};
inline constexpr std::uint64_t BASIC = 3, MRIF = 1;
inline constexpr Field MRIF_ADDR{7, 47};                             ///< address bits 55:9
inline constexpr Field NID_LOW{0, 10}, NPPN{10, 44}, NID_10{60, 1};  ///< second word, MRIF mode
inline constexpr std::uint64_t kBasicReserved = ~(V.mask() | M.mask() | PPN.mask() | C.mask());
inline constexpr std::uint64_t kMrifReserved0 = ~(V.mask() | M.mask() | MRIF_ADDR.mask() | C.mask());
inline constexpr std::uint64_t kMrifReserved1 = ~(NID_LOW.mask() | NPPN.mask() | NID_10.mask());
}  // namespace msipte

// Commands: 16 bytes.
inline constexpr std::uint32_t kCommandBytes = 16, kFaultBytes = 32, kPageRequestBytes = 16;
using CommandWords = std::array<std::uint64_t, 2>;
enum class Opcode : std::uint8_t { IOTINVAL = 1, IOFENCE = 2, IODIR = 3, ATS = 4 };
namespace cmd {
inline constexpr Field OPCODE{0, 7}, FUNC3{7, 3};
inline constexpr std::uint64_t VMA = 0, GVMA = 1, FENCE_C = 0, INVAL_DDT = 0, INVAL_PDT = 1, ATS_INVAL = 0,
                               ATS_PRGR = 1;
// IOTINVAL. Second word: ADDR[63:12] at [61:10].
inline constexpr Field AV{10, 1}, PSCID{12, 20}, PSCV{32, 1}, GV{33, 1}, NL{34, 1}, GSCID{44, 16}, S{9, 1},
    ADDR_PAGE{10, 52};
// IOFENCE.C. Second word: ADDR[63:2] at [61:0].
inline constexpr Field WSI{11, 1}, PR{12, 1}, PW{13, 1}, DATA{32, 32}, ADDR_WORD{0, 62};
// IODIR and ATS.
inline constexpr Field PID{12, 20}, DV{33, 1}, DID{40, 24}, PV{32, 1}, DSV{33, 1}, RID{40, 16}, DSEG{56, 8};
// Second word of ATS.INVAL (PCIe's invalidation request): the address, S for more than a page.
inline constexpr Field ATS_S{11, 1};
// Second word of ATS.PRGR (PCIe's page request group response).
inline constexpr Field PRG_INDEX{32, 9}, PRG_CODE{44, 4}, PRG_DESTINATION{48, 16};
}  // namespace cmd

// Records.
using FaultWords = std::array<std::uint64_t, 4>;
namespace fault {
inline constexpr Field CAUSE{0, 12}, PID{12, 20}, PV{32, 1}, PRIV{33, 1}, TTYP{34, 6}, DID{40, 24};
}
enum class Ttyp : std::uint8_t {
    none = 0,
    untranslated_exec = 1,
    untranslated_read = 2,
    untranslated_write = 3,
    translated_exec = 5,
    translated_read = 6,
    translated_write = 7,
    ats_request = 8,
    message = 9
};
inline constexpr std::uint64_t kPageRequestMessage = 4;  ///< iotval of a fault of a page request
using PageRequestWords = std::array<std::uint64_t, 2>;
namespace page_request {
inline constexpr Field PID{12, 20}, PV{32, 1}, PRIV{33, 1}, EXEC{34, 1}, DID{40, 24};
// Second word.
inline constexpr Field R{0, 1}, W{1, 1}, L{2, 1}, PRGI{3, 9}, PAGE{12, 52};
}  // namespace page_request

enum class Cause : std::uint16_t {
    instruction_access = 1,
    read_access = 5,
    write_access = 7,
    instruction_page = 12,
    read_page = 13,
    write_page = 15,
    instruction_guest_page = 20,
    read_guest_page = 21,
    write_guest_page = 23,
    disallowed = 256,
    ddt_load = 257,
    ddt_invalid = 258,
    ddt_misconfigured = 259,
    type_disallowed = 260,
    msi_load = 261,
    msi_invalid = 262,
    msi_misconfigured = 263,
    mrif_access = 264,
    pdt_load = 265,
    pdt_invalid = 266,
    pdt_misconfigured = 267,
    ddt_corrupt = 268,
    pdt_corrupt = 269,
    msi_corrupt = 270,
    mrif_corrupt = 271,
    internal = 272,
    msi_write = 273,
    table_corrupt = 274
};

}  // namespace xlate::iommu::riscv
