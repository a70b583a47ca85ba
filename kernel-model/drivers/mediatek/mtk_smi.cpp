#include "kernel-model/drivers/mediatek/mtk_smi.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "firmware/property_values.hpp"
#include "iommu/mediatek/layout.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"

namespace xlate::kernel {

namespace larb = iommu::mediatek::larb;

namespace {

/// BUS_SEL: this input goes to MMU 1.
constexpr std::uint32_t mmu1(std::initializer_list<unsigned> inputs) {
    std::uint32_t word = 0;
    for (const unsigned input : inputs) word |= 1U << 2 * input;
    return word;
}

struct CommonRow {
    std::string_view compatible;
    unsigned generation = 2;
    bool has_gals = false;
    bool sub_common = false;
    std::uint32_t bus_sel = 0;
};
constexpr CommonRow kCommons[] = {
    {"mediatek,mt2701-smi-common", 1},
    {"mediatek,mt2712-smi-common"},
    {"mediatek,mt6779-smi-common", 2, true, false, mmu1({1, 2, 4, 5, 6, 7})},
    {"mediatek,mt6795-smi-common", 2, false, false, mmu1({0})},
    {"mediatek,mt6893-smi-common", 2, true, false, mmu1({1, 2, 4, 5, 7})},
    {"mediatek,mt8167-smi-common"},
    {"mediatek,mt8173-smi-common"},
    {"mediatek,mt8183-smi-common", 2, true, false, mmu1({1, 2, 5, 7})},
    {"mediatek,mt8186-smi-common", 2, true, false, mmu1({1, 4, 7})},
    {"mediatek,mt8188-smi-common-vdo", 2, false, false, mmu1({1, 5, 7})},
    {"mediatek,mt8188-smi-common-vpp", 2, false, false, mmu1({1, 2, 7})},
    {"mediatek,mt8192-smi-common", 2, true, false, mmu1({1, 2, 5, 6})},
    {"mediatek,mt8195-smi-common-vdo", 2, true, false, mmu1({1, 3, 5, 7})},
    {"mediatek,mt8195-smi-common-vpp", 2, true, false, mmu1({1, 2, 7})},
    {"mediatek,mt8195-smi-sub-common", 2, true, true},
    {"mediatek,mt8365-smi-common", 2, false, false, mmu1({2, 4})},
};

using Config = MtkSmiLarb::Config;
struct LarbRow {
    std::string_view compatible;
    Config config = Config::general;
    std::uint32_t direct_to_common = 0;
    bool sleep_control = false;
    bool throttle_update = false;
};
constexpr LarbRow kLarbs[] = {
    {"mediatek,mt2701-smi-larb", Config::gen1},
    {"mediatek,mt2712-smi-larb", Config::general, 0x300},
    {"mediatek,mt6779-smi-larb", Config::general, 0x3850},
    {"mediatek,mt6795-smi-larb", Config::mask_mt8173},
    {"mediatek,mt6893-smi-larb", Config::general, 0, false, true},
    {"mediatek,mt8167-smi-larb", Config::mask_mt8167},
    {"mediatek,mt8173-smi-larb", Config::mask_mt8173},
    {"mediatek,mt8183-smi-larb", Config::general, 0x8C},
    {"mediatek,mt8186-smi-larb", Config::general, 0, true},
    {"mediatek,mt8188-smi-larb", Config::general, 0, true, true},
    {"mediatek,mt8192-smi-larb"},
    {"mediatek,mt8195-smi-larb", Config::general, 0, true, true},
};

template <typename Row, std::size_t N>
const Row* row_of(const Row (&rows)[N], const firmware::Node& node) {
    for (const std::string& compatible : node.compatible) {
        for (const Row& row : rows) {
            if (row.compatible == compatible) return &row;
        }
    }
    return nullptr;
}

/// devm_clk_bulk_get(): by name.
int clocks(const firmware::Node& node, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        if (!firmware::has_string(node, "clock-names", name)) return -kENOENT;
    }
    return 0;
}

PhysAddr base_of(const firmware::Node& node) {
    return PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
}

/// Linux mtk_smi_device_link_common(). The common's driver must have bound before.
int device_link_common(DriverCore& core, const firmware::Description& description, RuntimePm& power, Device& dev,
                       MtkSmiCommon*& common) {
    const std::vector<std::uint32_t> cells = firmware::cells_of(description.node(*dev.of_node), "mediatek,smi");
    const auto node = cells.empty() ? std::nullopt : description.find_phandle(cells.front());
    if (!node) return -kEINVAL;
    Device* const found = core.bus_find_device_by_fwnode(*dev.bus, node, "SMI1");
    if (found == nullptr) {
        dev.k.console.err(dev.prefix(), "Failed to get the smi_common device");
        return -kEINVAL;
    }
    if (found->driver_data == nullptr) return -kEPROBE_DEFER;
    common = static_cast<MtkSmiCommon*>(found->driver_data);
    power.link(dev, *found);
    return 0;
}

}  // namespace

// mt6795 and mt8195 write a few more, which have no effect here.
int MtkSmiCommon::mtk_smi_common_resume() {
    if (writes) kernel().machine.mmio_write(base + iommu::mediatek::smi_common::BUS_SEL, 4, bus_sel);
    return 0;
}

// Linux mtk_smi_larb_config_port_*(). Before the M4U has bound the larb there is nothing to write.
int MtkSmiLarb::mtk_smi_larb_resume() {
    Machine& machine = kernel().machine;
    if (sleep_control) machine.mmio_write(base + larb::SLP_CON, 4, 0);
    if (mmu == nullptr) return 0;
    switch (config) {
        case Config::mask_mt8167:
            machine.mmio_write(base + larb::MMU_EN_MT8167, 4, mmu->mmu);
            return 0;
        case Config::mask_mt8173:
            machine.mmio_write(base + larb::MMU_EN_MT8173, 4, mmu->mmu);
            return 0;
        case Config::gen1: {
            // The SMI common has eight ports a word, four bits each: virtual, domain 3, not secure.
            for (unsigned port = 0; port < 32; ++port) {
                if ((mmu->mmu >> port & 1) == 0 || larbid + 1 >= kMt2701PortOffsets.size()) continue;
                const unsigned id = kMt2701PortOffsets[larbid] + port;
                if (id >= kMt2701PortOffsets[larbid + 1]) break;
                const PhysAddr at = common->base + 0x5C0 + (id >> 3 << 2);
                const unsigned shift = (id & 7) * 4;
                const std::uint64_t word = machine.mmio_read(at, 4) & ~(std::uint64_t{0xF} << shift);
                machine.mmio_write(at, 4, word | std::uint64_t{0xE} << shift);
            }
            return 0;
        }
        case Config::general:
            break;
    }
    if ((direct_to_common >> larbid & 1) != 0) return 0;
    if (throttle_update) {
        constexpr std::uint64_t kReadLimit = 0xF0, kFive = 0x50;
        const std::uint64_t limits = machine.mmio_read(base + larb::CMD_THRT_CON, 4);
        machine.mmio_write(base + larb::CMD_THRT_CON, 4, (limits & ~kReadLimit) | kFive);
        machine.mmio_write(base + larb::SW_FLAG, 4, 1);
    }
    for (unsigned port = 0; port < 32; ++port) {
        if ((mmu->mmu >> port & 1) == 0) continue;
        const PhysAddr at = base + larb::NONSEC_CON(port);
        machine.mmio_write(at, 4, machine.mmio_read(at, 4) | larb::EN.of(1) | larb::bank_bits(mmu->bank[port]));
    }
    return 0;
}

void MtkSmiLarb::mtk_smi_larb_suspend() {
    if (!sleep_control) return;
    Machine& machine = kernel().machine;
    machine.mmio_write(base + larb::SLP_CON, 4, larb::kSleepRequest);
    const SimTime limit = machine.now() + us(1000);
    for (;;) {
        const std::uint64_t word = machine.mmio_read(base + larb::SLP_CON, 4);
        if ((word & larb::kSleepReady) != 0) return;
        if (machine.now() > limit) {
            kernel().console.err(dev.prefix(), "sleep ctrl is not ready({:#x}).", word);
            return;
        }
        machine.pass(us(10));
    }
}

MtkSmiCommonDriver::MtkSmiCommonDriver(DriverCore& core, const firmware::Description& description, BusType& platform,
                                       RuntimePm& power)
    : Driver("mtk-smi-common", platform), core_(core), description_(description), power_(power) {}

bool MtkSmiCommonDriver::match(const Device& device) const {
    return device.of_node && row_of(kCommons, description_.node(*device.of_node)) != nullptr;
}

int MtkSmiCommonDriver::probe(Device& dev) {
    Frame frame{dev.k, "mtk_smi_common_probe"};
    const firmware::Node& node = description_.node(*dev.of_node);
    const CommonRow& row = *row_of(kCommons, node);
    int err = clocks(node, {"apb", "smi"});
    if (err == 0 && row.has_gals) err = clocks(node, {"gals0"});
    if (err == 0 && row.has_gals && !row.sub_common) err = clocks(node, {"gals1"});
    if (err != 0) return err;
    if (row.generation == 1) err = clocks(node, {"async"});
    if (err != 0) return err;
    if (node.regs.empty()) return -kEINVAL;
    const Ptr<MtkSmiCommon> made = dev.k.heap.make<MtkSmiCommon>("SMC1", dev);
    if (!made) return -kENOMEM;
    dev.k.heap.set_immortal(*made.get());  // the device's (devres)
    MtkSmiCommon& common = *made.get();
    common.base = base_of(node);
    common.writes = row.generation == 2 && !row.sub_common;
    common.bus_sel = row.bus_sel;
    if (row.sub_common) {
        MtkSmiCommon* above = nullptr;
        if (const int linked = device_link_common(core_, description_, power_, dev, above); linked != 0) return linked;
    }
    power_.enable(dev, {[&common] { return common.mtk_smi_common_resume(); }, [] {}});
    dev.driver_data = &common;
    return 0;
}

void MtkSmiCommonDriver::remove(Device& dev) { power_.disable(dev); }

MtkSmiLarbDriver::MtkSmiLarbDriver(DriverCore& core, const firmware::Description& description, BusType& platform,
                                   RuntimePm& power)
    : Driver("mtk-smi-larb", platform), core_(core), description_(description), power_(power) {}

bool MtkSmiLarbDriver::match(const Device& device) const {
    return device.of_node && row_of(kLarbs, description_.node(*device.of_node)) != nullptr;
}

int MtkSmiLarbDriver::probe(Device& dev) {
    Frame frame{dev.k, "mtk_smi_larb_probe"};
    const firmware::Node& node = description_.node(*dev.of_node);
    const LarbRow& row = *row_of(kLarbs, node);
    if (node.regs.empty()) return -kEINVAL;
    const Ptr<MtkSmiLarb> made = dev.k.heap.make<MtkSmiLarb>("SML1", dev);
    if (!made) return -kENOMEM;
    dev.k.heap.set_immortal(*made.get());  // the device's (devres)
    MtkSmiLarb& one = *made.get();
    one.base = base_of(node);
    one.config = row.config;
    one.direct_to_common = row.direct_to_common;
    one.sleep_control = row.sleep_control;
    one.throttle_update = row.throttle_update;
    if (const int err = clocks(node, {"apb", "smi"}); err != 0) return err;
    if (const int err = device_link_common(core_, description_, power_, dev, one.common); err != 0) return err;
    power_.enable(dev, {[&one] { return one.mtk_smi_larb_resume(); }, [&one] { one.mtk_smi_larb_suspend(); }});
    dev.driver_data = &one;
    return 0;
}

void MtkSmiLarbDriver::remove(Device& dev) {
    power_.disable(dev);
    const auto* const one = static_cast<const MtkSmiLarb*>(dev.driver_data);
    if (one != nullptr && one->common != nullptr) power_.unlink(dev, one->common->dev);
}

std::unique_ptr<Driver> make_mtk_smi_common(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<MtkSmiCommonDriver>(boot.drivers(), boot.description(), *boot.drivers().buses().front(),
                                                parts.power);
}
std::unique_ptr<Driver> make_mtk_smi_larb(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<MtkSmiLarbDriver>(boot.drivers(), boot.description(), *boot.drivers().buses().front(),
                                              parts.power);
}

}  // namespace xlate::kernel
