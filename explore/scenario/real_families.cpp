#include "explore/scenario/real_families.hpp"

#include <algorithm>
#include <iterator>
#include <string>

#include "explore/scenario/real_parts.hpp"
#include "explore/scenario/real_x86.hpp"
#include "iommu/dart/dart.hpp"
#include "iommu/exynos/sysmmu.hpp"
#include "iommu/ipmmu/ipmmu.hpp"
#include "iommu/mediatek/m4u.hpp"
#include "iommu/omap/omap.hpp"
#include "iommu/qcom/msm.hpp"
#include "iommu/riscv/iommu.hpp"
#include "iommu/simple/bcm2712.hpp"
#include "iommu/simple/rockchip.hpp"
#include "iommu/simple/sprd.hpp"
#include "iommu/simple/sun50i.hpp"
#include "iommu/simple/verisilicon.hpp"
#include "iommu/smmuv2/smmu.hpp"
#include "iommu/smmuv3/smmu.hpp"
#include "iommu/tegra/layout_socs.hpp"
#include "iommu/tegra/tegra_smmu.hpp"
#include "iommu/virtio/virtio_iommu.hpp"
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
#include "kernel-model/drivers/sun50i/sun50i_iommu.hpp"
#include "kernel-model/drivers/tegra/tegra_mc.hpp"
#include "kernel-model/drivers/verisilicon/vsi_iommu.hpp"
#include "kernel-model/drivers/virtio_iommu/virtio_iommu.hpp"

namespace xlate::explore {

namespace {

void add_interrupts(firmware::Node& node, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        firmware::Interrupt interrupt;
        interrupt.name = name;
        node.interrupts.push_back(std::move(interrupt));
    }
}

/// As many bits as the ids of the scenario need: a small table is written faster.
unsigned sid_bits(const Scenario& scenario) {
    constexpr unsigned kFew = 5, kMost = 16;
    for (const DeviceSpec& device : scenario.devices) {
        for (const EntrySpec& entry : device.iommus) {
            for (const std::uint32_t id : entry.args) {
                if (id >> kFew != 0) return kMost;
            }
        }
    }
    return kFew;
}

void describe_smmu_v3(firmware::Node& node) {
    node.dma_coherent = true;
    add_interrupts(node, {"eventq", "priq", "cmdq-sync", "gerror"});
}

RealDriver make_smmu_v3_driver(const RealDriverParts& parts) {
    kernel::ArmSmmuParams params;
    params.mistakes = parts.mistakes;
    params.def_domain_type = parts.def_domain_type;
    auto driver = std::make_unique<kernel::ArmSmmuDriver>(parts.core, parts.platform, parts.pages, params,
                                                          parts.pci_device_group);
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

/// QEMU's, with short queues.
std::unique_ptr<iommu::Instance> make_smmu_v3(const Scenario& scenario, const IommuSpec&) {
    iommu::smmuv3::SmmuParams params;
    params.features = iommu::smmuv3::qemu_like();
    params.features.sidsize = static_cast<std::uint8_t>(sid_bits(scenario));
    params.features.cmdqs = 7;  // the fewest that Linux takes
    params.features.eventqs = 4;
    iommu::CacheParams few;
    few.entries = 8;
    iommu::CacheParams none = few;
    none.enabled = false;
    params.caches.config = params.caches.tlb = few;
    params.caches.ipa = none;
    for (iommu::CacheParams& level : params.caches.walk_s1) level = few;
    for (iommu::CacheParams& level : params.caches.walk_s2) level = none;
    params.caches.walk_s1[3] = none;
    return std::make_unique<iommu::smmuv3::Smmu>(params);
}

constexpr unsigned kContexts = 8;

void describe_smmu_v2(firmware::Node& node) {
    node.dma_coherent = true;
    add_interrupts(node, {"global"});
    for (unsigned i = 0; i < kContexts; ++i) add_interrupts(node, {("context" + std::to_string(i)).c_str()});
}

RealDriver make_smmu_v2_driver(const RealDriverParts& parts) {
    kernel::arm_smmu::ArmSmmuParams params;
    params.mistakes = parts.mistakes;
    const auto& nodes = parts.core.description.nodes;
    params.legacy_bindings =
        std::any_of(nodes.begin(), nodes.end(), [](const firmware::Node& node) { return !node.mmu_masters.empty(); });
    auto driver = std::make_unique<kernel::arm_smmu::ArmSmmuDriver>(parts.core, parts.platform, parts.pages, params,
                                                                    parts.pci_device_group);
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

/// An MMU-500 with few banks and, unless the scenario says so, few stream mapping groups: the driver writes each.
std::unique_ptr<iommu::Instance> make_smmu_v2(const Scenario&, const IommuSpec& spec) {
    constexpr unsigned kGroups = 16;
    iommu::smmuv2::SmmuParams params;
    params.features = iommu::smmuv2::mmu500_like();
    params.features.pagesize = 0;
    params.features.numpagendxb = 3;  // 16 pages each for the global space and for banks
    params.features.numcb = kContexts;
    params.features.nums2cb = 0;
    const unsigned groups = spec.hardware.entries != 0 ? spec.hardware.entries : kGroups;
    params.features.numsmrg = static_cast<std::uint8_t>(std::min(groups, 127U));
    params.features.sms = spec.hardware.stream_matching ? 1 : 0;
    if (!spec.hardware.stream_matching) {
        params.features.numsidb = 0;
        while (1U << params.features.numsidb < groups) ++params.features.numsidb;
    }
    params.context_interrupts = kContexts;
    iommu::CacheParams few;
    few.entries = 8;
    iommu::CacheParams none = few;
    none.enabled = false;
    params.caches.tlb = few;
    params.caches.ipa = none;
    for (iommu::CacheParams& level : params.caches.walk_s1) level = few;
    for (iommu::CacheParams& level : params.caches.walk_s2) level = none;
    params.caches.walk_s1[3] = none;
    return std::make_unique<iommu::smmuv2::Smmu>(params);
}

void describe_one_interrupt(firmware::Node& node) { add_interrupts(node, {""}); }

RealDriver make_rockchip_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::RkIommuDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}});
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_rockchip(const Scenario&, const IommuSpec&) {
    iommu::rockchip::Parameters parameters;
    parameters.tlb.entries = parameters.directory.entries = 8;
    return std::make_unique<iommu::rockchip::Rockchip>(parameters);
}

RealDriver make_dart_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::AppleDartDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}},
        parts.pci_device_group);
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

/// Of the M1, with the CPU's page size unless the scenario says so.
std::unique_ptr<iommu::Instance> make_dart(const Scenario&, const IommuSpec& spec) {
    iommu::dart::DartParams params = iommu::dart::t8103_dart();
    params.page_log2 = spec.hardware.large_pages ? 14 : 12;
    params.bypass_support = spec.hardware.bypass;
    params.tlb.entries = params.walk.entries = 8;
    params.tlb.ways = params.walk.ways = 0;
    return std::make_unique<iommu::dart::Dart>(params);
}

constexpr std::uint8_t kSysmmuClock[] = "sysmmu";
constexpr firmware::Property kSysmmuProperties[] = {{"clocks", {}, 0},
                                                    {"clock-names", {kSysmmuClock, sizeof kSysmmuClock}, 0}};

void describe_exynos(firmware::Node& node) {
    add_interrupts(node, {""});
    node.properties = {kSysmmuProperties, std::size(kSysmmuProperties)};
}

RealDriver make_exynos_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::ExynosIommuDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}});
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_exynos(const Scenario&, const IommuSpec&) {
    iommu::exynos::Parameters parameters;
    parameters.tlb.entries = parameters.flpd.entries = 8;
    parameters.tlb.ways = 0;
    return std::make_unique<iommu::exynos::SysMmu>(parameters);
}

RealDriver make_omap_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::OmapIommuDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}});
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_omap(const Scenario&, const IommuSpec&) {
    return std::make_unique<iommu::omap::Omap>(iommu::omap::Parameters{});
}

RealDriver make_sprd_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::SprdIommuDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}});
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_sprd(const Scenario&, const IommuSpec&) {
    iommu::sprd::Parameters parameters;
    parameters.tlb.entries = 8;
    return std::make_unique<iommu::sprd::Sprd>(parameters);
}

/// Of Gen2, where an instance is whole: later ones need a root beside.
void describe_ipmmu(firmware::Node& node) {
    node.compatible = {"renesas,ipmmu-vmsa"};
    describe_one_interrupt(node);
}

RealDriver make_ipmmu_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::IpmmuVmsaDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}});
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_ipmmu(const Scenario&, const IommuSpec&) {
    iommu::ipmmu::Parameters parameters;
    parameters.generation = iommu::ipmmu::Generation::gen2;
    for (iommu::CacheParams* cache : {&parameters.tlb, &parameters.level1, &parameters.level2}) {
        cache->entries = 8;
        cache->ways = 0;
    }
    return std::make_unique<iommu::ipmmu::Ipmmu>(parameters);
}

RealDriver make_riscv_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::RiscvIommuDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}},
        parts.pci_device_group);
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_riscv(const Scenario&, const IommuSpec&) {
    iommu::riscv::RiscvParams params;
    params.capabilities = iommu::riscv::capabilities_by_name("base");
    params.max_ddt_levels = 2;
    params.wires = 1;
    iommu::CacheParams few;
    few.entries = 8;
    iommu::CacheParams none = few;
    none.enabled = false;
    params.ddt_cache = params.tlb = few;
    params.pdt_cache = params.gpa_cache = none;
    for (iommu::CacheParams& level : params.walk_s1) level = few;
    for (iommu::CacheParams& level : params.walk_s2) level = none;
    return std::make_unique<iommu::riscv::Iommu>(params);
}

RealDriver make_tegra_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::TegraMcDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}},
        parts.pci_device_group);
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

/// Of the compatible that its row has.
std::unique_ptr<iommu::Instance> make_tegra(const Scenario&, const IommuSpec&) {
    iommu::tegra::Parameters parameters;
    parameters.soc = iommu::tegra::soc_of("nvidia,tegra210-mc");
    parameters.tlb.entries = parameters.ptc.entries = 8;
    parameters.ptc.ways = 0;
    return std::make_unique<iommu::tegra::TegraSmmu>(parameters);
}

constexpr firmware::Property kResetProperty{"resets", {}, 0};

void describe_sun50i(firmware::Node& node) {
    describe_one_interrupt(node);
    node.properties = {&kResetProperty, 1};
}

RealDriver make_sun50i_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::Sun50iIommuDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}});
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_sun50i(const Scenario&, const IommuSpec&) {
    iommu::sun50i::Parameters parameters;
    for (iommu::CacheParams* cache : {&parameters.tlb, &parameters.directory}) {
        cache->entries = 8;
        cache->ways = 0;
    }
    return std::make_unique<iommu::sun50i::Sun50i>(parameters);
}

RealDriver make_verisilicon_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::VsiIommuDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}});
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_verisilicon(const Scenario&, const IommuSpec&) {
    iommu::verisilicon::Parameters parameters;
    parameters.tlb.entries = parameters.directory.entries = 8;
    return std::make_unique<iommu::verisilicon::Verisilicon>(parameters);
}

constexpr unsigned kBcm2712DmaBits = 64;  // its aperture lies above 40 GiB

/// No tree names an interrupt of it. Without the cache that instances of a SoC share.
void describe_bcm2712(firmware::Node&) {}

RealDriver make_bcm2712_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::Bcm2712IommuDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}});
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_bcm2712(const Scenario&, const IommuSpec&) {
    iommu::bcm2712::Parameters parameters;
    parameters.tlb.entries = parameters.directory.entries = 8;
    return std::make_unique<iommu::bcm2712::Bcm2712>(parameters);
}

constexpr unsigned kMtkBanks = 5;

/// The infrastructure's, which has no larbs beside.
void describe_mtk(firmware::Node& node) {
    node.compatible = {"mediatek,mt8188-iommu-infra"};
    for (unsigned i = 0; i < kMtkBanks; ++i) add_interrupts(node, {""});
}

RealDriver make_mtk_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::MtkIommuDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}});
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_mtk(const Scenario&, const IommuSpec&) {
    iommu::mediatek::Parameters parameters;
    parameters.soc = *iommu::mediatek::find_soc("mediatek,mt8188-iommu-infra");
    parameters.wires = kMtkBanks;
    for (iommu::CacheParams* cache : {&parameters.tlb, &parameters.directory}) {
        cache->entries = 8;
        cache->ways = 0;
    }
    return std::make_unique<iommu::mediatek::M4u>(parameters);
}

constexpr std::uint8_t kMsmBanksValue[] = {0, 0, 0, 4}, kMsmClocks[] = "smmu_pclk\0iommu_clk";
constexpr firmware::Property kMsmProperties[] = {{"qcom,ncb", {kMsmBanksValue, sizeof kMsmBanksValue}, 0},
                                                 {"clock-names", {kMsmClocks, sizeof kMsmClocks}, 0}};

void describe_msm(firmware::Node& node) {
    describe_one_interrupt(node);
    node.properties = {kMsmProperties, std::size(kMsmProperties)};
}

RealDriver make_msm_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::MsmIommuDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}});
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_msm(const Scenario&, const IommuSpec& spec) {
    iommu::msm::Parameters parameters;
    parameters.name = spec.name;
    parameters.banks = kMsmBanksValue[3];
    for (iommu::CacheParams* cache : {&parameters.tlb, &parameters.level1}) {
        cache->entries = 8;
        cache->ways = 0;
    }
    return std::make_unique<iommu::msm::MsmIommu>(parameters);
}

/// A transport over MMIO: functions of PCI need a bus of their own.
void describe_virtio(firmware::Node& node) {
    node.compatible = {"virtio,mmio"};
    describe_one_interrupt(node);
}

RealDriver make_virtio_driver(const RealDriverParts& parts) {
    auto driver = std::make_unique<kernel::ViommuMmioDriver>(
        parts.core, parts.platform, kernel::IommuDriverParts{parts.pages, parts.power, parts.mistakes, {}},
        parts.pci_device_group);
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

std::unique_ptr<iommu::Instance> make_virtio(const Scenario&, const IommuSpec&) {
    iommu::virtio::Parameters parameters;
    parameters.tlb.entries = 8;
    parameters.tlb.ways = 0;
    return std::make_unique<iommu::virtio::VirtioIommu>(parameters);
}

/// Their tables say all of it.
void describe_unit(firmware::Node&) {}

constexpr RealFamily kFamilies[] = {
    {"amd-iommu", 0x4000, describe_unit, make_amd_driver, make_amd_vi, nullptr, "ivhd"},
    {"intel-iommu", 0x1000, describe_unit, make_intel_driver, make_vtd, nullptr, "dmar"},
    {"arm-smmu-v3", 0x20000, describe_smmu_v3, make_smmu_v3_driver, make_smmu_v3},
    {"arm-smmu", 0x20000, describe_smmu_v2, make_smmu_v2_driver, make_smmu_v2},
    {"apple-dart", 0x4000, describe_one_interrupt, make_dart_driver, make_dart},
    {"exynos-sysmmu", 0x1000, describe_exynos, make_exynos_driver, make_exynos},
    {"ipmmu-vmsa", 0x1000, describe_ipmmu, make_ipmmu_driver, make_ipmmu},
    {"riscv-iommu", 0x1000, describe_one_interrupt, make_riscv_driver, make_riscv},
    {"rockchip-iommu", 0x100, describe_one_interrupt, make_rockchip_driver, make_rockchip},
    {"omap-iommu", 0x100, describe_one_interrupt, make_omap_driver, make_omap},
    {"sprd-iommu", 0x80, describe_one_interrupt, make_sprd_driver, make_sprd},
    {"sun50i-iommu", 0x1000, describe_sun50i, make_sun50i_driver, make_sun50i},
    {"vsi-iommu", iommu::verisilicon::kRegisterBytes, describe_one_interrupt, make_verisilicon_driver,
     make_verisilicon},
    {"bcm2712-iommu",
     iommu::bcm2712::kRegisterBytes,
     describe_bcm2712,
     make_bcm2712_driver,
     make_bcm2712,
     nullptr,
     {},
     kBcm2712DmaBits},
    {"mtk-iommu", 0x5000, describe_mtk, make_mtk_driver, make_mtk},
    {"mtk-iommu-v1", kMtkV1Bytes, describe_mtk_v1, make_mtk_v1_driver, make_mtk_v1, surround_mtk_v1},
    {"msm-iommu", iommu::msm::kRegisterBytes, describe_msm, make_msm_driver, make_msm},
    {"qcom-iommu", kQcomLocalBytes, describe_qcom, make_qcom_driver, make_qcom, surround_qcom},
    {"tegra-smmu", 0x1000, describe_one_interrupt, make_tegra_driver, make_tegra},
    {"virtio-iommu", 0x200, describe_virtio, make_virtio_driver, make_virtio},
};

}  // namespace

Span<RealFamily> real_families() { return {kFamilies, std::size(kFamilies)}; }

const RealFamily* find_real_family(std::string_view driver) {
    for (const RealFamily& family : kFamilies) {
        if (family.driver == driver) return &family;
    }
    return nullptr;
}

}  // namespace xlate::explore
