#include "study/init/machine/log_iommus.hpp"

#include <algorithm>
#include <cstddef>

namespace xlate::study {
namespace {

/// What `driver` says, and of which device.
std::optional<std::string_view> said_by(std::string_view line, std::string_view driver, std::string& device) {
    if (line.substr(0, driver.size()) != driver) return std::nullopt;
    // "arm-smmu-v3 9050000.iommu: ", and "arm-smmu-v3.0.auto: ", which has no name before
    const bool own = line.size() > driver.size() && line[driver.size()] == '.';
    if (!own && line.substr(driver.size(), 1) != " ") return std::nullopt;
    const std::size_t start = own ? 0 : driver.size() + 1, colon = line.find(": ", start);
    const std::size_t tab = line.find(":\t", start), end = std::min(colon, tab);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view name = line.substr(start, end - start);
    if (name.empty() || name.size() > 64 || name.find(' ') != std::string_view::npos) return std::nullopt;
    device = name;
    const std::string_view text = line.substr(end + 1);
    return text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
}

}  // namespace

std::string LogIommu::entry() const { return smmuv3 ? smmuv3->entry() : smmuv2 ? smmuv2->entry() : ""; }

std::vector<std::string> LogIommu::notes() const {
    return smmuv3 ? smmuv3->notes() : smmuv2 ? smmuv2->notes() : std::vector<std::string>{};
}

void take_iommu_line(std::string_view line, LogIommus& iommus) {
    std::string device;
    // Kept from the first line on that says something of the hardware.
    if (const auto text = said_by(line, "arm-smmu-v3", device)) {
        const auto known = iommus.find(device);
        LogSmmuV3 smmu = known == iommus.end() ? LogSmmuV3{} : known->second.smmuv3.value_or(LogSmmuV3{});
        if (smmu.take(*text)) iommus[device].smmuv3 = smmu;
    } else if (const auto older = said_by(line, "arm-smmu", device)) {
        const auto known = iommus.find(device);
        LogSmmuV2 smmu = known == iommus.end() ? LogSmmuV2{} : known->second.smmuv2.value_or(LogSmmuV2{});
        if (smmu.take(*older)) iommus[device].smmuv2 = smmu;
    }
}

}  // namespace xlate::study
