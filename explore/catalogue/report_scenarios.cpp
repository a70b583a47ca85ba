// Reports of 2025 and 2026 against Linux's probe path: docs/spec/probe-reports.md section 2.
#include <utility>

#include "explore/scenario/scenario_table.hpp"

namespace xlate::explore {

namespace {

IommuSpec iommu(std::string name, std::string driver, bool registered = false) {
    IommuSpec spec;
    spec.name = std::move(name);
    spec.driver = std::move(driver);
    spec.registered = registered;
    return spec;
}

DeviceSpec client(std::string name, std::vector<EntrySpec> entries) {
    DeviceSpec spec;
    spec.name = std::move(name);
    spec.iommus = std::move(entries);
    return spec;
}

/// One thread: an IOMMU registers beside a client that is there, then the client is bound.
Scenario register_then_bind(std::string name, std::string what, std::string id, const std::string& driver,
                            EntrySpec entry) {
    Scenario scenario;
    scenario.name = std::move(name);
    scenario.what = std::move(what);
    scenario.shows = {std::move(id)};
    scenario.iommus = {iommu(entry.iommu, driver)};
    scenario.tasks = {{"swapper/0", 0, {{ActionKind::register_iommu, entry.iommu}, {ActionKind::bind, "dev0"}}}};
    scenario.devices = {client("dev0", {std::move(entry)})};
    return scenario;
}

}  // namespace

std::vector<Scenario> make_report_scenarios() {
    std::vector<Scenario> all;
    all.push_back(register_then_bind("x1", "One thread: a rockchip IOMMU registers, and its walk parses a client", "X1",
                                     "rockchip-iommu", {"iommu0", {}}));
    all.push_back(register_then_bind("x2", "One thread: an ipmmu registers before its driver data are set", "X2",
                                     "ipmmu-vmsa", {"ipmmu0", {1}}));
    all.push_back(register_then_bind("x7", "One thread: a virtio-iommu registers and looks for itself by its node",
                                     "X7", "virtio-iommu", {"viommu0", {1}}));
    all.back().firmware = Firmware::acpi;
    all.back().devices[0].iommus[0].viot = true;
    {
        // Bound before its unit registers, and not covered by it.
        Scenario s;
        s.name = "x3";
        s.what = "A VT-d unit registers beside a bound device that it does not cover";
        s.shows = {"X3"};
        s.firmware = Firmware::acpi;
        s.arch = "x86";
        s.iommus = {iommu("unit0", "intel-iommu")};
        s.devices = {client("dev0", {})};
        s.devices[0].bound = true;
        s.tasks = {{"init", 0, {{ActionKind::register_iommu, "unit0"}}}};
        all.push_back(std::move(s));
    }
    {
        Scenario s;
        s.name = "x10";
        s.what = "A client of two SysMMUs is bound while the second one's registration runs";
        s.shows = {"X10"};
        s.iommus = {iommu("sysmmu0", "exynos-sysmmu", true), iommu("sysmmu1", "exynos-sysmmu")};
        s.devices = {client("dev0", {{"sysmmu0", {}}, {"sysmmu1", {}}})};
        s.tasks = {{"modprobe", 0, {{ActionKind::bind, "dev0"}}},
                   {"insmod", 1, {{ActionKind::register_iommu, "sysmmu1"}}}};
        all.push_back(std::move(s));
    }
    {
        Scenario s = register_then_bind("x17", "One thread: one of two clients names an id that its SMMUv3 has not",
                                        "X17", "arm-smmu-v3", {"smmu0", {1}});
        s.devices.push_back(client("dev1", {{"smmu0", {0x10000}}}));
        s.devices[1].refused = true;
        s.tasks[0].actions.push_back({ActionKind::bind, "dev1"});
        all.push_back(std::move(s));
    }
    {
        Scenario s;
        s.name = "x15";
        s.what =
            "A stream that no driver has claimed accesses memory while its SMMUv3's driver makes that part of the "
            "table";
        s.shows = {"X15"};
        s.iommus = {iommu("smmu0", "arm-smmu-v3", true)};
        s.iommus[0].real = true;
        s.devices = {client("dev0", {{"smmu0", {0x101}}}), client("dev1", {{"smmu0", {0x102}}})};
        for (DeviceSpec& device : s.devices) device.added = false;
        s.stores_late = true;
        s.tasks = {{"hotplug", 0, {{ActionKind::add, "dev0"}}}, {"dev1", 1, {{ActionKind::access, "dev1"}}}};
        all.push_back(std::move(s));
    }
    {
        // Another device has brought this part of the stream table, so that X15's first half is out of the way.
        Scenario s;
        s.name = "x15-ste";
        s.what =
            "A device accesses memory while it is attached by a driver that stores descriptor and entry at once, and "
            "gives its commands behind them";
        s.shows = {"X15, second half"};
        s.iommus = {iommu("smmu0", "arm-smmu-v3", true)};
        s.iommus[0].real = true;
        s.iommus[0].mistakes.add(kernel::Mistake::commands_last);
        s.devices = {client("dev0", {{"smmu0", {0x101}}}), client("dev1", {{"smmu0", {0x102}}})};
        s.devices[0].added = false;
        s.before = {{ActionKind::bind, "dev1"}};
        s.stores_late = true;
        s.tasks = {{"hotplug", 0, {{ActionKind::add, "dev0"}}}, {"dev0", 1, {{ActionKind::access, "dev0"}}}};
        all.push_back(std::move(s));
    }
    {
        Scenario s = register_then_bind(
            "x18", "One thread: one of two clients names an id that its SMMUv2 has not; then the timeout", "X18",
            "arm-smmu", {"smmu0", {1}});
        s.iommus[0].real = true;
        s.devices.push_back(client("dev1", {{"smmu0", {0x8000}}}));
        s.devices[1].refused = true;
        s.tasks[0].actions.push_back({ActionKind::bind, "dev1"});
        s.deferral_timeout = true;
        all.push_back(std::move(s));
    }
    {
        // The board of the report: one display behind two IOMMUs, each named twice.
        Scenario s;
        s.name = "apq8064";
        s.what = "One thread: two msm IOMMUs register, and their walks parse a client of both";
        s.shows = {"F30"};
        s.arch = "arm";
        s.iommus = {iommu("mdp_port0", "msm-iommu"), iommu("mdp_port1", "msm-iommu")};
        s.devices = {client("mdp", {{"mdp_port0", {0}}, {"mdp_port0", {2}}, {"mdp_port1", {0}}, {"mdp_port1", {2}}})};
        s.tasks = {{"swapper/0",
                    0,
                    {{ActionKind::register_iommu, "mdp_port0"},
                     {ActionKind::register_iommu, "mdp_port1"},
                     {ActionKind::bind, "mdp"}}}};
        all.push_back(std::move(s));
    }
    {
        // ACPI has no replay: what two walks have missed stays so (on a device tree the bind makes it up, late).
        Scenario s;
        s.name = "missed-acpi";
        s.what = "Two SMMUs register at the same time; the client of one is bound by the thread of its own";
        s.shows = {"F31"};
        s.firmware = Firmware::acpi;
        s.iommus = {iommu("smmu0", "arm-smmu-v3"), iommu("smmu1", "arm-smmu-v3")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {{"insmod", 0, {{ActionKind::register_iommu, "smmu0"}, {ActionKind::bind, "dev0"}}},
                   {"kworker", 1, {{ActionKind::register_iommu, "smmu1"}}}};
        all.push_back(std::move(s));
    }
    return all;
}

}  // namespace xlate::explore
