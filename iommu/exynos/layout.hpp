// Samsung's Exynos SysMMU, all that a driver and the hardware share: registers by version, and the words of its tables.
//   input    32 bits: [31:20] first-level index, [19:12] second-level index, [11:0] offset
//   tables   a first level of 4096 words (16 KiB), second levels of 256 words (1 KiB); words of 4 bytes
//   words    versions 1 to 3 hold 32-bit addresses in place; from version 5 on every word is an address of 36 bits
//            shifted right by 4, with other permission bits
// Source: docs/spec/iommu-hardware.md section 16.2; docs/spec/linux-findings.md 32, 33, and facts 5 and 32.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::exynos {

inline constexpr unsigned kInputBits = 32, kPageBits = 12, kLargePageBits = 16, kSectionBits = 20;
inline constexpr std::uint32_t kSectionEntries = 4096, kTableEntries = 256, kWordBytes = 4;
inline constexpr std::uint32_t kRootBytes = kSectionEntries * kWordBytes, kTableBytes = kTableEntries * kWordBytes;

/// As VERSION has it: major number in [10:7], minor number in [6:0].
struct Version {
    std::uint16_t raw = 0;
    constexpr unsigned major() const { return raw >> 7; }
    constexpr unsigned minor() const { return raw & 0x7F; }
    constexpr bool at_least(unsigned a_major, unsigned a_minor) const { return raw >= (a_major << 7 | a_minor); }
};
constexpr Version make_version(unsigned major, unsigned minor) {
    return {static_cast<std::uint16_t>((major & 0xF) << 7 | (minor & 0x7F))};
}

/// Registers that every version has in the same place.
namespace reg {
inline constexpr std::uint32_t CTRL = 0x00, CFG = 0x04, STATUS = 0x08, VERSION = 0x34, CAPA0 = 0x870, CAPA1 = 0x874,
                               CTRL_VM = 0x8000;
// Versions 1 to 3: where a fault says its address.
inline constexpr std::uint32_t PAGE_FAULT_ADDR = 0x24, AW_FAULT_ADDR = 0x28, AR_FAULT_ADDR = 0x2C,
                               DEFAULT_SLAVE_ADDR = 0x30;
// Versions 5 and 6.
inline constexpr std::uint32_t FAULT_AR_VA = 0x70, FAULT_AW_VA = 0x80;
inline constexpr std::uint32_t kSmallBytes = 0x1000;  ///< of the space, without the VM set
inline constexpr std::uint32_t kVmBytes = 0x9000;     ///< with it
}  // namespace reg

/// Where a version has the others. 0: it has no such register.
struct RegisterMap {
    std::uint32_t pt_base, flush_all, flush_entry, flush_range, flush_start, flush_end, int_status, int_clear, fault_va,
        fault_info;
};
inline constexpr RegisterMap kV1Registers{0x14, 0x0C, 0x10, 0, 0, 0, 0x18, 0x1C, 0, 0};
inline constexpr RegisterMap kV5Registers{0x0C, 0x10, 0x14, 0x18, 0x20, 0x24, 0x60, 0x64, 0, 0};
inline constexpr RegisterMap kV7Registers{0x0C, 0x10, 0x14, 0x18, 0x20, 0x24, 0x60, 0x64, 0x70, 0x78};
inline constexpr RegisterMap kV7VmRegisters{0x800C, 0x8010, 0x8014, 0x8018, 0x8020, 0x8024, 0x60, 0x64, 0x1000, 0x1004};
/// `vm`: version 7 has the registers of virtual machines.
constexpr const RegisterMap& registers_of(Version version, bool vm) {
    if (version.major() < 5) return kV1Registers;
    if (version.major() < 7) return kV5Registers;
    return vm ? kV7VmRegisters : kV7Registers;
}

namespace ctrl {
inline constexpr Field ENABLE{0, 1}, BLOCK{1, 1}, INTERRUPT{2, 1};
inline constexpr std::uint32_t kDisable = 0, kEnable = 5, kBlock = 7;
}  // namespace ctrl
namespace cfg {
inline constexpr Field LRU{0, 1}, EAP{2, 1}, QOS{7, 4}, FLPDCACHE{20, 1}, SYSSEL{22, 1}, ACGEN{24, 1};
}
namespace status {
inline constexpr Field BLOCKED{0, 1};
}
namespace version_reg {
inline constexpr Field RAW{21, 11};
inline constexpr std::uint32_t kUnsaid = 0x80000001;  ///< stands for 1.0
}  // namespace version_reg
constexpr Version version_of(std::uint32_t word) {
    if (word == version_reg::kUnsaid) return make_version(1, 0);
    return {static_cast<std::uint16_t>(version_reg::RAW.get(word))};
}
namespace capa {
inline constexpr Field CAPA1_EXISTS{11, 1};  ///< of CAPA0
inline constexpr Field VM_REGISTERS{14, 1};  ///< of CAPA1
}  // namespace capa
namespace ctrl_vm {
inline constexpr Field ENABLE{0, 1}, FAULT_STALLS{3, 1};
}
/// Of the entry flush: the page's address and this bit.
inline constexpr std::uint32_t kFlushOne = 1;

/// Bits of the interrupt registers.
namespace interrupt {
inline constexpr unsigned V1_PAGE = 0, V1_AR_MULTIHIT = 1, V1_AW_MULTIHIT = 2, V1_BUS = 3, V1_AR_SECURITY = 4,
                          V1_AR_ACCESS = 5, V1_AW_SECURITY = 6, V1_AW_ACCESS = 7;
inline constexpr unsigned V5_WALK = 0, V5_PAGE = 1, V5_MULTIHIT = 2, V5_ACCESS = 3, V5_SECURITY = 4,
                          V5_WRITE = 16;                                           ///< added for a write
inline constexpr unsigned V7_WALK = 0, V7_PAGE = 1, V7_ACCESS = 2, V7_FAULTS = 4;  ///< bits of one virtual machine
inline constexpr Field INFO_WRITE{20, 1};                                          ///< of version 7's fault information
}  // namespace interrupt

/// The shape of words: of versions 1 to 3, or from 5 on.
enum class Words : std::uint8_t { v1, v5 };
constexpr Words words_of(Version version) { return version.major() < 5 ? Words::v1 : Words::v5; }
constexpr unsigned output_bits(Words words) { return words == Words::v1 ? 32 : 36; }
constexpr unsigned address_shift(Words words) { return words == Words::v1 ? 0 : 4; }

enum class Kind : std::uint8_t { fault, table, section, large_page, small_page };
/// First level.
constexpr Kind section_kind(std::uint32_t word) {
    return (word & 3) == 1 ? Kind::table : (word & 3) == 2 ? Kind::section : Kind::fault;
}
/// Second level.
constexpr Kind page_kind(std::uint32_t word) {
    return (word & 2) != 0 ? Kind::small_page : (word & 3) == 1 ? Kind::large_page : Kind::fault;
}
constexpr unsigned log2_bytes(Kind kind) {
    return kind == Kind::section ? kSectionBits : kind == Kind::large_page ? kLargePageBits : kPageBits;
}
constexpr std::uint32_t type_bits(Kind kind) {
    return kind == Kind::section || kind == Kind::small_page ? 2 : kind == Kind::fault ? 0 : 1;
}

/// What a leaf maps to, or where a table lies.
constexpr std::uint64_t address(std::uint32_t word, Kind kind, Words words) {
    const std::uint64_t low = kind == Kind::table ? 10 : log2_bytes(kind);
    return (std::uint64_t{word} << address_shift(words)) & ~low_mask(static_cast<unsigned>(low));
}
constexpr std::uint32_t address_field(std::uint64_t address, Words words) {
    return static_cast<std::uint32_t>(address >> address_shift(words));
}

// Rights. Versions 1 to 3: bit 10 of a section (4 of a page) allows access, bit 15 (9) makes it read-only. From 5 on:
// bit 4 of a section (2 of a page) allows reading, bit 5 (3) writing.
constexpr bool may_read(std::uint32_t word, Kind kind, Words words) {
    const bool section = kind == Kind::section;
    const unsigned bit = words == Words::v1 ? (section ? 10 : 4) : (section ? 4 : 2);
    return (word >> bit & 1) != 0;
}
constexpr bool may_write(std::uint32_t word, Kind kind, Words words) {
    const bool section = kind == Kind::section;
    if (words == Words::v5) return (word >> (section ? 5 : 3) & 1) != 0;
    return may_read(word, kind, words) && (word >> (section ? 15 : 9) & 1) == 0;
}
/// Versions 1 to 3 cannot say "write only": it is read and write.
constexpr std::uint32_t rights_field(bool read, bool write, Kind kind, Words words) {
    const bool section = kind == Kind::section;
    const auto bit = [](bool on, unsigned at) { return on ? std::uint32_t{1} << at : std::uint32_t{0}; };
    if (words == Words::v5) return bit(read, section ? 4 : 2) | bit(write, section ? 5 : 3);
    return bit(read || write, section ? 10 : 4) | bit(read && !write, section ? 15 : 9);
}

constexpr std::uint32_t section_index(std::uint64_t input) { return static_cast<std::uint32_t>(input >> 20) & 0xFFF; }
constexpr std::uint32_t page_index(std::uint64_t input) { return static_cast<std::uint32_t>(input >> 12) & 0xFF; }

/// PT_BASE: the first table's address, or its page number.
constexpr std::uint32_t pt_base(std::uint64_t root, Words words) {
    return static_cast<std::uint32_t>(words == Words::v1 ? root : root >> kPageBits);
}
constexpr std::uint64_t root_of(std::uint32_t pt_base, Words words) {
    const std::uint64_t root = words == Words::v1 ? std::uint64_t{pt_base} : std::uint64_t{pt_base} << kPageBits;
    return keep(root, output_bits(words) - 1, 14);
}

}  // namespace xlate::iommu::exynos
