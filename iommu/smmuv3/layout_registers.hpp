// SMMUv3 registers as data: one row a register, and the fields of each.
// Two 64 KiB pages: offsets below 0x10000 are page 0, those above page 1.
// `reset` of ID registers is 0 here: their value is the configured feature set (registers.hpp).
// Source: docs/spec/iommu-hardware.md section 1.1.
#pragma once

#include <array>
#include <cstdint>

#include "base/bits.hpp"
#include "base/registers.hpp"

namespace xlate::iommu::smmuv3 {

inline constexpr std::uint32_t kRegisterBytes = 0x20000;  ///< both pages
inline constexpr std::uint32_t kPage1 = 0x10000;
inline constexpr std::uint32_t kSecureOffset = 0x8000;  ///< the secure copy of a page-0 register
/// Command queue control pages follow both pages; their queues are spaced evenly. Source: IHI 0070 3.5.6, 6.2.5.
inline constexpr std::uint32_t kControlPages = kRegisterBytes, kControlPageBytes = 0x10000;

/// Register offsets in bytes.
namespace reg {
inline constexpr std::uint32_t IDR0 = 0x00, IDR1 = 0x04, IDR2 = 0x08, IDR3 = 0x0C, IDR4 = 0x10, IDR5 = 0x14,
                               IIDR = 0x18, AIDR = 0x1C, CR0 = 0x20, CR0ACK = 0x24, CR1 = 0x28, CR2 = 0x2C,
                               STATUSR = 0x40, GBPA = 0x44, AGBPA = 0x48, IRQ_CTRL = 0x50, IRQ_CTRLACK = 0x54,
                               GERROR = 0x60, GERRORN = 0x64, GERROR_IRQ_CFG0 = 0x68, GERROR_IRQ_CFG1 = 0x70,
                               GERROR_IRQ_CFG2 = 0x74, STRTAB_BASE = 0x80, STRTAB_BASE_CFG = 0x88, CMDQ_BASE = 0x90,
                               CMDQ_PROD = 0x98, CMDQ_CONS = 0x9C, EVENTQ_BASE = 0xA0, EVENTQ_IRQ_CFG0 = 0xB0,
                               EVENTQ_IRQ_CFG1 = 0xB8, EVENTQ_IRQ_CFG2 = 0xBC, PRIQ_BASE = 0xC0, PRIQ_IRQ_CFG0 = 0xD0,
                               PRIQ_IRQ_CFG1 = 0xD8, PRIQ_IRQ_CFG2 = 0xDC, GATOS_CTRL = 0x100, GATOS_SID = 0x108,
                               GATOS_ADDR = 0x110, GATOS_PAR = 0x118, IDR6 = 0x190;
inline constexpr std::uint32_t EVENTQ_PROD = kPage1 + 0xA8, EVENTQ_CONS = kPage1 + 0xAC, PRIQ_PROD = kPage1 + 0xC8,
                               PRIQ_CONS = kPage1 + 0xCC;
/// Of control page n, with `+ 32 * n`; and of a queue in its page, with `+ n * (kControlPageBytes >> LOG2NUMQ)`.
inline constexpr std::uint32_t CMDQ_CONTROL_PAGE_BASE = 0x4000, CMDQ_CONTROL_PAGE_CFG = 0x4008,
                               CMDQ_CONTROL_PAGE_STATUS = 0x400C, kControlPageStride = 32;
inline constexpr std::uint32_t ECMDQ_BASE = 0x00, ECMDQ_PROD = 0x08, ECMDQ_CONS = 0x0C;
inline constexpr std::uint32_t S_IDR0 = 0x8000, S_IDR1 = 0x8004, S_CR0 = 0x8020, S_CR0ACK = 0x8024, S_CR1 = 0x8028,
                               S_CR2 = 0x802C, S_INIT = 0x803C, S_GBPA = 0x8044, S_AGBPA = 0x8048, S_IRQ_CTRL = 0x8050,
                               S_IRQ_CTRLACK = 0x8054, S_GERROR = 0x8060, S_GERRORN = 0x8064;
}  // namespace reg

inline constexpr std::array kRegisters{
    RegSpec{"SMMU_IDR0", 0x00, 4, Access::ro, 0, "IHI 0070 6.3, ID registers"},
    RegSpec{"SMMU_IDR1", 0x04, 4, Access::ro, 0, "IHI 0070 6.3, ID registers"},
    RegSpec{"SMMU_IDR2", 0x08, 4, Access::ro, 0, "IHI 0070 6.3, ID registers"},
    RegSpec{"SMMU_IDR3", 0x0C, 4, Access::ro, 0, "IHI 0070 6.3, ID registers"},
    RegSpec{"SMMU_IDR4", 0x10, 4, Access::ro, 0, "IHI 0070 6.3, ID registers"},
    RegSpec{"SMMU_IDR5", 0x14, 4, Access::ro, 0, "IHI 0070 6.3, ID registers"},
    RegSpec{"SMMU_IIDR", 0x18, 4, Access::ro, 0, "IHI 0070 6.3, ID registers"},
    RegSpec{"SMMU_AIDR", 0x1C, 4, Access::ro, 0, "IHI 0070 6.3, ID registers"},
    RegSpec{"SMMU_CR0", 0x20, 4, Access::rw, 0, "IHI 0070 6.3, control"},
    RegSpec{"SMMU_CR0ACK", 0x24, 4, Access::ro, 0, "IHI 0070 6.3, control"},
    RegSpec{"SMMU_CR1", 0x28, 4, Access::rw, 0, "IHI 0070 6.3, control"},
    RegSpec{"SMMU_CR2", 0x2C, 4, Access::rw, 0, "IHI 0070 6.3, control"},
    RegSpec{"SMMU_STATUSR", 0x40, 4, Access::ro, 0, "IHI 0070 6.3, control"},
    RegSpec{"SMMU_GBPA", 0x44, 4, Access::rw, 0x1000, "IHI 0070 6.3, global bypass"},
    RegSpec{"SMMU_AGBPA", 0x48, 4, Access::rw, 0, "IHI 0070 6.3, global bypass"},
    RegSpec{"SMMU_IRQ_CTRL", 0x50, 4, Access::rw, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_IRQ_CTRLACK", 0x54, 4, Access::ro, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_GERROR", 0x60, 4, Access::ro, 0, "IHI 0070 6.3, global errors"},
    RegSpec{"SMMU_GERRORN", 0x64, 4, Access::rw, 0, "IHI 0070 6.3, global errors"},
    RegSpec{"SMMU_GERROR_IRQ_CFG0", 0x68, 8, Access::rw, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_GERROR_IRQ_CFG1", 0x70, 4, Access::rw, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_GERROR_IRQ_CFG2", 0x74, 4, Access::rw, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_STRTAB_BASE", 0x80, 8, Access::rw, 0, "IHI 0070 6.3, stream table"},
    RegSpec{"SMMU_STRTAB_BASE_CFG", 0x88, 4, Access::rw, 0, "IHI 0070 6.3, stream table"},
    RegSpec{"SMMU_CMDQ_BASE", 0x90, 8, Access::rw, 0, "IHI 0070 6.3, command queue"},
    RegSpec{"SMMU_CMDQ_PROD", 0x98, 4, Access::rw, 0, "IHI 0070 6.3, command queue"},
    RegSpec{"SMMU_CMDQ_CONS", 0x9C, 4, Access::rw, 0, "IHI 0070 6.3, command queue"},
    RegSpec{"SMMU_EVENTQ_BASE", 0xA0, 8, Access::rw, 0, "IHI 0070 6.3, event queue"},
    RegSpec{"SMMU_EVENTQ_IRQ_CFG0", 0xB0, 8, Access::rw, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_EVENTQ_IRQ_CFG1", 0xB8, 4, Access::rw, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_EVENTQ_IRQ_CFG2", 0xBC, 4, Access::rw, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_PRIQ_BASE", 0xC0, 8, Access::rw, 0, "IHI 0070 6.3, page request queue"},
    RegSpec{"SMMU_PRIQ_IRQ_CFG0", 0xD0, 8, Access::rw, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_PRIQ_IRQ_CFG1", 0xD8, 4, Access::rw, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_PRIQ_IRQ_CFG2", 0xDC, 4, Access::rw, 0, "IHI 0070 6.3, interrupts"},
    RegSpec{"SMMU_GATOS_CTRL", 0x100, 4, Access::rw, 0, "IHI 0070 6.3, address translation operations"},
    RegSpec{"SMMU_GATOS_SID", 0x108, 8, Access::rw, 0, "IHI 0070 6.3, address translation operations"},
    RegSpec{"SMMU_GATOS_ADDR", 0x110, 8, Access::rw, 0, "IHI 0070 6.3, address translation operations"},
    RegSpec{"SMMU_GATOS_PAR", 0x118, 8, Access::ro, 0, "IHI 0070 6.3, address translation operations"},
    RegSpec{"SMMU_IDR6", 0x190, 4, Access::ro, 0, "IHI 0070 6.3, ID registers"},
    RegSpec{"SMMU_PIDR4", 0xFD0, 4, Access::ro, 0x04, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_PIDR5", 0xFD4, 4, Access::ro, 0x00, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_PIDR6", 0xFD8, 4, Access::ro, 0x00, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_PIDR7", 0xFDC, 4, Access::ro, 0x00, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_PIDR0", 0xFE0, 4, Access::ro, 0x84, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_PIDR1", 0xFE4, 4, Access::ro, 0xB4, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_PIDR2", 0xFE8, 4, Access::ro, 0xF0, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_PIDR3", 0xFEC, 4, Access::ro, 0x10, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_CIDR0", 0xFF0, 4, Access::ro, 0x0D, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_CIDR1", 0xFF4, 4, Access::ro, 0xF0, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_CIDR2", 0xFF8, 4, Access::ro, 0x05, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_CIDR3", 0xFFC, 4, Access::ro, 0xB1, "IHI 0070 6.3, identification"},
    RegSpec{"SMMU_S_IDR0", 0x8000, 4, Access::ro, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_IDR1", 0x8004, 4, Access::ro, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_CR0", 0x8020, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_CR0ACK", 0x8024, 4, Access::ro, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_CR1", 0x8028, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_CR2", 0x802C, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_INIT", 0x803C, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_GBPA", 0x8044, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_AGBPA", 0x8048, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_IRQ_CTRL", 0x8050, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_IRQ_CTRLACK", 0x8054, 4, Access::ro, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_GERROR", 0x8060, 4, Access::ro, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_GERRORN", 0x8064, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_GERROR_IRQ_CFG0", 0x8068, 8, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_GERROR_IRQ_CFG1", 0x8070, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_GERROR_IRQ_CFG2", 0x8074, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_STRTAB_BASE", 0x8080, 8, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_STRTAB_BASE_CFG", 0x8088, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_CMDQ_BASE", 0x8090, 8, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_CMDQ_PROD", 0x8098, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_CMDQ_CONS", 0x809C, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_EVENTQ_BASE", 0x80A0, 8, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_EVENTQ_PROD", 0x80A8, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_EVENTQ_CONS", 0x80AC, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_EVENTQ_IRQ_CFG0", 0x80B0, 8, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_EVENTQ_IRQ_CFG1", 0x80B8, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_S_EVENTQ_IRQ_CFG2", 0x80BC, 4, Access::rw, 0, "IHI 0070 6.3, secure page"},
    RegSpec{"SMMU_EVENTQ_PROD", 0x100A8, 4, Access::rw, 0, "IHI 0070 6.3, event queue"},
    RegSpec{"SMMU_EVENTQ_CONS", 0x100AC, 4, Access::rw, 0, "IHI 0070 6.3, event queue"},
    RegSpec{"SMMU_PRIQ_PROD", 0x100C8, 4, Access::rw, 0, "IHI 0070 6.3, page request queue"},
    RegSpec{"SMMU_PRIQ_CONS", 0x100CC, 4, Access::rw, 0, "IHI 0070 6.3, page request queue"},
};
static_assert(sorted_and_disjoint(kRegisters));

/// One of each for every control page, at its offset in page 0.
inline constexpr std::array kControlPageRegisters{
    RegSpec{"SMMU_CMDQ_CONTROL_PAGE_BASEn", 0x4000, 8, Access::ro, 0, "IHI 0070 6.3.49"},
    RegSpec{"SMMU_CMDQ_CONTROL_PAGE_CFGn", 0x4008, 4, Access::ro, 1, "IHI 0070 6.3.50"},
    RegSpec{"SMMU_CMDQ_CONTROL_PAGE_STATUSn", 0x400C, 4, Access::ro, 1, "IHI 0070 6.3.51"},
};
/// One of each for every queue, at its offset in the queue's part of its control page.
inline constexpr std::array kEcmdqRegisters{
    RegSpec{"SMMU_ECMDQ_BASEn", 0x00, 8, Access::rw, 0, "IHI 0070 6.3.107"},
    RegSpec{"SMMU_ECMDQ_PRODn", 0x08, 4, Access::rw, 0, "IHI 0070 6.3.108"},
    RegSpec{"SMMU_ECMDQ_CONSn", 0x0C, 4, Access::rw, 0, "IHI 0070 6.3.109"},
};
static_assert(sorted_and_disjoint(kControlPageRegisters) && sorted_and_disjoint(kEcmdqRegisters));

namespace idr0 {
inline constexpr Field S2P{0, 1}, S1P{1, 1}, TTF{2, 2}, COHACC{4, 1}, BTM{5, 1}, HTTU{6, 2}, DORMHINT{8, 1}, HYP{9, 1},
    ATS{10, 1}, NS1ATS{11, 1}, ASID16{12, 1}, MSI{13, 1}, SEV{14, 1}, ATOS{15, 1}, PRI{16, 1}, VMW{17, 1},
    VMID16{18, 1}, CD2L{19, 1}, VATOS{20, 1}, TTENDIAN{21, 2}, ATSRECERR{23, 1}, STALL_MODEL{24, 2}, TERM_MODEL{26, 1},
    ST_LEVEL{27, 2}, RME_IMPL{30, 1};
inline constexpr std::uint64_t TTF_AARCH64 = 2, TTENDIAN_LE = 2, STALL_MODEL_BOTH = 0, STALL_MODEL_NONE = 1,
                               STALL_MODEL_FORCED = 2, ST_LEVEL_LINEAR = 0, ST_LEVEL_2 = 1;
}  // namespace idr0
namespace idr1 {
inline constexpr Field SIDSIZE{0, 6}, SSIDSIZE{6, 5}, PRIQS{11, 5}, EVENTQS{16, 5}, CMDQS{21, 5}, ATTR_PERMS_OVR{26, 1},
    ATTR_TYPES_OVR{27, 1}, REL{28, 1}, QUEUES_PRESET{29, 1}, TABLES_PRESET{30, 1}, ECMDQ{31, 1};
}
namespace idr3 {
inline constexpr Field HAD{2, 1}, PBHA{3, 1}, XNX{4, 1}, PPS{5, 1}, MPAM{7, 1}, FWB{8, 1}, STT{9, 1}, RIL{10, 1},
    BBML{11, 2}, E0PD{13, 1}, PTWNNC{14, 1}, DPT{15, 1};
}
namespace idr5 {
inline constexpr Field OAS{0, 3}, GRAN4K{4, 1}, GRAN16K{5, 1}, GRAN64K{6, 1}, DS{7, 1}, VAX{10, 2}, STALL_MAX{16, 16};
}
namespace idr6 {
inline constexpr Field CMDQ_CONTROL_PAGE_LOG2NUMQ{16, 4}, CMDQ_CONTROL_PAGE_LOG2NUMP{24, 4};
}
namespace cmdq_control_page_base {
inline constexpr Field PRESET{0, 1}, CMDQGS{1, 2}, ADDR{16, 40};
inline constexpr std::uint64_t CMDQGS_64K = 1;
}  // namespace cmdq_control_page_base
namespace ecmdq_prod {
inline constexpr Field ERRACK{23, 1}, EN{31, 1};
}
namespace ecmdq_cons {
inline constexpr Field ERR{23, 1}, ERR_REASON{24, 3}, ENACK{31, 1};
}
namespace iidr {
inline constexpr Field Implementer{0, 12}, Revision{12, 4}, Variant{16, 4}, ProductID{20, 12};
}
namespace cr0 {
inline constexpr Field SMMUEN{0, 1}, PRIQEN{1, 1}, EVENTQEN{2, 1}, CMDQEN{3, 1}, ATSCHK{4, 1}, VMW{6, 3},
    DPT_WALK_EN{10, 1};
}
namespace cr1 {
inline constexpr Field QUEUE_IC{0, 2}, QUEUE_OC{2, 2}, QUEUE_SH{4, 2}, TABLE_IC{6, 2}, TABLE_OC{8, 2}, TABLE_SH{10, 2};
inline constexpr std::uint64_t CACHE_NC = 0, CACHE_WB = 1, CACHE_WT = 2, SH_NSH = 0, SH_OSH = 2, SH_ISH = 3;
}  // namespace cr1
namespace cr2 {
inline constexpr Field E2H{0, 1}, RECINVSID{1, 1}, PTM{2, 1}, REC_CFG_ATS{3, 1};
}
namespace gbpa {
inline constexpr Field MEMATTR{0, 4}, MTCFG{4, 1}, ALLOCCFG{8, 4}, SHCFG{12, 2}, PRIVCFG{16, 2}, INSTCFG{18, 2},
    ABORT{20, 1}, UPDATE{31, 1};
}
namespace irq_ctrl {
inline constexpr Field GERROR_IRQEN{0, 1}, PRIQ_IRQEN{1, 1}, EVENTQ_IRQEN{2, 1};
}
/// GERROR and GERRORN share these.
namespace gerror {
inline constexpr Field CMDQ_ERR{0, 1}, EVENTQ_ABT{2, 1}, PRIQ_ABT{3, 1}, MSI_CMDQ_ABT{4, 1}, MSI_EVENTQ_ABT{5, 1},
    MSI_PRIQ_ABT{6, 1}, MSI_GERROR_ABT{7, 1}, SFM_ERR{8, 1}, CMDQP_ERR{9, 1};
}
/// *_IRQ_CFG0 (address in place), CFG1 (MSI data), CFG2.
namespace irq_cfg {
inline constexpr Field ADDR{2, 50}, DATA{0, 32}, MEMATTR{0, 4}, SH{4, 2}, PRIQ_LO{31, 1};
}
namespace strtab_base {
inline constexpr Field ADDR{6, 46}, RA{62, 1};
}
namespace strtab_base_cfg {
inline constexpr Field LOG2SIZE{0, 6}, SPLIT{6, 5}, FMT{16, 2};
inline constexpr std::uint64_t FMT_LINEAR = 0, FMT_2LVL = 1;
}  // namespace strtab_base_cfg
/// CMDQ_BASE, EVENTQ_BASE, PRIQ_BASE. Bit 62 is RA for the command queue, WA for the others.
namespace queue_base {
inline constexpr Field LOG2SIZE{0, 5}, ADDR{5, 47}, RA{62, 1}, WA{62, 1};
}
/// Index and wrap share bits [LOG2SIZE:0]; these are the flags above them.
namespace cmdq_cons {
inline constexpr Field ERR{24, 7};
inline constexpr std::uint64_t CERROR_NONE = 0, CERROR_ILL = 1, CERROR_ABT = 2, CERROR_ATC_INV_SYNC = 3;
}  // namespace cmdq_cons
namespace eventq {
inline constexpr Field OVFLG{31, 1}, OVACKFLG{31, 1};
}
namespace gatos_ctrl {
inline constexpr Field RUN{0, 1};
}
namespace gatos_sid {
inline constexpr Field STREAMID{0, 32}, SUBSTREAMID{32, 20}, SSID_VALID{52, 1};
}
namespace gatos_addr {
inline constexpr Field HTTUI{6, 1}, InD{7, 1}, RnW{8, 1}, PnU{9, 1}, TYPE{10, 2}, ADDR{12, 52};
}
namespace gatos_par {
inline constexpr Field FAULT{0, 1}, SH{8, 2}, SIZE{11, 1}, ADDR{12, 40}, ATTR{56, 8}, REASON{1, 2}, FAULTCODE{4, 8};
}

/// Output address sizes as IDR5.OAS, STE.S2PS and CD.IPS code them; reserved codes act as the largest.
constexpr unsigned address_bits(std::uint64_t code) {
    constexpr unsigned kBits[8] = {32, 36, 40, 42, 44, 48, 52, 52};
    return kBits[code & 7];
}

}  // namespace xlate::iommu::smmuv3
