#include <catch2/catch.hpp>

#include "soc/soc.hpp"

using namespace xlate;

namespace {

firmware::Description one_memory() {
    firmware::Description description;
    description.memory.push_back({0x8000'0000, 0x4000'0000});
    return description;
}

soc::SocConfig one_master() {
    soc::SocConfig config;
    config.interconnect = {64, Cycles{2}, Cycles{1}, Cycles{1}};
    config.memory.latency = ns(30);
    config.memory.bandwidth_bytes_per_s = std::uint64_t{64} << 30;
    soc::MasterConfig master;
    master.device = "dma0";
    master.traffic.outstanding = 1;
    master.traffic.transfers = 100;
    config.masters.push_back(master);
    return config;
}

}  // namespace

TEST_CASE("soc: a master without an IOMMU pays crossbar and memory, and nothing else", "[soc]") {
    const firmware::Description description = one_memory();
    soc::Soc soc{description, one_master()};
    soc.start_master("dma0", Iova{0x8000'0000}, 0x10'0000);
    REQUIRE(soc.run() == soc::Outcome::finished);
    const soc::MasterStats stats = soc.stats().masters.at(0);
    CHECK(stats.issued == 100);
    CHECK(stats.reads == 100);
    CHECK(stats.bytes == 6400);
    CHECK(stats.latency.min() == ns(33));
    CHECK(stats.latency.max() == ns(33));
    CHECK(stats.parts_fs[static_cast<std::size_t>(soc::Part::memory)] == 100 * ns(32).fs);
    CHECK(stats.parts_fs[static_cast<std::size_t>(soc::Part::response)] == 100 * ns(1).fs);
    CHECK(stats.last_completion == ns(3300));
}
