#include "base/huge_pages.hpp"

#include <sys/mman.h>

#include <cstdint>

#include "base/bits.hpp"

namespace xlate {

void prefer_huge_pages(const void* start, std::size_t bytes) {
    constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
    const auto address = reinterpret_cast<std::uintptr_t>(start);
    const std::uint64_t first = align_up(address, kHugePage);
    const std::uint64_t last = align_down(address + bytes, kHugePage);
    if (first >= last) return;
    // A refusal changes nothing but speed.
    (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

}  // namespace xlate
