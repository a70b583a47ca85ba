// Which address a master accesses next.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/random.hpp"
#include "soc/config.hpp"

namespace xlate::soc {

struct DmaRegion {
    Iova iova;
    std::uint64_t size = 0;
};

/// Walks over the mapped regions as if they lay one behind the other. Offsets are multiples of the transaction's
/// size (a run's: of the run's), rounded up to a power of two; so no transaction crosses 4 KiB in a page-aligned
/// region, and where a region is not aligned the address is moved down to the page's end.
class AddressPattern {
public:
    AddressPattern(const TrafficParams& params, std::uint64_t seed, std::string_view master);
    /// `regions`: not empty in sum.
    void cover(std::vector<DmaRegion> regions);
    /// From now on these offsets instead, in their order and then again; each below the working set.
    void follow(std::vector<std::uint64_t> offsets);
    std::uint64_t next();
    /// Where `size` bytes at `offset` are; beyond the working set it begins again.
    std::uint64_t place(std::uint64_t offset, std::uint32_t size);
    /// The working set in bytes: what cover() gave, or less if the configuration says so.
    std::uint64_t working_set() const { return working_set_; }

private:
    std::uint64_t next_of_run();
    std::uint64_t at(std::uint64_t offset) { return at(offset, size_); }
    std::uint64_t at(std::uint64_t offset, std::uint64_t size);

    Pattern pattern_;
    std::uint64_t size_;
    std::uint64_t unit_;
    std::uint64_t stride_;
    std::uint64_t transactions_;  ///< random: of one run
    std::uint64_t run_;           ///< its bytes, rounded up to a power of two
    std::uint64_t wanted_set_;
    std::uint64_t working_set_ = 0;
    std::uint64_t offset_ = 0;  ///< linear, strided, within a run: of the next; following: how many are done
    std::uint64_t left_ = 0;    ///< transactions of the run under way
    std::uint64_t start_ = 0;   ///< offset of the region that was used last,
    DmaRegion region_;          ///< and that region
    std::vector<std::uint64_t> followed_;
    Rng rng_;
    std::vector<DmaRegion> regions_;
    std::vector<std::uint64_t> starts_;  ///< offset of each region
};

}  // namespace xlate::soc
