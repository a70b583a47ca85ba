// Real boots of 6.16 to 7.3 (corpus/linux-boot-newer), whatever stands there, device for device.
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "tests/kernel-model/corpus_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

constexpr const char* kFolder = "linux-boot-newer";

/// Those whose IOMMUs are all SMMUv3s: this room's stand-in has no other.
std::vector<std::string> cases() {
    std::set<std::string> names;
    const auto corpus = xlate::tests::corpus();
    if (!corpus || !std::filesystem::is_directory(*corpus / kFolder)) return {};
    for (const auto& entry : std::filesystem::directory_iterator(*corpus / kFolder)) {
        const std::string name = entry.path().filename().string();
        if (!std::filesystem::exists(entry.path() / "truth.json")) continue;
        const firmware::Description description = firmware_of(name, load_truth(name, kFolder), kFolder);
        bool ours = true;
        for (const firmware::NodeIndex provider : description.providers()) {
            const firmware::Node& node = description.node(provider);
            ours = ours && (!node.reachable || node.is_compatible("arm,smmu-v3"));
        }
        if (ours) names.insert(name);
    }
    return {names.begin(), names.end()};
}

/// 6.19, 7.0 and 7.1 were booted without their modules: what is a module did not bind.
bool has_modules(const Json& truth) {
    for (const Json& device : truth["devices"]) {
        const std::string driver = device["driver"].is_null() ? "" : device["driver"].get<std::string>();
        if (driver == "e1000e" || driver == "nvme" || driver == "virtio-mmio") return true;
    }
    return false;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

}  // namespace

TEST_CASE("newer kernels put the same devices into the same groups as real ones, with the same numbers, types and ids",
          "[kernel][corpus]") {
    if (xlate::tests::skip_without_corpus()) return;
    unsigned compared = 0;
    for (const std::string& name : cases()) {
        INFO(name);
        const CorpusBoot run(name, kFolder);
        CHECK(run.boot.finished());
        CHECK(groups_of(run.boot) == groups_of(run.truth));
        std::map<std::string, DeviceResult> results;
        for (const DeviceResult& device : run.boot.devices()) results[device.name] = device;
        const bool modules = has_modules(run.truth);
        for (const Json& device : run.truth["devices"]) {
            if (device["bus"] == "virtio") continue;
            const std::string dev = device["name"];
            INFO(dev);
            REQUIRE(results.count(dev) == 1);
            const std::string driver = device["driver"].is_null() ? "" : device["driver"].get<std::string>();
            if (modules) CHECK(results[dev].driver == driver);
            if (device["group"].is_null())
                CHECK(!results[dev].group);
            else
                CHECK(results[dev].group == device["group"].get<unsigned>());
            if (device["stream_ids"].is_null() || device["group"].is_null()) continue;
            std::vector<std::uint32_t> wanted;
            for (const Json& id : device["stream_ids"])
                wanted.push_back(static_cast<std::uint32_t>(std::stoul(id.get<std::string>(), nullptr, 16)));
            CHECK(results[dev].ids == wanted);
        }
        for (const Report& report : run.world.k.reports.all()) FAIL_CHECK(report.text());
        ++compared;
    }
    xlate::tests::went_over(compared, "newer boot of these families");
}

TEST_CASE("newer kernels show the real sequence of events and return codes for each device", "[kernel][corpus]") {
    if (xlate::tests::skip_without_corpus()) return;
    for (const std::string& name : cases()) {
        const Json truth = load_truth(name, kFolder);
        if (!has_modules(truth)) continue;
        INFO(name);
        const CorpusBoot run(name, kFolder);
        const Sequences expected = sequences_of(run.truth);
        const Sequences found = sequences_of(run.world.k.events);
        for (const auto& [device, lines] : expected) {
            INFO(device);
            const auto ours = found.find(device);
            CHECK(joined(ours == found.end() ? std::vector<std::string>{} : ours->second) == joined(lines));
        }
    }
}
