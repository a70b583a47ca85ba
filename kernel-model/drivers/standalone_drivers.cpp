#include "kernel-model/drivers/standalone_drivers.hpp"

#include <algorithm>
#include <iterator>
#include <string>

#include "iommu/qcom/layout_msm.hpp"
#include "iommu/simple/layout_bcm2712.hpp"
#include "iommu/simple/layout_verisilicon.hpp"
#include "kernel-model/drivers/apple_dart/apple_dart.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3.hpp"
#include "kernel-model/drivers/broadcom/bcm2712_iommu.hpp"
#include "kernel-model/drivers/exynos/exynos_iommu.hpp"
#include "kernel-model/drivers/ipmmu/ipmmu_vmsa.hpp"
#include "kernel-model/drivers/mediatek/mtk_iommu_driver.hpp"
#include "kernel-model/drivers/omap/omap_iommu_ops.hpp"
#include "kernel-model/drivers/qcom/msm_iommu.hpp"
#include "kernel-model/drivers/riscv/riscv_iommu.hpp"
#include "kernel-model/drivers/rockchip/rockchip_iommu.hpp"
#include "kernel-model/drivers/sprd/sprd_iommu.hpp"
#include "kernel-model/drivers/standalone_parts.hpp"
#include "kernel-model/drivers/sun50i/sun50i_iommu.hpp"
#include "kernel-model/drivers/tegra/tegra_mc.hpp"
#include "kernel-model/drivers/verisilicon/vsi_iommu.hpp"
#include "kernel-model/drivers/virtio_iommu/virtio_iommu.hpp"

namespace xlate::kernel {

namespace {

template <class D>
StandaloneDriver with_ops(std::unique_ptr<D> driver) {
    IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

template <class D>
StandaloneDriver make_plain(const StandaloneParts& parts) {
    return with_ops(std::make_unique<D>(parts.core, parts.platform,
                                        IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}}));
}

/// One that groups PCI functions as PCI does.
template <class D>
StandaloneDriver make_with_pci(const StandaloneParts& parts) {
    return with_ops(std::make_unique<D>(parts.core, parts.platform,
                                        IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}},
                                        parts.pci_device_group));
}

void add_interrupts(firmware::Node& node, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        firmware::Interrupt interrupt;
        interrupt.name = name;
        node.interrupts.push_back(std::move(interrupt));
    }
}

void describe_smmu_v3(firmware::Node& node) {
    node.dma_coherent = true;
    add_interrupts(node, {"eventq", "priq", "cmdq-sync", "gerror"});
}

StandaloneDriver make_smmu_v3_driver(const StandaloneParts& parts) {
    ArmSmmuParams params;
    params.mistakes = parts.mistakes;
    params.def_domain_type = parts.def_domain_type;
    return with_ops(
        std::make_unique<ArmSmmuDriver>(parts.core, parts.platform, parts.pages, params, parts.pci_device_group));
}

constexpr unsigned kContexts = 8;

void describe_smmu_v2(firmware::Node& node) {
    node.dma_coherent = true;
    add_interrupts(node, {"global"});
    for (unsigned i = 0; i < kContexts; ++i) add_interrupts(node, {("context" + std::to_string(i)).c_str()});
}

StandaloneDriver make_smmu_v2_driver(const StandaloneParts& parts) {
    arm_smmu::ArmSmmuParams params;
    params.mistakes = parts.mistakes;
    const auto& nodes = parts.core.description.nodes;
    params.legacy_bindings =
        std::any_of(nodes.begin(), nodes.end(), [](const firmware::Node& node) { return !node.mmu_masters.empty(); });
    return with_ops(std::make_unique<arm_smmu::ArmSmmuDriver>(parts.core, parts.platform, parts.pages, params,
                                                              parts.pci_device_group));
}

void describe_one_interrupt(firmware::Node& node) { add_interrupts(node, {""}); }

constexpr std::uint8_t kSysmmuClock[] = "sysmmu";
constexpr firmware::Property kSysmmuProperties[] = {{"clocks", {}, 0},
                                                    {"clock-names", {kSysmmuClock, sizeof kSysmmuClock}, 0}};

void describe_exynos(firmware::Node& node) {
    add_interrupts(node, {""});
    node.properties = {kSysmmuProperties, std::size(kSysmmuProperties)};
}

/// Of Gen2, where an instance is whole: later ones need a root beside.
void describe_ipmmu(firmware::Node& node) {
    node.compatible = {"renesas,ipmmu-vmsa"};
    describe_one_interrupt(node);
}

constexpr firmware::Property kResetProperty{"resets", {}, 0};

void describe_sun50i(firmware::Node& node) {
    describe_one_interrupt(node);
    node.properties = {&kResetProperty, 1};
}

constexpr unsigned kBcm2712DmaBits = 64;  // its aperture lies above 40 GiB

/// No tree names an interrupt of it. Without the cache that instances of a SoC share.
void describe_bcm2712(firmware::Node&) {}

constexpr unsigned kMtkBanks = 5;

/// The infrastructure's, which has no larbs beside.
void describe_mtk(firmware::Node& node) {
    node.compatible = {"mediatek,mt8188-iommu-infra"};
    for (unsigned i = 0; i < kMtkBanks; ++i) add_interrupts(node, {""});
}

constexpr std::uint8_t kMsmBanksValue[] = {0, 0, 0, 4}, kMsmClocks[] = "smmu_pclk\0iommu_clk";
constexpr firmware::Property kMsmProperties[] = {{"qcom,ncb", {kMsmBanksValue, sizeof kMsmBanksValue}, 0},
                                                 {"clock-names", {kMsmClocks, sizeof kMsmClocks}, 0}};

void describe_msm(firmware::Node& node) {
    describe_one_interrupt(node);
    node.properties = {kMsmProperties, std::size(kMsmProperties)};
}

/// A transport over MMIO: functions of PCI need a bus of their own.
void describe_virtio(firmware::Node& node) {
    node.compatible = {"virtio,mmio"};
    describe_one_interrupt(node);
}

/// Their tables say all of it.
void describe_unit(firmware::Node&) {}

constexpr StandaloneFamily kFamilies[] = {
    {"amd-iommu", 0x4000, describe_unit, make_standalone_amd, nullptr, "ivhd"},
    {"intel-iommu", 0x1000, describe_unit, make_standalone_intel, nullptr, "dmar"},
    {"arm-smmu-v3", 0x20000, describe_smmu_v3, make_smmu_v3_driver},
    {"arm-smmu", 0x20000, describe_smmu_v2, make_smmu_v2_driver},
    {"apple-dart", 0x4000, describe_one_interrupt, make_with_pci<AppleDartDriver>},
    {"exynos-sysmmu", 0x1000, describe_exynos, make_plain<ExynosIommuDriver>},
    {"ipmmu-vmsa", 0x1000, describe_ipmmu, make_plain<IpmmuVmsaDriver>},
    {"riscv-iommu", 0x1000, describe_one_interrupt, make_with_pci<RiscvIommuDriver>},
    {"rockchip-iommu", 0x100, describe_one_interrupt, make_plain<RkIommuDriver>},
    {"omap-iommu", 0x100, describe_one_interrupt, make_plain<OmapIommuDriver>},
    {"sprd-iommu", 0x80, describe_one_interrupt, make_plain<SprdIommuDriver>},
    {"sun50i-iommu", 0x1000, describe_sun50i, make_plain<Sun50iIommuDriver>},
    {"vsi-iommu", iommu::verisilicon::kRegisterBytes, describe_one_interrupt, make_plain<VsiIommuDriver>},
    {"bcm2712-iommu",
     iommu::bcm2712::kRegisterBytes,
     describe_bcm2712,
     make_plain<Bcm2712IommuDriver>,
     nullptr,
     {},
     kBcm2712DmaBits},
    {"mtk-iommu", 0x5000, describe_mtk, make_plain<MtkIommuDriver>},
    {"mtk-iommu-v1", kMtkV1Bytes, describe_mtk_v1, make_standalone_mtk_v1, surround_mtk_v1},
    {"msm-iommu", iommu::msm::kRegisterBytes, describe_msm, make_plain<MsmIommuDriver>},
    {"qcom-iommu", kQcomLocalBytes, describe_qcom, make_standalone_qcom, surround_qcom},
    {"tegra-smmu", 0x1000, describe_one_interrupt, make_with_pci<TegraMcDriver>},
    {"virtio-iommu", 0x200, describe_virtio, make_with_pci<ViommuMmioDriver>},
};

}  // namespace

Span<StandaloneFamily> standalone_drivers() { return {kFamilies, std::size(kFamilies)}; }

const StandaloneFamily* find_standalone_driver(std::string_view driver) {
    for (const StandaloneFamily& family : kFamilies) {
        if (family.driver == driver) return &family;
    }
    return nullptr;
}

}  // namespace xlate::kernel
