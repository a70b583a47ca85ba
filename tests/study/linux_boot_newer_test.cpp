// Boots of kernels after 6.15 again, config by `init` alone: every case of corpus/linux-boot-newer, whatever stands
// there, from a device tree or from ACPI tables.
//   groups     numbers, types, members, in which each device stands; ids; drivers
//   events     of each device in order, with return codes
//   walk       each device's error in the walk of a registration
// A case whose IOMMUs have no driver or no engine here says so.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "firmware/iommu_families.hpp"
#include "iommu/families.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "study/init/qemu/qemu_config.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/run.hpp"
#include "study/run/run_watch.hpp"
#include "tests/kernel-model/family_checks.hpp"
#include "tests/soc/child.hpp"

using namespace xlate;
using namespace xlate::study;
namespace fs = std::filesystem;
namespace kt = xlate::kernel::tests;
using kt::Json;

namespace {

constexpr const char* kFolder = "linux-boot-newer";

std::string read_text(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::vector<fs::path> cases() {
    std::vector<fs::path> all;
    const auto root = tests::corpus();
    if (!root || !fs::is_directory(*root / kFolder)) return all;
    for (const auto& entry : fs::directory_iterator(*root / kFolder)) {
        if (fs::exists(entry.path() / "truth.json") && fs::exists(entry.path() / "qemu-command.txt"))
            all.push_back(entry.path());
    }
    std::sort(all.begin(), all.end());
    return all;
}

std::vector<std::string> firmware_of(const fs::path& folder) {
    if (fs::exists(folder / "board.dtb")) return {(folder / "board.dtb").string()};
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(folder / "acpi")) {
        if (entry.path().extension() == ".dat") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
}

/// An IOMMU that is there has a driver and an engine here, or there is none; others, of which Debian's kernels may have
/// no driver either, are in the boot as well.
bool is_modelled(const firmware::Description& description) {
    const std::vector<firmware::NodeIndex> all = description.providers();
    return all.empty() || std::any_of(all.begin(), all.end(), [&](firmware::NodeIndex at) {
               const firmware::Node& node = description.node(at);
               return node.reachable && kernel::iommu_driver_of(node) != nullptr &&
                      iommu::find_family(firmware::iommu_kind(node).family) != nullptr;
           });
}

class Recorder final : public RunWatch {
public:
    std::function<void(const kernel::Kernel&, const kernel::LinuxBoot&)> end;
    void on_end(const kernel::Kernel& kernel, const kernel::LinuxBoot& boot, const soc::Soc&,
                const kernel::VirtioRng*) override {
        end(kernel, boot);
    }
};

std::string joined(const std::vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, " | ")); }

/// One case, in a process of its own; each difference is a line.
class Case {
public:
    explicit Case(const fs::path& folder) : folder_(folder), truth_(kt::read_json(folder / "truth.json")) {
        for (const Json& device : truth_["devices"]) {
            const bool wanted =
                device.value("id", Json()) == "8086:10d3" || device.value("class", Json()) == "0x010802";
            could_bind_ = could_bind_ || wanted;
            did_bind_ = did_bind_ || (wanted && !device["driver"].is_null());
        }
    }

    std::string compare() {
        const std::vector<std::string> files = firmware_of(folder_);
        const firmware::Description description = read_firmware(files).description;
        Config config = parse_config(qemu_config(description, files, read_text(folder_ / "qemu-command.txt"),
                                                 (folder_ / "qemu-command.txt").string()),
                                     "init.yaml");
        Recorder recorder;
        recorder.end = [&](const kernel::Kernel& kernel, const kernel::LinuxBoot& boot) {
            groups(boot);
            events(kernel);
            walk(boot);
            for (const kernel::Report& report : kernel.reports.all()) say("report", report.headline());
        };
        RunOptions options;
        options.watch = &recorder;
        const RunReport report = run(config, options);
        if (report.status != ExitStatus::ok) say("status", report.why);
        return text_;
    }

private:
    void say(const std::string& part, const std::string& what) { text_ += part + ": " + what + "\n"; }
    void compare(const std::string& what, const std::string& have, const std::string& want) {
        if (have != want) say(what, "'" + have + "'\n    instead of '" + want + "'");
    }

    /// 6.19 to 7.1 were booted without their modules, which no command line says: what is a module did not bind.
    bool has_modules() const { return did_bind_ || !could_bind_; }

    bool was_bound(const std::string& name) const {
        return std::any_of(truth_["timeline"].begin(), truth_["timeline"].end(), [&](const Json& event) {
            return event["event"] == "driver_probe" && event["device"] == name && event["ret"] == 0;
        });
    }

    void groups(const kernel::LinuxBoot& boot) {
        std::map<unsigned, std::string> want, have;
        for (const Json& group : truth_["groups"]) {
            const std::set<std::string> members = group["devices"];
            want[group["id"]] = fmt::format("{} {}", group["type"].get<std::string>(), fmt::join(members, " "));
        }
        for (const kernel::GroupResult& group : boot.groups()) {
            const std::set<std::string> members(group.devices.begin(), group.devices.end());
            have[group.id] = fmt::format("{} {}", kernel::name(group.type), fmt::join(members, " "));
        }
        for (const auto* list : {&want, &have}) {
            for (const auto& [id, text] : *list) {
                if (want[id] != have[id]) compare(fmt::format("group {}", id), have[id], want[id]);
            }
        }
        std::map<std::string, kernel::DeviceResult> results;
        for (const kernel::DeviceResult& device : boot.devices()) results[device.name] = device;
        for (const Json& device : truth_["devices"]) {
            if (device["bus"] == "virtio") continue;
            const std::string name = device["name"];
            const auto found = results.find(name);
            if (found == results.end()) {
                if (device["bus"] == "pci" || !device["group"].is_null()) say("device", name + " is not there");
                continue;
            }
            const std::string driver = device["driver"].is_null() ? "" : device["driver"].get<std::string>();
            // A list that was printed before the deferred-probe time-out: its end is in the timeline.
            const bool later = driver.empty() && was_bound(name);
            if (has_modules() && !later) compare("driver of " + name, found->second.driver, driver);
            if (device["stream_ids"].is_null() || device["group"].is_null()) continue;
            std::string ids, recorded;
            for (const std::uint32_t id : found->second.ids) ids += fmt::format("{:#x} ", id);
            for (const Json& id : device["stream_ids"]) recorded += fmt::format("{:#x} ", kt::hex_of(id));
            compare("ids of " + name, ids, recorded);
        }
    }

    void events(const kernel::Kernel& kernel) {
        if (!has_modules()) return;
        const kt::Sequences want = kt::sequences_of(kt::events_only(truth_));
        const kt::Sequences have = kt::sequences_of(kernel.events);
        for (const auto& [device, lines] : want) {
            const auto found = have.find(device);
            const std::vector<std::string> own =
                kt::timeless(found == have.end() ? std::vector<std::string>{} : found->second);
            compare("events of " + device, joined(own), joined(kt::timeless(lines)));
        }
    }

    /// Who ends a walk or is passed over by it. (-19 before any id is found is every device's without an IOMMU.)
    void walk(const kernel::LinuxBoot& boot) {
        std::map<std::string, std::string> want, have;
        for (const Json& one : truth_["iommu_probe_failures"]) {
            if (one["caller"] == "probe_iommu_group") want[one["device"]] += fmt::format("{} ", one["ret"].get<int>());
        }
        // LinuxBoot lends its parts to whoever drives it; here they are only read.
        for (const auto& one : const_cast<kernel::LinuxBoot&>(boot).iommu().walked()) {
            if (one.ret < 0) have[one.device] += fmt::format("{} ", one.ret);
        }
        for (const auto* list : {&want, &have}) {
            for (const auto& [device, text] : *list) {
                if (want[device] != have[device]) compare("walk over " + device, have[device], want[device]);
            }
        }
    }

    const fs::path folder_;
    const Json truth_;
    bool could_bind_ = false, did_bind_ = false;
    std::string text_;
};

}  // namespace

TEST_CASE("newer kernels: a board and a QEMU command give the real kernel's groups, ids and events",
          "[study][linux-boot]") {
    if (tests::skip_without_corpus()) return;
    unsigned compared = 0;
    for (const fs::path& folder : cases()) {
        const std::string name = folder.filename().string();
        INFO(name);
        if (!is_modelled(read_firmware(firmware_of(folder)).description)) {
            WARN(name + " left out: no driver or no engine for its IOMMUs");
            continue;
        }
        CHECK(tests::in_child([&] { return Case(folder).compare(); }) == "");
        ++compared;
    }
    tests::went_over(compared, "newer boot");
}
