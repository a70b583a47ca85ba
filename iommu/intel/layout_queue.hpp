// Descriptors of the invalidation queue, of 16 bytes or (IQA.DW) 32.
// Source: docs/spec/iommu-hardware.md section 3.3; VT-d specification 4.1, section 6.5.2.
#pragma once

#include <array>
#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::vtd {

using Descriptor = std::array<std::uint64_t, 4>;

enum class DescriptorType : std::uint8_t {
    context_cache = 1,
    iotlb = 2,
    device_tlb = 3,
    interrupt_entry_cache = 4,
    wait = 5,
    pasid_iotlb = 6,
    pasid_cache = 7,
    pasid_device_tlb = 8,
    page_group_response = 9
};

namespace qi {
inline constexpr Field TYPE{0, 4}, TYPE_HIGH{9, 3};
inline constexpr Field G{4, 2}, DID{16, 16};
/// Context cache.
inline constexpr Field CC_SID{32, 16}, CC_FM{48, 2};
inline constexpr std::uint64_t GLOBAL = 1, DOMAIN = 2, DEVICE = 3, PAGE = 3;
/// IOTLB; AM, IH of the second word.
inline constexpr Field DW{6, 1}, DR{7, 1}, AM{0, 6}, IH{6, 1};
/// Device TLB; S of the second word.
inline constexpr Field PFSID_LOW{12, 4}, QDEP{16, 5}, SID{32, 16}, PFSID_HIGH{52, 12}, S{0, 1};
/// Interrupt entry cache.
inline constexpr Field IEC_G{4, 1}, IM{27, 5}, IIDX{32, 16};
/// Wait.
inline constexpr Field IF{4, 1}, SW{5, 1}, FN{6, 1}, PD{7, 1}, STATUS{32, 32};
/// PASID-based ones.
inline constexpr Field PASID{32, 20};
inline constexpr std::uint64_t PASID_ALL = 2, PASID_PAGE = 3;                     ///< of G, PASID IOTLB
inline constexpr std::uint64_t PC_DOMAIN = 0, PC_PASID = 1, PC_GLOBAL = 3;        ///< of G, PASID cache
inline constexpr Field P_QDEP{4, 5}, P_SID{16, 16}, P_S{11, 1}, P_G{0, 1};        ///< PASID device TLB
inline constexpr Field PP{4, 1}, RC{12, 4}, RID{16, 16}, LPIG{2, 1}, PRGI{3, 9};  ///< page group response
constexpr std::uint64_t page(std::uint64_t word) { return keep(word, 63, 12); }
}  // namespace qi

/// A record of the page request queue: four words, the last two of which devices may fill.
inline constexpr std::uint32_t kPageRequestBytes = 32;
namespace page_record {
inline constexpr std::uint64_t TYPE = 1;
inline constexpr Field TYPE_FIELD{0, 8}, PASID_PRESENT{8, 1}, RID{16, 16}, PASID{32, 20}, EXECUTE{52, 1},
    PRIVILEGED{53, 1};
inline constexpr Field READ{0, 1}, WRITE{1, 1}, LAST{2, 1}, GROUP{3, 9};  ///< of the second; its page is bits 63:12
}  // namespace page_record

}  // namespace xlate::iommu::vtd
