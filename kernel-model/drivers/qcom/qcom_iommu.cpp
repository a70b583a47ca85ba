#include "kernel-model/drivers/qcom/qcom_iommu.hpp"

#include <algorithm>
#include <iterator>

#include "firmware/iommu_families.hpp"
#include "iommu/qcom/layout.hpp"
#include "iommu/smmuv2/layout.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/of/of_core.hpp"

namespace xlate::kernel {

namespace cb = iommu::smmuv2::cb;

namespace {

constexpr std::string_view kDriver = "qcom-iommu", kSecureId = "qcom,iommu-secure-id";
constexpr std::string_view kContexts[] = {"qcom,msm-iommu-v1-ns", "qcom,msm-iommu-v1-sec", "qcom,msm-iommu-v2-ns",
                                          "qcom,msm-iommu-v2-sec"};
constexpr std::size_t kContextsOf61 = 2;
constexpr unsigned kRelease61 = 601;

}  // namespace

QcomIommuOps::QcomIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages)
    : IommuOps(std::string(kDriver)), core_(core), platform_(platform), pages_(pages) {
    properties.checks_fwspec = false;
    properties.checks_priv = true;
    properties.uses_ids_after_probe = true;
    properties.xlate_sets_priv = true;
    properties.instance_lookup = InstanceLookup::priv;
}

// One IOMMU a device, any number of its banks; that another device has the bank is not looked at.
int QcomIommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "qcom_iommu_of_xlate"};
    if (args.args.size() != 1) {
        core_.k.console.err(dev.prefix(), "incorrect number of iommu params found for {} (found {}, expected 1)",
                            core_.description.node(args.np).path, args.args.size());
        return -kEINVAL;
    }
    const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, args.np, "OX1"));
    if (!provider) return -kEINVAL;
    const Ptr<QcomIommuDev> iommu(static_cast<QcomIommuDev*>(provider.deref("OX1")->driver_data));
    const std::uint32_t asid = args.args.front();
    // 6.1 looks for numbers out of range alone, from 1 on: a bank that is not there is met in attach.
    const bool old_check = core_.variant.release <= kRelease61;
    const bool wrong = old_check ? asid == 0 : iommu.deref("OX2")->ctx(asid) == nullptr;
    if (asid > iommu.deref("OX2")->max_asid || wrong) {
        core_.k.reports.warn("qcom_iommu_of_xlate: a context bank that is not there", "OX2");
        return -kEINVAL;
    }
    const Ptr<HeapObject> old = core_.dev_iommu_priv_get(dev, "OX3");
    if (!old) {
        core_.dev_iommu_priv_set(dev, iommu, "OX4");
    } else if (old.get() != iommu.get()) {
        core_.k.reports.warn("qcom_iommu_of_xlate: a device of two IOMMUs", "OX4");
        return -kEINVAL;
    }
    return core_.iommu_fwspec_add_ids(dev, {asid});
}

PtrOrErr<IommuDevice> QcomIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "qcom_iommu_probe_device"};
    const Ptr<QcomIommuDev> iommu = ptr_cast<QcomIommuDev>(core_.dev_iommu_priv_get(dev, "PR2"));
    if (!iommu) return {{}, -kENODEV};
    iommu.deref("PR3")->power.link(dev, iommu->dev);
    return {iommu->iommu, 0};
}

// Linux leaves the device link; the model's counts, and is taken back with the device.
void QcomIommuOps::release_device(Device& dev) {
    const Ptr<QcomIommuDev> iommu = ptr_cast<QcomIommuDev>(core_.dev_iommu_priv_get(dev, "RE1"));
    if (iommu) iommu->power.unlink(dev, iommu->dev);
}

PtrOrErr<IommuGroup> QcomIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "qcom_iommu_device_group"};
    return core_.generic_device_group(dev);
}

Ptr<IommuDomain> QcomIommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "qcom_iommu_domain_alloc_paging"};
    if (type != DomainType::unmanaged && type != DomainType::dma) return {};
    return core_.k.heap.make<QcomIommuDomain>("QCD1", type, core_, pages_);
}

Ptr<IommuDomain> QcomIommuOps::identity_domain() {
    if (core_.variant.release <= kRelease61) return {};
    if (!identity_) {
        identity_ = core_.k.heap.make<QcomIommuDomain>("QCD2", DomainType::identity, core_, pages_);
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

QcomIommuCtxDriver::QcomIommuCtxDriver(IommuCore& core, BusType& platform)
    : Driver("qcom-iommu-ctx", platform), core_(core) {}

bool QcomIommuCtxDriver::match(const Device& device) const {
    if (!device.of_node) return false;
    const firmware::Node& node = core_.description.node(*device.of_node);
    const auto* const end =
        core_.variant.release <= kRelease61 ? std::begin(kContexts) + kContextsOf61 : std::end(kContexts);
    return std::any_of(std::begin(kContexts), end, [&](std::string_view one) { return node.is_compatible(one); });
}

// What a boot loader has left in FSR goes first.
int QcomIommuCtxDriver::probe(Device& dev) {
    Frame frame{core_.k, "qcom_iommu_ctx_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const Ptr<QcomIommuCtx> made = core_.k.heap.make<QcomIommuCtx>("QCP1", dev);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    QcomIommuCtx& ctx = *made.get();
    if (node.regs.empty()) return -kEINVAL;
    ctx.base = PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    if (node.interrupts.empty()) return -kENXIO;
    ctx.secured_ctx = std::any_of(node.compatible.begin(), node.compatible.end(),
                                  [](const std::string& one) { return iommu::qcom::is_secured(one); });
    if (!ctx.secured_ctx) ctx.write(cb::FSR, ctx.read(cb::FSR));
    ctx.request_irq(node);
    ctx.asid = *qcom_get_asid(node, core_.variant.release);
    dev.driver_data = &ctx;
    static_cast<QcomIommuDev*>(dev.parent->driver_data)->ctxs[ctx.asid] = made;
    return 0;
}

void QcomIommuCtxDriver::remove(Device& dev) {
    Frame frame{core_.k, "qcom_iommu_ctx_remove"};
    static_cast<QcomIommuDev*>(dev.parent->driver_data)->ctxs.erase(static_cast<QcomIommuCtx*>(dev.driver_data)->asid);
}

QcomIommuDriver::QcomIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                                 std::function<void(Device&)> populate)
    : Driver(std::string(kDriver), platform),
      core_(core),
      power_(parts.power),
      mistakes_(parts.mistakes),
      populate_(std::move(populate)),
      ops_(core, platform, parts.pages),
      ctx_driver_(core, platform) {}

bool QcomIommuDriver::match(const Device& device) const {
    if (!device.of_node) return false;
    const firmware::Node& node = core_.description.node(*device.of_node);
    if (!firmware::binds_to(kDriver, node)) return false;
    return core_.variant.release > kRelease61 || node.is_compatible("qcom,msm-iommu-v1");
}

int QcomIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "qcom_iommu_device_probe"};
    // Linux registers it before this one: its devices are made here first.
    if (!ctx_registered_) core_.driver_core.driver_register(ctx_driver_);
    ctx_registered_ = true;
    const Ptr<QcomIommuDev> made = core_.k.heap.make<QcomIommuDev>("QCP2", dev, power_, mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    return qcom_iommu_device_probe(dev, *made.get(), core_.description.node(*dev.of_node));
}

int QcomIommuDriver::qcom_iommu_device_probe(Device& dev, QcomIommuDev& iommu, const firmware::Node& node) {
    for (const firmware::NodeIndex child : node.children) {
        iommu.max_asid =
            std::max(iommu.max_asid, qcom_get_asid(core_.description.node(child), core_.variant.release).value_or(0));
    }
    if (!node.regs.empty()) {
        const firmware::Reg& window = node.regs.front();
        iommu.local_base = PhysAddr{window.cpu_address.value_or(window.address)};
    }
    const auto sec_id = node.u32(kSecureId);
    if (!sec_id) {
        core_.k.console.err(iommu.prefix, "missing qcom,iommu-secure-id property");
        return -kENODEV;
    }
    iommu.sec_id = *sec_id;
    dev.driver_data = &iommu;
    power_.enable(dev, {[] { return 0; }, [] {}});
    populate_(dev);
    iommu.iommu = core_.k.heap.make<IommuDevice>("QCP3", dev.name);
    if (!iommu.iommu) return -kENOMEM;
    if (const int err = core_.iommu_device_register(iommu.iommu, &ops_, Ptr<Device>(&dev)); err != 0) {
        core_.k.console.err(iommu.prefix, "Failed to register iommu");
        core_.k.heap.release(iommu.iommu, "QCP4");
        iommu.iommu = {};
        return err;
    }
    if (iommu.local_base) {
        power_.get_sync(dev);
        core_.k.machine.mmio_write(*iommu.local_base + iommu::qcom::SMMU_INTR_SEL_NS, 4, 0xFFFFFFFF);
        power_.put(dev);
    }
    return 0;
}

void QcomIommuDriver::remove(Device& dev) {
    Frame frame{core_.k, "qcom_iommu_device_remove"};
    power_.disable(dev);
    core_.iommu_device_unregister(static_cast<QcomIommuDev*>(dev.driver_data)->iommu);
}

std::unique_ptr<Driver> make_qcom_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<QcomIommuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts,
                                             [&of = boot.of()](Device& dev) { of.of_platform_populate(dev); });
}

}  // namespace xlate::kernel
