#include "kernel-model/drivers/initcalls.hpp"

#include <algorithm>
#include <iterator>

namespace xlate::kernel {
namespace {

constexpr DriverInitcall kInitcalls[] = {
    {"apple_dart_driver_init", "apple-dart"},
    {"arm_smmu_driver_init", "arm-smmu"},
    {"arm_smmu_init", "arm-smmu"},
    {"arm_smmu_v3_driver_init", "arm-smmu-v3"},
    {"exynos_iommu_init", "exynos-iommu"},
    {"ipmmu_driver_init", "ipmmu-vmsa"},
    {"msm_iommu_driver_init", "msm_iommu"},
    {"mtk_iommu_driver_init", "mtk-iommu"},
    {"mtk_iommu_v1_driver_init", "mtk-iommu-v1"},
    {"omap_iommu_init", "omap-iommu"},
    {"qcom_iommu_init", "qcom-iommu"},
    {"riscv_iommu_platform_driver_init", "riscv-iommu"},
    {"rk_iommu_driver_init", "rockchip-iommu"},
    {"rk_iommu_init", "rockchip-iommu"},
    {"sprd_iommu_driver_init", "sprd-iommu"},
    {"sun50i_iommu_driver_init", "sun50i-iommu"},
    {"tegra_mc_init", "tegra-mc"},
};

/// As modules' names begin.
constexpr std::string_view kNotInDebian[] = {"apple-dart", "exynos", "ipmmu", "sprd", "mtk"};

}  // namespace

Span<DriverInitcall> driver_initcalls() { return {kInitcalls, std::size(kInitcalls)}; }

bool absent_in_debian_arm64(std::string_view module) {
    return std::any_of(std::begin(kNotInDebian), std::end(kNotInDebian),
                       [&](std::string_view start) { return module.rfind(start, 0) == 0; });
}

}  // namespace xlate::kernel
