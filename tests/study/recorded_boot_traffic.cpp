#include "tests/study/recorded_boot.hpp"

#include <algorithm>
#include <set>

namespace xlate::study::tests {

void RecordedBoot::traffic(const nlohmann::ordered_json& result, const std::string& console) {
    if (!has_modules()) return;
    const std::set<std::string> others = foreign();
    std::map<std::string, std::string> types;
    for (const Json& group : truth_["groups"]) {
        for (const Json& device : group["devices"]) types[device] = group["type"];
    }
    std::map<std::string, nlohmann::ordered_json> masters;
    for (const auto& master : result["masters"]) masters[master["device"]] = master;
    for (const Json& device : truth_["devices"]) {
        const std::string name = device["name"];
        const auto type = types.find(name);
        if (others.count(name) != 0 || type == types.end() || device["driver"].is_null()) continue;
        const auto master = masters.find(name);
        if (device["driver"] != "virtio-mmio" && master == masters.end()) continue;
        if (master == masters.end() || !master->second["started"] || master->second["issued"] == 0) {
            say("traffic of " + name, "none");
            continue;
        }
        const std::string excuse = why_untranslated(device, result, console);
        const double walks = master->second["breakdown_ns"]["walk"];
        if (!excuse.empty()) {
            if (walks > 0) say("traffic of " + name, "translated, though " + excuse);
            continue;
        }
        if (disturbed(name, types, masters)) continue;
        if (master->second["faults"] != 0)
            say("traffic of " + name, fmt::format("{} faults", master->second["faults"].get<unsigned>()));
        if (type->second.rfind("DMA", 0) == 0 && !(walks > 0)) say("traffic of " + name, "not translated");
        if (lost_its_bank(name, device, types)) continue;
        if (const auto missing = unwritten_.find(name); missing != unwritten_.end())
            say("traffic of " + name, "nothing was written to" + missing->second);
    }
}

std::string RecordedBoot::why_untranslated(const Json& device, const nlohmann::ordered_json& result,
                                           const std::string& console) const {
    const std::string name = device["name"];
    for (const auto& warning : result["warnings"]) {
        const std::string text = warning;
        if (text.rfind(name + " is not translated: ", 0) == 0) return text;
    }
    const auto node = node_of(name);
    for (const Json& id : device["stream_ids"].is_null() ? Json::array() : device["stream_ids"]) {
        const std::uint64_t number = kt::hex_of(id);
        if (family_before(node) == "sun50i" && number >= 6) return "an H6 has six masters";
        if (console.find(fmt::format("swgroup {} not found", number)) != std::string::npos)
            return "the SoC has no such swgroup";
    }
    return {};
}

bool RecordedBoot::lost_its_bank(const std::string& name, const Json& device,
                                 const std::map<std::string, std::string>& types) const {
    if (family_before(node_of(name)) != "qcom") return false;
    return std::any_of(truth_["devices"].begin(), truth_["devices"].end(), [&](const Json& other) {
        const std::string theirs = other["name"];
        return theirs > name && types.count(theirs) != 0 && other["stream_ids"] == device["stream_ids"];
    });
}

bool RecordedBoot::disturbed(const std::string& device, const std::map<std::string, std::string>& types,
                             const std::map<std::string, nlohmann::ordered_json>& masters) const {
    const auto node = node_of(device);
    if (family_before(node) != "rockchip") return false;
    const std::set<firmware::NodeIndex> own = providers_of(node);
    return std::any_of(masters.begin(), masters.end(), [&](const auto& one) {
        if (types.count(one.first) != 0 || one.second["issued"] == 0) return false;
        const std::set<firmware::NodeIndex> theirs = providers_of(node_of(one.first));
        return std::any_of(theirs.begin(), theirs.end(), [&](auto at) { return own.count(at) != 0; });
    });
}

}  // namespace xlate::study::tests
