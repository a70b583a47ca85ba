#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "firmware/iommu_families.hpp"
#include "kernel-model/dma/reserved_regions.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {
namespace {

/// The window in which the driver places MSI doorbells for user space: not ours to give out.
constexpr std::uint64_t kMsiIovaBase = 0x8000000, kMsiIovaLength = 0x100000;
constexpr unsigned kCdTableLinearMax = 10;  // log2 of contexts without two-level tables
constexpr unsigned kFirstReleaseWithoutOpsCheck = 612;
constexpr unsigned kFirstReleaseWithBusLookup = 615;
constexpr unsigned kFirstReleaseThatPasses = 609;  ///< release puts the STE back to bypass, not abort

/// b00d24997a11: a bridged PCI device may name one id twice. In 6.15 and, of older trees, in 6.1.138, 6.12.28 and
/// later, which are all that is modelled of 6.1 and 6.12.
bool takes_own_duplicates(const Variant& variant) {
    constexpr unsigned kStable = 601, kFirstRelease = 612;
    return variant.release == kStable || variant.release >= kFirstRelease;
}

}  // namespace

ArmSmmuOps::ArmSmmuOps(IommuCore& core, Driver& driver, std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group,
                       std::function<DomainType(Device&)> def_domain_type)
    : IommuOps("arm-smmu-v3"),
      core_(core),
      driver_(driver),
      pci_device_group_(std::move(pci_device_group)),
      def_domain_type_(std::move(def_domain_type)),
      asids_(core.k) {
    properties.checks_fwspec = true;
    properties.checks_priv = false;
    properties.null_checks_instance = true;
    properties.converted_by_series = true;
    properties.instance_lookup =
        core.variant.release >= kFirstReleaseWithBusLookup ? InstanceLookup::bus : InstanceLookup::bound;
}

DomainType ArmSmmuOps::def_domain_type(Device& dev) {
    return def_domain_type_ ? def_domain_type_(dev) : DomainType::none;
}

bool ArmSmmuOps::has_of_xlate() const { return !core_.variant.has(Cap::xlate_fwspec_op); }
bool ArmSmmuOps::has_of_xlate_fwspec() const { return core_.variant.has(Cap::xlate_fwspec_op); }

int ArmSmmuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "arm_smmu_of_xlate"};
    check_loaded("SMX1");
    if (args.args.empty()) return -kEINVAL;
    return core_.iommu_fwspec_add_ids(dev, {args.args.front()});
}

int ArmSmmuOps::of_xlate_fwspec(Ptr<IommuFwspec> fwspec, Device&, const OfPhandleArgs& args) {
    Frame frame{core_.k, "arm_smmu_of_xlate"};
    check_loaded("SMX1");
    if (args.args.empty()) return -kEINVAL;
    return core_.iommu_fwspec_append_ids(fwspec, {args.args.front()});
}

Ptr<ArmSmmuDevice> ArmSmmuOps::get_by_fwnode(FwNode fwnode) {
    Frame frame{core_.k, "arm_smmu_get_by_fwnode"};
    DriverCore& drivers = core_.driver_core;
    const Device* dev = properties.instance_lookup == InstanceLookup::bus
                            ? drivers.bus_find_device_by_fwnode(driver_.bus, fwnode, "SMP3")
                            : drivers.driver_find_device_by_fwnode(driver_, fwnode, "SMP3");
    return Ptr<ArmSmmuDevice>(dev != nullptr ? static_cast<ArmSmmuDevice*>(dev->driver_data) : nullptr);
}

// The order of checks is that of the specification's table.
PtrOrErr<IommuDevice> ArmSmmuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "arm_smmu_probe_device"};
    check_loaded("SMP0");
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "SMP1");
    if (!fwspec) return {{}, -kENODEV};
    if (core_.variant.release < kFirstReleaseWithoutOpsCheck && core_.iommu_fwspec_ops(fwspec, "SMP1") != this) {
        return {{}, -kENODEV};
    }
    if (core_.dev_iommu_priv_get(dev, "SMP2")) {
        core_.k.reports.warn("arm_smmu_probe_device: the device has private data already", "SMP2");
        return {{}, -kEBUSY};
    }
    const Ptr<ArmSmmuDevice> smmu = get_by_fwnode(fwspec->iommu_fwnode.read("SMP3"));
    if (!smmu) return {{}, -kENODEV};
    const Ptr<ArmSmmuMaster> master = core_.k.heap.make<ArmSmmuMaster>("SMP4", dev, smmu);
    if (!master) return {{}, -kENOMEM};
    core_.dev_iommu_priv_set(dev, master, "SMP5");
    if (const int err = insert_master(*master, fwspec); err != 0) {
        core_.k.heap.release(master, "SMP7");
        core_.dev_iommu_priv_set(dev, {}, "SMP7");
        return {{}, err};
    }
    if (dev.of_node) {
        const firmware::Node& node = core_.description.node(*dev.of_node);
        const unsigned wanted = node.u32("pasid-num-bits").value_or(0);
        master->ssid_bits = std::min(smmu->ssid_bits, wanted);
        if (!smmu->has(smmu_feature::kTwoLevelCdtab)) {
            master->ssid_bits = std::min(master->ssid_bits, kCdTableLinearMax);
        }
        master->stall_enabled = smmu->has(smmu_feature::kStalls) && node.has("dma-can-stall");
    }
    master->stall_enabled = master->stall_enabled || smmu->has(smmu_feature::kStallForce);
    return {smmu->iommu, 0};
}

int ArmSmmuOps::insert_master(ArmSmmuMaster& master, Ptr<IommuFwspec> fwspec) {
    Frame frame{core_.k, "arm_smmu_insert_master"};
    ArmSmmuDevice& smmu = *master.smmu;
    const unsigned number = fwspec->num_ids("SMP6");
    smmu.streams_mutex.lock("SMS1");
    std::vector<std::uint32_t> taken;
    int err = 0;
    for (unsigned i = 0; i < number && err == 0; ++i) {
        const std::uint32_t sid = fwspec->id(i, "SMP6");
        err = smmu.strtab.prepare(sid);
        if (err != 0) break;
        const auto owner = smmu.streams.find(sid);
        if (owner == smmu.streams.end()) {
            smmu.streams[sid] = Ptr<ArmSmmuMaster>(&master);
            taken.push_back(sid);
        } else if (owner->second.get() != &master || !takes_own_duplicates(core_.variant)) {
            err = refuse_stream(master, sid, owner->second->dev.name);
            break;
        }
        master.sids.push_back(sid);
    }
    if (err != 0) {
        for (const std::uint32_t sid : taken) smmu.streams.erase(sid);
        master.sids.clear();
    }
    smmu.streams_mutex.unlock("SMS2");
    return err;
}

int ArmSmmuOps::refuse_stream(const ArmSmmuMaster& master, std::uint32_t sid, const std::string& owner) const {
    const std::string prefix = master.dev.prefix();
    if (core_.variant.has(Cap::alias_is_enodev)) {
        core_.k.console.warn(prefix, "Aliasing StreamID {:#x} (from {}) unsupported, expect DMA to be broken", sid,
                             owner);
        return -kENODEV;
    }
    const std::string from = takes_own_duplicates(core_.variant) ? " from dev " + owner : "";
    core_.k.console.warn(prefix, "stream {} already in tree{}", sid, from);
    return -kEINVAL;
}

// As many streams as the fwspec has ids now: it is followed without a test.
void ArmSmmuOps::remove_master(ArmSmmuMaster& master) {
    ArmSmmuDevice& smmu = *master.smmu;
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(master.dev, "SMR3");
    smmu.streams_mutex.lock("SMS3");
    fwspec.deref("SMR3")->num_ids("SMR3");
    for (const std::uint32_t sid : master.sids) smmu.streams.erase(sid);
    smmu.streams_mutex.unlock("SMS4");
}

void ArmSmmuOps::release_device(Device& dev) {
    Frame frame{core_.k, "arm_smmu_release_device"};
    const Ptr<ArmSmmuMaster> master = ptr_cast<ArmSmmuMaster>(core_.dev_iommu_priv_get(dev, "SMR1"));
    if (!master) return;
    // Memory that must stay mapped stays reachable without a domain, too.
    const DevIommu* const container = dev.iommu.peek().get();
    master->passes_when_idle =
        core_.variant.release >= kFirstReleaseThatPasses && container != nullptr && container->require_direct.peek();
    master->detach();
    remove_master(*master);
    core_.k.heap.release(master, "SMR2");
}

PtrOrErr<IommuGroup> ArmSmmuOps::device_group(Device& dev) {
    Frame frame{core_.k, "arm_smmu_device_group"};
    if (dev.bus != nullptr && dev.bus->name == "pci" && pci_device_group_) return pci_device_group_(dev);
    return core_.generic_device_group(dev);
}

Ptr<IommuDomain> ArmSmmuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "arm_smmu_domain_alloc"};
    switch (type) {
        case DomainType::unmanaged:
        case DomainType::dma:
        case DomainType::dma_fq:
        case DomainType::identity:
            return core_.k.heap.make<ArmSmmuDomain>("SMG1", type, asids_);
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

ArmSmmuDriver::ArmSmmuDriver(IommuCore& core, BusType& platform, PageAllocator& pages, const ArmSmmuParams& params,
                             std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group)
    : Driver("arm-smmu-v3", platform),
      core_(core),
      pages_(pages),
      params_(params),
      msi_(core.description),
      ops_(core, *this, std::move(pci_device_group), params_.def_domain_type) {}

bool ArmSmmuDriver::match(const Device& device) const {
    return device.of_node && firmware::binds_to("arm-smmu-v3", core_.description.node(*device.of_node));
}

int ArmSmmuDriver::probe(Device& dev) {
    Frame frame{core_.k, "arm_smmu_device_probe"};
    const Ptr<ArmSmmuDevice> smmu = core_.k.heap.make<ArmSmmuDevice>("SMI1", dev, pages_, params_);
    if (!smmu) return -kENOMEM;
    // Its memory is the device's (devres), and the hardware keeps using its queues.
    core_.k.heap.set_immortal(*smmu);
    return probe_steps(dev, *smmu);
}

int ArmSmmuDriver::probe_steps(Device& dev, ArmSmmuDevice& smmu) {
    const firmware::Node& node = core_.description.node(*dev.of_node);
    bool bypass = false;
    if (const std::uint32_t cells = node.iommu_cells.value_or(0); !node.iommu_cells) {
        core_.k.console.err(smmu.prefix, "missing #iommu-cells property");
        bypass = true;
    } else if (cells != 1) {
        core_.k.console.err(smmu.prefix, "invalid #iommu-cells value ({})", cells);
        bypass = true;
    }
    if (const int err = smmu.find_resources(node); err != 0) return err;
    if (const int err = smmu.hw_probe(node.dma_coherent); err != 0) return err;
    if (const int err = smmu.init_structures(); err != 0) return err;
    dev.driver_data = &smmu;
    rmr_install_bypass_ste(dev, smmu);
    if (const int err = smmu.reset(node, bypass, msi_); err != 0) return err;

    // Masters may use it from here on.
    smmu.iommu = core_.k.heap.make<IommuDevice>("SMI2", fmt::format("smmu3.{:#018x}", smmu.base().value));
    if (!smmu.iommu) return -kENOMEM;
    if (const int err = core_.iommu_device_register(smmu.iommu, &ops_, Ptr<Device>(&dev)); err != 0) {
        core_.k.console.err(smmu.prefix, "Failed to register iommu");
        core_.k.heap.release(smmu.iommu, "SMI3");
        smmu.iommu = {};
        smmu.disable();
        return err;
    }
    instances_.push_back(Ptr<ArmSmmuDevice>(&smmu));
    return 0;
}

// Linux arm_smmu_rmr_install_bypass_ste(): what firmware has left running goes on when the SMMU is reset. The table is
// not the hardware's yet, so nothing is invalidated. Device trees have no such entries.
void ArmSmmuDriver::rmr_install_bypass_ste(const Device& dev, ArmSmmuDevice& smmu) {
    for (const firmware::DeviceReservation& one : core_.description.device_reservations) {
        if (!one.provider || one.provider != dev.of_node) continue;
        Frame frame{core_.k, "arm_smmu_rmr_install_bypass_ste"};
        for (std::uint64_t sid = one.first_id; sid <= one.last_id; ++sid) {
            if (smmu.strtab.prepare(static_cast<std::uint32_t>(sid)) != 0) {
                core_.k.console.err(smmu.prefix, "RMR SID({:#x}) bypass failed", sid);
                if (!smmu.strtab.in_range(static_cast<std::uint32_t>(sid))) break;  // nor will the rest of them
                continue;
            }
            smmu.strtab.write_initial(static_cast<std::uint32_t>(sid), ArmSmmuStreamTable::unowned(false));
        }
    }
}

void ArmSmmuDriver::remove(Device& dev) {
    Frame frame{core_.k, "arm_smmu_device_remove"};
    auto* smmu = static_cast<ArmSmmuDevice*>(dev.driver_data);
    if (smmu == nullptr) return;
    if (smmu->iommu) {
        core_.iommu_device_unregister(smmu->iommu);
        core_.k.heap.release(smmu->iommu, "SMI4");
        smmu->iommu = {};
    }
    smmu->disable();
    instances_.erase(std::remove(instances_.begin(), instances_.end(), Ptr<ArmSmmuDevice>(smmu)), instances_.end());
}

namespace {

std::unique_ptr<Driver> make(LinuxBoot& boot, PageAllocator& pages, ArmSmmuParams chosen) {
    const KernelParameters& parameters = boot.config().parameters;
    const bool given_counts = boot.iommu().variant.release < kFirstReleaseWithoutDisableBypass;
    chosen.disable_bypass = chosen.disable_bypass && (parameters.smmu_v3_disable_bypass || !given_counts);
    using Invalidation = KernelParameters::Invalidation;
    chosen.range_invalidation = parameters.smmu_v3_invalidation == Invalidation::linux_choice;
    if (parameters.smmu_v3_all_from_pages != 0) chosen.all_from_pages = parameters.smmu_v3_all_from_pages;
    if (parameters.smmu_v3_invalidation == Invalidation::all) chosen.all_from_pages = 1;
    chosen.cpus = boot.config().cpus;
    PciCore& pci = boot.pci();
    return std::make_unique<ArmSmmuDriver>(boot.iommu(), *boot.drivers().buses().front(), pages, chosen,
                                           [&pci](Device& dev) { return pci.pci_device_group(dev); });
}

}  // namespace

std::unique_ptr<Driver> make_arm_smmu_v3(LinuxBoot& boot, const IommuDriverParts& parts) {
    ArmSmmuParams params;
    params.mistakes = parts.mistakes;
    params.on_page_request = parts.on_page_request;
    return make(boot, parts.pages, params);
}

DriverSource arm_smmu_v3_driver(PageAllocator& pages, ArmSmmuParams params) {
    return {"arm-smmu-v3", [&pages, params](LinuxBoot& boot) { return make(boot, pages, params); }};
}

}  // namespace xlate::kernel
