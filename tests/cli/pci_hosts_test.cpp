// Several host bridges of a device tree. Linux: of_pci_bus_find_domain_nr() gives each number once (6.2 on, -ENOSPC);
// before, pci_create_root_bus() refused a root bus that was there (-EEXIST).
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/firmware/tree_builder.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

/// Two hosts in domain 2; the second one's root bus is `bus`.
std::string board_of(std::uint32_t bus) {
    TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.open("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    tree.open("cpu@0").text("device_type", "cpu").text("compatible", "arm,cortex-a72").cells("reg", {0}).close();
    tree.close();
    tree.open("memory@80000000").text("device_type", "memory").cells("reg", {0x80000000, 0x10000000}).close();
    for (const std::uint32_t i : {0U, 1U}) {
        tree.open("pcie@1" + std::to_string(i) + "000000").text("compatible", "pci-host-ecam-generic");
        tree.text("device_type", "pci").cells("reg", {0x10000000 + i * 0x1000000, 0x1000000});
        tree.cells("#address-cells", {3}).cells("#size-cells", {2}).cells("linux,pci-domain", {2});
        tree.cells("bus-range", {i * bus, i * bus + 15});
        tree.cells("ranges", {0x2000000, 0, 0x20000000 + i * 0x1000000, 0x20000000 + i * 0x1000000, 0, 0x1000000})
            .close();
    }
    const std::vector<std::uint8_t> blob = tree.finish();
    return {blob.begin(), blob.end()};
}

}  // namespace

TEST_CASE("pci hosts: two that claim one domain are named, and probed as this kernel does", "[cli][pci]") {
    const Scratch scratch;
    for (const std::uint32_t bus : {0U, 16U}) {
        scratch.file("b.dtb", board_of(bus));
        scratch.file("c.yaml",
                     "firmware: {devicetree: b.dtb}\nsoc:\n  pci:\n    - {host: /pcie@10000000, slot: \"00:01.0\"}\n"
                     "    - {host: /pcie@11000000, slot: \"" +
                         std::string(bus == 0 ? "00" : "10") + ":02.0\"}\ntraffic: []\n");
        CHECK(run_xlate(scratch, "inspect b.dtb")
                  .out.find("/pcie@11000000: linux,pci-domain 2 is that of /pcie@10000000") != std::string::npos);
        for (const char* variant : {"linux-6.1", "linux-6.12"}) {
            INFO(variant << ", the second at bus " << bus);
            const Said said = run_xlate(scratch, std::string("run c.yaml --out r --variant ") + variant);
            CAPTURE(said.out, said.err);
            REQUIRE(said.status == 0);
            std::map<std::string, std::string> states;
            const Json result = Json::parse(read_text(scratch.path("r/result.json")));
            for (const Json& one : result["devices"]) states[one["name"]] = one["state"];
            const bool both = bus != 0 && std::string(variant) == "linux-6.1";
            CHECK(states.count("0002:00:01.0") == 1);
            CHECK(states.count(bus == 0 ? "0002:00:02.0" : "0002:10:02.0") == (both ? 1 : 0));
            CHECK(states["11000000.pcie"] == (both ? "bound" : "failed"));
        }
    }
}
