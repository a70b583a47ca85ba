#include "study/run/shared_ids.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"

namespace xlate::study {

std::vector<std::string> shared_ids(const std::vector<kernel::DeviceResult>& devices) {
    std::map<std::pair<std::string, std::uint32_t>, std::vector<const kernel::DeviceResult*>> senders;
    for (const kernel::DeviceResult& device : devices) {
        if (device.iommu.empty() || !device.group) continue;
        for (const std::uint32_t id : device.ids) {
            std::vector<const kernel::DeviceResult*>& all = senders[{device.iommu, id}];
            if (all.empty() || all.back() != &device) all.push_back(&device);
        }
    }
    std::vector<std::string> sentences;
    for (const auto& [key, members] : senders) {
        const std::vector<const kernel::DeviceResult*>& all = members;
        const bool one_group =
            std::all_of(all.begin(), all.end(), [&](const auto* one) { return one->group == all.front()->group; });
        const bool identity = std::all_of(all.begin(), all.end(),
                                          [](const auto* one) { return one->domain == kernel::DomainType::identity; });
        if (one_group || identity) continue;
        constexpr std::size_t kNamed = 8;
        std::vector<std::string> names;
        for (std::size_t i = 0; i < std::min(all.size(), kNamed); ++i)
            names.push_back(fmt::format("{} (group {})", printable(all[i]->name), *all[i]->group));
        if (all.size() > kNamed) names.push_back(fmt::format("{} more", all.size() - kNamed));
        sentences.push_back(fmt::format(
            "{} send one id, {:#x}, to {} and are in groups of their own: the IOMMU has one entry for the id, that of "
            "whoever was attached last, and the addresses of the others mean that one's memory there",
            fmt::join(names, ", "), key.second, printable(key.first)));
    }
    return sentences;
}

}  // namespace xlate::study
