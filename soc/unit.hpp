// The engine behind an IOMMU's registers, as firmware and config say. No SystemC: also for machines without time.
#pragma once

#include <memory>

#include "iommu/instance.hpp"
#include "soc/config.hpp"
#include "soc/topology.hpp"

namespace xlate::soc {

/// The parameters of a site: its own, or those of every IOMMU.
const IommuParams& params_of(const SocConfig& config, const IommuSite& site);

/// An instance of the site's family, of the config's shapes.
std::unique_ptr<iommu::Instance> make_unit(const SocConfig& config, const IommuSite& site);

}  // namespace xlate::soc
