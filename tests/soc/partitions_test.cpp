// Partitions of an IOMMU's shared caches: what a neighbour's misses push out, and what they do not.
#include <catch2/catch.hpp>

#include "tests/soc/plain_bench.hpp"

namespace xlate::tests {

namespace {

/// "small" reads 16 pages round and round; "big" 2048 pages at random. Both by a TLB of 64 entries in the TCU.
soc::SocConfig two_masters(bool neighbour) {
    soc::SocConfig config = SmmuBench::gem5_machine();
    config.iommu.tbu.micro_tlb.shape = {true, 1, 1, iommu::Replacement::lru};
    config.iommu.tbu.main_tlb.shape.enabled = false;
    config.iommu.tcu.tlb.shape = {true, 64, 4, iommu::Replacement::lru};
    config.masters = {SmmuBench::master("small", 2), SmmuBench::master("big", 3)};
    soc::TrafficParams& small = config.masters[0].traffic;
    small.pattern = soc::Pattern::strided;
    small.stride_bytes = 4096;
    small.working_set_bytes = 16 * 4096;
    small.outstanding = 1;
    small.interval = ns(200);
    small.transfers = 800;
    soc::TrafficParams& big = config.masters[1].traffic;
    big.pattern = soc::Pattern::random;
    big.outstanding = 8;
    big.transfers = neighbour ? 40'000 : 1;
    return config;
}

/// Walks of the small one: its reads of tables are what a miss costs it.
std::string small_walks(const soc::SocConfig& config) {
    return in_child([&] {
        const firmware::Description board = SmmuBench::board({"small", "big"});
        soc::Soc soc(board, config);
        SmmuBench::install(soc, 4096, 2);
        SmmuBench::enable(soc);
        soc.start_master("small", Iova{SmmuBench::kIova}, 16 * 4096);
        soc.start_master("big", Iova{SmmuBench::kIova + 32 * 4096}, 2048 * 4096);
        soc.run();
        const soc::MasterStats& master = soc.stats().masters[0];
        const auto walk = static_cast<std::size_t>(soc::Part::s1_level3);
        return std::to_string(master.parts_fs[walk] / kFsPerNs);
    });
}

}  // namespace

TEST_CASE("a part of the TLB keeps a small device's pages, whatever its neighbour misses", "[soc][partitions]") {
    const auto walked = [](const soc::SocConfig& config) { return std::stoull(small_walks(config)); };
    const std::uint64_t alone = walked(two_masters(false));
    const std::uint64_t beside = walked(two_masters(true));
    soc::SocConfig parted = two_masters(true);
    parted.iommu.partitions["small"] = {{1, 4}, {"small"}};
    const std::uint64_t kept = walked(parted);
    INFO(alone << " " << beside << " " << kept);
    CHECK(alone > 0);
    CHECK(beside > 20 * alone);       // nearly each of 800 walks
    CHECK(kept < alone + alone / 2);  // 16 pages are a quarter of 64: they are read once
    // The neighbour's own part does as well.
    soc::SocConfig other = two_masters(true);
    other.iommu.partitions["big"] = {{1, 2}, {"big"}};
    CHECK(walked(other) < alone + alone / 2);
}

TEST_CASE("partitions that nobody is in change nothing", "[soc][partitions]") {
    const auto digest = [](soc::SocConfig config, bool parted) {
        config.masters[1].traffic.transfers = 2000;
        if (parted) config.iommu.partitions["none"] = {{1, 4}, {}};
        return in_child([&] {
            const firmware::Description board = SmmuBench::board({"small", "big"});
            soc::Soc soc(board, config);
            SmmuBench::install(soc, 4096, 2);
            SmmuBench::enable(soc);
            soc.start_master("small", Iova{SmmuBench::kIova}, 16 * 4096);
            soc.start_master("big", Iova{SmmuBench::kIova + 32 * 4096}, 2048 * 4096);
            soc.run();
            return std::to_string(soc.stats().digest);
        });
    };
    CHECK(digest(two_masters(true), true) == digest(two_masters(true), false));
}

TEST_CASE("what cannot be parted is one finding", "[soc][partitions]") {
    soc::SocConfig config = one_master();
    const auto with = [&](const Ratio& share, const std::string& master) {
        config.iommu.partitions = {{"p", {share, {master}}}};
        return finding(config);
    };
    CHECK(with({1, 4}, "a") == "fine");
    CHECK(with({1, 5}, "a") ==
          "soc.iommu.partitions.p.share: of the 4 ways of soc.iommu.tcu.walk_cache that is none; "
          "expected a share of one way or more");
    CHECK(with({1, 1}, "a") ==
          "soc.iommu.partitions.p.share: not a part of the ways; expected more than 0 % and less than 100 %");
    CHECK(with({1, 4}, "b") == "soc.iommu.partitions.p.masters: no master is called 'b'; expected one such as 'a'");
    config.iommu.partitions = {{"p", {{1, 4}, {"a"}}}, {"q", {{1, 4}, {"a"}}}};
    CHECK(finding(config) == "soc.iommu.partitions.q.masters: 'a' is in two partitions; expected each master in one");
    config.iommu.partitions = {{"p", {{1, 2}, {"a"}}}, {"q", {{1, 2}, {}}}};
    CHECK(finding(config) ==
          "soc.iommu.partitions: they leave no way for anybody else; expected shares of less than 100 %");
}

}  // namespace xlate::tests
