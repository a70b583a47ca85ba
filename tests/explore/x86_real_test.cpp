// Scenarios with the real drivers of VT-d and AMD-Vi and their hardware, over ACPI tables that are written and read
// back: against what the drivers' rows say, and the findings F6 to F8 and the report X3 (docs/findings.md,
// docs/spec/probe-reports.md).
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "explore/scenario/scenario_program.hpp"
#include "explore/scenario/scenario_tables.hpp"
#include "explore/scenario/scenarios.hpp"
#include "firmware/acpi/tables.hpp"
#include "tests/explore/expectations.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

ExploreResult some(const std::string& name, const std::string& variant, std::uint64_t budget) {
    ExploreOptions options;
    options.budget = budget;
    options.data_races = false;
    options.minimise = false;
    return explore::explore(find_scenario(name), variant, options);
}

std::set<std::string> kinds(const ExploreResult& result) {
    std::set<std::string> all;
    for (const Bug& bug : result.bugs) {
        const bool outcome = bug.what.find("an outcome that no") != std::string::npos;
        all.insert(bug.kind != "semantic" ? bug.kind : outcome ? "an outcome of no order" : bug.what);
    }
    return all;
}

}  // namespace

TEST_CASE("real x86: one thread says the same with the real driver as with its row", "[explore][real]") {
    for (const char* name : {"removed-vt-d", "removed-amd-vi", "x3"}) {
        for (const char* variant : {"base", "series-v1@17", "series-v1-fixed@17", "linux-6.1", "linux-6.12",
                                    "mainline-6.15", "mainline-6.15.1", "linux-7.3"}) {
            const ExploreResult row = some(name, variant, 50);
            const ExploreResult real = some(std::string(name) + "+real", variant, 50);
            INFO(name << " at " << variant << "\n" << explore_text(row) << explore_text(real));
            CHECK(row.verdict == real.verdict);
            CHECK(kinds(row) == kinds(real));
            CHECK(real.exhaustive);
        }
    }
}

TEST_CASE("real x86: a device is added while its unit registers (F6, F8, F28)", "[explore][real]") {
    const std::string leak = "leak", warning = "warning";
    for (const char* name : {"vt-d+real", "amd-vi+real"}) {
        INFO(name);
        const ExploreResult plain = some(name, "linux-6.12", 60);
        CHECK(kinds(plain).count(warning) == 0);
        // F28: bound before the unit was there, its address was no address of the domain that it got.
        CHECK(shows(plain, "the DMA of stream 8 is refused"));
        // F8: a warning in the plain order.
        CHECK(kinds(some(name, "mainline-6.15", 60)).count(warning) == 1);
        CHECK(kinds(some(name, "mainline-6.15.1", 60)).count(warning) == 1);
    }
    // F6: probed twice under the lock that 6.15 drops; its repair drops none.
    const ExploreResult twice = some("vt-d+real", "mainline-6.15", 400);
    CHECK(shows(twice, "device_domain_info"));
    CHECK(shows(twice, "iommu_group"));
    CHECK_FALSE(shows(some("vt-d+real", "mainline-6.15.1", 400), "device_domain_info"));
    // F28: VT-d registers, and probes, before it translates.
    CHECK(shows(twice, "its first DMA, of stream 8, reaches"));
}

TEST_CASE("real x86: notifier and walk of 6.1 both make a group (F7, F29)", "[explore][real]") {
    const auto reported = [](const char* token, kernel::ReportKind kind, const char* function) {
        const Replay shown = replay(token);
        INFO(token);
        CHECK(shown.missing.empty());
        return std::any_of(shown.reports.begin(), shown.reports.end(), [&](const kernel::Report& report) {
            return report.kind == kind && report.place.function() == function;
        });
    };
    // F7: the loser's data leak, with VT-d's driver as with its row, and by the same schedule.
    CHECK(reported("vt-d/linux-6.1/cpu0@IPD/4c47", kernel::ReportKind::leak, "probe_device"));
    CHECK(reported("vt-d+real/linux-6.1/cpu0@IPD/d610", kernel::ReportKind::leak, "intel_iommu_probe_device"));
    // 6.2 and later hold the probe lock over both.
    CHECK_FALSE(shows(some("vt-d+real", "linux-6.12", 400), "leak"));
    // AMD-Vi's keeps its data by device id: nothing leaks. F29: what a driver maps there has no allocator yet.
    CHECK_FALSE(shows(some("amd-vi+real", "linux-6.1", 400), "leak"));
    CHECK(reported("amd-vi+real/linux-6.1/cpu0@IPD,cpu1@BIP2,cpu0@DMA2/eda5", kernel::ReportKind::null_dereference,
                   "iommu_dma_alloc_iova"));
}

TEST_CASE("real: ACPI's races, D-10a to c, Hyper-V's range and X7 end with the real drivers as the pages say",
          "[explore][real]") {
    struct Row {
        const char* scenario;
        const char* variant;
        const char* bug;      ///< part of one that is found; "": none is
        const char* outcome;  ///< part of one of the ends; "": any
    };
    constexpr const char* kFreed = "the fwspec of a probed device is freed";
    const Row rows[] = {
        {"acpi+real", "base", "null-dereference: NULL pointer at FI4", ""},
        {"acpi+real", "series-v1@10", "it is bound without", "dma=1:refused,2:refused"},
        {"acpi+real", "series-v1@10~D-5a", kFreed, ""},
        {"acpi+real", "series-v1-fixed@10", "", "dev0: bound group{dev0} domain=DMA ops=iommu"},
        {"acpi+real", "linux-6.12", "", "dev0: bound group{dev0} domain=DMA ops=iommu"},
        {"acpi-one+real", "base", "null-dereference: NULL pointer at FI4", ""},
        {"acpi-one+real", "series-v1@10", kFreed, ""},
        {"acpi-one+real", "linux-6.12", "", "dev0: bound group{dev0}"},
        {"viot+real", "base", "null-dereference: NULL pointer at FI4", ""},
        {"viot+real", "series-v1@10", kFreed, ""},
        {"viot+real", "linux-6.12", "", "dev0: bound group{dev0}"},
        {"viot+real", "mainline-6.15", "null-dereference: NULL pointer at DD7", ""},
        {"d-10a+real", "series-v1@9", "", "dev0: bound group{dev0}"},
        {"d-10a+real", "series-v1@10", kFreed, ""},
        {"d-10a+real", "series-v1-fixed@10", "", "dev0: bound group{dev0}"},
        {"d-10a-again+real", "series-v1@10", "use-after-free: use of iommu_fwspec at AIC6", ""},
        {"d-10a-again+real", "series-v1-fixed@10", "", ""},
        {"acpi-timeout+real", "base", "", "dev0: deferred"},
        {"acpi-timeout+real", "series-v1@10", "", "dev0: bound no group"},
        {"acpi-timeout+real", "series-v1@10~D-10b", "", "dev0: deferred"},
        {"d-10c+real", "base", "", "dev0: deferred"},
        {"d-10c+real", "series-v1@10", "", "dev0: bound no group"},
        {"d-10c+real", "series-v1@10~D-10c", "", "dev0: deferred"},
        {"hyper-v+real", "series-v1@17", "", "dev0: bound no group coherent"},
        {"hyper-v-parsed+real", "base", "with a half-parsed fwspec", "dev0: bound no group"},
        {"hyper-v-parsed+real", "series-v1@7", "", "ops=iommu window=0x0..0xffffffffffffffff"},
        {"hyper-v-parsed+real", "series-v1@17", "", "ops=iommu window=0x0..0xffffffffffffffff"},
        {"x7+real", "linux-6.12", "", "dev0: bound group{dev0}"},
        {"x7+real", "mainline-6.15", "it is bound without", "dev0: bound no group"},
        {"x7+real", "mainline-6.15.1", "it is bound without", "dev0: bound no group"},
        {"x7+real", "linux-6.16", "", "dev0: bound group{dev0}"},
        {"x7+real", "linux-7.3", "", "dev0: bound group{dev0}"},
    };
    for (const Row& row : rows) {
        const ExploreResult result = some(row.scenario, row.variant, 300);
        INFO(row.scenario << " at " << row.variant << "\n" << explore_text(result));
        if (row.bug[0] == 0) {
            CHECK(kinds(result).empty());
        } else {
            CHECK(shows(result, row.bug));
        }
        CHECK(std::any_of(result.outcomes.begin(), result.outcomes.end(),
                          [&](const std::string& end) { return end.find(row.outcome) != std::string::npos; }));
    }
}

TEST_CASE("real x86: scenarios under ACPI have the tables of a machine", "[explore][real]") {
    const auto description = [](const char* name) {
        return ScenarioProgram(find_scenario(name), kernel::find_variant("base")).description();
    };
    const firmware::Description vtd = description("vt-d+real");
    REQUIRE(vtd.tables);
    REQUIRE(vtd.tables->dmar);
    CHECK(vtd.oddities.empty());
    CHECK(description("amd-vi+real").tables->ivrs);
    const firmware::Description arm = description("acpi+real");
    REQUIRE(arm.tables->iort);
    CHECK(arm.oddities.empty());
    // By hand and by tables the parsers read the same.
    Scenario by_hand = find_scenario("acpi");
    const firmware::Description direct = ScenarioProgram(by_hand, kernel::find_variant("base")).description();
    const auto node = [](const firmware::Description& of, const std::string& name) {
        return *std::find_if(of.nodes.begin(), of.nodes.end(), [&](const auto& one) { return one.name == name; });
    };
    const firmware::Node found = node(arm, "dev0"), expected = node(direct, "dev0");
    REQUIRE(found.iommus.size() == expected.iommus.size());
    for (std::size_t i = 0; i < found.iommus.size(); ++i) {
        CHECK(found.iommus[i].args == expected.iommus[i].args);
        CHECK(arm.node(*found.iommus[i].provider).name == direct.node(*expected.iommus[i].provider).name);
    }
}
