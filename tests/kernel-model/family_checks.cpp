#include "tests/kernel-model/family_checks.hpp"

#include <algorithm>
#include <cstddef>
#include <set>

namespace xlate::kernel::tests {

std::uint64_t hex_of(const Json& text) { return std::stoull(text.get<std::string>(), nullptr, 0); }

std::set<std::string> foreign_to(const FamilyBoot& run, const std::string& driver) {
    std::set<std::string> foreign;
    for (const Json& iommu : run.truth["iommus"]) {
        if (iommu["driver"] == driver) continue;
        foreign.insert(iommu["device"].get<std::string>());
        for (const Json& member : iommu["members"]) foreign.insert(member.get<std::string>());
    }
    for (const Json& device : run.truth["devices"]) {
        if (device["driver"] == "simple-reset") foreign.insert(device["name"].get<std::string>());
    }
    for (const Json& device : run.truth["deferred_at_end"]) foreign.insert(device.get<std::string>());
    return foreign;
}

std::vector<std::string> timeless(std::vector<std::string> lines) {
    lines.erase(std::remove_if(lines.begin(), lines.end(),
                               [](const std::string& line) { return line.rfind("walk_probe_device 0 ", 0) == 0; }),
                lines.end());
    return lines;
}

void check_events(FamilyBoot& run, const std::string& driver) {
    const std::set<std::string> foreign = foreign_to(run, driver);
    const Sequences expected = sequences_of(events_only(run.truth));
    const Sequences found = sequences_of(run.k.events);
    for (const auto& [device, lines] : expected) {
        if (foreign.count(device) != 0 || device.find(':') != std::string::npos) continue;
        INFO(device);
        const auto ours = found.find(device);
        CHECK(timeless(ours == found.end() ? std::vector<std::string>{} : ours->second) == timeless(lines));
    }
}

void check_groups(FamilyBoot& run, const std::string& driver, const std::vector<std::string>& faithful) {
    const std::set<std::string> foreign = foreign_to(run, driver);
    std::map<std::string, std::set<std::string>> wanted, members;
    for (const Json& iommu : run.truth["iommus"]) {
        if (iommu["driver"] != driver) continue;
        auto& set = wanted[iommu["name"].get<std::string>() + " " + iommu["device"].get<std::string>()];
        for (const Json& member : iommu["members"]) set.insert(member.get<std::string>());
    }
    for (const IommuResult& iommu : run.boot->iommus()) {
        if (iommu.driver != driver) continue;
        members[iommu.name + " " + iommu.device].insert(iommu.members.begin(), iommu.members.end());
    }
    CHECK(members == wanted);
    std::map<std::string, std::string> groups;
    for (const GroupResult& group : run.boot->groups()) {
        for (const std::string& device : group.devices) {
            groups[device] = fmt::format("{} {}", group.id, kernel::name(group.type));
        }
    }
    for (const Json& group : run.truth["groups"]) {
        for (const Json& device : group["devices"]) {
            if (foreign.count(device.get<std::string>()) != 0) continue;
            INFO(device.get<std::string>());
            // sysfs calls a group without a default domain's type so.
            const std::string type = group["type"] == "unknown" ? "none" : group["type"].get<std::string>();
            CHECK(groups[device.get<std::string>()] == fmt::format("{} {}", group["id"].get<unsigned>(), type));
        }
    }
    std::map<std::string, std::string> drivers;
    for (const DeviceResult& device : run.boot->devices()) drivers[device.name] = device.driver;
    for (const Json& device : run.truth["devices"]) {
        if (device["bus"] != "platform" || foreign.count(device["name"].get<std::string>()) != 0) continue;
        INFO(device["name"].get<std::string>());
        CHECK(drivers[device["name"].get<std::string>()] ==
              (device["driver"].is_null() ? "" : device["driver"].get<std::string>()));
    }
    for (const Report& report : run.k.reports.all()) {
        const std::string text = report.text();
        const bool known = std::any_of(faithful.begin(), faithful.end(),
                                       [&](const std::string& start) { return text.rfind(start, 0) == 0; });
        if (!known) FAIL_CHECK(text);
    }
}

void check_mappings(FamilyBoot& run) {
    if (!run.truth.contains("dma_trace") || run.truth["dma_trace"].empty()) return;
    if (rng_slots(run.folder).empty()) return;  // other clients than virtio-rng
    // The trace has what goes through an IOMMU.
    std::set<std::string> translated;
    for (const DeviceResult& device : run.boot->devices()) {
        if (device.group && device.domain != DomainType::identity) translated.insert(device.name);
    }
    std::vector<ClientMapping> mappings;
    for (const ClientMapping& one : run.rng.mappings()) {
        if (translated.count(one.device) != 0) mappings.push_back(one);
    }
    CHECK(pages_of(mappings) == pages_of(run.truth["dma_trace"]));
}

Frames::Frames(const FamilyBoot& run) {
    std::map<std::uint64_t, std::set<std::uint64_t>> ours;
    for (const ClientMapping& one : run.rng.mappings()) {
        for (std::uint64_t at = 0; !one.unmap && at < one.size; at += 4096)
            ours[one.iova.value + at].insert(one.memory.value + at);
    }
    if (!run.truth.contains("dma_trace")) return;
    for (const Json& one : run.truth["dma_trace"]) {
        if (one["event"] != "map") continue;
        const std::uint64_t iova = hex_of(one["iova"]), memory = hex_of(one["paddr"]);
        if (iova == memory) continue;  // firmware's
        for (std::uint64_t at = 0; at < one["size"].get<std::uint64_t>(); at += 4096) {
            const auto found = ours.find(iova + at);
            if (found != ours.end()) frames_[memory + at].insert(found->second.begin(), found->second.end());
        }
    }
}

void check_registers(FamilyBoot& run,
                     const std::function<std::string(std::uint64_t address, std::uint64_t value)>& text) {
    if (run.truth.contains("mmio_trace")) {
        std::vector<std::string> expected, found;
        for (const Json& access : run.truth["mmio_trace"]) {
            if (access["op"].get<std::string>().front() != 'W') continue;
            expected.push_back(text(hex_of(access["addr"]), hex_of(access["value"])));
        }
        for (const RegisterLogEntry& access : run.machine.log) {
            if (access.write) found.push_back(text(access.address, access.value));
        }
        for (std::vector<std::string>* list : {&expected, &found}) {
            list->erase(std::remove(list->begin(), list->end(), std::string{}), list->end());
        }
        const auto differ = std::mismatch(found.begin(), found.end(), expected.begin(), expected.end());
        INFO("write " << differ.first - found.begin() << " of " << found.size() << ", " << expected.size());
        CHECK((differ.first == found.end() ? "the end" : *differ.first) ==
              (differ.second == expected.end() ? "the end" : *differ.second));
    }
    if (!run.truth.contains("registers_after_boot")) return;
    for (const auto& [key, value] : run.truth["registers_after_boot"].items()) {
        const std::uint64_t address = std::stoull(key, nullptr, 0);
        CHECK(text(address, run.machine.word(address)) == text(address, hex_of(value)));
    }
}

}  // namespace xlate::kernel::tests
