// The real drivers of VT-d and AMD-Vi in a scenario. They have no devices: an initcall finds the units in DMAR or IVRS
// (scenario_tables.hpp). A scenario's IOMMU is a device; binding the first one of a driver runs its initcall, which
// brings up all units, as on a machine.
#pragma once

#include <memory>

#include "explore/scenario/real_families.hpp"

namespace xlate::explore {

RealDriver make_intel_driver(const RealDriverParts& parts);
RealDriver make_amd_driver(const RealDriverParts& parts);
/// Four levels, legacy mode, small caches.
std::unique_ptr<iommu::Instance> make_vtd(const Scenario& scenario, const IommuSpec& spec);
std::unique_ptr<iommu::Instance> make_amd_vi(const Scenario& scenario, const IommuSpec& spec);

}  // namespace xlate::explore
