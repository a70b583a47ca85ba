// Zero cost means zero, for every family: with all latencies of its IOMMU zero and all hits, what its driver has mapped
// is accessed in the time that the same access takes in a SoC without an IOMMU.
#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "study/config/config.hpp"
#include "study/run/run.hpp"
#include "tests/places.hpp"
#include "tests/soc/child.hpp"

namespace xlate::tests {

namespace {

/// Everything that takes time in an IOMMU that hits, and what could be full.
std::vector<study::Override> free_of_charge() {
    return {{"soc.iommu.tbu.port_width", "0"},           {"soc.iommu.tcu.port_width", "0"},
            {"soc.iommu.tbu.xlate_slots", "1024"},       {"soc.iommu.tbu.write_buffer", "65536"},
            {"soc.iommu.tbu.micro_tlb.enabled", "true"}, {"soc.iommu.tbu.micro_tlb.entries", "64"},
            {"soc.iommu.tbu.micro_tlb.ways", "0"},       {"soc.iommu.tbu.micro_tlb.latency", "0 cycles"},
            {"soc.iommu.tbu.tlb.latency", "0 cycles"},   {"soc.iommu.tcu.tlb.latency", "0 cycles"},
            {"soc.iommu.tbu.link_to_tcu", "1 cycle"},    {"soc.iommu.tbu.link_from_tcu", "1 cycle"}};
}

/// One access at a time, over pages that it has met by then.
std::string latencies(study::Config config, const std::string& device) {
    return in_child([&] {
        config.soc.fidelity = soc::Fidelity::exact;
        config.soc.system_clock = {1'000'000};
        config.soc.interconnect = {};
        config.soc.memory = {};
        config.soc.pcie = {};
        config.kernel.after_boot.clear();
        config.expect.clear();
        config.rogues.clear();
        config.traffic.clear();
        study::TrafficConfig traffic;
        traffic.device = device;
        traffic.params.size_bytes = 64;
        traffic.params.read_share = {1, 1};
        traffic.params.outstanding = 1;
        traffic.params.interval = ns(400);
        traffic.params.transfers = 3000;
        traffic.working_set_bytes = 64 << 10;
        traffic.warmup = "2000";
        config.traffic.push_back(traffic);
        const study::RunReport report = study::run(config, {});
        if (!report.result.contains("masters") || report.result["masters"].empty()) return "nothing ran: " + report.why;
        const auto& master = report.result["masters"][0];
        if (master["faults"] != 0) return std::string("faults");
        const auto& latency = master["latency_ns"];
        return fmt::format("{} to {} ns, {} reads", latency["min"].dump(), latency["max"].dump(),
                           master["reads"].dump());
    });
}

std::string without(bool pci) {
    const std::string device = pci ? "0000:00:01.0" : "a000000.dma";
    const std::string text =
        "firmware: { generate: devicetree }\n"
        "soc:\n"
        "  board: { masters: [ { name: dma, iommu: none } ], pcie: [ { iommu: none } ] }\n"
        "  pci: [ { slot: \"00:01.0\", driver: nvme } ]\n"
        "kernel: { variant: mainline-6.15.1 }\n"
        "traffic: [ { device: \"" +
        device + "\" } ]\n";
    return latencies(study::parse_config(text, "without.yaml"), device);
}

}  // namespace

TEST_CASE("zero cost is zero for every family", "[soc][families]") {
    struct Row {
        const char* config;
        const char* device;
        bool ports_keep = true;  ///< translations; else each asks the core, whose links are a cycle each at least
    };
    const Row rows[] = {
        {"quickstart", "a000000.video"},
        {"smmuv2", "a000000.video"},
        {"riscv", "4000000.gpu"},
        {"x86-vtd", "0000:00:01.0"},
        {"x86-amd", "0000:00:12.0"},
        {"virtio", "a000000.video"},
        {"dart", "a010000.usb"},
        {"exynos", "13800000.display", false},
        {"ipmmu", "feb00000.display"},
        {"mediatek", "14005000.display"},
        {"mediatek-v1", "14007000.display"},
        {"msm-iommu", "1a00000.display"},
        {"msm-v0", "5100000.display"},
        {"omap", "480bc000.isp", false},
        {"rockchip", "ff900000.vop"},
        {"sprd", "63100000.display"},
        {"sun50i", "1100000.display"},
        {"tegra", "54200000.display"},
        {"verisilicon", "fdd90000.display"},
        {"bcm2712", "107c580000.display"},
    };
    const std::string platform = without(false), pci = without(true);
    CHECK(platform == "70.0 to 70.0 ns, 1000 reads");  // 5 + 60 + 5
    CHECK(pci.find(", 1000 reads") != std::string::npos);
    for (const Row& row : rows) {
        CAPTURE(row.config, row.device);
        const std::string file = std::string(source_dir()) + "/configs/" + row.config + ".yaml";
        const std::string expected = std::string(row.device).find("0000:") == 0 ? pci : platform;
        CHECK(latencies(study::load_config(file, free_of_charge()), row.device) ==
              (row.ports_keep ? expected : "72.0 to 72.0 ns, 1000 reads"));
        CHECK(latencies(study::load_config(file, {{"soc.iommu.tbu.ideal", "true"}}), row.device) == expected);
    }
}

}  // namespace xlate::tests
