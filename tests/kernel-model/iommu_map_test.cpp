// How kernels before and since 7.2 (ccb2fd725d41) take an iommu-map apart, and what they print of it.
// Source: docs/spec/probe-reports.md section 1; the commit's messages.
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "firmware/description.hpp"
#include "tests/firmware/tree_builder.hpp"
#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using xlate::tests::TreeBuilder;

namespace {

/// An SMMUv2 that takes two cells, and a host bridge in front of it.
firmware::Description board(std::initializer_list<std::uint32_t> map) {
    TreeBuilder tree;
    tree.cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.open("memory@40000000").text("device_type", "memory").cells("reg", {0, 0x40000000, 0, 0x40000000}).close();
    tree.open("iommu@9050000").text("compatible", "arm,mmu-500").cells("reg", {0, 0x9050000, 0, 0x20000});
    tree.cells("#iommu-cells", {2}).cells("phandle", {1}).cells("#global-interrupts", {1});
    tree.cells("interrupts", {0, 1, 4, 0, 2, 4}).cells("interrupt-parent", {2}).close();
    tree.open("gic@8000000").text("compatible", "arm,gic-v3").cells("reg", {0, 0x8000000, 0, 0x10000});
    tree.cells("#interrupt-cells", {3}).cells("phandle", {2}).cells("interrupt-controller", {}).close();
    tree.open("pcie@10000000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
    tree.cells("reg", {0, 0x10000000, 0, 0x1000000}).cells("#address-cells", {3}).cells("#size-cells", {2});
    tree.cells("bus-range", {0, 0xf}).cells("iommu-map", map).close();
    return firmware::read_device_tree(tree.finish(), "test");
}

struct Seen {
    std::optional<unsigned> group;
    std::vector<std::uint32_t> ids;
    std::string console;
};

Seen boot(const char* variant, std::initializer_list<std::uint32_t> map) {
    const firmware::Description description = board(map);
    PciFunction function;
    function.device = 1;
    function.driver = "nvme";
    BootConfig config;
    config.pci.push_back({"", 0, 0, {function}});
    BoardKernel kernel(variant, description, config);
    kernel.run();
    const DeviceResult device = kernel.device("0000:00:01.0");
    return {device.group, device.ids, kernel.world.k.console.text()};
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

const char* const kMismatch =
    "OF: /pcie@10000000: iommu-map mismatches target #iommu-cells, assuming extra cell of 0\n";

}  // namespace

TEST_CASE("iommu-map: rows as the IOMMU takes cells are read since 7.2, and are a bad length before", "[kernel][of]") {
    const std::initializer_list<std::uint32_t> map{0x8, 1, 0x20, 0x7f00, 1};
    for (const auto& [variant, reads] : {std::pair("linux-6.12", false), std::pair("linux-7.1", false),
                                         std::pair("linux-7.2", true), std::pair("linux-7.3", true)}) {
        INFO(variant);
        const Seen seen = boot(variant, map);
        INFO(seen.console);
        CHECK(seen.group.has_value() == reads);
        CHECK((count(seen.console, "OF: /pcie@10000000: Error: Bad iommu-map length: 20\n") > 0) == !reads);
        if (reads) CHECK(seen.ids == std::vector<std::uint32_t>{0x7f000020});
    }
}

TEST_CASE("iommu-map: four cells and length 1 for an IOMMU of two cells: read as before, with one warning",
          "[kernel][of]") {
    for (const auto& [variant, times] : {std::pair("linux-7.1", 0U), std::pair("linux-7.2", 1U)}) {
        INFO(variant);
        const Seen seen = boot(variant, {0x0, 1, 0x10, 1, 0x8, 1, 0x20, 1});
        INFO(seen.console);
        CHECK(seen.group.has_value());
        CHECK(seen.ids == std::vector<std::uint32_t>{0x20});
        CHECK(count(seen.console, kMismatch) == times);
    }
}

TEST_CASE("iommu-map: a range at two cells is refused since 7.2", "[kernel][of]") {
    const Seen seen = boot("linux-7.3", {0x0, 1, 0x10, 0, 0x100});
    INFO(seen.console);
    CHECK_FALSE(seen.group);
    CHECK(count(seen.console,
                "OF: /pcie@10000000: Unsupported iommu-map - cannot handle 256-ID range with 2-cell "
                "output specifier\n") > 0);
    // One long row of four cells: its last cells are taken for a second one, and for a length that is not there.
    const Seen misread = boot("linux-7.3", {0x0, 1, 0x10, 0x100});
    INFO(misread.console);
    CHECK_FALSE(misread.group);
    CHECK(count(misread.console, "OF: /pcie@10000000: Error: Bad iommu-map length: 16\n") > 0);
    CHECK(boot("linux-7.1", {0x0, 1, 0x10, 0x100}).group.has_value());
}
