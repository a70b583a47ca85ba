// Scenarios whose IOMMU is a RISC-V one: the driver with its hardware against the driver's row.
#include <catch2/catch.hpp>

#include <set>
#include <string>

#include "explore/scenario/scenarios.hpp"
#include "explore/search/explore.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

Scenario with_riscv(const char* name, bool real) {
    Scenario scenario = find_scenario(name);
    for (IommuSpec& iommu : scenario.iommus) {
        iommu.driver = "riscv-iommu";
        iommu.real = real;
    }
    return scenario;
}

ExploreResult some(const Scenario& scenario, const char* variant) {
    ExploreOptions options;
    options.budget = 400;
    options.data_races = false;
    options.minimise = false;
    return explore::explore(scenario, variant, options);
}

std::set<std::string> found(const ExploreResult& result) {
    std::set<std::string> all;
    for (const Bug& bug : result.bugs) {
        const bool outcome = bug.what.find("an outcome that no") != std::string::npos;
        all.insert(bug.kind != "semantic" ? bug.kind : outcome ? "an outcome of no order" : bug.what);
    }
    return all;
}

}  // namespace

TEST_CASE("real: riscv-iommu says the same with its hardware as its row", "[explore][real][riscv]") {
    for (const char* name : {"arch-riscv", "d-3", "d-5", "d-5b", "d-8a-smmu"}) {
        for (const char* variant : {"base", "series-v1-fixed@17", "linux-6.12"}) {
            const ExploreResult row = some(with_riscv(name, false), variant);
            const ExploreResult real = some(with_riscv(name, true), variant);
            INFO(name << " at " << variant << "\n" << explore_text(row) << explore_text(real));
            CHECK(row.verdict == real.verdict);
            CHECK(found(row) == found(real));
        }
    }
}
