#include "kernel-model/dma/swiotlb.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/driver-core/device.hpp"

namespace xlate::kernel {

Swiotlb::Swiotlb(Kernel& kernel, PageAllocator& pages, const firmware::Description& description,
                 const SwiotlbParams& params)
    : kernel_(kernel), pages_(pages), params_(params) {
    const bool high = std::any_of(description.memory.begin(), description.memory.end(), [&](const auto& range) {
        return range.size != 0 && range.base + (range.size - 1) > params.reach;
    });
    const bool low = std::any_of(description.memory.begin(), description.memory.end(),
                                 [&](const auto& range) { return range.base <= params.reach; });
    const bool needed = high || params.always;
    active_ =
        low && (params.mode == SwiotlbParams::Mode::force || (needed && params.mode == SwiotlbParams::Mode::as_needed));
    params_.slots = align_up(std::max<std::uint64_t>(params_.slots, kSegmentSlots), kSegmentSlots);
}

bool Swiotlb::allocate_pool() {
    if (pool_) return true;
    while (params_.slots >= kSegmentSlots) {
        pool_ = pages_.alloc(params_.slots * kSlotBytes);
        if (pool_ && pool_->value + params_.slots * kSlotBytes - 1 <= params_.reach) break;
        if (pool_) pages_.free(*pool_, params_.slots * kSlotBytes);
        pool_.reset();
        params_.slots /= 2;
    }
    if (!pool_) {
        active_ = false;
        return false;
    }
    used_.assign(params_.slots, false);
    kernel_.console.info("software IO TLB", "mapped [mem {:#018x}-{:#018x}] ({}MB)", pool_->value,
                         pool_->value + params_.slots * kSlotBytes - 1, (params_.slots * kSlotBytes) >> 20);
    return true;
}

/// Next fit from a multiple of `stride`, never over the end of a segment.
std::optional<std::uint64_t> Swiotlb::find_slots(std::uint64_t count, std::uint64_t stride) {
    for (std::uint64_t tried = 0, at = align_up(next_, stride) % params_.slots; tried < params_.slots;) {
        if (at + count > align_down(at, kSegmentSlots) + kSegmentSlots) {
            const std::uint64_t segment = (align_down(at, kSegmentSlots) + kSegmentSlots) % params_.slots;
            tried += segment > at ? segment - at : params_.slots - at;
            at = segment;
            continue;
        }
        std::uint64_t free = 0;
        while (free < count && !used_[at + free]) ++free;
        if (free == count) {
            next_ = (at + count) % params_.slots;
            return at;
        }
        const std::uint64_t step = align_up(free + 1, stride);
        tried += step;
        at = (at + step) % params_.slots;
    }
    return std::nullopt;
}

void Swiotlb::copy(std::uint64_t size) {
    stats_.bytes_copied += size;
    kernel_.spend(SimTime{params_.copy_per_kib.fs * size / 1024});
}

std::optional<PhysAddr> Swiotlb::map(Device& dev, PhysAddr buffer, std::uint64_t size, bool back,
                                     std::uint64_t granule) {
    Frame frame{kernel_, "swiotlb_tbl_map_single"};
    if (!active_ || !allocate_pool()) return std::nullopt;
    kernel_.spend(params_.search);
    const std::uint64_t offset = buffer.value & (granule - 1);
    const std::uint64_t count = align_up(offset + size, granule) / kSlotBytes;
    const auto first = count <= kSegmentSlots ? find_slots(count, granule / kSlotBytes) : std::nullopt;
    if (!first) {
        ++stats_.full;
        kernel_.console.warn(dev.prefix(), "swiotlb buffer is full (sz: {} bytes), total {} (slots), used {} (slots)",
                             size, params_.slots, in_use_);
        return std::nullopt;
    }
    for (std::uint64_t i = 0; i < count; ++i) used_[*first + i] = true;
    mappings_[*first] = {count, size, back};
    in_use_ += count;
    stats_.most_slots = std::max(stats_.most_slots, in_use_);
    ++stats_.bounces;
    // Also for what the device only writes: what it leaves out must not be what was there before.
    copy(size);
    return PhysAddr{pool_->value + *first * kSlotBytes + offset};
}

bool Swiotlb::is_bounce(PhysAddr address) const {
    return pool_ && address.value >= pool_->value && address.value - pool_->value < params_.slots * kSlotBytes;
}

bool Swiotlb::unmap(PhysAddr bounce) {
    if (!is_bounce(bounce)) return false;
    Frame frame{kernel_, "swiotlb_tbl_unmap_single"};
    auto found = mappings_.upper_bound((bounce.value - pool_->value) / kSlotBytes);  // it may begin inside of a piece
    if (found == mappings_.begin()) return false;
    --found;
    if ((bounce.value - pool_->value) / kSlotBytes - found->first >= found->second.slots) return false;
    const Mapping mapping = found->second;
    if (mapping.back) copy(mapping.size);
    for (std::uint64_t i = 0; i < mapping.slots; ++i) used_[found->first + i] = false;
    in_use_ -= mapping.slots;
    mappings_.erase(found);
    return true;
}

}  // namespace xlate::kernel
