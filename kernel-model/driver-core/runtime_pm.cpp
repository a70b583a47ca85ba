#include "kernel-model/driver-core/runtime_pm.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "kernel-model/driver-core/device.hpp"

namespace xlate::kernel {

void RuntimePm::enable(const Device& dev, Callbacks callbacks) {
    State& state = devices_[dev.name];
    state.callbacks = std::move(callbacks);
    state.enabled = true;
}

void RuntimePm::disable(const Device& dev) {
    State& state = devices_[dev.name];
    state.callbacks = {};
    state.enabled = false;
}

void RuntimePm::link(const Device& consumer, const Device& supplier) {
    State& state = devices_[consumer.name];
    state.suppliers.push_back(supplier.name);
    // A consumer that is in use already wants it at once.
    for (unsigned use = 0; use < state.uses; ++use) get(supplier.name);
}

void RuntimePm::unlink(const Device& consumer, const Device& supplier) {
    State& state = devices_[consumer.name];
    const auto found = std::find(state.suppliers.begin(), state.suppliers.end(), supplier.name);
    if (found == state.suppliers.end()) return;
    state.suppliers.erase(found);
    for (unsigned use = 0; use < state.uses; ++use) put(supplier.name);
}

int RuntimePm::get(const std::string& name) {
    State& state = devices_[name];
    ++state.uses;
    int err = 0;
    const std::vector<std::string> suppliers = state.suppliers;
    for (const std::string& supplier : suppliers) {
        const int result = get(supplier);
        if (err == 0) err = result;
    }
    if (err != 0 || state.active) return err;
    state.active = true;
    if (state.enabled && state.callbacks.resume) err = state.callbacks.resume();
    if (err != 0) state.active = false;
    if (state.active) state.without.clear();
    state.was_active = state.was_active || state.active;
    return err;
}

void RuntimePm::put(const std::string& name) {
    State& state = devices_[name];
    XLATE_CHECK(state.uses > 0, name);
    if (--state.uses == 0 && state.active) {
        state.active = false;
        if (state.enabled && state.callbacks.suspend) state.callbacks.suspend();
    }
    const std::vector<std::string> suppliers = state.suppliers;
    for (const std::string& supplier : suppliers) put(supplier);
}

int RuntimePm::get_sync(const Device& dev) { return get(dev.name); }
void RuntimePm::put(const Device& dev) { put(dev.name); }

std::vector<std::string> RuntimePm::get_suppliers(const Device& dev) {
    const auto found = devices_.find(dev.name);
    if (found == devices_.end()) return {};
    const std::vector<std::string> suppliers = found->second.suppliers;
    for (const std::string& supplier : suppliers) get(supplier);
    return suppliers;
}
void RuntimePm::put_suppliers(const std::vector<std::string>& suppliers) {
    for (const std::string& supplier : suppliers) put(supplier);
}

std::vector<std::string> RuntimePm::never_resumed(const std::string& consumer) const {
    std::vector<std::string> names;
    const auto found = devices_.find(consumer);
    if (found == devices_.end()) return names;
    for (const std::string& supplier : found->second.suppliers) {
        const auto state = devices_.find(supplier);
        if (state != devices_.end() && state->second.enabled && !state->second.was_active) names.push_back(supplier);
    }
    return names;
}

// A client here uses its device from its probe on; Linux's lets it sleep until user space opens it, so that what a new
// device needs of a shared supplier is there when it is first used. One that comes back (was_active) finds the others
// at work.
void RuntimePm::set_up(const Device& consumer) {
    const auto found = devices_.find(consumer.name);
    if (found == devices_.end()) return;
    const bool is_new = !found->second.was_active;
    const std::vector<std::string> suppliers = found->second.suppliers;
    for (const std::string& supplier : suppliers) {
        State& state = devices_[supplier];
        if (!state.active) continue;
        state.without.insert(consumer.name);
        if (!is_new || !state.enabled) continue;
        if (state.callbacks.suspend) state.callbacks.suspend();
        if (state.callbacks.resume && state.callbacks.resume() != 0) continue;
        state.without.clear();
    }
}

std::vector<std::string> RuntimePm::awake_since_before(const std::string& consumer) const {
    std::vector<std::string> names;
    const auto found = devices_.find(consumer);
    if (found == devices_.end()) return names;
    for (const std::string& supplier : found->second.suppliers) {
        const auto state = devices_.find(supplier);
        if (state != devices_.end() && state->second.without.count(consumer) != 0) names.push_back(supplier);
    }
    return names;
}

bool RuntimePm::in_use(const Device& dev) const {
    const auto state = devices_.find(dev.name);
    return state != devices_.end() && state->second.active && state->second.uses > 0;
}

}  // namespace xlate::kernel
