// Waiting for suppliers that firmware names: fw_devlink's wait (kernel-probe.md DD3; of/fw_devlink.hpp says what is
// modelled), then the bus' for power domains, then that of IOMMU drivers for what they ask for themselves.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "firmware/device_name.hpp"
#include "kernel-model/boot_state.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/of/fw_devlink.hpp"

namespace xlate::kernel {

std::optional<firmware::NodeIndex> BootState::node_named(const std::string& name) const {
    if (const auto node = description.find_path(name)) return node;
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const auto node = static_cast<firmware::NodeIndex>(i);
        if (!description.node(node).compatible.empty() && firmware::linux_device_name(description, node) == name)
            return node;
    }
    return std::nullopt;
}

/// Who waits for whom. Only for suppliers that a driver is awaited for: all others are there from the start.
void BootState::find_suppliers() {
    std::set<firmware::NodeIndex> awaited;
    if (config.modules) {
        for (const ModuleLoad& load : *config.modules) {
            const auto node = load.device.empty() ? std::nullopt : node_named(load.device);
            if (node) awaited.insert(*node);
        }
    }
    const bool links = config.parameters.fw_devlink, strict = links && config.parameters.fw_devlink_strict;
    if (strict) {
        for (const firmware::NodeIndex provider : description.providers()) {
            const auto& lacking = config.not_built;
            if (std::find(lacking.begin(), lacking.end(), provider) == lacking.end()) awaited.insert(provider);
        }
    }
    if (awaited.empty()) return;
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const auto consumer = static_cast<firmware::NodeIndex>(i);
        const IommuDriver* const driver = iommu_driver_of(description.node(consumer));
        for (const Supplier& supplier : suppliers_of(description, consumer)) {
            if (awaited.count(supplier.node) == 0) continue;
            const bool linked = links && (!supplier.optional || strict);
            const bool power = supplier.property == "power-domains";
            const bool taken = driver != nullptr && std::find(driver->takes.begin(), driver->takes.end(),
                                                              supplier.property) != driver->takes.end();
            if (!linked && !power && !taken) continue;
            std::vector<Awaited>& all = suppliers_[consumer];
            auto listed =
                std::find_if(all.begin(), all.end(), [&](const Awaited& other) { return other.node == supplier.node; });
            if (listed == all.end()) {
                Awaited fresh;
                fresh.node = supplier.node;
                all.push_back(fresh);
                listed = all.end() - 1;
            }
            listed->linked = listed->linked || linked;
            listed->power = listed->power || power;
            listed->taken = listed->taken || taken;
        }
    }
    if (suppliers_.empty()) return;
    drivers.firmware_suppliers = [this](Device& dev) { return check_suppliers(dev); };
    drivers.drivers_done = [this] { give_up_suppliers(); };
}

Device* BootState::device_of(firmware::NodeIndex node) const {
    for (const BusType* const bus : {static_cast<const BusType*>(&platform), static_cast<const BusType*>(&amba)}) {
        for (const Ptr<Device> dev : bus->devices) {
            if (dev && dev.get()->of_node == node) return dev.get();
        }
    }
    return nullptr;
}

bool BootState::is_there(const Awaited& awaited) const {
    const Device* const supplier = device_of(awaited.node);
    return supplier != nullptr && supplier->bound.read_once("DD3");
}

int BootState::wait_for(Device& dev, const Awaited& awaited) const {
    const Device* const supplier = device_of(awaited.node);
    dev.deferred_reason = supplier == nullptr ? "wait for supplier " + description.node(awaited.node).path
                                              : "supplier " + supplier->name + " not ready";
    return -kEPROBE_DEFER;
}

int BootState::check_suppliers(Device& dev) {
    if (!dev.of_node) return 0;
    const auto found = suppliers_.find(*dev.of_node);
    if (found == suppliers_.end()) return 0;
    for (const Awaited& awaited : found->second) {
        if (awaited.linked && !awaited.given_up && !is_there(awaited)) return wait_for(dev, awaited);
    }
    for (const Awaited& awaited : found->second) {
        if (!awaited.power || is_there(awaited)) continue;
        // genpd_dev_pm_attach: no longer worth waiting for, and not to be done without.
        return awaited.given_up ? -kETIMEDOUT : wait_for(dev, awaited);
    }
    for (const Awaited& awaited : found->second) {
        if (!awaited.taken || is_there(awaited)) continue;
        // clk_get: there is no timeout for a provider that is not there.
        const IommuDriver& driver = *iommu_driver_of(description.node(*dev.of_node));
        if (!driver.without_clocks.empty())
            k.console.err(fmt::format("{} {}", driver.module, dev.name), "{}", driver.without_clocks);
        return wait_for(dev, awaited);
    }
    return 0;
}

/// A supplier that some registered driver would take is waited for on; one without a driver no longer.
void BootState::give_up_suppliers() {
    for (auto& [consumer, all] : suppliers_) {
        for (Awaited& awaited : all) {
            const Device* const supplier = device_of(awaited.node);
            const bool has_driver =
                supplier != nullptr && std::any_of(supplier->bus->drivers.begin(), supplier->bus->drivers.end(),
                                                   [&](const Driver* driver) { return driver->match(*supplier); });
            awaited.given_up = !has_driver;
        }
    }
}

}  // namespace xlate::kernel
