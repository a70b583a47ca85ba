// Deferred probe, asynchronous probing, names and order of devices: kernel-probe.md 2.1, 2.10, 11.5.
#include <catch2/catch.hpp>

#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

const char* const kClient = "a000000.dma";

std::vector<int> results_of(const BoardBoot& run, const std::string& device) {
    std::vector<int> results;
    for (const Event& event : run.world.k.events.events())
        if (event.kind == EventKind::driver_probe && event.device == device) results.push_back(event.ret.value_or(-1));
    return results;
}

Board one_client() {
    Board board;
    board.client(0xA000000, {{board.smmu(), 1}});
    return board;
}

}  // namespace

TEST_CASE("a client that is tried before its IOMMU's driver waits for it and binds", "[kernel][driver]") {
    BootConfig config;
    config.modules = modules({"generic_client", "arm-smmu-v3"});
    (*config.modules)[1].after_previous = true;
    for (const char* const variant : {"base", "series-v1-fixed@17", "murphy-6.7", "linux-6.1", "linux-6.12"}) {
        INFO(variant);
        const BoardBoot run(variant, one_client(), config);
        CHECK(results_of(run, kClient) == std::vector<int>{-kEPROBE_DEFER, 0});
        CHECK(run.device(kClient).group == 0u);
    }
}

TEST_CASE("a client of an IOMMU without a driver binds without it when the timeout has passed", "[kernel][driver]") {
    Board board;
    board.client(0xA000000, {{board.foreign(0x9200000), 1}});
    for (const char* const variant : {"base", "series-v1@17", "linux-6.1", "linux-6.12"}) {
        INFO(variant);
        BootConfig config;
        config.parameters.deferred_probe_timeout_s = 4;
        const BoardBoot run(variant, board, config);
        CHECK(run.device(kClient).state == "bound");
        CHECK(!run.device(kClient).group);
        CHECK(run.world.machine.now() > ms(4'000));
        CHECK(run.world.machine.now() < ms(4'100));
    }
}

TEST_CASE("without module support nothing waits beyond the initcalls", "[kernel][driver]") {
    Board board;
    board.client(0xA000000, {{board.foreign(0x9200000), 1}});
    BootConfig config;
    config.parameters.modules = false;
    const BoardBoot run("linux-6.12", board, config);
    CHECK(run.device(kClient).state == "bound");
    CHECK(run.world.machine.now() < ms(1'000));
}

TEST_CASE("a driver that defers itself is tried again after the next successful bind", "[kernel][driver]") {
    Board board;
    const auto smmu = board.smmu();
    board.client(0xA000000, {{smmu, 1}});
    board.client(0xB000000, {{smmu, 2}});
    DeferringClient client;
    client.deferrals = 1;
    const BoardBoot run("base", board, {}, &client);
    CHECK(results_of(run, kClient) == std::vector<int>{kEPROBE_DEFER, 0});
    CHECK(client.bound == std::vector<std::string>{"b000000.dma", kClient});
}

TEST_CASE("a disabled IOMMU is no reason to wait", "[kernel][driver]") {
    Board board;
    const auto smmu = board.smmu();
    board.description.nodes[firmware::index(smmu)].available = false;
    board.client(0xA000000, {{smmu, 1}});
    for (const char* const variant : {"base", "linux-6.1", "linux-6.12"}) {
        const BoardBoot run(variant, board);
        CHECK(results_of(run, kClient) == std::vector<int>{0});
        CHECK(!run.device(kClient).group);
        CHECK(run.boot.iommus().empty());
    }
}

TEST_CASE("two SMMUs serve their own clients, and groups are numbered over both", "[kernel][driver]") {
    Board board;
    const auto first = board.smmu(0x9050000);
    const auto second = board.smmu(0x9080000);
    board.client(0xA000000, {{second, 1}});
    board.client(0xB000000, {{first, 1}});
    for (const char* const variant : {"base", "series-v1-fixed@17", "linux-6.1", "linux-6.12"}) {
        INFO(variant);
        const BoardBoot run(variant, board);
        CHECK(run.device(kClient).iommu == "9080000.smmuv3");
        CHECK(run.device("b000000.dma").iommu == "9050000.smmuv3");
        CHECK(run.device(kClient).group == 0u);
        CHECK(run.device("b000000.dma").group == 1u);
    }
}

TEST_CASE("platform devices are named by address, by path where there is no address", "[kernel][of]") {
    Board board;
    const auto bus = board.add("soc", 0, {"simple-bus"});
    board.description.nodes[firmware::index(bus)].regs.clear();
    const auto timer = board.add("timer", 0, {"acme,timer"});
    auto& node = board.description.nodes[firmware::index(timer)];
    node.regs.clear();
    node.parent = bus;
    board.description.nodes[0].children.pop_back();
    board.description.nodes[firmware::index(bus)].children.push_back(timer);
    const auto uart = board.add("serial@9000000", 0x9000000, {"arm,pl011", "arm,primecell"});
    static_cast<void>(uart);
    const BoardBoot run("base", board);
    std::vector<std::string> names;
    for (const DeviceResult& device : run.boot.devices()) names.push_back(device.bus + " " + device.name);
    CHECK(names == std::vector<std::string>{"platform soc", "platform soc:timer", "amba 9000000.serial"});
}

TEST_CASE("nvme is probed by a task of its own where it asks for that", "[kernel][driver]") {
    Board board;
    board.host(0x10000000, board.smmu());
    BootConfig config;
    PciFunction disk;
    disk.device = 4;
    disk.class_code = 0x010802;
    config.pci.push_back({"", 0, 0, {disk}});
    const auto prober = [&](const char* variant) {
        const BoardBoot run(variant, board, config);
        std::string by;
        for (const Event& event : run.world.k.events.events())
            if (event.driver == "nvme") by = event.by;
        return by.substr(0, by.find('/'));
    };
    CHECK(prober("linux-6.1") == "insmod");
    CHECK(prober("linux-6.12") == "kworker");
}
