#include "kernel-model/drivers/mediatek/mtk_platform.hpp"

#include <iterator>

namespace xlate::kernel {

namespace mtk = iommu::mediatek;

namespace {

constexpr std::uint64_t k4G = std::uint64_t{1} << 32, kGap = 8ull << 20;
constexpr unsigned kRelease64 = 604, kRelease616 = 616;
constexpr unsigned kRegions = 6;
constexpr std::uint32_t kAll = ~std::uint32_t{0};

using Regions = MtkPlatform::Regions;

/// Ports of one larb that are in a region of their own.
struct Window {
    Regions regions;
    unsigned region, larb;
    std::uint32_t ports;
};
constexpr Window kWindows[] = {
    {Regions::mt8186, 4, 13, 0x600}, {Regions::mt8186, 5, 14, kAll},  {Regions::mt8188, 4, 24, 0x3},
    {Regions::mt8188, 5, 24, 0xC},   {Regions::mt8192, 4, 13, 0x600}, {Regions::mt8192, 5, 14, 0x30},
    {Regions::mt8195, 4, 18, 0x3},   {Regions::mt8195, 5, 18, 0xC},
};

/// Larbs whose ports are in regions 0 to 2, one bit a larb; those of a window are taken out.
constexpr std::uint32_t larbs_of(Regions regions, unsigned region) {
    switch (regions) {
        case Regions::mt8186:
            return region == 0 ? 0x7 : region == 1 ? 0x90 : 0x1B2B00;
        case Regions::mt8188:
            return region == 0 ? 0xF : region == 1 ? 0xE00000 : 0x21FFFF0;
        case Regions::mt8192:
            return region == 0 ? 0x3 : region == 1 ? 0xB0 : 0x1F6A04;
        case Regions::mt8195:
            return region == 0 ? 0xF : region == 1 ? 0x1F80000 : 0x1E03FFF0;
        case Regions::one:
            break;
    }
    return 0;
}

constexpr MtkPlatform of(std::string_view compatible) {
    MtkPlatform one;
    one.soc = mtk::find_soc(compatible);
    return one;
}
constexpr MtkPlatform mt2712() {
    MtkPlatform one = of("mediatek,mt2712-m4u");
    one.has_bclk = one.has_vld_pa_rng = one.share_pgtable = true;
    one.infracfg = "mediatek,mt2712-infracfg";
    return one;
}
constexpr MtkPlatform mt6779() {
    MtkPlatform one = of("mediatek,mt6779-m4u");
    one.out_order_write = one.write_throttle = true;
    return one;
}
constexpr MtkPlatform mt8173(std::string_view compatible, std::string_view infracfg) {
    MtkPlatform one = of(compatible);
    one.has_bclk = one.reset_axi = true;
    one.infracfg = infracfg;
    return one;
}
constexpr MtkPlatform simple(std::string_view compatible, unsigned since) {
    MtkPlatform one = of(compatible);
    one.reset_axi = true;
    one.since = since;
    return one;
}
constexpr MtkPlatform wide(std::string_view compatible, unsigned since, bool share, Regions regions) {
    MtkPlatform one = of(compatible);
    one.has_bclk = one.out_order_write = one.write_throttle = true;
    one.share_pgtable = share;
    one.since = since;
    one.regions = regions;
    return one;
}
constexpr MtkPlatform infra(std::string_view compatible, unsigned since, std::string_view pericfg) {
    MtkPlatform one = of(compatible);
    one.write_throttle = one.dcm_disable = one.std_axi_mode = one.always_on = true;
    one.since = since;
    one.pericfg = pericfg;
    return one;
}

constexpr MtkPlatform kPlatforms[] = {
    mt2712(),
    mt6779(),
    mt8173("mediatek,mt6795-m4u", {}),
    wide("mediatek,mt6893-iommu-mm", kRelease616, true, Regions::mt8192),
    simple("mediatek,mt8167-m4u", 601),
    mt8173("mediatek,mt8173-m4u", "mediatek,mt8173-infracfg"),
    simple("mediatek,mt8183-m4u", 601),
    wide("mediatek,mt8186-iommu-mm", 601, false, Regions::mt8186),
    infra("mediatek,mt8188-iommu-infra", kRelease64, {}),
    wide("mediatek,mt8188-iommu-vdo", kRelease64, true, Regions::mt8188),
    wide("mediatek,mt8188-iommu-vpp", kRelease64, true, Regions::mt8188),
    wide("mediatek,mt8192-m4u", 601, false, Regions::mt8192),
    infra("mediatek,mt8195-iommu-infra", 601, "mediatek,mt8195-pericfg_ao"),
    wide("mediatek,mt8195-iommu-vdo", 601, true, Regions::mt8195),
    wide("mediatek,mt8195-iommu-vpp", 601, true, Regions::mt8195),
    simple("mediatek,mt8365-m4u", kRelease64),
};

}  // namespace

unsigned MtkPlatform::region_count() const { return regions == Regions::one ? 1 : kRegions; }

// Four of 4 GiB, less a gap from 6.4 on, and two windows in the third.
MtkRegion MtkPlatform::region(unsigned index, unsigned release) const {
    constexpr MtkRegion kCcu[] = {{0x2'4000'0000, 0x400'0000}, {0x2'4400'0000, 0x400'0000}};
    if (index >= 4) return kCcu[index - 4];
    return {index * k4G, release < kRelease64 ? k4G : k4G - kGap};
}

bool MtkPlatform::larb_in_region(unsigned index, unsigned larb, std::uint32_t ports) const {
    std::uint32_t here = index < 3 && (larbs_of(regions, index) >> larb & 1) != 0 ? kAll : 0;
    for (const Window& window : kWindows) {
        if (window.regions != regions || window.larb != larb) continue;
        here = window.region == index ? window.ports : here & ~window.ports;
    }
    return (here & ports) == ports;
}

const MtkPlatform* mtk_platform_of(const firmware::Node& node, unsigned release) {
    for (const std::string& compatible : node.compatible) {
        for (const MtkPlatform& one : kPlatforms) {
            if (one.soc->compatible == compatible && one.since <= release) return &one;
        }
    }
    return nullptr;
}

}  // namespace xlate::kernel
