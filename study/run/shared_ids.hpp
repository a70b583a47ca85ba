// Devices that an IOMMU cannot tell apart, though Linux has put them into groups of their own.
#pragma once

#include <string>
#include <vector>

#include "kernel-model/boot.hpp"

namespace xlate::study {

/// A sentence for each id that devices of several groups send to one IOMMU. SMMUv3's driver refuses the second device,
/// SMMUv2's and most others put both into one group; drivers that look at PCI topology or at the device alone (RISC-V,
/// virtio-iommu, qcom-iommu) do neither, and the entry of the id then belongs to whoever was attached last. Not where
/// all of the groups have identity domains: there the entry says the same for each.
std::vector<std::string> shared_ids(const std::vector<kernel::DeviceResult>& devices);

}  // namespace xlate::study
