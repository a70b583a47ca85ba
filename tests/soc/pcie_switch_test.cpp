// Links of PCIe ports: what shares one shares its bandwidth, by the closed formula; latencies and credits by hand.
#include <catch2/catch.hpp>

#include "tests/soc/plain_bench.hpp"

namespace xlate::tests {

namespace {

constexpr std::uint64_t kGen3x4 = 4 * 984'615'384ULL;

struct Endpoint {
    const char* name;
    std::optional<std::size_t> link;
};

soc::PcieLinkParams link(const std::string& name, std::optional<std::size_t> above, std::uint64_t bandwidth) {
    soc::PcieLinkParams made;
    made.name = name;
    made.above = above;
    made.params.bandwidth_bytes_per_s = bandwidth;
    made.params.link_latency = ns(50);
    return made;
}

/// A host bridge whose own link takes no time to send on, 100 ns each way.
soc::SocConfig machine(const std::vector<soc::PcieLinkParams>& links, const std::vector<Endpoint>& endpoints) {
    soc::SocConfig config = SmmuBench::gem5_machine();
    config.pcie.bandwidth_bytes_per_s = 0;
    config.pcie_links = links;
    std::uint32_t id = 8;
    for (const Endpoint& endpoint : endpoints) {
        soc::MasterConfig master = SmmuBench::master(endpoint.name, 2);
        master.requester_id = id++;
        master.pcie_link = endpoint.link;
        master.traffic.interval = ns(1);
        config.masters.push_back(master);
    }
    return config;
}

struct Ran {
    std::string text;
    SimTime end;
    std::vector<soc::MasterStats> masters;
    std::vector<soc::LinkStats> links;
};

template <typename Look>
std::string look(const soc::SocConfig& config, const Look& look) {
    return in_child([&] {
        firmware::Description board = SmmuBench::board({});
        SmmuBench::add_host_bridge(board, 0x500, 1, 1);
        Taken taken;
        soc::Soc soc(board, config);
        soc.set_trace(&taken);
        for (const soc::MasterConfig& master : config.masters)
            soc.start_master(master.device, Iova{SmmuBench::kPages}, 1 << 20);
        soc.run();
        const soc::SocStats stats = soc.stats();
        return look(Ran{taken.text, taken.last, stats.masters, stats.links});
    });
}

/// Until the last of `transfers` of each endpoint is answered, in ps.
std::uint64_t until_last(soc::SocConfig config, std::uint64_t transfers, std::uint32_t size, bool write) {
    for (soc::MasterConfig& master : config.masters) {
        master.traffic.size_bytes = size;
        master.traffic.read_share = {write ? 0U : 1U, 1};
        master.traffic.outstanding = 256;
        master.traffic.transfers = transfers;
    }
    return std::stoull(look(config, [](const Ran& ran) { return std::to_string(ran.end.fs / 1000); }));
}

}  // namespace

TEST_CASE("two endpoints behind one x4 link share its bandwidth, each with the half of it") {
    // A root port x4, a switch behind it, an x4 link to each endpoint: both directions, to the closed formula: bytes
    // and headers over the rate. What differs between 1,000 and 2,000 transfers has no latency in it.
    const std::vector<soc::PcieLinkParams> tree{link("port", {}, kGen3x4), link("left", 0, kGen3x4),
                                                link("right", 0, kGen3x4)};
    for (const bool write : {false, true}) {
        for (const std::uint32_t size : {64U, 256U}) {
            INFO(size << (write ? " written" : " read"));
            const double each_ps = (size + 24) * 1e12 / static_cast<double>(kGen3x4);
            const soc::SocConfig both = machine(tree, {{"one", 1}, {"two", 2}});
            const soc::SocConfig alone = machine(tree, {{"one", 1}});
            const auto thousand = [&](const soc::SocConfig& config) {
                return static_cast<double>(until_last(config, 2000, size, write) -
                                           until_last(config, 1000, size, write));
            };
            CHECK(thousand(both) == Approx(2000 * each_ps).epsilon(0.001));
            CHECK(thousand(alone) == Approx(1000 * each_ps).epsilon(0.001));
        }
    }
    // Behind ports of their own they do not share.
    const std::vector<soc::PcieLinkParams> apart{link("left", {}, kGen3x4), link("right", {}, kGen3x4)};
    const auto end = [&](const std::vector<Endpoint>& endpoints) {
        return static_cast<double>(until_last(machine(apart, endpoints), 2000, 256, false));
    };
    CHECK(end({{"one", 0}, {"two", 1}}) == Approx(end({{"one", 0}})).epsilon(0.001));
}

TEST_CASE("who shares a link has a fair part of it, and its statistics say how full it was") {
    soc::SocConfig config = machine({link("port", {}, kGen3x4), link("left", 0, kGen3x4), link("right", 0, kGen3x4)},
                                    {{"one", 1}, {"two", 2}});
    for (soc::MasterConfig& master : config.masters) {
        master.traffic.read_share = {0, 1};
        master.traffic.size_bytes = 256;
        master.traffic.outstanding = 64;
        master.traffic.transfers = 1000;
    }
    const std::string text = look(config, [](const Ran& ran) {
        std::string all;
        for (const soc::LinkStats& one : ran.links) {
            all += fmt::format("{} {} {}; ", one.name, one.packets,
                               one.busy_fs / (ran.end.fs / 100));  // in hundredths of the run
        }
        const auto last = [&](std::size_t i) { return ran.masters[i].last_completion.fs; };
        const bool together = last(0) > last(1) ? last(0) - last(1) < ns(200).fs : last(1) - last(0) < ns(200).fs;
        return all + (together ? "end together" : "do not end together");
    });
    // 2,000 writes of 280 bytes: 142.2 us at the shared link, and 0.4 us that the first and the last are under way.
    CHECK(text == "pcie.10000000.pcie 2000 0; pcie.port 2000 99; pcie.left 1000 49; pcie.right 1000 49; end together");
}

TEST_CASE("each link adds its latency and sends whole packets") {
    soc::SocConfig config = machine({link("port", {}, 8'000'000'000), link("down", 0, 8'000'000'000)}, {{"one", 1}});
    config.pcie.bandwidth_bytes_per_s = 8'000'000'000;
    config.masters[0].traffic.transfers = 1;
    const auto text = [](const Ran& ran) { return ran.text; };
    // A read of 64: 3 up and 11 down on each link; 50 + 50 + 100 each way, 33 from the root on.
    CHECK(look(config, text) == "475 ");
    config.masters[0].pcie_link = 0;
    CHECK(look(config, text) == "361 ");
    config.masters[0].pcie_link = std::nullopt;
    CHECK(look(config, text) == "247 ");
}

TEST_CASE("a port's credit comes back when the link above has sent on what holds it") {
    soc::SocConfig config = machine({link("port", {}, 8'000'000'000)}, {{"one", 0}});
    config.pcie.bandwidth_bytes_per_s = 8'000'000'000;
    soc::TrafficParams& traffic = config.masters[0].traffic;
    traffic.interval = ns(2);
    traffic.outstanding = 4;
    traffic.transfers = 4;
    traffic.read_share = {0, 1};
    const auto text = [](const Ran& ran) { return ran.text; };
    // A write of 64: 11 + 50 up the port's link, 11 + 100 up the host's, 33, 3 + 100 and 3 + 50 down: 361.
    CHECK(look(config, text) == "361 370 379 388 ");  // 11 apart at the link, issued 2 apart
    config.pcie_links[0].params.posted_credits = 1;
    CHECK(look(config, text) == "361 420 479 538 ");  // 61 apart
    // The host's link at 1 byte a ns sends one in 88: then the port's link waits for that.
    config.pcie.bandwidth_bytes_per_s = 1'000'000'000;
    // The first: 61 + 88 + 100 + 33 + 24 + 100 + 3 + 50 = 459; the next ones go on when the one before has: 88 apart.
    CHECK(look(config, text) == "459 545 631 717 ");
}

TEST_CASE("links of PCIe ports are a tree, not too deep") {
    soc::SocConfig config = one_master();
    config.pcie_links = {link("0000:00:01.0", 0, 1)};
    CHECK(finding(config) ==
          "soc.pci: 0000:00:01.0: its link hangs on one that comes behind it; expected links in the order of the tree");
    config.pcie_links.clear();
    for (std::size_t i = 0; i < 5; ++i) {
        config.pcie_links.push_back(link("p" + std::to_string(i), i == 0 ? std::nullopt : std::optional(i - 1), 1));
    }
    CHECK(finding(config) == "soc.pci: p4: 5 links lie between it and the host bridge; expected 4 or less");
    config.pcie_links.pop_back();
    CHECK(finding(config) == "fine");
    config.masters[0].pcie_link = 1;
    CHECK(finding(config) == "soc.pci: a: it hangs on no PCI bus; expected a device behind a PCI host bridge");
}

}  // namespace xlate::tests
