#include <set>

#include <catch2/catch.hpp>

#include "base/bits.hpp"
#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/registers.hpp"
#include "base/time.hpp"

using namespace xlate;

TEST_CASE("bits: a field reads back what was set and leaves the rest alone", "[base]") {
    constexpr Field field{4, 8};
    constexpr std::uint64_t word = field.set(0xFFFF'FFFF'FFFF'FFFFULL, 0x5A);
    CHECK(word == 0xFFFF'FFFF'FFFF'F5AFULL);
    CHECK(field.get(word) == 0x5A);
    CHECK(Field{0, 64}.get(~std::uint64_t{0}) == ~std::uint64_t{0});
    CHECK(keep(0x8000'0010'0BULL, 51, 6) == 0x8000'0010'00ULL);
    CHECK(log2_floor(4096) == 12);
    CHECK(log2_ceil(4097) == 13);
}

TEST_CASE("bits: little and big endian loads and stores", "[base]") {
    std::uint8_t bytes[8];
    store_le(bytes, 4, 0x12345678);
    CHECK(bytes[0] == 0x78);
    CHECK(load_le(bytes, 4) == 0x12345678);
    store_be(bytes, 8, 0x0102030405060708ULL);
    CHECK(bytes[0] == 1);
    CHECK(load_be(bytes, 8) == 0x0102030405060708ULL);
}

TEST_CASE("registers: rows that overlap, fall back or are misaligned are refused", "[base]") {
    using Rows = std::array<RegSpec, 2>;
    CHECK(sorted_and_disjoint(Rows{RegSpec{"A", 0, 4}, RegSpec{"B", 4, 4}}));
    CHECK_FALSE(sorted_and_disjoint(Rows{RegSpec{"A", 0, 8}, RegSpec{"B", 4, 4}}));
    CHECK_FALSE(sorted_and_disjoint(Rows{RegSpec{"B", 4, 4}, RegSpec{"A", 0, 4}}));
    CHECK_FALSE(sorted_and_disjoint(Rows{RegSpec{"A", 0, 4}, RegSpec{"B", 4, 8}}));
    constexpr Rows rows{RegSpec{"A", 0, 4}, RegSpec{"B", 16, 8}};
    CHECK(find_register(rows, 20)->name == "B");
    CHECK(find_register(rows, 8) == nullptr);
    CHECK(find_register(rows, 24) == nullptr);
}

TEST_CASE("random: the numbers are the same everywhere and streams are apart", "[base]") {
    Rng rng{1, "soc.master.nvme0.addresses"};
    Rng same{1, "soc.master.nvme0.addresses"};
    Rng other{1, "soc.master.nvme1.addresses"};
    const std::uint64_t first = rng.next();
    CHECK(first == same.next());
    CHECK(first != other.next());
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t draw = rng.below(10);
        REQUIRE(draw < 10);
        seen.insert(draw);
    }
    CHECK(seen.size() == 10);
}

TEST_CASE("digest: known values of FNV-1a", "[base]") {
    CHECK(Digest{}.value() == 0xCBF29CE484222325ULL);
    CHECK(Digest{}.add("a").value() == 0xAF63DC4C8601EC8CULL);
    CHECK(Digest{}.add("foobar").value() == 0x85944171F73967E8ULL);
}

TEST_CASE("error: a message names place, path, finding, expectation and the nearest name", "[base]") {
    const Diagnostic finding{{"soc.yaml", 22, 5, {}}, "traffic[0].outstandig", "unknown key", "", "outstanding"};
    CHECK(finding.text() == "soc.yaml:22:5: traffic[0].outstandig: unknown key; did you mean 'outstanding'?");
    const Diagnostic binary{{"iort.aml", {}, {}, 0x54}, "", "ends early", "48 bytes", ""};
    CHECK(binary.text() == "iort.aml+0x54: ends early; expected 48 bytes");
    CHECK(Diagnostic{{"a\x1b[31m", {}, {}, {}}, "", "x", "", ""}.text() == "a\\x1b[31m: x");
    CHECK(nearest_name("outstandig", {"pattern", "outstanding"}) == "outstanding");
    CHECK(nearest_name("rnu", {"report", "run"}) == "run");  // two letters that changed places
    CHECK(nearest_name("stauts", {"status"}) == "status");
    CHECK_FALSE(nearest_name("nur", {"run"}));
    CHECK_FALSE(nearest_name("zzz", {"pattern", "outstanding"}));
    CHECK_THROWS_AS([] { XLATE_CHECK(1 == 2, "values"); }(), InternalError);
}

TEST_CASE("time: cycles become time in whole femtoseconds", "[base]") {
    CHECK(ClockPeriod{333'333} * Cycles{3} == SimTime{999'999});
    CHECK(ClockPeriod{kFsPerNs}.next_edge(SimTime{1}) == ns(1));
    CHECK(ClockPeriod{kFsPerNs}.next_edge(ns(1)) == ns(1));
}
