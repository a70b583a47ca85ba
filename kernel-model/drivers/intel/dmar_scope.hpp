// Which remapping unit a device is behind, and which memory firmware wants mapped for it: the DMAR table's scopes
// against the PCI devices that are there. A bridge's scope covers what is behind the bridge.
// Source: Linux drivers/iommu/intel/dmar.c, iommu.c (device_to_iommu, device_rmrr...);
// docs/spec/iommu-hardware.md 10.2.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "firmware/acpi/dmar.hpp"
#include "firmware/description.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

/// One DRHD structure, and the node that the description made of it.
struct DmarUnit {
    firmware::NodeIndex node{};
    const firmware::acpi::Drhd* drhd = nullptr;
};

class DmarScopes {
public:
    /// `description` outlives it; `pci`: the bus of PCI functions.
    DmarScopes(const firmware::Description& description, const BusType& pci);

    /// In the table's order; one that includes all PCI devices of its segment counts last for it.
    const std::vector<DmarUnit>& units() const { return units_; }
    /// Index into units(), and the ids that the device's requests carry there. Nothing: no unit covers it.
    struct Place {
        std::size_t unit = 0;
        std::uint16_t source = 0;  ///< bus and devfn
    };
    std::optional<Place> dmar_find_matched_drhd_unit(const Device& dev) const;
    /// Whether a scope of `drhd` names a device that is there; of one that includes all PCI devices it does not matter.
    bool has_devices(const firmware::acpi::Drhd& drhd) const;
    /// Whether all devices that scopes of `drhd` name are display controllers, and there is one.
    bool is_for_graphics(const firmware::acpi::Drhd& drhd) const;
    /// RMRR structures whose scopes name the device, or a bridge above it.
    std::vector<const firmware::acpi::Rmrr*> rmrrs_of(const Device& dev) const;
    /// Whether firmware lets the function use ATS behind a unit that is, or is not, in scalable mode: one that SATC
    /// names unless the hardware does it by itself, an integrated one, one below a root port that ATSR names.
    bool dmar_ats_supported(const PciDevice& pdev, bool scalable) const;
    /// has_external_pci(): a function is marked as facing the outside.
    bool has_external_ports() const;
    bool has_table() const { return dmar_ != nullptr; }
    const firmware::acpi::Dmar* table() const { return dmar_; }

private:
    const PciDevice* scope_device(const firmware::acpi::DeviceScope& scope, unsigned segment) const;
    bool names(const std::vector<firmware::acpi::DeviceScope>& scopes, unsigned segment, const PciDevice& pdev) const;
    bool covers(const std::vector<firmware::acpi::DeviceScope>& scopes, unsigned segment, const PciDevice& pdev) const;

    const firmware::Description& description_;
    const BusType& pci_;
    const firmware::acpi::Dmar* dmar_ = nullptr;
    std::vector<DmarUnit> units_;
};

}  // namespace xlate::kernel
