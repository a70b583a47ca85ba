// Aliases, ACS and groups: kernel-probe.md 11.1..11.3.
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

PciFunction at(unsigned device, unsigned function = 0, PciKind kind = PciKind::endpoint) {
    PciFunction made;
    made.device = device;
    made.function = function;
    made.kind = kind;
    if (!is_bridge(kind)) made.driver = "nvme";
    return made;
}

PciFunction with(PciFunction bridge, std::vector<PciFunction> below) {
    bridge.below = std::move(below);
    return bridge;
}

using Partition = std::set<std::set<std::string>>;

Partition boot(const std::vector<PciFunction>& functions, bool acs_early, const char* variant = "linux-6.12") {
    Board board;
    board.host(0x10000000, board.smmu());
    BootConfig config;
    config.pci.push_back({"", 0, 0, functions});
    BoardKernel run(variant, board.description, config);
    if (acs_early) run.boot.pci().pci_request_acs();
    run.run();
    Partition partition;
    for (const GroupResult& group : run.boot.groups()) partition.insert({group.devices.begin(), group.devices.end()});
    CHECK(run.world.k.reports.empty());
    return partition;
}

}  // namespace

TEST_CASE("an endpoint shares its root port's group with a device tree, and has its own where ACS came early",
          "[kernel][pci]") {
    const std::vector<PciFunction> functions{with(at(5, 0, PciKind::root_port), {at(0)})};
    CHECK(boot(functions, false) == Partition{{"0000:00:05.0", "0000:01:00.0"}});
    CHECK(boot(functions, true) == Partition{{"0000:00:05.0"}, {"0000:01:00.0"}});
}

TEST_CASE("functions of one device without ACS share a group on the root bus, single functions do not",
          "[kernel][pci]") {
    const std::vector<PciFunction> functions{at(1), at(2), at(3, 0), at(3, 1)};
    for (const bool early : {false, true})
        CHECK(boot(functions, early) ==
              Partition{{"0000:00:01.0"}, {"0000:00:02.0"}, {"0000:00:03.0", "0000:00:03.1"}});
}

TEST_CASE("functions with a full ACS capability are kept apart only where ACS was switched on", "[kernel][pci]") {
    std::vector<PciFunction> functions{at(3, 0), at(3, 1)};
    for (PciFunction& function : functions) function.acs_capability = kAcsIsolation;
    CHECK(boot(functions, false) == Partition{{"0000:00:03.0", "0000:00:03.1"}});
    CHECK(boot(functions, true) == Partition{{"0000:00:03.0"}, {"0000:00:03.1"}});
}

TEST_CASE("below a switch whose downstream ports have no ACS, endpoints join their port", "[kernel][pci]") {
    const std::vector<PciFunction> functions{
        with(at(9, 0, PciKind::root_port),
             {with(at(0, 0, PciKind::upstream_port), {with(at(0, 0, PciKind::downstream_port), {at(0)}),
                                                      with(at(1, 0, PciKind::downstream_port), {at(0)})})})};
    CHECK(boot(functions, true) ==
          Partition{
              {"0000:00:09.0"}, {"0000:01:00.0"}, {"0000:02:00.0", "0000:03:00.0"}, {"0000:02:01.0", "0000:04:00.0"}});
    CHECK(boot(functions, false) ==
          Partition{{"0000:00:09.0", "0000:01:00.0", "0000:02:00.0", "0000:02:01.0", "0000:03:00.0", "0000:04:00.0"}});
}

TEST_CASE("the alias walk names own id, quirks by devfn, then what each bridge makes of it", "[kernel][pci]") {
    Board board;
    board.host(0x10000000, board.smmu());
    PciFunction device = at(2);
    device.alias_devfns = {0x21, 0x08};
    BootConfig config;
    config.pci.push_back(
        {"",
         0,
         0,
         {with(at(1, 0, PciKind::root_port),
               {with(at(0, 0, PciKind::pcie_to_pci_bridge), {with(at(3, 0, PciKind::pci_bridge), {device})})})}});
    const BoardBoot run("base", board, config);
    auto* const pdev = dynamic_cast<PciDevice*>(run.boot.find_device("0000:03:02.0"));
    REQUIRE(pdev != nullptr);
    std::vector<std::uint16_t> ids;
    pci_for_each_dma_alias(*pdev, [&](PciDevice&, std::uint16_t id) {
        ids.push_back(id);
        return 0;
    });
    CHECK(ids == std::vector<std::uint16_t>{0x310, 0x308, 0x321, 0x218, 0x200});
}

TEST_CASE("a bus is scanned whole, then each bus below it in the order of its bridges", "[kernel][pci]") {
    Board board;
    board.host(0x10000000, board.smmu());
    BootConfig config;
    config.pci.push_back({"",
                          0,
                          0,
                          {at(7), with(at(1, 0, PciKind::root_port), {at(0)}),
                           with(at(2, 0, PciKind::root_port), {with(at(0, 0, PciKind::upstream_port), {})}), at(3)}});
    const BoardBoot run("linux-6.12", board, config);
    std::vector<std::string> order;
    for (const Event& event : run.world.k.events.events())
        if (event.caller == "iommu_bus_notifier") order.push_back(event.device.substr(5));
    CHECK(order == std::vector<std::string>{"00:01.0", "00:02.0", "00:03.0", "00:07.0", "01:00.0", "02:00.0"});
}
