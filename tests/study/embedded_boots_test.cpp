// The boards of configs/ whose IOMMU is of an embedded family, with every kernel from 6.15 on: no crash, and what the
// releases changed in single drivers.
// Sources: 38e8844005e6 (MediaTek), c9b4a3185fcb (OMAP), the report of 2025-12-29 on APQ8064 (docs/findings.md F30).
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "firmware/iommu_families.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "study/config/config.hpp"
#include "study/diff_kernels/untimed_boot.hpp"
#include "tests/places.hpp"

using namespace xlate;
using namespace xlate::study;
namespace fs = std::filesystem;

namespace {

/// Families whose boards the recorded boots of newer kernels cover.
const std::set<std::string_view> kRecorded{"arm-smmu-v3", "arm-smmu", "virtio-iommu", "intel-iommu", "amd-iommu"};

std::string path_of(const std::string& config) {
    return (fs::path(tests::source_dir()) / "configs" / config).string() + ".yaml";
}

bool is_embedded(const firmware::Description& description) {
    for (const firmware::NodeIndex provider : description.providers()) {
        if (kRecorded.count(firmware::iommu_kind(description.node(provider)).driver) == 0) return true;
    }
    return false;
}

std::vector<std::string> newer_variants() {
    constexpr unsigned kFirst = 615;
    std::vector<std::string> names;
    for (const kernel::Variant& variant : kernel::variants()) {
        if (variant.release >= kFirst && variant.name.find('-') != std::string::npos) names.push_back(variant.name);
    }
    return names;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

BootFacts boot(const char* config, const char* variant) {
    Config loaded = load_config(path_of(config));
    return boot_untimed(board_for_boots(loaded), kernel::find_variant(variant));
}

}  // namespace

TEST_CASE("embedded: no board of an embedded family crashes a newer kernel, but Qualcomm's msm-iommu", "[study]") {
    std::set<std::string> boards;
    for (const auto& entry : fs::directory_iterator(fs::path(tests::source_dir()) / "configs")) {
        if (entry.path().extension() != ".yaml") continue;
        Config config = load_config(entry.path().string());
        const BootBoard board = board_for_boots(config);
        if (!is_embedded(board.description)) continue;
        boards.insert(entry.path().stem().string());
        // Seen on an APQ8064 with 6.19-rc3, no repair found.
        const bool crashes = entry.path().stem() == "msm-v0";
        for (const std::string& name : newer_variants()) {
            INFO(entry.path().filename().string() << " at " << name);
            const BootFacts facts = boot_untimed(board, kernel::find_variant(name));
            INFO(joined(facts.reports));
            CHECK(facts.crashed == crashes);
        }
    }
    for (const char* const one : {"mediatek", "omap", "rockchip", "tegra", "exynos", "msm-v0"}) {
        INFO(one);
        CHECK(boards.count(one) == 1);
    }
}

TEST_CASE("embedded: MediaTek's M4U is on its list before it registers, but at the commit that moved the parse",
          "[study]") {
    for (const char* const variant : {"linux-6.1", "linux-6.12", "mainline-6.15", "linux-7.3"}) {
        INFO(variant);
        const BootFacts facts = boot("mediatek", variant);
        INFO(joined(facts.reports));
        CHECK_FALSE(facts.crashed);
        CHECK(facts.grouped() == 3);
    }
    const BootFacts moved = boot("mediatek", "bcb81ac6ae3c");
    CHECK(moved.crashed);
    CHECK(joined(moved.reports).find("null-dereference") != std::string::npos);
}

TEST_CASE("embedded: OMAP's clients have groups in 6.1, none in 6.12, and theirs again with of_xlate", "[study]") {
    CHECK(boot("omap", "linux-6.1").grouped() == 3);
    CHECK(boot("omap", "linux-6.12").grouped() == 0);
    for (const char* const variant : {"mainline-6.15.1", "linux-6.16", "linux-7.3"}) {
        INFO(variant);
        const BootFacts facts = boot("omap", variant);
        INFO(joined(facts.reports));
        CHECK(facts.grouped() == 3);
        for (const char* const client : {"480bc000.isp", "55020000.ipu", "40800000.dsp"}) {
            const BootedDevice* const device = facts.find(client);
            REQUIRE(device != nullptr);
            INFO(client << " " << device->why);
            CHECK(device->state == "bound");
            CHECK(device->domain == kernel::DomainType::unmanaged);  // its own driver's
        }
    }
}
