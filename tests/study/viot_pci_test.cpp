// A virtio-iommu that is a PCI function and named by a VIOT, whose ranges are functions of PCI: the same machine was
// recorded twice, with a device tree and this IOMMU, and with ACPI and an SMMUv3 (corpus/linux-boot). Endpoints are
// what the first says, groups of ACPI what the second says.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "study/init/qemu/qemu_config.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/run.hpp"
#include "tests/corpus.hpp"
#include "tests/firmware/acpi_tables.hpp"
#include "tests/soc/child.hpp"

using namespace xlate;
using namespace xlate::study;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

std::string read_text(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// As QEMU writes it for a machine of one root bus: the IOMMU at 00:0b.0, and one range, in which it is itself.
tests::Bytes viot(std::uint32_t endpoint_start) {
    tests::TableWriter table("VIOT", 0);
    table.u16(2).u16(48).zeros(8);
    table.u8(3).u8(0).u16(16).u16(0).u16(0x58).zeros(8);
    table.u8(1).u8(0).u16(24).u32(endpoint_start).u16(0).u16(0).u16(0).u16(0xFFFF).u16(48).zeros(6);
    return table.finish();
}

/// Partition of those devices that are in `only`.
std::set<std::set<std::string>> groups(const Json& list, const std::set<std::string>& only) {
    std::set<std::set<std::string>> all;
    for (const Json& group : list) {
        std::set<std::string> members;
        for (const std::string device : group["devices"]) {
            if (only.count(device) != 0) members.insert(device);
        }
        if (!members.empty()) all.insert(members);
    }
    return all;
}
std::set<std::string> members(const Json& list) {
    std::set<std::string> all;
    for (const Json& group : list) {
        for (const std::string device : group["devices"]) all.insert(device);
    }
    return all;
}

}  // namespace

TEST_CASE("VIOT over PCI: endpoints and groups are those of the machine's two recordings", "[study][corpus][acpi]") {
    if (tests::skip_without("linux-boot/dt-virtio-iommu-6.12") || tests::skip_without("linux-boot/acpi-smmuv3-6.12"))
        return;
    const fs::path boots = *tests::corpus() / "linux-boot";
    const fs::path tables = boots / "acpi-smmuv3-6.12" / "acpi";
    const Json by_tree = Json::parse(read_text(boots / "dt-virtio-iommu-6.12" / "truth.json"));
    const Json by_tables = Json::parse(read_text(boots / "acpi-smmuv3-6.12" / "truth.json"));
    const fs::path made = fs::temp_directory_path() / fmt::format("xlate-viot-{}.dat", ::getpid());
    const auto boot = [&](std::uint32_t endpoint_start) {
        const auto bytes = viot(endpoint_start);
        std::ofstream(made, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        std::vector<std::string> files{made.string()};
        for (const char* one : {"APIC", "DSDT", "FACP", "MCFG"})
            files.push_back((tables / (std::string(one) + ".dat")).string());
        const std::string yaml =
            qemu_config(read_firmware(files).description, files,
                        read_text(boots / "dt-virtio-iommu-6.12" / "qemu-command.txt"), "qemu-command.txt");
        Config config = parse_config(yaml, "viot.yaml");
        return Json::parse(tests::in_child([&] { return run(config, {}).result.dump(); }));
    };
    const Json result = boot(0);
    CHECK(result["kernel"]["oops"].empty());
    const std::set<std::string> endpoints = members(by_tree["groups"]);
    CHECK(endpoints.size() == 17);
    CHECK(members(result["groups"]) == endpoints);
    CHECK(groups(result["groups"], endpoints) == groups(by_tables["groups"], endpoints));
    std::map<std::string, Json> ids;
    for (const Json& device : by_tree["devices"]) ids[device["name"]] = device["stream_ids"];
    for (const Json& device : result["devices"]) {
        const std::string name = device["name"];
        if (endpoints.count(name) == 0) continue;
        INFO(name);
        CHECK(device["iommu"] == "0000:00:0b.0");
        REQUIRE(device["ids"].size() == ids[name].size());
        for (std::size_t i = 0; i < ids[name].size(); ++i)
            CHECK(device["ids"][i] == std::stoul(ids[name][i].get<std::string>(), nullptr, 16));
    }
    std::uint64_t done = 0;
    for (const Json& master : result["masters"]) {
        if (endpoints.count(master["device"]) == 0) continue;
        CHECK(master["faults"] == 0);
        done += master["reads"].get<std::uint64_t>() + master["writes"].get<std::uint64_t>();
    }
    CHECK(done >= 9000);
    CHECK(result["iommus"][0]["translations"] >= done);
    // A range whose endpoint ids do not begin at 0: the same groups, and every id is that much further.
    const Json moved = boot(0x10000);
    CHECK(groups(moved["groups"], endpoints) == groups(result["groups"], endpoints));
    for (const Json& device : moved["devices"]) {
        if (device["name"] == "0000:00:04.0") CHECK(device["ids"] == Json::array({0x10020}));
    }
    fs::remove(made);
}
