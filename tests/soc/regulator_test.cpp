// Bandwidth regulators: windows by hand.
#include <catch2/catch.hpp>

#include "tests/soc/plain_bench.hpp"

namespace xlate::tests {

namespace {

soc::SocConfig regulated(std::uint64_t bytes, SimTime window) {
    soc::SocConfig config = one_master();
    config.masters[0].traffic.transfers = 6;
    config.regulators["a"] = {bytes, window};
    return config;
}

std::string finding_of(const std::string& place) {
    soc::SocConfig config = one_master();
    config.regulators[place] = {};
    return finding(config);
}

}  // namespace

TEST_CASE("what does not fit a window waits for the next") {
    // 64 bytes each, one after the other every 33 ns; two in 100 ns: issued at 0 33 | 66->100 133 | 166->200 233.
    CHECK(latencies(regulated(128, ns(100))) == "33 33 67 33 67 33 ");
    CHECK(latencies(regulated(127, ns(100))) == "33 100 100 100 100 100 ");  // one a window: at 0, 33->100, 133->200
    CHECK(latencies(regulated(192, ns(100))) == "33 33 33 34 33 33 ");       // the fourth would come at 99
    CHECK(latencies(regulated(1 << 20, ns(100))) == "33 33 33 33 33 33 ");
}

TEST_CASE("an access larger than the budget has a window for itself, and so no regulator is a deadlock") {
    CHECK(latencies(regulated(1, ns(50))) == "33 50 50 50 50 50 ");
}

TEST_CASE("the time at a regulator has a part of its own, what was held is counted, rates are kept") {
    const std::string text = in_child([&] {
        const firmware::Description board = untranslated({"a"});
        soc::SocConfig config = regulated(256, ns(100));  // 2.56 GB/s
        soc::TrafficParams& traffic = config.masters[0].traffic;
        traffic.outstanding = 16;
        traffic.interval = ns(1);
        traffic.transfers = 400;
        soc::Soc soc(board, config);
        soc.start_master("a", Iova{SmmuBench::kPages}, 4096);
        soc.run();
        const soc::SocStats stats = soc.stats();
        const soc::MasterStats& master = stats.masters[0];
        std::uint64_t sum = 0;
        for (const std::uint64_t part : master.parts_fs) sum += part;
        const soc::RegulatorStats& regulator = stats.regulators.at(0);
        return fmt::format("{} {} {} {} {} {}", master.last_completion.fs / kFsPerNs, regulator.place, regulator.bytes,
                           regulator.held, sum == master.latency.sum_fs(),
                           master.parts_fs[static_cast<std::size_t>(soc::Part::regulator)] == regulator.held_fs);
    });
    // 100 windows of four; the last begins at 9900; responses take two cycles of the way back: 9932, ... 9938, and 1.
    CHECK(text == "9939 a 25600 99 true true");
}

TEST_CASE("a port of an IOMMU to the interconnect may be regulated alone") {
    soc::SocConfig config = one_master();
    config.masters[0].traffic.transfers = 2;
    const std::string free = latencies(config, true);
    config.regulators["9050000.smmuv3.tcu"] = {8, us(1)};  // one access of the walk a microsecond
    const std::string walks = latencies(config, true);
    // STE, CD and three levels: the fifth of them in the fifth window. What hits is as before.
    CHECK(std::stoi(walks) >= 4000);
    CHECK(walks.substr(walks.find(' ')) == free.substr(free.find(' ')));
    config.regulators.clear();
    config.regulators["9050000.smmuv3.a"] = {64, us(1)};  // translated traffic
    const std::string traffic = latencies(config, true);
    CHECK(std::stoi(traffic) == std::stoi(free));
    CHECK(std::stoi(traffic.substr(traffic.find(' ') + 1)) > 600);
}

TEST_CASE("what cannot be regulated is said by name") {
    CHECK(finding_of("a") == "fine");
    CHECK(finding_of("9050000.smmuv3.a") == "fine");
    CHECK(finding_of("9050000.smmuv3.b") ==
          "soc.regulators[\"9050000.smmuv3.b\"]: there is no master and no port of this name; expected one such as "
          "'9050000.smmuv3.a'");
    soc::SocConfig config = one_master();
    config.regulators["a"] = {0, ns(1)};
    CHECK(finding(config) == "soc.regulators.a.bytes: 0 is out of range; expected 1 to 1099511627776");
    config.regulators["a"] = {1, {}};
    CHECK(finding(config) == "soc.regulators.a.window: 0 is out of range; expected 1 to 1000000000000000");
}

}  // namespace xlate::tests
