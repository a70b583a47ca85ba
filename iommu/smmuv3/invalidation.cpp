#include "iommu/smmuv3/invalidation.hpp"

namespace xlate::iommu::smmuv3 {

bool Invalidation::covers_space(std::uint64_t space, bool entry_is_global) const {
    const Regime regime = space_tag::regime(space);
    const auto entry_asid = static_cast<std::uint16_t>(space_tag::ASID.get(space));
    const bool same_vmid = ((space_tag::VMID.get(space) ^ vmid) & vmid_mask) == 0;
    const bool stage1 = regime == Regime::ns_el1 || regime == Regime::ns_el1_nested;
    const bool is_el2 = regime == Regime::el2 || regime == Regime::el2_e2h;
    switch (kind) {
        case Kind::everything:
            return true;
        case Kind::s1_all:
        case Kind::s1_vaa:
            return stage1 && same_vmid;
        case Kind::s1_asid:
            return stage1 && same_vmid && !entry_is_global && entry_asid == asid;
        case Kind::s1_va:
            return stage1 && same_vmid && (entry_is_global || entry_asid == asid);
        case Kind::el2_all:
        case Kind::el2_vaa:
            return is_el2;
        case Kind::el2_asid:
            return is_el2 && !entry_is_global && entry_asid == asid;
        case Kind::el2_va:
            return is_el2 && (!e2h || entry_is_global || entry_asid == asid);
        case Kind::s12_vmall:
            return (stage1 || regime == Regime::ns_stage2) && same_vmid;
        case Kind::s2_ipa:
            return regime == Regime::ns_stage2 && same_vmid;
        case Kind::nsnh_all:
            return stage1 || regime == Regime::ns_stage2;
        case Kind::ste:
        case Kind::ste_range:
        case Kind::cd:
        case Kind::cd_all:
        case Kind::atc:
            return false;
    }
    return false;
}

bool Invalidation::covers(const CachedTranslation& entry) const {
    if (!covers_space(entry.space, entry.global)) return false;
    if (!by_address()) return true;
    if (granule != 0) {
        if (entry.granule != granule) return false;
        if (level != 0 && entry.level != level) return false;
    }
    // Bit 55 is the highest that tells addresses of one space apart: the bits above copy it or are ignored.
    // A stage 1 block that stage 2 breaks into pieces goes as a whole.
    const unsigned log2_bytes = entry.leaf_log2_bytes > entry.log2_bytes ? entry.leaf_log2_bytes : entry.log2_bytes;
    const std::uint64_t low = entry.va & low_mask(56) & ~low_mask(log2_bytes);
    const std::uint64_t high = low + low_mask(log2_bytes);
    const std::uint64_t from = first & low_mask(56);
    const std::uint64_t to = from + (last - first);
    return low <= to && from <= high;
}

bool Invalidation::covers_endpoint(const CachedTranslation& entry) const {
    if (stream_of(entry.stream) != sid) return false;
    const std::optional<SubstreamId> substream = ssid_valid ? std::optional(SubstreamId{ssid}) : std::nullopt;
    if (!global && entry.stream != stream_tag(sid, substream)) return false;
    return entry.va <= last && first <= entry.va + low_mask(entry.log2_bytes);
}

bool Invalidation::covers_stream(StreamId stream, std::uint32_t cd_index) const {
    switch (kind) {
        case Kind::everything:
            return true;
        case Kind::ste:
        case Kind::cd_all:
            return stream == sid;
        case Kind::ste_range:
            return sid_shift >= 32 || (value(stream) >> sid_shift) == (value(sid) >> sid_shift);
        case Kind::cd:
            return stream == sid && cd_index == ssid;
        default:
            return false;
    }
}

}  // namespace xlate::iommu::smmuv3
