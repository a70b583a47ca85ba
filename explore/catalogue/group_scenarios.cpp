// What drivers remember of groups and domains beyond the core's own books: docs/spec/kernel-probe.md section 5,
// column "group", and rockchip's of_xlate.
#include <utility>

#include "explore/scenario/scenario_table.hpp"

namespace xlate::explore {

namespace {

/// One IOMMU that is there, two clients of one entry.
Scenario two_clients(std::string name, std::string what, const std::string& driver, EntrySpec entry) {
    Scenario scenario;
    scenario.name = std::move(name);
    scenario.what = std::move(what);
    scenario.shows = {"5"};
    IommuSpec iommu;
    iommu.name = entry.iommu;
    iommu.driver = driver;
    iommu.registered = true;
    scenario.iommus = {iommu};
    for (const char* one : {"dev0", "dev1"}) {
        DeviceSpec device;
        device.name = one;
        device.iommus = {entry};
        scenario.devices.push_back(std::move(device));
    }
    return scenario;
}

/// dev0, the group's only member, leaves while dev1 comes.
Scenario last_and_first(std::string name, std::string what, const std::string& driver, EntrySpec entry) {
    Scenario scenario = two_clients(std::move(name), std::move(what), driver, std::move(entry));
    scenario.shows.emplace_back("R16");
    scenario.devices[0].bound = true;
    scenario.devices[1].added = false;
    scenario.tasks = {{"hotplug", 0, {{ActionKind::remove, "dev0"}}}, {"modprobe", 1, {{ActionKind::add, "dev1"}}}};
    return scenario;
}

}  // namespace

std::vector<Scenario> make_group_scenarios() {
    const auto bind = [](const std::string& name) { return Action{ActionKind::bind, name}; };
    std::vector<Scenario> all;
    all.push_back(last_and_first("dart-group",
                                 "A client of an apple-dart stream comes while the last one of its group leaves",
                                 "apple-dart", {"dart0", {1}}));
    all.push_back(last_and_first("tegra-group",
                                 "A client of a tegra swgroup comes while the last one of its group leaves",
                                 "tegra-smmu", {"tegra0", {1}}));
    for (DeviceSpec& device : all.back().devices) {
        device.ids_twice = true;  // by its own parse and the core's
        device.does_dma = false;  // in 6.1 the group has no domain
    }
    {
        Scenario s = two_clients("mtk-group", "One thread: a client of an M4U comes after the last one has left",
                                 "mtk-iommu", {"m4u0", {1}});
        s.tasks = {{"modprobe", 0, {bind("dev0"), {ActionKind::remove, "dev0"}, bind("dev1")}}};
        all.push_back(std::move(s));
    }
    {
        Scenario s = two_clients("rockchip-two", "Two clients of one rockchip IOMMU are bound", "rockchip-iommu",
                                 {"iommu0", {}});
        s.tasks = {{"modprobe", 0, {bind("dev0")}}, {"modprobe", 1, {bind("dev1")}}};
        all.push_back(std::move(s));
    }
    {
        // The first one's unmap comes after the second one's attach.
        Scenario s =
            two_clients("exynos-two", "One thread: two clients of one Exynos SysMMU are bound, the first unbound",
                        "exynos-sysmmu", {"sysmmu0", {}});
        s.tasks = {{"modprobe", 0, {bind("dev0"), bind("dev1"), {ActionKind::unbind, "dev0"}}}};
        all.push_back(std::move(s));
    }
    {
        // The second one has no master of its own (section 5.2, row msm).
        Scenario s =
            two_clients("msm-two", "One thread: two clients of one msm IOMMU are bound", "msm-iommu", {"msm0", {1}});
        s.arch = "arm";
        s.tasks = {{"modprobe", 0, {bind("dev0"), bind("dev1")}}};
        all.push_back(std::move(s));
    }
    {
        Scenario s = two_clients("mtk-v1", "One thread: two clients share the mapping of MediaTek's first M4U",
                                 "mtk-iommu-v1", {"m4u0", {1}});
        s.arch = "arm";
        s.devices[1].iommus[0].args = {12};
        s.tasks = {{"modprobe", 0, {bind("dev0"), bind("dev1")}}};
        all.push_back(std::move(s));
    }
    {
        Scenario s = two_clients("exynos-late", "A walk visits a client of two Exynos SysMMUs between its entries",
                                 "exynos-sysmmu", {"sysmmu0", {}});
        IommuSpec second = s.iommus.front(), late = s.iommus.front();
        second.name = "sysmmu1";
        late.name = "sysmmu2";
        late.registered = false;
        s.iommus.push_back(second);
        s.iommus.push_back(late);
        s.devices.pop_back();
        s.devices[0].iommus.push_back({"sysmmu1", {}});
        s.tasks = {{"modprobe", 0, {bind("dev0")}}, {"insmod", 1, {{ActionKind::register_iommu, "sysmmu2"}}}};
        all.push_back(std::move(s));
    }
    return all;
}

}  // namespace xlate::explore
