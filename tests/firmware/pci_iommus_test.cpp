// Where IOMMUs that are PCI functions get their registers. Expected values: by hand, from the PCI bus binding.
#include <catch2/catch.hpp>

#include "firmware/device_name.hpp"
#include "firmware/pci_iommus.hpp"
#include "tests/firmware/tree_builder.hpp"

using namespace xlate;
using namespace xlate::firmware;
using tests::TreeBuilder;

namespace {

/// A host bridge with the window [at, at + 256 MiB) and two virtio-iommus behind it; `second_on`: the other one is
/// there.
Description board(std::uint32_t window, bool second_on, bool moved = false) {
    TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    if (moved) {
        tree.open("soc").text("compatible", "simple-bus").cells("#address-cells", {1}).cells("#size-cells", {1});
        tree.cells("ranges", {0, 0x8000'0000, 0x4000'0000});
    }
    tree.open("pcie@100000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
    tree.cells("reg", {0x100000, 0x1000}).cells("#address-cells", {3}).cells("#size-cells", {2});
    tree.cells("linux,pci-domain", {2});
    tree.cells("ranges", {0x0100'0000, 0, 0, 0x3000'0000, 0, 0x10000,        // I/O
                          0x0200'0000, 0, window, window, 0, 0x1000'0000});  // memory
    tree.open("iommu@1,0").text("compatible", "virtio,pci-iommu").cells("reg", {0x800, 0, 0, 0, 0});
    tree.cells("#iommu-cells", {1}).cells("phandle", {1}).close();
    tree.open("iommu@2,1").text("compatible", "virtio,pci-iommu").cells("reg", {0x1100, 0, 0, 0, 0});
    if (!second_on) tree.text("status", "disabled");
    tree.cells("#iommu-cells", {1}).cells("phandle", {2}).close();
    tree.close();
    if (moved) tree.close();
    return read_device_tree(tree.finish(), "board");
}

const Node& at(const Description& all, const char* path) { return all.node(*all.find_path(path)); }

}  // namespace

TEST_CASE("pci iommus: each gets a place of its own in its host bridge's window, a name and an interrupt",
          "[firmware]") {
    Description all = board(0x5000'0000, true);
    CHECK(at(all, "/pcie@100000/iommu@1,0").regs.front().size == 0);
    CHECK(place_pci_iommus(all).size() == 2);
    const Node& first = at(all, "/pcie@100000/iommu@1,0");
    CHECK(first.regs.front().cpu_address == 0x5000'0000);
    CHECK(first.regs.front().size == 0x4000);
    CHECK(linux_device_name(all, *all.find_path(first.path)) == "0002:00:01.0");
    CHECK(first.interrupts.size() == 1);
    const Node& second = at(all, "/pcie@100000/iommu@2,1");
    CHECK(second.regs.front().cpu_address == 0x5000'4000);
    CHECK(linux_device_name(all, *all.find_path(second.path)) == "0002:00:02.1");
}

TEST_CASE("pci iommus: one that is off gets no place, and a bus that moves addresses moves the window", "[firmware]") {
    Description off = board(0x5000'0000, false);
    CHECK(place_pci_iommus(off).size() == 1);
    CHECK(at(off, "/pcie@100000/iommu@2,1").regs.front().size == 0);
    Description moved = board(0x3000'0000, true, true);
    moved.memory = {{0x1000'0000, 0x2000'0000}};
    REQUIRE(place_pci_iommus(moved).size() == 2);
    CHECK(at(moved, "/soc/pcie@100000/iommu@1,0").regs.front().cpu_address == 0xB000'0000);
}

TEST_CASE("pci iommus: a map leaves the IOMMU's own id out, another id that is missing is a gap", "[firmware]") {
    const auto oddities = [](std::uint32_t left_out) {
        TreeBuilder tree;
        tree.cells("#address-cells", {1}).cells("#size-cells", {1});
        tree.open("pcie@100000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
        tree.cells("reg", {0x100000, 0x1000}).cells("#address-cells", {3}).cells("#size-cells", {2});
        tree.cells("iommu-map", {0, 1, 0, left_out, left_out + 1, 1, left_out + 1, 0x10000 - (left_out + 1)});
        tree.open("iommu@1,0").text("compatible", "virtio,pci-iommu").cells("reg", {0x800, 0, 0, 0, 0});
        tree.cells("#iommu-cells", {1}).cells("phandle", {1}).close().close();
        std::string all;
        for (const Oddity& one : read_device_tree(tree.finish(), "board").oddities) all += one.what + "\n";
        return all.substr(0, all.find(" (offset"));
    };
    CHECK(oddities(0x8) == "");
    CHECK(oddities(0x9) == "iommu-map: gaps: ids 0x9-0x9 are in no row and run untranslated");
}

TEST_CASE("pci iommus: a RISC-V IOMMU has a BAR of its own size", "[firmware]") {
    TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.open("pcie@100000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
    tree.cells("reg", {0x100000, 0x1000}).cells("#address-cells", {3}).cells("#size-cells", {2});
    tree.cells("ranges", {0x0200'0000, 0, 0x5000'1000, 0x5000'1000, 0, 0x1000'0000});
    tree.open("iommu@1,0").text("compatible", "riscv,pci-iommu").cells("reg", {0x800, 0, 0, 0, 0});
    tree.cells("#iommu-cells", {1}).cells("phandle", {1}).close();
    tree.close();
    Description all = read_device_tree(tree.finish(), "board");
    REQUIRE(place_pci_iommus(all).size() == 1);
    const Node& function = at(all, "/pcie@100000/iommu@1,0");
    CHECK(function.regs.front().cpu_address == 0x5000'1000);
    CHECK(function.regs.front().size == 0x1000);
    CHECK(pci_iommu_kind(function)->id == "1b36:0014");
}
