// Which devices ipmmu-vmsa takes, by SoC and release: Linux's lists (drivers/iommu/ipmmu-vmsa.c, renesas-soc.c).
#include <catch2/catch.hpp>

#include "kernel-model/drivers/ipmmu/ipmmu_soc.hpp"

using namespace xlate;
using namespace xlate::kernel;

namespace {

firmware::Description board(std::vector<std::string> compatible) {
    firmware::Description description;
    description.nodes.resize(1);
    description.nodes[0].compatible = std::move(compatible);
    return description;
}

}  // namespace

TEST_CASE("ipmmu: SoCs of Gen3, Gen4 and RZ/G2 let listed devices in alone, two of them none",
          "[kernel-model][ipmmu]") {
    const auto allowed = [](std::vector<std::string> compatible, std::string_view device, bool pci, unsigned release) {
        return ipmmu_device_is_allowed(ipmmu_soc(board(std::move(compatible))), device, pci, release);
    };
    // Gen2 and boards of no SoC of the list: every device.
    CHECK(allowed({"renesas,koelsch", "renesas,r8a7791"}, "ec700000.dma-controller", false, 612));
    CHECK(allowed({"linux,dummy-virt"}, "a000000.virtio_mmio", false, 612));
    // R-Car H3: the SDHI controllers; PCI functions from 6.8 on.
    CHECK(allowed({"renesas,salvator-xs", "renesas,r8a7795"}, "ee140000.mmc", false, 601));
    CHECK_FALSE(allowed({"renesas,salvator-xs", "renesas,r8a7795"}, "fe960000.vsp", false, 612));
    CHECK_FALSE(allowed({"renesas,salvator-xs", "renesas,r8a7795"}, "0000:01:00.0", true, 601));
    CHECK(allowed({"renesas,salvator-xs", "renesas,r8a7795"}, "0000:01:00.0", true, 612));
    CHECK(allowed({"renesas,spider", "renesas,r8a779f0"}, "ee140000.mmc", false, 612));
    // RZ/G2M and R-Car M3-W: none at all.
    CHECK_FALSE(allowed({"hoperun,hihope-rzg2m", "renesas,r8a774a1"}, "ee140000.mmc", false, 601));
    CHECK_FALSE(allowed({"renesas,salvator-x", "renesas,r8a7796"}, "ee140000.mmc", false, 612));
    CHECK(ipmmu_turns_away(board({"hoperun,hihope-rzg2m", "renesas,r8a774a1"}), "ee140000.mmc", false, 601)
              .find("r8a774a1") != std::string::npos);
    CHECK(ipmmu_turns_away(board({"renesas,salvator-xs", "renesas,r8a7795"}), "ee140000.mmc", false, 601).empty());
}
