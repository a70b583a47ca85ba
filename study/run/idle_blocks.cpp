#include "study/run/idle_blocks.hpp"

#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "firmware/iommu_families.hpp"
#include "iommu/families.hpp"

namespace xlate::study {

std::vector<std::string> idle_blocks(const Config& config, const firmware::Description& description) {
    std::set<std::string_view> used;
    for (const firmware::Node& node : description.nodes) {
        const iommu::Family* const family =
            node.reachable ? iommu::find_family(firmware::iommu_kind(node).family) : nullptr;
        if (family == nullptr) continue;
        if (family->options.empty()) return {};
        used.insert(family->options[0].block);
    }
    std::vector<std::string> all;
    if (used.empty()) return all;
    for (const iommu::Family& family : iommu::families()) {
        for (const iommu::OptionSpec& option : family.options) {
            const std::string path = fmt::format("soc.iommu.{}.{}", option.block, option.key);
            if (used.count(option.block) != 0 || !config.given(path)) continue;
            all.push_back(
                fmt::format("{} changes nothing: the firmware's IOMMUs are of another kind; they have `{}` ({})", path,
                            *used.begin(), printable(config.where(path).text())));
        }
    }
    return all;
}

}  // namespace xlate::study
