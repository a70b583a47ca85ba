// Waiting for suppliers that firmware names: kernel-probe.md DD3; of/fw_devlink.hpp says what is modelled.
#include <algorithm>
#include <set>

#include "firmware/device_name.hpp"
#include "kernel-model/boot_state.hpp"
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
    const bool strict = config.parameters.fw_devlink_strict;
    if (strict) {
        for (const firmware::NodeIndex provider : description.providers()) {
            const auto& lacking = config.not_built;
            if (std::find(lacking.begin(), lacking.end(), provider) == lacking.end()) awaited.insert(provider);
        }
    }
    if (!config.parameters.fw_devlink || awaited.empty()) return;
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const auto consumer = static_cast<firmware::NodeIndex>(i);
        for (const Supplier& supplier : suppliers_of(description, consumer)) {
            if ((supplier.optional && !strict) || awaited.count(supplier.node) == 0) continue;
            std::vector<Awaited>& all = suppliers_[consumer];
            const bool power = supplier.property == "power-domains";
            const auto listed =
                std::find_if(all.begin(), all.end(), [&](const Awaited& other) { return other.node == supplier.node; });
            if (listed == all.end()) {
                all.push_back({supplier.node, power, false});
            } else {
                listed->power = listed->power || power;
            }
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

int BootState::check_suppliers(Device& dev) {
    if (!dev.of_node) return 0;
    const auto found = suppliers_.find(*dev.of_node);
    if (found == suppliers_.end()) return 0;
    for (const Awaited& awaited : found->second) {
        if (awaited.given_up && !awaited.power) continue;
        const Device* const supplier = device_of(awaited.node);
        if (supplier != nullptr && supplier->bound.read_once("DD3")) continue;
        // genpd_dev_pm_attach: no longer worth waiting for, and not to be done without.
        if (awaited.given_up) return -kETIMEDOUT;
        dev.deferred_reason = supplier == nullptr ? "wait for supplier " + description.node(awaited.node).path
                                                  : "supplier " + supplier->name + " not ready";
        return -kEPROBE_DEFER;
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
