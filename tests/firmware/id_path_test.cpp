#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

#include "firmware/description.hpp"
#include "firmware/device_name.hpp"
#include "firmware/id_path.hpp"
#include "firmware/pci_hosts.hpp"
#include "tests/firmware/tree_builder.hpp"

using namespace xlate;
using namespace xlate::firmware;
using namespace std::string_view_literals;
using tests::TreeBuilder;

namespace {

constexpr std::uint32_t kSmmu = 1;
constexpr std::uint32_t kOff = 2;

void iommu(TreeBuilder& tree, const char* name, const char* compatible, std::uint32_t address, std::uint32_t phandle,
           bool on = true) {
    tree.open(name).text("compatible", compatible).cells("reg", {address, 0x20000}).cells("#iommu-cells", {1});
    if (!on) tree.text("status", "disabled");
    tree.cells("phandle", {phandle}).close();
}

/// Two SMMUs, one of them off, and two host bridges.
Description board() {
    TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    iommu(tree, "smmu@10000", "arm,smmu-v3", 0x10000, kSmmu);
    iommu(tree, "smmu@40000", "arm,smmu-v3", 0x40000, kOff, false);
    tree.open("good@1000").text("compatible", "v,d").cells("reg", {0x1000, 0x100}).cells("iommus", {kSmmu, 8}).close();
    tree.open("off@2000").text("compatible", "v,d").cells("reg", {0x2000, 0x100}).cells("iommus", {kOff, 9}).close();
    tree.open("child@3000").cells("reg", {0x3000, 0x100}).cells("iommus", {kSmmu, 10}).close();
    tree.open("hole@4000").text("compatible", "v,d").cells("reg", {0x4000, 0x100}).cells("iommus", {0, 0}).close();
    tree.open("plain@5000").text("compatible", "v,d").cells("reg", {0x5000, 0x100}).close();
    tree.open("gone@6000").text("compatible", "v,d").text("status", "fail").cells("iommus", {kSmmu, 11}).close();
    tree.open("pcie@100000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
    tree.cells("reg", {0x100000, 0x1000}).cells("linux,pci-domain", {1});
    tree.cells("iommu-map", {0, kSmmu, 0x100, 0x80}).cells("iommu-map-mask", {0xff}).close();
    tree.open("pcie@200000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
    tree.cells("reg", {0x200000, 0x1000}).cells("iommus", {kSmmu, 12}).close();
    return read_device_tree(tree.finish(), "board");
}

IdPath of(const Description& board, const char* path) { return id_path(board, *board.find_path(path)); }

}  // namespace

TEST_CASE("the way to an id ends where Linux's ends") {
    const Description d = board();
    const IdPath good = of(d, "/good@1000");
    CHECK(good.end == PathEnd::behind);
    CHECK(good.ids == std::vector<StreamMatch>{{8, 0}});
    CHECK(good.why.empty());
    CHECK(of(d, "/off@2000").end == PathEnd::provider_disabled);
    CHECK(of(d, "/off@2000").why.find("/smmu@40000, whose status is disabled") != std::string::npos);
    CHECK(of(d, "/child@3000").end == PathEnd::no_device);
    CHECK(of(d, "/hole@4000").end == PathEnd::list_broken);
    CHECK(of(d, "/plain@5000").end == PathEnd::no_iommu);
    CHECK(of(d, "/gone@6000").end == PathEnd::not_there);
}

// exynos_iommu_attach_device() goes over all controllers of a master, omap_iommu_attach_init() over all of its
// arch_data, apple_dart_attach_dev_paging() over all stream maps; rk_iommu_of_xlate() keeps the last one,
// ipmmu_of_xlate() the first.
TEST_CASE("of several IOMMUs a driver uses all, the first or the last") {
    struct Row {
        const char* compatible;
        std::uint32_t cells;
        const char* says;
    };
    for (const Row& row : {Row{"samsung,exynos-sysmmu", 0, "programs all of them alike"},
                           Row{"ti,omap4-iommu", 0, "programs all of them alike"},
                           Row{"apple,t8103-dart", 1, "programs all of them alike"},
                           Row{"rockchip,iommu", 0, "goes by the last"}, Row{"arm,smmu-v3", 1, "goes by the first"}}) {
        CAPTURE(row.compatible);
        TreeBuilder tree;
        tree.cells("#address-cells", {1}).cells("#size-cells", {1});
        for (const std::uint32_t phandle : {1U, 2U}) {
            tree.open(phandle == 1 ? "iommu@10000" : "iommu@20000").text("compatible", row.compatible);
            tree.cells("reg", {phandle << 16, 0x1000}).cells("#iommu-cells", {row.cells}).cells("phandle", {phandle});
            tree.close();
        }
        tree.open("master@1000").text("compatible", "v,d").cells("reg", {0x1000, 0x100});
        if (row.cells == 0) {
            tree.cells("iommus", {1, 2});
        } else {
            tree.cells("iommus", {1, 3, 2, 3});
        }
        tree.close();
        const IdPath path = of(read_device_tree(tree.finish(), "board"), "/master@1000");
        CHECK(path.end == PathEnd::behind);
        CHECK(std::any_of(path.steps.begin(), path.steps.end(), [&](const std::string& step) {
            return step.find("several IOMMUs are named: ") == 0 && step.find(row.says) != std::string::npos;
        }));
    }
}

TEST_CASE("a function's way goes through mask and rows") {
    const Description d = board();
    const NodeIndex host = *d.find_path("/pcie@100000");
    const std::vector<std::uint32_t> own{0x108};
    const IdPath path = id_path_of_function(d, host, own);
    CHECK(path.end == PathEnd::behind);
    CHECK(path.ids == std::vector<StreamMatch>{{0x108, 0}});  // 0x108 & 0xff = 8, row 0x0 -> 0x100
    const std::vector<std::uint32_t> outside{0x90};
    CHECK(id_path_of_function(d, host, outside).end == PathEnd::no_row);
    // An alias without a row: the whole parse ends there.
    const std::vector<std::uint32_t> alias{0x8, 0x90};
    CHECK(id_path_of_function(d, host, alias).end == PathEnd::no_row);
}

TEST_CASE("iommus of a host bridge does not reach its functions") {
    const Description d = board();
    const std::vector<std::uint32_t> own{8};
    const IdPath path = id_path_of_function(d, *d.find_path("/pcie@200000"), own);
    CHECK(path.end == PathEnd::no_iommu);
    CHECK(path.why.find("iommus is for the bridge's own device") != std::string::npos);
}

TEST_CASE("host bridges without linux,pci-domain take the lowest numbers that no node claims") {
    const Description d = board();
    const std::vector<PciHost> hosts = pci_hosts(d);
    REQUIRE(hosts.size() == 2);
    CHECK(hosts[0].domain == 1);
    CHECK(hosts[1].domain == 0);
    CHECK(pci_name(1, 0x108) == "0001:01:01.0");
    CHECK(find_pci_host(d, "200000.pcie")->domain == 0);
    CHECK_FALSE(find_pci_host(d, "300000.pcie"));
}

TEST_CASE("Linux names a device by the nearest address that the CPU reaches") {
    TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.open("soc").text("compatible", "simple-bus").cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.flag("ranges").open("timer").close();
    tree.open("mdio@1000").cells("reg", {0x1000, 0x10}).cells("#address-cells", {1}).cells("#size-cells", {0});
    tree.open("phy@1").cells("reg", {1}).close().close().close();
    const Description d = read_device_tree(tree.finish(), "names");
    const auto called = [&](const char* path) { return linux_device_name(d, *d.find_path(path)); };
    CHECK(called("/soc/timer") == "soc:timer");
    CHECK(called("/soc/mdio@1000") == "1000.mdio");
    CHECK(called("/soc/mdio@1000/phy@1") == "1000.mdio:phy@1");
}

namespace {

/// A host bridge whose map is `cells`, and an IOMMU (phandle 1) that takes two.
Description two_cells(const std::vector<std::uint32_t>& cells) {
    TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.open("smmu@10000").text("compatible", "arm,mmu-500").cells("reg", {0x10000, 0x10000}).cells("phandle", {1});
    tree.cells("#iommu-cells", {2}).close();
    tree.open("pcie@100000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
    tree.cells("reg", {0x100000, 0x1000}).cells("iommu-map", cells).close();
    return read_device_tree(tree.finish(), "two-cells");
}

MapLookup look_up(const Description& board, std::uint32_t id, MapReading reading) {
    return board.map_id(*board.find_path("/pcie@100000"), id, reading);
}

std::string oddities(const Description& board) {
    std::string all;
    for (const Oddity& one : board.oddities) all += one.path + ": " + one.what + "\n";
    return all;
}

}  // namespace

// Source: docs/spec/probe-reports.md section 1, the row of iommu-map.
TEST_CASE("rows of iommu-map have four cells, or from ccb2fd725d41 on as many as the IOMMU takes") {
    const Description newer = two_cells({0x8, 1, 0x800, 0x7f, 1, 0x10, 1, 0x900, 0, 1});
    const MapLookup found = look_up(newer, 0x8, MapReading::by_cells);
    CHECK(found.result == MapResult::ok);
    CHECK(found.id == 0x800);
    CHECK(found.more == std::vector<std::uint32_t>{0x7f});
    CHECK(look_up(newer, 0x10, MapReading::by_cells).id == 0x900);
    CHECK(look_up(newer, 0x11, MapReading::by_cells).result == MapResult::bypass);
    CHECK(look_up(newer, 0x8, MapReading::four_cells).result == MapResult::error_malformed);
    CHECK(oddities(newer).find("row 0 would have to be <0x8 &smmu@10000 0x800 0x1>") != std::string::npos);
}

TEST_CASE("four cells for an IOMMU that takes two: tolerated where each length is 1, else misread later") {
    const Description tolerated = two_cells({0x8, 1, 0x800, 1, 0x10, 1, 0x900, 1});
    for (const MapReading reading : {MapReading::four_cells, MapReading::by_cells}) {
        CHECK(look_up(tolerated, 0x10, reading).id == 0x900);
        CHECK(look_up(tolerated, 0x10, reading).more.empty());
    }
    CHECK(oddities(tolerated).find("want <0x8 &smmu@10000 0x800 0x0 0x1>") != std::string::npos);
    const Description long_row = two_cells({0x0, 1, 0x800, 0x100});
    CHECK(look_up(long_row, 0x10, MapReading::four_cells).id == 0x810);
    CHECK(look_up(long_row, 0x10, MapReading::by_cells).result == MapResult::error_malformed);
    CHECK(oddities(long_row).find("a row for each id") != std::string::npos);
    // A row of several ids at two cells is an error.
    const Description several = two_cells({0x0, 1, 0x800, 0, 2});
    CHECK(look_up(several, 0x0, MapReading::by_cells).result == MapResult::error_malformed);
}
