// What the IOMMU core asks of the driver. Source: docs/spec/kernel-probe.md section 5.1, row arm-smmu.
#include <algorithm>

#include <fmt/format.h>

#include "kernel-model/dma/reserved_regions.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu.hpp"

namespace xlate::kernel::arm_smmu {

namespace smr = iommu::smmuv2::smr;

namespace {

/// The window in which the driver places MSI doorbells for user space: not ours to give out.
constexpr std::uint64_t kMsiIovaBase = 0x8000000, kMsiIovaLength = 0x100000;
constexpr unsigned kRelease61 = 601;
constexpr unsigned kFirstReleaseWithoutOpsCheck = 612;
constexpr unsigned kFirstReleaseWithBusLookup = 615;

/// Id and mask of one `iommus` entry, in one word: one cell, and the mask of all of the SMMU's masters; or two cells.
std::uint32_t id_of_cells(const firmware::Node& provider, const std::vector<std::uint32_t>& cells) {
    std::uint64_t id = 0;
    if (!cells.empty()) id = smr::EXID.of(cells[0]);
    if (cells.size() > 1) {
        id |= smr::EXMASK.of(cells[1]);
    } else if (const auto mask = provider.u32("stream-match-mask")) {
        id |= smr::EXMASK.of(*mask);
    }
    return static_cast<std::uint32_t>(id);
}

}  // namespace

ArmSmmuOps::ArmSmmuOps(IommuCore& core, ArmSmmuDriver& driver) : IommuOps("arm-smmu"), core_(core), driver_(driver) {
    const unsigned release = core.variant.release;
    properties.checks_fwspec = true;
    properties.checks_priv = false;
    properties.uses_ids_after_probe = true;
    properties.null_checks_instance = release <= kRelease61 || release >= kFirstReleaseWithoutOpsCheck;
    properties.converted_by_series = true;
    properties.instance_lookup = release >= kFirstReleaseWithBusLookup ? InstanceLookup::bus : InstanceLookup::bound;
}

bool ArmSmmuOps::has_of_xlate() const { return !core_.variant.has(Cap::xlate_fwspec_op); }
bool ArmSmmuOps::has_of_xlate_fwspec() const { return core_.variant.has(Cap::xlate_fwspec_op); }

int ArmSmmuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "arm_smmu_of_xlate"};
    check_loaded("SX1");
    return core_.iommu_fwspec_add_ids(dev, {id_of_cells(core_.description.node(args.np), args.args)});
}

int ArmSmmuOps::of_xlate_fwspec(Ptr<IommuFwspec> fwspec, Device&, const OfPhandleArgs& args) {
    Frame frame{core_.k, "arm_smmu_of_xlate"};
    check_loaded("SX1");
    return core_.iommu_fwspec_append_ids(fwspec, {id_of_cells(core_.description.node(args.np), args.args)});
}

Ptr<ArmSmmuDevice> ArmSmmuOps::get_by_fwnode(FwNode fwnode) {
    Frame frame{core_.k, "arm_smmu_get_by_fwnode"};
    DriverCore& drivers = core_.driver_core;
    const Device* const dev = properties.instance_lookup == InstanceLookup::bus
                                  ? drivers.bus_find_device_by_fwnode(driver_.bus, fwnode, "SP2")
                                  : drivers.driver_find_device_by_fwnode(driver_, fwnode, "SP2");
    return Ptr<ArmSmmuDevice>(dev != nullptr ? static_cast<ArmSmmuDevice*>(dev->driver_data) : nullptr);
}

// The bound SMMU that lists the master, and its ids there. From 6.11 on such an SMMU has no firmware node, and neither
// have its masters' fwspecs.
PtrOrErr<ArmSmmuDevice> ArmSmmuOps::register_legacy_master(Device& dev) {
    Frame frame{core_.k, "arm_smmu_register_legacy_master"};
    if (!driver_.params().legacy_bindings || !dev.of_node) return {{}, -kENODEV};
    for (std::size_t i = 0; i < core_.description.nodes.size(); ++i) {
        for (const firmware::LegacyMaster& master : core_.description.nodes[i].mmu_masters) {
            if (master.master != dev.of_node) continue;
            const auto node = static_cast<firmware::NodeIndex>(i);
            const Ptr<ArmSmmuDevice> smmu = get_by_fwnode(node);
            if (!smmu) continue;
            const FwNode named = core_.variant.has(Cap::fwspec_resolves_ops) ? FwNode{} : FwNode{node};
            if (const int err = core_.iommu_fwspec_init(dev, named, this); err != 0) return {{}, err};
            return {smmu, core_.iommu_fwspec_add_ids(dev, master.stream_ids)};
        }
    }
    return {{}, -kENODEV};
}

PtrOrErr<ArmSmmuDevice> ArmSmmuOps::find_instance(Device& dev, Ptr<IommuFwspec>& fwspec) {
    if (driver_.using_legacy_binding()) {
        const PtrOrErr<ArmSmmuDevice> found = register_legacy_master(dev);
        fwspec = core_.dev_iommu_fwspec_get(dev, "SP1");
        return found;
    }
    fwspec = core_.dev_iommu_fwspec_get(dev, "SP1");
    if (!fwspec) return {{}, -kENODEV};
    if (core_.variant.release < kFirstReleaseWithoutOpsCheck && core_.iommu_fwspec_ops(fwspec, "SP1") != this) {
        return {{}, -kENODEV};
    }
    const Ptr<ArmSmmuDevice> smmu = get_by_fwnode(fwspec->iommu_fwnode.read("SP2"));
    if (!smmu && properties.null_checks_instance) {
        core_.k.console.debug(dev.prefix(), "smmu dev has not bound yet");
        return {{}, -kEPROBE_DEFER};
    }
    return {smmu, 0};
}

int ArmSmmuOps::check_ids(Device& dev, const ArmSmmuDevice& smmu, const std::vector<std::uint32_t>& ids) {
    for (const std::uint32_t one : ids) {
        const auto id = static_cast<std::uint32_t>(smr::EXID.get(one));
        const auto mask = static_cast<std::uint32_t>(smr::EXMASK.get(one));
        if ((id & ~std::uint32_t{smmu.streamid_mask}) != 0) {
            core_.k.console.err(dev.prefix(), "stream ID {:#x} out of range for SMMU ({:#x})", id, smmu.streamid_mask);
            return -kEINVAL;
        }
        if ((mask & ~std::uint32_t{smmu.smr_mask_mask}) != 0) {
            core_.k.console.err(dev.prefix(), "SMR mask {:#x} out of range for SMMU ({:#x})", mask, smmu.smr_mask_mask);
            return -kEINVAL;
        }
    }
    return 0;
}

// The client is probed only while its SMMU is bound. Older kernels probe clients when it is: there it shows nothing. A
// registration that fails leaves the link (X18).
void ArmSmmuOps::device_link_add(Device& dev, const ArmSmmuDevice& smmu) const {
    if (!core_.variant.has(Cap::parse_in_probe)) return;
    const Ptr<Device> supplier(&smmu.dev);
    auto& links = dev.supplier_links;
    if (std::find(links.begin(), links.end(), supplier) == links.end()) links.push_back(supplier);
}

PtrOrErr<IommuDevice> ArmSmmuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "arm_smmu_probe_device"};
    check_loaded("SP0");
    Ptr<IommuFwspec> fwspec;
    const PtrOrErr<ArmSmmuDevice> found = find_instance(dev, fwspec);
    if (found.err != 0) return {{}, found.err};
    ArmSmmuDevice& smmu = *found.value.deref("SP3");  // up to 6.11 nobody looks whether it is bound (R24)
    std::vector<std::uint32_t> ids;
    for (unsigned i = 0; i < fwspec->num_ids("SP3"); ++i) ids.push_back(fwspec->id(i, "SP3"));
    int err = check_ids(dev, smmu, ids);
    if (err == 0) {
        const Ptr<ArmSmmuMasterCfg> cfg = core_.k.heap.make<ArmSmmuMasterCfg>("SP4", found.value);
        err = cfg ? 0 : -kENOMEM;
        if (cfg) {
            core_.dev_iommu_priv_set(dev, cfg, "SP5");
            err = cfg->alloc_smes(ids);
            if (err == 0) {
                device_link_add(dev, smmu);
                return {smmu.iommu, 0};
            }
            core_.k.heap.release(cfg, "SP6");
            if (!core_.variant.has(Cap::assert_priv)) core_.dev_iommu_priv_set(dev, {}, "SP6");
        }
    }
    if (!core_.variant.has(Cap::no_driver_fwspec_free) && core_.variant.release < kFirstReleaseWithoutOpsCheck) {
        core_.iommu_fwspec_free(dev);
    }
    return {{}, err};
}

void ArmSmmuOps::release_device(Device& dev) {
    Frame frame{core_.k, "arm_smmu_release_device"};
    // As many entries as the fwspec has ids now: it is followed without a test.
    core_.dev_iommu_fwspec_get(dev, "SR1").deref("SR1")->num_ids("SR1");
    const Ptr<ArmSmmuMasterCfg> cfg = ptr_cast<ArmSmmuMasterCfg>(core_.dev_iommu_priv_get(dev, "SR1"));
    if (!cfg) return;
    cfg->free_smes();
    if (core_.variant.has(Cap::link_ends_with_client)) dev.supplier_links.clear();  // it makes no other
    if (!core_.variant.has(Cap::assert_priv)) core_.dev_iommu_priv_set(dev, {}, "SR2");
    core_.k.heap.release(cfg, "SR2");
}

// Devices that share an entry cannot be told apart. As in Linux the entry of the last id decides where others are new.
PtrOrErr<IommuGroup> ArmSmmuOps::device_group(Device& dev) {
    Frame frame{core_.k, "arm_smmu_device_group"};
    const Ptr<ArmSmmuMasterCfg> cfg = ptr_cast<ArmSmmuMasterCfg>(core_.dev_iommu_priv_get(dev, "SG1"));
    ArmSmmuDevice& smmu = *cfg.deref("SG1")->smmu;
    smmu.stream_map_mutex.lock("SG2");
    PtrOrErr<IommuGroup> result;
    for (const int index : cfg->smendx) {
        if (index == ArmSmmuMasterCfg::kInvalidEntry) continue;
        const Ptr<IommuGroup> group = smmu.s2crs[static_cast<unsigned>(index)].group;
        if (result.value && group && result.value != group) {
            smmu.stream_map_mutex.unlock("SG3");
            return {{}, -kEINVAL};
        }
        result.value = group;
    }
    if (result.value) {
        core_.iommu_group_ref_get(result.value, "SG3");
    } else {
        const bool pci = dev.bus != nullptr && dev.bus->name == "pci" && driver_.pci_device_group();
        result = pci ? driver_.pci_device_group()(dev) : core_.generic_device_group(dev);
        for (const int index : cfg->smendx) {
            if (index != ArmSmmuMasterCfg::kInvalidEntry && result.err == 0) {
                smmu.s2crs[static_cast<unsigned>(index)].group = result.value;
            }
        }
    }
    smmu.stream_map_mutex.unlock("SG3");
    return result;
}

DomainType ArmSmmuOps::def_domain_type(Device& dev) {
    if (driver_.using_legacy_binding()) return DomainType::identity;
    const Ptr<ArmSmmuMasterCfg> cfg = ptr_cast<ArmSmmuMasterCfg>(core_.dev_iommu_priv_get(dev, "SD1"));
    ArmSmmuDevice& smmu = *cfg.deref("SD1")->smmu;
    return smmu.impl->def_domain_type(smmu, dev);
}

Ptr<IommuDomain> ArmSmmuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "arm_smmu_domain_alloc"};
    switch (type) {
        case DomainType::unmanaged:
        case DomainType::dma:
        case DomainType::dma_fq:
            // No IOVAs for masters of the old binding.
            if (driver_.using_legacy_binding() && type != DomainType::unmanaged) return {};
            return core_.k.heap.make<ArmSmmuDomain>("SG4", type);
        case DomainType::identity:
            return core_.k.heap.make<ArmSmmuDomain>("SG4", type);
        default:
            return {};
    }
}

std::vector<ReservedRegion> ArmSmmuOps::get_resv_regions(Device& dev) {
    std::vector<ReservedRegion> regions{{ReservedRegion::Kind::sw_msi, kMsiIovaBase, kMsiIovaLength, {}}};
    const std::vector<ReservedRegion> of_firmware =
        iommu_dma_get_resv_regions(core_.description, dev, core_.variant.release);
    regions.insert(regions.end(), of_firmware.begin(), of_firmware.end());
    return regions;
}

}  // namespace xlate::kernel::arm_smmu
