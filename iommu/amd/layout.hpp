// AMD-Vi's registers, device table, commands, records and interrupt tables, shared by the hardware and its driver.
// Knows base only. Names follow the specification's fields. Source: docs/spec/iommu-hardware.md section 4; the PPR
// log's record: the kernel's decoder of it.
#pragma once

#include <array>
#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::amd {

inline constexpr std::uint32_t kRegisterBytes = 0x4000;
inline constexpr unsigned kPageBits = 12, kDeviceIdBits = 16, kPasidBits = 20;

namespace reg {
inline constexpr std::uint32_t DEVTAB = 0x00, CMDBUF = 0x08, EVTLOG = 0x10, CONTROL = 0x18, EXCL_BASE = 0x20,
                               EXCL_LIMIT = 0x28, EXT_FEAT = 0x30, PPRLOG = 0x38, GALOG = 0xE0, GALOG_TAIL = 0xE8,
                               MSI_CAP = 0x158, MSI_ADDR_LO = 0x15C, MSI_ADDR_HI = 0x160, MSI_DATA = 0x164,
                               XT_EVT = 0x170, XT_PPR = 0x178, XT_GA = 0x180, EXT_FEAT2 = 0x1A0, CMD_HEAD = 0x2000,
                               CMD_TAIL = 0x2008, EVT_HEAD = 0x2010, EVT_TAIL = 0x2018, STATUS = 0x2020,
                               PPR_HEAD = 0x2030, PPR_TAIL = 0x2038, GA_HEAD = 0x2040, GA_TAIL = 0x2048;
}  // namespace reg

namespace devtab {
inline constexpr Field SIZE{0, 9}, BASE{12, 40};  ///< SIZE: pages of 4 KiB, less one
}
/// Of the command buffer and the logs: 2^LENGTH entries.
namespace ring {
inline constexpr Field BASE{12, 40}, LENGTH{56, 4}, POINTER{4, 15};
}
namespace control {
inline constexpr Field EN{0, 1}, HTTUN{1, 1}, EVTLOG{2, 1}, EVTINT{3, 1}, COMWAIT{4, 1}, INVTO{5, 3}, PASSPW{8, 1},
    RESPASSPW{9, 1}, COH{10, 1}, ISOC{11, 1}, CMDBUF{12, 1}, PPRLOG{13, 1}, PPRINT{14, 1}, PPR{15, 1}, GT{16, 1},
    GA{17, 1}, GAM{25, 3}, GALOG{28, 1}, GAINT{29, 1}, XT{50, 1}, INTCAPXT{51, 1};
}
namespace status {
inline constexpr Field EVT_OVF{0, 1}, EVTINT{1, 1}, COMWAIT{2, 1}, EVTRUN{3, 1}, CMDRUN{4, 1}, PPR_OVF{5, 1},
    PPRINT{6, 1}, PPRRUN{7, 1}, GALOG_RUN{8, 1}, GALOG_OVF{9, 1}, GALOG_INT{10, 1};
inline constexpr std::uint64_t kClearable = EVT_OVF.mask() | EVTINT.mask() | COMWAIT.mask() | PPR_OVF.mask() |
                                            PPRINT.mask() | GALOG_OVF.mask() | GALOG_INT.mask();
}  // namespace status
namespace excl {
inline constexpr Field EN{0, 1}, ALLOW{1, 1}, ADDRESS{12, 40};
}
namespace feat {
inline constexpr Field PREF{0, 1}, PPR{1, 1}, XT{2, 1}, NX{3, 1}, GT{4, 1}, IA{6, 1}, GA{7, 1}, HE{8, 1}, PC{9, 1},
    HATS{10, 2}, GATS{12, 2}, GLX{14, 2}, PASMAX{32, 5}, GIO{48, 1};
}
/// The capability's copy in MSI_CAP: message control stands in the upper half.
namespace msi_cap {
inline constexpr Field ENABLE{16, 1};
}
/// The function's capability block, by offset: its first word, whose bits 7:0 are the capability's id.
inline constexpr unsigned kCapabilityHeader = 0;
namespace capability {
inline constexpr Field ID{0, 8}, TYPE{16, 3}, IOTLB{24, 1}, NP_CACHE{26, 1}, EFR{27, 1};
inline constexpr std::uint64_t kSecureDevice = 0xF, kIommu = 3;
}  // namespace capability
/// XT_EVT and its like.
namespace xt_int {
inline constexpr Field DM{2, 1}, DEST_LOW{8, 24}, VECTOR{32, 8}, DELIVERY{40, 1}, DEST_HIGH{56, 8};
}

// Device table.
inline constexpr std::uint32_t kDteBytes = 32;
using DteWords = std::array<std::uint64_t, 4>;
namespace dte {
// Word 0.
inline constexpr Field V{0, 1}, TV{1, 1}, HAD{7, 2}, MODE{9, 3}, ROOT{12, 40}, PPR{52, 1}, GIOV{54, 1}, GV{55, 1},
    GLX{56, 2}, GCR3_14_12{58, 3}, IR{61, 1}, IW{62, 1};
// Word 1.
inline constexpr Field DOMAIN_ID{0, 16}, GCR3_30_15{16, 16}, IOTLB{32, 1}, SE{33, 1}, SA{34, 1}, EX{39, 1},
    SYSMGT{40, 2}, GCR3_51_31{43, 21};
// Word 2. GUEST_LEVELS: 0 four, 1 five.
inline constexpr Field IV{0, 1}, INT_TAB_LEN{1, 4}, IG{5, 1}, INT_ROOT{6, 46}, GUEST_LEVELS{54, 2}, INIT{56, 1},
    EINT{57, 1}, NMI{58, 1}, INT_CTL{60, 2}, LINT0{62, 1}, LINT1{63, 1};
inline constexpr std::uint64_t INT_ABORT = 0, INT_PASS = 1, INT_REMAP = 2;
inline constexpr std::uint64_t kReserved0 = (low_mask(5) << 2) | (std::uint64_t{1} << 63),
                               kReserved2 = std::uint64_t{3} << 52, kReserved3 = low_mask(15) | (low_mask(6) << 48);
inline constexpr unsigned kMaxIntTabLen = 11;

constexpr std::uint64_t gcr3_root(const DteWords& words) {
    return GCR3_14_12.get(words[0]) << 12 | GCR3_30_15.get(words[1]) << 15 | GCR3_51_31.get(words[1]) << 31;
}
/// The fields of a GCR3 table's address, for words 0 and 1.
constexpr std::uint64_t gcr3_word0(std::uint64_t address) { return GCR3_14_12.of(address >> 12); }
constexpr std::uint64_t gcr3_word1(std::uint64_t address) {
    return GCR3_30_15.of(address >> 15) | GCR3_51_31.of(address >> 31);
}
}  // namespace dte

// Interrupt remapping table: entries of 4 bytes, or of 16 with control::GA.
namespace irte {
/// EOI: also the redirection hint of the message that comes out.
inline constexpr Field EN{0, 1}, NOFAULT{1, 1}, TYPE{2, 3}, EOI{5, 1}, DM{6, 1}, GUEST{7, 1};
inline constexpr Field DEST8{8, 8}, VECTOR8{16, 8};                  ///< of 4 bytes
inline constexpr Field DEST24{8, 24}, VECTOR{0, 8}, DEST_HI{56, 8};  ///< of 16; the last two: word 1
inline constexpr std::uint64_t FIXED = 0, ARBITRATED = 1;
}  // namespace irte
inline constexpr std::uint64_t kInterruptFirst = 0xFEE00000, kInterruptLast = 0xFEEFFFFF;
/// A message's data: the entry of the table; its upper bits are those that x86 knows as delivery mode.
namespace message {
inline constexpr Field INDEX{0, 11}, VECTOR{0, 8}, DELIVERY{8, 3};
inline constexpr Field DM{2, 1}, RH{3, 1}, DEST{12, 8};  ///< of its address
inline constexpr std::uint64_t FIXED = 0, LOWEST = 1, SMI = 2, NMI = 4, INIT = 5, EXTINT = 7;
}  // namespace message

// Commands: 16 bytes, as two words.
inline constexpr std::uint32_t kEntryBytes = 16;
using EntryWords = std::array<std::uint64_t, 2>;
enum class Opcode : std::uint8_t {
    completion_wait = 1,
    invalidate_devtab_entry = 2,
    invalidate_iommu_pages = 3,
    invalidate_iotlb_pages = 4,
    invalidate_interrupt_table = 5,
    prefetch_iommu_pages = 6,
    complete_ppr_request = 7,
    invalidate_iommu_all = 8
};
namespace cmd {
inline constexpr Field OPCODE{60, 4};
// COMPLETION_WAIT; the second word is the data.
inline constexpr Field STORE{0, 1}, INT{1, 1}, FLUSH{2, 1}, STORE_ADDRESS{3, 49};
// A device; a domain and a process of it.
inline constexpr Field DEVICE{0, 16}, PASID{0, 20}, DOMAIN_ID{32, 16};
// Second word of what invalidates pages.
inline constexpr Field S{0, 1}, PDE{1, 1}, GN{2, 1}, ADDRESS{12, 52};
// INVALIDATE_IOTLB_PAGES and PREFETCH_IOMMU_PAGES: PASID in three pieces.
inline constexpr Field PASID_15_8{16, 8}, QDEP{24, 8}, QUEUE{32, 16}, PASID_7_0{48, 8}, PASID_19_16{56, 4},
    PREFETCH_INVAL{4, 1};
// COMPLETE_PPR_REQUEST.
inline constexpr Field PPR_PASID{32, 20}, PPR_GN{2, 1}, PPR_TAG{32, 9}, PPR_STATUS{44, 4};
}  // namespace cmd

/// What an invalidation's address and S cover.
struct PageRange {
    std::uint64_t first = 0, last = ~std::uint64_t{0};
    bool all() const { return first == 0 && last == ~std::uint64_t{0}; }
};
constexpr PageRange page_range(std::uint64_t word) {
    const std::uint64_t address = word & cmd::ADDRESS.mask();
    unsigned log2 = kPageBits;
    if (cmd::S.test(word)) {
        while (log2 < 51 && (address >> log2 & 1) != 0) ++log2;
        if (log2 >= 51) return {};
        ++log2;
    }
    const std::uint64_t first = address & ~low_mask(log2);
    return {first, first + low_mask(log2)};
}
/// The second word that covers [first, last]: one page, the smallest aligned block around them, or everything.
constexpr std::uint64_t page_range_word(std::uint64_t first, std::uint64_t last) {
    if (first >> kPageBits == last >> kPageBits) return first & cmd::ADDRESS.mask();
    const unsigned log2 = log2_floor(first ^ last) + 1;
    if (log2 > 51) return (low_mask(63) & cmd::ADDRESS.mask()) | cmd::S.of(1);
    return (first & ~low_mask(log2)) | (low_mask(log2 - 1) & ~low_mask(kPageBits)) | cmd::S.of(1);
}

// Events: 16 bytes, as two words.
enum class Event : std::uint8_t {
    illegal_dev_table_entry = 1,
    io_page_fault = 2,
    dev_tab_hw_error = 3,
    page_tab_hw_error = 4,
    illegal_command = 5,
    command_hw_error = 6,
    iotlb_inv_timeout = 7,
    invalid_device_request = 8,
    invalid_ppr = 9
};
namespace event {
inline constexpr Field DEVICE{0, 16}, PASID_19_16{16, 4}, DOMAIN_ID{32, 16}, CODE{60, 4};
/// Flags, all in word 0.
inline constexpr Field GN{48, 1}, NX{49, 1}, US{50, 1}, I{51, 1}, PR{52, 1}, RW{53, 1}, PE{54, 1}, RZ{55, 1}, TR{56, 1};
/// PAGE_TAB_HW_ERROR and its like: 1 master abort, 2 target abort, 3 data error.
inline constexpr Field HW_TYPE{57, 2};
/// INVALID_DEVICE_REQUEST: 0 a read of the interrupt range, with TR an ATS request of a device without I; 1 a
/// translated access of a device without I.
inline constexpr Field REQUEST_TYPE{57, 3};
}  // namespace event

// PPR log: 16 bytes, as two words; the second one is the address.
namespace ppr {
inline constexpr Field DEVICE{0, 16}, PASID_15_0{16, 16}, TAG{32, 10}, PASID_19_16{42, 4}, FLAGS{48, 12}, CODE{60, 4};
inline constexpr std::uint64_t REQUEST = 1;
inline constexpr Field EXEC{49, 1}, READ{50, 1}, WRITE{53, 1}, US{54, 1}, GN{56, 1};
}  // namespace ppr

}  // namespace xlate::iommu::amd
