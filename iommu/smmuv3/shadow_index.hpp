// Finds what overlaps a range of addresses among pieces of power-of-two sizes, aligned to themselves.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "base/bits.hpp"

namespace xlate::iommu::smmuv3 {

/// Numbers by address range. Enumerates in order of size, base and insertion.
class ShadowIndex {
public:
    using Id = std::uint32_t;

    void add(unsigned log2_bytes, std::uint64_t base, Id id) { sizes_[log2_bytes][base].push_back(id); }
    void remove(unsigned log2_bytes, std::uint64_t base, Id id) {
        const auto size = sizes_.find(log2_bytes);
        if (size == sizes_.end()) return;
        const auto at = size->second.find(base);
        if (at == size->second.end()) return;
        std::vector<Id>& ids = at->second;
        ids.erase(std::remove(ids.begin(), ids.end(), id), ids.end());
        if (!ids.empty()) return;
        size->second.erase(at);
        if (size->second.empty()) sizes_.erase(size);
    }
    /// Adds those that overlap [first, last] to `found`.
    void overlapping(std::uint64_t first, std::uint64_t last, std::vector<Id>& found) const {
        for (const auto& [log2_bytes, bases] : sizes_) {
            const std::uint64_t from = log2_bytes >= 64 ? 0 : first & ~low_mask(log2_bytes);
            for (auto at = bases.lower_bound(from); at != bases.end() && at->first <= last; ++at) {
                found.insert(found.end(), at->second.begin(), at->second.end());
            }
        }
    }
    bool empty() const { return sizes_.empty(); }

private:
    std::map<unsigned, std::map<std::uint64_t, std::vector<Id>>> sizes_;
};

}  // namespace xlate::iommu::smmuv3
