#include "kernel-model/driver-core/driver_core.hpp"

#include "base/error.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel {

namespace {

std::string unbound_worker(unsigned cpus, unsigned number) {
    return "kworker/u" + std::to_string(2 * cpus) + ":" + std::to_string(number);
}

}  // namespace

DriverCore::DriverCore(Kernel& kernel, DriverCoreParameters parameters)
    : HeapObject(kernel, "driver core"),
      k_(kernel),
      parameters_(parameters),
      deferred_probe_mutex_(kernel, "deferred_probe_mutex"),
      deferred_trigger_count_(*this, "deferred_trigger_count"),
      driver_deferred_probe_enable_(*this, "driver_deferred_probe_enable"),
      initcalls_done_(*this, "initcalls_done"),
      driver_deferred_probe_timeout_(*this, "driver_deferred_probe_timeout", parameters.deferred_probe_timeout_s),
      deferred_wq_(kernel, unbound_worker(parameters.cpus, 1), parameters.cpus > 1 ? 1 : 0) {}

void DriverCore::visit_pointers(PointerVisitor& visitor) const {
    for (const BusType* bus : buses_)
        for (const Ptr<Device> dev : bus->devices) visitor.visit(dev.get());
    for (const Ptr<Device> dev : removed_) visitor.visit(dev.get());
}

void DriverCore::device_add(Ptr<Device> dev, bool attach) {
    Frame frame{k_, "device_add"};
    BusType* const bus = dev->bus;
    if (bus != nullptr) {
        dev->creation_index = static_cast<unsigned>(bus->devices.size());
        bus->devices.push_back(dev);
        bus->klist_length.update([](unsigned n) { return n + 1; }, "DD0");
        if (bus->on_add_device) {
            bus->notifier_lock.down_read("N1");
            bus->on_add_device(*dev);
            bus->notifier_lock.up_read("N1");
        }
    }
    dev->added = true;
    if (bus != nullptr && attach) device_attach(*dev, true);
}

int DriverCore::device_attach(Device& dev, bool allow_async) {
    Frame frame{k_, "device_attach"};
    dev.device_lock.lock("DD0");
    int result = 0;
    bool have_async = false;
    if (!dev.dead && dev.driver.read("DD2") == nullptr) {
        for (unsigned i = 0; i < dev.bus->klist_drivers.read_once("DD0"); ++i) {
            Driver* const driver = dev.bus->drivers[i];
            if (!driver->match(dev)) continue;
            if (driver->probe_asynchronously && allow_async) {
                have_async = true;
                continue;
            }
            const int err = driver_probe_device(*driver, dev);
            if (err < 0) {
                result = err;
                break;
            }
            if (err == 0) {
                result = 1;
                break;
            }
        }
        if (result == 0 && have_async) spawn_async(dev, nullptr);
    }
    dev.device_lock.unlock("DD11");
    return result;
}

void DriverCore::spawn_async(Device& dev, Driver* driver) {
    Device* const target = &dev;
    async_tasks_.push_back(&k_.spawn(unbound_worker(parameters_.cpus, 2 + async_count_++), parameters_.cpus > 1 ? 1 : 0,
                                     [this, target, driver] { async_attach(*target, driver); }));
}

/// __driver_attach_async_helper (one driver) or __device_attach_async_helper (every asynchronous one).
void DriverCore::async_attach(Device& dev, Driver* only) {
    Frame frame{k_, "async_attach"};
    dev.device_lock.lock("DD0");
    if (!dev.dead) {
        for (unsigned i = 0; i < dev.bus->klist_drivers.read_once("DD0"); ++i) {
            Driver* const driver = dev.bus->drivers[i];
            if (only != nullptr ? driver != only : !driver->probe_asynchronously || !driver->match(dev)) continue;
            if (driver_probe_device(*driver, dev) <= 0) break;
        }
        if (only != nullptr) dev.async_driver = nullptr;
    }
    dev.device_lock.unlock("DD11");
}

void DriverCore::async_synchronize_full(const char* step) {
    while (!async_tasks_.empty()) {
        Task* const task = async_tasks_.back();
        async_tasks_.pop_back();
        k_.sched.join(*task, step);
    }
}

void DriverCore::driver_register(Driver& driver) {
    Frame frame{k_, "driver_register"};
    driver.bus.drivers.push_back(&driver);
    driver.bus.klist_drivers.update([](unsigned n) { return n + 1; }, "DD0");
    // Each device that is on the bus at the time of its turn (a klist iteration).
    for (unsigned i = 0; i < driver.bus.klist_length.read_once("DD0"); ++i) {
        const Ptr<Device> dev = driver.bus.devices[i];
        if (!dev || !driver.match(*dev)) continue;
        if (driver.probe_asynchronously) {
            dev->device_lock.lock("DD0");
            const bool start = dev->driver.read("DD2") == nullptr && dev->async_driver == nullptr;
            if (start) dev->async_driver = &driver;
            dev->device_lock.unlock("DD0");
            if (start) spawn_async(*dev, &driver);
            continue;
        }
        dev->device_lock.lock("DD0");
        driver_probe_device(driver, *dev);
        dev->device_lock.unlock("DD11");
    }
    deferred_probe_extend_timeout();
}

Device* DriverCore::driver_find_device_by_fwnode(Driver& driver, std::optional<firmware::NodeIndex> fwnode,
                                                 const char* step) {
    Device* const dev = bus_find_device_by_fwnode(driver.bus, fwnode, step);
    return dev != nullptr && dev->driver.peek() == &driver && dev->bound.read_once(step) ? dev : nullptr;
}

Device* DriverCore::bus_find_device_by_fwnode(BusType& bus, std::optional<firmware::NodeIndex> fwnode,
                                              const char* step) {
    const unsigned length = bus.klist_length.read_once(step);
    for (unsigned i = 0; fwnode && i < length; ++i)
        if (bus.devices[i] && bus.devices[i]->of_node == fwnode) return bus.devices[i].get();
    return nullptr;
}

int DriverCore::driver_probe_device(Driver& driver, Device& dev) {
    const unsigned trigger_count = deferred_trigger_count_.read_once("DD1");
    const int err = do_driver_probe_device(driver, dev);
    if (err == -kEPROBE_DEFER && !dev.added) return err;  // device_add is not finished: refused, not listed
    if (err == -kEPROBE_DEFER || err == kEPROBE_DEFER) {
        driver_deferred_probe_add(dev);
        // DD13: a trigger while we probed may have been meant for this device.
        if (parameters_.rechecks_trigger && trigger_count != deferred_trigger_count_.read_once("DD13"))
            driver_deferred_probe_trigger("DD13");
    }
    return err;
}

int DriverCore::do_driver_probe_device(Driver& driver, Device& dev) {
    if (dev.dead) return -kENODEV;
    if (dev.driver.read("DD2") != nullptr) return -kEBUSY;
    if (!dev.added) return -kEPROBE_DEFER;
    std::vector<std::string> suppliers;
    if (get_suppliers) suppliers = get_suppliers(dev);
    const int err = really_probe(driver, dev);
    if (!suppliers.empty()) put_suppliers(suppliers);
    return err;
}

int DriverCore::really_probe(Driver& driver, Device& dev) {
    Frame frame{k_, "really_probe"};
    const std::size_t handle = k_.events.begin(k_.now(), EventKind::driver_probe, [&](Event& event) {
        event.device = dev.name;
        event.driver = driver.name;
        event.by = k_.sched.current().name;
    });
    ++dev.probe_count;
    dev.probe_start = k_.now();
    const int err = really_probe_steps(driver, dev);
    dev.probe_end = k_.now();
    k_.events.end(handle, err, k_.now());
    return err;
}

/// DD3.
int DriverCore::device_links_check_suppliers(Device& dev) {
    int waits = 0;
    for (const Ptr<Device> supplier : dev.supplier_links) {
        if (supplier->bound.read_once("DD3")) continue;
        dev.deferred_reason = "supplier " + supplier->name + " not ready";
        waits = -kEPROBE_DEFER;
        break;
    }
    if (waits == 0 && firmware_suppliers) waits = firmware_suppliers(dev);
    // As dev_err_probe() keeps it: with the driver's name, and there is none yet.
    if (waits == -kEPROBE_DEFER) dev.deferred_reason.insert(0, dev.bus->name + ": ");
    return waits;
}

int DriverCore::really_probe_steps(Driver& driver, Device& dev) {
    const int waits = device_links_check_suppliers(dev);
    if (waits == -kEPROBE_DEFER) {
        k_.console.debug(dev.prefix(), "error {}: {}", errno_name(waits), dev.deferred_reason);
        return waits;
    }
    dev.driver.write(&driver, "DD5");
    int err = dev.bus->has_dma_configure() ? dev.bus->dma_configure(dev) : 0;  // DD7
    if (err == 0) {
        // DD9. What a supplier is missing for is the bus' own probe's answer (genpd_dev_pm_attach), before the
        // driver's.
        if (waits == -kETIMEDOUT) k_.console.warn(dev.prefix(), "deferred probe timeout, ignoring dependency");
        const int probed = waits != 0 ? waits : driver.probe(dev);
        say_of_failure(driver, dev, probed);
        err = -probed;  // positive, so that it is told from a refusal of the core
        if (err != 0) dev.bus->dma_cleanup(dev);
    }
    if (err != 0) {
        dev.driver_data = nullptr;  // DD12
        if (arch_teardown_dma_ops) arch_teardown_dma_ops(dev);
        dev.dma_range_map.clear();
        dev.driver.write(nullptr, "DD12");
        return err;
    }
    dev.bound.write_once(true, "DD11");
    driver_deferred_probe_del(dev);
    driver_deferred_probe_trigger("DD11");
    return 0;
}

/// What call_driver_probe() prints: nothing of those that wait or refuse the device.
void DriverCore::say_of_failure(const Driver& driver, const Device& dev, int err) {
    constexpr unsigned kFirstWithDevice = 610;  // a driver's name and a device's before
    if (err == 0 || err == -kEPROBE_DEFER || err == -kENODEV || err == -kENXIO) return;
    if (k_.variant.release >= kFirstWithDevice)
        k_.console.err(dev.prefix(), "probe with driver {} failed with error {}", driver.name, err);
    else
        k_.console.warn(driver.name, "probe of {} failed with error {}", dev.name, err);
}

void DriverCore::device_release_driver(Device& dev) {
    Frame frame{k_, "device_release_driver"};
    dev.device_lock.lock("DD0");
    if (Driver* const driver = dev.driver.read("DD2")) {
        driver->remove(dev);
        dev.bus->dma_cleanup(dev);
        dev.bound.write_once(false, "DD12");
        dev.driver_data = nullptr;
        if (arch_teardown_dma_ops) arch_teardown_dma_ops(dev);
        dev.dma_range_map.clear();
        dev.driver.write(nullptr, "DD12");
    }
    dev.device_lock.unlock("DD11");
}

void DriverCore::device_del(Device& dev) {
    Frame frame{k_, "device_del"};
    dev.device_lock.lock("DD0");
    dev.dead = true;
    dev.device_lock.unlock("DD0");
    device_release_driver(dev);
    driver_deferred_probe_del(dev);
    if (dev.bus == nullptr) return;
    removed_.push_back(dev.bus->devices[dev.creation_index]);
    dev.bus->devices[dev.creation_index] = {};
    dev.bus->klist_length.update([](unsigned n) { return n; }, "DD0");
    if (dev.bus->on_removed_device) {
        dev.bus->notifier_lock.down_read("N2");
        dev.bus->on_removed_device(dev);
        dev.bus->notifier_lock.up_read("N2");
    }
}

}  // namespace xlate::kernel
