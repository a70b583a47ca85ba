// Rings and meshes: latencies by hand, routes, credits, and that nothing waits for ever.
#include <catch2/catch.hpp>

#include "soc/bus/network_plan.hpp"
#include "tests/soc/plain_bench.hpp"

namespace xlate::tests {

namespace {

using Kind = soc::NetworkParams::Kind;

/// `a` and the memory at two nodes; a hop takes 2 ns for the router and 3 for the link.
soc::SocConfig placed(Kind kind, std::uint32_t columns, std::uint32_t rows, const std::string& a,
                      const std::string& memory) {
    soc::SocConfig config = one_master();
    config.network.kind = kind;
    config.network.columns = columns;
    config.network.rows = rows;
    config.network.router = Cycles{2};
    config.network.link = Cycles{3};
    config.network.nodes = {{"a", a}, {"memory", memory}};
    return config;
}

std::string way(const soc::NetworkParams& params, const std::string& from, const std::string& to) {
    const soc::NetworkPlan plan(params);
    std::string text;
    for (const std::size_t node : plan.way(*plan.find(from), *plan.find(to))) text += plan.name(node) + " ";
    return text;
}

}  // namespace

TEST_CASE("a way costs its routers and links, there and back") {
    // h links: h + 1 routers of 2 ns and h links of 3, each way; 30 of memory.
    CHECK(latencies(placed(Kind::mesh, 3, 2, "0,0", "0,0")) == "34 34 34 ");
    CHECK(latencies(placed(Kind::mesh, 3, 2, "0,0", "1,0")) == "44 44 44 ");
    CHECK(latencies(placed(Kind::mesh, 3, 2, "0,0", "2,1")) == "64 64 64 ");
    CHECK(latencies(placed(Kind::ring, 8, 1, "1", "4")) == "64 64 64 ");
    CHECK(latencies(placed(Kind::ring, 8, 1, "1", "7")) == "54 54 54 ");  // over the end of the ring
}

TEST_CASE("ways: along the row first, in a ring the shorter one, or as the config says") {
    soc::NetworkParams mesh = placed(Kind::mesh, 4, 4, "0,0", "3,3").network;
    CHECK(way(mesh, "0,0", "2,1") == "1,0 2,0 2,1 ");
    CHECK(way(mesh, "3,3", "3,0") == "3,2 3,1 3,0 ");
    mesh.routes["0,0 -> 2,1"] = "0,1 1,1 2,1";
    CHECK(way(mesh, "0,0", "2,1") == "0,1 1,1 2,1 ");
    CHECK(way(mesh, "2,1", "0,0") == "1,1 0,1 0,0 ");
    soc::NetworkParams ring = placed(Kind::ring, 6, 1, "0", "1").network;
    CHECK(way(ring, "0", "3") == "1 2 3 ");
    CHECK(way(ring, "5", "1") == "0 1 ");
    CHECK(way(ring, "1", "5") == "0 5 ");
    CHECK(soc::NetworkPlan(ring).circle().empty());
}

TEST_CASE("whatever the shape, everything comes back, translated too, and the parts add up") {
    for (const Kind kind : {Kind::ring, Kind::mesh}) {
        for (const std::uint32_t credits : {1U, 4U}) {
            CAPTURE(static_cast<int>(kind), credits);
            const std::string text = in_child([&] {
                const firmware::Description board = SmmuBench::board({"a", "b", "c"});
                soc::SocConfig config = one_master();
                config.network.kind = kind;
                config.network.columns = 4;
                config.network.rows = 2;
                config.network.credits = credits;
                config.interconnect.width_bytes = 8;
                config.iommu = *soc::iommu_preset("tiny");
                config.masters.push_back(SmmuBench::master("b", 3));
                config.masters.push_back(SmmuBench::master("c", 4));
                for (soc::MasterConfig& master : config.masters) {
                    master.traffic.pattern = soc::Pattern::random;
                    master.traffic.size_bytes = 256;
                    master.traffic.read_share = {1, 2};
                    master.traffic.outstanding = 32;
                    master.traffic.interval = {};
                    master.traffic.transfers = 500;
                }
                soc::Soc soc(board, config);
                SmmuBench::install(soc, 64, 3);
                SmmuBench::enable(soc);
                for (const char* name : {"a", "b", "c"}) soc.start_master(name, Iova{SmmuBench::kIova}, 64 * 4096);
                const bool finished = soc.run() == soc::Outcome::finished;
                const soc::SocStats stats = soc.stats();
                std::uint64_t done = 0, refused = 0;
                bool sums = true;
                for (const soc::MasterStats& master : stats.masters) {
                    done += master.reads + master.writes;
                    std::uint64_t sum = 0;
                    for (const std::uint64_t part : master.parts_fs) sum += part;
                    sums = sums && sum == master.latency.sum_fs();
                }
                for (const soc::LinkStats& link : stats.links) refused += link.no_credit;
                return fmt::format("{} {} {} {} {}", finished, done, stats.transactions_lost, sums,
                                   credits == 1 ? refused > 0 : true);
            });
            CHECK(text == "true 1500 0 true true");
        }
    }
}

TEST_CASE("a link sends one packet after the other") {
    const auto last_of = [](std::uint32_t size) {
        return std::stod(in_child([&] {
            const firmware::Description board = untranslated({"a"});
            soc::SocConfig config = placed(Kind::mesh, 2, 1, "0,0", "1,0");
            config.interconnect.width_bytes = 16;
            soc::TrafficParams& traffic = config.masters[0].traffic;
            traffic.outstanding = 64;
            traffic.interval = {};
            traffic.size_bytes = size;
            traffic.transfers = 1000;
            soc::Soc soc(board, config);
            soc.start_master("a", Iova{SmmuBench::kPages}, 4096);
            soc.run();
            return fmt::format("{}", soc.stats().masters[0].last_completion.fs / kFsPerNs);
        }));
    };
    // Reads: the responses' link is the narrowest: a header and four beats each, or one and sixteen.
    CHECK(last_of(64) == Approx(5000).margin(60));
    CHECK(last_of(256) == Approx(17000).margin(100));
}

TEST_CASE("what a ring or mesh may not be is said by name") {
    const soc::SocConfig good = placed(Kind::mesh, 3, 2, "0,0", "2,1");
    CHECK(finding(good) == "fine");
    const auto with = [&](const auto& change) {
        soc::SocConfig config = good;
        change(config.network);
        return finding(config);
    };
    CHECK(with([](auto& n) { n.nodes["memory"] = "3,0"; }) ==
          "soc.interconnect.nodes.memory: there is no node '3,0'; expected '0,0' to '2,1'");
    CHECK(with([](auto& n) { n.nodes["memry"] = "0,0"; }) ==
          "soc.interconnect.nodes.memry: nothing of this name hangs on the interconnect; expected one such as 'cpus'; "
          "did "
          "you mean 'memory'?");
    CHECK(with([](auto& n) { n.routes["0,0 -> 1,1"] = "1,0 0,0 0,1 1,1"; }) ==
          "soc.interconnect.routes[\"0,0 -> 1,1\"]: the route loops: it comes to 0,0 twice; expected each node once");
    CHECK(with([](auto& n) { n.routes["0,0 -> 2,1"] = "1,1 2,1"; }) ==
          "soc.interconnect.routes[\"0,0 -> 2,1\"]: no link leads from 0,0 to 1,1; expected a neighbour");
    CHECK(with([](auto& n) { n.routes["0,0 -> 2,1"] = "1,0 2,0"; }) ==
          "soc.interconnect.routes[\"0,0 -> 2,1\"]: the route ends at 2,0; expected its last node is 2,1");
    CHECK(with([](auto& n) { n.routes["0,0"] = "1,0"; }) ==
          "soc.interconnect.routes.0,0: no two nodes; expected such as '0,0 -> 2,1'");
    // Four ways round one square, each of which turns where the next begins.
    CHECK(with([](auto& n) {
              n.routes = {{"0,0 -> 1,1", "1,0 1,1"},
                          {"1,0 -> 0,1", "1,1 0,1"},
                          {"1,1 -> 0,0", "0,1 0,0"},
                          {"0,1 -> 1,0", "0,0 1,0"}};
          }).find("soc.interconnect.routes: these routes could wait for one another for ever: ") == 0);
    CHECK(with([](auto& n) { n.columns = 1; }) == "soc.interconnect.columns: 1 is out of range; expected 2 to 64");
    soc::SocConfig ring = placed(Kind::ring, 6, 1, "0", "3");
    CHECK(finding(ring) == "fine");
    ring.network.virtual_channels = 3;
    CHECK(finding(ring).find("soc.interconnect.virtual_channels: found 3") == 0);
    soc::SocConfig plain = one_master();
    plain.network.nodes["a"] = "0";
    CHECK(finding(plain) == "soc.interconnect.nodes: a crossbar has none; expected kind: ring or mesh");
}

}  // namespace xlate::tests
