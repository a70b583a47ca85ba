#include "kernel-model/drivers/intel/intel_iommu.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "firmware/acpi/x86_units.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/io_apics.hpp"
#include "kernel-model/drivers/message_domain.hpp"
#include "kernel-model/pci/ats.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

namespace vt = iommu::vtd;
namespace acpi = firmware::acpi;

namespace {

constexpr std::uint32_t kClassIsaBridge = 0x0601, kClassDisplay = 0x03, kClassUsb = 0x0C03;
constexpr std::uint16_t kVendorIntel = 0x8086;
constexpr std::uint64_t kIsaBytes = std::uint64_t{16} << 20;  ///< CONFIG_INTEL_IOMMU_FLOPPY_WA
constexpr std::uint8_t kDmarIntrRemap = 1;
constexpr unsigned kLeastWidth = 12;  ///< bits of a host address
constexpr unsigned kFirstReleaseWithoutFinalize = 612;
constexpr unsigned kFirstReleaseWithGraphicsByUnit = 610;

}  // namespace

IntelIommuOps::IntelIommuOps(IommuCore& core, PageAllocator& pages, const KernelParameters::X86& parameters,
                             DmarScopes scopes, std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group)
    : IommuOps("intel-iommu"),
      core_(core),
      pages_(pages),
      parameters_(parameters),
      scopes_(std::move(scopes)),
      pci_device_group_(std::move(pci_device_group)) {
    properties.checks_fwspec = false;
    properties.instance_lookup = InstanceLookup::table;
}

int IntelIommuOps::of_xlate(Device&, const OfPhandleArgs&) { return -kENODEV; }

// device_lookup_iommu: no unit, or one that has not registered yet: not ours.
PtrOrErr<IommuDevice> IntelIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "intel_iommu_probe_device"};
    const auto place = scopes_.dmar_find_matched_drhd_unit(dev);
    if (!place || place->unit >= iommus.size() || !iommus[place->unit]) return {{}, -kENODEV};
    const Ptr<IntelIommu> found = iommus[place->unit];
    const Ptr<IommuDevice> instance = found->iommu;
    if (!instance || instance->ops.read("IPD1") == nullptr) return {{}, -kENODEV};
    std::vector<std::uint16_t> sources;
    if (auto* const pdev = dynamic_cast<PciDevice*>(&dev)) {
        pci_for_each_dma_alias(*pdev, [&](PciDevice&, std::uint16_t alias) {
            if (std::find(sources.begin(), sources.end(), alias) == sources.end()) sources.push_back(alias);
            return 0;
        });
    } else {
        sources.push_back(place->source);
    }
    const Ptr<DeviceDomainInfo> info = core_.k.heap.make<DeviceDomainInfo>("IPD2", found, std::move(sources));
    if (!info) return {{}, -kENOMEM};
    if (auto* const pdev = dynamic_cast<PciDevice*>(&dev)) {
        info->ats_supported =
            found->has(vt::ecap::DT) && pci_ats_supported(*pdev) && scopes_.dmar_ats_supported(*pdev, found->scalable);
    }
    core_.dev_iommu_priv_set(dev, info, "IPD3");
    return {instance, 0};
}

void IntelIommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "intel_iommu_release_device"};
    const Ptr<DeviceDomainInfo> info = ptr_cast<DeviceDomainInfo>(core_.dev_iommu_priv_get(dev, "IRD1"));
    if (!info) return;
    if (info->domain != nullptr) info->domain->dmar_remove_one_dev_info(dev, *info.get());
    if (!core_.variant.has(Cap::assert_priv)) core_.dev_iommu_priv_set(dev, {}, "IRD2");
    core_.k.heap.release(info, "IRD3");
}

/// x86 has no arch_setup_dma_ops: the driver sets the DMA operations, until the core does.
void IntelIommuOps::probe_finalize(Device& dev) {
    if (core_.variant.has(Cap::core_sets_dma_ops) || core_.variant.release >= kFirstReleaseWithoutFinalize) return;
    Frame frame{core_.k, "intel_iommu_probe_finalize"};
    core_.iommu_setup_dma_ops(dev, 0, ~std::uint64_t{0});
}

PtrOrErr<IommuGroup> IntelIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "intel_iommu_device_group"};
    if (dev.bus != nullptr && dev.bus->name == "pci" && pci_device_group_) return pci_device_group_(dev);
    return core_.generic_device_group(dev);
}

// device_def_domain_type: graphics if asked for, until igfx_off meant the units of graphics alone.
DomainType IntelIommuOps::def_domain_type(Device& dev) {
    const auto* const pdev = dynamic_cast<const PciDevice*>(&dev);
    if (pdev == nullptr) return DomainType::none;
    const bool graphics = pdev->class_code() >> 16 == kClassDisplay && pdev->config.vendor == kVendorIntel;
    const bool passes = !parameters_.intel_graphics && core_.variant.release < kFirstReleaseWithGraphicsByUnit;
    return graphics && passes ? DomainType::identity : DomainType::none;
}

Ptr<IommuDomain> IntelIommuOps::domain_alloc(DomainType type) {
    if (type != DomainType::identity && type != DomainType::blocked) return {};
    return core_.k.heap.make<DmarDomain>("IDO1", type, core_, pages_);
}

// Linux makes tables of the most levels and takes what is too many off at the attach; here the unit is known.
Ptr<IommuDomain> IntelIommuOps::domain_alloc_for(Device& dev, DomainType type) {
    if (type == DomainType::identity || type == DomainType::blocked) return domain_alloc(type);
    Frame frame{core_.k, "intel_iommu_domain_alloc"};
    const Ptr<DeviceDomainInfo> info = ptr_cast<DeviceDomainInfo>(core_.dev_iommu_priv_get(dev, "IDO2"));
    if (!info) return {};
    const Ptr<DmarDomain> domain = core_.k.heap.make<DmarDomain>("IDO2", type, core_, pages_);
    if (!domain) return {};
    if (domain->init(*info->iommu.deref("IDO3"), parameters_.intel_superpages) != 0) {
        core_.k.heap.release(domain, "IDO4");
        return {};
    }
    return domain;
}

Ptr<IommuDomain> IntelIommuOps::make_static(Ptr<IommuDomain>& kept, DomainType type) {
    if (!kept) {
        kept = core_.k.heap.make<DmarDomain>("IDO5", type, core_, pages_);
        if (!kept) return {};
        kept->is_static = true;
        core_.k.heap.set_immortal(*kept.get());
    }
    return kept;
}

// One for all (si_domain, later identity_domain).
Ptr<IommuDomain> IntelIommuOps::identity_domain() { return make_static(identity_, DomainType::identity); }
Ptr<IommuDomain> IntelIommuOps::blocked_domain() { return make_static(blocked_, DomainType::blocked); }

std::vector<ReservedRegion> IntelIommuOps::get_resv_regions(Device& dev) {
    std::vector<ReservedRegion> regions;
    const auto* const pdev = dynamic_cast<const PciDevice*>(&dev);
    const std::uint32_t code = pdev != nullptr ? pdev->class_code() : 0;
    // device_rmrr_is_relaxable: what firmware used before the driver took over.
    const bool relaxable = pdev != nullptr && (code >> 8 == kClassUsb || code >> 16 == kClassDisplay);
    for (const acpi::Rmrr* const rmrr : scopes_.rmrrs_of(dev)) {
        ReservedRegion region;
        region.kind = relaxable ? ReservedRegion::Kind::direct_relaxable : ReservedRegion::Kind::direct;
        region.start = rmrr->base;
        region.length = rmrr->end - rmrr->base + 1;
        regions.push_back(region);
    }
    if (pdev != nullptr && code >> 8 == kClassIsaBridge) {
        ReservedRegion region;
        region.kind = ReservedRegion::Kind::direct_relaxable;
        region.length = kIsaBytes;
        regions.push_back(region);
    }
    ReservedRegion messages;
    messages.kind = ReservedRegion::Kind::msi;
    messages.start = vt::kInterruptBase;
    messages.length = vt::kInterruptBytes;
    regions.push_back(messages);
    return regions;
}

IntelIommuDriver::IntelIommuDriver(const IntelIommuParts& parts)
    : InitcallDriver("intel-iommu", parts.bus),
      core_(parts.core),
      pages_(parts.pages),
      mistakes_(parts.mistakes),
      parameters_(parts.parameters),
      not_built_(parts.not_built),
      messages_(parts.messages),
      ops_(parts.core, parts.pages, parts.parameters, DmarScopes(parts.core.description, parts.pci),
           parts.pci_device_group) {}

/// One unit that cannot be is the end of all.
int IntelIommuDriver::dmar_table_init() {
    Frame frame{core_.k, "dmar_table_init"};
    const acpi::Dmar& table = *ops_.scopes().table();
    const std::vector<DmarUnit>& units = ops_.scopes().units();
    if (table.host_address_width < kLeastWidth) {
        core_.k.console.warn("DMAR", "Invalid DMAR haw");
        return -kEINVAL;
    }
    if (std::any_of(units.begin(), units.end(), [](const DmarUnit& unit) { return unit.drhd->base == 0; })) {
        core_.k.console.warn("DMAR", "Your BIOS is broken; DMAR reported at address 0!");
        return -kEINVAL;
    }
    core_.k.console.info("DMAR", "Host address width {}", table.host_address_width);
    unsigned sequence = 0;
    for (const DmarUnit& unit : units) {
        core_.k.console.info("DMAR", "DRHD base: {:#016x} flags: {:#x}", unit.drhd->base, unit.drhd->flags);
        const Ptr<IntelIommu> made = core_.k.heap.make<IntelIommu>("INI1", unit.node, PhysAddr{unit.drhd->base},
                                                                   unit.drhd->segment, sequence++, pages_, mistakes_);
        for (const DmarUnit* before = units.data(); before != &unit; ++before) {
            if (!share_registers(*before->drhd, *unit.drhd)) continue;
            core_.k.console.err("DMAR", "Can't reserve memory");
            core_.k.console.err("DMAR", "Failed to map dmar{}", sequence - 1);
            core_.k.console.warn("DMAR", "Parse DMAR table failure.");
            ops_.iommus.clear();
            return -kEBUSY;
        }
        const bool built = std::find(not_built_.begin(), not_built_.end(), unit.node) == not_built_.end();
        if (made) core_.k.heap.set_immortal(*made.get());  // for as long as the machine runs
        const bool usable = made && built && made->alloc_iommu() == 0;
        ops_.iommus.push_back(usable ? made : Ptr<IntelIommu>{});
    }
    for (const acpi::DmarStructure& one : table.structures) {
        if (const auto* const rmrr = std::get_if<acpi::Rmrr>(&one.body)) {
            core_.k.console.info("DMAR", "RMRR base: {:#016x} end: {:#016x}", rmrr->base, rmrr->end);
            if (is_sane(*rmrr)) continue;
            core_.k.console.warn("DMAR", "[Firmware Bug]: Your BIOS is broken; bad RMRR [{:#018x}-{:#018x}]",
                                 rmrr->base, rmrr->end);
        }
    }
    return 0;
}

/// Every I/O APIC of the machine stands in the scope of a unit that can remap.
bool IntelIommuDriver::parse_ioapics_under_ir() const {
    const auto all = io_apics(core_.description);
    if (!all) return true;
    for (const std::uint8_t id : *all) {
        const std::vector<DmarUnit>& units = ops_.scopes().units();
        const bool known = std::any_of(units.begin(), units.end(), [&](const DmarUnit& unit) {
            return std::any_of(unit.drhd->scopes.begin(), unit.drhd->scopes.end(), [&](const acpi::DeviceScope& scope) {
                return static_cast<acpi::ScopeType>(scope.type) == acpi::ScopeType::ioapic &&
                       scope.enumeration_id == id;
            });
        });
        if (known) continue;
        core_.k.console.err("DMAR-IR",
                            "[Firmware Bug]: ioapic {} has no mapping iommu, interrupt remapping will be disabled", id);
        core_.k.console.info("DMAR-IR", "Not enabling interrupt remapping");
        return false;
    }
    return true;
}

/// Before anything sends messages; all units or none.
void IntelIommuDriver::intel_enable_irq_remapping() {
    Frame frame{core_.k, "intel_enable_irq_remapping"};
    const bool wanted = parameters_.intremap && (ops_.scopes().table()->flags & kDmarIntrRemap) != 0;
    const bool all = std::all_of(ops_.iommus.begin(), ops_.iommus.end(), [](const Ptr<IntelIommu>& one) {
        return one && one->has(vt::ecap::IR) && one->has(vt::ecap::QI);
    });
    if (!wanted || !all || ops_.iommus.empty() || !parse_ioapics_under_ir()) return;
    for (const Ptr<IntelIommu>& iommu : ops_.iommus) {
        if (iommu->intel_setup_irq_remapping() != 0) return;
    }
    for (const Ptr<IntelIommu>& iommu : ops_.iommus) {
        if (iommu->dmar_enable_qi() != 0) return;
        iommu->iommu_set_irq_remapping();
    }
    for (const Ptr<IntelIommu>& iommu : ops_.iommus) iommu->iommu_enable_irq_remapping();
    core_.k.console.info("DMAR-IR", "Enabled IRQ remapping in xapic mode");
    if (messages_ == nullptr) return;
    messages_->alloc = [this](Device& dev, unsigned cpu) { return intel_irq_remapping_alloc(dev, cpu); };
}

/// Of the unit that the function's requests go through, in remappable format: the entry's index in the address.
std::optional<std::uint64_t> IntelIommuDriver::intel_irq_remapping_alloc(Device& dev, unsigned cpu) {
    const auto place = ops_.scopes().dmar_find_matched_drhd_unit(dev);
    if (!place || place->unit >= ops_.iommus.size() || !ops_.iommus[place->unit]) return std::nullopt;
    std::uint16_t source = place->source;  // the last alias is what its messages come as
    if (auto* const pdev = dynamic_cast<PciDevice*>(&dev)) {
        pci_for_each_dma_alias(*pdev, [&](PciDevice&, std::uint16_t alias) {
            source = alias;
            return 0;
        });
    }
    const std::optional<std::uint32_t> index = ops_.iommus[place->unit]->alloc_irte(source, cpu);
    if (!index) return std::nullopt;
    namespace message = vt::message;
    return vt::kInterruptBase | message::REMAPPABLE.of(1) | message::SHV.of(1) |
           message::HANDLE_LOW.of(*index & low_mask(message::HANDLE_LOW.width)) |
           message::HANDLE_15.of(*index >> message::HANDLE_LOW.width);
}

/// A unit whose devices are not there is left alone, and with igfx_off one that has graphics and nothing else.
void IntelIommuDriver::init_no_remapping_devices() {
    const DmarScopes& scopes = ops_.scopes();
    for (std::size_t i = 0; i < ops_.iommus.size(); ++i) {
        const acpi::Drhd& drhd = *scopes.units()[i].drhd;
        const bool ignored = !drhd.include_all() && (!scopes.has_devices(drhd) ||
                                                     (!parameters_.intel_graphics && scopes.is_for_graphics(drhd)));
        if (ops_.iommus[i] && !ignored) active_.push_back(ops_.iommus[i]);
    }
}

/// Behind a hypervisor every mapping is told to the unit: to unmap many at once gains nothing.
void IntelIommuDriver::disallow_batching() {
    const bool any = std::any_of(active_.begin(), active_.end(), [](const Ptr<IntelIommu>& iommu) {
        const bool first_level_by_default = iommu->scalable && iommu->has(vt::ecap::FLTS);
        return vt::cap::CM.test(iommu->cap) && !first_level_by_default;
    });
    if (!any) return;
    core_.k.console.info("DMAR", "IOMMU batching disallowed due to virtualization");
    core_.iommu_set_dma_strict();
}

int IntelIommuDriver::init_dmars() {
    Frame frame{core_.k, "init_dmars"};
    const auto each = [&](const auto& what) {
        for (const Ptr<IntelIommu>& iommu : active_) {
            if (const int err = what(*iommu.get()); err != 0) return err;
        }
        return 0;
    };
    int err = each([&](IntelIommu& iommu) {
        if (const int failed = iommu.dmar_enable_qi(); failed != 0) return failed;
        core_.k.console.info("DMAR", "{}: Using Queued invalidation", iommu.name);
        iommu.scalable = parameters_.intel_scalable && iommu.has(vt::ecap::SMTS);
        return iommu.iommu_alloc_root_entry();
    });
    if (err != 0) return err;
    err = each([](IntelIommu& iommu) {
        iommu.iommu_set_root_entry();
        return 0;
    });
    if (err != 0) return err;
    return each([](IntelIommu& iommu) {
        iommu.dmar_set_interrupt();
        return 0;
    });
}

/// Firmware wants the units used (DMA_CTRL_PLATFORM_OPT_IN_FLAG), and there are ports that face the outside.
bool IntelIommuDriver::platform_optin_force_iommu() const {
    constexpr std::uint8_t kOptIn = 4;
    // intel_iommu=off is the user's last word.
    if (!parameters_.intel || (ops_.scopes().table()->flags & kOptIn) == 0 || !ops_.scopes().has_external_ports())
        return false;
    core_.k.console.info("DMAR", "Intel-IOMMU force enabled due to platform opt in");
    return true;
}

int IntelIommuDriver::init() {
    Frame frame{core_.k, "intel_iommu_init"};
    if (!ops_.scopes().has_table()) return -kENODEV;
    if (const int err = dmar_table_init(); err != 0) return err;
    intel_enable_irq_remapping();
    if ((!parameters_.iommu || !parameters_.intel) && !platform_optin_force_iommu()) {
        // What firmware has left on would refuse everything.
        for (const Ptr<IntelIommu>& iommu : ops_.iommus) {
            if (iommu) iommu->iommu_disable_protect_mem_regions();
        }
        return -kENODEV;
    }
    init_no_remapping_devices();
    if (const int err = init_dmars(); err != 0) {
        core_.k.console.err("DMAR", "Initialization failed");
        return err;
    }
    disallow_batching();
    // Devices are probed, and their contexts set, before anything is translated.
    for (const Ptr<IntelIommu>& iommu : active_) {
        iommu->iommu = core_.k.heap.make<IommuDevice>("INI2", iommu->name);
        if (!iommu->iommu) return -kENOMEM;
        core_.iommu_device_register(iommu->iommu, &ops_, {});
    }
    for (const Ptr<IntelIommu>& iommu : active_) {
        iommu->iommu_enable_translation();
        iommu->iommu_disable_protect_mem_regions();
    }
    core_.k.console.info("DMAR", "Intel(R) Virtualization Technology for Directed I/O");
    return 0;
}

std::unique_ptr<Driver> make_intel_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<IntelIommuDriver>(
        IntelIommuParts{boot.iommu(), *boot.drivers().buses().front(), boot.pci().bus(), parts.pages, parts.mistakes,
                        boot.config().parameters.x86, boot.config().not_built,
                        [&pci = boot.pci()](Device& dev) { return pci.pci_device_group(dev); }, parts.messages});
}

}  // namespace xlate::kernel
