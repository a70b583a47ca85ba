#include "study/run/table_costs.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace xlate::study {
namespace {

bool on_smmuv3(const kernel::DeviceResult& device, const soc::SocStats& stats) {
    return std::any_of(stats.iommus.begin(), stats.iommus.end(), [&](const soc::IommuStats& iommu) {
        return iommu.name == device.iommu && iommu.arch == "smmuv3";
    });
}

bool is_translated(kernel::DomainType domain) {
    return domain == kernel::DomainType::dma || domain == kernel::DomainType::dma_fq;
}

}  // namespace

std::optional<std::string> assume_table_costs(const Config& config, const kernel::LinuxBoot& boot,
                                              const soc::SocStats& stats) {
    using Mapping = TrafficConfig::Mapping;
    if (config.kernel.costs.page_tables != kernel::PageTableCosts::x86) return std::nullopt;
    std::vector<std::string> devices;
    const std::vector<kernel::DeviceResult> all = boot.devices();
    for (const TrafficConfig& traffic : config.traffic) {
        if (traffic.mapping != Mapping::per_transfer && traffic.mapping != Mapping::ring) continue;
        const auto device = std::find_if(all.begin(), all.end(), [&](const kernel::DeviceResult& one) {
            return one.name == traffic.device && is_translated(one.domain) && on_smmuv3(one, stats);
        });
        if (device != all.end()) devices.push_back(traffic.device);
    }
    if (devices.empty()) return std::nullopt;
    return fmt::format(
        "kernel.costs.page_tables is x86: page-table work of {} takes the time of its stores alone; behind VT-d "
        "or AMD-Vi it would take what was measured there (all: here, too)",
        fmt::join(devices, ", "));
}

}  // namespace xlate::study
