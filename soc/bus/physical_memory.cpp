#include "soc/bus/physical_memory.hpp"

#include <algorithm>
#include <cstring>

#include "base/bits.hpp"
#include "base/error.hpp"

namespace xlate::soc {

PhysicalMemory::PhysicalMemory(std::vector<firmware::MemoryRange> ranges) : ranges_(std::move(ranges)) {
    std::sort(ranges_.begin(), ranges_.end(), [](const firmware::MemoryRange& a, const firmware::MemoryRange& b) {
        return a.base != b.base ? a.base < b.base : a.size < b.size;
    });
    // Ranges that touch or overlap become one, so that an access across their border is one access.
    std::vector<firmware::MemoryRange> merged;
    for (const firmware::MemoryRange& range : ranges_) {
        if (!merged.empty() && range.base - merged.back().base <= merged.back().size) {
            const std::uint64_t end = std::max(range.base + range.size, merged.back().base + merged.back().size);
            merged.back().size = end - merged.back().base;
        } else {
            merged.push_back(range);
        }
    }
    ranges_ = std::move(merged);
}

bool PhysicalMemory::contains(PhysAddr address, std::size_t size) const {
    constexpr std::uint64_t kEnd = std::uint64_t{1} << 52;
    if (address.value >= kEnd || size > kEnd - address.value) return false;
    if (ranges_.empty()) return true;
    auto above = std::upper_bound(ranges_.begin(), ranges_.end(), address.value,
                                  [](std::uint64_t a, const firmware::MemoryRange& range) { return a < range.base; });
    if (above == ranges_.begin()) return false;
    --above;
    const std::uint64_t offset = address.value - above->base;
    return offset < above->size && size <= above->size - offset;
}

PhysicalMemory::Leaf* PhysicalMemory::find_leaf(std::uint64_t number) const {
    if (number == memo_number_) return memo_leaf_;
    const auto at = std::lower_bound(roots_.begin(), roots_.end(), number,
                                     [](const RootEntry& entry, std::uint64_t n) { return entry.number < n; });
    if (at == roots_.end() || at->number != number) return nullptr;
    memo_number_ = number;
    memo_leaf_ = at->leaf.get();
    return memo_leaf_;
}

const std::uint8_t* PhysicalMemory::page_for_read(std::uint64_t page) const {
    const Leaf* leaf = find_leaf(page >> kLeafBits);
    if (leaf == nullptr) return nullptr;
    const auto& slot = leaf->pages[page & low_mask(kLeafBits)];
    return slot == nullptr ? nullptr : slot->data();
}

/// A page of zeros. The first blocks are small; who touches more gets large ones, on huge pages of the host.
PhysicalMemory::Page* PhysicalMemory::take_page() {
    constexpr std::size_t kSmallPages = 256, kLargePages = 4096, kSmallBlocks = 2;
    if (free_in_block_ == 0) {
        const bool large = blocks_.size() >= kSmallBlocks;
        free_in_block_ = large ? kLargePages : kSmallPages;
        blocks_.emplace_back(free_in_block_ * kPageBytes, large);
    }
    const HostBlock& block = blocks_.back();
    ++pages_in_use_;
    return reinterpret_cast<Page*>(block.data() + block.size() - free_in_block_-- * kPageBytes);
}

std::uint8_t* PhysicalMemory::page_for_write(std::uint64_t page) {
    const std::uint64_t number = page >> kLeafBits;
    Leaf* leaf = find_leaf(number);
    if (leaf == nullptr) {
        const auto at = std::lower_bound(roots_.begin(), roots_.end(), number,
                                         [](const RootEntry& entry, std::uint64_t n) { return entry.number < n; });
        leaf = roots_.insert(at, RootEntry{number, std::make_unique<Leaf>()})->leaf.get();
        memo_number_ = number;
        memo_leaf_ = leaf;
    }
    auto& slot = leaf->pages[page & low_mask(kLeafBits)];
    if (slot == nullptr) slot = take_page();
    return slot->data();
}

void PhysicalMemory::read(PhysAddr address, std::uint8_t* bytes, std::size_t size) const {
    XLATE_CHECK(address.value >> 52 == 0, std::to_string(address.value));
    constexpr std::size_t kDescriptor = 8;  // most reads are of one: no call for its bytes
    if (size == kDescriptor && (address.value & (kPageBytes - 1)) <= kPageBytes - kDescriptor) {
        const std::uint8_t* page = page_for_read(address.value >> kPageBits);
        if (page != nullptr) {
            std::memcpy(bytes, page + (address.value & (kPageBytes - 1)), kDescriptor);
        } else {
            std::memset(bytes, 0, kDescriptor);
        }
        return;
    }
    while (size > 0) {
        const std::size_t offset = address.value & (kPageBytes - 1);
        const std::size_t part = std::min(size, kPageBytes - offset);
        const std::uint8_t* page = page_for_read(address.value >> kPageBits);
        if (page != nullptr) {
            std::memcpy(bytes, page + offset, part);
        } else {
            std::memset(bytes, 0, part);
        }
        bytes += part;
        size -= part;
        address.value += part;
    }
}

void PhysicalMemory::prefetch(PhysAddr address) const {
#if defined(__GNUC__)
    const std::uint8_t* page = page_for_read(address.value >> kPageBits);
    if (page != nullptr) __builtin_prefetch(page + (address.value & (kPageBytes - 1)));
#else
    static_cast<void>(address);
#endif
}

void PhysicalMemory::write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) {
    XLATE_CHECK(address.value >> 52 == 0, std::to_string(address.value));
    while (size > 0) {
        const std::size_t offset = address.value & (kPageBytes - 1);
        const std::size_t part = std::min(size, kPageBytes - offset);
        std::memcpy(page_for_write(address.value >> kPageBits) + offset, bytes, part);
        bytes += part;
        size -= part;
        address.value += part;
    }
}

std::uint64_t PhysicalMemory::load(PhysAddr address, unsigned size) const {
    std::uint8_t bytes[8] = {};
    read(address, bytes, size);
    return load_le(bytes, size);
}

void PhysicalMemory::store(PhysAddr address, unsigned size, std::uint64_t word) {
    std::uint8_t bytes[8];
    store_le(bytes, size, word);
    write(address, bytes, size);
}

}  // namespace xlate::soc
