#include "firmware/iommu_families.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace xlate::firmware {
namespace {

using Rule = GroupRule;

/// What the rows of one family have in common.
struct Family {
    std::string_view name;
    std::string_view title;
    std::string_view driver;
    IdCells cells = IdCells::id;
    Rule group = Rule::per_device;
    bool last_provider_wins = false;
    std::string_view main{};
    std::string_view parts{};
    std::string_view part_number{};
    bool uses_all_providers = false;
};

constexpr Family with_all_providers(Family one) {
    one.uses_all_providers = true;
    return one;
}

constexpr IommuKind row(std::string_view compatible, const Family& of, std::string_view table = {},
                        std::string_view acpi_name = {}) {
    return {compatible,
            of.name,
            of.title,
            of.driver,
            of.cells,
            of.group,
            of.last_provider_wins,
            table,
            acpi_name,
            of.main,
            of.parts,
            of.part_number,
            of.uses_all_providers};
}

constexpr Family kSmmuV3{"smmuv3", "Arm SMMUv3", "arm-smmu-v3", IdCells::id, Rule::exclusive_id};
constexpr Family kSmmuV1{"smmuv1", "Arm SMMUv1", "arm-smmu", IdCells::id_and_mask, Rule::stream_match};
constexpr Family kSmmuV2{"smmuv2", "Arm SMMUv2", "arm-smmu", IdCells::id_and_mask, Rule::stream_match};
constexpr Family kVirtio{"virtio-iommu", "virtio-iommu", "virtio_iommu"};
constexpr Family kVtd{"vt-d", "Intel VT-d", "intel-iommu"};
constexpr Family kAmdVi{"amd-vi", "AMD-Vi", "amd-iommu"};
constexpr Family kRiscv{"riscv", "RISC-V IOMMU", "riscv-iommu"};
constexpr Family kDart = with_all_providers({"dart", "Apple DART", "apple-dart", IdCells::id, Rule::shared_id});
constexpr Family kRockchip{"rockchip", "Rockchip IOMMU", "rockchip-iommu", IdCells::none, Rule::per_iommu, true};
constexpr Family kExynos = with_all_providers({"exynos", "Exynos SysMMU", "exynos-sysmmu", IdCells::none});
constexpr Family kSun50i{"sun50i", "Allwinner sun50i IOMMU", "sun50i-iommu", IdCells::id, Rule::per_iommu, true};
constexpr Family kSprd{"sprd", "Spreadtrum IOMMU", "sprd-iommu", IdCells::none, Rule::per_iommu};
constexpr Family kOmap = with_all_providers({"omap", "OMAP IOMMU", "omap-iommu", IdCells::none, Rule::per_iommu});
constexpr Family kTegra{"tegra", "Tegra SMMU", "tegra-mc", IdCells::id, Rule::soc_table};
constexpr Family kTegraGart{"tegra-gart", "Tegra20 GART", "tegra-mc", IdCells::none, Rule::per_iommu};
constexpr Family kQcom{"qcom", "Qualcomm msm-iommu", "qcom-iommu",   IdCells::id, Rule::per_device, false,
                       {},     "qcom,msm-iommu-",    "qcom,ctx-asid"};
constexpr Family kMsm{"msm", "Qualcomm APQ8064 IOMMU", "msm_iommu"};
constexpr Family kMediatek{"mediatek", "MediaTek M4U", "mtk-iommu", IdCells::larb_port, Rule::soc_table};
constexpr Family kMediatekV1{"mediatek-v1", "MediaTek M4U (first)", "mtk-iommu-v1"};
constexpr Family kIpmmu{"ipmmu",         "Renesas IPMMU", "ipmmu-vmsa",        IdCells::id,
                        Rule::per_iommu, false,           "renesas,ipmmu-main"};
constexpr Family kVerisilicon{"verisilicon", "Verisilicon IOMMU", "vsi-iommu", IdCells::none, Rule::per_iommu};
constexpr Family kBcm2712{"bcm2712", "Broadcom BCM2712 IOMMU", "bcm2712-iommu", IdCells::none, Rule::per_device};
constexpr Family kXenGrant{"xen-grant-dma", "Xen grant DMA", "grant-dma-iommu", IdCells::id, Rule::per_device};

constexpr IommuKind kRows[] = {
    row("arm,smmu-v3", kSmmuV3, "IORT SMMUv3", "arm-smmu-v3"),
    row("arm,smmu-v1", kSmmuV1, "IORT SMMU 0", "arm-smmu"),
    row("arm,mmu-400", kSmmuV1, "IORT SMMU 2", "arm-smmu"),
    row("arm,mmu-401", kSmmuV1, "IORT SMMU 4", "arm-smmu"),
    row("arm,smmu-v2", kSmmuV2, "IORT SMMU 1", "arm-smmu"),
    row("arm,mmu-500", kSmmuV2, "IORT SMMU 3", "arm-smmu"),
    row("cavium,smmu-v2", kSmmuV2, "IORT SMMU 5", "arm-smmu"),
    row("marvell,ap806-smmu-500", kSmmuV2),
    row("nvidia,smmu-500", kSmmuV2),
    row("qcom,smmu-v2", kSmmuV2),
    row("qcom,smmu-500", kSmmuV2),
    row("qcom,adreno-smmu", kSmmuV2),
    row("virtio,pci-iommu", kVirtio, "VIOT PCI"),
    row("pci1af4,1057", kVirtio),
    row("virtio,mmio", kVirtio, "VIOT MMIO"),
    row("intel,vt-d", kVtd, "DMAR DRHD", "dmar"),
    row("amd,iommu", kAmdVi, "IVRS IVHD", "ivhd"),
    row("riscv,iommu", kRiscv, "RIMT platform"),
    row("riscv,pci-iommu", kRiscv, "RIMT PCI"),
    row("qemu,riscv-iommu", kRiscv),
    row("pci1efd,edf1", kRiscv),
    row("apple,t8103-dart", kDart),
    row("apple,t8103-usb4-dart", kDart),
    row("apple,t8110-dart", kDart),
    row("apple,t6000-dart", kDart),
    row("apple,t6020-dart", kDart),
    row("apple,s5l8960x-dart", kDart),
    row("rockchip,iommu", kRockchip),
    row("rockchip,rk3568-iommu", kRockchip),
    row("rockchip,rk3588-iommu", kRockchip),
    row("rockchip,iommu-v2", kRockchip),
    row("verisilicon,iommu-1.2", kVerisilicon),
    row("rockchip,rk3588-av1-iommu", kVerisilicon),
    row("rockchip,rk3588-iommu-1.2", kVerisilicon),
    row("samsung,exynos-sysmmu", kExynos),
    row("allwinner,sun50i-h6-iommu", kSun50i),
    row("allwinner,sun50i-h616-iommu", kSun50i),
    row("sprd,iommu-v1", kSprd),
    row("ti,omap2-iommu", kOmap),
    row("ti,omap4-iommu", kOmap),
    row("ti,dra7-iommu", kOmap),
    row("ti,dra7-dsp-iommu", kOmap),
    row("nvidia,tegra20-mc-gart", kTegraGart),
    row("nvidia,tegra30-mc", kTegra),
    row("nvidia,tegra114-mc", kTegra),
    row("nvidia,tegra124-mc", kTegra),
    row("nvidia,tegra132-mc", kTegra),
    row("nvidia,tegra210-mc", kTegra),
    row("qcom,msm-iommu-v1", kQcom),
    row("qcom,msm-iommu-v2", kQcom),
    row("qcom,apq8064-iommu", kMsm),
    row("mediatek,mt2701-m4u", kMediatekV1),
    row("mediatek,mt2712-m4u", kMediatek),
    row("mediatek,mt6779-m4u", kMediatek),
    row("mediatek,mt6795-m4u", kMediatek),
    row("mediatek,mt6893-iommu-mm", kMediatek),
    row("mediatek,mt8167-m4u", kMediatek),
    row("mediatek,mt8173-m4u", kMediatek),
    row("mediatek,mt8183-m4u", kMediatek),
    row("mediatek,mt8186-iommu-mm", kMediatek),
    row("mediatek,mt8188-iommu-infra", kMediatek),
    row("mediatek,mt8188-iommu-vdo", kMediatek),
    row("mediatek,mt8188-iommu-vpp", kMediatek),
    row("mediatek,mt8192-m4u", kMediatek),
    row("mediatek,mt8195-iommu-infra", kMediatek),
    row("mediatek,mt8195-iommu-vdo", kMediatek),
    row("mediatek,mt8195-iommu-vpp", kMediatek),
    row("mediatek,mt8365-m4u", kMediatek),
    row("renesas,ipmmu-vmsa", kIpmmu),
    row("renesas,rcar-gen4-ipmmu-vmsa", kIpmmu),
    row("renesas,ipmmu-r8a774a1", kIpmmu),
    row("renesas,ipmmu-r8a774b1", kIpmmu),
    row("renesas,ipmmu-r8a774c0", kIpmmu),
    row("renesas,ipmmu-r8a774e1", kIpmmu),
    row("renesas,ipmmu-r8a7795", kIpmmu),
    row("renesas,ipmmu-r8a7796", kIpmmu),
    row("renesas,ipmmu-r8a77961", kIpmmu),
    row("renesas,ipmmu-r8a77965", kIpmmu),
    row("renesas,ipmmu-r8a77970", kIpmmu),
    row("renesas,ipmmu-r8a77980", kIpmmu),
    row("renesas,ipmmu-r8a77990", kIpmmu),
    row("renesas,ipmmu-r8a77995", kIpmmu),
    row("renesas,ipmmu-r8a779a0", kIpmmu),
    row("brcm,bcm2712-iommu", kBcm2712),
    row("xen,grant-dma", kXenGrant),
};

/// Names that a vendor builds in one manner, of which new ones appear with each chip: no driver of Linux asks for them
/// yet, but what it will be is plain.
struct Manner {
    std::string_view prefix;
    std::string_view part;
    IommuKind kind;
};
constexpr Manner kManners[] = {
    {"renesas,ipmmu-", "", row("", kIpmmu)},    {"mediatek,", "m4u", row("", kMediatek)},
    {"mediatek,", "iommu", row("", kMediatek)}, {"rockchip,", "iommu", row("", kRockchip)},
    {"apple,", "dart", row("", kDart)},         {"allwinner,", "iommu", row("", kSun50i)},
    {"samsung,", "sysmmu", row("", kExynos)},   {"ti,", "iommu", row("", kOmap)},
    {"", "smmu-v3", row("", kSmmuV3)},          {"", "smmu-500", row("", kSmmuV2)},
    {"", "smmu-v2", row("", kSmmuV2)},          {"verisilicon,", "iommu", row("", kVerisilicon)},
    {"brcm,", "iommu", row("", kBcm2712)},      {"riscv,", "iommu", row("", kRiscv)},
    {"sprd,", "iommu", row("", kSprd)},         {"virtio,", "iommu", row("", kVirtio)},
};
constexpr IommuKind kUnknown{"", "unknown", "an IOMMU that no driver of Linux names", ""};

constexpr std::uint32_t kStreamBits = 0xffff;  // of SMMUv1, v2 as Linux keeps them

}  // namespace

const IommuKind& iommu_kind(const Node& node) {
    for (const std::string& compatible : node.compatible) {
        for (const IommuKind& known : kRows) {
            if (known.compatible != compatible) continue;
            // A slot of virtio over MMIO may hold any device.
            return known.family == kVirtio.name && !is_iommu(node) ? kUnknown : known;
        }
    }
    if (!is_iommu(node)) return kUnknown;
    for (const std::string& compatible : node.compatible) {
        for (const Manner& manner : kManners) {
            if (compatible.compare(0, manner.prefix.size(), manner.prefix) == 0 &&
                compatible.find(manner.part, manner.prefix.size()) != std::string::npos)
                return manner.kind;
        }
    }
    return kUnknown;
}

const IommuKind* iommu_kind_of_table(std::string_view entry) {
    const auto* const found =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const IommuKind& known) { return known.table == entry; });
    return found == std::end(kRows) || entry.empty() ? nullptr : found;
}

bool reserves_registers(const IommuKind& kind) {
    return kind.table.rfind("DMAR", 0) == 0 || kind.table.rfind("IVRS", 0) == 0;
}

Span<IommuKind> iommu_kinds() { return {kRows, std::size(kRows)}; }

bool binds_to(std::string_view driver, const Node& node) {
    return std::any_of(std::begin(kRows), std::end(kRows), [&](const IommuKind& known) {
        return known.driver == driver && node.is_compatible(known.compatible);
    });
}

std::optional<NodeIndex> main_iommu(const Description& description, NodeIndex node) {
    const Node& cache = description.node(node);
    const IommuKind& kind = iommu_kind(cache);
    const auto phandle = kind.main.empty() ? std::nullopt : cache.u32(kind.main);
    const auto found = phandle ? description.find_phandle(*phandle) : std::nullopt;
    return found && *found != node ? found : std::nullopt;
}

std::vector<NodeIndex> iommu_parts(const Description& description, NodeIndex node) {
    std::vector<NodeIndex> parts;
    const IommuKind& kind = iommu_kind(description.node(node));
    if (kind.parts.empty()) return parts;
    for (const NodeIndex child : description.node(node).children) {
        const Node& part = description.node(child);
        const bool named = std::any_of(
            part.compatible.begin(), part.compatible.end(),
            [&](const std::string& compatible) { return compatible.compare(0, kind.parts.size(), kind.parts) == 0; });
        if (named && part.available && !part.regs.empty()) parts.push_back(child);
    }
    return parts;
}

bool is_iommu(const Node& node) { return node.iommu_cells.has_value() || !node.mmu_masters.empty(); }

std::optional<StreamMatch> stream_of(const Node& provider, const std::vector<std::uint32_t>& args) {
    const IommuKind& kind = iommu_kind(provider);
    if (kind.cells == IdCells::none || args.empty()) return std::nullopt;
    StreamMatch match{args[0], 0};
    if (kind.cells != IdCells::id_and_mask) return match;
    match.id &= kStreamBits;
    match.mask = (args.size() > 1 ? args[1] : provider.u32("stream-match-mask").value_or(0)) & kStreamBits;
    return match;
}

std::string id_text(IdCells cells, std::uint32_t id) {
    const std::uint32_t mask = cells == IdCells::id_and_mask ? id >> 16 : 0;
    return mask == 0 ? fmt::format("{:#x}", id) : fmt::format("{:#x} mask {:#x}", id & kStreamBits, mask);
}

}  // namespace xlate::firmware
