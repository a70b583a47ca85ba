#include "kernel-model/drivers/mediatek/mtk_iommu_driver.hpp"

#include <algorithm>

#include "firmware/property_values.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace mtk = iommu::mediatek;

namespace {

constexpr std::uint64_t kProtectAlign = 256;

/// 38e8844005e6, of 6.15-rc2: device_group needs the list, and the walk of the registration calls it. Stable releases
/// have it too; of our variants those of Debian's 6.1.176 and 6.12.107.
bool lists_before_registering(const Variant& variant) {
    constexpr unsigned kStable61 = 601, kStable612 = 612;
    return variant.release == kStable61 || variant.release == kStable612 || variant.has(Cap::drivers_before_walk);
}

PhysAddr base_of(const firmware::Node& node) {
    return PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
}

}  // namespace

MtkIommuDriver::MtkIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts)
    : Driver("mtk-iommu", platform),
      core_(core),
      power_(parts.power),
      pages_(parts.pages),
      mistakes_(parts.mistakes),
      ops_(core, platform, parts.power, parts.pages) {}

bool MtkIommuDriver::match(const Device& device) const {
    return device.of_node && mtk_platform_of(core_.description.node(*device.of_node), core_.variant.release) != nullptr;
}

int MtkIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "mtk_iommu_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const MtkPlatform& platform = *mtk_platform_of(node, core_.variant.release);
    const Ptr<MtkIommu> made = core_.k.heap.make<MtkIommu>("MTP1", core_, dev, power_, platform, mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    return probe_steps(dev, *made.get(), node);
}

int MtkIommuDriver::probe_steps(Device& dev, MtkIommu& data, const firmware::Node& node) {
    // What a faulting access reaches instead.
    const std::optional<PhysAddr> protect = pages_.alloc_zeroed(2 * kProtectAlign);
    if (!protect) return -kENOMEM;
    data.protect_base = align_up(protect->value, kProtectAlign);
    const MtkPlatform& platform = data.platform;
    if (platform.soc->has_4gb_mode) {
        if (const int err = read_4gb_mode(data, node); err != 0) return err;
    }
    if (node.regs.empty()) return -kEINVAL;
    if (node.regs.front().size < std::uint64_t{platform.soc->banks} * mtk::kBankBytes) {
        core_.k.console.err(data.prefix, "banknr {}. res [mem {:#x} bytes] is not enough.", platform.soc->banks,
                            node.regs.front().size);
        return -kEINVAL;
    }
    data.regs = base_of(node);
    for (unsigned bank = 0; bank < platform.soc->banks; ++bank) {
        if ((platform.soc->banks_used >> bank & 1) != 0 && bank >= node.interrupts.size()) return -kENXIO;
    }
    if (platform.has_bclk && !firmware::has_string(node, "clock-names", "bclk")) return -kENOENT;
    if (platform.is_mm()) {
        if (const int err = mtk_iommu_mm_dts_parse(data, node); err != 0) {
            if (err != -kEPROBE_DEFER) core_.k.console.err(data.prefix, "error {}: mm dts parse fail", errno_name(err));
            return err;
        }
    } else if (!platform.pericfg.empty()) {
        const auto found = syscon(platform.pericfg);
        if (!found) return -kENODEV;
        data.pericfg = base_of(core_.description.node(*found));
    }
    power_.enable(dev,
                  {[&data] { return data.mtk_iommu_runtime_resume(); }, [&data] { data.mtk_iommu_runtime_suspend(); }});
    dev.driver_data = &data;
    data.iommu = core_.k.heap.make<IommuDevice>("MTP2", fmt::format("mtk-iommu.{:#018x}", data.regs.value));
    if (!data.iommu) return -kENOMEM;
    const bool listed_first = lists_before_registering(core_.variant);
    if (listed_first) add_to_list(data);
    if (const int err = core_.iommu_device_register(data.iommu, &ops_, Ptr<Device>(&dev)); err != 0) {
        if (listed_first) remove_from_list(data);
        core_.k.heap.release(data.iommu, "MTP3");
        data.iommu = {};
        power_.disable(dev);
        return err;
    }
    if (!listed_first) add_to_list(data);  // only now, though masters can find it already
    if (platform.is_mm()) mtk_iommu_bind(data);
    return 0;
}

void MtkIommuDriver::add_to_list(MtkIommu& data) {
    data.hw_list = data.platform.share_pgtable ? &m4ulist_ : &own_lists_.emplace_back();
    data.hw_list->push_back(&data);
}

void MtkIommuDriver::remove_from_list(MtkIommu& data) {
    data.hw_list->erase(std::remove(data.hw_list->begin(), data.hw_list->end(), &data), data.hw_list->end());
    data.hw_list = nullptr;
}

/// syscon_regmap_lookup_by_compatible().
std::optional<firmware::NodeIndex> MtkIommuDriver::syscon(std::string_view compatible) const {
    if (compatible.empty()) return std::nullopt;
    for (std::size_t i = 0; i < core_.description.nodes.size(); ++i) {
        const firmware::Node& node = core_.description.nodes[i];
        if (!node.is_compatible(compatible)) continue;
        if (!node.is_compatible("syscon") || node.regs.empty()) return std::nullopt;
        return static_cast<firmware::NodeIndex>(i);
    }
    return std::nullopt;
}

// `mediatek,infracfg`, or for old trees a node of that kind.
int MtkIommuDriver::read_4gb_mode(MtkIommu& data, const firmware::Node& node) {
    const std::vector<std::uint32_t> cells = firmware::cells_of(node, "mediatek,infracfg");
    auto found = cells.empty() ? std::nullopt : core_.description.find_phandle(cells.front());
    if (found &&
        (!core_.description.node(*found).is_compatible("syscon") || core_.description.node(*found).regs.empty()))
        found = std::nullopt;
    if (!found) found = syscon(data.platform.infracfg);
    if (!found) return -kENODEV;
    const PhysAddr at = base_of(core_.description.node(*found)) + mtk::infracfg::MISC;
    data.enable_4gb = mtk::infracfg::DDR_4GB.test(core_.k.machine.mmio_read(at, 4));
    return 0;
}

// Larbs must have their driver; all of them, the same SMI common above.
int MtkIommuDriver::mtk_iommu_mm_dts_parse(MtkIommu& data, const firmware::Node& node) {
    Frame frame{core_.k, "mtk_iommu_mm_dts_parse"};
    const std::vector<std::uint32_t> larbs = firmware::cells_of(node, "mediatek,larbs");
    if (!node.has("mediatek,larbs")) return -kENOENT;
    if (larbs.empty() || larbs.size() > mtk::kLarbs) return -kEINVAL;
    const auto named = [&](const firmware::Node& by) {
        const std::vector<std::uint32_t> cells = firmware::cells_of(by, "mediatek,smi");
        return cells.empty() ? std::nullopt : core_.description.find_phandle(cells.front());
    };
    data.larb_imu = {};
    std::optional<firmware::NodeIndex> common;
    for (std::size_t i = 0; i < larbs.size(); ++i) {
        const auto at = core_.description.find_phandle(larbs[i]);
        if (!at) return -kEINVAL;
        const firmware::Node& larb = core_.description.node(*at);
        if (!larb.available) continue;
        const std::uint32_t id = larb.u32("mediatek,larb-id").value_or(static_cast<std::uint32_t>(i));
        if (id >= mtk::kLarbs) return -kEINVAL;
        Device* const dev = core_.driver_core.bus_find_device_by_fwnode(bus, at, "MTL1");
        if (dev == nullptr) return -kENODEV;
        if (data.larb_imu[id].dev != nullptr) return -kEEXIST;
        data.larb_imu[id].dev = dev;
        if (dev->driver.read("MTL2") == nullptr) return -kEPROBE_DEFER;
        const auto above = named(larb);
        if (!above) return -kEINVAL;
        const auto top = named(core_.description.node(*above));
        const firmware::NodeIndex found = top ? *top : *above;
        if (common && *common != found) {
            core_.k.console.err(data.prefix, "mediatek,smi property is not right @larb{}.", id);
            return -kEINVAL;
        }
        common = found;
    }
    if (!common) return -kEINVAL;
    data.smicomm_dev = core_.driver_core.bus_find_device_by_fwnode(bus, common, "MTL3");
    if (data.smicomm_dev == nullptr) return -kENODEV;
    power_.link(*data.smicomm_dev, data.dev);
    return 0;
}

// The component framework: all larbs are there, so that the master is bound at once.
void MtkIommuDriver::mtk_iommu_bind(MtkIommu& data) {
    Frame frame{core_.k, "mtk_iommu_bind"};
    for (unsigned id = 0; id < data.larb_imu.size(); ++id) {
        Device* const dev = data.larb_imu[id].dev;
        if (dev == nullptr || dev->driver_data == nullptr) continue;
        auto& larb = *static_cast<MtkSmiLarb*>(dev->driver_data);
        larb.larbid = id;
        larb.mmu = &data.larb_imu[id];
        core_.k.console.info(data.prefix, "bound {} (ops mtk_smi_larb_component_ops [mtk_smi])", dev->name);
    }
}

void MtkIommuDriver::remove(Device& dev) {
    auto* const data = static_cast<MtkIommu*>(dev.driver_data);
    if (data == nullptr) return;
    core_.iommu_device_unregister(data->iommu);
    remove_from_list(*data);
    if (data->smicomm_dev != nullptr) power_.unlink(*data->smicomm_dev, dev);
    power_.disable(dev);
}

std::unique_ptr<Driver> make_mtk_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<MtkIommuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts);
}

}  // namespace xlate::kernel
