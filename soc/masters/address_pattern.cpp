#include "soc/masters/address_pattern.hpp"

#include <algorithm>
#include <string>

#include "base/bits.hpp"
#include "base/error.hpp"

namespace xlate::soc {

AddressPattern::AddressPattern(const TrafficParams& params, std::uint64_t seed, std::string_view master)
    : pattern_(params.pattern),
      size_(params.size_bytes),
      unit_(std::uint64_t{1} << log2_ceil(params.size_bytes)),
      stride_(params.stride_bytes),
      transactions_(std::max<std::uint64_t>(1, params.run_bytes / std::max(params.size_bytes, 1U))),
      run_(std::uint64_t{1} << log2_ceil(std::max<std::uint64_t>(params.run_bytes, 1))),
      wanted_set_(params.working_set_bytes),
      rng_(seed, "soc.master." + std::string(master) + ".addresses") {}

void AddressPattern::cover(std::vector<DmaRegion> regions) {
    regions_.clear();
    starts_.clear();
    std::uint64_t total = 0;
    for (const DmaRegion& region : regions) {
        if (region.size == 0) continue;
        regions_.push_back(region);
        starts_.push_back(total);
        total += region.size;
    }
    XLATE_CHECK(total > 0, "a master was started with nothing mapped");
    working_set_ = wanted_set_ == 0 ? total : std::min(wanted_set_, total);
    offset_ = 0;
    region_ = {};
}

void AddressPattern::follow(std::vector<std::uint64_t> offsets) {
    XLATE_CHECK(!offsets.empty(), "a master follows no addresses");
    followed_ = std::move(offsets);
    pattern_ = Pattern::linear;
    offset_ = 0;
}

std::uint64_t AddressPattern::next() {
    const std::uint64_t units = std::max<std::uint64_t>(1, working_set_ / unit_);
    if (pattern_ == Pattern::random && transactions_ == 1) return at(rng_.below(units) * unit_);
    if (pattern_ == Pattern::random) return next_of_run();
    if (!followed_.empty()) return at(followed_[offset_++ % followed_.size()]);
    const std::uint64_t offset = offset_;
    offset_ += pattern_ == Pattern::linear ? unit_ : stride_;
    if (offset_ >= units * unit_) offset_ %= units * unit_;
    return at(offset);
}

std::uint64_t AddressPattern::next_of_run() {
    if (left_ == 0) {
        offset_ = rng_.below(std::max<std::uint64_t>(1, working_set_ / run_)) * run_;
        left_ = transactions_;
    }
    --left_;
    const std::uint64_t offset = offset_;
    offset_ += size_;
    return at(std::min(offset, working_set_ - 1));
}

std::uint64_t AddressPattern::place(std::uint64_t offset, std::uint32_t size) {
    return at(offset % working_set_, size);
}

std::uint64_t AddressPattern::at(std::uint64_t offset, std::uint64_t size) {
    if (offset - start_ >= region_.size) {  // in front of it: a large number
        const auto above = std::upper_bound(starts_.begin(), starts_.end(), offset);
        const auto index = static_cast<std::size_t>(above - starts_.begin()) - 1;
        start_ = starts_[index];
        region_ = regions_[index];
    }
    // The last piece of a region may be shorter than a transaction: then the transaction ends where the region ends.
    std::uint64_t within = offset - start_;
    if (within + size > region_.size) within = region_.size > size ? region_.size - size : 0;
    const std::uint64_t address = region_.iova.value + within;
    const std::uint64_t page_end = align_down(address, 4096) + 4096;
    return address + size > page_end ? page_end - size : address;
}

}  // namespace xlate::soc
