// Tables in memory that say which domain a device's requests belong to, and where its interrupts go.
// Source: docs/spec/iommu-hardware.md sections 3.2, 3.5; VT-d specification 4.1, chapter 9 and section 5.1.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::vtd {

inline constexpr std::uint32_t kRootEntryBytes = 16, kContextEntryBytes = 16, kScalableContextBytes = 32,
                               kPasidDirectoryBytes = 8, kPasidEntryBytes = 64, kIrteBytes = 16;
inline constexpr unsigned kPasidBits = 20, kPasidTableBits = 6;

/// One word of 8 bytes for each half of a bus in scalable mode (devices below and from 128 on); legacy mode has one
/// with a reserved one behind it.
namespace root {
inline constexpr Field P{0, 1};
inline constexpr std::uint64_t kReserved = low_mask(12) & ~P.mask();
constexpr std::uint64_t table(std::uint64_t word) { return keep(word, 63, 12); }
}  // namespace root

/// Legacy mode: two words.
namespace context {
inline constexpr Field P{0, 1}, FPD{1, 1}, TT{2, 2};
inline constexpr Field AW{0, 3}, DID{8, 16};  ///< of the second; bits 6:3 are software's
inline constexpr std::uint64_t kReserved0 = low_mask(12) & ~low_mask(4);
inline constexpr std::uint64_t kReserved1 = ~(AW.mask() | DID.mask() | Field{3, 4}.mask());
inline constexpr std::uint64_t TRANSLATE = 0, DEVICE_TLB = 1, PASS_THROUGH = 2;
constexpr std::uint64_t table(std::uint64_t word) { return keep(word, 63, 12); }
/// Levels of AW 1, 2, 3; bits of input are vtd_table::input_bits() of them.
constexpr unsigned levels(std::uint64_t aw) { return static_cast<unsigned>(aw) + 2; }
}  // namespace context

/// Scalable mode: four words.
namespace scalable_context {
inline constexpr Field P{0, 1}, FPD{1, 1}, DTE{2, 1}, PASIDE{3, 1}, PRE{4, 1}, PDTS{9, 3};
inline constexpr Field RID_PASID{0, 20}, RID_PRIV{20, 1};  ///< of the second
inline constexpr std::uint64_t kReserved0 = Field{5, 4}.mask();
inline constexpr std::uint64_t kReserved1 = ~(RID_PASID.mask() | RID_PRIV.mask());
constexpr std::uint64_t directory(std::uint64_t word) { return keep(word, 63, 12); }
/// Entries of the PASID directory.
constexpr std::uint64_t entries(std::uint64_t word) { return std::uint64_t{1} << (PDTS.get(word) + 7); }
}  // namespace scalable_context

namespace pasid_directory {
inline constexpr Field P{0, 1}, FPD{1, 1};
inline constexpr std::uint64_t kReserved = low_mask(12) & ~low_mask(2);
constexpr std::uint64_t table(std::uint64_t word) { return keep(word, 63, 12); }
constexpr std::uint64_t index(std::uint32_t pasid) { return pasid >> kPasidTableBits; }
}  // namespace pasid_directory

/// PASID entry: eight words.
namespace pasid {
inline constexpr Field P{0, 1}, FPD{1, 1}, AW{2, 3}, SLEE{5, 1}, PGTT{6, 3}, SLADE{9, 1};
inline constexpr Field DID{0, 16}, PWSNP{23, 1}, PGSNP{24, 1};                                          ///< second
inline constexpr Field SRE{0, 1}, ERE{1, 1}, FLPM{2, 2}, WPE{4, 1}, NXE{5, 1}, SMEP{6, 1}, EAFE{7, 1};  ///< third
inline constexpr std::uint64_t kReserved0 = Field{10, 2}.mask(), kReserved1 = Field{16, 7}.mask(),
                               kReserved2 = Field{8, 4}.mask();
inline constexpr std::uint64_t FIRST_LEVEL = 1, SECOND_LEVEL = 2, NESTED = 3, PASS_THROUGH = 4;
constexpr std::uint64_t table(std::uint64_t word) { return keep(word, 63, 12); }
constexpr std::uint64_t index(std::uint32_t pasid) { return pasid & low_mask(kPasidTableBits); }
}  // namespace pasid

/// Interrupt remapping table entry: two words.
namespace irte {
inline constexpr Field P{0, 1}, FPD{1, 1}, DM{2, 1}, RH{3, 1}, TM{4, 1}, DLM{5, 3}, AVAIL{8, 4}, IM{15, 1}, V{16, 8},
    DST{32, 32}, XAPIC_DST{40, 8};
inline constexpr Field SID{0, 16}, SQ{16, 2}, SVT{18, 2};  ///< of the second
inline constexpr std::uint64_t kReserved0 = Field{12, 3}.mask() | Field{24, 8}.mask();
inline constexpr std::uint64_t kXapicReserved0 = Field{32, 8}.mask() | Field{48, 16}.mask();
inline constexpr std::uint64_t kReserved1 = ~low_mask(20);
inline constexpr std::uint64_t NO_CHECK = 0, CHECK_SID = 1, CHECK_BUS = 2;
inline constexpr Field LAST_BUS{0, 8}, FIRST_BUS{8, 8};  ///< of SID, with CHECK_BUS
}  // namespace irte

/// A message's address (bits 31:20 are 0xFEE) and data, as a device sends them.
namespace message {
inline constexpr Field HANDLE_15{2, 1}, SHV{3, 1}, REMAPPABLE{4, 1}, HANDLE_LOW{5, 15};
inline constexpr Field SUB_HANDLE{0, 16};  ///< of the data
/// As interrupt controllers take them (compatibility format).
inline constexpr Field DEST_MODE{2, 1}, REDIRECTION_HINT{3, 1}, DEST{12, 8}, DEST_HIGH{40, 24};
inline constexpr Field VECTOR{0, 8}, DELIVERY{8, 3}, LEVEL{14, 1}, TRIGGER{15, 1};
constexpr std::uint32_t handle(std::uint64_t address) {
    return static_cast<std::uint32_t>(HANDLE_LOW.get(address) | HANDLE_15.get(address) << 15);
}
}  // namespace message

}  // namespace xlate::iommu::vtd
