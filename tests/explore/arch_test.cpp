// arch_setup_dma_ops of each architecture, D-1 and Hyper-V: docs/spec/kernel-probe.md 2.7 (SDD1), 2.8, 4.2 (@1), 4.4.
#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "explore/scenario/scenarios.hpp"
#include "explore/search/explore.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

ExploreResult all_traces(const Scenario& scenario, const std::string& variant) {
    ExploreOptions options;
    options.strategy = Strategy::dpor;
    options.data_races = false;
    options.minimise = false;
    return explore::explore(scenario, variant, options);
}

/// The outcome of a scenario of one task; verified.
std::string only_outcome(const Scenario& scenario, const std::string& variant) {
    const ExploreResult result = all_traces(scenario, variant);
    INFO(explore_text(result));
    CHECK(result.verdict == Verdict::verified);
    REQUIRE(result.outcomes.size() == 1);
    return result.outcomes.front();
}
std::string only_outcome(const std::string& scenario, const std::string& variant) {
    INFO(scenario << " at " << variant);
    return only_outcome(find_scenario(scenario), variant);
}

bool shows(const ExploreResult& result, const std::string& sign) {
    return std::any_of(result.bugs.begin(), result.bugs.end(),
                       [&](const Bug& bug) { return bug.what.find(sign) != std::string::npos; });
}

constexpr const char* kBusy = "its driver's own attach is refused (-EBUSY): the architecture has attached a mapping";
constexpr const char* kDirect = "DMA operations are direct though the domain translates";

}  // namespace

TEST_CASE("arch: only arm64 and ARM32 act on an IOMMU, and patch 1 leaves parsed clients alone", "[explore][arch]") {
    struct Row {
        const char* scenario;
        const char* outcome;
    };
    for (const char* variant : {"base", "series-v1@1", "series-v1@17", "mainline-6.8", "linux-6.12"}) {
        for (const Row& row : std::vector<Row>{
                 {"arch-arm", "dev0: bound group{dev0} domain=unmanaged ops=arm-mapping"},
                 {"arch-arm-nommu", "dev0: bound group{dev0} domain=identity ops=direct"},
                 {"arch-arm64", "dev0: bound group{dev0} domain=DMA ops=iommu"},
                 {"arch-arc", "dev0: bound group{dev0} domain=identity ops=direct"},
                 {"arch-mips", "dev0: bound group{dev0} domain=identity ops=direct"},
                 {"arch-riscv", "dev0: bound group{dev0} domain=identity ops=direct"},
             }) {
            const std::string outcome = only_outcome(row.scenario, variant);
            CHECK(outcome.rfind(row.outcome, 0) == 0);
            CHECK(outcome.find(" coherent ") != std::string::npos);
        }
    }
}

TEST_CASE("arch: coherency is firmware's, except where the architecture can only set it", "[explore][arch]") {
    for (const char* scenario : {"arch-arm", "arch-arm-nommu", "arch-arm64", "arch-arc", "arch-mips", "arch-riscv"}) {
        Scenario without = find_scenario(scenario);
        without.devices[0].coherent = false;
        CHECK(only_outcome(without, "series-v1@1").find("coherent") == std::string::npos);
    }
}

TEST_CASE("arch: ARM32 takes its mapping away at unbind, and makes it anew at the next bind", "[explore][arch]") {
    Scenario unbound = find_scenario("arch-arm");
    unbound.tasks[0].actions.push_back({ActionKind::unbind, "dev0"});
    Scenario again = unbound;
    again.tasks[0].actions.push_back({ActionKind::bind, "dev0"});
    Scenario removed = unbound;
    removed.tasks[0].actions.push_back({ActionKind::remove, "dev0"});
    for (const char* variant : {"base", "series-v1@1", "series-v1@7", "series-v1@17", "linux-6.12"}) {
        INFO(variant);
        CHECK(only_outcome(unbound, variant).rfind("dev0: unbound group{dev0} domain=identity ops=direct", 0) == 0);
        CHECK(only_outcome(again, variant).rfind("dev0: bound group{dev0} domain=unmanaged ops=arm-mapping", 0) == 0);
        CHECK(only_outcome(removed, variant).rfind("dev0: removed", 0) == 0);  // and nothing leaks
    }
}

TEST_CASE("arch: ARM32 does not touch a device that has DMA operations already", "[explore][arch]") {
    Scenario again = find_scenario("arch-arm");
    again.before = {{ActionKind::dma_configure, "dev0"}};  // an open-coded caller was there first
    CHECK(only_outcome(again, "base").rfind("dev0: bound group{dev0} domain=unmanaged ops=arm-mapping", 0) == 0);
}

TEST_CASE("arch: an OMAP client's own attach is refused from patch 1 on (D-1), on ARM32 only", "[explore][arch]") {
    CHECK(only_outcome("d-1", "base").find("domain=unmanaged ops=direct iommu=omap0 instances=omap0 own attach;") !=
          std::string::npos);
    for (unsigned n = 1; n <= 17; ++n) {
        INFO(n);
        const ExploreResult result = all_traces(find_scenario("d-1"), "series-v1@" + std::to_string(n));
        CHECK(shows(result, kBusy));
        REQUIRE(result.outcomes.size() == 1);
        CHECK(result.outcomes[0].rfind("dev0: unbound group{dev0} domain=identity", 0) == 0);
    }
    Scenario elsewhere = find_scenario("d-1");
    elsewhere.arch = "arm64";
    CHECK(only_outcome(elsewhere, "series-v1@1").find(" own attach;") != std::string::npos);
}

TEST_CASE("arch: D-1 stands beside the OMAP's own registration as well, and not in base", "[explore][arch]") {
    const ExploreResult base = all_traces(find_scenario("d-1-register"), "base");
    CHECK(base.exhaustive);
    CHECK(base.traces == 579);
    CHECK_FALSE(shows(base, kBusy));
    const ExploreResult later = all_traces(find_scenario("d-1-register"), "series-v1@17");
    CHECK(later.exhaustive);
    CHECK(later.traces == 397);
    CHECK(shows(later, kBusy));
}

TEST_CASE("arch: once ops no longer come from the bus, an OMAP client is in no group", "[explore][arch]") {
    for (const char* variant : {"mainline-6.8", "linux-6.12"}) {
        const ExploreResult result = all_traces(find_scenario("d-1"), variant);
        CHECK(shows(result, "its driver's own attach is refused (-ENODEV)"));
        CHECK_FALSE(shows(result, kBusy));
    }
}

TEST_CASE("arch: a group without any parsing counts as mapped from patch 1 on", "[explore][arch]") {
    CHECK(shows(all_traces(find_scenario("omap-arm64"), "base"), kDirect));
    CHECK(only_outcome("omap-arm64", "series-v1@1").find("domain=DMA ops=iommu") != std::string::npos);
    Scenario identity = find_scenario("omap-arm64");
    identity.devices[0].wanted_domain = "identity";  // as legacy SMMU masters: harmless
    for (const char* variant : {"base", "series-v1@1", "series-v1@17"}) {
        CHECK(only_outcome(identity, variant).find("domain=identity ops=direct") != std::string::npos);
    }
}

TEST_CASE("arch: nobody asks firmware about a Hyper-V device, at any patch", "[explore][arch]") {
    for (const char* variant : {"base", "series-v1@1", "series-v1@7", "series-v1@17", "linux-6.12"}) {
        CHECK(only_outcome("hyper-v", variant) == "dev0: bound no group coherent; smmu0: registered");
    }
}

TEST_CASE("arch: a Hyper-V device in a group gets IOMMU operations and the whole range from patch 1 on",
          "[explore][arch]") {
    const ExploreResult base = all_traces(find_scenario("hyper-v-group"), "base");
    CHECK(shows(base, kDirect));
    REQUIRE(base.outcomes.size() == 1);
    CHECK(base.outcomes[0].find("domain=DMA ops=direct iommu=") != std::string::npos);
    for (const char* variant : {"series-v1@1", "series-v1@17"}) {
        CHECK(only_outcome("hyper-v-group", variant).find("ops=iommu window=0x0..0xffffffffffffffff") !=
              std::string::npos);
    }
}

TEST_CASE("arch: a device on a bus that the core does not know can be probed once its fwspec brings the driver",
          "[explore][arch]") {
    for (unsigned n = 0; n <= 17; ++n) {
        INFO(n);
        const ExploreResult result = all_traces(find_scenario("hyper-v-parsed"), "series-v1@" + std::to_string(n));
        REQUIRE(result.outcomes.size() == 1);
        CHECK((result.outcomes[0].find("group{dev0}") != std::string::npos) == (n >= 7));
    }
}
