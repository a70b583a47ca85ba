// Which address a master accesses next.
#include <catch2/catch.hpp>

#include "soc/masters/address_pattern.hpp"

using namespace xlate;

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
