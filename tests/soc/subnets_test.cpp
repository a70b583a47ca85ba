// Crossbars below a crossbar, clocks between them, and several channels of memory.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "tests/soc/plain_bench.hpp"

namespace xlate::tests {

namespace {

/// 500 MHz, requests 3 cycles, responses 2, a bridge of 4.
soc::SubnetParams slow() {
    soc::SubnetParams subnet;
    subnet.clock = {2 * kFsPerNs};
    subnet.crossbar = {64, Cycles{3}, Cycles{2}, Cycles{1}};
    subnet.bridge = Cycles{4};
    return subnet;
}

}  // namespace

TEST_CASE("what hangs on a subnet pays its crossbar, its bridge and both clocks' edges") {
    CHECK(latencies(one_master()) == "33 33 33 ");  // 2 to memory, 30, 1 back
    soc::SocConfig config = one_master();
    config.subnets["media"] = slow();
    CHECK(latencies(config) == "33 33 33 ");  // nothing hangs on it
    config.placement["a"] = "media";
    // 3 x 2 to the bridge, 4 x 1 over it, 2, 30, 1; at 43 ns, to the next edge of 2 ns, 4 x 2 back over it, 2 x 2.
    CHECK(latencies(config) == "56 56 56 ");
}

TEST_CASE("subnets stand below one another") {
    soc::SocConfig config = one_master();
    config.subnets["media"] = slow();
    config.subnets["camera"] = slow();
    config.subnets["camera"].parent = "media";
    config.placement["a"] = "camera";
    // 6 and a bridge to media of 4 x 2; 6, 4; 2 + 30 + 1 = 57, to 58, 8, 4; 70: an edge, 8, 4.
    CHECK(latencies(config) == "82 82 82 ");
}

TEST_CASE("an IOMMU's ports hang where they are placed, each or all") {
    soc::SocConfig config = one_master();
    config.masters[0].traffic.transfers = 2;
    const std::string at_once = latencies(config, true);
    config.subnets["media"] = slow();
    const auto with = [&](const std::string& place) {
        soc::SocConfig placed = config;
        placed.placement[place] = "media";
        return latencies(placed, true);
    };
    // The second access hits: its data alone crosses. The first walks: STE, CD and three levels are five more.
    const auto second = [](const std::string& text) { return std::stoi(text.substr(text.find(' ') + 1)); };
    const auto first = [](const std::string& text) { return std::stoi(text); };
    CHECK(first(with("9050000.smmuv3.tcu")) >= first(at_once) + 5 * 22);
    CHECK(second(with("9050000.smmuv3.tcu")) == second(at_once));
    CHECK(second(with("a")) >= second(at_once) + 22);
    CHECK(first(with("a")) <= first(at_once) + 24);
    CHECK(with("9050000.smmuv3.a") == with("a"));
    CHECK(second(with("9050000.smmuv3")) == second(with("a")));
    CHECK(first(with("9050000.smmuv3")) > first(with("9050000.smmuv3.tcu")));
}

TEST_CASE("a bridge has no more on its way than it may, and loses nothing") {
    for (const std::uint32_t outstanding : {1U, 2U, 8U}) {
        CAPTURE(outstanding);
        const std::string text = in_child([&] {
            const firmware::Description board = untranslated({"a", "b"});
            soc::SocConfig config = one_master();
            config.masters.push_back(SmmuBench::master("b", 3));
            for (soc::MasterConfig& master : config.masters) {
                master.traffic.outstanding = 16;
                master.traffic.transfers = 200;
                master.traffic.read_share = {1, 2};
            }
            config.subnets["media"] = slow();
            config.subnets["media"].outstanding = outstanding;
            config.placement = {{"a", "media"}, {"b", "media"}};
            Taken taken;
            soc::Soc soc(board, config);
            soc.set_trace(&taken);
            for (const char* name : {"a", "b"}) soc.start_master(name, Iova{SmmuBench::kPages}, 1 << 16);
            soc.run();
            const soc::SocStats stats = soc.stats();
            std::uint64_t done = 0;
            for (const soc::MasterStats& master : stats.masters) done += master.reads + master.writes;
            // Over the bridge and back takes 46 ns and more (4 + 33 + 8, edges): so many in that time at most.
            const bool within = taken.last.fs / kFsPerNs >= 400 / outstanding * 45;
            return fmt::format("{} {} {}", done, stats.transactions_lost, within);
        });
        CHECK(text == "400 0 true");
    }
}

TEST_CASE("what a tree of crossbars may not be is said by name") {
    soc::SocConfig config = one_master();
    CHECK(finding(config) == "fine");
    config.subnets["a"] = slow();
    config.subnets["b"] = slow();
    config.subnets["a"].parent = "b";
    CHECK(finding(config) == "fine");
    config.subnets["b"].parent = "a";
    CHECK(finding(config) == "soc.interconnects.a.parent: the way up never ends: a -> b -> a; expected a tree");
    config.subnets["b"].parent = "c";
    CHECK(finding(config) == "soc.interconnects.b.parent: there is no interconnect 'c'; expected one such as 'a'");
    config.subnets["b"].parent = "";
    config.placement["9050000.smmuv4"] = "a";
    CHECK(finding(config) ==
          "soc.placement.9050000.smmuv4: nothing of this name hangs on an interconnect; expected one such as "
          "'9050000.smmuv3'");
    config.placement = {{"cpus", "d"}};
    CHECK(finding(config) == "soc.placement.cpus: there is no interconnect 'd'; expected one such as 'a'");
    config.placement.clear();
    config.fidelity = soc::Fidelity::fast;
    CHECK(finding(config) ==
          "soc.interconnects: fidelity: fast reserves one memory of constant latency behind one crossbar; expected "
          "soc.fidelity: exact");
    config = one_master();
    config.memory.channels = 3;
    CHECK(finding(config) == "soc.memory.channels: 3 is not a power of two; expected a power of two");
    config.memory.channels = 1;
    config.memory.dram = *soc::find_dram("ddr4-3200");
    config.memory.dram->REFI = 500;
    CHECK(finding(config) ==
          "soc.memory.timing.tREFI: refresh leaves no time for anything else; expected more than tRFC + tRP + tRAS, or "
          "0: no refresh");
}

TEST_CASE("channels share the bandwidth, and each byte has one place") {
    const auto bandwidth = [](std::uint32_t channels, bool dram) {
        return std::stod(in_child([&] {
            const firmware::Description board = untranslated({"a"});
            soc::SocConfig config = one_master();
            config.payload = soc::PayloadMode::full;
            config.interconnect.width_bytes = 256;
            config.memory.bandwidth_bytes_per_s = 25'600'000'000;
            config.memory.channels = channels;
            if (dram) config.memory.dram = *soc::find_dram("ddr4-3200");
            soc::TrafficParams& traffic = config.masters[0].traffic;
            traffic.size_bytes = 256;
            traffic.outstanding = 256;
            traffic.interval = {kFsPerNs / 2};
            traffic.transfers = 8192;
            soc::Soc soc(board, config);
            // What is written before is there, at every place: channels do not lie over one another.
            std::vector<std::uint8_t> bytes(1 << 16);
            for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 11 + i / 256);
            soc.poke(PhysAddr{SmmuBench::kPages}, bytes.data(), bytes.size());
            soc.start_master("a", Iova{SmmuBench::kPages}, 1 << 21);
            soc.run();
            const soc::MasterStats stats = soc.stats().masters[0];
            std::vector<std::uint8_t> after(bytes.size());
            soc.peek(PhysAddr{SmmuBench::kPages}, after.data(), after.size());
            if (after != bytes || stats.faults != 0 || stats.reads != 8192) return std::string("0");
            return fmt::format(
                "{}", static_cast<double>(stats.bytes) * 1e15 / static_cast<double>(stats.last_completion.fs) / 1e9);
        }));
    };
    CHECK(bandwidth(1, false) == Approx(25.6).epsilon(0.03));
    CHECK(bandwidth(2, false) == Approx(51.2).epsilon(0.03));
    CHECK(bandwidth(4, false) == Approx(102.4).epsilon(0.05));
    CHECK(bandwidth(1, true) == Approx(25.6 * (1 - 560.0 / 12480)).epsilon(0.05));
    CHECK(bandwidth(4, true) == Approx(102.4 * (1 - 560.0 / 12480)).epsilon(0.05));
}

TEST_CASE("a master follows a recording: its sizes, directions and times") {
    const auto run = [](bool keep, std::uint64_t transfers, soc::Fidelity fidelity) {
        return in_child([&] {
            const firmware::Description board = untranslated({"a"});
            soc::SocConfig config = one_master();
            config.fidelity = fidelity;
            soc::TrafficParams& traffic = config.masters[0].traffic;
            traffic.pattern = soc::Pattern::trace;
            traffic.recorded =
                std::make_shared<const std::vector<soc::RecordedAccess>>(std::vector<soc::RecordedAccess>{
                    {ns(10), 0, 64, false}, {ns(10), 4096, 128, true}, {ns(500), 8192, 4, false}});
            traffic.keep_gaps = keep;
            traffic.outstanding = 4;
            traffic.interval = ns(1);
            traffic.transfers = transfers;
            struct Issued final : soc::TraceSink {
                void transaction(std::string_view, std::uint64_t, std::uint64_t iova, bool write, SimTime start,
                                 SimTime, bool) override {
                    all.push_back(
                        fmt::format("{:6} {:x} {}", start.fs / kFsPerNs, iova - SmmuBench::kPages, write ? "w" : "r"));
                }
                void span(std::string_view, std::string_view, SimTime, SimTime, std::uint64_t) override {}
                void instant(std::string_view, std::string_view, SimTime, std::uint64_t) override {}
                std::vector<std::string> all;
            } issued;
            soc::Soc soc(board, config);
            soc.set_trace(&issued);
            soc.start_master("a", Iova{SmmuBench::kPages}, 3 * 4096);
            soc.run();
            std::sort(issued.all.begin(), issued.all.end());
            const soc::MasterStats stats = soc.stats().masters[0];
            return fmt::format("{}; {} bytes", fmt::join(issued.all, ", "), stats.bytes);
        });
    };
    for (const soc::Fidelity fidelity : {soc::Fidelity::exact, soc::Fidelity::fast}) {
        CHECK(run(true, 4, fidelity) == "    10 0 r,     10 1000 w,    500 2000 r,    511 0 r; 260 bytes");
        CHECK(run(false, 3, fidelity) == "     0 0 r,      1 1000 w,      2 2000 r; 196 bytes");
    }
}

}  // namespace xlate::tests
