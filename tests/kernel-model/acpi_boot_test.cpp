// Boots from ACPI tables made here: kernel-probe.md 2.9 (VIOT), 10.4, 11.3, 11.5.
#include <catch2/catch.hpp>

#include "firmware/acpi/describe.hpp"
#include "firmware/acpi/table_writer.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/core_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using firmware::acpi::TableWriter;

namespace {

/// A virtio-iommu at 0x9050000 for PCI 00:00.0 to 00:0f.7 of segments 0 and 1, from endpoint 0x1000 on. It is made an
/// SMMUv3, so that there is a driver.
firmware::Description viot_board() {
    TableWriter viot("VIOT", 0);
    viot.u16(2).u16(48).zeros(8);
    viot.u8(4).u8(0).u16(16).u32(0).u64(0x9050000);
    viot.u8(1).u8(0).u16(24).u32(0x1000).u16(0).u16(0).u16(0).u16(0x7F).u16(48).zeros(6);
    TableWriter mcfg("MCFG", 1);
    mcfg.u64(0).u64(0x4010000000).u16(0).u8(0).u8(255).u32(0);
    firmware::Description description = firmware::acpi::read_acpi({{"viot", viot.finish()}, {"mcfg", mcfg.finish()}});
    for (firmware::Node& node : description.nodes)
        if (node.iommu_cells) {
            node.compatible = {"arm,smmu-v3"};
            node.regs.front().size = 0x20000;
        }
    description.memory = {{0x40000000, 0x40000000}};
    return description;
}

PciFunction nvme(unsigned device) {
    PciFunction function;
    function.device = device;
    function.vendor = 0x1B36;
    function.product = 0x0010;
    function.class_code = 0x010802;
    return function;
}

struct Boot {
    Boot(const std::string& variant, firmware::Description board, BootConfig config, bool driver = true)
        : description(std::move(board)),
          world(variant),
          system(world.k, description, config),
          boot(world.k, description, driver ? system.boot_config() : config) {
        world.machine.engines.add(description, [](const firmware::Node&) { return true; });
        boot.start();
        world.run();
    }
    ~Boot() { world.k.sched.kill_all(); }
    DeviceResult device(const std::string& name) const {
        for (const DeviceResult& one : boot.devices())
            if (one.name == name) return one;
        FAIL(name);
        return {};
    }
    firmware::Description description;
    World world;
    KernelSystem system;
    LinuxBoot boot;
};

BootConfig config_with(std::vector<PciFunction> functions) {
    BootConfig config;
    config.pci.push_back({"", 0, 0, std::move(functions)});
    return config;
}

}  // namespace

TEST_CASE("a PCI function in a VIOT's range has the range's endpoint id, one outside has no IOMMU", "[kernel][acpi]") {
    for (const char* const variant : {"base", "series-v1-fixed@17", "linux-6.1", "linux-6.12"}) {
        INFO(variant);
        const Boot run(variant, viot_board(), config_with({nvme(1), nvme(16)}));
        CHECK(run.device("0000:00:01.0").ids == std::vector<std::uint32_t>{0x1008});
        CHECK(run.device("0000:00:01.0").group == 0U);
        CHECK(run.device("0000:00:10.0").ids.empty());
        CHECK_FALSE(run.device("0000:00:10.0").group);
        CHECK(run.device("0000:00:10.0").state == "bound");
        CHECK(run.world.k.reports.empty());
    }
}

TEST_CASE("ACPI clients of an IOMMU whose driver the kernel lacks bind without it", "[kernel][acpi]") {
    BootConfig config = config_with({nvme(1)});
    const firmware::Description board = viot_board();
    CHECK(Boot("linux-6.12", board, config, false).device("0000:00:01.0").state == "deferred");
    config.not_built = board.providers();
    const Boot run("linux-6.12", board, config);
    CHECK(run.device("0000:00:01.0").state == "bound");
    CHECK_FALSE(run.device("0000:00:01.0").group);
}

TEST_CASE("with ACPI an endpoint behind a root port has a group of its own, since ACS is asked for early",
          "[kernel][acpi]") {
    PciFunction port;
    port.device = 2;
    port.kind = PciKind::root_port;
    port.below = {nvme(0)};
    firmware::Description board = viot_board();
    const auto apart = [&](bool early) {
        board.acs_early = early;
        // The map ends at bus 0: let it reach the bus behind the port, too.
        for (firmware::Node& node : board.nodes)
            if (node.viot_map) node.viot_map->rows.front().length = 0x10000;
        const Boot run("linux-6.12", board, config_with({port}));
        return run.device("0000:00:02.0").group != run.device("0000:01:00.0").group;
    };
    CHECK(board.acs_early);
    CHECK(apart(true));
    CHECK_FALSE(apart(false));
}
