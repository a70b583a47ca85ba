// Scenarios with real drivers and the hardware behind them, against what the drivers' rows say of the same races.
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "explore/machine/hardware.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/dpor.hpp"
#include "explore/search/explore.hpp"
#include "explore/search/sampling.hpp"
#include "firmware/iommu_families.hpp"
#include "iommu/small_instances.hpp"
#include "kernel-model/drivers/model/model_driver.hpp"
#include "kernel-model/drivers/standalone_drivers.hpp"
#include "tests/explore/expectations.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

bool starts_with(const std::string& text, const std::string& part) { return text.rfind(part, 0) == 0; }

/// What went wrong, without the places that only one of the two drivers has.
std::set<std::string> kinds(const ExploreResult& result) {
    std::set<std::string> all;
    for (const Bug& bug : result.bugs) {
        const bool outcome = bug.what.find("an outcome that no") != std::string::npos;
        all.insert(bug.kind != "semantic" ? bug.kind : outcome ? "an outcome of no order" : bug.what);
    }
    return all;
}

ExploreResult some(const Scenario& scenario, const std::string& variant, std::uint64_t budget) {
    ExploreOptions options;
    options.budget = budget;
    options.data_races = false;
    options.minimise = false;
    return explore::explore(scenario, variant, options);
}

const Scenario& row_of(const Scenario& real) { return find_scenario(real.name.substr(0, real.name.find('+'))); }

/// A client that is bound and unbound, behind an SMMU whose driver makes mistakes.
Scenario comes_and_goes(const std::vector<kernel::Mistake>& mistakes) {
    Scenario scenario = find_scenario("d-10a+real");
    scenario.firmware = Firmware::device_tree;
    for (const kernel::Mistake mistake : mistakes) scenario.iommus[0].mistakes.add(mistake);
    scenario.tasks[0].actions.push_back({ActionKind::unbind, "dev0"});
    return scenario;
}

struct Listening : RandomDirector {
    explicit Listening(std::uint64_t seed) : RandomDirector(seed) { hears_steps = true; }
    void stepped(Execution& execution, const Step& step) override {
        digest.add(std::uint64_t{step.task}).add(step.name).add(step.function);
        for (std::uint32_t i = 0; i < step.access_count; ++i)
            digest.add(execution.accesses()[step.first_access + i].resource);
    }
    Digest digest;
};

std::string digest_of(Execution& execution, std::uint64_t seed) {
    Listening director(seed);
    const RunResult result = execution.run(director);
    director.digest.add(std::uint64_t{result.steps}).add(result.outcome);
    for (const kernel::Report& report : result.reports) director.digest.add(report.text());
    return director.digest.text();
}

}  // namespace

TEST_CASE("real: a scenario of one order says the same with the real driver as with its row", "[explore][real]") {
    // r13 is apart: F18.
    for (const char* name :
         {"removed-smmu", "smmu-again", "smmu-refused", "removed-smmu-v3", "r14", "cdx", "timeout", "acpi-timeout",
          "r27", "d-3", "d-5b", "d-8a-smmu", "d-10a", "d-10a-again", "d-10c", "tegra"}) {
        for (const char* variant : {"base", "series-v1@8", "series-v1@17", "series-v1-fixed@17", "linux-6.12"}) {
            const ExploreResult row = some(find_scenario(name), variant, 400);
            const ExploreResult real = some(find_scenario(std::string(name) + "+real"), variant, 400);
            INFO(name << " at " << variant << "\n" << explore_text(row) << explore_text(real));
            CHECK(row.verdict == real.verdict);
            CHECK(row.exhaustive == real.exhaustive);
            CHECK(kinds(row) == kinds(real));
        }
    }
}

// D-5a: both ids are 0 then, and Linux from 5.13 to 6.14 refuses a stream that it meets twice, of one device too
// (arm_smmu_insert_master); D-5b: the refused device's array of ids is lost.
TEST_CASE("real: two ids that are read as zero are one stream, and the SMMU's driver refuses it", "[explore][real]") {
    for (const char* variant : {"series-v1@8", "series-v1@17"}) {
        const ExploreResult real = some(find_scenario("d-5+real"), variant, 400);
        INFO(explore_text(real));
        CHECK(some(find_scenario("d-5"), variant, 400).verdict == real.verdict);
        CHECK(real.exhaustive);
        CHECK(kinds(real) ==
              std::set<std::string>{"leak",
                                    "semantic: firmware puts it behind an IOMMU that is there; it is bound without"});
    }
    for (const char* variant : {"base", "series-v1-fixed@17", "linux-6.12"})
        CHECK(kinds(some(find_scenario("d-5+real"), variant, 400)).empty());
}

TEST_CASE("real: what the repaired series is clean of, it is clean of with real drivers", "[explore][real]") {
    for (const Scenario& real : real_scenarios()) {
        const ExploreResult result = some(real, "series-v1-fixed@17", 150);
        const std::set<std::string> of_row = kinds(some(row_of(real), "series-v1-fixed@17", 600));
        INFO(explore_text(result));
        for (const std::string& kind : kinds(result)) {
            INFO(kind);
            const bool second_iommu = starts_with(kind, "semantic: its IOMMU was given the ids [1] of [1, 2]") &&
                                      (real.name == "r13+real" || real.name == "r23+real");                   // F18
            const bool attach = (real.name == "r12a+real" || real.name == "r12c+real") && kind == "warning";  // F20
            const bool paging =
                real.name == "rockchip-two+real" && starts_with(kind, "semantic: its first DMA");  // F21
            // F15: a freed group is used on.
            const bool dead_group =
                real.name == "dart-group+real" || real.name == "tegra-group+real" || real.name == "mtk-group+real";
            // F22: OMAP's IOMMU and a swgroup that is not enabled pass.
            const bool passes = starts_with(kind, "semantic: its device is gone") &&
                                (real.name == "removed-omap+real" || real.iommus.front().driver == "tegra-smmu");
            const bool endless = real.name == "exynos-two+real" && kind == "hung-task";  // F23
            // F28: the unit comes after the device's driver.
            const bool late_unit = (real.name == "vt-d+real" || real.name == "amd-vi+real") &&
                                   (starts_with(kind, "semantic: the DMA of stream 8 is refused") ||
                                    starts_with(kind, "semantic: its first DMA, of stream 8, reaches") ||
                                    kind == "semantic: DMA starts while the device's group has no domain" ||
                                    kind == "an outcome of no order");
            CHECK((of_row.count(kind) != 0 || second_iommu || attach || paging || dead_group || passes || endless ||
                   late_unit));
        }
    }
}

TEST_CASE("real: the series' defects show in what the hardware does", "[explore][real]") {
    const auto shows_at = [](const char* scenario, const char* variant, const char* headline) {
        const ExploreResult result = some(find_scenario(scenario), variant, 400);
        INFO(explore_text(result));
        CHECK(shows(result, headline));
    };
    // R4: the SMMU owns one stream of the two, and the other aborts.
    shows_at("cover-letter+real", "base", "its IOMMU was given the ids [1] of [1, 2]: what the others do, faults");
    shows_at("cover-letter+real", "series-v1@17", "it is bound without");
    // A device behind two SMMUs: the second one's stream belongs to no master (F18).
    shows_at("r13+real", "series-v1-fixed@17", "its IOMMU was given the ids [1] of [1, 2]: what the others do, faults");
}

TEST_CASE("real: after patch 1 an OMAP client's own attach is refused, as its row says (D-1)", "[explore][real]") {
    for (const char* variant : {"base", "series-v1@1", "series-v1@17"}) {
        const ExploreResult row = some(find_scenario("d-1"), variant, 400);
        const ExploreResult real = some(find_scenario("d-1+real"), variant, 400);
        INFO(variant << "\n" << explore_text(row) << explore_text(real));
        CHECK(row.verdict == real.verdict);
        CHECK(kinds(row) == kinds(real));
    }
}

TEST_CASE("real: DMA lands in the buffer, and the outcome says so", "[explore][real]") {
    for (const char* name : {"d-10a+real", "d-8a+real", "rockchip-two+real"}) {
        const ExploreResult result = some(find_scenario(name), "linux-6.12", 400);
        INFO(explore_text(result));
        REQUIRE_FALSE(result.outcomes.empty());
        for (const std::string& outcome : result.outcomes) {
            CHECK(outcome.find("refused") == std::string::npos);
            CHECK(outcome.find("elsewhere") == std::string::npos);
            CHECK(outcome.find(":buffer") != std::string::npos);
        }
    }
}

TEST_CASE("real: masters of MediaTek's first M4U share one mapping, and none is translated in 6.12",
          "[explore][real]") {
    for (const char* variant : {"linux-6.1", "base"}) {
        const ExploreResult result = some(find_scenario("mtk-v1+real"), variant, 400);
        INFO(explore_text(result));
        CHECK(result.bugs.empty());
        REQUIRE(result.outcomes.size() == 1);
        CHECK(result.outcomes.front().find("dma=1:buffer") != std::string::npos);
        CHECK(result.outcomes.front().find("dma=12:buffer") != std::string::npos);
        CHECK(result.outcomes.front().find("ops=arm-mapping") != std::string::npos);
    }
    CHECK(shows(some(find_scenario("mtk-v1+real"), "linux-6.12", 400), "it is bound without"));
}

TEST_CASE("real: a second client of a Qualcomm msm_iommu has no master, as its row says", "[explore][real]") {
    for (const char* variant : {"linux-6.1", "base", "linux-6.12"}) {
        const ExploreResult row = some(find_scenario("msm-two"), variant, 400);
        const ExploreResult real = some(find_scenario("msm-two+real"), variant, 400);
        INFO(explore_text(row) << explore_text(real));
        CHECK(shows(row, "NULL pointer"));
        CHECK(shows(real, "NULL pointer at OX4 in insert_iommu_master"));
    }
}

TEST_CASE("real: arm-smmu's races are its row's (R24, R26, the old binding)", "[explore][real]") {
    for (const char* name : {"r24", "mmu-masters"}) {
        for (const char* variant : {"base", "series-v1-fixed@17", "linux-6.12"}) {
            const ExploreResult row = some(find_scenario(name), variant, 300);
            const ExploreResult real = some(find_scenario(std::string(name) + "+real"), variant, 300);
            INFO(explore_text(row) << explore_text(real));
            CHECK(row.verdict == real.verdict);
            CHECK(kinds(row) == kinds(real));
        }
    }
}

TEST_CASE("real: an attach to a domain that is freed meanwhile is an Oops, and the row's leak is there (R16 in 6.1)",
          "[explore][real]") {
    ExploreOptions options;
    options.strategy = Strategy::dpor;
    options.data_races = false;
    options.minimise = false;
    const ExploreResult row = explore::explore(find_scenario("r16"), "linux-6.1", options);
    options.budget = 20000;
    const ExploreResult real = explore::explore(find_scenario("r16+real"), "linux-6.1", options);
    INFO(explore_text(row) << explore_text(real));
    CHECK(real.exhaustive);
    const std::set<std::string> of_row = kinds(row), of_real = kinds(real);
    CHECK(of_row == std::set<std::string>{"use-after-free", "refcount-underflow", "leak"});
    CHECK(std::includes(of_real.begin(), of_real.end(), of_row.begin(), of_row.end()));
    const auto follows_freed_domain = [](const Bug& bug) {
        return bug.kind == "use-after-free" && bug.where.find("arm_smmu_attach_dev") != std::string::npos;
    };
    CHECK(std::any_of(real.bugs.begin(), real.bugs.end(), follows_freed_domain));
}

TEST_CASE("real: two clients of a Rockchip IOMMU add it to a list twice, as the row says (F17)", "[explore][real]") {
    for (const char* variant : {"base", "series-v1-fixed@17", "murphy-6.7", "linux-6.12", "linux-6.1"}) {
        const ExploreResult row = some(find_scenario("rockchip-two"), variant, 150);
        const ExploreResult real = some(find_scenario("rockchip-two+real"), variant, 150);
        INFO(explore_text(row) << explore_text(real));
        std::set<std::string> all = kinds(real);
        all.erase("semantic: its first DMA, of stream 0, reaches 0xfffff000");  // F21
        CHECK(kinds(row) == all);
        CHECK(shows(row, "list_add double add") == shows(real, "list_add double add"));
    }
}

TEST_CASE("real: a SysMMU of two masters is a list without an end (F23), one parsed late stays off (F24)",
          "[explore][real]") {
    for (const char* variant : {"base", "series-v1-fixed@17", "linux-6.12", "linux-6.1"}) {
        const ExploreResult two = some(find_scenario("exynos-two+real"), variant, 10);
        INFO(explore_text(two));
        CHECK(shows(two, "hard LOCKUP: domain->clients has no end"));
    }
    CHECK(some(find_scenario("exynos-two"), "base", 10).bugs.empty());
    const auto off = [](const char* variant) {
        const ExploreResult late = some(find_scenario("exynos-late+real"), variant, 300);
        return std::any_of(late.outcomes.begin(), late.outcomes.end(), [](const std::string& outcome) {
            return outcome.find("dma=0:buffer,0:elsewhere") != std::string::npos;
        });
    };
    CHECK(off("base"));
    CHECK(off("series-v1@17"));
    CHECK_FALSE(off("series-v1-fixed@17"));
    CHECK_FALSE(off("linux-6.12"));
}

TEST_CASE("real: a driver that forgets an invalidation is seen by a stale translation", "[explore][real]") {
    CHECK(some(comes_and_goes({}), "base", 50).bugs.empty());
    const ExploreResult stale = some(comes_and_goes({kernel::Mistake::unmap_without_tlbi}), "base", 50);
    INFO(explore_text(stale));
    CHECK(shows(stale, "stream 1: a page that is unmapped is still reached"));
    CHECK(shows(some(comes_and_goes({kernel::Mistake::wrong_asid}), "base", 50), "a page that is unmapped"));
}

TEST_CASE("real: a schedule has one outcome, from a copy of the hardware's state or from the start",
          "[explore][real]") {
    for (const char* name : {"cover-letter+real", "r12a+real", "r18+real", "rockchip-two+real"}) {
        const auto program = make_program(find_scenario(name), "base");
        ExecutionOptions from_start;
        from_start.record = from_start.poison = true;
        from_start.in_region = false;
        ExecutionOptions copied = from_start;
        copied.in_region = true;
        Execution piece_by_piece(*program, from_start);
        Execution in_region(*program, copied);
        for (std::uint64_t seed = 0; seed < 12; ++seed) {
            INFO(name << ", seed " << seed);
            const std::string digest = digest_of(in_region, seed);
            CHECK(digest == digest_of(in_region, seed));
            CHECK(digest == digest_of(piece_by_piece, seed));
        }
    }
}

TEST_CASE("real: the search without partial orders finds the same outcomes", "[explore][real]") {
    for (const char* name : {"smmu-register+real"}) {
        for (const char* variant : {"series-v1-fixed@17", "linux-6.12"}) {
            ExploreOptions options;
            options.strategy = Strategy::dpor;
            options.budget = 1500;
            options.data_races = false;
            options.minimise = false;
            const ExploreResult dpor = explore::explore(find_scenario(name), variant, options);
            options.strategy = Strategy::random;
            options.budget = 300;
            const ExploreResult random = explore::explore(find_scenario(name), variant, options);
            INFO(name << " at " << variant << "\n" << explore_text(dpor) << explore_text(random));
            CHECK(dpor.exhaustive);
            for (const std::string& outcome : random.outcomes)
                CHECK(std::count(dpor.outcomes.begin(), dpor.outcomes.end(), outcome) == 1);
        }
    }
}

TEST_CASE("real: where register accesses are points, tasks come in between them, and polling ends", "[explore][real]") {
    Scenario scenario = find_scenario("r18+real");
    scenario.schedules_mmio = true;
    scenario.name = "scheduled";
    const ExploreResult at_once = some(find_scenario("r18+real"), "series-v1-fixed@17", 200);
    const ExploreResult scheduled = some(scenario, "series-v1-fixed@17", 200);
    INFO(explore_text(scheduled));
    CHECK(kinds(scheduled) == kinds(at_once));
    CHECK(scheduled.steps / scheduled.schedules > at_once.steps / at_once.schedules);
    CHECK(scheduled.limits.find("no task comes in between") == std::string::npos);
    CHECK(at_once.limits.find("no task comes in between") != std::string::npos);
}

TEST_CASE("real: in 6.15 the walk of their own registration meets rockchip-iommu and ipmmu half made (X1, X2)",
          "[explore][real]") {
    const auto of = [](const char* name, const char* variant) { return some(find_scenario(name), variant, 300); };
    CHECK(shows(of("x1+real", "bcb81ac6ae3c"), "NULL pointer at OX2 in rk_iommu_of_xlate"));
    CHECK(shows(of("x2+real", "bcb81ac6ae3c"), "late IOMMU probe"));
    for (const char* name : {"x1", "x2"}) {
        for (const char* variant : {"linux-6.1", "linux-6.12", "mainline-6.15", "mainline-6.15.1", "linux-7.3"}) {
            const ExploreResult row = of(name, variant), real = of((std::string(name) + "+real").c_str(), variant);
            INFO(variant << "\n" << explore_text(row) << explore_text(real));
            CHECK(row.verdict == real.verdict);
            CHECK(kinds(row) == kinds(real));
        }
    }
}

TEST_CASE("real: apple-dart and tegra-smmu remember a group that has gone (F15)", "[explore][real]") {
    for (const char* name : {"dart-group", "tegra-group"}) {
        for (const char* variant : {"base", "linux-6.12"}) {
            const ExploreResult row = some(find_scenario(name), variant, 600);
            const ExploreResult real = some(find_scenario(std::string(name) + "+real"), variant, 1500);
            INFO(explore_text(row) << explore_text(real));
            CHECK(shows(row, "reference underflow") == shows(real, "reference underflow"));
            CHECK_FALSE(row.bugs.empty());
            CHECK_FALSE(real.bugs.empty());
        }
    }
}

TEST_CASE("real: half a parse that a walk takes leaves apple-dart's second DART blocked (D-11, D-11b, F25)",
          "[explore][real]") {
    const std::string one = "semantic: firmware puts it behind 2 IOMMUs, its driver knows 1";
    const std::string direct = "semantic: DMA operations are direct though the domain translates: every access faults";
    for (const char* variant : {"series-v1@17~D-11", "series-v1@17"}) {
        const ExploreResult row = some(find_scenario("d-11-dart"), variant, 600);
        const ExploreResult real = some(find_scenario("d-11-dart+real"), variant, 1500);
        INFO(explore_text(row) << explore_text(real));
        std::set<std::string> of_row = kinds(row);
        const bool has_defect = !row.bugs.empty();
        CHECK(has_defect == (std::string(variant) == "series-v1@17"));
        // The row's books have both instances in the end; the hardware has one stream.
        if (has_defect) of_row.insert(one);
        CHECK(kinds(real) == of_row);
    }
    // Without any race: the row says both, in hardware the one hides the other.
    for (const char* variant : {"series-v1@11~D-11b", "series-v1@11"}) {
        const ExploreResult row = some(find_scenario("d-11b"), variant, 600);
        const ExploreResult real = some(find_scenario("d-11b+real"), variant, 1500);
        INFO(explore_text(row) << explore_text(real));
        CHECK(row.verdict == real.verdict);
        CHECK((kinds(real) == kinds(row) || kinds(real) == std::set<std::string>{direct}));
        for (const std::string& outcome : real.outcomes) CHECK(outcome.find("buffer") == std::string::npos);
    }
}

TEST_CASE("real: tegra-smmu's ids are stored twice, and a registration that fails leaves its controller bound (F11)",
          "[explore][real]") {
    for (const char* variant : {"base", "linux-6.12"}) {
        const ExploreResult twice = some(find_scenario("tegra-group+real"), variant, 300);
        INFO(explore_text(twice));
        for (const Bug& bug : twice.bugs) CHECK(bug.what.find("(duplicated)") == std::string::npos);
    }
    for (const char* variant : {"base", "series-v1@5", "series-v1@6", "series-v1-fixed@17"}) {
        const ExploreResult row = some(find_scenario("tegra-register"), variant, 100);
        const ExploreResult real = some(find_scenario("tegra-register+real"), variant, 100);
        INFO(explore_text(row) << explore_text(real));
        REQUIRE(row.outcomes.size() == 1);
        REQUIRE(real.outcomes.size() == 1);
        const bool fails = row.outcomes[0].find("not registered") != std::string::npos;
        CHECK(fails == (real.outcomes[0].find("not registered") != std::string::npos));
        // The row's instance is unbound; the memory controller stays bound without an SMMU, and the client waits for
        // it.
        CHECK(shows(real, "deferred for ever though its IOMMU is there") == fails);
    }
}

TEST_CASE("real: what has no real driver says so, every modelled one has", "[explore][real]") {
    for (const kernel::ModelDriverRow& row : kernel::model_drivers()) {
        INFO(row.name);
        const kernel::StandaloneFamily* const driver = kernel::find_standalone_driver(row.name);
        REQUIRE(driver != nullptr);
        if (!driver->units.empty()) continue;  // of a table: no compatible of a device tree
        firmware::Node node;
        node.compatible = {std::string(row.compatible)};
        node.iommu_cells = row.cells;
        node.regs.push_back({0x1000, driver->register_bytes, 0x1000, "", 0});
        driver->describe(node);
        const std::string_view family = firmware::iommu_kind(node).family;
        INFO(family);
        CHECK(iommu::find_small_family(family) != nullptr);
    }
    Scenario none = find_scenario("d-8a");
    none.iommus.clear();
    CHECK_THROWS_WITH(with_real_drivers(none), Catch::Contains("no IOMMU with a real driver"));
    CHECK_THROWS_WITH(find_scenario("cover-leter+real"), Catch::Contains("cover-letter+real"));
    Scenario mixed = find_scenario("cover-letter");
    mixed.iommus[0].real = true;
    CHECK_THROWS_WITH(validate(mixed), Catch::Contains("all IOMMUs of one driver"));
    CHECK(find_scenario("r10+real").iommus[0].real);
    CHECK(find_scenario("r10+real").iommus[1].real);
}

TEST_CASE("real: memory of a run keeps what is not zero, across its pieces", "[explore][real]") {
    RunMemory memory;
    std::vector<std::uint8_t> bytes(600);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + 1);
    memory.store(0x10F0, bytes.data(), bytes.size());
    std::vector<std::uint8_t> seen(700, 0xAA);
    memory.load(0x10E0, seen.data(), seen.size());
    CHECK(std::all_of(seen.begin(), seen.begin() + 16, [](std::uint8_t byte) { return byte == 0; }));
    CHECK(std::equal(bytes.begin(), bytes.end(), seen.begin() + 16));
    CHECK(std::all_of(seen.begin() + 616, seen.end(), [](std::uint8_t byte) { return byte == 0; }));
    const std::vector<std::uint8_t> zeros(300, 0);
    memory.store(0x10F0, zeros.data(), zeros.size());
    memory.load(0x10F0, seen.data(), 600);
    CHECK(std::all_of(seen.begin(), seen.begin() + 300, [](std::uint8_t byte) { return byte == 0; }));
    CHECK(std::equal(bytes.begin() + 300, bytes.end(), seen.begin() + 300));
}
