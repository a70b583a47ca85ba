// The driver core: devices meet drivers, and what cannot be bound yet waits. Linux drivers/base/dd.c.
// Source: docs/spec/kernel-probe.md sections 2.1 (DD0..DD13), 2.10 and 11.5.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/driver-core/device.hpp"

namespace xlate::kernel {

struct DriverCoreParameters {
    static constexpr unsigned kForEver = ~0U;
    unsigned deferred_probe_timeout_s = 10;  ///< 0: no waiting; kForEver: no timer (a negative value)
    bool modules = true;                     ///< CONFIG_MODULES
    unsigned cpus = 2;
    bool rechecks_trigger = true;  ///< DD13's second half; false only to show that it closes the lost wake-up
};

/// One per kernel. All functions run on a task unless said.
class DriverCore : public HeapObject {
public:
    DriverCore(Kernel& kernel, DriverCoreParameters parameters);

    /// Boot time, host side allowed.
    void bus_register(BusType& bus) { buses_.push_back(&bus); }

    /// Adds the device to its bus, tells N1, and tries to bind it (`attach` = false: PCI, which attaches later).
    void device_add(Ptr<Device> dev, bool attach = true);
    /// device_initial_probe / device_attach: tries the bus' drivers in order of registration. `allow_async`: drivers
    /// that ask for it are tried by a task of their own. 1 bound, 0 nobody wants it, < 0 deferred.
    int device_attach(Device& dev, bool allow_async = false);
    /// Unbinds, takes the device off its bus, tells N2.
    void device_del(Device& dev);
    /// Unbinds its driver.
    void device_release_driver(Device& dev);

    /// Registers, then tries every unbound device of the bus in bus order; restarts the deferral timer.
    void driver_register(Driver& driver);
    /// The device with this firmware node that is bound to `driver`, or nullptr: a device whose probe is still under
    /// way is not found (kernel-probe.md R24).
    Device* driver_find_device_by_fwnode(Driver& driver, std::optional<firmware::NodeIndex> fwnode, const char* step);
    /// The device with this firmware node on `bus`, bound or not; or nullptr.
    Device* bus_find_device_by_fwnode(BusType& bus, std::optional<firmware::NodeIndex> fwnode, const char* step);
    /// Waits for asynchronous probes that were started so far.
    void async_synchronize_full(const char* step);

    // Deferred probe.
    int driver_deferred_probe_check_state(Device& dev);
    void driver_deferred_probe_trigger(const char* step);
    /// late_initcall: enables the list, retries twice, starts the timer.
    void deferred_probe_initcall();
    const std::vector<Device*>& pending() const { return pending_; }

    /// DD3: suppliers that firmware names for the device. 0, or -EPROBE_DEFER while one of them is not bound. Empty:
    /// none are waited for.
    std::function<int(Device&)> firmware_suppliers;
    /// fw_devlink_drivers_done: no driver will come any more that has not come by the timeout. Empty: nothing to do.
    std::function<void()> drivers_done;
    /// What the device is linked to is in use while a driver is tried on it: gives what to put back. Empty: no power
    /// management.
    std::function<std::vector<std::string>(Device&)> get_suppliers;
    std::function<void(const std::vector<std::string>&)> put_suppliers;
    /// DD12: undoes what the architecture set up for DMA. Empty: it has nothing to undo.
    std::function<void(Device&)> arch_teardown_dma_ops;

    const std::vector<BusType*>& buses() const { return buses_; }
    void visit_pointers(PointerVisitor& visitor) const override;

private:
    enum class Tried { no_match, tried };
    int driver_probe_device(Driver& driver, Device& dev);
    int do_driver_probe_device(Driver& driver, Device& dev);
    int really_probe(Driver& driver, Device& dev);
    int really_probe_steps(Driver& driver, Device& dev);
    int device_links_check_suppliers(Device& dev);
    void say_of_failure(const Driver& driver, const Device& dev, int err);
    void async_attach(Device& dev, Driver* driver);
    void spawn_async(Device& dev, Driver* driver);
    void driver_deferred_probe_add(Device& dev);
    void driver_deferred_probe_del(Device& dev);
    void deferred_probe_work_func();
    void deferred_probe_extend_timeout();
    void deferred_probe_timeout_work_func();
    void say_pending(const Device& dev);
    void start_timer();
    void queue_deferred_work(const char* step);

    Kernel& k_;
    const DriverCoreParameters parameters_;
    std::vector<BusType*> buses_;
    std::vector<Ptr<Device>> removed_;  ///< references that others may still hold keep a removed device in memory

    Mutex deferred_probe_mutex_;
    std::vector<Device*> pending_;  ///< under the mutex, as active_
    std::vector<Device*> active_;
    Shared<unsigned> deferred_trigger_count_;
    Shared<bool> driver_deferred_probe_enable_;
    Shared<bool> initcalls_done_;
    Shared<unsigned> driver_deferred_probe_timeout_;  ///< seconds; 0 once it has fired
    Workqueue deferred_wq_;
    bool work_pending_ = false;
    std::optional<TimerId> timer_;
    std::vector<Task*> async_tasks_;
    unsigned async_count_ = 0;
};

}  // namespace xlate::kernel
