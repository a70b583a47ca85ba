// Counters that every IOMMU has mean the same in every family (docs/result-names.md: iommus[]).
#include <catch2/catch.hpp>

#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "iommu/families.hpp"
#include "study/config/config.hpp"
#include "study/run/run.hpp"
#include "tests/places.hpp"
#include "tests/soc/child.hpp"

namespace xlate::tests {

namespace {

std::string iommus_of(const std::string& config) {
    return in_child([&] {
        const std::string file = std::string(source_dir()) + "/configs/" + config + ".yaml";
        study::Config loaded = study::load_config(file, {});
        return study::run(loaded, {}).result["iommus"].dump();
    });
}

}  // namespace

TEST_CASE("counters of an IOMMU agree with each other in every family", "[study][families]") {
    std::set<std::string> met;
    for (const char* const config : {"quickstart", "smmuv2", "riscv",    "x86-vtd",     "x86-amd",     "virtio", "dart",
                                     "exynos",     "ipmmu",  "mediatek", "mediatek-v1", "msm-iommu",   "msm-v0", "omap",
                                     "rockchip",   "sprd",   "sun50i",   "tegra",       "verisilicon", "bcm2712"}) {
        const std::string text = iommus_of(config);
        CAPTURE(config, text);
        const auto iommus = nlohmann::json::parse(text, nullptr, false);
        REQUIRE(iommus.is_array());
        for (const auto& iommu : iommus) {
            const auto count = [&](const char* at) {
                return iommu.at(nlohmann::json::json_pointer(at)).get<std::uint64_t>();
            };
            CAPTURE(iommu["name"]);
            CHECK(count("/tlb/hits") <= count("/tlb/lookups"));
            CHECK((count("/walk_reads") == 0 || count("/walks") > 0));
            if (count("/translations") > 0) met.insert(iommu["arch"]);
        }
    }
    for (const iommu::Family& family : iommu::families()) {
        CAPTURE(family.name);
        CHECK(met.count(std::string(family.sheet().arch)) == 1);
    }
}

}  // namespace xlate::tests
