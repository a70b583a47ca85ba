// What Linux checks of a DMAR and an IVRS before it uses their units, and what it then claims for one.
// Source: Linux drivers/iommu/intel/dmar.c, dmar_table_init(), dmar_validate_one_drhd(), map_iommu();
// drivers/iommu/intel/iommu.c, rmrr_sanity_check(); drivers/iommu/amd/init.c, init_iommu_one(), iommu_map_mmio_space().
// Not modelled: whether memory maps of firmware have a region as reserved (arch_rmrr_sanity_check()).
#pragma once

#include <cstdint>
#include <string>

#include "firmware/acpi/dmar.hpp"
#include "firmware/acpi/ivrs.hpp"

namespace xlate::firmware::acpi {

/// Bytes of registers that Linux claims for the unit: up to the performance counters, or with them, if the block says
/// that there are some.
std::uint64_t register_bytes(const Ivhd& unit);
/// Their registers have an address in common.
bool share_registers(const Drhd& a, const Drhd& b);
bool share_registers(const Ivhd& a, const Ivhd& b);

/// The first byte and the one behind the last are borders of pages, and it is not empty. Linux uses other regions all
/// the same, and says that firmware is broken.
bool is_sane(const Rmrr& region);

/// Why Linux uses no unit of the table at all, for people: a sentence; empty: nothing in it is in the way.
std::string why_unused(const Dmar& table);
std::string why_unused(const Ivrs& table);

}  // namespace xlate::firmware::acpi
