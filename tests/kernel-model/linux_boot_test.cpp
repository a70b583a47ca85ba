// The acceptance test of the kernel model: real boots of corpus/linux-boot, device for device.
#include <set>

#include <catch2/catch.hpp>

#include "firmware/iommu_families.hpp"
#include "tests/kernel-model/corpus_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

/// The recorded boots, by name, all of whose IOMMUs with a driver are SMMUv3s; the other families' have tests of their
/// own.
std::vector<std::string> smmuv3_boots() {
    std::vector<std::string> names;
    for (const auto& folder : xlate::tests::cases_with({"linux-boot"}, "truth.json")) {
        const std::string name = folder.filename().string();
        const Json truth = load_truth(name);
        if (truth["firmware"] != "dt" && !std::filesystem::exists(folder / "acpi" / "IORT.dat")) continue;
        const firmware::Description description = firmware_of(name, truth);
        std::set<std::string> families;
        for (const firmware::NodeIndex at : description.providers()) {
            const firmware::Node& node = description.node(at);
            if (!node.compatible.empty() && node.reachable) families.emplace(firmware::iommu_kind(node).family);
        }
        families.erase("");
        if (families == std::set<std::string>{"smmuv3"}) names.push_back(name);
    }
    return names;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

}  // namespace

TEST_CASE("a boot puts the same devices into the same groups, with the same numbers, types and ids, as the real kernel",
          "[kernel][corpus]") {
    if (xlate::tests::skip_without_corpus()) return;
    std::size_t boots = 0;
    for (const std::string& name : smmuv3_boots()) {
        INFO(name);
        const CorpusBoot run(name);
        CHECK(run.boot.finished());

        CHECK(groups_of(run.boot) == groups_of(run.truth));

        std::map<std::string, std::vector<std::uint32_t>> ids;
        for (const Event& event : run.world.k.events.events())
            if (event.kind == EventKind::fwspec_add_ids)
                ids[event.device].insert(ids[event.device].end(), event.ids.begin(), event.ids.end());
        std::map<std::string, DeviceResult> results;
        for (const DeviceResult& device : run.boot.devices()) results[device.name] = device;
        for (const Json& device : run.truth["devices"]) {
            if (device["bus"] == "virtio") continue;
            const std::string dev = device["name"];
            INFO(dev);
            REQUIRE(results.count(dev) == 1);
            CHECK(results[dev].driver == (device["driver"].is_null() ? "" : device["driver"].get<std::string>()));
            if (device["stream_ids"].is_null()) {
                CHECK(ids.count(dev) == 0);
            } else {
                std::vector<std::uint32_t> wanted;
                for (const Json& id : device["stream_ids"])
                    wanted.push_back(static_cast<std::uint32_t>(std::stoul(id.get<std::string>(), nullptr, 16)));
                CHECK(ids[dev] == wanted);
            }
            if (device["group"].is_null())
                CHECK(!results[dev].group);
            else
                CHECK(results[dev].group == device["group"].get<unsigned>());
        }
        for (const Report& report : run.world.k.reports.all()) FAIL_CHECK(report.text());
        ++boots;
    }
    xlate::tests::went_over(boots, "boot with an SMMUv3");
}

TEST_CASE("a boot shows the real kernel's sequence of events and return codes for each device", "[kernel][corpus]") {
    if (xlate::tests::skip_without_corpus()) return;
    std::size_t boots = 0;
    for (const std::string& name : smmuv3_boots()) {
        INFO(name);
        const CorpusBoot run(name);
        const Sequences expected = sequences_of(run.truth);
        const Sequences found = sequences_of(run.world.k.events);
        for (const auto& [device, lines] : expected) {
            INFO(device);
            const auto ours = found.find(device);
            CHECK(joined(ours == found.end() ? std::vector<std::string>{} : ours->second) == joined(lines));
        }
        // Everybody else has no IOMMU event.
        for (const auto& [device, lines] : found) {
            if (expected.count(device) != 0) continue;
            INFO(device);
            for (const std::string& line : lines) CHECK(line.rfind("driver_probe", 0) == 0);
        }
        ++boots;
    }
    xlate::tests::went_over(boots, "boot with an SMMUv3");
}
