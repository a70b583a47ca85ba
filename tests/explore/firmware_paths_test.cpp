// Ways to an IOMMU beside a platform device's `iommus` and an IORT: VIOT, buses without nodes of their own, the old
// `mmu-masters`; and drivers whose module goes. docs/spec/kernel-probe.md 2.2, 2.9, 4.4, 5.1.
#include <catch2/catch.hpp>

#include <string>

#include "base/error.hpp"
#include "expectations.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

constexpr const char* kR1 = "null-dereference: NULL pointer at FI4 in iommu_fwspec_init";
constexpr const char* kR2c = "use-after-free: write of fwspec->ids[] at FA3 in iommu_fwspec_add_ids";
constexpr const char* kR3 = "null-dereference: NULL pointer at OIC6 in of_iommu_configure";
constexpr const char* kUntranslated = "firmware puts it behind an IOMMU that is there; it is bound without";
constexpr const char* kNoDomain = "DMA starts while the device's group has no domain";

std::string only_outcome(const Scenario& scenario, const char* variant) {
    ExploreOptions options;
    options.strategy = Strategy::dpor;
    const ExploreResult result = explore::explore(scenario, variant, options);
    REQUIRE(result.outcomes.size() == 1);
    return result.outcomes.front();
}

bool starts(const std::string& text, const std::string& with) { return text.rfind(with, 0) == 0; }

}  // namespace

TEST_CASE("paths: a VIOT's client has the races of ACPI in base, and none from the repaired patch 10 on", "[explore]") {
    check({"viot", "base", {kR1, kR2c, kUntranslated, "leak: dev_iommu at FI2", kNoDomain}, {}, 4148});
    check({"viot", "series-v1-fixed@9", {kR1}, {}});
    check({"viot", "series-v1@10", {"use-after-free: use of iommu_fwspec at PS2"}, {kR1}, 260});  // D-10a
    check({"viot", "series-v1-fixed@10", {}, {}, 374});
    check({"viot", "series-v1-fixed@17", {}, {}, 374});
    check({"viot", "linux-6.12", {}, {}, 2159});
}

TEST_CASE("paths: D-10c makes a client of the VIOT bind at once, without IOMMU, where it should wait", "[explore]") {
    const Scenario& scenario = find_scenario("d-10c");
    for (const char* variant : {"base", "series-v1@9", "series-v1@10~D-10c", "series-v1-fixed@17", "linux-6.12"}) {
        INFO(variant);
        CHECK(starts(only_outcome(scenario, variant), "dev0: deferred no group"));
    }
    for (const char* variant : {"series-v1@10", "series-v1@17"}) {
        INFO(variant);
        CHECK(starts(only_outcome(scenario, variant), "dev0: bound no group;"));
    }
}

TEST_CASE("paths: ACPI does not wait for an IOMMU whose driver the kernel lacks", "[explore]") {
    Scenario scenario = find_scenario("acpi-timeout");
    scenario.deferral_timeout = false;
    CHECK(starts(only_outcome(scenario, "base"), "dev0: deferred"));
    scenario.iommus[0].driver_built = false;
    for (const char* variant : {"base", "series-v1@10", "series-v1-fixed@17", "linux-6.12"}) {
        INFO(variant);
        CHECK(starts(only_outcome(scenario, variant), "dev0: bound no group;"));
    }
}

TEST_CASE("paths: an fsl-mc device has the races of its controller's iommu-map until patch 11", "[explore]") {
    check({"fsl-mc", "base", {kR1, kR2c, kR3, kUntranslated, kNoDomain}, {}, 5295});
    check({"fsl-mc", "series-v1-fixed@10", {"use-after-free: write of fwspec->ids[] at FA3"}, {kR1, kR3}});
    check({"fsl-mc", "series-v1-fixed@11", {}, {}, 194});
    check({"fsl-mc", "linux-6.12", {}, {}, 1358});
}

TEST_CASE("paths: a cdx client never waits for its IOMMU, the same client of an fsl-mc bus does", "[explore]") {
    for (const char* variant : {"base", "series-v1-fixed@17", "linux-6.12"}) {
        check({"cdx", variant, {kUntranslated}, {}});
    }
    Scenario scenario = find_scenario("cdx");
    scenario.devices[0].bus = "fsl-mc";
    CHECK(starts(only_outcome(scenario, "base"), "cdx0: bound group{cdx0} domain=DMA"));
}

TEST_CASE("paths: a host1x context is configured by an open-coded caller, which the probe lock covers from patch 11 on",
          "[explore]") {
    check({"host1x", "base", {kR1, kR2c, kR3}, {}, 567});
    check({"host1x", "series-v1-fixed@11", {}, {}, 6});
    check({"host1x", "murphy-6.7", {}, {kR1, kR2c, kR3}, 29});
    check({"host1x", "linux-6.12", {}, {}, 25});
    check({"host1x", "mainline-6.15.1", {}, {}, 25});
}

TEST_CASE("paths: a context without an IOMMU is taken away again by its creator", "[explore]") {
    Scenario scenario = find_scenario("host1x");
    scenario.iommus[0].available = false;
    scenario.iommus[0].registered = false;
    scenario.tasks.pop_back();
    CHECK(starts(only_outcome(scenario, "base"), "context0: removed"));
}

TEST_CASE("paths: masters of the old binding get their ids and an identity domain without any parser", "[explore]") {
    for (const char* variant : {"base", "series-v1@1", "series-v1-fixed@17", "mainline-6.8", "mainline-6.11"}) {
        check({"mmu-masters", variant, {kNoDomain}, {"ids"}});
    }
    const ExploreResult result = all_traces("mmu-masters", "linux-6.12");
    CHECK(result.verdict == Verdict::verified);
    CHECK(result.traces == 1609);
    CHECK(result.outcomes ==
          std::vector<std::string>{"dev0: bound group{dev0} domain=identity ops=direct iommu=smmu0 "
                                   "instances=smmu0 ids=1,2,; smmu0: registered; smmu1: registered"});
    check({"mmu-masters", "linux-6.1", {"the device has [1, 2, 1, 2] (duplicated)"}, {}, 2889});
}

TEST_CASE("paths: a module in use is not unloaded, and a module that has gone is not called where it is counted",
          "[explore]") {
    check({"d-8b", "base", {"use-after-free: write of module->refcnt at OIX5"}, {"use of module"}, 14});
    check({"d-8b", "series-v1@8", {"use of module at OX1 in of_xlate", "use of module at OX5 in of_xlate"}, {}, 15});
    check({"d-8b", "series-v1@15", {"use of module at OX1 in of_xlate_fwspec"}, {}, 13});
    check({"d-8b", "series-v1-fixed@17", {"use-after-free: write of module->refcnt at FX3"}, {"use of module"}, 14});
    check({"d-8b", "linux-6.1", {}, {"use of module"}});
    check({"d-8b", "linux-6.12", {}, {"use of module"}});

    Scenario scenario = find_scenario("d-8b");
    scenario.devices[0].bound = true;  // its probe holds the module
    scenario.tasks.erase(scenario.tasks.begin());
    for (const char* variant : {"base", "series-v1@17", "linux-6.1", "linux-6.12", "mainline-6.15"}) {
        INFO(variant);
        CHECK(only_outcome(scenario, variant).find("smmu0: registered") != std::string::npos);
    }
    scenario.devices[0].bound = false;
    CHECK(only_outcome(scenario, "base").find("smmu0: not registered, unbound") != std::string::npos);
    scenario.before = {{ActionKind::bind, "dev0"}, {ActionKind::remove, "dev0"}};  // given back
    for (const char* variant : {"base", "series-v1-fixed@17", "linux-6.1", "linux-6.12"}) {
        INFO(variant);
        CHECK(only_outcome(scenario, variant).find("smmu0: not registered, unbound") != std::string::npos);
    }
}

TEST_CASE("paths: what does not fit a scenario is named", "[explore]") {
    Scenario scenario = find_scenario("fsl-mc");
    SECTION("a bus") {
        scenario.devices[0].bus = "fsl_mc";
        CHECK_THROWS_AS(validate(scenario), InputError);
    }
    SECTION("two entries behind a controller") {
        scenario.devices[0].iommus.push_back(scenario.devices[0].iommus[0]);
        CHECK_THROWS_AS(validate(scenario), InputError);
    }
    SECTION("a VIOT in a device tree") {
        scenario.devices[0].bus.clear();
        scenario.devices[0].iommus[0].viot = true;
        CHECK_THROWS_AS(validate(scenario), InputError);
    }
    SECTION("two endpoints") {
        scenario = find_scenario("viot");
        scenario.devices[0].iommus.push_back(scenario.devices[0].iommus[0]);
        CHECK_THROWS_AS(validate(scenario), InputError);
    }
}
