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

#include "study/init/init_qemu.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/pci_roots.hpp"
#include "study/run/virtio_pci.hpp"
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
        if (description.node(at).is_compatible("virtio,pci-iommu")) return &description.node(at);
    }
    return nullptr;
}

}  // namespace

TEST_CASE("virtio-iommu over PCI: it has no endpoint for an id that a bridge replaces, as QEMU's", "[study][corpus]") {
    if (tests::skip_without_corpus()) return;
    unsigned compared = 0;
    for (const auto& entry : fs::directory_iterator(*tests::corpus() / "linux-boot")) {
        const fs::path folder = entry.path();
        if (!fs::exists(folder / "board.dtb") || !fs::exists(folder / "qemu-command.txt")) continue;
        const std::vector<std::string> files{(folder / "board.dtb").string()};
        firmware::Description description = read_firmware(files).description;
        if (virtio_function(description) == nullptr) continue;
        INFO(folder.filename().string());
        Config config = parse_config(init_config(description, files, read_text(folder / "qemu-command.txt"),
                                                 (folder / "qemu-command.txt").string()),
                                     "x.yaml");
        settle_pci_roots(config, description);
        const VirtioPci placed = place_virtio_iommus(config, description);
        // The first id of each device whose probe found no endpoint (-2).
        const Json truth = Json::parse(read_text(folder / "truth.json"));
        std::set<std::string> refused;
        for (const Json& one : truth["iommu_probe_failures"]) {
            if (one["ret"] == -2) refused.insert(one["device"]);
        }
        std::set<std::uint32_t> expected, found;
        for (const Json& device : truth["devices"]) {
            if (refused.count(device["name"]) != 0)
                expected.insert(
                    static_cast<std::uint32_t>(std::stoul(device["stream_ids"][0].get<std::string>(), nullptr, 16)));
        }
        REQUIRE(placed.absent_endpoints.size() == 1);
        for (const std::uint32_t id : placed.absent_endpoints.begin()->second) found.insert(id);
        CHECK(found == expected);
        // Its window is nobody else's, and it is a device of the board.
        const firmware::Node& node = *virtio_function(description);
        REQUIRE(node.regs.size() == 1);
        const std::uint64_t at = node.regs.front().cpu_address.value();
        for (const firmware::MemoryRange& memory : description.memory)
            CHECK((at + node.regs.front().size <= memory.base || at >= memory.base + memory.size));
        CHECK(node.linux_name == placed.absent_endpoints.begin()->first);
        CHECK(placed.notes.front().find(node.linux_name + " has its registers at 0x") != std::string::npos);
        ++compared;
    }
    CHECK(compared > 0);
}

TEST_CASE("virtio-iommu over PCI: without its function in soc.pci it is left where it is, and that is said",
          "[study][corpus]") {
    if (tests::skip_without_corpus()) return;
    for (const auto& entry : fs::directory_iterator(*tests::corpus() / "linux-boot")) {
        if (!fs::exists(entry.path() / "board.dtb")) continue;
        firmware::Description description = read_firmware({(entry.path() / "board.dtb").string()}).description;
        if (virtio_function(description) == nullptr) continue;
        const Config config = parse_config("firmware: { devicetree: bare.dtb }\n", "bare.yaml");
        const VirtioPci placed = place_virtio_iommus(config, description);
        CHECK(placed.absent_endpoints.empty());
        REQUIRE(placed.notes.size() == 1);
        CHECK(placed.notes.front().find("to be this IOMMU: its driver never binds") != std::string::npos);
        CHECK_FALSE(virtio_function(description)->regs.front().cpu_address);
    }
}
