#include "iommu/invalidation.hpp"

namespace xlate::iommu {

bool Invalidation::covers_space(std::uint64_t of_space, bool of_global) const {
    if (target == Target::everything) return true;
    if (target != Target::translations || (of_global && keeps_global)) return false;
    return ((of_space ^ space) & (of_global ? global_mask : space_mask)) == 0;
}

bool Invalidation::covers(const CachedTranslation& entry) const {
    if (!covers_space(entry.space, entry.global)) return false;
    if (((entry.stream ^ stream) & stream_mask) != 0) return false;
    if (!by_address) return true;
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

bool Invalidation::covers_table(std::uint64_t of_space, std::uint64_t base, unsigned shift,
                                unsigned table_granule) const {
    // Tables are never global: a global leaf may be below one that an invalidation by ASID need not touch.
    if (!covers_space(of_space, false)) return false;
    if (!by_address) return true;
    if (leaf || (granule != 0 && table_granule != granule)) return false;
    const std::uint64_t from = first & low_mask(56);
    const std::uint64_t to = from + (last - first);
    const std::uint64_t low = base & low_mask(56);
    return low <= to && from <= low + low_mask(shift);
}

bool Invalidation::covers_endpoint(const CachedTranslation& entry) const {
    if (target != Target::endpoint || ((entry.stream ^ stream) & stream_mask) != 0) return false;
    return entry.va <= last && first <= entry.va + low_mask(entry.log2_bytes);
}

bool Invalidation::covers_stream(std::uint64_t tag) const {
    if (target == Target::everything) return true;
    return target == Target::configuration && ((tag ^ stream) & stream_mask) == 0;
}

}  // namespace xlate::iommu
