// What single parameters of gem5's SMMUv3 do to one read, by hand from the rules of docs/spec/iommu-anchors.md B1:
// other parameter sets than those of the reference follow from these. One master, one page, one outstanding read.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "tests/soc/child.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using nlohmann::json;
using tests::SmmuBench;

namespace {

struct Case {
    const char* what;
    void (*change)(soc::SocConfig& config);
    std::uint64_t first_ns;   ///< translation of the first read: all caches are cold
    std::uint64_t second_ns;  ///< and of the second, of the same page
    std::uint64_t walks;
};

// Memory and back take 33 ns (2 + 30 + 1), a read of the TCU 34 with its port beat. Default, first: 1 micro-TLB, 3 main
// TLB, 8 link, 3 configuration cache, 34 STE, 34 CD, walk 114 = 2 x 4 walk cache + 1 + 3 x (34 + 1), 8 link, 1 port.
// Second: 1 micro-TLB, 1 port.
constexpr Case kCases[] = {
    {"default", [](soc::SocConfig&) {}, 206, 2, 1},
    {"no micro-TLB: 1 less, then 3 main TLB + 1",
     [](soc::SocConfig& c) { c.iommu.tbu.micro_tlb.shape.enabled = false; }, 205, 4, 1},
    {"no main TLB: 3 less", [](soc::SocConfig& c) { c.iommu.tbu.main_tlb.shape.enabled = false; }, 203, 2, 1},
    {"no TLB in the TBU: 8 link, 3 configuration cache, walk 44 = 4 walk cache + 1 + 35 from level 2's entry, 8, 1",
     [](soc::SocConfig& c) {
         c.iommu.tbu.micro_tlb.shape.enabled = false;
         c.iommu.tbu.main_tlb.shape.enabled = false;
     },
     202, 8 + 3 + 4 + 1 + 35 + 8 + 1, 2},
    {"no TLB in the TBU, one in the TCU: 3 more; then 8 + 3 + 3 + 8 + 1",
     [](soc::SocConfig& c) {
         c.iommu.tbu.micro_tlb.shape.enabled = false;
         c.iommu.tbu.main_tlb.shape.enabled = false;
         c.iommu.tcu.tlb.shape.enabled = true;
     },
     205, 23, 1},
    {"no configuration cache: 3 less", [](soc::SocConfig& c) { c.iommu.tcu.config_cache.shape.enabled = false; }, 203,
     2, 1},
    {"nothing is cached anywhere: 8 + 34 + 34 + 1 + 3 x 35 + 8 + 1, each time",
     [](soc::SocConfig& c) {
         c.iommu.tbu.micro_tlb.shape.enabled = false;
         c.iommu.tbu.main_tlb.shape.enabled = false;
         c.iommu.tcu.config_cache.shape.enabled = false;
         c.iommu.tcu.walk_cache.enabled = false;
     },
     191, 191, 2},
    {"no walk cache: 8 less", [](soc::SocConfig& c) { c.iommu.tcu.walk_cache.enabled = false; }, 198, 2, 1},
    {"slow look-ups: micro 2, main 5, configuration 7, walk cache 2 x 6",
     [](soc::SocConfig& c) {
         c.iommu.tbu.micro_tlb.latency = Cycles{2};
         c.iommu.tbu.main_tlb.latency = Cycles{5};
         c.iommu.tcu.config_cache.latency = Cycles{7};
         c.iommu.tcu.walk_cache.latency = Cycles{6};
     },
     206 + 1 + 2 + 4 + 2 * 2, 3, 1},
    {"links of 20 and 30 cycles",
     [](soc::SocConfig& c) {
         c.iommu.tbu.link_to_tcu = Cycles{20};
         c.iommu.tbu.link_from_tcu = Cycles{30};
     },
     206 + 12 + 22, 2, 1},
    {"memory of 80 ns: five reads of 50 more", [](soc::SocConfig& c) { c.memory.latency = ns(80); }, 206 + 5 * 50, 2,
     1},
    {"one slot of everything changes nothing for one read",
     [](soc::SocConfig& c) {
         c.iommu.tbu.xlate_slots = 1;
         c.iommu.tbu.main_tlb.slots = 1;
         c.iommu.tcu.xlate_slots = 1;
         c.iommu.tcu.walk_slots = 1;
         c.iommu.tcu.config_cache.slots = 1;
         c.iommu.tcu.walk_cache.slots = 1;
     },
     206, 2, 1},
    {"writes of 256 bytes: 16 beats of the port to the interconnect instead of one",
     [](soc::SocConfig& c) {
         c.masters[0].traffic.read_share = {0, 1};
         c.masters[0].traffic.size_bytes = 256;
     },
     206 + 15, 2 + 15, 1},
    {"writes of 256 bytes, 32 bytes a beat of the port to the interconnect",
     [](soc::SocConfig& c) {
         c.masters[0].traffic.read_share = {0, 1};
         c.masters[0].traffic.size_bytes = 256;
         c.iommu.tcu.port_width_bytes = 32;
     },
     206 + 7, 2 + 7, 1},
    {"half the clock, for the SMMU alone: its cycles count double, the 33 ns of memory do not",
     [](soc::SocConfig& c) { c.iommu.clock = ClockPeriod{2 * kFsPerNs}; }, 2 * (206 - 5 * 33) + 5 * 33, 4, 1},
};

std::string measure(const Case& one) {
    const firmware::Description board = SmmuBench::board({"generator"});
    soc::SocConfig config = SmmuBench::gem5_machine();
    config.iommu = *soc::iommu_preset("gem5-default");
    soc::MasterConfig master = SmmuBench::master("generator", 2);
    master.traffic.pattern = soc::Pattern::linear;
    master.traffic.transfers = 2;
    master.traffic.outstanding = 1;
    config.masters.push_back(master);
    one.change(config);
    soc::Soc soc{board, config};
    SmmuBench::install(soc, 1);
    SmmuBench::enable(soc);
    soc.start_master("generator", Iova{SmmuBench::kIova}, 4096);
    soc.run();
    const soc::SocStats stats = soc.stats();
    const soc::IommuStats& iommu = stats.iommus.at(0);
    return json{{"first", iommu.translation.max().fs}, {"second", iommu.translation.min().fs}, {"walks", iommu.walks}}
        .dump();
}

}  // namespace

TEST_CASE("soc: gem5-default: each parameter changes one read by what gem5's rules say", "[soc][smmuv3][gem5]") {
    for (const Case& one : kCases) {
        const std::string text = tests::in_child([&] { return measure(one); });
        INFO(one.what);
        REQUIRE(text.substr(0, 1) == "{");
        const json found = json::parse(text);
        CHECK(found["first"] == ns(one.first_ns).fs);
        CHECK(found["second"] == ns(one.second_ns).fs);
        CHECK(found["walks"] == one.walks);
    }
}
