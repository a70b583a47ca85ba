#include "base/huge_pages.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "base/bits.hpp"

namespace xlate {
namespace {

constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;

}  // namespace

void prefer_huge_pages(const void* start, std::size_t bytes) {
    const auto address = reinterpret_cast<std::uintptr_t>(start);
    const std::uint64_t first = align_up(address, kHugePage);
    const std::uint64_t last = align_down(address + bytes, kHugePage);
    if (first >= last) return;
    // A refusal changes nothing but speed.
    (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

void expect_heap(std::size_t bytes) {
    constexpr std::size_t kWorthIt = 4 * kHugePage;
    constexpr std::size_t kMost = std::size_t{1} << 30;
    if (bytes < kWorthIt) return;
#if defined(__GLIBC__)
    // One block at the heap's end, given back at once and not trimmed: what is allocated next is cut from it. Without
    // mappings for a moment, or the block would be one of its own.
    constexpr int kMappings = 65536, kMappedFrom = 32 << 20;  // glibc's own number, and the most that it takes
    if (mallopt(M_TRIM_THRESHOLD, -1) == 0 || mallopt(M_MMAP_MAX, 0) == 0) return;
    const std::size_t room = align_up(bytes < kMost ? bytes : kMost, kHugePage) + kHugePage;
    void* block = std::malloc(room);
    if (block != nullptr) {
        prefer_huge_pages(block, room);
        std::free(block);
    }
    mallopt(M_MMAP_MAX, kMappings);
    mallopt(M_MMAP_THRESHOLD, kMappedFrom);
#endif
}

HostBlock::HostBlock(std::size_t bytes, bool huge) : bytes_(bytes) {
    void* got = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<std::uint8_t*>(got);
    if (huge) prefer_huge_pages(data_, bytes);
}

HostBlock::~HostBlock() {
    if (data_ != nullptr) munmap(data_, bytes_);
}

HostBlock::HostBlock(HostBlock&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}

}  // namespace xlate
