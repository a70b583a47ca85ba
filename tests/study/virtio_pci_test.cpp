// A virtio-iommu that is a PCI function: where it is put, and which endpoints it has.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "firmware/pci_iommus.hpp"
#include "study/init/qemu/qemu_config.hpp"
#include "study/run/assemble.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/pci_roots.hpp"
#include "tests/corpus.hpp"

using namespace xlate;
using namespace xlate::study;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

std::string read_text(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

const firmware::Node* virtio_function(const firmware::Description& description) {
    for (const firmware::NodeIndex at : description.providers()) {
        if (firmware::is_pci_iommu(description.node(at))) return &description.node(at);
    }
    return nullptr;
}

std::uint32_t first_id(const Json& device) {
    return static_cast<std::uint32_t>(std::stoul(device["stream_ids"][0].get<std::string>(), nullptr, 16));
}

}  // namespace

TEST_CASE("virtio-iommu over PCI: it has no endpoint for an id that a bridge replaces, as QEMU's", "[study][corpus]") {
    if (tests::skip_without("linux-boot")) return;
    unsigned compared = 0;
    for (const auto& entry : fs::directory_iterator(*tests::corpus() / "linux-boot")) {
        const fs::path folder = entry.path();
        if (!fs::exists(folder / "board.dtb") || !fs::exists(folder / "qemu-command.txt")) continue;
        const std::vector<std::string> files{(folder / "board.dtb").string()};
        firmware::Description description = read_firmware(files).description;
        if (virtio_function(description) == nullptr) continue;
        INFO(folder.filename().string());
        Config config = parse_config(qemu_config(description, files, read_text(folder / "qemu-command.txt"),
                                                 (folder / "qemu-command.txt").string()),
                                     "x.yaml");
        settle_pci_roots(config, description);
        CHECK(firmware::place_pci_iommus(description).size() == 1);
        const Assembly assembly = assemble(config, description);
        const auto& endpoints = assembly.soc.iommus.at(virtio_function(description)->path).hardware.endpoints;
        REQUIRE(endpoints);
        const auto has = [&](std::uint32_t id) {
            return std::find(endpoints->begin(), endpoints->end(), id) != endpoints->end();
        };
        // The first id of each device whose probe found no endpoint (-2), and of each that has a group.
        const Json truth = Json::parse(read_text(folder / "truth.json"));
        std::set<std::string> refused;
        for (const Json& one : truth["iommu_probe_failures"]) {
            if (one["ret"] == -2) refused.insert(one["device"]);
        }
        for (const Json& device : truth["devices"]) {
            INFO(device["name"]);
            if (refused.count(device["name"]) != 0) CHECK_FALSE(has(first_id(device)));
            if (!device["group"].is_null()) CHECK(has(first_id(device)));
        }
        ++compared;
    }
    tests::went_over(compared, "virtio-iommu on PCI");
}

TEST_CASE("virtio-iommu over PCI: its function is there, also where soc.pci does not name it", "[study][corpus]") {
    if (tests::skip_without("linux-boot")) return;
    for (const auto& entry : fs::directory_iterator(*tests::corpus() / "linux-boot")) {
        if (!fs::exists(entry.path() / "board.dtb")) continue;
        firmware::Description description = read_firmware({(entry.path() / "board.dtb").string()}).description;
        if (virtio_function(description) == nullptr) continue;
        Config config = parse_config("firmware: { devicetree: bare.dtb }\n", "bare.yaml");
        firmware::place_pci_iommus(description);
        const Assembly assembly = assemble(config, description);
        const auto& seats = assembly.boot.pci.front().functions;
        CHECK(std::any_of(seats.begin(), seats.end(), [](const kernel::PciFunction& one) {
            return one.vendor == 0x1AF4 && one.product == 0x1057;
        }));
        CHECK(std::any_of(assembly.assumptions.begin(), assembly.assumptions.end(), [&](const std::string& one) {
            return one.find("soc.pci has no function at " + virtio_function(description)->linux_name) == 0;
        }));
    }
}
