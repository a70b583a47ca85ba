#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/corpus.hpp"
#include "tests/soc/child.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using nlohmann::json;
using tests::SmmuBench;

namespace {

/// corpus/gem5/README.md: the set-up and what its parameters are called here.
soc::SocConfig experiment(const json& point) {
    soc::SocConfig config;
    config.interconnect = {64, Cycles{2}, Cycles{1}, Cycles{1}};
    config.memory.latency = ns(30);
    config.memory.bandwidth_bytes_per_s = std::uint64_t{64} << 30;
    config.cpu.count = 1;
    config.iommu = *soc::iommu_preset("gem5-default");
    const json& changed = point.at("changed");
    if (changed.contains("walk_enable")) config.iommu.tcu.walk_cache.enabled = changed["walk_enable"].get<bool>();
    if (changed.contains("ptw_slots")) config.iommu.tcu.walk_slots = changed["ptw_slots"].get<std::uint32_t>();
    if (changed.contains("xlate_slots")) config.iommu.tcu.xlate_slots = changed["xlate_slots"].get<std::uint32_t>();
    if (changed.contains("ifc_smmu_lat"))
        config.iommu.tbu.link_to_tcu = Cycles{changed["ifc_smmu_lat"].get<std::uint64_t>()};
    if (changed.contains("smmu_ifc_lat"))
        config.iommu.tbu.link_from_tcu = Cycles{changed["smmu_ifc_lat"].get<std::uint64_t>()};
    soc::MasterConfig master = SmmuBench::master("generator", 2);
    soc::TrafficParams& traffic = master.traffic;
    const std::string pattern = point.at("pattern");
    traffic.pattern = pattern == "lin"      ? soc::Pattern::linear
                      : pattern == "stride" ? soc::Pattern::strided
                                            : soc::Pattern::random;
    traffic.stride_bytes = 4096;
    traffic.size_bytes = 64;
    traffic.outstanding = point.at("outstanding");
    traffic.transfers = point.at("reads");
    config.masters.push_back(master);
    return config;
}

/// The addresses that gem5 24.0's random traffic generator draws over `bytes` (fewer than 2^32). Its source of numbers
/// is the standard's 64-bit Mersenne twister with the default seed. A read takes two of them: one for the time to wait,
/// which is always the same, and one for the address, uniform from the first byte to the last but one, and rounded down
/// to the read's size. libstdc++ makes a uniform number below n of the upper half of its product with n.
std::vector<std::uint64_t> gem5_addresses(std::uint64_t bytes, std::uint64_t reads) {
    std::mt19937_64 twister;
    const std::uint64_t below = bytes - 1;
    std::vector<std::uint64_t> offsets;
    for (std::uint64_t i = 0; i < reads; ++i) {
        twister.discard(1);
        const std::uint64_t number = twister();
        const std::uint64_t product = (number >> 32) * below + (((number & low_mask(32)) * below) >> 32);
        offsets.push_back(align_down(product >> 32, 64));
    }
    return offsets;
}

std::string measure(const json& point) {
    const firmware::Description board = SmmuBench::board({"generator"});
    soc::Soc soc{board, experiment(point)};
    const std::uint64_t pages = point.at("pages");
    SmmuBench::install(soc, pages);
    SmmuBench::enable(soc);
    if (point.at("pattern") == "rand") {
        soc.start_master("generator", Iova{SmmuBench::kIova}, pages * 4096,
                         gem5_addresses(pages * 4096, point["reads"]));
    } else {
        soc.start_master("generator", Iova{SmmuBench::kIova}, pages * 4096);
    }
    soc.run();
    const soc::SocStats all = soc.stats();
    const soc::IommuStats& stats = all.iommus.at(0);
    const auto misses = [](const soc::LookupStats& s) {
        return json{{"lookups", s.lookups}, {"misses", s.lookups - s.hits}};
    };
    json result;
    result["reads"] = all.masters.at(0).reads;
    result["translation_mean_ns"] =
        static_cast<double>(stats.translation.sum_fs()) / 1e6 / static_cast<double>(stats.translation.count());
    result["walk_mean_ns"] = static_cast<double>(stats.walk.sum_fs()) / 1e6 / static_cast<double>(stats.walk.count());
    result["walks"] = stats.walks;
    result["micro_tlb"] = misses(stats.micro_tlb);
    result["main_tlb"] = misses(stats.main_tlb);
    result["config_cache"] = misses(stats.config_cache);
    result["walk_cache"] = misses(stats.walk_cache);
    result["ste_fetches"] = stats.counter("ste_fetches");
    result["cd_fetches"] = stats.counter("cd_fetches");
    return result.dump();
}

bool within(double ours, double theirs, double share) { return std::abs(ours - theirs) <= share * theirs; }

}  // namespace

TEST_CASE("soc: gem5-default agrees with gem5's SMMUv3 at every point of the reference", "[soc][smmuv3][gem5]") {
    if (tests::skip_without("gem5")) return;
    std::ifstream file(*tests::corpus() / "gem5" / "reference.json");
    const json reference = json::parse(file);
    for (const json& point : reference) {
        const std::string text = tests::in_child([&] { return measure(point); });
        INFO(point.at("pattern") << " " << point.at("pages") << " pages, " << point.at("outstanding")
                                 << " outstanding, " << point.at("variation"));
        REQUIRE(text.substr(0, 1) == "{");
        const json ours = json::parse(text);
        INFO("ours   " << ours.dump());
        INFO("theirs " << point.dump());
        if (std::getenv("XLATE_GEM5_TABLE") != nullptr) {
            std::printf("%-6s %6d %3d %-12s %9.3f %9.3f  %9.3f %9.3f\n", point["pattern"].get<std::string>().c_str(),
                        point["pages"].get<int>(), point["outstanding"].get<int>(),
                        point["variation"].get<std::string>().c_str(), ours["translation_mean_ns"].get<double>(),
                        point["translation_mean_ns"].get<double>(), ours["walk_mean_ns"].get<double>(),
                        point["walk_mean_ns"].get<double>());
        }
        CHECK(ours["reads"] == point["reads"]);
        CHECK(within(ours["translation_mean_ns"], point["translation_mean_ns"], 0.05));
        CHECK(within(ours["walk_mean_ns"], point["walk_mean_ns"], 0.05));
        if (point["outstanding"] != 1) continue;
        for (const char* count :
             {"walks", "micro_tlb", "main_tlb", "config_cache", "walk_cache", "ste_fetches", "cd_fetches"}) {
            CHECK(ours[count] == point[count]);
        }
    }
}
