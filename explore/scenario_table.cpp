// The races R* of shared/spec/kernel-probe.md section 3 and the defects D-* of section 4.4.
#include "explore/scenario_table.hpp"

#include <utility>

namespace xlate::explore {

namespace {

IommuSpec iommu(std::string name, std::string driver = "arm-smmu-v3") {
    IommuSpec spec;
    spec.name = std::move(name);
    spec.driver = std::move(driver);
    return spec;
}

DeviceSpec client(std::string name, std::vector<EntrySpec> iommus) {
    DeviceSpec spec;
    spec.name = std::move(name);
    spec.iommus = std::move(iommus);
    return spec;
}

TaskSpec task(std::string name, unsigned cpu, std::vector<Action> actions) {
    return {std::move(name), cpu, std::move(actions)};
}

}  // namespace

std::vector<Scenario> make_scenarios() {
    std::vector<Scenario> all;
    const auto add = [&](std::string name, std::string what, std::vector<std::string> shows) -> Scenario& {
        Scenario scenario;
        scenario.name = std::move(name);
        scenario.what = std::move(what);
        scenario.shows = std::move(shows);
        all.push_back(std::move(scenario));
        return all.back();
    };
    {
        Scenario& s =
            add("cover-letter",
                "A client is bound on one CPU while its SMMU's driver registers, and walks the bus, on another",
                {"R1", "R2b", "R2c", "R3", "R5"});
        s.iommus = {iommu("smmu0")};
        s.devices = {client("dev0", {{"smmu0", {1}}, {"smmu0", {2}}})};
        s.tasks = {task("modprobe", 0, {{ActionKind::bind, "dev0"}}),
                   task("insmod", 1, {{ActionKind::register_iommu, "smmu0"}})};
    }
    return all;
}

}  // namespace xlate::explore
