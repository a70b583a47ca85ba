// Which M4U of MediaTek a release of Linux drives, and how. Source: mtk_iommu_of_ids[] and mt6893_data in Linux
// drivers/iommu/mtk_iommu.c, mtk_smi_common_of_ids[] and mtk_smi_larb_of_ids[] in drivers/memory/mtk-smi.c.
#include "kernel-model/drivers/mediatek/mtk_platform.hpp"

#include <catch2/catch.hpp>

#include "kernel-model/drivers/iommu_drivers.hpp"

using namespace xlate;
using namespace xlate::kernel;

namespace {

firmware::Node node_of(const char* compatible) {
    firmware::Node node;
    node.compatible = {compatible};
    return node;
}

}  // namespace

TEST_CASE("mtk-iommu: MT6893's is driven from Linux 6.16 on, as MT8192's with one table for all", "[kernel-model]") {
    const firmware::Node node = node_of("mediatek,mt6893-iommu-mm");
    CHECK(mtk_platform_of(node, 615) == nullptr);  // f6a1e89ab6e3
    const MtkPlatform* const platform = mtk_platform_of(node, 616);
    REQUIRE(platform != nullptr);
    CHECK(platform->is_mm());
    CHECK(platform->share_pgtable);
    CHECK(platform->has_bclk);
    CHECK(platform->out_order_write);
    CHECK(platform->write_throttle);
    CHECK(platform->region_count() == 6);
    CHECK(platform->larb_in_region(4, 13, 0x600));  // CCU0: larb 13, ports 9 and 10
    CHECK(platform->larb_in_region(5, 14, 0x30));   // CCU1: larb 14, ports 4 and 5
    CHECK(platform->larb_in_region(1, 7, 1));
    for (const auto& [compatible, driver] :
         {std::pair("mediatek,mt6893-iommu-mm", "mtk-iommu"), std::pair("mediatek,mt6893-smi-common", "mtk-smi-common"),
          std::pair("mediatek,mt6893-smi-larb", "mtk-smi-larb")}) {
        const IommuDriver* const found = iommu_driver_of(node_of(compatible));
        REQUIRE(found != nullptr);
        CHECK(found->name == driver);
    }
}
