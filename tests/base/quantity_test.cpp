#include "base/quantity.hpp"

#include <catch2/catch.hpp>

using namespace xlate;

TEST_CASE("quantity: sizes with units become bytes", "[base]") {
    CHECK(parse_bytes("64").value() == 64);
    CHECK(parse_bytes("64 B").value() == 64);
    CHECK(parse_bytes("4 KiB").value() == 4096);
    CHECK(parse_bytes("1.5 KiB").value() == 1536);
    CHECK(parse_bytes("2 TiB").value() == 2ULL << 40);
    CHECK(parse_bytes("1 GB").value() == 1'000'000'000);
}

TEST_CASE("quantity: times become femtoseconds, cycles stay cycles", "[base]") {
    CHECK(parse_time("2.5 ns").value() == SimTime{2'500'000});
    CHECK(parse_time("0").value() == SimTime{0});
    CHECK(parse_duration("3 cycles").value() == Duration{Cycles{3}});
    CHECK(parse_duration("1 cycle").value() == Duration{Cycles{1}});
    CHECK(to_time(parse_duration("3 cycles").value(), ClockPeriod{500'000}) == SimTime{1'500'000});
    CHECK(to_time(parse_duration("50 ns").value(), ClockPeriod{500'000}) == ns(50));
}

TEST_CASE("quantity: clocks have whole periods", "[base]") {
    CHECK(parse_clock("1 GHz").value().fs == kFsPerNs);
    CHECK(parse_clock("800 MHz").value().fs == 1'250'000);
    CHECK(parse_clock("3 GHz").value().fs == 333'333);
    CHECK_FALSE(parse_clock("0 GHz"));
    CHECK_FALSE(parse_clock("1"));
}

TEST_CASE("quantity: bandwidths and shares", "[base]") {
    CHECK(parse_bandwidth("25.6 GB/s").value() == 25'600'000'000);
    CHECK(parse_bandwidth("1 GiB/s").value() == 1ULL << 30);
    CHECK(parse_bandwidth("100 Gb/s").value() == 12'500'000'000);
    CHECK(parse_bandwidth("2.5Gbit/s").value() == 312'500'000);
    CHECK(parse_bandwidth("400Gbps").value() == 50'000'000'000);
    CHECK_FALSE(parse_bandwidth("50 ps"));
    CHECK_FALSE(parse_bandwidth("ps"));
    CHECK_FALSE(parse_bandwidth("100 Gb"));
    CHECK_FALSE(parse_bandwidth("0 Gb/s"));
    CHECK_FALSE(parse_bytes("1 Gb"));
    CHECK_FALSE(parse_bandwidth("25.6 GB"));
    const Ratio ratio = parse_ratio("70%").value();
    CHECK(ratio.numerator * 10 == ratio.denominator * 7);
    CHECK(parse_ratio("0.7").value().denominator == 10);
    CHECK(parse_ratio("7/10").value().numerator == 7);
    CHECK_FALSE(parse_ratio("101%"));
    CHECK_FALSE(parse_ratio("1.5"));
}

TEST_CASE("quantity: what is nearly right is refused with a reason", "[base]") {
    for (const char* text :
         {"", "KiB", "010", "4 kib", "-1", "1e3", "4 KiB x", "99999999999999999999", "0.0001 fs", "NaN"}) {
        INFO(text);
        CHECK_FALSE(parse_bytes(text));
        CHECK_FALSE(parse_time(text));
    }
    CHECK_FALSE(parse_time("5"));
    CHECK(parse_bytes("4 kib").error().find("expected one of B, KiB") != std::string::npos);
    CHECK(parse_time("5").error().find("unit is missing") != std::string::npos);
}

TEST_CASE("quantity: integers are decimal or hexadecimal, never octal", "[base]") {
    CHECK(parse_integer("10").value() == 10);
    CHECK(parse_integer("0").value() == 0);
    CHECK(parse_integer("0x1F").value() == 31);
    CHECK(parse_integer("0xffffffffffffffff").value() == ~std::uint64_t{0});
    for (const char* text : {"010", "0x", "0xg", "0x10000000000000000", "1.5", "1 B", "18446744073709551616"}) {
        INFO(text);
        CHECK_FALSE(parse_integer(text));
    }
}
