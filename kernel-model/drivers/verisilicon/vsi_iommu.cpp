#include "kernel-model/drivers/verisilicon/vsi_iommu.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace vsi = iommu::verisilicon;
namespace reg = iommu::verisilicon::reg;

namespace {

constexpr std::string_view kDriver = "vsi_iommu", kCompatible = "verisilicon,iommu-1.2";
constexpr std::uint64_t kPage = std::uint64_t{1} << vsi::kPageBits;

}  // namespace

VsiIommu::VsiIommu(Kernel& the_kernel, Device& the_dev, RuntimePm& the_power, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "vsi_iommu"),
      dev(the_dev),
      power(the_power),
      mistakes(the_mistakes),
      prefix(std::string(kDriver) + " " + the_dev.name),
      domain(*this, "iommu->domain"),
      lock(the_kernel, "iommu->lock"),
      irq_(the_kernel, "irq/" + the_dev.name, 0) {}

std::uint32_t VsiIommu::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(regs + offset, 4));
}
void VsiIommu::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(regs + offset, 4, value);
}

void VsiIommu::vsi_iommu_enable(const VsiIommuDomain& with) {
    Frame frame{kernel(), "vsi_iommu_enable"};
    write(reg::ARRAY_BASE, with.pta_dma());
    write(reg::CONFIG1, static_cast<std::uint32_t>(vsi::config1::OUT_OF_BOUND.mask()));
    write(reg::EXCEPTION, static_cast<std::uint32_t>(vsi::kEnable.mask()));
    write(reg::CONTROL, static_cast<std::uint32_t>(vsi::kEnable.mask()));
    enable = true;
}

void VsiIommu::vsi_iommu_disable() {
    write(reg::CONTROL, 0);
    enable = false;
}

void VsiIommu::flush() {
    write(reg::FLUSH, static_cast<std::uint32_t>(vsi::flush::ALL.mask()));
    write(reg::FLUSH, 0);
}

void VsiIommu::request_irq(const firmware::Node& node) {
    kernel().machine.connect_interrupt(*dev.of_node, node.interrupts.front().name,
                                       irq_.entry([this] { vsi_iommu_irq(); }));
}

void VsiIommu::vsi_iommu_irq() {
    Frame frame{kernel(), "vsi_iommu_irq"};
    if (power.get_sync(dev) < 0) return;
    lock.lock("VSI1");
    const std::uint32_t status = read(reg::STATUS);
    if ((status & vsi::kStatusMask) != 0) {
        kernel().console.err(prefix, "unexpected int_status={:08x}", status);
        read(reg::FAULT_ADDR);
    }
    write(reg::STATUS, 0);
    lock.unlock("VSI2");
    power.put(dev);
}

int VsiIommu::resume() {
    Frame frame{kernel(), "vsi_iommu_resume"};
    const VsiIommuDomain* const with = domain.peek();
    if (with != nullptr && with->type != DomainType::identity) vsi_iommu_enable(*with);
    return 0;
}

void VsiIommu::suspend() {
    Frame frame{kernel(), "vsi_iommu_suspend"};
    vsi_iommu_disable();
}

VsiIommuDomain::VsiIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory)
    : IommuDomain(the_kernel, domain_type),
      core_(core),
      memory_(memory),
      lock_(the_kernel, "vsi_domain->lock"),
      tables_(memory, *this) {
    if (domain_type == DomainType::identity) return;
    pgsize_bitmap = kPage;
    aperture_end = low_mask(vsi::kInputBits);
}

int VsiIommuDomain::init() {
    if (const int err = tables_.init(); err != 0) return err;
    pta_ = memory_.alloc_table(kPage);
    if (!pta_) return -kENOMEM;
    const std::uint64_t word = vsi::pta::directory(tables_.root());
    memory_.store(*pta_, &word, 1, vsi::kArrayWordBytes);
    return 0;
}

void VsiIommuDomain::free() {
    tables_.free_tables();
    if (pta_) memory_.free_table(*pta_, kPage);
    pta_.reset();
}

std::optional<AddressSpace> VsiIommuDomain::address_space() const {
    if (iommus_.empty()) return std::nullopt;
    return AddressSpace{iommus_.front()->regs, 0};
}

// The lock is the paging domain's here; Linux takes one that it finds beside the identity domain, which has none.
int VsiIommuDomain::vsi_iommu_identity_attach(VsiIommu& iommu) {
    Frame frame{kernel(), "vsi_iommu_identity_attach"};
    if (const int err = iommu.power.get_sync(iommu.dev); err < 0) return err;
    iommu.lock.lock("AT3");
    VsiIommuDomain* const old = iommu.domain.read("AT3");
    if (old != this) {
        iommu.vsi_iommu_disable();
        if (old != nullptr) {
            old->iommus_.erase(std::remove(old->iommus_.begin(), old->iommus_.end(), &iommu), old->iommus_.end());
        }
        iommu.domain.write(this, "AT4");
    }
    iommu.lock.unlock("AT4");
    iommu.power.put(iommu.dev);
    return 0;
}

int VsiIommuDomain::attach_dev(Device& dev) {
    const Ptr<VsiIommu> priv = ptr_cast<VsiIommu>(core_.dev_iommu_priv_get(dev, "AT2"));
    VsiIommu& iommu = *priv.deref("AT2");
    if (type == DomainType::identity) return vsi_iommu_identity_attach(iommu);
    Frame frame{kernel(), "vsi_iommu_attach_device"};
    if (const int err = iommu.power.get_sync(iommu.dev); err < 0) return err;
    lock_.lock("AT3");
    iommu.lock.lock("AT3");
    iommu.vsi_iommu_enable(*this);
    iommu.flush();
    if (VsiIommuDomain* const old = iommu.domain.read("AT4"); old != nullptr) {
        old->iommus_.erase(std::remove(old->iommus_.begin(), old->iommus_.end(), &iommu), old->iommus_.end());
    }
    iommus_.push_back(&iommu);
    iommu.domain.write(this, "AT5");
    iommu.lock.unlock("AT5");
    lock_.unlock("AT5");
    iommu.power.put(iommu.dev);
    return 0;
}

// Those that are on, which only a resumed one is.
void VsiIommuDomain::vsi_iommu_flush_tlb() {
    Frame frame{kernel(), "vsi_iommu_flush_tlb"};
    for (VsiIommu* const iommu : iommus_) {
        iommu->lock.lock("VSF1");
        if (iommu->enable) iommu->flush();
        iommu->lock.unlock("VSF2");
    }
}

int VsiIommuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    Frame frame{kernel(), "vsi_iommu_map"};
    PageProt prot;
    prot.read = read;
    prot.write = write;
    lock_.lock("VSM1");
    const int err = tables_.map(iova, paddr, size, prot);
    vsi_iommu_flush_tlb();
    lock_.unlock("VSM2");
    return err;
}

std::uint64_t VsiIommuDomain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "vsi_iommu_unmap"};
    lock_.lock("VSU1");
    IotlbGather gather;
    gather.queued = true;  // flushed below, all of it
    const std::uint64_t unmapped = tables_.unmap(iova, size, gather);
    const bool forgets = !iommus_.empty() && iommus_.front()->mistakes.has(Mistake::unmap_without_tlbi);
    if (unmapped != 0 && !forgets) vsi_iommu_flush_tlb();
    lock_.unlock("VSU2");
    return unmapped;
}

VsiIommuOps::VsiIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages)
    : IommuOps(std::string(kDriver)), core_(core), platform_(platform), pages_(pages) {
    properties.checks_fwspec = false;
    properties.instance_lookup = InstanceLookup::bound;
}

// There are no cells; Linux takes the first all the same.
int VsiIommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "vsi_iommu_of_xlate"};
    return core_.iommu_fwspec_add_ids(dev, {args.args.empty() ? 0 : args.args.front()});
}

// Neither the fwspec nor the instance is looked at before it is used.
PtrOrErr<IommuDevice> VsiIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "vsi_iommu_probe_device"};
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "PR1");
    const FwNode fwnode = fwspec.deref("PR1")->iommu_fwnode.read("PR1");
    const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, fwnode, "PR2"));
    const Ptr<VsiIommu> iommu(provider ? static_cast<VsiIommu*>(provider->driver_data) : nullptr);
    iommu.deref("PR3")->power.link(dev, iommu->dev);
    core_.dev_iommu_priv_set(dev, iommu, "PR4");
    return {iommu->iommu, 0};
}

void VsiIommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "vsi_iommu_release_device"};
    const Ptr<VsiIommu> iommu = ptr_cast<VsiIommu>(core_.dev_iommu_priv_get(dev, "RE1"));
    iommu.deref("RE1")->power.unlink(dev, iommu->dev);
}

PtrOrErr<IommuGroup> VsiIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "vsi_iommu_device_group"};
    return core_.generic_single_device_group(dev);
}

Ptr<IommuDomain> VsiIommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "vsi_iommu_domain_alloc_paging"};
    if (type != DomainType::unmanaged && type != DomainType::dma) return {};
    const Ptr<VsiIommuDomain> domain = core_.k.heap.make<VsiIommuDomain>("VSN1", type, core_, pages_);
    if (!domain) return {};
    if (domain->init() != 0) {
        domain->free();
        core_.k.heap.release(domain, "VSN2");
        return {};
    }
    return domain;
}

Ptr<IommuDomain> VsiIommuOps::identity_domain() {
    if (!identity_) {
        identity_ = core_.k.heap.make<VsiIommuDomain>("VSN3", DomainType::identity, core_, pages_);
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

VsiIommuDriver::VsiIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts)
    : Driver(std::string(kDriver), platform),
      core_(core),
      power_(parts.power),
      mistakes_(parts.mistakes),
      ops_(core, platform, parts.pages) {}

bool VsiIommuDriver::match(const Device& device) const {
    return device.of_node && core_.description.node(*device.of_node).is_compatible(kCompatible);
}

// It writes no register: the first attach does.
int VsiIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "vsi_iommu_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const Ptr<VsiIommu> made = core_.k.heap.make<VsiIommu>("VSP1", dev, power_, mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    VsiIommu& iommu = *made.get();
    if (node.regs.empty()) return -kENOMEM;
    iommu.regs = PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    if (node.interrupts.empty()) return -kENXIO;
    iommu.request_irq(node);
    dev.driver_data = &iommu;
    power_.enable(dev, {[&iommu] { return iommu.resume(); }, [&iommu] { iommu.suspend(); }});
    iommu.iommu = core_.k.heap.make<IommuDevice>("VSP2", dev.name);
    if (!iommu.iommu) return -kENOMEM;
    if (const int err = core_.iommu_device_register(iommu.iommu, &ops_, Ptr<Device>(&dev)); err != 0) {
        core_.k.heap.release(iommu.iommu, "VSP3");
        iommu.iommu = {};
        power_.disable(dev);
        return err;
    }
    return 0;
}

std::unique_ptr<Driver> make_vsi_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<VsiIommuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts);
}

}  // namespace xlate::kernel
