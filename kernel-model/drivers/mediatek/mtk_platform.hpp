// What Linux's mtk-iommu knows of each compatible beyond the hardware's own differences
// (iommu/mediatek/layout_soc.hpp): what to write when it starts, which IOVAs the ports of a larb use, what the M4Us of
// a SoC share. Source: Linux drivers/iommu/mtk_iommu.c, 6.1 to 6.12; docs/spec/linux-findings.md 39 to 42, second part
// 35, 36.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/span.hpp"
#include "firmware/description.hpp"
#include "iommu/mediatek/layout_soc.hpp"

namespace xlate::kernel {

struct MtkRegion {
    std::uint64_t base = 0;
    std::uint64_t size = 0;
};

struct MtkPlatform {
    const iommu::mediatek::Soc* soc = nullptr;
    unsigned since = 601;  ///< first release whose match table has it
    bool has_bclk = false;
    bool has_vld_pa_rng = false;
    bool reset_axi = false;  ///< MISC_CTRL is STANDARD_AXI_MODE, written 0
    bool out_order_write = false;
    bool write_throttle = false;  ///< WR_LEN_CTRL is written
    bool share_pgtable = false;   ///< all of these have one list, one table
    bool dcm_disable = false;
    bool std_axi_mode = false;
    bool always_on = false;          ///< PM_CLK_AO: flushed whether in use or not
    std::string_view infracfg = {};  ///< has_4gb_mode without `mediatek,infracfg`: where it is looked for
    std::string_view pericfg = {};   ///< infra: its enables; empty: firmware's secure world has them
    enum class Regions : std::uint8_t { one, mt8186, mt8188, mt8192, mt8195 } regions = Regions::one;

    bool is_mm() const { return !soc->infra; }
    unsigned region_count() const;
    MtkRegion region(unsigned index, unsigned release) const;
    /// From 6.4 on by larb and port: whether all of `ports` of `larb` are in region `index`.
    bool larb_in_region(unsigned index, unsigned larb, std::uint32_t ports) const;
};

/// Of the node's first compatible that this release's table has; nullptr: none.
const MtkPlatform* mtk_platform_of(const firmware::Node& node, unsigned release);

}  // namespace xlate::kernel
