// Devices that wait for what firmware says they need: fw_devlink. Field case 08.
#include "kernel-model/of/fw_devlink.hpp"

#include <map>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "tests/corpus.hpp"
#include "tests/firmware/tree_builder.hpp"
#include "tests/kernel-model/arm_smmu_board.hpp"
#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using xlate::tests::TreeBuilder;

namespace {

/// An SMMU whose clocks and power come from one controller, and a client behind it that needs another.
firmware::Description board(bool power = true) {
    TreeBuilder tree;
    tree.cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.open("memory@40000000").text("device_type", "memory").cells("reg", {0, 0x40000000, 0, 0x40000000}).close();
    tree.open("crystal").text("compatible", "fixed-clock").cells("#clock-cells", {0}).cells("phandle", {1}).close();
    tree.open("clock-controller@8c0000").text("compatible", "acme,mmcc").cells("reg", {0, 0x8c0000, 0, 0x1000});
    tree.cells("#clock-cells", {1}).cells("#power-domain-cells", {1}).cells("phandle", {2});
    tree.cells("clocks", {1}).close();
    tree.open("pinctrl@8d0000").text("compatible", "acme,pins").cells("reg", {0, 0x8d0000, 0, 0x1000});
    tree.open("state").cells("phandle", {4}).close();
    tree.close();
    tree.open("smmuv3@9050000").text("compatible", "arm,smmu-v3").cells("reg", {0, 0x9050000, 0, 0x20000});
    tree.cells("#iommu-cells", {1}).cells("phandle", {3}).cells("clocks", {2, 1, 1, 2, 2});
    if (power) tree.cells("power-domains", {2, 0});
    tree.close();
    tree.open("dma@a000000").text("compatible", "acme,dma").cells("reg", {0, 0xa000000, 0, 0x1000});
    tree.cells("iommus", {3, 0x10}).cells("pinctrl-0", {4}).cells("phandle", {5}).close();
    return firmware::read_device_tree(tree.finish(), "test");
}

std::string names(const firmware::Description& description, const char* path) {
    std::string text;
    for (const Supplier& supplier : suppliers_of(description, *description.find_path(path))) {
        text += supplier.property + " " + description.node(supplier.node).path +
                (supplier.optional ? " (optional)" : "") + "; ";
    }
    return text;
}

struct SupplierBoot {
    explicit SupplierBoot(BootConfig config, bool power = true)
        : description(board(power)), kernel("linux-6.12", description, std::move(config)) {
        kernel.run();
    }
    DeviceResult device(const std::string& name) const { return kernel.device(name); }
    firmware::Description description;
    BoardKernel kernel;
};

ModuleLoad load(const std::string& name, SimTime at, const std::string& device = {}) {
    ModuleLoad made;
    made.name = name;
    made.at = at;
    made.device = device;
    return made;
}

}  // namespace

TEST_CASE("suppliers: clocks, power and pins are devices to wait for, fixed clocks are not", "[kernel][driver]") {
    const firmware::Description description = board();
    CHECK(names(description, "/smmuv3@9050000") ==
          "clocks /clock-controller@8c0000; power-domains /clock-controller@8c0000; ");
    CHECK(names(description, "/dma@a000000") == "iommus /smmuv3@9050000 (optional); pinctrl-0 /pinctrl@8d0000; ");
    CHECK(names(description, "/clock-controller@8c0000").empty());
}

TEST_CASE("suppliers: an SMMU waits for its clock's driver, and its clients for the SMMU", "[kernel][driver]") {
    BootConfig config;
    config.modules = {load("generic-client", {}), load("mmcc", ms(2000), "/clock-controller@8c0000")};
    const SupplierBoot run(config);
    CHECK(run.device("9050000.smmuv3").state == "bound");
    CHECK(run.device("9050000.smmuv3").probe_start > ms(2000));
    CHECK(run.device("8c0000.clock-controller").driver == "mmcc");
    CHECK(run.device("a000000.dma").group == 0u);
    std::vector<int> smmu;
    for (const Event& event : run.kernel.world.k.events.events()) {
        if (event.kind == EventKind::driver_probe && event.device == "9050000.smmuv3") smmu.push_back(*event.ret);
    }
    REQUIRE(smmu.size() >= 2);
    CHECK(smmu.front() == -kEPROBE_DEFER);
    CHECK(smmu.back() == 0);
}

TEST_CASE("suppliers: fw_devlink=off waits for none of them, but the bus does for power", "[kernel][driver]") {
    for (const bool power : {false, true}) {
        BootConfig config;
        config.parameters.fw_devlink = false;
        config.modules = {load("generic-client", {}), load("mmcc", ms(2000), "/clock-controller@8c0000")};
        const SupplierBoot run(config, power);
        CAPTURE(power);
        CHECK(run.device("9050000.smmuv3").state == "bound");
        CHECK((run.device("9050000.smmuv3").probe_start < ms(100)) == !power);
    }
}

// devm_clk_get() of the drivers' probe functions answers -EPROBE_DEFER whatever fw_devlink does; SMMUv3's takes none.
TEST_CASE("suppliers: with fw_devlink=off a driver that takes its clock waits for it all the same",
          "[kernel][driver]") {
    const auto [compatible, takes] =
        GENERATE(table<std::string, bool>({{"arm,mmu-500", true}, {"arm,smmu-v3", false}, {"rockchip,iommu", true}}));
    CAPTURE(compatible);
    const bool has_ids = compatible != "rockchip,iommu";
    TreeBuilder tree;
    tree.cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.open("memory@40000000").text("device_type", "memory").cells("reg", {0, 0x40000000, 0, 0x40000000}).close();
    tree.open("clock-controller@8c0000").text("compatible", "acme,cc").cells("reg", {0, 0x8c0000, 0, 0x1000});
    tree.cells("#clock-cells", {1}).cells("phandle", {2}).close();
    tree.open("iommu@9060000").text("compatible", compatible).cells("reg", {0, 0x9060000, 0, 0x20000});
    tree.cells("#iommu-cells", {has_ids ? 1U : 0U}).cells("phandle", {3}).cells("#global-interrupts", {1});
    tree.cells("interrupts", {0, 1, 4, 0, 2, 4, 0, 3, 4}).cells("clocks", {2, 1}).cells("interrupt-parent", {6});
    tree.close();
    tree.open("interrupt-controller@8000000").text("compatible", "arm,gic-v3").cells("reg", {0, 0x8000000, 0, 0x10000});
    tree.flag("interrupt-controller").cells("#interrupt-cells", {3}).cells("phandle", {6}).close();
    tree.open("dma@a000000").text("compatible", "acme,dma").cells("reg", {0, 0xa000000, 0, 0x1000});
    if (has_ids) {
        tree.cells("iommus", {3, 0x10}).close();
    } else {
        tree.cells("iommus", {3}).close();
    }
    const firmware::Description description = firmware::read_device_tree(tree.finish(), "test");
    BootConfig config;
    config.parameters.fw_devlink = false;
    config.modules = {load("generic-client", {}), load("cc", ms(2000), "/clock-controller@8c0000")};
    BoardKernel kernel("linux-6.12", description, std::move(config));
    kernel.run();
    INFO(kernel.world.k.console.text());
    const DeviceResult iommu = kernel.device("9060000.iommu");
    CHECK(iommu.state == "bound");
    CHECK((iommu.probe_start > ms(2000)) == takes);
    CHECK(kernel.device("a000000.dma").group == 0u);
}

TEST_CASE("suppliers: an SMMUv2 waits for its clock past the timeout, its master does not", "[kernel][driver]") {
    const std::string variant = GENERATE("linux-6.1", "mainline-6.8", "linux-6.12");
    CAPTURE(variant);
    constexpr std::uint32_t kPhandle = 0x77;
    ArmSmmuBoard board;
    firmware::Node clocks;
    clocks.name = "clock-controller@3000000";
    clocks.path = "/" + clocks.name;
    clocks.compatible = {"acme,cc"};
    clocks.phandle = kPhandle;
    ArmSmmuBoard::window(clocks, 0x3000000, 0x1000);
    board.u32(board.add(clocks), "#clock-cells", 0);
    const firmware::NodeIndex smmu = board.smmu({"arm,mmu-500"});
    board.u32(smmu, "clocks", kPhandle);
    const std::string master = board.master(smmu, {{1}});
    BootConfig config;
    config.modules = {load("generic-client", {}), load("cc", ms(20000), "/clock-controller@3000000")};
    ArmSmmuRamBoot run(board, {}, std::move(config), variant, false);
    run.machine.scheduler = &run.k.sched;  // modules sleep while the timeout passes
    run.run();
    INFO(run.k.console.text());
    CHECK(run.said("arm-smmu 7f000000.iommu: failed to get clocks -517"));
    for (const DeviceResult& device : run.boot.devices()) {
        if (device.name != "7f000000.iommu") continue;
        CHECK(device.state == "bound");
        CHECK(device.probe_start > ms(20000));
    }
    CHECK(run.boot.find_device(master)->driver.peek() != nullptr);
    CHECK(run.group_of(master) == nullptr);
}

TEST_CASE("suppliers: with fw_devlink.strict a client waits for its IOMMU before its bus looks", "[kernel][driver]") {
    for (const bool strict : {false, true}) {
        BootConfig config;
        config.parameters.fw_devlink_strict = strict;
        config.modules = {load("generic-client", {}), load("arm-smmu-v3", ms(500))};
        const SupplierBoot run(config);
        CHECK(run.device("a000000.dma").group == 0u);
        bool parsed_early = false;
        for (const Event& event : run.kernel.world.k.events.events()) {
            if (event.kind == EventKind::fwspec_init && event.device == "a000000.dma") {
                parsed_early = parsed_early || event.time < ms(500);
            }
        }
        CHECK(parsed_early == !strict);
    }
}

// On a real sc8280xp with Linux 6.16 the consumers of its DSPs had no group when all others had theirs.
TEST_CASE("remote processors: what is behind their channel comes after the last module", "[kernel][driver]") {
    TreeBuilder tree;
    tree.cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.open("memory@40000000").text("device_type", "memory").cells("reg", {0, 0x40000000, 0, 0x40000000}).close();
    tree.open("smmuv3@9050000").text("compatible", "arm,smmu-v3").cells("reg", {0, 0x9050000, 0, 0x20000});
    tree.cells("#iommu-cells", {1}).cells("phandle", {3}).close();
    tree.open("remoteproc@3000000")
        .text("compatible", "qcom,sc8280xp-adsp-pas")
        .cells("reg", {0, 0x3000000, 0, 0x1000});
    tree.open("glink-edge").open("fastrpc").text("compatible", "qcom,fastrpc");
    tree.open("compute-cb@3")
        .text("compatible", "qcom,fastrpc-compute-cb")
        .cells("iommus", {3, 0x10})
        .close()
        .close()
        .close();
    tree.close();
    tree.open("usb@a000000").text("compatible", "acme,wrapper").cells("reg", {0, 0xa000000, 0, 0x1000});
    tree.open("plain").open("dwc3").text("compatible", "acme,dwc3").cells("iommus", {3, 0x20}).close().close().close();
    const firmware::Description description = firmware::read_device_tree(tree.finish(), "test");
    for (const bool modules : {false, true}) {
        BootConfig config;
        if (modules) config.modules = {load("generic-client", {}), load("nvme", ms(500))};
        BoardKernel kernel("linux-6.16", description, std::move(config));
        kernel.run();
        std::map<std::string, SimTime> grouped;
        for (const Event& event : kernel.world.k.events.events()) {
            if (event.kind == EventKind::add_device_to_group)
                grouped[event.device.substr(event.device.rfind(':') + 1)] = event.time;
        }
        INFO(modules);
        REQUIRE(grouped.size() == 2);
        CHECK(grouped.begin()->first == "compute-cb@3");
        CHECK(grouped.begin()->second > grouped.rbegin()->second);
        if (modules) CHECK(grouped.begin()->second > ms(500));
    }
}
