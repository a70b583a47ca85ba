#include "explore/scenario/scenario.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "explore/scenario/scenario_world.hpp"
#include "kernel-model/arch/arch.hpp"
#include "kernel-model/drivers/model/model_driver.hpp"
#include "kernel-model/drivers/standalone_drivers.hpp"

namespace xlate::explore {

namespace {

class Findings {
public:
    void add(std::string path, std::string what, const std::string& wrong = {},
             const std::vector<std::string>& valid = {}) {
        Diagnostic finding;
        finding.path = std::move(path);
        finding.what = std::move(what);
        if (const auto nearest = nearest_name(wrong, valid)) finding.nearest = *nearest;
        all_.push_back(std::move(finding));
    }
    void raise() {
        if (!all_.empty()) throw InputError(std::move(all_), ExitStatus::usage);
    }

private:
    std::vector<Diagnostic> all_;
};

constexpr std::string_view kReal = "+real";

/// A name; behind a '+' its form, behind a '~' parts that were taken out (reduce.hpp).
bool is_name(std::string text) {
    text = text.substr(0, text.find('~'));
    if (text.size() > kReal.size() && text.compare(text.size() - kReal.size(), kReal.size(), kReal) == 0)
        text.resize(text.size() - kReal.size());
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    });
}

bool can_be_real(const IommuSpec& iommu) {
    return !iommu.registration_fails && iommu.driver_built && kernel::find_standalone_driver(iommu.driver) != nullptr;
}

/// Buses that no scenario names: of functions that share a group, in the real form.
constexpr const char* kPci = "pci";

bool names_iommu(ActionKind kind) {
    return kind == ActionKind::register_iommu || kind == ActionKind::unregister_iommu ||
           kind == ActionKind::load_driver || kind == ActionKind::unload_driver;
}

}  // namespace

const std::vector<std::string>& bus_names() {
    static const std::vector<std::string> names{"platform", "amba", "vmbus", "fsl-mc", "cdx", "host1x"};
    return names;
}

bool has_real_form(const Scenario& scenario) {
    return std::any_of(scenario.iommus.begin(), scenario.iommus.end(), can_be_real);
}

Scenario with_real_drivers(Scenario scenario) {
    Findings findings;
    if (!has_real_form(scenario)) {
        findings.add("scenario.iommus", "'" + printable(scenario.name) + "' has no IOMMU with a real driver");
        findings.raise();
    }
    for (IommuSpec& iommu : scenario.iommus) iommu.real = can_be_real(iommu);
    for (DeviceSpec& device : scenario.devices) {
        if (device.shares_group_of.empty()) continue;
        for (DeviceSpec& one : scenario.devices) {
            if (&one == &device || one.name == device.shares_group_of) one.bus = kPci;
        }
    }
    scenario.name += kReal;
    return scenario;
}

void validate(const Scenario& scenario) {
    Findings findings;
    if (!scenario.arch.empty() && kernel::find_arch(scenario.arch) == nullptr) {
        findings.add("scenario.arch", "'" + printable(scenario.arch) + "' is no architecture", scenario.arch,
                     kernel::arch_names());
    }
    if (!is_name(scenario.name)) {
        findings.add("scenario.name", "'" + printable(scenario.name) + "' is no name: letters, digits and '-' only");
    }
    std::vector<std::string> iommus;
    std::vector<std::string> devices;
    std::vector<std::string> drivers;
    for (const auto& row : kernel::model_drivers()) drivers.emplace_back(row.name);
    for (const IommuSpec& iommu : scenario.iommus) {
        const std::string path = "scenario.iommus." + printable(iommu.name);
        if (iommu.name.empty()) findings.add("scenario.iommus", "an IOMMU needs a name");
        if (std::count(iommus.begin(), iommus.end(), iommu.name) != 0) findings.add(path, "the name is taken");
        if (kernel::find_model_driver(iommu.driver) == nullptr) {
            findings.add(path + ".driver", "'" + printable(iommu.driver) + "' is no IOMMU driver", iommu.driver,
                         drivers);
        }
        if (iommu.real && kernel::find_standalone_driver(iommu.driver) == nullptr) {
            std::vector<std::string> real;
            for (const kernel::StandaloneFamily& family : kernel::standalone_drivers())
                real.emplace_back(family.driver);
            findings.add(path + ".driver.real", "there is no real driver '" + printable(iommu.driver) + "'",
                         iommu.driver, real);
        }
        if (iommu.real && (iommu.registration_fails || !iommu.driver_built)) {
            findings.add(path, "a real driver is built, and its registration does not fail by itself");
        }
        for (const IommuSpec& other : scenario.iommus) {
            if (other.driver == iommu.driver && other.real != iommu.real && &other < &iommu)
                findings.add(path + ".driver", "all IOMMUs of one driver have its row, or the real one");
        }
        const auto& statuses = kernel::virtio_statuses();
        if (std::count(statuses.begin(), statuses.end(), iommu.hardware.refusal) == 0) {
            findings.add(path + ".hardware.refusal",
                         "'" + printable(iommu.hardware.refusal) + "' is no status of a virtio-iommu request",
                         iommu.hardware.refusal, statuses);
        }
        if (iommu.hardware.entries > 4096) {
            findings.add(path + ".hardware.entries", "more than 4096 entries: no such hardware");
        }
        iommus.push_back(iommu.name);
    }
    for (const DeviceSpec& device : scenario.devices) devices.push_back(device.name);
    for (std::size_t i = 0; i < scenario.devices.size(); ++i) {
        const DeviceSpec& device = scenario.devices[i];
        const std::string path = "scenario.devices." + printable(device.name);
        if (device.name.empty()) findings.add("scenario.devices", "a device needs a name");
        if (std::count(devices.begin(), devices.begin() + static_cast<std::ptrdiff_t>(i), device.name) != 0 ||
            std::count(iommus.begin(), iommus.end(), device.name) != 0) {
            findings.add(path, "the name is taken");
        }
        if (std::count_if(device.iommus.begin(), device.iommus.end(), [](const auto& entry) { return entry.viot; }) >
            1) {
            findings.add(path + ".iommus", "a device has at most one endpoint in the VIOT");
        }
        if (device.behind_controller() && (scenario.firmware != Firmware::device_tree || device.iommus.size() > 1 ||
                                           (!device.iommus.empty() && device.iommus.front().args.size() != 1))) {
            findings.add(path + ".iommus", "a device on this bus has one entry with one id, in a device tree");
        }
        for (const EntrySpec& entry : device.iommus) {
            if (entry.viot && scenario.firmware != Firmware::acpi) {
                findings.add(path + ".iommus", "a VIOT is ACPI's: the scenario's firmware is a device tree");
            }
            if (entry.iommu.empty() && scenario.firmware == Firmware::acpi) continue;
            if (std::count(iommus.begin(), iommus.end(), entry.iommu) == 0) {
                findings.add(path + ".iommus", "'" + printable(entry.iommu) + "' is no IOMMU of this scenario",
                             entry.iommu, iommus);
            }
        }
        if (!device.shares_group_of.empty() &&
            std::count(devices.begin(), devices.end(), device.shares_group_of) == 0) {
            findings.add(path + ".shares_group_of",
                         "'" + printable(device.shares_group_of) + "' is no device of this scenario",
                         device.shares_group_of, devices);
        }
        if (!device.wanted_domain.empty() && device.wanted_domain != "identity" && device.wanted_domain != "DMA") {
            findings.add(path + ".wanted_domain", "'" + printable(device.wanted_domain) + "' is no default domain",
                         device.wanted_domain, {"identity", "DMA"});
        }
        if (std::count(bus_names().begin(), bus_names().end(), device.bus) == 0 && device.bus != kPci) {
            findings.add(path + ".bus", "'" + printable(device.bus) + "' is no bus", device.bus, bus_names());
        }
        if (device.bound && !device.added) findings.add(path + ".bound", "a device that is not added cannot be bound");
    }
    const auto check_action = [&](const std::string& path, const Action& action) {
        const auto& valid = names_iommu(action.kind) ? iommus : devices;
        if (std::count(valid.begin(), valid.end(), action.target) == 0) {
            findings.add(path,
                         "'" + printable(action.target) + "' is no " + (names_iommu(action.kind) ? "IOMMU" : "device") +
                             " of this scenario",
                         action.target, valid);
        }
    };
    for (const Action& action : scenario.before) check_action("scenario.before", action);
    if (scenario.tasks.empty()) findings.add("scenario.tasks", "a scenario needs at least one task");
    if (scenario.tasks.size() > 16) findings.add("scenario.tasks", "a scenario has at most 16 tasks");
    for (std::size_t i = 0; i < scenario.tasks.size(); ++i) {
        const std::string path = "scenario.tasks[" + std::to_string(i) + "]";
        if (scenario.tasks[i].actions.empty()) findings.add(path, "a task needs at least one action");
        for (const Action& action : scenario.tasks[i].actions) check_action(path, action);
    }
    findings.raise();
}

std::unique_ptr<Program> make_program(const Scenario& scenario, const std::string& variant) {
    validate(scenario);
    return std::make_unique<ScenarioProgram>(scenario, kernel::find_variant(variant));
}

}  // namespace xlate::explore
