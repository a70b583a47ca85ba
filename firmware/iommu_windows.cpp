#include "firmware/iommu_windows.hpp"

#include <algorithm>

#include "firmware/iommu_families.hpp"
#include "firmware/property_values.hpp"

namespace xlate::firmware {
namespace {

class Finder {
public:
    explicit Finder(const Description& description) : description_(description) {}

    void add(NodeIndex at, std::string_view role, unsigned number) {
        const Node& node = description_.node(at);
        if (!node.reachable || node.regs.empty() || !node.regs.front().cpu_address || node.regs.front().size == 0)
            return;
        const auto same = [&](const OutsideWindow& one) { return one.node == at; };
        if (std::any_of(found.begin(), found.end(), same)) return;
        found.push_back({at, role, number, *node.regs.front().cpu_address, node.regs.front().size});
    }
    std::optional<NodeIndex> named_by(const Node& node, std::string_view property) const {
        const std::vector<std::uint32_t> cells = cells_of(node, property);
        return cells.empty() ? std::nullopt : description_.find_phandle(cells.front());
    }
    /// The larbs in their order, then the SMI commons above them.
    void mediatek(const Node& iommu) {
        std::vector<NodeIndex> larbs;
        unsigned place = 0;
        for (const std::uint32_t phandle : cells_of(iommu, "mediatek,larbs")) {
            const auto larb = description_.find_phandle(phandle);
            if (larb) {
                add(*larb, "larb", description_.node(*larb).u32("mediatek,larb-id").value_or(place));
                larbs.push_back(*larb);
            }
            ++place;
        }
        for (const NodeIndex larb : larbs) {
            auto above = named_by(description_.node(larb), "mediatek,smi");
            for (unsigned level = 0; above && level < 2; ++level) {
                const auto next = named_by(description_.node(*above), "mediatek,smi");
                if (!next) add(*above, "smi-common", 0);  // a sub-common has one above it
                above = next;
            }
        }
    }
    void pericfg(std::string_view compatible) {
        for (std::size_t i = 0; i < description_.nodes.size(); ++i) {
            if (!description_.nodes[i].is_compatible(compatible)) continue;
            return add(static_cast<NodeIndex>(i), "pericfg", 0);
        }
    }

    /// "brcm,iommu-cache" in the series of July 2026, "cache" in Raspberry Pi's trees.
    void bcm2712(const Node& iommu) {
        auto cache = named_by(iommu, "brcm,iommu-cache");
        if (!cache) cache = named_by(iommu, "cache");
        if (cache) add(*cache, "shared-cache", 0);
    }

    std::vector<OutsideWindow> found;

private:
    const Description& description_;
};

}  // namespace

std::vector<OutsideWindow> outside_windows(const Description& description, NodeIndex iommu) {
    const Node& node = description.node(iommu);
    const IommuKind& kind = iommu_kind(node);
    Finder finder(description);
    if (kind.family == "mediatek" || kind.family == "mediatek-v1") {
        finder.mediatek(node);
        if (kind.compatible == "mediatek,mt8195-iommu-infra") finder.pericfg("mediatek,mt8195-pericfg_ao");
    }
    if (kind.family == "bcm2712") finder.bcm2712(node);
    return std::move(finder.found);
}

}  // namespace xlate::firmware
