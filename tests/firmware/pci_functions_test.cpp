#include <optional>
#include <string>

#include <catch2/catch.hpp>

#include "firmware/description.hpp"
#include "firmware/pci_functions.hpp"
#include "tests/firmware/tree_builder.hpp"

using namespace xlate;
using namespace xlate::firmware;
using tests::TreeBuilder;

namespace {

/// A host bridge at bus 0x20, a bridge whose bus is 0x21, one that does not say, and functions.
Description board() {
    TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.open("smmu@10000").text("compatible", "arm,smmu-v3").cells("reg", {0x10000, 0x20000});
    tree.cells("#iommu-cells", {1}).cells("phandle", {1}).close();
    tree.open("pcie@1000000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
    tree.cells("reg", {0x1000000, 0x1000000}).cells("#address-cells", {3}).cells("#size-cells", {2});
    tree.cells("bus-range", {0x20, 0x2f}).cells("iommu-map", {0, 1, 0, 0x10000});
    tree.open("intc").text("compatible", "v,intc").cells("iommus", {1, 3}).close();
    tree.open("nic@1,2").text("compatible", "v,nic").cells("reg", {0xa00, 0, 0, 0, 0}).cells("iommus", {1, 7}).close();
    tree.open("off@2,0").cells("reg", {0x1000, 0, 0, 0, 0}).text("status", "disabled").close();
    for (const bool says : {true, false}) {
        tree.open(says ? "pci@3,0" : "pci@4,0").text("device_type", "pci");
        tree.cells("reg", {says ? 0x1800U : 0x2000U, 0, 0, 0, 0})
            .cells("#address-cells", {3})
            .cells("#size-cells", {2});
        if (says) tree.cells("bus-range", {0x21, 0x21});
        tree.open("wifi@0,0").text("compatible", "v,wifi").cells("reg", {0, 0, 0, 0, 0});
        tree.cells("iommu-map", {0, 1, 0, 8}).close().close();
    }
    tree.close();
    tree.open("dma@5000").text("compatible", "v,d").cells("reg", {0x5000, 0x100}).cells("iommus", {1, 8}).close();
    return read_device_tree(tree.finish(), "board");
}

NodeIndex at(const Description& board, const std::string& path) {
    INFO(path);
    REQUIRE(board.find_path(path).has_value());
    return *board.find_path(path);
}

const std::string kHost = "/pcie@1000000";

}  // namespace

TEST_CASE("pci functions: nodes with an address on a PCI bus are functions, others are not", "[firmware][pci]") {
    const Description d = board();
    for (const char* path : {"/nic@1,2", "/off@2,0", "/pci@3,0", "/pci@3,0/wifi@0,0"}) {
        CAPTURE(path);
        CHECK(is_pci_function(d, at(d, kHost + path)));
        CHECK(host_of_pci_function(d, at(d, kHost + path)) == at(d, kHost));
    }
    for (const std::string& path : {kHost, kHost + "/intc", std::string("/dma@5000"), std::string("/")}) {
        CAPTURE(path);
        CHECK_FALSE(is_pci_function(d, at(d, path)));
    }
}

TEST_CASE("pci functions: ids come from the address, and from the bridge's bus numbers", "[firmware][pci]") {
    const Description d = board();
    CHECK(requester_of_pci_function(d, at(d, kHost + "/nic@1,2")) == 0x200AU);
    CHECK(requester_of_pci_function(d, at(d, kHost + "/pci@3,0/wifi@0,0")) == 0x2100U);
    CHECK(requester_of_pci_function(d, at(d, kHost + "/pci@4,0/wifi@0,0")) == std::nullopt);
    CHECK(pci_function_node(d, at(d, kHost), 0xA) == at(d, kHost + "/nic@1,2"));
    CHECK(pci_function_node(d, at(d, kHost), 0x10) == std::nullopt);  // switched off
    CHECK(pci_function_node(d, at(d, kHost), 0xB) == std::nullopt);
    CHECK(pci_function_node(d, at(d, kHost + "/pci@3,0"), 0) == at(d, kHost + "/pci@3,0/wifi@0,0"));
}

TEST_CASE("pci functions: iommus of a function's node makes no master of it, and is named", "[firmware][pci]") {
    const Description d = board();
    CHECK_FALSE(d.node(at(d, kHost + "/nic@1,2")).has_iommus);
    CHECK(d.node(at(d, kHost + "/intc")).has_iommus);
    CHECK(d.node(at(d, "/dma@5000")).has_iommus);
    std::string said;
    for (const Oddity& oddity : d.oddities) said += oddity.path + ": " + oddity.what + "\n";
    CHECK(said.find(kHost + "/nic@1,2: iommus: of a PCI function: no driver of Linux reads it here") !=
          std::string::npos);
    CHECK(said.find("/dma@5000: iommus") == std::string::npos);
    CHECK(is_map_consulted(d, at(d, kHost)));
    CHECK_FALSE(is_map_consulted(d, at(d, kHost + "/pci@3,0/wifi@0,0")));
}
