// The Linux driver of AMD-Vi: its units are found in the IVRS by an initcall, after PCI has been scanned and before any
// driver of PCI registers; devices have no entry in firmware of their own. Function names are Linux's.
//   aliases      the id that IVRS gives a device counts for its group, if it is one of the same bus
//   own function of a unit: never translated, in no group
//   domain ids   one space for all units
//   PASIDs       a function with that capability gets an identity domain, for drivers that share page tables with
//                processes, unless amd_iommu=force_isolation
// Source: docs/spec/kernel-probe.md section 5; Linux drivers/iommu/amd/init.c and iommu.c as of 6.1 to 6.12. Not
// modelled: tables of PASIDs, SNP and memory encryption, amd_iommu_dump.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "kernel-model/driver-core/known_drivers.hpp"
#include "kernel-model/drivers/amd/protection_domain.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

struct MessageDomain;

/// Linux amd_iommu_ops. Shared by all units.
class AmdIommuOps final : public IommuOps {
public:
    AmdIommuOps(IommuCore& core, PageAllocator& pages, const Mistakes& mistakes, bool force_isolation,
                std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group);

    bool has_of_xlate() const override { return false; }
    int of_xlate(Device&, const OfPhandleArgs&) override { return 0; }
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    void probe_finalize(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    DomainType def_domain_type(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    std::vector<ReservedRegion> get_resv_regions(Device& dev) override;

    /// Device ids whose entries belong to a domain, copies included.
    std::set<std::uint16_t> attached(std::uint16_t segment) const;
    const IvrsTables& tables() const { return tables_; }
    /// Domains made from now on have v2 tables.
    void use_v2_tables() { v2_ = true; }
    std::vector<Ptr<AmdIommu>>& units() { return units_; }

private:
    struct Place {
        std::size_t unit = 0;
        std::uint16_t segment = 0, devid = 0;
    };
    std::optional<Place> rlookup_amd_iommu(const Device& dev) const;
    std::optional<std::pair<std::uint16_t, std::size_t>> acpihid_of(const Device& dev) const;
    void find_capabilities(const Device& dev, AmdDevData& data) const;
    void setup_aliases(Device& dev, AmdDevData& data, const IvrsSegment& segment);

    IommuCore& core_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    const bool force_isolation_;
    std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group_;
    const IvrsTables tables_;
    DomainIds ids_;
    bool v2_ = false;
    std::vector<Ptr<AmdIommu>> units_;  ///< by IvrsTables::units; empty until they are registered
    std::map<std::pair<std::uint16_t, std::uint16_t>, Ptr<AmdDevData>> dev_data_;  ///< by segment and device id
    std::map<std::uint16_t, Ptr<IommuGroup>> acpi_groups_;                         ///< of devices that are not PCI's
};

/// What the driver is made of. All that it refers to outlives it.
struct AmdIommuParts {
    IommuCore& core;
    BusType& bus;  ///< that the driver is registered on
    PageAllocator& pages;
    Mistakes mistakes;
    KernelParameters::X86 parameters;
    std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group;
    /// The device of a Linux name, or nullptr: events are told under its driver's name. Empty: under the id's.
    std::function<const Device*(const std::string& name)> find_device;
    MessageDomain* messages = nullptr;  ///< told when interrupts are remapped
};

class AmdIommuDriver final : public InitcallDriver {
public:
    explicit AmdIommuDriver(const AmdIommuParts& parts);
    /// amd_iommu_init.
    int init() override;
    IommuOps& ops() { return ops_; }

private:
    int claim_registers();
    bool alloc_dev_tables();
    void init_device_table_dma();
    void choose_page_table();
    void disallow_batching();
    void print_iommu_info();
    bool check_ioapic_information() const;
    std::optional<std::uint64_t> irq_remapping_alloc(Device& dev, unsigned cpu);

    IommuCore& core_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    const KernelParameters::X86 parameters_;
    std::function<const Device*(const std::string& name)> find_device_;
    MessageDomain* const messages_;
    AmdIommuOps ops_;
};

/// IommuDriver::turns_away: the function of a unit itself; one that the IVRS has no entry for.
std::string amd_turns_away(const firmware::Description& description, std::string_view device, bool pci,
                           unsigned release);
/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_amd_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
