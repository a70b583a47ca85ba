#include "kernel-model/drivers/riscv/riscv_iommu.hpp"

#include <algorithm>

#include "kernel-model/boot.hpp"
#include "kernel-model/boot_state.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/riscv/riscv_below_guest.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

namespace rv = iommu::riscv;

namespace {

constexpr std::string_view kCompatible = "riscv,iommu", kPciCompatible = "riscv,pci-iommu";
constexpr unsigned kMaxIrqs = 4;
constexpr unsigned kFirstRelease = 613;

}  // namespace

RiscvIommuOps::RiscvIommuOps(IommuCore& core, BusType& platform, BusType* pci, PageAllocator& pages,
                             std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group)
    : IommuOps("riscv-iommu"),
      core_(core),
      platform_(platform),
      pci_(pci),
      pages_(pages),
      pci_device_group_(std::move(pci_device_group)) {
    properties.checks_fwspec = true;
    properties.checks_priv = false;
    properties.uses_ids_after_probe = true;
    properties.instance_lookup = InstanceLookup::bus;
    properties.null_checks_instance = true;
}

int RiscvIommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "riscv_iommu_of_xlate"};
    return core_.iommu_fwspec_add_ids(dev, {args.args.empty() ? 0 : args.args.front()});
}

Ptr<RiscvIommu> RiscvIommuOps::find(FwNode fwnode) {
    DriverCore& drivers = core_.driver_core;
    const Device* provider = drivers.bus_find_device_by_fwnode(platform_, fwnode, "RVP2");
    if (provider == nullptr && pci_ != nullptr) provider = drivers.bus_find_device_by_fwnode(*pci_, fwnode, "RVP2");
    return Ptr<RiscvIommu>(provider != nullptr ? static_cast<RiscvIommu*>(provider->driver_data) : nullptr);
}

// The contexts are made, and stay invalid until a domain is attached.
PtrOrErr<IommuDevice> RiscvIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "riscv_iommu_probe_device"};
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "RVP1");
    if (!fwspec || !fwspec->iommu_fwnode.read("RVP1") || fwspec->num_ids("RVP1") == 0) return {{}, -kENODEV};
    const Ptr<RiscvIommu> found = find(fwspec->iommu_fwnode.read("RVP2"));
    if (!found) return {{}, -kENODEV};
    RiscvIommu& iommu = *found.deref("RVP2");
    if (iommu.ddt_mode <= rv::ddtp::BARE) return {{}, -kENODEV};
    const Ptr<RiscvIommuInfo> info = core_.k.heap.make<RiscvIommuInfo>("RVP3", found);
    if (!info) return {{}, -kENOMEM};
    const std::uint64_t tc = iommu.has(rv::caps::AMO_HWAD) ? rv::tc::SADE.of(1) : 0;
    for (unsigned i = 0; i < fwspec->num_ids("RVP4"); ++i) {
        const auto dc = iommu.riscv_iommu_get_dc(fwspec->id(i, "RVP4"));
        if (!dc) {
            core_.k.heap.release(info, "RVP5");
            return {{}, -kENODEV};
        }
        if (rv::tc::V.test(iommu.pages.read_u64(*dc))) {
            core_.k.console.warn(dev.prefix(), "already attached to IOMMU device directory");
        }
        if (iommu.iohgatp != 0) iommu.pages.write_u64(*dc + 8 * rv::dc::IOHGATP, iommu.iohgatp);
        iommu.pages.write_u64(*dc, tc);
    }
    core_.dev_iommu_priv_set(dev, info, "RVP6");
    return {iommu.iommu, 0};
}

// The pointer to the freed data stays in the container, which goes next.
void RiscvIommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "riscv_iommu_release_device"};
    const Ptr<HeapObject> info = core_.dev_iommu_priv_get(dev, "RVR1");
    if (!info) return;
    if (const Ptr<IommuDomain> blocked = blocked_domain()) blocked->attach_dev(dev);  // release_domain
    core_.k.heap.release(info, "RVR3");
}

PtrOrErr<IommuGroup> RiscvIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "riscv_iommu_device_group"};
    if (dev.bus != nullptr && dev.bus->name == "pci" && pci_device_group_) return pci_device_group_(dev);
    return core_.generic_device_group(dev);
}

// Which tables depends on the instance: only with a device.
Ptr<IommuDomain> RiscvIommuOps::domain_alloc(DomainType /*type*/) { return {}; }

Ptr<IommuDomain> RiscvIommuOps::domain_alloc_for(Device& dev, DomainType type) {
    if (type != DomainType::dma && type != DomainType::dma_fq && type != DomainType::unmanaged) return {};
    const Ptr<RiscvIommuInfo> info = ptr_cast<RiscvIommuInfo>(core_.dev_iommu_priv_get(dev, "RVG1"));
    if (!info) return {};
    const Ptr<RiscvDomain> domain = core_.k.heap.make<RiscvDomain>("RVG2", type, core_, pscids_, pages_);
    if (!domain) return {};
    if (domain->init(*info->iommu.deref("RVG3")) != 0) {
        core_.k.heap.release(domain, "RVG4");
        return {};
    }
    return domain;
}

Ptr<IommuDomain> RiscvIommuOps::make_static(Ptr<IommuDomain>& kept, DomainType type) {
    if (!kept) {
        kept = core_.k.heap.make<RiscvDomain>("RVG5", type, core_, pscids_, pages_);
        if (!kept) return {};
        kept->is_static = true;
        core_.k.heap.set_immortal(*kept.get());
    }
    return kept;
}

RiscvIommuDriver::RiscvIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                                   std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group)
    : RiscvIommuDriver(
          core, platform, parts,
          std::make_shared<RiscvIommuOps>(core, platform, nullptr, parts.pages, std::move(pci_device_group))) {}

RiscvIommuDriver::RiscvIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                                   std::shared_ptr<RiscvIommuOps> ops)
    : Driver("riscv,iommu", platform),
      core_(core),
      pages_(parts.pages),
      mistakes_(parts.mistakes),
      ops_(std::move(ops)) {}

bool RiscvIommuDriver::match(const Device& device) const {
    return device.of_node && core_.description.node(*device.of_node).is_compatible(kCompatible);
}

namespace {

/// Below a guest: one second stage for all instances.
int keep_second_stage(const IommuCore& core, PageAllocator& pages, RiscvIommuOps& ops, RiscvIommu& iommu) {
    if (!iommu.has(rv::caps::BELOW_GUEST) || !iommu.has(rv::caps::Sv39x4)) return 0;
    if (ops.iohgatp == 0) ops.iohgatp = make_identity_second_stage(pages, core.description).value_or(0);
    if (ops.iohgatp == 0) return -kENOMEM;
    iommu.iohgatp = ops.iohgatp;
    return 0;
}

/// What both probes come to. `wired`: it is told to use its wires, whatever it did before.
int bring_up(IommuCore& core, PageAllocator& pages, const Mistakes& mistakes, RiscvIommuOps& ops, Device& dev,
             bool wired) {
    const firmware::Node& node = core.description.node(*dev.of_node);
    const Ptr<RiscvIommu> made = core.k.heap.make<RiscvIommu>("RVI1", dev, pages, mistakes);
    if (!made) return -kENOMEM;
    core.k.heap.set_immortal(*made.get());  // the device's (devres), and the hardware keeps using its queues
    RiscvIommu& iommu = *made.get();
    if (core.variant.release < kFirstRelease) {
        core.k.console.print(LogLevel::notice, iommu.prefix,
                             "this driver is of Linux 6.13 and later; the variant is older");
    }
    if (node.regs.empty() || node.regs.front().size == 0) return -kEINVAL;
    iommu.regs = PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    iommu.caps = iommu.read64(rv::reg::CAPABILITIES);
    iommu.fctl = iommu.read(rv::reg::FCTL);
    iommu.irqs_count = static_cast<unsigned>(std::min<std::size_t>(node.interrupts.size(), kMaxIrqs));
    if (iommu.irqs_count == 0) {
        core.k.console.err(iommu.prefix, "error {}: no IRQ resources provided", -kENODEV);
        return -kENODEV;
    }
    if (wired && !rv::fctl::WSI.test(iommu.fctl)) {
        iommu.fctl |= static_cast<std::uint32_t>(rv::fctl::WSI.mask());
        iommu.write(rv::reg::FCTL, iommu.fctl);
    }
    if (const int err = iommu.riscv_iommu_init(); err != 0) return err;
    if (const int err = keep_second_stage(core, pages, ops, iommu); err != 0) return err;
    dev.driver_data = &iommu;
    iommu.iommu = core.k.heap.make<IommuDevice>("RVI2", "riscv-iommu@" + dev.name);
    if (!iommu.iommu) return -kENOMEM;
    if (const int err = core.iommu_device_register(iommu.iommu, &ops, Ptr<Device>(&dev)); err != 0) {
        core.k.console.err(iommu.prefix, "cannot register iommu interface");
        core.k.heap.release(iommu.iommu, "RVI3");
        iommu.iommu = {};
        iommu.riscv_iommu_disable();
        return err;
    }
    return 0;
}

void take_down(IommuCore& core, Device& dev) {
    Frame frame{core.k, "riscv_iommu_remove"};
    auto* const iommu = static_cast<RiscvIommu*>(dev.driver_data);
    if (iommu == nullptr) return;
    if (iommu->iommu) {
        core.iommu_device_unregister(iommu->iommu);
        core.k.heap.release(iommu->iommu, "RVI4");
        iommu->iommu = {};
    }
    iommu->riscv_iommu_disable();
}

bool is_of(const IommuCore& core, const Device& device, std::string_view compatible) {
    return device.of_node && core.description.node(*device.of_node).is_compatible(compatible);
}

}  // namespace

int RiscvIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "riscv_iommu_platform_probe"};
    return bring_up(core_, pages_, mistakes_, *ops_, dev, true);
}

void RiscvIommuDriver::remove(Device& dev) { take_down(core_, dev); }

RiscvIommuPciDriver::RiscvIommuPciDriver(IommuCore& core, BusType& pci, const IommuDriverParts& parts,
                                         std::shared_ptr<RiscvIommuOps> ops)
    : Driver("riscv-iommu-pci", pci),
      core_(core),
      pages_(parts.pages),
      mistakes_(parts.mistakes),
      ops_(std::move(ops)) {}

// By the node: its id is QEMU's or Rivos's, and another vendor's function has a class of its own (0x0806).
bool RiscvIommuPciDriver::match(const Device& device) const { return is_of(core_, device, kPciCompatible); }

int RiscvIommuPciDriver::probe(Device& dev) {
    Frame frame{core_.k, "riscv_iommu_pci_probe"};
    return bring_up(core_, pages_, mistakes_, *ops_, dev, false);
}

void RiscvIommuPciDriver::remove(Device& dev) { take_down(core_, dev); }

namespace {

/// A master may have entries of both forms: they are one driver's.
std::shared_ptr<RiscvIommuOps> common_ops(LinuxBoot& boot, const IommuDriverParts& parts) {
    std::shared_ptr<IommuOps>& kept = boot.state().common_ops["riscv-iommu"];
    if (!kept) {
        kept = std::make_shared<RiscvIommuOps>(boot.iommu(), boot.state().platform, &boot.state().pci_bus, parts.pages,
                                               [&pci = boot.pci()](Device& dev) { return pci.pci_device_group(dev); });
    }
    return std::static_pointer_cast<RiscvIommuOps>(kept);
}

}  // namespace

std::unique_ptr<Driver> make_riscv_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<RiscvIommuDriver>(boot.iommu(), boot.state().platform, parts, common_ops(boot, parts));
}

std::unique_ptr<Driver> make_riscv_iommu_pci(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<RiscvIommuPciDriver>(boot.iommu(), boot.state().pci_bus, parts, common_ops(boot, parts));
}

}  // namespace xlate::kernel
