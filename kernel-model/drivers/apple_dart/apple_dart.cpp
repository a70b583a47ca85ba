#include "kernel-model/drivers/apple_dart/apple_dart.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/dma/reserved_regions.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

namespace dart = iommu::dart;

namespace {

bool is_pci(const Device& dev) { return dev.bus != nullptr && dev.bus->name == "pci"; }

}  // namespace

AppleDartOps::AppleDartOps(IommuCore& core, BusType& platform, PageAllocator& pages, unsigned cpu_page_log2,
                           std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group)
    : IommuOps("apple-dart"),
      core_(core),
      platform_(platform),
      pages_(pages),
      cpu_page_log2_(cpu_page_log2),
      pci_device_group_(std::move(pci_device_group)),
      apple_dart_groups_lock_(core.k, "apple_dart_groups_lock") {
    properties.checks_fwspec = false;
    properties.checks_priv = true;
    properties.xlate_sets_priv = true;
    properties.instance_lookup = InstanceLookup::priv;
    properties.null_checks_instance = false;
}

// No ids in the fwspec: the streams go straight into the private data. Two DARTs of a device must be alike.
int AppleDartOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "apple_dart_of_xlate"};
    const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, args.np, "OX1"));
    const Ptr<AppleDart> instance(static_cast<AppleDart*>(provider.deref("OX1")->driver_data));
    if (args.args.size() != 1) return -kEINVAL;
    Ptr<AppleDartMasterCfg> cfg = ptr_cast<AppleDartMasterCfg>(core_.dev_iommu_priv_get(dev, "OX2"));
    if (!cfg) {
        cfg = core_.k.heap.make<AppleDartMasterCfg>("OX3");
        if (!cfg) return -kENOMEM;
        cfg->supports_bypass = instance.deref("OX4")->supports_bypass;
        core_.dev_iommu_priv_set(dev, cfg, "OX3");
    }
    AppleDartMasterCfg& config = *cfg.deref("OX5");
    const AppleDart& one = *instance.deref("OX5");
    if (config.stream_maps.front().dart) {
        const AppleDart& first = *config.stream_maps.front().dart.deref("OX5");
        if (first.page_log2 != one.page_log2 || first.supports_bypass != one.supports_bypass) return -kEINVAL;
    }
    const auto stream = args.args.front();
    for (unsigned i = 0; i < max_darts_per_device(core_.variant.release); ++i) {
        DartStreamMap& map = config.stream_maps[i];
        if (map.dart && map.dart.get() != instance.get()) continue;
        map.dart = instance;
        if (stream < map.streams.size()) map.streams.set(stream);
        return 0;
    }
    return -kEINVAL;
}

// Asks for private data alone, not for a fwspec: a walk may take what half a parse left (D-11).
PtrOrErr<IommuDevice> AppleDartOps::probe_device(Device& dev) {
    Frame frame{core_.k, "apple_dart_probe_device"};
    const Ptr<AppleDartMasterCfg> cfg = ptr_cast<AppleDartMasterCfg>(core_.dev_iommu_priv_get(dev, "PR2"));
    if (!cfg) return {{}, -kENODEV};
    return {cfg.deref("PR3")->stream_maps.front().dart.deref("PR3")->iommu, 0};
}

void AppleDartOps::release_device(Device& dev) {
    Frame frame{core_.k, "apple_dart_release_device"};
    const Ptr<HeapObject> cfg = core_.dev_iommu_priv_get(dev, "RE1");
    if (!core_.variant.has(Cap::assert_priv)) core_.dev_iommu_priv_set(dev, {}, "RE2");
    if (cfg) core_.k.heap.release(cfg, "RE3");
}

// Streams belong together where one device names several, or several name one.
PtrOrErr<IommuGroup> AppleDartOps::device_group(Device& dev) {
    Frame frame{core_.k, "apple_dart_device_group"};
    const Ptr<AppleDartMasterCfg> priv = ptr_cast<AppleDartMasterCfg>(core_.dev_iommu_priv_get(dev, "GR1"));
    const AppleDartMasterCfg& cfg = *priv.deref("GR1");
    PtrOrErr<IommuGroup> result;
    apple_dart_groups_lock_.lock("GR2");
    for (const DartStreamMap& map : cfg.stream_maps) {
        if (!map.dart) continue;
        for (unsigned stream = 0; stream < map.streams.size(); ++stream) {
            if (!map.streams.test(stream)) continue;
            const Ptr<IommuGroup> known = map.dart.deref("GR3")->sid2group[stream];
            if (!known) continue;
            if (result.value && result.value.get() != known.get()) result.err = -kEINVAL;
            result.value = known;
        }
    }
    if (result.err == 0 && result.value) {
        core_.iommu_group_ref_get(result.value, "GR4");
    } else if (result.err == 0) {
        result = is_pci(dev) && pci_device_group_ ? pci_device_group_(dev) : core_.generic_device_group(dev);
    }
    if (result.err != 0) {
        apple_dart_groups_lock_.unlock("GR5");
        return {{}, result.err};
    }
    IommuGroup& group = *result.value.deref("GR6");
    auto at = std::find_if(group_streams_.begin(), group_streams_.end(),
                           [&](const auto& one) { return one.first == group.id; });
    if (at == group_streams_.end()) {
        at = group_streams_.insert(group_streams_.end(), {group.id, {}});
        const IommuGroup* const gone = &group;
        group.on_release = [this, gone] { apple_dart_release_group(*gone); };
    }
    for (unsigned i = 0; i < kMaxDartsPerDevice; ++i) {
        DartStreamMap& kept = at->second[i];
        if (!cfg.stream_maps[i].dart) continue;
        kept.dart = cfg.stream_maps[i].dart;
        kept.streams |= cfg.stream_maps[i].streams;
        AppleDart& one = *kept.dart.deref("GR7");
        for (unsigned stream = 0; stream < kept.streams.size(); ++stream) {
            if (cfg.stream_maps[i].streams.test(stream)) one.sid2group[stream] = result.value;
        }
    }
    apple_dart_groups_lock_.unlock("GR8");
    return result;
}

void AppleDartOps::apple_dart_release_group(const IommuGroup& group) {
    apple_dart_groups_lock_.lock("GRR1");
    const auto at = std::find_if(group_streams_.begin(), group_streams_.end(),
                                 [&](const auto& one) { return one.first == group.id; });
    if (at != group_streams_.end()) {
        for (const DartStreamMap& map : at->second) {
            if (!map.dart) continue;
            for (unsigned stream = 0; stream < map.streams.size(); ++stream) {
                if (map.streams.test(stream)) map.dart.deref("GRR2")->sid2group[stream] = {};
            }
        }
        group_streams_.erase(at);
    }
    apple_dart_groups_lock_.unlock("GRR3");
}

// Pages larger than the CPU's cannot be mapped one by one.
DomainType AppleDartOps::def_domain_type(Device& dev) {
    const Ptr<AppleDartMasterCfg> priv = ptr_cast<AppleDartMasterCfg>(core_.dev_iommu_priv_get(dev, "DT1"));
    const AppleDartMasterCfg& cfg = *priv.deref("DT1");
    if (cfg.stream_maps.front().dart.deref("DT2")->page_log2 > cpu_page_log2_) return DomainType::identity;
    if (!cfg.supports_bypass) return DomainType::dma;
    return DomainType::none;
}

Ptr<IommuDomain> AppleDartOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "apple_dart_domain_alloc_paging"};
    if (type == DomainType::dma_fq) return {};
    return core_.k.heap.make<AppleDartDomain>("DTD1", type, core_, pages_, cpu_page_log2_);
}

Ptr<IommuDomain> AppleDartOps::make_static(Ptr<IommuDomain>& kept, DomainType type) {
    if (!kept) {
        kept = core_.k.heap.make<AppleDartDomain>("DTD2", type, core_, pages_, cpu_page_log2_);
        if (!kept) return {};
        kept->is_static = true;
        core_.k.heap.set_immortal(*kept.get());
    }
    return kept;
}
Ptr<IommuDomain> AppleDartOps::identity_domain() { return make_static(identity_, DomainType::identity); }
Ptr<IommuDomain> AppleDartOps::blocked_domain() { return make_static(blocked_, DomainType::blocked); }

// What lies behind a PCI host must not be taken for its message doorbell; and what firmware reserves.
std::vector<ReservedRegion> AppleDartOps::get_resv_regions(Device& dev) {
    std::vector<ReservedRegion> regions;
    const std::uint64_t page = std::uint64_t{1} << cpu_page_log2_;
    constexpr std::uint64_t kDoorbell = 0xFFFFF000;
    if (is_pci(dev)) regions.push_back({ReservedRegion::Kind::msi, align_down(kDoorbell, page), page});
    const std::vector<ReservedRegion> of_firmware =
        iommu_dma_get_resv_regions(core_.description, dev, core_.variant.release);
    regions.insert(regions.end(), of_firmware.begin(), of_firmware.end());
    return regions;
}

AppleDartDriver::AppleDartDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                                 std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group)
    : Driver("apple-dart", platform),
      core_(core),
      mistakes_(parts.mistakes),
      cpu_page_log2_(log2_floor(parts.pages.page_bytes())),
      ops_(core, platform, parts.pages, cpu_page_log2_, std::move(pci_device_group)) {}

bool AppleDartDriver::match(const Device& device) const {
    return device.of_node && apple_dart_kind(core_.description.node(*device.of_node)) != nullptr;
}

int AppleDartDriver::probe(Device& dev) {
    Frame frame{core_.k, "apple_dart_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const Ptr<AppleDart> made = core_.k.heap.make<AppleDart>("DTP1", dev, *apple_dart_kind(node), mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    AppleDart& instance = *made.get();
    if (node.regs.empty()) return -kEINVAL;
    const firmware::Reg& window = node.regs.front();
    instance.regs = PhysAddr{window.cpu_address.value_or(window.address)};
    if (window.size < dart::kRegisterBytes) {
        core_.k.console.err(instance.prefix, "MMIO region too small ([mem {:#010x}-{:#010x}])", instance.regs.value,
                            instance.regs.value + window.size - 1);
        return -kEINVAL;
    }
    if (node.interrupts.empty()) return -kENODEV;
    instance.read_parameters();
    if (instance.num_streams > dart::kMaxStreams) {
        core_.k.console.err(instance.prefix, "Too many streams ({} > {})", instance.num_streams, dart::kMaxStreams);
        return -kEINVAL;
    }
    if (const int err = instance.apple_dart_hw_reset(); err != 0) return err;
    instance.request_irq(node);
    dev.driver_data = &instance;
    instance.iommu = core_.k.heap.make<IommuDevice>("DTP2", "apple-dart." + dev.name);
    if (!instance.iommu) return -kENOMEM;
    if (const int err = core_.iommu_device_register(instance.iommu, &ops_, Ptr<Device>(&dev)); err != 0) {
        core_.k.heap.release(instance.iommu, "DTP3");
        instance.iommu = {};
        return err;
    }
    core_.k.console.info(instance.prefix,
                         "DART [pagesize {:x}, {} streams, bypass support: {}, bypass forced: {}] initialized",
                         1U << instance.page_log2, instance.num_streams, instance.supports_bypass ? 1 : 0,
                         instance.page_log2 > cpu_page_log2_ ? 1 : 0);
    instances_.push_back(made);
    return 0;
}

void AppleDartDriver::remove(Device& dev) {
    Frame frame{core_.k, "apple_dart_remove"};
    AppleDart& instance = *static_cast<AppleDart*>(dev.driver_data);
    instance.apple_dart_hw_reset();
    core_.iommu_device_unregister(instance.iommu);
}

std::unique_ptr<Driver> make_apple_dart(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<AppleDartDriver>(boot.iommu(), *boot.drivers().buses().front(), parts,
                                             [&pci = boot.pci()](Device& dev) { return pci.pci_device_group(dev); });
}

}  // namespace xlate::kernel
