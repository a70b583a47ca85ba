#include "study/inspect/why.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "firmware/acpi/tables.hpp"
#include "firmware/acpi/x86_units.hpp"
#include "firmware/device_name.hpp"
#include "firmware/id_path.hpp"
#include "firmware/pci_functions.hpp"
#include "firmware/pci_hosts.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "study/inspect/inspect_groups.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::IdPath;
using firmware::NodeIndex;

struct Found {
    std::string name;
    IdPath path;
    std::optional<NodeIndex> node;  ///< of a platform device
    bool no_driver = false;         ///< a function that the config keeps without one
    std::string function{};         ///< Linux's name of a PCI function that was named by its node
};

[[noreturn]] void no_device(const Description& description, const std::vector<PciSeat>& seats,
                            const std::string& device) {
    std::vector<std::string> names;
    for (const PciSeat& seat : seats) names.push_back(seat.name);
    for (std::size_t i = 1; i < description.nodes.size(); ++i) {
        const auto at = static_cast<NodeIndex>(i);
        if (!description.nodes[i].has_iommus && description.nodes[i].regs.empty()) continue;
        names.push_back(firmware::linux_device_name(description, at));
        names.push_back(description.nodes[i].path);
    }
    std::string nearest = nearest_name(device, names).value_or("");
    const Parsed<PciAddress> address = parse_pci_address(device);
    const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(description);
    if (address && address.value().has_bus && !hosts.empty()) {
        const PciAddress& at = address.value();
        nearest = firmware::pci_name(hosts.front().domain, at.bus << 8 | at.device << 3 | at.function);
    }
    throw InputError(Diagnostic{{description.source, {}, {}, {}},
                                "--why",
                                fmt::format("there is no device '{}'", printable(device)),
                                "a node's path, Linux's name of a device, or a PCI function such as '0000:00:01.0'",
                                std::move(nearest)},
                     ExitStatus::usage);
}

/// A node on a PCI bus: what its host bridge's map says of the function that takes the node for its own.
Found function_of_node(const Description& description, NodeIndex at) {
    const firmware::Node& node = description.node(at);
    Found found{node.path, {}, {}};
    const NodeIndex host = firmware::host_of_pci_function(description, at);
    const std::optional<std::uint32_t> id = firmware::requester_of_pci_function(description, at);
    const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(description);
    const auto bridge =
        std::find_if(hosts.begin(), hosts.end(), [&](const firmware::PciHost& one) { return one.node == host; });
    if (node.reachable && id && bridge != hosts.end()) {
        found.function = firmware::pci_name(bridge->domain, *id);
        found.path = id_path_of_function(description, host, std::vector{*id});
    } else {
        found.path.end = node.reachable ? firmware::PathEnd::no_device : firmware::PathEnd::not_there;
        found.path.why = !node.reachable ? fmt::format("{} or what it is below is switched off", node.path)
                         : !id           ? "firmware does not say which bus it is on: ask for the function's name"
                                         : fmt::format("{} is no host bridge of Linux", description.node(host).path);
        found.path.steps.push_back(found.path.why);
    }
    std::vector<std::string> first{
        fmt::format("the node of a PCI function{}: Linux makes no platform device of it",
                    found.function.empty() ? "" : fmt::format(", {} by its address", found.function))};
    for (const char* const property : {"iommus", "iommu-map"}) {
        if (!node.has(property)) continue;
        first.push_back(
            fmt::format("its {} is read by no driver of Linux: the iommu-map of the host bridge {} alone "
                        "puts functions behind an IOMMU",
                        property, description.node(host).path));
    }
    found.path.steps.insert(found.path.steps.begin(), first.begin(), first.end());
    return found;
}

Found find(const Description& description, const std::vector<PciSeat>& seats, const std::string& device) {
    for (const PciSeat& seat : seats) {
        if (seat.name != device) continue;
        const auto host = seat.host.empty() ? std::nullopt : firmware::find_pci_host(description, seat.host);
        const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(description);
        if (!host && hosts.empty()) break;
        const NodeIndex at = host ? host->node : hosts.front().node;
        return {device, id_path_of_function(description, at, seat.linux_ids), {}, seat.function.driver == "none"};
    }
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const auto at = static_cast<NodeIndex>(i);
        if (description.nodes[i].path != device && firmware::linux_device_name(description, at) != device) continue;
        if (firmware::is_pci_function(description, at) && description.nodes[i].linux_name.empty())
            return function_of_node(description, at);
        return {description.nodes[i].path, id_path(description, at), at, false};
    }
    const Parsed<PciAddress> address = parse_pci_address(device);
    if (!address || !address.value().has_bus) no_device(description, seats, device);
    const PciAddress& at = address.value();
    for (const firmware::PciHost& host : firmware::pci_hosts(description)) {
        if (at.has_domain && host.domain != at.domain) continue;
        const std::uint32_t id = at.bus << 8 | at.device << 3 | at.function;
        return {firmware::pci_name(host.domain, id),
                id_path_of_function(description, host.node, std::vector{id}),
                {},
                false};
    }
    no_device(description, seats, device);
}

/// Who is with it, or who has its id, if devices bind in firmware order.
std::string group_of(const Description& description, NodeIndex node) {
    const ExpectedGroups expected = expected_groups(description);
    for (const Refusal& refusal : expected.refusals) {
        if (refusal.master == node) return "no group: " + refusal.why;
    }
    for (const ExpectedGroup& group : expected.groups) {
        if (std::find(group.members.begin(), group.members.end(), node) == group.members.end()) continue;
        std::string others;
        for (const NodeIndex member : group.members) {
            if (member != node) others += (others.empty() ? " with " : ", ") + description.node(member).path;
        }
        return others.empty() ? "a group of its own" : "a group" + others;
    }
    return {};
}

/// What the IOMMU's driver says to the device, by releases of Linux.
struct Answer {
    std::string refused;  ///< of every release that is modelled; empty: not so
    std::string remark;   ///< of some releases; empty: none
};

/// Why Linux uses no unit of the x86 table that `iommu` stands in; empty: it does.
std::string why_unused(const Description& description, NodeIndex iommu) {
    if (!description.tables) return {};
    const std::string_view family = firmware::iommu_kind(description.node(iommu)).family;
    if (family == "amd-vi" && description.tables->ivrs) return firmware::acpi::why_unused(*description.tables->ivrs);
    if (family == "vt-d" && description.tables->dmar) return firmware::acpi::why_unused(*description.tables->dmar);
    return {};
}

/// Of a function that no driver binds to. Drivers that find their units in a table take every function there is.
std::string without_driver(const Description& description, NodeIndex iommu) {
    const kernel::IommuDriver* const driver = kernel::iommu_driver_of(description.node(iommu));
    if (driver == nullptr || driver->home == kernel::DriverHome::initcall) return {};
    return "no driver binds to it (driver: none): Linux before 6.15 looks for a device's IOMMU when one does, so that "
           "there it has none";
}

Answer answer_of_driver(const Description& description, NodeIndex iommu, const std::string& device, bool pci) {
    const kernel::IommuDriver* const driver = kernel::iommu_driver_of(description.node(iommu));
    if (driver == nullptr)
        return {fmt::format("no driver of Linux that is modelled binds to {}", description.node(iommu).path), ""};
    if (std::string why = why_unused(description, iommu); !why.empty()) return {std::move(why), ""};
    constexpr unsigned kOldest = 601, kNewest = 999, kMinors = 100;
    if (driver->turns_away != nullptr) {
        const std::string before = driver->turns_away(description, device, pci, kOldest);
        const std::string now = driver->turns_away(description, device, pci, kNewest);
        if (!before.empty() && !now.empty()) return {now, ""};
        if (!before.empty()) return {"", "in older releases of Linux " + before};
        if (!now.empty()) return {"", "in newer releases of Linux " + now};
    }
    if (driver->first_release <= kOldest) return {};
    return {"", fmt::format("Linux has the driver {} from {}.{} on: before, the device runs untranslated", driver->name,
                            driver->first_release / kMinors, driver->first_release % kMinors)};
}

}  // namespace

std::string why_translated(const Description& description, const std::vector<PciSeat>& seats, const std::string& device,
                           bool json) {
    Found found = find(description, seats, device);
    IdPath& path = found.path;
    bool refused = false;
    std::string undriven;
    if (path.end == firmware::PathEnd::behind) {
        const std::string group =
            found.node ? group_of(description, *found.node) : "a group by topology, isolation (ACS) and probe order";
        if (!group.empty()) path.steps.push_back(group);
        refused = group.rfind("no group", 0) == 0;
        if (refused) path.why = group;
        const Answer answer = answer_of_driver(description, *path.provider,
                                               found.node ? firmware::linux_device_name(description, *found.node)
                                               : !found.function.empty() ? found.function
                                                                         : found.name,
                                               !found.node);
        if (!refused && !answer.refused.empty()) {
            refused = true;
            path.why = answer.refused;
            path.steps.back() = answer.refused;
        }
        if (!refused && !answer.remark.empty()) path.steps.push_back(answer.remark);
        if (!refused && found.no_driver) undriven = without_driver(description, *path.provider);
        if (!undriven.empty()) path.steps.push_back(undriven);
    }
    const std::string iommu = path.provider ? description.node(*path.provider).path : "";
    if (json) {
        nlohmann::ordered_json ids = nlohmann::ordered_json::array();
        for (const firmware::StreamMatch& id : path.ids) ids.push_back(id.id);
        nlohmann::ordered_json steps = nlohmann::ordered_json::array();
        for (const std::string& step : path.steps) steps.push_back(printable(step));
        const auto or_null = [](const std::string& text) {
            return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(printable(text));
        };
        const nlohmann::ordered_json all{{"schema", "xlate.why/1"},
                                         {"device", printable(found.name)},
                                         {"end", refused ? "refused" : std::string(name(path.end))},
                                         {"why", or_null(path.why)},
                                         {"iommu", or_null(iommu)},
                                         {"ids", ids},
                                         {"steps", steps}};
        return all.dump(1) + "\n";
    }
    std::string out = printable(found.name) + "\n";
    for (std::size_t i = 0; i < path.steps.size(); ++i)
        out += fmt::format("  {}. {}\n", i + 1, printable(path.steps[i]));
    const bool behind = path.end == firmware::PathEnd::behind && !refused;
    out += behind ? fmt::format(
                        "translated by {}{}, as far as firmware says; whether its driver takes the device in a "
                        "release of Linux, says a run\n",
                        printable(iommu), undriven.empty() ? "" : " from Linux 6.15 on")
                  : fmt::format("not translated: {}\n", printable(path.why));
    return out;
}

}  // namespace xlate::study
