#include "tests/kernel-model/corpus_boot.hpp"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <optional>
#include <set>

namespace xlate::kernel::tests {

Json load_truth(const std::string& name, const char* folder) {
    std::ifstream file(*xlate::tests::corpus() / folder / name / "truth.json");
    return Json::parse(file);
}

PciKind kind_of(const std::string& id, const std::string& code) {
    if (id == "1b36:000c" || id == "8086:3420") return PciKind::root_port;
    if (id == "104c:8232") return PciKind::upstream_port;
    if (id == "104c:8233") return PciKind::downstream_port;
    if (id == "1b36:0001" || id == "8086:244e") return PciKind::pci_bridge;
    if (id == "1b36:000e") return PciKind::pcie_to_pci_bridge;
    if (code.rfind("0x0600", 0) == 0) return PciKind::host_bridge;
    // Of QEMU's functions of Intel two are PCIe: e1000e and igb.
    if (id.rfind("8086:", 0) == 0 && id != "8086:10d3" && id != "8086:10c9") return PciKind::conventional;
    return PciKind::endpoint;
}

std::vector<PciRoot> topology_of(const Json& truth) {
    struct Row {
        std::string name, sysfs;
        PciFunction function;
    };
    std::vector<Row> rows;
    for (const Json& device : truth["devices"]) {
        if (device["bus"] != "pci") continue;
        Row row{device["name"], device["sysfs"], {}};
        const std::string id = device["id"];
        const std::string code = device["class"];
        row.function.device = static_cast<unsigned>(std::stoul(row.name.substr(8, 2), nullptr, 16));
        row.function.function = static_cast<unsigned>(std::stoul(row.name.substr(11), nullptr, 16));
        row.function.vendor = static_cast<std::uint16_t>(std::stoul(id.substr(0, 4), nullptr, 16));
        row.function.product = static_cast<std::uint16_t>(std::stoul(id.substr(5), nullptr, 16));
        row.function.class_code = static_cast<std::uint32_t>(std::stoul(code, nullptr, 16));
        row.function.kind = kind_of(id, code);
        rows.push_back(row);
    }
    // Deepest first, so that a function is complete when it is hung below its bridge.
    std::stable_sort(rows.begin(), rows.end(),
                     [](const Row& a, const Row& b) { return a.sysfs.size() > b.sysfs.size(); });
    std::map<std::string, std::size_t> at;
    for (std::size_t i = 0; i < rows.size(); ++i) at[rows[i].sysfs] = i;
    std::map<std::string, PciRoot> roots;
    for (Row& row : rows) {
        const std::string parent = row.sysfs.substr(0, row.sysfs.rfind('/'));
        const auto bridge = at.find(parent);
        if (bridge != at.end()) {
            rows[bridge->second].function.below.push_back(row.function);
            continue;
        }
        // A device tree's host bridge is a platform device above the root bus; ACPI's has only the bus.
        std::string host = parent.substr(0, parent.rfind('/'));
        if (host == "/sys/devices") host = parent;
        PciRoot& root = roots[host];
        root.host = host.substr(host.rfind('/') + 1);
        root.functions.push_back(row.function);
    }
    std::vector<PciRoot> result;
    for (auto& [host, root] : roots) result.push_back(std::move(root));
    return result;
}

std::string variant_of(const Json& truth) {
    const std::string release = truth["kernel"]["release"];
    const auto number = [](const std::string& text) {
        const std::size_t dot = text.find('.');
        return 100 * std::stoul(text.substr(0, dot)) + std::stoul(text.substr(dot + 1));
    };
    std::string nearest;
    for (const Variant& variant : variants()) {
        if (variant.name.rfind("linux-", 0) != 0 || std::count(variant.name.begin(), variant.name.end(), '.') != 1)
            continue;
        const std::string version = variant.name.substr(6);
        if (number(version) > number(release)) continue;
        if (nearest.empty() || number(version) > number(nearest)) nearest = version;
    }
    return "linux-" + nearest;
}

BootConfig config_of(const Json& truth) {
    BootConfig config;
    config.pci = topology_of(truth);
    const std::string line = " " + truth["cmdline_extra"].get<std::string>() + " ";
    const auto value = [&](const std::string& key) -> std::optional<unsigned> {
        const auto found = line.find(" " + key + "=");
        if (found == std::string::npos) return std::nullopt;
        return static_cast<unsigned>(std::stoul(line.substr(found + key.size() + 2)));
    };
    config.parameters.iommu_passthrough = value("iommu.passthrough").value_or(0) != 0;
    if (const auto strict = value("iommu.strict")) config.parameters.iommu_strict = *strict != 0;
    config.parameters.deferred_probe_timeout_s = value("deferred_probe_timeout");
    config.parameters.arm_smmu_disable_bypass = value("arm-smmu.disable_bypass").value_or(1) != 0;
    config.parameters.arm_smmu_force_stage = value("arm-smmu.force_stage").value_or(0);
    const std::string release = truth["kernel"]["release"];
    if (release.find("-16k") != std::string::npos) config.page_bytes = 16384;
    if (release.find("-64k") != std::string::npos) config.page_bytes = 65536;
    if (release.find("armmp") != std::string::npos) {
        config.arch = Arch::arm;
        config.parameters.arm_lpae = release.find("lpae") != std::string::npos;
    }
    return config;
}

firmware::Description firmware_of(const std::string& name, const Json& truth, const char* in) {
    const std::filesystem::path folder = *xlate::tests::corpus() / in / name;
    if (truth["firmware"] == "dt")
        return firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb");
    std::vector<firmware::acpi::NamedBytes> tables;
    for (const char* const table : {"IORT", "MCFG"})
        tables.emplace_back(table, firmware::read_file((folder / "acpi" / (std::string(table) + ".dat")).string()));
    firmware::Description description = firmware::acpi::read_acpi(tables);
    description.memory = {{0x40000000, 0x40000000}};  // of QEMU's virt machine
    // Which roots a segment has does not stand in these tables: "pci0000:40".
    for (const PciRoot& root : topology_of(truth)) {
        const auto number = [&](std::size_t at, std::size_t digits) {
            return static_cast<unsigned>(std::stoul(root.host.substr(at, digits), nullptr, 16));
        };
        firmware::acpi::ensure_pci_root(description, number(3, 4), number(8, 2));
    }
    return description;
}

CorpusBoot::CorpusBoot(const std::string& name, const char* folder)
    : truth(load_truth(name, folder)),
      description(firmware_of(name, truth, folder)),
      world(variant_of(truth)),
      system(world.k, description, config_of(truth)),
      boot(world.k, description, system.boot_config()) {
    world.machine.engines.add(description, [](const firmware::Node&) { return true; });
    boot.start();
    world.run();
}

Groups groups_of(const Json& truth) {
    Groups all;
    for (const Json& group : truth["groups"]) {
        auto& [type, devices] = all[group["id"]];
        type = group["type"];
        for (const Json& device : group["devices"]) devices.insert(device.get<std::string>());
    }
    return all;
}

Groups groups_of(const LinuxBoot& boot) {
    Groups all;
    for (const GroupResult& group : boot.groups()) {
        auto& [type, devices] = all[group.id];
        type = kernel::name(group.type);
        devices.insert(group.devices.begin(), group.devices.end());
    }
    return all;
}

std::string line_of(const std::string& event, const std::string& driver, const std::string& ret, const std::string& by,
                    const std::string& caller, const std::string& ids, const std::string& group) {
    std::string thread = by.substr(0, by.find('/'));
    if (thread == "init") thread = "swapper";
    std::string text = event;
    for (const std::string& part : {driver, ret, thread, caller, ids, group})
        if (!part.empty()) text += " " + part;
    return text;
}

Sequences collapse(const Sequences& all) {
    Sequences result;
    for (const auto& [device, lines] : all) {
        std::vector<std::string>& out = result[device];
        std::vector<std::string> attempt;
        std::string last_deferred;
        const auto flush = [&] {
            if (attempt.empty()) return;
            // -517: its IOMMU's doing; 517: the driver's own.
            if (attempt.front().find("517") != std::string::npos) {
                std::string key;
                for (const std::string& line : attempt) key += line.substr(0, line.find("517")) + ";";
                if (key == last_deferred) return attempt.clear();
                last_deferred = key;
            } else {
                last_deferred.clear();
            }
            out.insert(out.end(), attempt.begin(), attempt.end());
            attempt.clear();
        };
        for (const std::string& line : lines) {
            if (line.rfind("driver_probe", 0) == 0) flush();
            attempt.push_back(line);
        }
        flush();
    }
    return result;
}

Sequences sequences_of(const Json& truth) {
    Sequences result;
    const auto text = [](const Json& event, const char* key) {
        return event.contains(key) ? event[key].get<std::string>() : std::string{};
    };
    for (const Json& event : truth["timeline"]) {
        // The kinds that our log has (core/events.hpp); newer boots were traced at more places.
        static const std::set<std::string> kKinds{"driver_probe",   "iommu_probe_device",  "fwspec_init",
                                                  "fwspec_add_ids", "add_device_to_group", "attach_device_to_domain"};
        if (kKinds.count(event["event"]) == 0) continue;
        std::string ids;
        if (event.contains("ids"))
            for (const Json& id : event["ids"]) ids += id.get<std::string>() + ",";
        result[event["device"]].push_back(
            line_of(event["event"], text(event, "driver"),
                    event.contains("ret") ? std::to_string(event["ret"].get<int>()) : std::string{}, text(event, "by"),
                    text(event, "caller"), ids,
                    event.contains("group") ? "group" + std::to_string(event["group"].get<int>()) : std::string{}));
    }
    return collapse(result);
}

Sequences sequences_of(const EventLog& log) {
    Sequences result;
    for (const Event& event : log.events()) {
        std::string ids;
        for (const std::uint32_t id : event.ids) ids += fmt::format("{:#x},", id);
        result[event.device].push_back(
            line_of(std::string(name(event.kind)), event.driver, event.ret ? std::to_string(*event.ret) : std::string{},
                    event.by, event.caller, ids, event.group ? "group" + std::to_string(*event.group) : std::string{}));
    }
    return collapse(result);
}

}  // namespace xlate::kernel::tests
