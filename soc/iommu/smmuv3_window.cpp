#include "soc/iommu/smmuv3_window.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "soc/topology.hpp"

namespace xlate::soc {

std::vector<Diagnostic> check_smmuv3_windows(const SocConfig& config, const firmware::Description& description) {
    std::vector<Diagnostic> findings;
    const bool any = config.iommu.hardware.smmuv3.ecmdq != 0 ||
                     std::any_of(config.iommus.begin(), config.iommus.end(),
                                 [](const auto& own) { return own.second.hardware.smmuv3.ecmdq != 0; });
    if (!any) return findings;
    for (const IommuSite& site : make_topology(description, config).iommus) {
        if (site.family != "smmuv3") continue;
        const auto own = config.iommus.find(site.path);
        const IommuParams& params = own == config.iommus.end() ? config.iommu : own->second;
        if (params.hardware.smmuv3.ecmdq == 0) continue;
        const std::uint32_t needed = register_bytes(params.hardware.smmuv3);
        if (site.banks[0].bytes >= needed) continue;
        Diagnostic finding;
        finding.path = (own == config.iommus.end() ? "soc.iommu" : "soc.iommus." + site.path) + ".features.ecmdq";
        finding.what = fmt::format("the register space of {} has {} KiB", site.path, site.banks[0].bytes >> 10);
        finding.expected = fmt::format("firmware that gives it {} KiB, or ecmdq: 0", needed >> 10);
        findings.push_back(std::move(finding));
    }
    return findings;
}

}  // namespace xlate::soc
