// The races R* of docs/spec/kernel-probe.md section 3 and the defects D-* of section 4.4.
#include "explore/scenario/scenario_table.hpp"

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
    const auto bind = [](const std::string& name) { return Action{ActionKind::bind, name}; };
    const auto reg = [](const std::string& name) { return Action{ActionKind::register_iommu, name}; };
    const auto in_viot = [](const std::string& iommu, std::uint32_t endpoint) {
        EntrySpec entry{iommu, {endpoint}};
        entry.viot = true;
        return entry;
    };
    const auto present = [](IommuSpec spec) {
        spec.registered = true;
        return spec;
    };

    // 3.2: parser against walk.
    {
        Scenario& s = add("cover-letter",
                          "A client of smmu0 is bound on one CPU while smmu1 registers, and walks the bus, on another",
                          {"R1", "R2b", "R2c", "R3", "R4", "R5", "R6", "R17"});
        s.iommus = {present(iommu("smmu0")), iommu("smmu1")};
        s.devices = {client("dev0", {{"smmu0", {1}}, {"smmu0", {2}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu1")})};
    }
    {
        Scenario& s =
            add("smmu-register", "A client is bound while the driver of its own SMMU registers, and walks the bus",
                {"R1", "R2b", "R2c", "R3", "R5", "R6", "R24"});
        s.iommus = {iommu("smmu0")};
        s.devices = {client("dev0", {{"smmu0", {1}}, {"smmu0", {2}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu0")})};
    }
    {
        Scenario& s = add("acpi", "As cover-letter, with the ids in an IORT", {"R1", "R2b", "R2c", "R3", "R5", "R6"});
        s.firmware = Firmware::acpi;
        s.iommus = {present(iommu("smmu0")), iommu("smmu1")};
        s.devices = {client("dev0", {{"smmu0", {1}}, {"smmu0", {2}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu1")})};
    }
    {
        Scenario& s = add("viot", "As cover-letter, with a virtio-iommu and the endpoint in a VIOT",
                          {"R1", "R2b", "R2c", "R3", "R6"});
        s.firmware = Firmware::acpi;
        s.iommus = {present(iommu("viommu0", "virtio-iommu")), iommu("viommu1", "virtio-iommu")};
        s.devices = {client("dev0", {in_viot("viommu0", 1)})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("viommu1")})};
    }
    {
        Scenario& s = add("r0", "Two IOMMUs register at the same time and walk the same bus", {"R0"});
        s.iommus = {iommu("smmu0"), iommu("smmu1")};
        s.devices = {client("dev0", {})};
        s.tasks = {task("insmod", 0, {reg("smmu0")}), task("kworker/u4:0", 1, {reg("smmu1")})};
    }
    {
        Scenario& s = add("r2a", "The driver stores its private data in of_xlate while a walk drops the container",
                          {"R2a", "R15"});
        s.iommus = {present(iommu("dart0", "apple-dart")), iommu("dart1", "apple-dart")};
        s.devices = {client("dev0", {{"dart0", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("dart1")})};
    }
    {
        Scenario& s = add("r7", "A client that was deferred is tried again while its SMMU's walk visits it", {"R7"});
        s.iommus = {iommu("smmu0")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.before = {bind("dev0")};
        s.tasks = {task("kworker/u4:0", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu0")})};
    }
    {
        Scenario& s = add("r8", "An open-coded caller of of_dma_configure runs beside the client's own probe", {"R8"});
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}, {"smmu0", {2}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("drm", 1, {{ActionKind::dma_configure, "dev0"}})};
    }
    {
        Scenario& s = add("r9", "One thread: the third entry is refused, the next attempt calls it configured", {"R9"});
        s.iommus = {present(iommu("dart0", "apple-dart")), present(iommu("dart1", "apple-dart")),
                    present(iommu("dart2", "apple-dart"))};
        s.devices = {client("dev0", {{"dart0", {1}}, {"dart1", {1}}, {"dart2", {1}}})};
        s.devices[0].refused = true;
        s.tasks = {task("modprobe", 0, {bind("dev0"), {ActionKind::unbind, "dev0"}, bind("dev0")})};
    }
    {
        Scenario& s =
            add("r24", "The client's probe finds its SMMU registered but not bound yet (arm-smmu)", {"R24", "R26"});
        s.iommus = {iommu("smmu0", "arm-smmu")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu0")})};
    }

    // 2.2: buses without nodes of their own.
    {
        Scenario& s =
            add("fsl-mc", "As cover-letter, with a device of an fsl-mc bus, behind its controller's iommu-map",
                {"R1", "R2b", "R2c", "R3", "R6"});
        s.iommus = {present(iommu("smmu0")), iommu("smmu1")};
        s.devices = {client("dpni0", {{"smmu0", {1}}})};
        s.devices[0].bus = "fsl-mc";
        s.tasks = {task("modprobe", 0, {bind("dpni0")}), task("insmod", 1, {reg("smmu1")})};
    }
    {
        Scenario& s =
            add("cdx", "One thread: a cdx client is bound before its IOMMU is there, and does not wait", {"2.2"});
        s.iommus = {iommu("smmu0")};
        s.devices = {client("cdx0", {{"smmu0", {1}}})};
        s.devices[0].bus = "cdx";
        s.tasks = {task("modprobe", 0, {bind("cdx0"), reg("smmu0")})};
    }
    {
        Scenario& s = add("host1x", "A host1x context is configured by its creator while another SMMU's walk visits it",
                          {"R1", "R2b", "R2c", "R3", "R6"});
        s.iommus = {present(iommu("smmu0")), iommu("smmu1")};
        s.devices = {client("context0", {{"smmu0", {1}}})};
        s.devices[0].bus = "host1x";
        s.tasks = {task("modprobe", 0, {{ActionKind::dma_configure, "context0"}}), task("insmod", 1, {reg("smmu1")})};
    }
    {
        Scenario& s =
            add("mmu-masters",
                "arm-smmu's old binding: a master is added while another SMMU registers, and walks the bus", {"5.1"});
        s.iommus = {present(iommu("smmu0", "arm-smmu")), iommu("smmu1", "arm-smmu")};
        s.devices = {client("dev0", {{"smmu0", {1, 2}}})};
        s.devices[0].iommus[0].legacy = true;
        s.devices[0].added = false;
        s.tasks = {task("hotplug", 0, {{ActionKind::add, "dev0"}}), task("insmod", 1, {reg("smmu1")})};
    }

    // 3.3: registration against registration.
    {
        Scenario& s = add("r10", "Two different IOMMU drivers register at the same time", {"R10"});
        s.iommus = {iommu("smmu0"), iommu("qcom0", "qcom-iommu")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("insmod", 0, {reg("smmu0")}), task("kworker/u4:0", 1, {reg("qcom0")})};
    }
    {
        Scenario& s = add("r11a", "A registration fails, its module goes, and a new device is added", {"R11a"});
        s.iommus = {iommu("smmu0")};
        s.iommus[0].registration_fails = true;
        s.devices = {client("dev0", {})};
        s.devices[0].added = false;
        s.tasks = {task("insmod", 0, {reg("smmu0"), {ActionKind::add, "dev0"}})};
    }
    {
        Scenario& s = add("r11b", "A walk ends at a device that fails; a group stays on its list", {"R11b"});
        s.iommus = {present(iommu("smmu0")), iommu("smmu1")};
        s.devices = {client("dev0", {{"smmu0", {1}}}), client("dev1", {{"smmu0", {1}}})};
        s.devices[0].refused = s.devices[1].refused = true;  // one of them is: both have the same id
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("udevd", 2, {bind("dev1")}),
                   task("insmod", 1, {reg("smmu1")})};
    }
    {
        Scenario& s = add("r17", "DMA starts between a walk and its default domains", {"R17"});
        s.iommus = {present(iommu("smmu0")), iommu("smmu1")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu1")})};
    }
    {
        Scenario& s = add("r20", "A device is added while an IOMMU registers: nobody may miss it", {"R20"});
        s.iommus = {iommu("tegra0", "tegra-smmu")};
        s.devices = {client("dev0", {{"tegra0", {1}}})};
        s.devices[0].added = false;
        s.devices[0].ids_twice = true;
        s.tasks = {task("hotplug", 0, {{ActionKind::add, "dev0"}}), task("insmod", 1, {reg("tegra0")})};
    }

    // 3.4: deferral.
    {
        Scenario& s = add("r13", "A device behind two IOMMUs, the second of which comes later", {"R13", "D-13"});
        s.iommus = {present(iommu("smmu0")), iommu("smmu1")};
        s.devices = {client("dev0", {{"smmu0", {1}}, {"smmu1", {2}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0"), reg("smmu1")})};
    }
    {
        Scenario& s = add("r14", "A client is deferred at the very moment at which its IOMMU binds", {"R14"});
        s.iommus = {iommu("smmu0")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu0")})};
    }
    {
        Scenario& s = add("timeout", "The deferred-probe timeout fires, as the IOMMU never comes", {"2.10"});
        s.iommus = {iommu("smmu0")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.deferral_timeout = true;
        s.tasks = {task("modprobe", 0, {bind("dev0")})};
    }
    {
        Scenario& s = add("acpi-timeout", "The same with an IORT: ACPI waits for ever, the series does not", {"D-10b"});
        s.firmware = Firmware::acpi;
        s.iommus = {iommu("smmu0")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.deferral_timeout = true;
        s.tasks = {task("modprobe", 0, {bind("dev0")})};
    }

    // 3.5: release.
    {
        Scenario& s = add("r12a", "A device is probed while its IOMMU unregisters", {"R12a", "R12b"});
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("rmmod", 1, {{ActionKind::unregister_iommu, "smmu0"}})};
    }
    {
        Scenario& s = add("r12c", "A walk sets up default domains while a member is removed", {"R12c", "R12d"});
        s.iommus = {iommu("tegra0", "tegra-smmu")};
        s.devices = {client("dev0", {{"tegra0", {1}}})};
        s.tasks = {task("insmod", 0, {reg("tegra0")}), task("hotplug", 1, {{ActionKind::remove, "dev0"}})};
    }
    {
        Scenario& s = add("r16", "A device joins a group while its last member leaves", {"R16"});
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}}), client("dev1", {{"smmu0", {2}}})};
        s.devices[0].bound = true;
        s.devices[1].shares_group_of = "dev0";
        s.tasks = {task("modprobe", 0, {bind("dev1")}), task("hotplug", 1, {{ActionKind::remove, "dev0"}})};
    }
    {
        Scenario& s = add("r27", "A deferred device with a leftover container is removed (6.1)", {"R27"});
        s.iommus = {iommu("smmu0")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.before = {bind("dev0")};
        s.tasks = {task("hotplug", 0, {{ActionKind::remove, "dev0"}})};
    }

    // 3.6: order effects without a crash.
    {
        Scenario& s = add("r18", "Two functions that share a group bind in either order", {"R18"});
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}}), client("dev1", {{"smmu0", {2}}})};
        s.devices[1].shares_group_of = "dev0";
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("udevd", 1, {bind("dev1")})};
    }
    {
        Scenario& s = add("r19", "Two members of a group want different default domains", {"R19"});
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}}), client("dev1", {{"smmu0", {2}}})};
        s.devices[1].shares_group_of = "dev0";
        s.devices[0].shares_group_of = "dev1";
        s.devices[1].wanted_domain = "identity";
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("udevd", 1, {bind("dev1")})};
    }

    // 6.6: 6.15. R25: cover-letter at linux-6.1.
    {
        Scenario& s = add("r21", "Two walks parse the same device's firmware", {"R21"});
        s.iommus = {iommu("smmu0"), iommu("smmu1")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("insmod", 0, {reg("smmu0")}), task("kworker/u4:0", 1, {reg("smmu1")})};
    }
    {
        Scenario& s = add("r22", "A client is bound while the walk of its SMMU's registration runs", {"R22"});
        s.iommus = {iommu("smmu0")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu0")})};
    }
    {
        Scenario& s = add("r23", "The same with a device behind two IOMMUs", {"R23"});
        s.iommus = {present(iommu("smmu0")), iommu("smmu1")};
        s.devices = {client("dev0", {{"smmu0", {1}}, {"smmu1", {2}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu1")})};
    }

    // probe-reports.md, X6: r22 on the bus that no release has repaired.
    {
        Scenario& s = add("x6-amba", "An AMBA client is bound while the walk of its SMMU's registration runs", {"X6"});
        s.iommus = {iommu("smmu0")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.devices[0].bus = "amba";
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu0")})};
    }

    // 5.1, x86: units that firmware tables name, no fwspec.
    for (const char* driver : {"intel-iommu", "amd-iommu"}) {
        Scenario& s = add(driver == std::string("intel-iommu") ? "vt-d" : "amd-vi",
                          "A device is added while the unit that covers it registers without a firmware node", {"5.1"});
        s.firmware = Firmware::acpi;
        s.iommus = {iommu("unit0", driver)};
        s.devices = {client("dev0", {{"unit0", {}}})};
        s.devices[0].added = false;
        s.tasks = {task("hotplug", 0, {{ActionKind::add, "dev0"}}), task("init", 1, {reg("unit0")})};
    }

    // 4.4: defects of the series, where no race above shows them.
    {
        Scenario& s = add("d-3", "A device without a bus is configured by its creator", {"D-3"});
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.devices[0].has_bus = false;
        s.tasks = {task("host1x", 0, {{ActionKind::dma_configure, "dev0"}})};
    }
    {
        Scenario& s = add("d-5", "One thread, one device with two ids", {"D-5a"});
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}, {"smmu0", {2}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")})};
    }
    {
        Scenario& s = add("d-5b", "One thread: a device with two ids comes and goes", {"D-5b"});
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}, {"smmu0", {2}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0"), {ActionKind::remove, "dev0"}})};
    }
    {
        Scenario& s = add("d-6", "The IOMMU registers between the parser's two look-ups", {"D-6"});
        s.iommus = {iommu("smmu0")};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("smmu0")})};
    }
    {
        Scenario& s = add("d-8a", "One thread: the client's driver defers itself once, and is tried again", {"D-8a"});
        s.iommus = {present(iommu("qcom0", "qcom-iommu"))};
        s.devices = {client("dev0", {{"qcom0", {1}}})};
        s.devices[0].defers = 1;
        s.tasks = {task("modprobe", 0, {bind("dev0"), bind("dev0")})};
    }
    {
        Scenario& s = add("d-8a-smmu", "One thread: an SMMU's client is bound again, then removed", {"D-8a"});
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("modprobe", 0,
                        {bind("dev0"), {ActionKind::unbind, "dev0"}, bind("dev0"), {ActionKind::remove, "dev0"}})};
    }
    {
        Scenario& s = add("d-8b", "An IOMMU driver's module is unloaded while a client is bound", {"D-8b"});
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("rmmod", 1, {{ActionKind::unload_driver, "smmu0"}})};
    }
    {
        Scenario& s = add("d-10a", "One thread: an ACPI device is configured", {"D-10a"});
        s.firmware = Firmware::acpi;
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")})};
    }
    {
        Scenario& s = add("d-10a-again", "One thread: an ACPI device is bound twice", {"D-10a"});
        s.firmware = Firmware::acpi;
        s.iommus = {present(iommu("smmu0"))};
        s.devices = {client("dev0", {{"smmu0", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0"), {ActionKind::unbind, "dev0"}, bind("dev0")})};
    }
    {
        Scenario& s =
            add("d-10c", "One thread: the IORT does not map the second alias; the VIOT goes on with the first one's",
                {"D-10c"});
        s.firmware = Firmware::acpi;
        s.iommus = {present(iommu("smmu0")), iommu("viommu0", "virtio-iommu")};
        s.devices = {client("dev0", {{"smmu0", {1}}, {"", {2}}, in_viot("viommu0", 3)})};
        s.tasks = {task("modprobe", 0, {bind("dev0")})};
    }
    {
        Scenario& s =
            add("d-11-mtk", "A walk between two entries: the driver checks the fwspec, and its data is gone", {"D-11"});
        s.iommus = {present(iommu("m4u0", "mtk-iommu")), iommu("m4u1", "mtk-iommu")};
        s.devices = {client("dev0", {{"m4u0", {1}}, {"m4u0", {2}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("m4u1")})};
    }
    {
        Scenario& s =
            add("d-11-dart", "A walk between two entries: the driver checks only its data, and takes half", {"D-11"});
        s.iommus = {present(iommu("dart0", "apple-dart")), present(iommu("dart1", "apple-dart")),
                    iommu("dart2", "apple-dart")};
        s.devices = {client("dev0", {{"dart0", {1}}, {"dart1", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0")}), task("insmod", 1, {reg("dart2")})};
    }
    {
        Scenario& s = add("d-11b", "One thread: a parse that fails after a good entry, then the second IOMMU's walk",
                          {"D-11b", "D-13"});
        s.iommus = {present(iommu("dart0", "apple-dart")), iommu("dart1", "apple-dart")};
        s.devices = {client("dev0", {{"dart0", {1}}, {"dart1", {1}}})};
        s.tasks = {task("modprobe", 0, {bind("dev0"), reg("dart1")})};
    }
    return all;
}

}  // namespace xlate::explore
