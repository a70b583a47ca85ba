#include "study/run/likely_masters.hpp"

#include "firmware/device_name.hpp"
#include "firmware/pci_iommus.hpp"

namespace xlate::study {

std::vector<std::string> likely_masters(const firmware::Description& description, const std::vector<PciSeat>& seats) {
    std::vector<std::string> devices;
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const auto at = static_cast<firmware::NodeIndex>(i);
        const firmware::Node& node = description.nodes[i];
        const bool device = !node.compatible.empty() || description.origin == firmware::Description::Origin::acpi;
        if (node.reachable && device && node.has_iommus && !node.iommu_map &&
            description.effective_iommus(at).translated) {
            devices.push_back(firmware::linux_device_name(description, at));
        }
    }
    for (const PciSeat& seat : seats) {
        if (firmware::find_pci_iommu(description, seat.name)) continue;
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
