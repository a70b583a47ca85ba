// What IOMMU drivers store, ask of their hardware and refuse: docs/spec/kernel-probe.md section 5.
#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/explore.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

/// One IOMMU that is there, its clients bound one after the other by one thread.
Scenario board(const std::string& driver, const std::vector<std::vector<std::vector<std::uint32_t>>>& clients) {
    Scenario scenario;
    scenario.name = "board";
    IommuSpec iommu;
    iommu.name = "iommu0";
    iommu.driver = driver;
    iommu.registered = true;
    scenario.iommus = {iommu};
    TaskSpec task;
    for (const auto& entries : clients) {
        DeviceSpec device;
        device.name = "dev" + std::to_string(scenario.devices.size());
        device.refused = true;  // whether it is, is what the test asks
        for (const auto& args : entries) device.iommus.push_back({"iommu0", args});
        task.actions.push_back({ActionKind::bind, device.name});
        scenario.devices.push_back(std::move(device));
    }
    scenario.tasks = {task};
    return scenario;
}

ExploreResult run(const Scenario& scenario, const std::string& variant) {
    ExploreOptions options;
    options.strategy = Strategy::dpor;
    options.data_races = false;
    options.minimise = false;
    return explore::explore(scenario, variant, options);
}

/// The one outcome; nothing is reported.
std::string quiet(const Scenario& scenario, const std::string& variant = "base") {
    const ExploreResult result = run(scenario, variant);
    INFO(explore_text(result));
    CHECK(result.verdict == Verdict::verified);
    REQUIRE(result.outcomes.size() == 1);
    return result.outcomes.front();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::vector<const char*> kEras{"base",      "series-v1@13", "series-v1-fixed@14", "series-v1-fixed@17",
                                     "linux-6.1", "linux-6.12"};

}  // namespace

TEST_CASE("drivers: arm-smmu runs out of stream-map entries, undoes what it took, and leaves nothing behind",
          "[explore][drivers]") {
    for (const char* variant : kEras) {
        INFO(variant);
        Scenario s = board("arm-smmu", {{{1}, {2}, {3}}, {{4}, {5}}});
        s.iommus[0].hardware.entries = 2;
        const std::string outcome = quiet(s, std::string(variant) + (variant == kEras[1] ? "~D-5a~D-5b" : ""));
        CHECK(has(outcome, "dev0: bound no group;"));    // -ENOSPC; no fwspec is left, no entry is lost
        CHECK(has(outcome, "dev1: bound group{dev1}"));  // both entries are free again
    }
}

TEST_CASE("drivers: arm-smmu shares an entry that covers an id, refuses one that overlaps it", "[explore][drivers]") {
    // 0x100 with mask 0xf covers 0x105; 0x108 with mask 0x30 overlaps it without being covered.
    const std::string shared = quiet(board("arm-smmu", {{{0x100, 0xF}}, {{0x105}}}));
    CHECK(has(shared, "dev0: bound group{dev0,dev1}"));
    CHECK(has(shared, "dev1: bound group{dev0,dev1}"));
    CHECK(has(shared, "ids=983296,"));  // SID and mask in one id: 0x100 + (0xf << 16)
    const std::string overlap = quiet(board("arm-smmu", {{{0x100, 0xF}}, {{0x108, 0x30}}}));
    CHECK(has(overlap, "dev0: bound group{dev0} "));
    CHECK(has(overlap, "dev1: bound no group"));
    // Entries of two groups in one device.
    const std::string two = quiet(board("arm-smmu", {{{1}}, {{2}}, {{1}, {2}}}));
    CHECK(has(two, "dev2: bound no group"));
    // A SID or a mask of more bits than the SMMU compares.
    CHECK(has(quiet(board("arm-smmu", {{{0x8000}}})), "dev0: bound no group"));
    CHECK(has(quiet(board("arm-smmu", {{{1, 0x8000}}})), "dev0: bound no group"));
    CHECK(has(quiet(board("arm-smmu", {{{0x7FFF, 0}}})), "dev0: bound group{dev0}"));
}

TEST_CASE("drivers: without stream matching the SID is the entry", "[explore][drivers]") {
    Scenario s = board("arm-smmu", {{{3}}, {{4}}});
    s.iommus[0].hardware.entries = 4;
    s.iommus[0].hardware.stream_matching = false;
    const std::string outcome = quiet(s);
    CHECK(has(outcome, "dev0: bound group{dev0}"));
    CHECK(has(outcome, "dev1: bound no group"));
}

TEST_CASE("drivers: a removed master's stream-map entries can be used again", "[explore][drivers]") {
    Scenario s = board("arm-smmu", {{{1}}, {{2}}});
    s.iommus[0].hardware.entries = 1;
    s.tasks[0].actions.insert(s.tasks[0].actions.begin() + 1, {ActionKind::remove, "dev0"});
    CHECK(has(quiet(s), "dev1: bound group{dev1}"));
}

TEST_CASE("drivers: smmu-v3 refuses a stream of another master and one beyond SIDSIZE, skips its own again",
          "[explore][drivers]") {
    CHECK(has(quiet(board("arm-smmu-v3", {{{7}}, {{8}, {7}}, {{8}}})), "dev1: bound no group"));
    CHECK(has(quiet(board("arm-smmu-v3", {{{7}}, {{8}, {7}}, {{8}}})), "dev2: bound group{dev2}"));  // 8 was undone
    CHECK(has(quiet(board("arm-smmu-v3", {{{0x10000}}})), "dev0: bound no group"));
    CHECK(has(quiet(board("arm-smmu-v3", {{{0x2000}, {0x2000}}})), "dev0: bound group{dev0}"));
}

TEST_CASE("drivers: virtio-iommu asks PROBE for the first id only, ATTACH for each", "[explore][drivers]") {
    for (const char* status : {"NOENT", "INVAL", "RANGE", "UNSUPP", "FAULT", "NOMEM", "DEVERR"}) {
        INFO(status);
        Scenario s = board("virtio-iommu", {{{5}, {6}}});
        s.iommus[0].hardware.refusal = status;
        s.iommus[0].hardware.absent = {5};
        CHECK(has(quiet(s, "base"), "dev0: bound no group"));
        CHECK(has(quiet(s, "series-v1-fixed@17"), "dev0: bound no group"));
        // Only the second is absent: PROBE succeeds, the attach to the default domain does not.
        s.iommus[0].hardware.absent = {6};
        const ExploreResult late = run(s, "base");
        REQUIRE(late.bugs.size() == 1);
        CHECK(has(late.bugs[0].what, "the first attach of a group's default domain failed"));
        CHECK(has(late.outcomes.at(0), "dev0: bound no group"));
    }
    CHECK(kernel::virtio_status_error("NOENT") == -2);
    CHECK(kernel::virtio_status_error("UNSUPP") == -38);
    CHECK(kernel::virtio_status_error("DEVERR") == -5);
}

TEST_CASE("drivers: where there is no arch_setup_dma_ops, virtio-iommu installs the DMA operations itself",
          "[explore][drivers]") {
    for (const char* variant : {"base", "series-v1@17", "linux-6.12"}) {
        INFO(variant);
        CHECK(has(quiet(find_scenario("arch-x86"), variant), "domain=DMA ops=iommu"));
    }
}

TEST_CASE("drivers: mtk refuses ids of two larbs, a larb beyond the last, and one that is not there",
          "[explore][drivers]") {
    Scenario s = board("mtk-iommu", {{{32}, {33}}, {{34}, {64}}, {{256}}, {{96}}});
    s.iommus[0].hardware.absent = {3};
    const std::string outcome = quiet(s);
    CHECK(has(outcome, "dev0: bound group{dev0}"));
    CHECK(has(outcome, "dev1: bound no group"));
    CHECK(has(outcome, "dev2: bound no group"));
    CHECK(has(outcome, "dev3: bound no group"));
}

TEST_CASE("drivers: qcom refuses a bank that is absent or too large, and a second instance", "[explore][drivers]") {
    Scenario s = board("qcom-iommu", {{{1}}, {{9}}, {{32}}});
    s.iommus[0].hardware.absent = {9};
    const std::string outcome = run(s, "base").outcomes.at(0);  // the fwspec that stays is R9's
    CHECK(has(outcome, "dev0: bound group{dev0}"));
    CHECK(has(outcome, "dev1: bound no group"));
    CHECK(has(outcome, "dev2: bound no group"));
}

TEST_CASE("drivers: apple-dart refuses unlike instances, page size and bypass decide the default domain",
          "[explore][drivers]") {
    Scenario s = board("apple-dart", {{{1}}});
    CHECK(has(quiet(s), "domain=DMA"));
    s.iommus[0].hardware.large_pages = true;
    CHECK(has(quiet(s), "domain=identity"));
    s.iommus.push_back(s.iommus[0]);
    s.iommus[1].name = "iommu1";
    s.devices[0].iommus.push_back({"iommu1", {1}});
    CHECK(has(quiet(s), "instances=iommu0,iommu1"));
    s.iommus[1].hardware.bypass = false;
    // -EINVAL at the second entry; what is left of the first is R9's.
    const ExploreResult unlike = run(s, "base");
    CHECK(has(unlike.outcomes.at(0), "dev0: bound no group"));
    CHECK(has(run(s, "series-v1-fixed@17").outcomes.at(0), "dev0: bound no group"));
}

TEST_CASE(
    "drivers: clients of one apple-dart stream share a group; streams of two groups, or of one and none, are refused",
    "[explore][drivers]") {
    const std::string shared = quiet(board("apple-dart", {{{1}, {2}}, {{2}, {1}}, {{3}}}));
    CHECK(has(shared, "dev0: bound group{dev0,dev1}"));
    CHECK(has(shared, "dev1: bound group{dev0,dev1}"));
    CHECK(has(shared, "dev2: bound group{dev2}"));
    CHECK(has(quiet(board("apple-dart", {{{1}}, {{2}}, {{1}, {2}}})), "dev2: bound no group"));
    CHECK(has(quiet(board("apple-dart", {{{1}}, {{1}, {4}}})), "dev1: bound no group"));
    // A stream that nobody has stands first: the group of the next one is taken.
    CHECK(has(quiet(board("apple-dart", {{{1}}, {{4}, {1}}})), "dev1: bound group{dev0,dev1}"));
    // The group's end frees its streams.
    Scenario again = board("apple-dart", {{{1}}, {{2}}, {{1}, {2}}});
    again.tasks[0].actions = {{ActionKind::bind, "dev0"},
                              {ActionKind::bind, "dev1"},
                              {ActionKind::remove, "dev0"},
                              {ActionKind::remove, "dev1"},
                              {ActionKind::bind, "dev2"}};
    CHECK(has(quiet(again, "linux-6.12"), "dev2: bound group{dev2}"));
}

TEST_CASE("drivers: tegra's clients of one swgroup share a group, and those that the SoC puts together",
          "[explore][drivers]") {
    Scenario s = board("tegra-smmu", {{{1}}, {{2}}, {{1}}, {{3}, {1}}});
    for (DeviceSpec& device : s.devices) device.ids_twice = true;
    const std::string apart = quiet(s);
    CHECK(has(apart, "dev0: bound group{dev0,dev2}"));
    CHECK(has(apart, "dev1: bound group{dev1}"));
    CHECK(has(apart, "dev3: bound group{dev3}"));  // the first id decides
    s.iommus[0].hardware.groups = {{2, 3}, {1, 4}};
    const std::string together = quiet(s);
    CHECK(has(together, "dev0: bound group{dev0,dev2}"));
    CHECK(has(together, "dev1: bound group{dev1,dev3}"));
}

TEST_CASE("drivers: an M4U has one group, or one a region", "[explore][drivers]") {
    Scenario s = board("mtk-iommu", {{{1}}, {{33}}, {{64}}});
    CHECK(has(quiet(s), "dev2: bound group{dev0,dev1,dev2}"));
    s.iommus[0].hardware.groups = {{33}};
    const std::string regions = quiet(s);
    CHECK(has(regions, "dev0: bound group{dev0,dev2}"));
    CHECK(has(regions, "dev1: bound group{dev1}"));
}

TEST_CASE("drivers: rockchip's of_xlate resets the instance's domain: a second client puts it on a list twice",
          "[explore][drivers]") {
    const Scenario two = board("rockchip-iommu", {{{}}, {{}}});
    CHECK(has(quiet(board("rockchip-iommu", {{{}}})), "domain=DMA ops=iommu"));
    for (const char* variant : {"linux-6.1", "linux-6.12"}) {
        CHECK(has(quiet(two, variant), "dev1: bound group{dev0,dev1} domain=DMA ops=iommu"));
    }
    for (const char* variant : {"base", "series-v1-fixed@17", "mainline-6.8", "mainline-6.11"}) {
        INFO(variant);
        const ExploreResult twice = run(two, variant);
        REQUIRE(twice.bugs.size() == 1);
        CHECK(has(twice.bugs[0].what, "list_add double add"));
    }
}

TEST_CASE("drivers: ipmmu takes only devices of its SoC's list", "[explore][drivers]") {
    Scenario s = board("ipmmu-vmsa", {{{1}}});
    CHECK(has(quiet(s), "dev0: bound group{dev0}"));
    s.devices[0].listed = false;
    CHECK(has(run(s, "base").outcomes.at(0), "dev0: bound no group"));
}

TEST_CASE(
    "drivers: behind one instance, ARM32 lets only one device of a shared group bind; ipmmu makes a group each there",
    "[explore][drivers]") {
    Scenario shared = board("sun50i-iommu", {{{1}}, {{1}}});
    CHECK(has(quiet(shared), "dev1: bound group{dev0,dev1} domain=DMA ops=iommu"));
    shared.arch = "arm";  // the first one's mapping is the group's domain when the second one asks for ownership
    for (const char* variant : {"base", "series-v1-fixed@17"}) {
        CHECK(has(quiet(shared, variant), "dev0: bound group{dev0,dev1} domain=unmanaged ops=arm-mapping"));
        CHECK(has(quiet(shared, variant), "dev1: unbound"));
    }
    Scenario each = board("ipmmu-vmsa", {{{1}}, {{2}}});
    CHECK(has(quiet(each), "dev1: bound group{dev0,dev1}"));
    each.arch = "arm";
    CHECK(has(quiet(each), "dev1: bound group{dev1} domain=unmanaged ops=arm-mapping"));
}

TEST_CASE("drivers: a second device behind an msm instance follows private data that it does not have",
          "[explore][drivers]") {
    CHECK(has(quiet(board("msm-iommu", {{{1}, {1}, {2}}})), "dev0: bound group{dev0}"));
    for (const char* variant : {"base", "series-v1@17", "linux-6.1"}) {
        const ExploreResult second = run(board("msm-iommu", {{{1}}, {{2}}}), variant);
        REQUIRE_FALSE(second.bugs.empty());
        CHECK(has(second.bugs[0].what, "null-dereference: NULL pointer at OX4"));
    }
}

TEST_CASE("drivers: Verisilicon's and BCM2712's clients share their instance's group, with the real driver, too",
          "[explore][drivers]") {
    for (const char* driver : {"vsi-iommu", "bcm2712-iommu"}) {
        INFO(driver);
        const Scenario row = board(driver, {{{}}, {{}}});
        for (const char* variant : {"base", "series-v1-fixed@17", "linux-6.12", "linux-7.3"}) {
            INFO(variant);
            CHECK(has(quiet(row, variant), "dev0: bound group{dev0,dev1} domain=DMA ops=iommu"));
            CHECK(has(quiet(row, variant), "dev1: bound group{dev0,dev1} domain=DMA ops=iommu"));
        }
        // Older cores ask vsi_iommu of devices without a fwspec, which it follows, and cut the window of BCM2712's
        // domains off at 4 GiB.
        for (const char* variant : {"linux-6.12", "linux-7.3"}) {
            INFO(variant);
            const std::string real = quiet(with_real_drivers(row), variant);
            CHECK(has(real, "dev0: bound group{dev0,dev1} domain=DMA ops=iommu iommu=iommu0 dma=0:buffer"));
            CHECK(has(real, "dev1: bound group{dev0,dev1} domain=DMA ops=iommu iommu=iommu0 dma=0:buffer"));
        }
    }
}

TEST_CASE("drivers: an OMAP's walk ends at a client whose second IOMMU is not probed yet, and the registration fails",
          "[explore][drivers]") {
    Scenario s = board("omap-iommu", {{{}}});
    s.arch = "arm";
    s.iommus[0].registered = false;
    s.iommus.push_back(s.iommus[0]);
    s.iommus[1].name = "iommu1";
    s.devices[0].iommus.push_back({"iommu1", {}});
    s.devices[0].added = true;
    s.tasks[0].actions = {{ActionKind::register_iommu, "iommu0"}};
    for (const char* variant : {"base", "series-v1@17"}) {
        INFO(variant);
        CHECK(has(quiet(s, variant), "iommu0: not registered"));
    }
}

TEST_CASE("drivers: in 6.1 drivers that know only unmanaged domains leave their groups without one",
          "[explore][drivers]") {
    for (const char* driver : {"omap-iommu", "tegra-smmu"}) {
        INFO(driver);
        Scenario s = board(driver, {{{1}}});
        s.arch = driver == std::string("omap-iommu") ? "arm" : "arm64";
        s.devices[0].does_dma = false;
        CHECK(has(run(s, "linux-6.1").outcomes.at(0), "group{dev0} domain=none"));
        CHECK(has(run(s, "base").outcomes.at(0), "group{dev0} domain=identity"));
    }
}

TEST_CASE("drivers: a wrong word in hardware names the nearest", "[explore][drivers]") {
    Scenario s = board("virtio-iommu", {{{1}}});
    s.iommus[0].hardware.refusal = "NOEND";
    CHECK_THROWS_WITH(validate(s), Catch::Contains("NOENT"));
    s = board("arm-smmu", {{{1}}});
    s.arch = "risc";
    CHECK_THROWS_WITH(validate(s), Catch::Contains("riscv"));
    s = board("arm-smmu", {{{1}}});
    s.devices[0].bus = "vmbos";
    CHECK_THROWS_WITH(validate(s), Catch::Contains("vmbus"));
}
