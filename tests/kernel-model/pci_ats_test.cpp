// Who says that a root complex handles ATS, and from which kernel on.
#include <catch2/catch.hpp>

#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

std::uint32_t flags_after_boot(const char* variant, bool says_so) {
    Board board;
    const auto host = board.host(0x10000000, board.smmu());
    static const std::vector<firmware::Property> kSays{{"ats-supported", {}, 0}};
    if (says_so) board.description.nodes[firmware::index(host)].properties = kSays;
    PciFunction function;
    function.device = 1;
    function.driver = "nvme";
    BootConfig config;
    config.pci.push_back({"", 0, 0, {function}});
    BoardBoot run{variant, board, config};
    CHECK(run.world.k.reports.empty());
    const Device* dev = run.boot.find_device("0000:00:01.0");
    REQUIRE(dev != nullptr);
    REQUIRE(dev->iommu.peek());
    return dev->iommu.peek()->fwspec.peek()->flags.peek();
}

}  // namespace

TEST_CASE("pci: ats-supported of the host bridge's node marks the fwspec, from 6.11 on", "[kernel][pci][ats]") {
    CHECK(flags_after_boot("linux-6.12", true) == kFwspecPciRcAts);
    CHECK(flags_after_boot("mainline-6.15.1", true) == kFwspecPciRcAts);
    CHECK(flags_after_boot("linux-6.12", false) == 0);
    CHECK(flags_after_boot("linux-6.1", true) == 0);
    CHECK(flags_after_boot("base", true) == 0);
}
