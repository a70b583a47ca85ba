// Partitions of caches: which ways the entries of a stream take. By hand, for each replacement.
#include <catch2/catch.hpp>

#include <set>

#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::tests {

using namespace iommu;  // NOLINT(google-build-using-namespace)

namespace {

/// Stream 7 has a quarter, 8 and 9 a half, everybody else the rest.
std::shared_ptr<const CachePartitions> three_parts() {
    return std::make_shared<const CachePartitions>(
        std::vector<CachePartitions::Partition>{{1, 4, {7}}, {1, 2, {8, 9}}});
}

CachedTranslation page(std::uint64_t number, std::uint32_t stream) {
    CachedTranslation entry;
    entry.va = number << 12;
    entry.space = 1;
    entry.stream = stream;
    return entry;
}

std::multiset<std::uint64_t> streams_in(const Tlb& tlb) {
    std::multiset<std::uint64_t> streams;
    tlb.for_each([&](const CachedTranslation& entry) { streams.insert(entry.stream); });
    return streams;
}

}  // namespace

TEST_CASE("parts of a cache's ways lie one behind the other, rounded down, and the rest is everybody else's",
          "[iommu][partitions]") {
    const auto parts = three_parts();
    const auto of = [&](std::uint32_t stream, std::uint32_t ways) {
        const CachePartitions::Ways part = parts->of(stream, ways);
        return std::pair(part.from, part.to);
    };
    CHECK(of(7, 8) == std::pair(0U, 2U));
    CHECK(of(9, 8) == std::pair(2U, 6U));
    CHECK(of(1, 8) == std::pair(6U, 8U));
    CHECK(of(7, 7) == std::pair(0U, 1U));  // a quarter of 7 is one
    CHECK(of(8, 7) == std::pair(1U, 4U));
    CHECK(of(1, 7) == std::pair(4U, 7U));
    // A process of a device is in its device's.
    CHECK(parts->of(stream_tag(StreamId{9}, SubstreamId{5}), 8).from == 2);
}

TEST_CASE("a stream's new entries push out those of its own part alone", "[iommu][partitions]") {
    const Replacement policy = GENERATE(Replacement::lru, Replacement::round_robin, Replacement::random);
    // One set: 8 ways are looked at in turn, 64 have an order of their own.
    const std::uint32_t entries = GENERATE(8U, 64U);
    INFO(static_cast<int>(policy) << " " << entries);
    Tlb tlb({{true, entries, 0, policy}, TlbTagging::address_space, 0}, 1, "tlb");
    tlb.partition(three_parts());
    for (std::uint64_t i = 0; i < entries; ++i) tlb.fill(page(i, 7));
    CHECK(streams_in(tlb).count(7) == entries / 4);
    for (std::uint64_t i = 0; i < 4 * entries; ++i) tlb.fill(page(1000 + i, 8 + i % 2));
    CHECK(streams_in(tlb).count(8) + streams_in(tlb).count(9) == entries / 2);
    for (std::uint64_t i = 0; i < 4 * entries; ++i) tlb.fill(page(9000 + i, 1));
    CHECK(streams_in(tlb).count(1) == entries / 4);
    CHECK(streams_in(tlb).count(7) == entries / 4);
    // Whoever asks hits, whatever part an entry is in.
    unsigned hits = 0;
    for (std::uint64_t i = 0; i < entries; ++i) hits += tlb.peek(1, i << 12) != nullptr ? 1 : 0;
    CHECK(hits == entries / 4);
    // What was dropped leaves room in its own part.
    tlb.clear();
    tlb.fill(page(1, 7));
    CHECK(streams_in(tlb).size() == 1);
}

TEST_CASE("within its part the entry used longest ago goes", "[iommu][partitions]") {
    const std::uint32_t entries = GENERATE(8U, 64U);
    Tlb tlb({{true, entries, 0, Replacement::lru}, TlbTagging::address_space, 0}, 1, "tlb");
    tlb.partition(three_parts());
    const std::uint64_t own = entries / 4;
    for (std::uint64_t i = 0; i < own; ++i) tlb.fill(page(i, 7));
    CHECK(tlb.lookup(1, 0) != nullptr);  // so the second is the oldest now
    tlb.fill(page(500, 7));
    CHECK(tlb.peek(1, 0) != nullptr);
    CHECK(tlb.peek(1, 1 << 12) == nullptr);
    // The same page again takes its own place.
    tlb.fill(page(500, 8));
    CHECK(tlb.peek(1, 500 << 12)->stream == 8);
    CHECK(streams_in(tlb).size() == own);
}

TEST_CASE("walk caches keep to parts, too", "[iommu][partitions]") {
    WalkCache cache({true, 16, 4, Replacement::lru}, 1, "walk");
    cache.partition(three_parts());
    const auto table = [](std::uint64_t number) {
        WalkCacheEntry entry;
        entry.space = 1;
        entry.base = number << 21;
        entry.shift = 21;
        return entry;
    };
    const auto hits = [&](std::uint64_t number) { return cache.lookup(1, number << 21, 21) != nullptr; };
    for (std::uint64_t i = 0; i < 4; ++i) cache.fill(table(i), 7);        // one way of each of four sets
    for (std::uint64_t i = 100; i < 200; ++i) cache.fill(table(i), 8);    // two ways
    for (std::uint64_t i = 1000; i < 1100; ++i) cache.fill(table(i), 3);  // the last
    for (std::uint64_t i = 0; i < 4; ++i) CHECK(hits(i));
    CHECK((hits(199) && hits(192) && !hits(191)));
    CHECK((hits(1099) && hits(1096) && !hits(1095)));
    cache.fill(table(4), 7);
    CHECK_FALSE(hits(0));
    CHECK(hits(4));
}

}  // namespace xlate::tests
