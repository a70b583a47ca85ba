// The real kernel's boots, again: groups, stream IDs and each device's events must be what the corpus recorded.
// What is compared and what is left out: docs/spec/kernel-probe.md section 10.4.
#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "firmware/iommu_families.hpp"
#include "study/init/qemu/qemu_config.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/run.hpp"
#include "tests/corpus.hpp"
#include "tests/soc/child.hpp"

using namespace xlate;
using namespace xlate::study;
using Json = nlohmann::ordered_json;

namespace {

std::string read_text(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

using Lines = std::vector<std::string>;

std::string number(const Json& value) {
    return value.is_string() ? value.get<std::string>() : fmt::format("{:#x}", value.get<std::uint64_t>());
}

/// One event as a line; a recorded event and a modelled one give the same text.
std::string line(const Json& event) {
    const std::string kind = event["event"];
    std::string text = kind;
    if (kind == "driver_probe") text += " " + event["driver"].get<std::string>() + " ret " + event["ret"].dump();
    if (kind == "iommu_probe_device")
        text += " ret " + event["ret"].dump() + " from " + event["caller"].get<std::string>();
    if (kind == "fwspec_add_ids") {
        for (const Json& id : event["ids"]) text += " " + number(id);
    }
    if (kind == "add_device_to_group") text += " " + event["group"].dump();
    return text;
}

/// Events of each device in order. The registration walk is not in the recordings. Attempts that were deferred and
/// repeated alike count once: how often is timing.
std::map<std::string, Lines> events_by_device(const Json& timeline) {
    std::map<std::string, std::vector<Lines>> attempts;
    for (const Json& event : timeline) {
        if (event.contains("caller") && event["caller"] == "bus_iommu_probe") continue;
        std::vector<Lines>& of_device = attempts[event["device"]];
        const std::string text = line(event);
        if (of_device.empty() || event["event"] == "driver_probe") of_device.emplace_back();
        of_device.back().push_back(text);
    }
    std::map<std::string, Lines> all;
    for (const auto& [device, of_device] : attempts) {
        const Lines* before = nullptr;
        for (const Lines& attempt : of_device) {
            const bool deferred = attempt.front().find("ret -517") != std::string::npos;
            if (!(deferred && before != nullptr && *before == attempt))
                all[device].insert(all[device].end(), attempt.begin(), attempt.end());
            before = &attempt;
        }
    }
    return all;
}

Lines groups(const Json& list) {
    Lines all;
    for (const Json& group : list) {
        std::set<std::string> members = group["devices"];
        all.push_back(
            fmt::format("{} {} {}", group["id"].dump(), group["type"].get<std::string>(), fmt::join(members, " ")));
    }
    return all;
}

/// What differs, a line each.
class Differences {
public:
    template <typename A, typename B>
    void same(const std::string& what, const A& ours, const B& recorded) {
        if (ours == recorded) return;
        text_ += fmt::format("{}\n  ours:     {}\n  recorded: {}\n", what, Json(ours).dump(), Json(recorded).dump());
    }
    void add(const std::string& what) { text_ += what + "\n"; }
    const std::string& text() const { return text_; }

private:
    std::string text_;
};

/// Of a boot of corpus/linux-boot; "": none. `tables`: those of a boot from ACPI; empty: a device tree.
std::string differences(const std::string& name, const std::vector<std::string>& tables = {}) {
    const std::filesystem::path folder = *tests::corpus() / "linux-boot" / name;
    std::vector<std::string> files;
    for (const std::string& table : tables) files.push_back((folder / "acpi" / (table + ".dat")).string());
    if (files.empty()) files.push_back((folder / "board.dtb").string());
    const Json truth = Json::parse(read_text(folder / "truth.json"));
    const firmware::Description description = read_firmware(files).description;
    const std::string yaml =
        qemu_config(description, files, read_text(folder / "qemu-command.txt"), "qemu-command.txt");
    Config config = parse_config(yaml, name + ".yaml");
    const RunReport report = run(config, {});
    const Json& result = report.result;
    Differences found;
    if (report.status != ExitStatus::ok) found.add("the run ended with: " + report.why);

    found.same("groups", groups(result["groups"]), groups(truth["groups"]));
    std::map<std::string, const Json*> modelled;
    for (const Json& device : result["devices"]) modelled[device["name"]] = &device;
    for (const Json& device : truth["devices"]) {
        const std::string device_name = device["name"];
        const auto ours = modelled.find(device_name);
        if (device["bus"] != "pci" && device["group"].is_null() && ours == modelled.end()) continue;
        if (ours == modelled.end()) {
            found.add(device_name + " is not there");
            continue;
        }
        const Json& model = *ours->second;
        found.same("group of " + device_name, model["group"], device["group"]);
        found.same("driver of " + device_name, model["driver"], device["driver"]);
        if (device["group"].is_null()) continue;  // its fwspec is gone
        Lines ids;
        Lines recorded;
        for (const Json& id : model["ids"]) ids.push_back(number(id));
        for (const Json& id : device["stream_ids"]) recorded.push_back(number(id));
        // Of table-found units a probe of the kernel saw none (null).
        if (!device["stream_ids"].is_null()) found.same("ids of " + device_name, ids, recorded);
    }

    std::map<std::string, Lines> model_events = events_by_device(result["kernel"]["timeline"]);
    for (const auto& [device, recorded] : events_by_device(truth["timeline"])) {
        found.same("events of " + device, model_events[device], recorded);
        model_events.erase(device);
    }
    for (const auto& [device, events] : model_events) {  // not recorded: then nothing of the IOMMU may have happened
        for (const std::string& event : events) {
            const bool notifier = event == "iommu_probe_device ret -19 from iommu_bus_notifier";
            if (!notifier && event.find("driver_probe") != 0) found.add(device + ", which is not recorded: " + event);
        }
    }
    return found.text();
}

/// ACPI tables of a case, by name.
std::vector<std::string> tables_of(const std::filesystem::path& folder) {
    std::vector<std::string> tables;
    for (const auto& file : std::filesystem::directory_iterator(folder / "acpi")) {
        if (file.path().extension() == ".dat") tables.push_back(file.path().stem().string());
    }
    std::sort(tables.begin(), tables.end());
    return tables;
}

/// Whether a tree's IOMMUs that Linux drives are SMMUv3s; RecordedBoot compares the other families'.
bool has_only_smmuv3(const std::filesystem::path& folder) {
    const firmware::Description tree = read_firmware({(folder / "board.dtb").string()}).description;
    const auto providers = tree.providers();
    return std::all_of(providers.begin(), providers.end(), [&](const firmware::NodeIndex at) {
        const firmware::Node& node = tree.node(at);
        const std::string_view family = firmware::iommu_kind(node).family;
        return !node.reachable || family.empty() || family == "smmuv3";
    });
}

/// Each case of linux-boot that has `file`: no difference.
void compare_cases(const std::string& file, const std::string& what,
                   const std::function<std::vector<std::string>(const std::filesystem::path&)>& tables) {
    if (tests::skip_without("linux-boot")) return;
    std::size_t boots = 0;
    for (const std::filesystem::path& folder : tests::cases_with({"linux-boot"}, file)) {
        const std::string name = folder.filename().string();
        if (file == "board.dtb" && !has_only_smmuv3(folder)) continue;
        INFO(name);
        CHECK(tests::in_child([&] { return differences(name, tables(folder)); }) == "");
        ++boots;
    }
    tests::went_over(boots, what);
}

}  // namespace

TEST_CASE("linux boot: groups, ids and events of every device tree are the real kernel's", "[study][linux-boot]") {
    compare_cases("board.dtb", "boot from a device tree", [](const auto&) { return std::vector<std::string>{}; });
}

TEST_CASE("linux boot: groups, ids and events of every boot from ACPI are the real kernel's",
          "[study][linux-boot][acpi]") {
    compare_cases("acpi/DSDT.dat", "boot from ACPI", tables_of);
}

TEST_CASE("linux boot: every boot from ACPI with IORT and MCFG alone", "[study][linux-boot][acpi]") {
    compare_cases("acpi/IORT.dat", "boot with an IORT", [](const auto&) {
        return std::vector<std::string>{"MCFG", "IORT"};
    });
}
