// What the series changes for single drivers, architectures and buses, where no race of scenario_table.cpp shows it.
// Source: docs/spec/kernel-probe.md sections 2.8, 4.2 (@1), 4.4 (D-1), 5.1.
#include <utility>

#include "explore/scenario/scenario_table.hpp"
#include "kernel-model/arch/arch.hpp"

namespace xlate::explore {

namespace {

IommuSpec present(std::string name, std::string driver) {
    IommuSpec spec;
    spec.name = std::move(name);
    spec.driver = std::move(driver);
    spec.registered = true;
    return spec;
}

DeviceSpec client(std::vector<EntrySpec> iommus) {
    DeviceSpec spec;
    spec.name = "dev0";
    spec.iommus = std::move(iommus);
    return spec;
}

Scenario one_bind(std::string name, std::string what, std::vector<std::string> shows) {
    Scenario scenario;
    scenario.name = std::move(name);
    scenario.what = std::move(what);
    scenario.shows = std::move(shows);
    scenario.tasks = {{"modprobe", 0, {{ActionKind::bind, "dev0"}}}};
    return scenario;
}

/// One thread: what the architecture makes of a client whose IOMMU is there.
Scenario arch_scenario(const kernel::ArchRow& arch) {
    Scenario s = one_bind("arch-" + std::string(arch.name),
                          "One thread: a client behind an IOMMU is bound on " + std::string(arch.name), {"2.8"});
    s.arch = arch.name;
    s.iommus = {present("iommu0", "virtio-iommu")};
    s.devices = {client({{"iommu0", {1}}})};
    s.devices[0].coherent = true;
    return s;
}

std::vector<Scenario> omap_scenarios() {
    std::vector<Scenario> all;
    {
        Scenario s = one_bind("d-1", "One thread: an OMAP client on ARM32 attaches a domain of its own", {"D-1"});
        s.arch = "arm";
        s.iommus = {present("omap0", "omap-iommu")};
        s.devices = {client({{"omap0", {}}})};
        s.devices[0].own_domain = true;
        all.push_back(std::move(s));
    }
    {
        Scenario s = all.back();
        s.name = "d-1-register";
        s.what = "The same while the OMAP's driver registers, and its walk finds the client by itself";
        s.iommus[0].registered = false;
        s.tasks.push_back({"insmod", 1, {{ActionKind::register_iommu, "omap0"}}});
        all.push_back(std::move(s));
    }
    {
        Scenario s = all.front();
        s.name = "omap-arm64";
        s.what = "One thread: a driver without of_xlate puts its client into a group; the generic DMA layer gets it";
        s.shows = {"4.2 @1"};
        s.arch = "arm64";
        s.devices[0].own_domain = false;
        s.devices[0].wanted_domain = "DMA";
        all.push_back(std::move(s));
    }
    return all;
}

std::vector<Scenario> hyper_v_scenarios() {
    std::vector<Scenario> all;
    {
        Scenario s =
            one_bind("hyper-v", "One thread: a Hyper-V device is bound; nobody asks firmware about it", {"2.8"});
        s.firmware = Firmware::acpi;
        s.iommus = {present("smmu0", "arm-smmu-v3")};
        s.devices = {client({})};
        s.devices[0].bus = "vmbus";
        s.devices[0].coherent = true;
        all.push_back(std::move(s));
    }
    {
        Scenario s = one_bind("hyper-v-group",
                              "What if the IOMMU core knew the VMBus: a driver that finds its clients by itself has "
                              "put the device into a group",
                              {"4.2 @1"});
        s.iommu_knows_vmbus = true;
        s.iommus = {present("tegra0", "tegra-smmu")};
        s.devices = {client({{"tegra0", {1}}})};
        s.devices[0].bus = "vmbus";
        s.devices[0].wanted_domain = "DMA";
        all.push_back(std::move(s));
    }
    {
        Scenario s = one_bind("hyper-v-parsed",
                              "One thread: an open-coded caller parses a Hyper-V device's firmware before it is bound",
                              {"4.2 @7"});
        s.iommus = {present("smmu0", "arm-smmu-v3")};
        s.devices = {client({{"smmu0", {1}}})};
        s.devices[0].bus = "vmbus";
        s.before = {{ActionKind::dma_configure, "dev0"}};
        all.push_back(std::move(s));
    }
    return all;
}

/// One thread: a driver's client is bound and removed.
Scenario removed(std::string name, const std::string& driver, bool by_table, const std::string& arch) {
    Scenario s =
        one_bind(std::move(name), "One thread: a client of " + driver + " is bound, then removed", {"4.2 @17"});
    s.arch = arch;
    s.firmware = by_table ? Firmware::acpi : Firmware::device_tree;
    s.iommus = {present("iommu0", driver)};
    s.devices = {client({{"iommu0", by_table ? std::vector<std::uint32_t>{} : std::vector<std::uint32_t>{1}}})};
    s.tasks[0].actions.push_back({ActionKind::remove, "dev0"});
    return s;
}

/// One thread: bound, unbound, bound again; with `goes` removed at the end (as d-8a-smmu).
Scenario again(std::string name, const std::string& driver, bool goes) {
    Scenario s = one_bind(std::move(name),
                          "One thread: a client of " + driver + " is bound again" + (goes ? ", then removed" : ""),
                          {"D-8a", "4.2 @15"});
    s.iommus = {present("iommu0", driver)};
    s.devices = {client({{"iommu0", {1}}})};
    auto& actions = s.tasks[0].actions;
    actions.push_back({ActionKind::unbind, "dev0"});
    actions.push_back({ActionKind::bind, "dev0"});
    if (goes) actions.push_back({ActionKind::remove, "dev0"});
    return s;
}

std::vector<Scenario> driver_scenarios() {
    std::vector<Scenario> all{removed("removed-smmu-v3", "arm-smmu-v3", false, ""),
                              removed("removed-smmu", "arm-smmu", false, ""),
                              removed("removed-dart", "apple-dart", false, ""),
                              removed("removed-omap", "omap-iommu", false, "arm"),
                              removed("removed-vt-d", "intel-iommu", true, ""),
                              removed("removed-amd-vi", "amd-iommu", true, ""),
                              again("smmu-again", "arm-smmu", true),
                              again("virtio-again", "virtio-iommu", false)};
    {
        Scenario s = one_bind("smmu-refused", "One thread: an SMMU has no stream-map entry left for a second client",
                              {"4.2 @14"});
        s.iommus = {present("smmu0", "arm-smmu")};
        s.iommus[0].hardware.entries = 1;
        s.devices = {client({{"smmu0", {1}}}), client({{"smmu0", {2}}})};
        s.devices[1].name = "dev1";
        s.devices[1].refused = true;
        s.tasks[0].actions.push_back({ActionKind::bind, "dev1"});
        all.push_back(std::move(s));
    }
    {
        Scenario s =
            one_bind("tegra", "One thread: a client that tegra-smmu's walk has probed by itself is bound", {"D-8a"});
        s.iommus = {present("tegra0", "tegra-smmu")};
        s.devices = {client({{"tegra0", {1}}})};
        all.push_back(std::move(s));
    }
    {
        Scenario s = all.back();
        s.name = "tegra-register";
        s.what = "One thread: tegra-smmu registers, and finds a client that waits for it";
        s.shows = {"4.2 @14"};
        s.iommus[0].registered = false;
        s.tasks[0].actions.push_back({ActionKind::register_iommu, "tegra0"});
        all.push_back(std::move(s));
    }
    {
        Scenario s = one_bind("acpi-one", "As acpi, with one id", {"R1", "D-10a"});
        s.firmware = Firmware::acpi;
        s.iommus = {present("smmu0", "arm-smmu-v3"), present("smmu1", "arm-smmu-v3")};
        s.iommus[1].registered = false;
        s.devices = {client({{"smmu0", {1}}})};
        s.tasks.push_back({"insmod", 1, {{ActionKind::register_iommu, "smmu1"}}});
        all.push_back(std::move(s));
    }
    return all;
}

}  // namespace

std::vector<Scenario> make_series_scenarios() {
    std::vector<Scenario> all = omap_scenarios();
    for (const kernel::ArchRow& arch : kernel::arch_rows()) all.push_back(arch_scenario(arch));
    for (Scenario& scenario : hyper_v_scenarios()) all.push_back(std::move(scenario));
    for (Scenario& scenario : driver_scenarios()) all.push_back(std::move(scenario));
    return all;
}

}  // namespace xlate::explore
