#include "kernel-model/drivers/ipmmu/ipmmu_vmsa.hpp"

#include <algorithm>

#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace {

constexpr std::string_view kDriver = "ipmmu-vmsa";
constexpr std::string_view kMain = "renesas,ipmmu-main";
constexpr unsigned kRelease61 = 601;

bool is_pci(const Device& dev) { return dev.bus != nullptr && dev.bus->name == "pci"; }

}  // namespace

IpmmuVmsaOps::IpmmuVmsaOps(IommuCore& core, BusType& platform, PageAllocator& pages)
    : IommuOps(std::string(kDriver)),
      core_(core),
      platform_(platform),
      pages_(pages),
      soc_(ipmmu_soc(core.description)) {
    properties.checks_fwspec = false;
    properties.checks_priv = true;
    properties.uses_ids_after_probe = true;
    properties.xlate_sets_priv = true;
    properties.instance_lookup = InstanceLookup::priv;
}

// The first provider is the device's; ids are taken of every one, and an error of that is not looked at.
int IpmmuVmsaOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "ipmmu_of_xlate"};
    if (!ipmmu_device_is_allowed(soc_, dev.name, is_pci(dev), core_.variant.release)) return -kENODEV;
    core_.iommu_fwspec_add_ids(dev, {args.args.empty() ? 0 : args.args.front()});
    if (core_.dev_iommu_priv_get(dev, "OX2")) return 0;
    return ipmmu_init_platform_device(dev, args);
}

int IpmmuVmsaOps::ipmmu_init_platform_device(Device& dev, const OfPhandleArgs& args) {
    const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, args.np, "OX3"));
    if (!provider) return -kENODEV;
    core_.dev_iommu_priv_set(
        dev, Ptr<IpmmuVmsaDevice>(static_cast<IpmmuVmsaDevice*>(provider.deref("OX3")->driver_data)), "OX4");
    return 0;
}

// Only what of_xlate has let through has private data.
PtrOrErr<IommuDevice> IpmmuVmsaOps::probe_device(Device& dev) {
    Frame frame{core_.k, "ipmmu_probe_device"};
    const Ptr<IpmmuVmsaDevice> mmu = ptr_cast<IpmmuVmsaDevice>(core_.dev_iommu_priv_get(dev, "PR2"));
    if (!mmu) return {{}, -kENODEV};
    return {mmu.deref("PR3")->iommu, 0};
}

// Of 6.12: the micro-TLBs go off; the core has left the domain already.
void IpmmuVmsaOps::release_device(Device&) {}

PtrOrErr<IommuGroup> IpmmuVmsaOps::device_group(Device& dev) {
    Frame frame{core_.k, "ipmmu_device_group"};
    if (core_.parameters.arch == Arch::arm && !core_.has_generic_dma()) return core_.generic_device_group(dev);
    return core_.generic_single_device_group(dev);
}

Ptr<IommuDomain> IpmmuVmsaOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "ipmmu_domain_alloc_paging"};
    if (type != DomainType::unmanaged && type != DomainType::dma) return {};
    return core_.k.heap.make<IpmmuVmsaDomain>("IPD1", type, core_, pages_);
}

Ptr<IommuDomain> IpmmuVmsaOps::identity_domain() {
    if (core_.variant.release <= kRelease61) return {};
    if (!identity_) {
        identity_ = core_.k.heap.make<IpmmuVmsaDomain>("IPD2", DomainType::identity, core_, pages_);
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

IpmmuVmsaDriver::IpmmuVmsaDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts)
    : Driver(std::string(kDriver), platform),
      core_(core),
      mistakes_(parts.mistakes),
      ops_(core, platform, parts.pages) {}

bool IpmmuVmsaDriver::match(const Device& device) const {
    return device.of_node && ipmmu_features(core_.description.node(*device.of_node)).has_value();
}

// Of several roots the one that was bound last: renesas,ipmmu-main names one, but is not read.
Ptr<IpmmuVmsaDevice> IpmmuVmsaDriver::ipmmu_find_root() const {
    const auto last = std::find_if(instances_.rbegin(), instances_.rend(),
                                   [](const Ptr<IpmmuVmsaDevice>& mmu) { return mmu.get()->is_root(); });
    return last == instances_.rend() ? Ptr<IpmmuVmsaDevice>{} : *last;
}

int IpmmuVmsaDriver::probe(Device& dev) {
    Frame frame{core_.k, "ipmmu_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const Ptr<IpmmuVmsaDevice> made = core_.k.heap.make<IpmmuVmsaDevice>("IPP1", dev, *ipmmu_features(node), mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    IpmmuVmsaDevice& mmu = *made.get();
    if (node.regs.empty()) return -kEINVAL;
    mmu.regs = PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    mmu.root = !mmu.features.has_cache_leaf_nodes() || !node.has(kMain) ? made : ipmmu_find_root();
    if (!mmu.root) return -kEPROBE_DEFER;
    if (mmu.is_root()) {
        if (node.interrupts.empty()) return -kENXIO;
        mmu.request_irq(node);
        mmu.ipmmu_device_reset();
        if (mmu.features.reserved_context) {
            core_.k.console.info(mmu.prefix, "IPMMU context 0 is reserved");
            mmu.reserve_context(0);
        }
    }
    // Up to 6.15 the data are there when the registration is over: its own walk finds none (X2).
    if (core_.variant.has(Cap::drivers_before_walk)) dev.driver_data = &mmu;
    if (!mmu.features.has_cache_leaf_nodes() || !mmu.is_root()) {
        if (const int err = ipmmu_register(dev, mmu); err != 0) return err;
    }
    dev.driver_data = &mmu;
    instances_.push_back(made);
    return 0;
}

int IpmmuVmsaDriver::ipmmu_register(Device& dev, IpmmuVmsaDevice& mmu) {
    mmu.iommu = core_.k.heap.make<IommuDevice>("IPP2", dev.name);
    if (!mmu.iommu) return -kENOMEM;
    const int err = core_.iommu_device_register(mmu.iommu, &ops_, Ptr<Device>(&dev));
    if (err == 0) return 0;
    core_.k.heap.release(mmu.iommu, "IPP3");
    mmu.iommu = {};
    return err;
}

void IpmmuVmsaDriver::remove(Device& dev) {
    Frame frame{core_.k, "ipmmu_remove"};
    auto& mmu = *static_cast<IpmmuVmsaDevice*>(dev.driver_data);
    if (mmu.iommu) core_.iommu_device_unregister(mmu.iommu);
    mmu.ipmmu_device_reset();
    instances_.erase(std::remove(instances_.begin(), instances_.end(), Ptr<IpmmuVmsaDevice>(&mmu)), instances_.end());
}

std::unique_ptr<Driver> make_ipmmu_vmsa(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<IpmmuVmsaDriver>(boot.iommu(), *boot.drivers().buses().front(), parts);
}

}  // namespace xlate::kernel
