#include "kernel-model/dma/page_allocator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/bits.hpp"
#include "base/error.hpp"

namespace xlate::kernel {
namespace {

/// Takes [base, base + size) out of `ranges`.
void exclude(std::vector<firmware::MemoryRange>& ranges, std::uint64_t base, std::uint64_t size) {
    std::vector<firmware::MemoryRange> left;
    const std::uint64_t end = base + size;
    for (const firmware::MemoryRange& range : ranges) {
        const std::uint64_t range_end = range.base + range.size;
        if (end <= range.base || base >= range_end) {
            left.push_back(range);
            continue;
        }
        if (base > range.base) left.push_back({range.base, base - range.base});
        if (end < range_end) left.push_back({end, range_end - end});
    }
    ranges = std::move(left);
}

}  // namespace

PageAllocator::PageAllocator(Kernel& kernel, const firmware::Description& description,
                             const PageAllocatorParams& params)
    : kernel_(kernel), params_(params), free_ranges_(description.memory) {
    XLATE_CHECK(is_power_of_two(params.page_bytes), fmt::format("page size {}", params.page_bytes));
    std::sort(free_ranges_.begin(), free_ranges_.end(),
              [](const auto& a, const auto& b) { return a.base != b.base ? a.base < b.base : a.size < b.size; });
    if (!free_ranges_.empty()) {
        const std::uint64_t image = std::min(params.kernel_image_bytes, free_ranges_.front().size / 4);
        exclude(free_ranges_, free_ranges_.front().base, image);
    }
    for (const firmware::MemoryRange& reserved : description.reservations) {
        exclude(free_ranges_, reserved.base, reserved.size);
    }
    if (const auto node = description.find_path("/reserved-memory")) {
        for (const firmware::NodeIndex child : description.node(*node).children) {
            for (const firmware::Reg& reg : description.node(child).regs) exclude(free_ranges_, reg.address, reg.size);
        }
    }
}

std::uint64_t PageAllocator::rounded(std::uint64_t bytes) const {
    return std::uint64_t{1} << log2_ceil(std::max(bytes, params_.page_bytes));
}

/// The first aligned piece of a range that was never used; what alignment leaves over is kept.
std::optional<PhysAddr> PageAllocator::carve(firmware::MemoryRange& range, std::uint64_t bytes) {
    const std::uint64_t at = align_up(range.base, bytes);
    if (at < range.base || at - range.base > range.size || range.size - (at - range.base) < bytes) return std::nullopt;
    for (std::uint64_t gap = range.base; gap < at;) {
        const std::uint64_t piece = std::min(gap & (~gap + 1), std::uint64_t{1} << log2_floor(at - gap));
        if (piece >= params_.page_bytes) gaps_[piece].push_back(gap);
        gap += piece;
    }
    range.size -= at + bytes - range.base;
    range.base = at + bytes;
    in_use_ += bytes;
    return PhysAddr{at};
}

std::optional<PhysAddr> PageAllocator::take(std::uint64_t bytes, bool& fresh) {
    fresh = false;
    if (const auto known = returned_.find(bytes); known != returned_.end() && !known->second.empty()) {
        const std::uint64_t address = known->second.back();
        known->second.pop_back();
        in_use_ += bytes;
        return PhysAddr{address};
    }
    // What the alignment of larger pieces left over, the smallest that does; its upper part stays.
    for (auto gap = gaps_.lower_bound(bytes); gap != gaps_.end(); ++gap) {
        if (gap->second.empty()) continue;
        const std::uint64_t address = gap->second.back();
        gap->second.pop_back();
        for (std::uint64_t half = gap->first / 2; half >= bytes; half /= 2) gaps_[half].push_back(address + half);
        in_use_ += bytes;
        fresh = true;
        return PhysAddr{address};
    }
    for (firmware::MemoryRange& range : free_ranges_) {
        if (const auto at = carve(range, bytes)) {
            fresh = true;
            return at;
        }
    }
    return std::nullopt;
}

std::optional<PhysAddr> PageAllocator::alloc_high(std::uint64_t bytes) {
    constexpr std::uint64_t kHigh = std::uint64_t{1} << 32;
    const std::uint64_t size = rounded(bytes);
    std::vector<std::uint64_t>& known = returned_[size];
    const auto last = std::find_if(known.rbegin(), known.rend(), [](std::uint64_t at) { return at >= kHigh; });
    std::optional<PhysAddr> address;
    if (last != known.rend()) {
        address = PhysAddr{*last};
        known.erase(std::next(last).base());
        in_use_ += size;
    }
    for (firmware::MemoryRange& range : free_ranges_) {
        if (!address && range.base >= kHigh) address = carve(range, size);
    }
    if (!address) return alloc(bytes);
    kernel_.spend(params_.page_allocation);
    return address;
}

std::optional<PhysAddr> PageAllocator::alloc(std::uint64_t bytes) {
    bool fresh = false;
    const auto address = take(rounded(bytes), fresh);
    kernel_.spend(params_.page_allocation);
    return address;
}

std::optional<PhysAddr> PageAllocator::alloc_zeroed(std::uint64_t bytes) {
    const std::uint64_t size = rounded(bytes);
    bool fresh = false;
    const auto address = take(size, fresh);
    kernel_.spend(params_.page_allocation);
    if (!address) return std::nullopt;
    kernel_.spend(params_.zero_per_page * (size / params_.page_bytes));
    if (!fresh || size <= params_.stored_zero_bytes) {
        const std::vector<std::uint8_t> zeros(size, 0);
        kernel_.machine.memory_write(*address, zeros.data(), zeros.size());
    }
    return address;
}

void PageAllocator::free(PhysAddr address, std::uint64_t bytes) {
    const std::uint64_t size = rounded(bytes);
    XLATE_CHECK(in_use_ >= size, fmt::format("{:#x}", address.value));
    in_use_ -= size;
    Annotation annotation;
    annotation.kind = Annotation::Kind::freed;
    annotation.first = address.value;
    annotation.bytes = size;
    kernel_.machine.annotate(annotation);
    returned_[size].push_back(address.value);
}

void PageAllocator::store(PhysAddr at, const std::uint64_t* words, std::size_t count, unsigned word_bytes) {
    std::vector<std::uint8_t> bytes(count * word_bytes);
    for (std::size_t i = 0; i < count; ++i) store_le(&bytes[word_bytes * i], word_bytes, words[i]);
    kernel_.machine.memory_write(at, bytes.data(), bytes.size());
}

std::uint64_t PageAllocator::read_u64(PhysAddr at) {
    std::uint8_t bytes[8] = {};
    kernel_.machine.memory_read(at, bytes, sizeof bytes);
    return load_le(bytes, 8);
}

void PageAllocator::relax() { kernel_.machine.pass(ns(10)); }

}  // namespace xlate::kernel
