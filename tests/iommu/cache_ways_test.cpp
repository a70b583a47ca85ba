#include "iommu/cache.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include "iommu/tlb.hpp"

using namespace xlate;
using iommu::CachedTranslation;
using iommu::CacheParams;
using iommu::CacheWays;
using iommu::Replacement;
using iommu::Tlb;
using iommu::TlbTagging;

TEST_CASE("cache ways: the victim of LRU is what was used longest ago, in small sets and in one large set", "[iommu]") {
    for (const std::uint32_t ways : {4U, 8U, 0U}) {
        CacheWays cache(CacheParams{true, 32, ways, Replacement::lru}, Rng(1, "victims"));
        std::vector<std::uint64_t> used(32);
        Rng order(2, "order");
        std::uint64_t now = 0;
        for (std::uint32_t i = 0; i < 32; ++i) {
            cache.used(i);
            used[i] = ++now;
        }
        for (int round = 0; round < 2000; ++round) {
            const auto entry = static_cast<std::uint32_t>(order.below(32));
            cache.used(entry);
            used[entry] = ++now;
            const std::uint32_t first = cache.first(order.below(1000));
            const auto begin = used.begin() + first;
            const auto oldest = std::min_element(begin, begin + cache.ways());
            REQUIRE(cache.victim(first) == static_cast<std::uint32_t>(oldest - used.begin()));
        }
    }
}

namespace {

CachedTranslation entry_of(std::uint64_t va, std::uint8_t log2_bytes, std::uint64_t pa) {
    CachedTranslation entry;
    entry.va = va;
    entry.pa = pa;
    entry.stream = 7;
    entry.log2_bytes = entry.leaf_log2_bytes = log2_bytes;
    return entry;
}

}  // namespace

TEST_CASE("a fully associative TLB finds pages of several sizes, and of two that overlap the one in front", "[iommu]") {
    Tlb tlb({CacheParams{true, 16, 0, Replacement::lru}, TlbTagging::stream}, 1, "sizes");
    tlb.fill(entry_of(0x20'0000, 21, 0x1000'0000));
    tlb.fill(entry_of(0x1000, 12, 0x5000));
    tlb.fill(entry_of(0x20'3000, 12, 0x9000));
    REQUIRE(tlb.lookup(7, 0x1ABC) != nullptr);
    CHECK(tlb.lookup(7, 0x1ABC)->pa == 0x5000);
    CHECK(tlb.lookup(7, 0x3F'FFFF)->pa == 0x1000'0000);
    CHECK(tlb.lookup(7, 0x20'3000)->pa == 0x1000'0000);
    CHECK(tlb.lookup(8, 0x1ABC) == nullptr);
    CHECK(tlb.lookup(7, 0x40'0000) == nullptr);
    CHECK(tlb.lookup(7, 0x2000) == nullptr);
}

TEST_CASE("a full TLB of one set replaces what was looked up longest ago", "[iommu]") {
    Tlb tlb({CacheParams{true, 16, 0, Replacement::lru}, TlbTagging::stream}, 1, "full");
    for (std::uint64_t page = 0; page < 16; ++page) tlb.fill(entry_of(page << 12, 12, page << 12));
    CHECK(tlb.lookup(7, 0) != nullptr);
    tlb.fill(entry_of(0x10'0000, 12, 0));
    CHECK(tlb.peek(7, 0) != nullptr);
    CHECK(tlb.peek(7, 0x1000) == nullptr);
    CHECK(tlb.peek(7, 0x2000) != nullptr);
    tlb.fill(entry_of(0x2000, 12, 0x77000));  // overwritten in its place
    CHECK(tlb.peek(7, 0x2000)->pa == 0x77000);
    CHECK(tlb.peek(7, 0x3000) != nullptr);
}
