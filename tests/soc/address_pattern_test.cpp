// Which address a master accesses next.
#include <set>

#include <catch2/catch.hpp>

#include "soc/masters/address_pattern.hpp"

using namespace xlate;

TEST_CASE("soc: runs of random addresses follow one another within their transfer, and reach all of the set", "[soc]") {
    soc::TrafficParams params;
    params.pattern = soc::Pattern::random;
    params.size_bytes = 256;
    params.run_bytes = 1024;
    soc::AddressPattern pattern{params, 1, "nic"};
    pattern.cover({{Iova{0x10000}, 0x4000}});
    std::set<std::uint64_t> starts;
    for (unsigned run = 0; run < 200; ++run) {
        const std::uint64_t start = pattern.next();
        CHECK(start % 1024 == 0);
        for (std::uint64_t i = 1; i < 4; ++i) CHECK(pattern.next() == start + i * 256);
        starts.insert(start);
    }
    CHECK(starts.size() == 16);
    CHECK(*starts.begin() == 0x10000);
    CHECK(*starts.rbegin() == 0x13C00);
}

TEST_CASE("soc: a master that follows recorded addresses accesses them in order, and then again", "[soc]") {
    soc::AddressPattern pattern{soc::TrafficParams{}, 1, "recorded"};
    pattern.cover({{Iova{0x10000}, 0x1000}, {Iova{0x80000}, 0x1000}});
    pattern.follow({0x40, 0x1000, 0xFC0});
    for (unsigned round = 0; round < 2; ++round) {
        CHECK(pattern.next() == 0x10040);
        CHECK(pattern.next() == 0x80000);
        CHECK(pattern.next() == 0x10FC0);
    }
}
