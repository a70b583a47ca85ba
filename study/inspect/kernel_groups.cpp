#include "study/inspect/kernel_groups.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "firmware/acpi/describe.hpp"
#include "firmware/description.hpp"
#include "firmware/device_name.hpp"
#include "study/diff_kernels/diff_kernels.hpp"
#include "study/init/starter_text.hpp"
#include "study/run/assume_kernel.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

Config config_of(const std::vector<std::string>& files) {
    const std::string extension = std::filesystem::path(files.front()).extension().string();
    if (files.size() == 1 && (extension == ".yaml" || extension == ".yml")) return load_config(files.front());
    std::vector<std::string> quoted;
    bool tables = false;
    for (const std::string& file : files) {
        quoted.push_back(in_quotes(std::filesystem::absolute(file).string()));
        tables = tables || firmware::acpi::looks_like_table(firmware::read_file(file));
    }
    const std::string name = std::filesystem::path(files.front()).stem().string();
    std::string text = fmt::format("name: {}\n", in_quotes(name.empty() ? "board" : name));
    if (tables) {
        text += fmt::format("firmware: {{ acpi: [ {} ] }}\n", fmt::join(quoted, ", "));
    } else {
        text += fmt::format("firmware: {{ devicetree: {}, overlays: [ {} ] }}\n", quoted.front(),
                            fmt::join(quoted.begin() + 1, quoted.end(), ", "));
    }
    return parse_config(text, files.front());
}

std::vector<std::string> masters_of(const firmware::Description& description) {
    std::vector<std::string> all;
    for (std::uint32_t i = 0; i < description.nodes.size(); ++i) {
        const firmware::NodeIndex at{i};
        const firmware::Node& node = description.node(at);
        if (!node.reachable || !node.has_iommus || node.compatible.empty()) continue;
        if (description.effective_iommus(at).translated) all.push_back(firmware::linux_device_name(description, at));
    }
    return all;
}

bool is_in(const std::vector<std::string>& all, const std::string& name) {
    return std::find(all.begin(), all.end(), name) != all.end();
}

/// Devices by group, in the groups' order.
std::map<unsigned, std::vector<const BootedDevice*>> by_group(const BootFacts& facts) {
    std::map<unsigned, std::vector<const BootedDevice*>> all;
    for (const BootedDevice& device : facts.devices) {
        if (device.group) all[*device.group].push_back(&device);
    }
    return all;
}

/// Devices without a group that firmware wants in one, functions of PCI among them, or of whose probe something is to
/// be said.
std::vector<const BootedDevice*> without_group(const KernelGroups& groups) {
    std::vector<const BootedDevice*> all;
    for (const BootedDevice& device : groups.facts.devices) {
        if (!device.group && (is_in(groups.masters, device.name) || !device.errors.empty() || !device.ids.empty() ||
                              device.state == "failed" || groups.facts.untranslated.count(device.name) != 0))
            all.push_back(&device);
    }
    return all;
}

/// Masters that Linux made no device of: names, or paths of nodes, and why.
std::vector<std::pair<std::string, std::string>> without_device(const KernelGroups& groups) {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& [name, why] : groups.facts.untranslated) {
        if (groups.facts.find(name) == nullptr) all.emplace_back(name, why);
    }
    return all;
}

std::string reason_of(const KernelGroups& groups, const BootedDevice& device) {
    const auto found = groups.facts.untranslated.find(device.name);
    return found == groups.facts.untranslated.end() ? "" : found->second;
}

std::string ids_of(const BootedDevice& device) {
    std::string ids;
    for (const std::uint32_t id : device.ids) ids += (ids.empty() ? " " : ",") + firmware::id_text(device.id_cells, id);
    return ids;
}

std::string state_of(const BootedDevice& device) {
    std::string text = device.driver.empty() ? device.state : fmt::format("{} to {}", device.state, device.driver);
    if (!device.why.empty()) text += fmt::format(" ({})", device.why);
    for (const ProbeError& error : device.errors) text += fmt::format(", {} from {}", error.ret, error.caller);
    return text;
}

}  // namespace

KernelGroups kernel_groups(const std::vector<std::string>& files, const std::string& variant) {
    KernelGroups groups;
    const kernel::Variant kernel = variant_for_diff(variant, groups.notes);
    Config config = config_of(files);
    const BootBoard board = board_for_boots(config);
    groups.variant = kernel.name;
    groups.notes.insert(groups.notes.end(), board.notes.begin(), board.notes.end());
    for (std::string& one : drivers_not_yet(kernel, board.description)) groups.notes.push_back(std::move(one));
    groups.masters = masters_of(board.description);
    groups.facts = boot_untimed(board, kernel);
    return groups;
}

std::string kernel_groups_text(const KernelGroups& groups) {
    std::string out = fmt::format("\nGroups to expect of {}, booted without time\n", printable(groups.variant));
    const auto all = by_group(groups.facts);
    for (const auto& [id, devices] : all) {
        std::string members;
        for (const BootedDevice* device : devices) members += " " + printable(device->name) + ids_of(*device);
        out += fmt::format("  {:>3} {:<8}{}\n", id, kernel::name(groups.facts.group_types.at(id)), members);
    }
    if (all.empty()) out += "  none: nothing is translated\n";
    for (const BootedDevice* device : without_group(groups)) {
        const std::string reason = device->why.empty() ? reason_of(groups, *device) : "";
        out += fmt::format("  no group: {}: {}{}\n", printable(device->name), printable(state_of(*device)),
                           reason.empty() ? "" : ": " + printable(reason));
    }
    for (const auto& [name, why] : without_device(groups))
        out += fmt::format("  no group: {}: {}\n", printable(name), printable(why));
    for (const std::string& report : groups.facts.reports) out += fmt::format("  {}\n", printable(report));
    for (const std::string& note : groups.notes) out += fmt::format("  note: {}\n", printable(note));
    return out;
}

nlohmann::ordered_json kernel_groups_json(const KernelGroups& groups) {
    Json list = Json::array();
    for (const auto& [id, devices] : by_group(groups.facts)) {
        Json members = Json::array();
        for (const BootedDevice* device : devices)
            members.push_back({{"name", printable(device->name)}, {"ids", device->ids}});
        list.push_back(
            {{"id", id}, {"type", kernel::name(groups.facts.group_types.at(id))}, {"devices", std::move(members)}});
    }
    Json without = Json::array();
    for (const BootedDevice* device : without_group(groups)) {
        Json errors = Json::array();
        for (const ProbeError& error : device->errors) errors.push_back({{"ret", error.ret}, {"caller", error.caller}});
        without.push_back({{"name", printable(device->name)},
                           {"state", device->state},
                           {"driver", device->driver},
                           {"why", printable(device->why.empty() ? reason_of(groups, *device) : device->why)},
                           {"errors", std::move(errors)}});
    }
    for (const auto& [name, why] : without_device(groups)) {
        without.push_back({{"name", printable(name)},
                           {"state", "absent"},
                           {"driver", ""},
                           {"why", printable(why)},
                           {"errors", Json::array()}});
    }
    Json notes = Json::array();
    for (const std::string& note : groups.notes) notes.push_back(printable(note));
    for (const std::string& report : groups.facts.reports) notes.push_back(printable(report));
    return {{"variant", printable(groups.variant)},
            {"groups", std::move(list)},
            {"without", std::move(without)},
            {"notes", std::move(notes)}};
}

}  // namespace xlate::study
