#include "kernel-model/drivers/iommu_drivers.hpp"

#include <algorithm>
#include <iterator>

#include "firmware/iommu_families.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/amd/amd_iommu_ops.hpp"
#include "kernel-model/drivers/apple_dart/apple_dart.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3.hpp"
#include "kernel-model/drivers/broadcom/bcm2712_iommu.hpp"
#include "kernel-model/drivers/exynos/exynos_iommu.hpp"
#include "kernel-model/drivers/intel/intel_iommu.hpp"
#include "kernel-model/drivers/ipmmu/ipmmu_vmsa.hpp"
#include "kernel-model/drivers/mediatek/mtk_iommu_driver.hpp"
#include "kernel-model/drivers/mediatek/mtk_iommu_v1.hpp"
#include "kernel-model/drivers/omap/omap_iommu_ops.hpp"
#include "kernel-model/drivers/qcom/msm_iommu.hpp"
#include "kernel-model/drivers/qcom/qcom_iommu.hpp"
#include "kernel-model/drivers/riscv/riscv_iommu.hpp"
#include "kernel-model/drivers/rockchip/rockchip_iommu.hpp"
#include "kernel-model/drivers/sprd/sprd_iommu.hpp"
#include "kernel-model/drivers/sun50i/sun50i_iommu.hpp"
#include "kernel-model/drivers/tegra/tegra_mc.hpp"
#include "kernel-model/drivers/verisilicon/vsi_iommu.hpp"
#include "kernel-model/drivers/virtio_iommu/virtio_iommu.hpp"

namespace xlate::kernel {
namespace {

template <std::size_t N>
constexpr Span<std::string_view> names(const std::string_view (&list)[N]) {
    return {list, N};
}

constexpr std::string_view kSmmu[] = {"arm,smmu-v1", "arm,smmu-v2",    "arm,mmu-400",     "arm,mmu-401",
                                      "arm,mmu-500", "cavium,smmu-v2", "nvidia,smmu-500", "qcom,smmu-v2"};
constexpr std::string_view kSmmuV3[] = {"arm,smmu-v3"};
constexpr std::string_view kDart[] = {"apple,t8103-dart", "apple,t8103-usb4-dart", "apple,t6000-dart",
                                      "apple,t8110-dart"};
constexpr std::string_view kRiscv[] = {"riscv,iommu"};
constexpr std::string_view kRiscvPci[] = {"riscv,pci-iommu"};
constexpr std::string_view kOmap[] = {"ti,omap2-iommu", "ti,omap4-iommu", "ti,dra7-iommu", "ti,dra7-dsp-iommu"};
constexpr std::string_view kRockchip[] = {"rockchip,iommu", "rockchip,rk3568-iommu"};

constexpr std::string_view kExynos[] = {"samsung,exynos-sysmmu"};
constexpr std::string_view kIpmmu[] = {
    "renesas,ipmmu-vmsa",     "renesas,ipmmu-r8a774a1", "renesas,ipmmu-r8a774b1",      "renesas,ipmmu-r8a774c0",
    "renesas,ipmmu-r8a774e1", "renesas,ipmmu-r8a7795",  "renesas,ipmmu-r8a7796",       "renesas,ipmmu-r8a77961",
    "renesas,ipmmu-r8a77965", "renesas,ipmmu-r8a77970", "renesas,ipmmu-r8a77980",      "renesas,ipmmu-r8a77990",
    "renesas,ipmmu-r8a77995", "renesas,ipmmu-r8a779a0", "renesas,rcar-gen4-ipmmu-vmsa"};
constexpr std::string_view kBcm2712[] = {"brcm,bcm2712-iommu"}, kBcm2712Cache[] = {"brcm,bcm2712-iommuc"};
constexpr std::string_view kMsm[] = {"qcom,apq8064-iommu"};
constexpr std::string_view kQcom[] = {"qcom,msm-iommu-v1", "qcom,msm-iommu-v2"};

constexpr std::string_view kIntel[] = {"intel,vt-d"};  // nodes that the description makes of DRHD structures
constexpr std::string_view kSprd[] = {"sprd,iommu-v1"};
constexpr std::string_view kSun50i[] = {"allwinner,sun50i-h6-iommu", "allwinner,sun50i-h616-iommu"};

constexpr std::string_view kTegra[] = {"nvidia,tegra30-mc", "nvidia,tegra114-mc", "nvidia,tegra124-mc",
                                       "nvidia,tegra132-mc", "nvidia,tegra210-mc"};
constexpr std::string_view kVerisilicon[] = {"verisilicon,iommu-1.2"};
constexpr std::string_view kVirtioMmio[] = {"virtio,mmio"};
constexpr std::string_view kVirtioPci[] = {"virtio,pci-iommu"};
constexpr std::string_view kMtk[] = {
    "mediatek,mt2712-m4u",         "mediatek,mt6779-m4u",       "mediatek,mt6795-m4u",       "mediatek,mt6893-iommu-mm",
    "mediatek,mt8167-m4u",         "mediatek,mt8173-m4u",       "mediatek,mt8183-m4u",       "mediatek,mt8186-iommu-mm",
    "mediatek,mt8188-iommu-infra", "mediatek,mt8188-iommu-vdo", "mediatek,mt8188-iommu-vpp", "mediatek,mt8192-m4u",
    "mediatek,mt8195-iommu-infra", "mediatek,mt8195-iommu-vdo", "mediatek,mt8195-iommu-vpp", "mediatek,mt8365-m4u"};
constexpr std::string_view kMtkV1[] = {"mediatek,mt2701-m4u"};
constexpr std::string_view kMtkSmiCommon[] = {
    "mediatek,mt2701-smi-common",     "mediatek,mt2712-smi-common",     "mediatek,mt6779-smi-common",
    "mediatek,mt6795-smi-common",     "mediatek,mt6893-smi-common",     "mediatek,mt8167-smi-common",
    "mediatek,mt8173-smi-common",     "mediatek,mt8183-smi-common",     "mediatek,mt8186-smi-common",
    "mediatek,mt8188-smi-common-vdo", "mediatek,mt8188-smi-common-vpp", "mediatek,mt8192-smi-common",
    "mediatek,mt8195-smi-common-vdo", "mediatek,mt8195-smi-common-vpp", "mediatek,mt8195-smi-sub-common",
    "mediatek,mt8365-smi-common"};
constexpr std::string_view kMtkSmiLarb[] = {
    "mediatek,mt2701-smi-larb", "mediatek,mt2712-smi-larb", "mediatek,mt6779-smi-larb", "mediatek,mt6795-smi-larb",
    "mediatek,mt6893-smi-larb", "mediatek,mt8167-smi-larb", "mediatek,mt8173-smi-larb", "mediatek,mt8183-smi-larb",
    "mediatek,mt8186-smi-larb", "mediatek,mt8188-smi-larb", "mediatek,mt8192-smi-larb", "mediatek,mt8195-smi-larb"};

constexpr std::string_view kAmdVi[] = {"amd,iommu"};

constexpr std::string_view kClocks[] = {"clocks"}, kClocksAndResets[] = {"clocks", "resets"};
constexpr Span<std::string_view> kNothing{};

constexpr IommuDriver kDrivers[] = {
    {"amd-iommu", "amd_iommu", DriverHome::initcall, names(kAmdVi), kNothing, make_amd_iommu, false, 0, amd_turns_away},
    {"apple-dart", "apple-dart", DriverHome::platform, names(kDart), names(kClocks), make_apple_dart},
    {"arm-smmu", "arm-smmu", DriverHome::platform, names(kSmmu), names(kClocks), arm_smmu::make_arm_smmu, false, 0,
     nullptr, "failed to get clocks -517"},
    {"arm-smmu-v3", "arm-smmu-v3", DriverHome::platform, names(kSmmuV3), kNothing, make_arm_smmu_v3},
    {"exynos-sysmmu", "exynos-iommu", DriverHome::platform, names(kExynos), names(kClocks), make_exynos_iommu},
    {"intel-iommu", "intel-iommu", DriverHome::initcall, names(kIntel), kNothing, make_intel_iommu},
    {"riscv-iommu", "riscv-iommu", DriverHome::platform, names(kRiscv), kNothing, make_riscv_iommu, false, 613},
    {"riscv-iommu", "riscv-iommu-pci", DriverHome::platform, names(kRiscvPci), kNothing, make_riscv_iommu_pci, false,
     613},
    {"omap-iommu", "omap-iommu", DriverHome::platform, names(kOmap), kNothing, make_omap_iommu},
    {"ipmmu-vmsa", "ipmmu-vmsa", DriverHome::platform, names(kIpmmu), kNothing, make_ipmmu_vmsa, false, 0,
     ipmmu_turns_away},
    {"msm_iommu", "msm_iommu", DriverHome::platform, names(kMsm), names(kClocks), make_msm_iommu},
    {"qcom-iommu", "qcom-iommu", DriverHome::platform, names(kQcom), names(kClocks), make_qcom_iommu, false, 0, nullptr,
     "failed to get iface clock"},
    // What mtk-iommu cannot do without: SMI commons and larbs.
    {"mtk-smi-common", "mtk-smi", DriverHome::platform, names(kMtkSmiCommon), names(kClocks), make_mtk_smi_common},
    {"mtk-smi-larb", "mtk-smi", DriverHome::platform, names(kMtkSmiLarb), names(kClocks), make_mtk_smi_larb},
    {"mtk-iommu", "mtk-iommu", DriverHome::platform, names(kMtk), names(kClocks), make_mtk_iommu},
    {"mtk-iommu-v1", "mtk-iommu-v1", DriverHome::platform, names(kMtkV1), names(kClocks), make_mtk_iommu_v1},
    {"rockchip-iommu", "rockchip-iommu", DriverHome::platform, names(kRockchip), names(kClocks), make_rockchip_iommu},
    {"sprd-iommu", "sprd-iommu", DriverHome::platform, names(kSprd), names(kClocks), make_sprd_iommu},
    {"sun50i-iommu", "sun50i-iommu", DriverHome::platform, names(kSun50i), names(kClocksAndResets), make_sun50i_iommu,
     false, 0, nullptr, "Couldn't get our clock."},
    {"tegra-smmu", "tegra-mc", DriverHome::platform, names(kTegra), names(kClocks), make_tegra_mc},
    // Raspberry Pi's; the cache comes first, or the IOMMUs are deferred.
    {"bcm2712-iommu-cache", "bcm2712-iommu", DriverHome::platform, names(kBcm2712Cache), kNothing,
     make_bcm2712_iommu_cache},
    {"bcm2712-iommu", "bcm2712-iommu", DriverHome::platform, names(kBcm2712), kNothing, make_bcm2712_iommu},
    {"vsi-iommu", "vsi_iommu", DriverHome::platform, names(kVerisilicon), names(kClocks), make_vsi_iommu, false, 702},
    {"virtio_iommu", "virtio-iommu", DriverHome::virtio, names(kVirtioMmio), kNothing, make_virtio_iommu_mmio, true},
    {"virtio_iommu", "virtio-iommu", DriverHome::virtio, names(kVirtioPci), kNothing, make_virtio_iommu_pci, true},
};

}  // namespace

bool IommuDriver::binds_to(const firmware::Node& node) const {
    if (needs_iommu_cells && !firmware::is_iommu(node)) return false;
    return std::any_of(compatibles.begin(), compatibles.end(),
                       [&](std::string_view one) { return node.is_compatible(one); });
}

Span<IommuDriver> iommu_drivers() { return {kDrivers, std::size(kDrivers)}; }

const IommuDriver* iommu_driver_of(const firmware::Node& node) {
    for (const IommuDriver& driver : kDrivers) {
        if (driver.binds_to(node)) return &driver;
    }
    return nullptr;
}

std::vector<DriverSource> iommu_driver_sources(const firmware::Description& description, const IommuDriverParts& parts,
                                               const std::vector<firmware::NodeIndex>& not_built) {
    std::vector<DriverSource> sources;
    for (const IommuDriver& driver : kDrivers) {
        bool used = false;
        for (std::size_t i = 0; i < description.nodes.size(); ++i) {
            const auto node = static_cast<firmware::NodeIndex>(i);
            used = used || (driver.binds_to(description.node(node)) &&
                            std::find(not_built.begin(), not_built.end(), node) == not_built.end());
        }
        if (!used) continue;
        sources.push_back({std::string(driver.module), [&driver, parts](LinuxBoot& boot) {
                               RuntimePm& power = parts.power;
                               boot.drivers().get_suppliers = [&power](Device& dev) {
                                   return power.get_suppliers(dev);
                               };
                               boot.drivers().put_suppliers = [&power](const std::vector<std::string>& suppliers) {
                                   power.put_suppliers(suppliers);
                               };
                               return driver.make(boot, parts);
                           }});
    }
    return sources;
}

}  // namespace xlate::kernel
