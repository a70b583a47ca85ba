// The real kernel's boots, again: groups, stream IDs and each device's events must be what the corpus recorded.
// What is compared and what is left out: docs/spec/kernel-probe.md section 10.4.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "study/init/init_qemu.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/run.hpp"
#include "tests/corpus.hpp"

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

/// `tables`: those of a boot from ACPI; empty: a device tree.
void compare_case(const std::string& name, const std::vector<std::string>& tables = {}) {
    if (tests::skip_without_corpus()) return;
    const std::filesystem::path folder = *tests::corpus() / "linux-boot" / name;
    std::vector<std::string> files;
    for (const std::string& table : tables) files.push_back((folder / "acpi" / (table + ".dat")).string());
    if (files.empty()) files.push_back((folder / "board.dtb").string());
    const Json truth = Json::parse(read_text(folder / "truth.json"));
    const firmware::Description description = read_firmware(files).description;
    const std::string yaml =
        init_config(description, files, read_text(folder / "qemu-command.txt"), "qemu-command.txt");
    Config config = parse_config(yaml, name + ".yaml");
    const RunReport report = run(config, {});
    const Json& result = report.result;
    INFO(report.why);
    CHECK(report.status == ExitStatus::ok);

    CHECK(groups(result["groups"]) == groups(truth["groups"]));
    std::map<std::string, const Json*> modelled;
    for (const Json& device : result["devices"]) modelled[device["name"]] = &device;
    for (const Json& device : truth["devices"]) {
        const std::string device_name = device["name"];
        INFO("device " << device_name);
        const auto found = modelled.find(device_name);
        if (device["bus"] != "pci" && device["group"].is_null() && found == modelled.end()) continue;
        REQUIRE(found != modelled.end());
        const Json& model = *found->second;
        CHECK(model["group"] == device["group"]);
        CHECK((model["driver"].is_null() ? Json() : model["driver"]) == device["driver"]);
        if (device["group"].is_null()) continue;  // its fwspec is gone
        Lines ids;
        Lines recorded;
        for (const Json& id : model["ids"]) ids.push_back(number(id));
        for (const Json& id : device["stream_ids"]) recorded.push_back(number(id));
        CHECK(ids == recorded);
    }

    std::map<std::string, Lines> model_events = events_by_device(result["kernel"]["timeline"]);
    for (const auto& [device, recorded] : events_by_device(truth["timeline"])) {
        INFO("events of " << device);
        CHECK(model_events[device] == recorded);
        model_events.erase(device);
    }
    for (const auto& [device, events] : model_events) {  // not recorded: then nothing of the IOMMU may have happened
        for (const std::string& event : events) {
            INFO("unrecorded device " << device);
            const bool notifier = event == "iommu_probe_device ret -19 from iommu_bus_notifier";
            CHECK((notifier || event.find("driver_probe") == 0));
        }
    }
}

}  // namespace

TEST_CASE("linux boot: dt-smmuv3-6.1 groups, ids and events are the real kernel's", "[study][linux-boot]") {
    compare_case("dt-smmuv3-6.1");
}
TEST_CASE("linux boot: dt-smmuv3-6.12 groups, ids and events are the real kernel's", "[study][linux-boot]") {
    compare_case("dt-smmuv3-6.12");
}
TEST_CASE("linux boot: dt-smmuv3-dma-6.1 groups, ids and events are the real kernel's", "[study][linux-boot]") {
    compare_case("dt-smmuv3-dma-6.1");
}
TEST_CASE("linux boot: dt-odd-consumers-6.1 groups, ids and events are the real kernel's", "[study][linux-boot]") {
    compare_case("dt-odd-consumers-6.1");
}
TEST_CASE("linux boot: dt-odd-consumers-6.12 groups, ids and events are the real kernel's", "[study][linux-boot]") {
    compare_case("dt-odd-consumers-6.12");
}
TEST_CASE("linux boot: dt-map-gaps-6.12 groups, ids and events are the real kernel's", "[study][linux-boot]") {
    compare_case("dt-map-gaps-6.12");
}
TEST_CASE("linux boot: dt-map-mask-6.12 groups, ids and events are the real kernel's", "[study][linux-boot]") {
    compare_case("dt-map-mask-6.12");
}

namespace {

const std::vector<std::string> kAllTables{"APIC", "DBG2", "DSDT", "FACP", "GTDT", "IORT", "MCFG", "PPTT", "SPCR"};
const std::vector<std::string> kFewTables{"MCFG", "IORT"};

}  // namespace

TEST_CASE("linux boot: acpi-smmuv3-6.1 groups, ids and events are the real kernel's", "[study][linux-boot][acpi]") {
    compare_case("acpi-smmuv3-6.1", kAllTables);
}
TEST_CASE("linux boot: acpi-smmuv3-6.12 groups, ids and events are the real kernel's", "[study][linux-boot][acpi]") {
    compare_case("acpi-smmuv3-6.12", kAllTables);
}
TEST_CASE("linux boot: acpi-smmuv3-multiroot-6.12 groups, ids and events are the real kernel's",
          "[study][linux-boot][acpi]") {
    compare_case("acpi-smmuv3-multiroot-6.12", kAllTables);
}
TEST_CASE("linux boot: acpi-smmuv3-6.12 with IORT and MCFG alone", "[study][linux-boot][acpi]") {
    compare_case("acpi-smmuv3-6.12", kFewTables);
}
TEST_CASE("linux boot: acpi-smmuv3-multiroot-6.12 with IORT and MCFG alone", "[study][linux-boot][acpi]") {
    compare_case("acpi-smmuv3-multiroot-6.12", kFewTables);
}
