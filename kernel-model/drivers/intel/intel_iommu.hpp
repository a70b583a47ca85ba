// Linux's driver of VT-d: no device of its own; an initcall finds the units in the DMAR table after PCI has been
// scanned, and registers them without a firmware node. Devices have no firmware entries: the table's scopes say whose
// they are.
// Source: docs/spec/kernel-probe.md 5.1, 2.9 ("DMAR/IVRS systems never build a fwspec"), 2.8; Linux
// drivers/iommu/intel/iommu.c (6.1 to 6.12), intel_iommu_init(). Not modelled: SVA, auxiliary PASIDs, quirks of
// chipsets.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernel-model/boot.hpp"
#include "kernel-model/driver-core/known_drivers.hpp"
#include "kernel-model/drivers/intel/dmar_scope.hpp"
#include "kernel-model/drivers/intel/intel_domain.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"

namespace xlate::kernel {

struct MessageDomain;

/// Linux intel_iommu_ops.
class IntelIommuOps final : public IommuOps {
public:
    IntelIommuOps(IommuCore& core, PageAllocator& pages, const KernelParameters::X86& parameters, DmarScopes scopes,
                  std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group);

    bool has_of_xlate() const override { return false; }
    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    void probe_finalize(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    DomainType def_domain_type(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> domain_alloc_for(Device& dev, DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    Ptr<IommuDomain> blocked_domain() override;
    std::vector<ReservedRegion> get_resv_regions(Device& dev) override;

    const DmarScopes& scopes() const { return scopes_; }
    std::vector<Ptr<IntelIommu>> iommus;  ///< by DmarScopes::units(); null: could not be used

private:
    Ptr<IommuDomain> make_static(Ptr<IommuDomain>& kept, DomainType type);

    IommuCore& core_;
    PageAllocator& pages_;
    const KernelParameters::X86 parameters_;
    DmarScopes scopes_;
    std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group_;
    Ptr<IommuDomain> identity_, blocked_;
};

/// What the driver is made of. All that it refers to outlives it.
struct IntelIommuParts {
    IommuCore& core;
    BusType& bus;        ///< that the driver is registered on
    const BusType& pci;  ///< of the functions that scopes name
    PageAllocator& pages;
    Mistakes mistakes;
    KernelParameters::X86 parameters;
    std::vector<firmware::NodeIndex> not_built;  ///< units that this kernel cannot use
    std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group;
    MessageDomain* messages = nullptr;  ///< told when interrupts are remapped
};

class IntelIommuDriver final : public InitcallDriver {
public:
    explicit IntelIommuDriver(const IntelIommuParts& parts);
    /// intel_iommu_init().
    int init() override;
    IommuOps& ops() { return ops_; }

private:
    int dmar_table_init();
    bool platform_optin_force_iommu() const;
    void init_no_remapping_devices();
    void disallow_batching();
    int init_dmars();
    bool parse_ioapics_under_ir() const;
    void intel_enable_irq_remapping();
    std::optional<std::uint64_t> intel_irq_remapping_alloc(Device& dev, unsigned cpu);

    IommuCore& core_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    const KernelParameters::X86 parameters_;
    const std::vector<firmware::NodeIndex> not_built_;
    MessageDomain* const messages_;
    IntelIommuOps ops_;
    std::vector<Ptr<IntelIommu>> active_;  ///< without those that are left alone, with what is behind them
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_intel_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
