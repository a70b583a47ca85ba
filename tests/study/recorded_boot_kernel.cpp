#include "tests/study/recorded_boot.hpp"

#include <algorithm>
#include <set>

namespace xlate::study::tests {

void RecordedBoot::events(const kernel::Kernel& kernel) {
    if (!has_modules()) return;
    const std::set<std::string> others = foreign();
    const kt::Sequences expected = kt::sequences_of(kt::events_only(truth_));
    const kt::Sequences found = kt::sequences_of(kernel.events);
    for (const auto& [device, lines] : expected) {
        if (others.count(device) != 0) continue;
        const auto ours = found.find(device);
        std::vector<std::string> own = kt::timeless(ours == found.end() ? std::vector<std::string>{} : ours->second);
        // A trace that lost the attempt of a device which was bound in the end.
        const auto is_attempt = [](const std::string& line) { return line.rfind("driver_probe", 0) == 0; };
        if (std::none_of(lines.begin(), lines.end(), is_attempt) && is_bound(device))
            own.erase(std::remove_if(own.begin(), own.end(), is_attempt), own.end());
        if (waited_at_end(device) && own.size() > lines.size()) own.resize(lines.size());
        const std::string have = joined(own);
        const std::string want = joined(kt::timeless(lines));
        if (have != want) say("events of " + device, have + "\n    instead of " + want);
    }
}

void RecordedBoot::groups(const kernel::LinuxBoot& boot) {
    const std::set<std::string> others = foreign();
    std::map<std::string, std::string> found, drivers, ids;
    for (const kernel::GroupResult& group : boot.groups()) {
        for (const std::string& device : group.devices)
            found[device] = fmt::format("{} {}", group.id, kernel::name(group.type));
    }
    for (const kernel::DeviceResult& device : boot.devices()) {
        drivers[device.name] = device.driver;
        for (const std::uint32_t id : device.ids) ids[device.name] += fmt::format("{:#x} ", id);
    }
    std::set<std::string> grouped;
    for (const Json& group : truth_["groups"]) {
        for (const Json& device : group["devices"]) {
            const std::string name = device;
            grouped.insert(name);
            if (others.count(name) != 0) continue;
            // sysfs says unknown where there is no default domain.
            const std::string type = group["type"] == "unknown" ? "none" : group["type"].get<std::string>();
            const std::string want = fmt::format("{} {}", group["id"].get<unsigned>(), type);
            if (found[name] != want) say("group of " + name, found[name] + " instead of " + want);
        }
    }
    for (const auto& [device, group] : found) {
        if (grouped.count(device) == 0 && others.count(device) == 0 && !group.empty())
            say("group of " + device, group + " instead of none");
    }
    for (const Json& device : truth_["devices"]) {
        const std::string name = device["name"];
        if (device["bus"] == "virtio" || others.count(name) != 0) continue;
        const std::string want = device["driver"].is_null() ? "" : device["driver"].get<std::string>();
        const bool later = want.empty() && (attempt_succeeded(name) || waited_at_end(name));
        if (has_modules() && !later && drivers[name] != want)
            say("driver of " + name, "'" + drivers[name] + "' instead of '" + want + "'");
        if (device["stream_ids"].is_null() || device["group"].is_null()) continue;
        std::string recorded;
        for (const Json& id : device["stream_ids"]) recorded += fmt::format("{:#x} ", kt::hex_of(id));
        if (ids[name] != recorded) say("ids of " + name, ids[name] + " instead of " + recorded);
    }
}

void RecordedBoot::mappings(const kernel::LinuxBoot& boot, const kernel::VirtioRng& rng) {
    if (!has_trace()) return;
    std::set<std::string> translated;
    for (const kernel::DeviceResult& device : boot.devices()) {
        if (device.group && device.domain != kernel::DomainType::identity) translated.insert(device.name);
    }
    std::vector<kernel::ClientMapping> ours;
    for (const kernel::ClientMapping& one : rng.mappings()) {
        if (translated.count(one.device) != 0) ours.push_back(one);
    }
    const std::string have = joined(kt::pages_of(ours)), want = joined(kt::pages_of(truth_["dma_trace"]));
    if (have != want) say("mappings", have + "\n    instead of " + want);
}

}  // namespace xlate::study::tests
