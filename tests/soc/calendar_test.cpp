#include <catch2/catch.hpp>

#include <string>

#include "soc/time/calendar.hpp"

using namespace xlate;
using soc::Calendar;
using soc::DueList;

TEST_CASE("calendar: who reserves in order is served first come, first served", "[soc][fast]") {
    Calendar calendar;
    CHECK(calendar.reserve(ns(0), ns(10), ns(5)) == ns(10));
    CHECK(calendar.reserve(ns(0), ns(12), ns(5)) == ns(15));
    CHECK(calendar.reserve(ns(0), ns(20), ns(5)) == ns(20));
    CHECK(calendar.reserve(ns(0), ns(40), ns(5)) == ns(40));
}

TEST_CASE("calendar: who reserves late but comes early takes the gap in front", "[soc][fast]") {
    Calendar calendar;
    REQUIRE(calendar.reserve(ns(0), ns(100), ns(5)) == ns(100));
    CHECK(calendar.reserve(ns(0), ns(10), ns(5)) == ns(10));
    CHECK(calendar.reserve(ns(0), ns(95), ns(5)) == ns(95));   // closes the gap to 100
    CHECK(calendar.reserve(ns(0), ns(96), ns(5)) == ns(105));  // 95..105 is one stretch now
}

TEST_CASE("calendar: in a gap that is too short one waits for what one would have held up", "[soc][fast]") {
    Calendar calendar;
    REQUIRE(calendar.reserve(ns(0), ns(100), ns(5)) == ns(100));
    // At 97 with 5 to do: the one at 100 would have to wait for 2. Its time is given out, so the late one waits for 2.
    CHECK(calendar.reserve(ns(0), ns(97), ns(5)) == ns(99));
    // Busy from 97 on for 10: the work is not lost.
    CHECK(calendar.reserve(ns(0), ns(97), ns(1)) == ns(107));
}

TEST_CASE("calendar: work that is pushed back pushes what lies behind it", "[soc][fast]") {
    Calendar calendar;
    REQUIRE(calendar.reserve(ns(0), ns(100), ns(5)) == ns(100));
    REQUIRE(calendar.reserve(ns(0), ns(106), ns(5)) == ns(106));
    REQUIRE(calendar.reserve(ns(0), ns(97), ns(5)) == ns(99));
    // 97..107 runs into 106..111: together busy for 15 from 97 on.
    CHECK(calendar.first_free(ns(0), ns(97)) == ns(112));
}

TEST_CASE("calendar: a stay of no time takes nothing, and waits while somebody is there", "[soc][fast]") {
    Calendar calendar;
    REQUIRE(calendar.reserve(ns(0), ns(10), ns(5)) == ns(10));
    CHECK(calendar.first_free(ns(0), ns(9)) == ns(9));
    CHECK(calendar.first_free(ns(0), ns(10)) == ns(15));
    CHECK(calendar.first_free(ns(0), ns(14)) == ns(15));
    CHECK(calendar.reserve(ns(0), ns(15), ns(1)) == ns(15));
}

TEST_CASE("calendar: work is neither lost nor made, whatever the order of asking", "[soc][fast]") {
    // 200 stays of 3 ns, asked for in a scrambled order, all within 600 ns: afterwards it is free at 600 and not
    // before.
    Calendar calendar;
    for (unsigned i = 0; i < 200; ++i) calendar.reserve(ns(0), ns(i * 77 % 200), ns(3));
    CHECK(calendar.first_free(ns(0), ns(0)) == ns(600));
}

TEST_CASE("due list: gives back in order of time, then of coming", "[soc][fast]") {
    DueList<int> list;
    list.add(ns(5), 1);
    list.add(ns(3), 2);
    list.add(ns(5), 3);
    list.add(ns(4), 4);
    REQUIRE(list.size() == 4);
    CHECK(list.first_due() == ns(3));
    CHECK(list.last_due() == ns(5));
    std::string order;
    while (!list.empty()) order += std::to_string(list.take_first());
    CHECK(order == "2413");
}
