// `diff-kernels` against real boots: each machine of corpus/linux-boot-newer that was also booted by 6.12. What the
// two real kernels made of it differs in certain devices and fields; the model's two boots must differ in the same
// ones, by the same values, each with a cause.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "firmware/iommu_families.hpp"
#include "iommu/families.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "study/diff_kernels/diff_kernels.hpp"
#include "study/init/qemu/qemu_config.hpp"
#include "study/init/starter_kernel.hpp"
#include "study/run/firmware_input.hpp"
#include "tests/corpus.hpp"
#include "tests/places.hpp"

using namespace xlate;
using namespace xlate::study;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

std::string read_text(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// Two boots of one machine.
struct Pair {
    fs::path first, second;
};

/// "dt-smmuv3" of "dt-smmuv3-7.3"; a boot that only waits longer is of the same machine.
std::string machine_of(const fs::path& folder) {
    std::string name = folder.filename().string();
    name = name.substr(0, name.rfind('-'));
    return name;
}

std::vector<Pair> pairs() {
    std::map<std::string, fs::path> by_612;
    std::vector<fs::path> newer;
    for (const char* const in : {"linux-boot", "linux-boot-newer"}) {
        const fs::path root = *tests::corpus() / in;
        if (!fs::is_directory(root)) continue;
        for (const auto& entry : fs::directory_iterator(root)) {
            if (!fs::exists(entry.path() / "truth.json") || !fs::exists(entry.path() / "qemu-command.txt")) continue;
            const std::string name = entry.path().filename().string();
            if (name.substr(name.rfind('-') + 1) == "6.12")
                by_612[machine_of(entry.path())] = entry.path();
            else if (std::string(in) == "linux-boot-newer")
                newer.push_back(entry.path());
        }
    }
    std::sort(newer.begin(), newer.end());
    std::vector<Pair> all;
    for (const fs::path& folder : newer) {
        if (folder.filename().string().find('-') == std::string::npos) continue;  // no MACHINE-KERNEL
        std::string machine = machine_of(folder);
        // The sections of a boot that was printed too early straddle the deferred-probe time-out.
        const std::string name = folder.filename().string();
        if (fs::exists(folder.parent_path() / (machine + "-wait" + name.substr(name.rfind('-'))))) continue;
        if (machine.size() > 5 && machine.substr(machine.size() - 5) == "-wait") machine.resize(machine.size() - 5);
        const auto found = by_612.find(machine);
        if (found != by_612.end()) all.push_back({found->second, folder});
    }
    return all;
}

std::vector<std::string> firmware_of(const fs::path& folder) {
    std::vector<std::string> files;
    if (fs::exists(folder / "board.dtb")) return {(folder / "board.dtb").string()};
    for (const auto& entry : fs::directory_iterator(folder / "acpi")) {
        if (entry.path().extension() == ".dat") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
}

/// Machines that are compared: an IOMMU that is there has a driver and an engine here, or there is none.
bool modelled(const firmware::Description& description) {
    const std::vector<firmware::NodeIndex> all = description.providers();
    return all.empty() || std::any_of(all.begin(), all.end(), [&](firmware::NodeIndex at) {
               const firmware::Node& node = description.node(at);
               return node.reachable && kernel::iommu_driver_of(node) != nullptr &&
                      iommu::find_family(firmware::iommu_kind(node).family) != nullptr;
           });
}

/// device -> field -> value, as docs of diff_kernels.hpp have it.
using Facts = std::map<std::string, std::map<std::string, std::string>>;

std::string driver_text(const Json& device) {
    return device["driver"].is_null() ? "none" : device["driver"].get<std::string>();
}

Facts facts_of(const Json& truth) {
    Facts all;
    std::map<unsigned, std::pair<std::string, std::vector<std::string>>> groups;
    for (const Json& group : truth["groups"]) {
        auto& [type, members] = groups[group["id"]];
        type = group["type"];
        for (const Json& device : group["devices"]) members.push_back(device);
        std::sort(members.begin(), members.end());
    }
    // A list that was printed before the deferred-probe time-out: who was bound then is in the timeline.
    std::map<std::string, std::string> bound;
    for (const Json& event : truth["timeline"]) {
        if (event["event"] == "driver_probe" && event["ret"] == 0) bound[event["device"]] = event["driver"];
    }
    for (const Json& device : truth["devices"]) {
        if (device["bus"] == "virtio") continue;  // made by clients that the model has not
        auto& facts = all[device["name"]];
        facts["driver"] = driver_text(device);
        if (device["driver"].is_null() && bound.count(device["name"]) != 0) facts["driver"] = bound[device["name"]];
        if (!device["group"].is_null()) {
            const auto& [type, members] = groups[device["group"]];
            std::vector<std::string> peers;
            for (const std::string& member : members) {
                if (member != device["name"]) peers.push_back(member);
            }
            facts["group"] = peers.empty() ? "alone" : fmt::format("with {}", fmt::join(peers, ", "));
            facts["number"] = std::to_string(device["group"].get<unsigned>());
            facts["domain"] = type;
        }
        if (!device["stream_ids"].is_null()) {
            std::string ids;
            for (const Json& id : device["stream_ids"]) ids += (ids.empty() ? "" : ", ") + id.get<std::string>();
            facts["ids"] = ids;
        }
    }
    std::map<std::string, std::set<std::string>> errors;
    for (const Json& one : truth["iommu_probe_failures"]) {
        std::string caller = one["caller"];
        errors[one["device"]].insert(fmt::format("{} from {}", one["ret"].get<int>(), caller));
    }
    for (const auto& [device, list] : errors) all[device]["errors"] = fmt::format("{}", fmt::join(list, ", "));
    return all;
}

Facts facts_of(const BootFacts& boot) {
    Facts all;
    for (const BootedDevice& device : boot.devices) {
        auto& facts = all[device.name];
        facts["driver"] = device.driver.empty() ? "none" : device.driver;
        if (device.group) {
            facts["group"] =
                device.peers.empty() ? std::string("alone") : fmt::format("with {}", fmt::join(device.peers, ", "));
            facts["number"] = std::to_string(*device.group);
            facts["domain"] = std::string(kernel::name(device.domain));
        }
        std::string ids;
        for (const std::uint32_t id : device.ids) ids += fmt::format("{}{:#x}", ids.empty() ? "" : ", ", id);
        if (!ids.empty()) facts["ids"] = ids;
        std::set<std::string> errors;
        for (const ProbeError& one : device.errors) errors.insert(fmt::format("{} from {}", one.ret, one.caller));
        if (!errors.empty()) facts["errors"] = fmt::format("{}", fmt::join(errors, ", "));
    }
    return all;
}

bool of_both_groups(const std::string& field) { return field == "number" || field == "domain"; }

/// 6.19, 7.0 and 7.1 were booted without their modules: what is a module did not bind.
bool has_modules(const Json& truth) {
    for (const Json& device : truth["devices"]) {
        const std::string driver = driver_text(device);
        if (driver == "e1000e" || driver == "nvme" || driver == "virtio-mmio") return true;
    }
    return false;
}

std::string joined(const std::set<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

/// "DEVICE FIELD: WAS -> IS" of every field that differs.
std::set<std::string> differences(Facts was, Facts is, const std::set<std::string>& devices, bool drivers) {
    std::set<std::string> all;
    for (const std::string& device : devices) {
        for (const char* const field : {"driver", "group", "number", "domain", "ids", "errors"}) {
            if (std::string(field) == "driver" && !drivers) continue;
            const auto value = [&](Facts& of) {
                const auto found = of[device].find(field);
                return found == of[device].end() ? std::string("none") : found->second;
            };
            // A number and a type are compared of devices that both put into groups, as the command does.
            const bool of_both = of_both_groups(field);
            if (of_both && (value(was) == "none" || value(is) == "none")) continue;
            if (value(was) != value(is))
                all.insert(fmt::format("{} {}: {} -> {}", device, field, value(was), value(is)));
        }
    }
    return all;
}

}  // namespace

TEST_CASE("diff-kernels: explains what two real kernels made differently of one machine, and no more",
          "[study][corpus]") {
    if (tests::skip_without_corpus()) return;
    std::size_t compared = 0;
    for (const Pair& pair : pairs()) {
        INFO(pair.first.filename().string() << " and " << pair.second.filename().string());
        const std::vector<std::string> files = firmware_of(pair.second);
        const firmware::Description description = read_firmware(files).description;
        if (!modelled(description)) {
            WARN("left out: " << pair.second.filename().string());
            continue;
        }
        const Json was = Json::parse(read_text(pair.first / "truth.json"));
        const Json is = Json::parse(read_text(pair.second / "truth.json"));
        Config config = parse_config(qemu_config(description, files, read_text(pair.second / "qemu-command.txt"),
                                                 (pair.second / "qemu-command.txt").string()),
                                     "x.yaml");
        const BootBoard board = board_for_boots(config);
        std::vector<std::string> notes;
        const KernelDiff diff = diff_kernels(board, variant_for_diff(was["kernel"]["release"], notes),
                                             variant_for_diff(is["kernel"]["release"], notes));
        const bool drivers = has_modules(is);
        // The recordings do not list services of PCIe ports.
        std::set<std::string> devices;
        for (const Json* const truth : {&was, &is}) {
            for (const Json& device : (*truth)["devices"]) {
                if (device["bus"] != "virtio") devices.insert(device["name"]);
            }
        }
        CHECK(joined(differences(facts_of(diff.was), facts_of(diff.is), devices, drivers)) ==
              joined(differences(facts_of(was), facts_of(is), devices, drivers)));
        // Every one of them has its line, with a cause.
        std::set<std::string> named;
        for (const KernelDifference& one : diff.differences) {
            CHECK(!one.because.empty());
            named.insert(one.device);
        }
        for (const std::string& device : devices) {
            if (differences(facts_of(was), facts_of(is), {device}, drivers).empty()) continue;
            INFO(device);
            CHECK(named.count(device) == 1);
        }
        ++compared;
    }
    tests::went_over(compared, "machine that two kernels booted");
}

// X16: seen on AMD's machines after a stable update; a VT-d unit groups its functions as early.
TEST_CASE("diff-kernels: on x86 the change of 6.12.75 merges root ports' groups with their endpoints' (X16)",
          "[study]") {
    struct Board {
        const char* config;
        std::set<std::string> merged;
    };
    for (const Board& of :
         {Board{"x86-amd",
                {"0000:00:02.0: alone -> with 0000:01:00.0", "0000:01:00.0: alone -> with 0000:00:02.0",
                 "0000:00:03.0: alone -> with 0000:02:00.0", "0000:02:00.0: alone -> with 0000:00:03.0"}},
          Board{"x86-vtd", {"0000:00:1c.0: alone -> with 0000:01:00.0", "0000:01:00.0: alone -> with 0000:00:1c.0"}}}) {
        INFO(of.config);
        Config config = load_config((fs::path(tests::source_dir()) / "configs" / of.config).string() + ".yaml");
        const BootBoard board = board_for_boots(config);
        std::vector<std::string> notes;
        const auto boot = [&](const char* name) { return variant_for_diff(name, notes); };
        const KernelDiff later = diff_kernels(board, boot("linux-6.12.74"), boot("linux-6.12.75"));
        CHECK(later.is.groups + of.merged.size() / 2 == later.was.groups);
        std::set<std::string> merged;
        for (const KernelDifference& one : later.differences) {
            if (one.field != DiffField::group) continue;
            merged.insert(one.device + ": " + one.from + " -> " + one.to);
            CHECK(one.because == std::vector<std::string>{"acs_in_dma_configure"});
        }
        CHECK(merged == of.merged);
        // Taken back in 6.12.78; and from 6.15 on firmware is parsed before the groups are formed.
        CHECK(diff_kernels(board, boot("linux-6.12.74"), boot("6.12.107")).differences.empty());
        CHECK(diff_kernels(board, boot("linux-6.12.74"), boot("linux-7.3")).is.groups == later.was.groups);
    }
}

// X9. Of the recorded boot without IOMMU docs/spec/probe-reports.md section 3 says that pci_request_acs was called for
// every device, and what 7.0 changes: the first device of all.
TEST_CASE("diff-kernels: on a board without IOMMU the access control of PCI ports is on since 6.15 (X9)", "[study]") {
    Config config = parse_config(
        "firmware: { generate: devicetree }\n"
        "soc:\n"
        "  board: { iommus: [] }\n"
        "  pci:\n"
        "    - { slot: '00:01.0', kind: root-port, acs: true, below: [ { slot: '00.0', kind: endpoint } ] }\n"
        "    - { slot: '00:02.0', kind: root-port, acs: true, below: [ { slot: '00.0', kind: endpoint } ] }\n",
        "x9.yaml");
    const BootBoard board = board_for_boots(config);
    std::vector<std::string> notes;
    const auto on = [&](const char* variant) {
        std::set<std::string> functions;
        for (const BootedDevice& device : boot_untimed(board, variant_for_diff(variant, notes)).devices) {
            CHECK(!device.group);
            if (device.acs == "on") functions.insert(device.name);
        }
        return functions;
    };
    CHECK(on("linux-6.12") == std::set<std::string>{});
    CHECK(on("linux-6.18") == std::set<std::string>{"0000:00:02.0"});
    CHECK(on("linux-7.3") == std::set<std::string>{"0000:00:01.0", "0000:00:02.0"});
    const KernelDiff diff =
        diff_kernels(board, variant_for_diff("linux-6.12", notes), variant_for_diff("linux-6.18", notes));
    CHECK(diff_kernels_text(diff).find("\nAccess control (ACS): off -> on  [parse_in_probe]\n  0000:00:02.0\n") !=
          std::string::npos);
}

// docs/reports: a page that names `xlate diff-kernels A B CONFIG` quotes lines of what it prints, behind "> ".
TEST_CASE("diff-kernels: each line that a report quotes of it is a line of it", "[study]") {
    const fs::path source = tests::source_dir();
    std::size_t quotes = 0;
    for (const auto& entry : fs::directory_iterator(source / "docs/reports")) {
        std::istringstream page(read_text(entry.path()));
        std::set<std::string> printed;
        for (std::string line; std::getline(page, line);) {
            const std::string mark = "`xlate diff-kernels ";
            if (const std::size_t at = line.find(mark); at != std::string::npos) {
                std::istringstream words(line.substr(at + mark.size(), line.rfind('`') - at - mark.size()));
                std::string first, second, config_name;
                words >> first >> second >> config_name;
                INFO(line);
                Config config = load_config((source / config_name).string());
                std::vector<std::string> notes;
                std::istringstream text(diff_kernels_text(diff_kernels(
                    board_for_boots(config), variant_for_diff(first, notes), variant_for_diff(second, notes))));
                printed.clear();
                for (std::string one; std::getline(text, one);)
                    printed.insert(
                        one.substr(one.find_first_not_of(' ') == std::string::npos ? 0 : one.find_first_not_of(' ')));
            }
            if (line.find("xlate replay") != std::string::npos) printed.clear();
            if (line.rfind("> ", 0) != 0 || printed.empty()) continue;
            INFO(entry.path().filename().string() << ": " << line);
            CHECK(printed.count(line.substr(2)) == 1);
            ++quotes;
        }
    }
    CHECK(quotes > 0);
}

TEST_CASE("diff-kernels: a timeout comes before the module that is loaded after it", "[study]") {
    const auto group_of = [](unsigned timeout_s) {
        Config config =
            parse_config(fmt::format("firmware: {{ devicetree: {}/boards/quickstart.dtb }}\n"
                                     "soc: {{ pci: [ {{ slot: \"00:01.0\", driver: e1000e }} ] }}\n"
                                     "kernel: {{ parameters: {{ deferred_probe_timeout: {} }}, "
                                     "modules: [ {{ name: e1000e, at: 0 s }}, {{ name: arm-smmu-v3, at: 3 s }} ] }}\n",
                                     tests::binary_dir(), timeout_s),
                         "late.yaml");
        const BootBoard board = board_for_boots(config);
        return boot_untimed(board, kernel::find_variant("linux-6.12")).find("0000:00:01.0")->group;
    };
    CHECK(group_of(10).has_value());
    CHECK_FALSE(group_of(1).has_value());
}
