#include "study/run/likely_masters.hpp"

#include <optional>

#include <fmt/format.h>

namespace xlate::study {

std::string linux_device_name(const firmware::Description& description, firmware::NodeIndex node) {
    if (!description.node(node).linux_name.empty()) return description.node(node).linux_name;
    std::string name;
    for (std::optional<firmware::NodeIndex> at = node; at && firmware::index(*at) != 0;
         at = description.node(*at).parent) {
        const firmware::Node& n = description.node(*at);
        const std::string base = n.name.substr(0, n.name.find('@'));
        if (!n.regs.empty() && n.regs[0].cpu_address) {
            return fmt::format("{:x}.{}{}{}", *n.regs[0].cpu_address, base, name.empty() ? "" : ":", name);
        }
        name = n.name + (name.empty() ? "" : ":") + name;
    }
    return name;
}

std::vector<std::string> likely_masters(const firmware::Description& description, const std::vector<PciSeat>& seats) {
    std::vector<std::string> devices;
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const auto at = static_cast<firmware::NodeIndex>(i);
        const firmware::Node& node = description.nodes[i];
        if (node.reachable && node.has_iommus && !node.iommu_map && description.effective_iommus(at).translated) {
            devices.push_back(linux_device_name(description, at));
        }
    }
    for (const PciSeat& seat : seats) {
        const bool plain =
            seat.function.kind == kernel::PciKind::endpoint || seat.function.kind == kernel::PciKind::conventional;
        const bool drives = !seat.function.driver.empty() || seat.function.vendor != 0 || seat.function.class_code != 0;
        if (plain && drives && seat.function.driver != "none") devices.push_back(seat.name);
    }
    return devices;
}

bool matches_pattern(std::string_view pattern, std::string_view name) {
    // The place of the last star and how much of the name it has taken: on a mismatch it takes one more.
    std::size_t p = 0;
    std::size_t n = 0;
    std::size_t star = std::string_view::npos;
    std::size_t taken = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            taken = n;
        } else if (p < pattern.size() && pattern[p] == name[n]) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace xlate::study
