// SMMUv3's invalidation commands as matches, and back into words.
//   configuration  CFGI_*: stream[31:0] the SID, stream[51:32] the SSID of a CD
//   translations   TLBI_*: space tags (address_space.hpp)
//   endpoint       ATC_INV: stream_tag() of what the endpoint sends
// Source: docs/spec/iommu-hardware.md sections 1.7 and 1.12.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "iommu/invalidation.hpp"
#include "iommu/smmuv3/address_space.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/parameters.hpp"

namespace xlate::iommu::smmuv3 {

/// True if the command may name a range (RIL).
bool has_range(Opcode opcode);
/// SCALE: five bits; with DS six, of which values above 39 act as 39.
unsigned range_scale(const CommandWords& words, const Features& features);
/// TTL of a command with a granule. A 16K table has no block at level 1 without DS: that says as much as 0.
std::uint8_t range_level(const CommandWords& words, const Features& features);

/// The invalidation that a CFGI, TLBI or ATC_INV command asks for; nothing for other commands.
/// `cr0`: VMW; `cr2`: E2H.
std::optional<Invalidation> decode_invalidation(const CommandWords& words, const Features& features, std::uint32_t cr0,
                                                std::uint32_t cr2);

inline bool is(const Invalidation& invalidation, Opcode opcode) {
    return invalidation.code == static_cast<std::uint16_t>(opcode);
}
/// Whose configuration, or which endpoint's.
inline StreamId sid_of(const Invalidation& invalidation) { return stream_of(invalidation.stream); }
/// CFGI_CD.
inline std::uint32_t ssid_of(const Invalidation& invalidation) {
    return static_cast<std::uint32_t>((invalidation.stream >> 32) & low_mask(20));
}
/// What a configuration invalidation compares for the CD `cd_index` of `sid`, and for its STE.
inline std::uint64_t config_tag(StreamId sid, std::uint32_t cd_index) {
    return std::uint64_t{value(sid)} | (std::uint64_t{cd_index} << 32);
}

/// "TLBI_NH_VA ASID 1 0x1000 leaf".
std::string describe(const Invalidation& invalidation);

}  // namespace xlate::iommu::smmuv3
