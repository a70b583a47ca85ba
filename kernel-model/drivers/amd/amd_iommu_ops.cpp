#include "kernel-model/drivers/amd/amd_iommu_ops.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "firmware/acpi/tables.hpp"
#include "firmware/acpi/x86_units.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/boot_state.hpp"
#include "kernel-model/drivers/io_apics.hpp"
#include "kernel-model/drivers/message_domain.hpp"
#include "kernel-model/pci/ats.hpp"

namespace xlate::kernel {

namespace amd = iommu::amd;
namespace dte = iommu::amd::dte;

namespace {

constexpr const char* kPrefix = "AMD-Vi";
constexpr std::uint64_t kMsiStart = 0xFEE00000, kMsiBytes = 0x100000, kHtStart = 0xFD00000000, kHtBytes = 0x300000000;
constexpr std::uint64_t kDtesAtOnce = 128;  ///< of a page

/// By bit of the extended feature register.
constexpr std::string_view kFeatures[] = {"PreF", "PPR", "X2APIC", "NX", "GT", "[5]", "IA", "GA", "HE", "PC"};

}  // namespace

AmdIommuOps::AmdIommuOps(IommuCore& core, PageAllocator& pages, const Mistakes& mistakes, bool force_isolation,
                         std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group)
    : IommuOps("amd-iommu"),
      core_(core),
      pages_(pages),
      mistakes_(mistakes),
      force_isolation_(force_isolation),
      pci_device_group_(std::move(pci_device_group)),
      tables_(read_ivrs_tables(core.description)) {
    properties.checks_fwspec = false;
    properties.checks_priv = false;
    properties.instance_lookup = InstanceLookup::table;
}

std::optional<AmdIommuOps::Place> AmdIommuOps::rlookup_amd_iommu(const Device& dev) const {
    Place place;
    if (const auto* const pdev = dynamic_cast<const PciDevice*>(&dev)) {
        place.segment = static_cast<std::uint16_t>(pdev->pci_bus.domain);
        place.devid = pdev->rid();
    } else {
        const std::optional<std::pair<std::uint16_t, std::size_t>> found = acpihid_of(dev);
        if (!found) return std::nullopt;
        place.devid = found->first;
        place.segment = tables_.units[found->second].ivhd->segment;
    }
    const auto segment = tables_.segments.find(place.segment);
    if (segment == tables_.segments.end() || place.devid > segment->second.last_bdf) return std::nullopt;
    const auto unit = segment->second.rlookup.find(place.devid);
    if (unit == segment->second.rlookup.end()) return std::nullopt;
    place.unit = unit->second;
    return place;
}

/// get_acpihid_device_id(): by hardware and unique id, which the description has looked up; a device that it does not
/// know is found by its hardware id alone.
std::optional<std::pair<std::uint16_t, std::size_t>> AmdIommuOps::acpihid_of(const Device& dev) const {
    if (dev.of_node) {
        const firmware::Node& node = core_.description.node(*dev.of_node);
        for (std::size_t i = 0; i < tables_.units.size() && !node.iommus.empty(); ++i) {
            const firmware::IommuEntry& entry = node.iommus.front();
            if (entry.provider == tables_.units[i].node && !entry.args.empty())
                return std::pair{static_cast<std::uint16_t>(entry.args.front()), i};
        }
    }
    const auto found = tables_.acpi_devices.find(dev.name.substr(0, dev.name.find(':')));
    if (found == tables_.acpi_devices.end()) return std::nullopt;
    return found->second;
}

// 6.1 and later: without a unit, or one that is not registered yet, the device is none of this driver's.
PtrOrErr<IommuDevice> AmdIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "amd_iommu_probe_device"};
    const auto place = rlookup_amd_iommu(dev);
    if (!place || place->unit >= units_.size()) return {{}, -kENODEV};
    const Ptr<AmdIommu> iommu = units_[place->unit];
    if (iommu.deref("APD1")->ops.read("APD1") == nullptr) return {{}, -kENODEV};
    if (core_.dev_iommu_priv_get(dev, "APD2")) return {iommu, 0};
    // iommu_init_device
    Ptr<AmdDevData>& data = dev_data_[{place->segment, place->devid}];
    if (!data) {
        data = core_.k.heap.make<AmdDevData>("APD3", dev, *iommu.get(), place->devid);
        if (!data) return {{}, -kENOMEM};
        core_.k.heap.set_immortal(*data.get());  // on the segment's list, for good
    }
    data->dev = &dev;
    setup_aliases(dev, *data.get(), tables_.segments.at(place->segment));
    find_capabilities(dev, *data.get());
    core_.dev_iommu_priv_set(dev, data, "APD4");
    iommu.get()->iommu_completion_wait();
    return {iommu, 0};
}

// pdev_get_caps(), where the units have guest tables and page requests; up to 6.6 pci_iommuv2_capable(), which asks for
// all three capabilities, and ATS of every function that has it.
void AmdIommuOps::find_capabilities(const Device& dev, AmdDevData& data) const {
    constexpr unsigned kFirstReleaseWithFlags = 607;
    const auto* const pdev = dynamic_cast<const PciDevice*>(&dev);
    if (pdev == nullptr) return;
    const bool ats = pci_ats_supported(*pdev), by_flags = core_.variant.release >= kFirstReleaseWithFlags;
    const bool lifted = core_.parameters.passthrough || !force_isolation_;
    const bool capable = by_flags ? pdev->config.pasid : ats && pdev->config.pri && pdev->config.pasid;
    data.pasid_supported = capable && lifted && data.iommu.has_gt_and_ppr();
    data.ats_supported = ats && (!by_flags || (lifted && data.iommu.has_gt_and_ppr()));
}

/// IVRS's alias, and those that PCI knows of, its own id apart.
void AmdIommuOps::setup_aliases(Device& dev, AmdDevData& data, const IvrsSegment& segment) {
    auto* const pdev = dynamic_cast<PciDevice*>(&dev);
    if (pdev == nullptr) return;
    const std::uint16_t alias = segment.alias_of(data.devid);
    if (alias != data.devid && alias >> 8 == pdev->pci_bus.number) {
        const unsigned devfn = alias & 0xFF;
        std::vector<unsigned>& known = pdev->dma_aliases;
        if (std::find(known.begin(), known.end(), devfn) == known.end()) known.push_back(devfn);
    }
    data.aliases.clear();
    const auto add = [&](std::uint16_t id) {
        const bool known = std::find(data.aliases.begin(), data.aliases.end(), id) != data.aliases.end();
        if (id != data.devid && !known) data.aliases.push_back(id);
    };
    add(alias);
    pci_for_each_dma_alias(*pdev, [&](PciDevice&, std::uint16_t id) {
        add(id);
        return 0;
    });
}

// The data of a device that goes stays, for when it comes back.
void AmdIommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "amd_iommu_release_device"};
    const Ptr<AmdDevData> data = ptr_cast<AmdDevData>(core_.dev_iommu_priv_get(dev, "ARD1"));
    if (!data) return;
    if (data->domain != nullptr) data->domain->detach_device(*data.get());
    if (!core_.variant.has(Cap::assert_priv)) core_.dev_iommu_priv_set(dev, {}, "ARD2");
    data->iommu.iommu_completion_wait();
}

void AmdIommuOps::probe_finalize(Device& dev) {
    if (core_.variant.has(Cap::core_sets_dma_ops)) return;
    Frame frame{core_.k, "amd_iommu_probe_finalize"};
    core_.iommu_setup_dma_ops(dev, 0, ~std::uint64_t{0});
}

// Linux acpihid_device_group(): one for each id that IVRS gives.
PtrOrErr<IommuGroup> AmdIommuOps::device_group(Device& dev) {
    if (dynamic_cast<PciDevice*>(&dev) != nullptr) return pci_device_group_(dev);
    const auto place = rlookup_amd_iommu(dev);
    if (!place) return {{}, -kENODEV};
    Ptr<IommuGroup>& group = acpi_groups_[place->devid];
    if (group) {
        core_.iommu_group_ref_get(group, "ADG1");
        return {group, 0};
    }
    const PtrOrErr<IommuGroup> made = core_.generic_device_group(dev);
    if (made.err == 0) {
        group = made.value;
        group->on_release = [this, devid = place->devid] { acpi_groups_.erase(devid); };
    }
    return made;
}

// amd_iommu_def_domain_type.
DomainType AmdIommuOps::def_domain_type(Device& dev) {
    const Ptr<AmdDevData> data = ptr_cast<AmdDevData>(core_.dev_iommu_priv_get(dev, "ADT1"));
    if (dev.untrusted) return DomainType::dma;
    return data && data->pasid_supported ? DomainType::identity : DomainType::none;
}

Ptr<IommuDomain> AmdIommuOps::domain_alloc(DomainType type) {
    if (type == DomainType::blocked || type == DomainType::none) return {};
    const Ptr<ProtectionDomain> domain =
        core_.k.heap.make<ProtectionDomain>("ADA1", type, core_, ids_, pages_, mistakes_, v2_);
    if (!domain) return {};
    if (domain->init() != 0) {
        core_.k.heap.release(domain, "ADA2");
        return {};
    }
    return domain;
}

std::vector<ReservedRegion> AmdIommuOps::get_resv_regions(Device& dev) {
    std::vector<ReservedRegion> regions;
    const auto place = rlookup_amd_iommu(dev);
    if (!place) return regions;
    for (const UnityMap& map : tables_.unity_maps) {
        if (place->devid < map.first || place->devid > map.last || map.end <= map.start) continue;
        regions.push_back({ReservedRegion::Kind::direct, map.start, map.end - map.start});
    }
    regions.push_back({ReservedRegion::Kind::msi, kMsiStart, kMsiBytes});
    regions.push_back({ReservedRegion::Kind::reserved, kHtStart, kHtBytes});
    return regions;
}

std::set<std::uint16_t> AmdIommuOps::attached(std::uint16_t segment) const {
    std::set<std::uint16_t> ids;
    for (const auto& [place, data] : dev_data_) {
        if (place.first != segment || !data || data->domain == nullptr) continue;
        ids.insert(data->devid);
        ids.insert(data->aliases.begin(), data->aliases.end());
    }
    return ids;
}

AmdIommuDriver::AmdIommuDriver(const AmdIommuParts& parts)
    : InitcallDriver("amd_iommu", parts.bus),
      core_(parts.core),
      pages_(parts.pages),
      mistakes_(parts.mistakes),
      parameters_(parts.parameters),
      find_device_(parts.find_device),
      messages_(parts.messages),
      ops_(parts.core, parts.pages, parts.mistakes, parts.parameters.amd_force_isolation, parts.pci_device_group) {}

/// One device table a segment, which its units share.
bool AmdIommuDriver::alloc_dev_tables() {
    std::map<std::uint16_t, PhysAddr> made;
    for (Ptr<AmdIommu> iommu : ops_.units()) {
        const std::uint16_t number = iommu->unit.ivhd->segment;
        const IvrsSegment& segment = ops_.tables().segments.at(number);
        const std::uint64_t bytes = std::uint64_t{1}
                                    << std::max(12U, log2_ceil((segment.last_bdf + std::uint64_t{1}) * amd::kDteBytes));
        if (made.count(number) == 0) {
            const auto table = pages_.alloc_zeroed(bytes);
            if (!table) return false;
            made[number] = *table;
        }
        iommu->dev_table = made.at(number);
        iommu->dev_table_bytes = static_cast<std::uint32_t>(bytes);
        iommu->last_bdf = segment.last_bdf;
    }
    return true;
}

/// Of a device that no domain is attached to nothing passes from here on.
void AmdIommuDriver::init_device_table_dma() {
    Frame frame{core_.k, "init_device_table_dma"};
    std::vector<std::uint64_t> words(4 * kDtesAtOnce, 0);
    for (std::size_t i = 0; i < words.size(); i += 4) words[i] = dte::V.of(1) | dte::TV.of(1);
    std::vector<std::uint64_t> done;
    for (Ptr<AmdIommu> iommu : ops_.units()) {
        if (std::find(done.begin(), done.end(), iommu->dev_table.value) != done.end()) continue;
        done.push_back(iommu->dev_table.value);
        const std::set<std::uint16_t> attached = ops_.attached(iommu->unit.ivhd->segment);
        for (std::uint64_t first = 0; first <= iommu->last_bdf;) {
            const auto taken = attached.lower_bound(static_cast<std::uint16_t>(first));
            if (taken != attached.end() && *taken == first) {
                ++first;
                continue;
            }
            const std::uint64_t end = taken == attached.end() ? iommu->last_bdf + std::uint64_t{1} : *taken;
            const std::uint64_t count = std::min(kDtesAtOnce, end - first);
            pages_.write_words(iommu->dev_table + first * amd::kDteBytes, words.data(), 4 * count);
            first += count;
        }
    }
}

void AmdIommuDriver::print_iommu_info() {
    if (ops_.units().empty()) return;
    const AmdIommu& iommu = *ops_.units().front().get();
    std::string names;
    for (unsigned bit = 0; bit < std::size(kFeatures); ++bit) {
        if ((iommu.features >> bit & 1) != 0) names += " " + std::string(kFeatures[bit]);
    }
    core_.k.console.info(kPrefix, "Extended features (0x{:x}, 0x{:x}):{}", iommu.features, iommu.features2, names);
}

/// amd_iommu_pgtable: v2 needs guest tables for requests without a PASID (GIOSup) in every unit.
void AmdIommuDriver::choose_page_table() {
    constexpr unsigned kFirstReleaseWithV2 = 613;
    const bool asked = parameters_.amd_v2.value_or(core_.variant.release >= kFirstReleaseWithV2);
    if (!asked) return;
    const bool all = std::all_of(ops_.units().begin(), ops_.units().end(),
                                 [](const Ptr<AmdIommu>& iommu) { return iommu->has_v2_tables(); });
    if (!all) {
        if (parameters_.amd_v2.value_or(false))
            core_.k.console.warn(kPrefix, "Cannot enable v2 page table for DMA-API. Fallback to v1.");
        return;
    }
    ops_.use_v2_tables();
    for (Ptr<AmdIommu> iommu : ops_.units()) iommu->iommu_enable_gt();
    core_.k.console.info(kPrefix, "V2 page table enabled (Paging mode : 4 level)");
}

/// iommu_init_pci: behind a hypervisor every mapping is told to the unit, and to unmap many at once gains nothing.
void AmdIommuDriver::disallow_batching() {
    for (Ptr<AmdIommu> iommu : ops_.units()) {
        if (!iommu->np_cache()) continue;
        core_.k.console.info(kPrefix, "Using strict mode due to virtualization");
        core_.iommu_set_dma_strict();
    }
}

/// iommu_map_mmio_space() of each unit: one that cannot be claimed is the end of all.
int AmdIommuDriver::claim_registers() {
    const std::vector<IvrsUnit>& units = ops_.tables().units;
    for (std::size_t i = 0; i < units.size(); ++i) {
        const firmware::acpi::Ivhd& own = *units[i].ivhd;
        const bool taken = std::any_of(units.begin(), units.begin() + static_cast<std::ptrdiff_t>(i),
                                       [&](const IvrsUnit& before) { return share_registers(*before.ivhd, own); });
        if (!taken) continue;
        // What is printed as the end is the length.
        core_.k.console.err(kPrefix, "Can not reserve memory region {:x}-{:x} for mmio", own.base, register_bytes(own));
        core_.k.console.err(kPrefix, "This is a BIOS bug. Please contact your hardware vendor");
        return -kENOMEM;
    }
    return 0;
}

// Linux brings the hardware up with interrupts, long before, and registers here; what is between matters to neither.
int AmdIommuDriver::init() {
    Frame frame{core_.k, "amd_iommu_init"};
    Kernel& k = core_.k;
    if (ops_.tables().units.empty() || !parameters_.iommu || !parameters_.amd) return 0;
    if (const int err = claim_registers(); err != 0) return err;
    for (const IvrsUnit& unit : ops_.tables().units) {
        const Ptr<AmdIommu> made = k.heap.make<AmdIommu>("AII1", unit, pages_, mistakes_);
        if (!made || made->alloc_buffers() != 0) {
            k.console.err(kPrefix, "{}: no memory", unit.name);
            ops_.units().clear();
            return -kENOMEM;
        }
        k.heap.set_immortal(*made.get());
        made->prefix_of = [this, segment = unit.ivhd->segment](std::uint16_t devid) {
            const std::string function =
                fmt::format("{:04x}:{:02x}:{:02x}.{:x}", segment, devid >> 8, devid >> 3 & 31, devid & 7);
            const Device* const dev = find_device_ ? find_device_(function) : nullptr;
            return dev != nullptr ? dev->prefix() : std::string();
        };
        ops_.units().push_back(made);
    }
    if (!alloc_dev_tables()) {
        k.console.err(kPrefix, "no memory for device tables");
        ops_.units().clear();
        return -kENOMEM;
    }
    for (Ptr<AmdIommu> iommu : ops_.units()) iommu->early_enable_iommu();
    choose_page_table();
    disallow_batching();
    for (Ptr<AmdIommu> iommu : ops_.units()) {
        if (const int err = core_.iommu_device_register(iommu, &ops_, {}); err != 0) {
            k.console.err(kPrefix, "{}: cannot be registered: {}", iommu->unit.name, err);
        }
    }
    init_device_table_dma();
    for (Ptr<AmdIommu> iommu : ops_.units()) iommu->iommu_flush_all_caches();
    print_iommu_info();
    for (Ptr<AmdIommu> iommu : ops_.units()) iommu->iommu_init_irq();
    if (parameters_.intremap && messages_ != nullptr && check_ioapic_information())
        messages_->alloc = [this](Device& dev, unsigned cpu) { return irq_remapping_alloc(dev, cpu); };
    return 0;
}

/// Every I/O APIC of the machine, and among them that of the south bridge (00:14.0), stands in the IVRS: firmware that
/// leaves one out gets no interrupt remapping at all.
bool AmdIommuDriver::check_ioapic_information() const {
    constexpr std::uint16_t kSouthBridge = 0x14 << 3;
    const auto all = io_apics(core_.description);
    if (!all) return true;
    const std::map<std::uint8_t, std::uint16_t>& known = ops_.tables().io_apics;
    bool good = false, south_bridge = false;
    for (const std::uint8_t id : *all) {
        const auto found = known.find(id);
        if (found == known.end()) {
            core_.k.console.err(kPrefix, "[Firmware Bug]: : IOAPIC[{}] not in IVRS table", id);
            good = false;
        } else if (found->second == kSouthBridge) {
            good = south_bridge = true;
        }
    }
    if (!south_bridge) core_.k.console.err(kPrefix, "[Firmware Bug]: : No southbridge IOAPIC found");
    if (!good) core_.k.console.err(kPrefix, "Disabling interrupt remapping");
    return good;
}

/// A table for each id that its messages may come by; the message is entry 0 of it.
std::optional<std::uint64_t> AmdIommuDriver::irq_remapping_alloc(Device& dev, unsigned cpu) {
    const Ptr<AmdDevData> data = ptr_cast<AmdDevData>(core_.dev_iommu_priv_get(dev, "AIR1"));
    if (!data) return std::nullopt;
    if (!data->iommu.alloc_irq_table(data->devid, cpu)) return std::nullopt;
    for (const std::uint16_t alias : data->aliases) {
        if (alias <= data->iommu.last_bdf && !data->iommu.alloc_irq_table(alias, cpu)) return std::nullopt;
    }
    return amd::kInterruptFirst;
}

std::string amd_turns_away(const firmware::Description& description, std::string_view device, bool pci,
                           unsigned /*release*/) {
    if (!pci) return {};
    const auto name_of = [](std::uint16_t segment, std::uint16_t devid) {
        return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", segment, devid >> 8, devid >> 3 & 31, devid & 7);
    };
    const IvrsTables tables = read_ivrs_tables(description);
    for (const IvrsUnit& unit : tables.units) {
        if (name_of(unit.ivhd->segment, unit.ivhd->devid) == device) {
            return fmt::format("it is the function of {} itself, which no unit translates", unit.name);
        }
    }
    for (const auto& [number, segment] : tables.segments) {
        for (const auto& [devid, unit] : segment.rlookup) {
            if (name_of(number, devid) == device) return {};
        }
    }
    return "the IVRS has no entry for it";
}

std::unique_ptr<Driver> make_amd_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<AmdIommuDriver>(AmdIommuParts{
        boot.iommu(), *boot.drivers().buses().front(), parts.pages, parts.mistakes, boot.config().parameters.x86,
        [&pci = boot.pci()](Device& dev) { return pci.pci_device_group(dev); },
        [&boot](const std::string& name) { return boot.find_device(name); }, parts.messages});
}

}  // namespace xlate::kernel
