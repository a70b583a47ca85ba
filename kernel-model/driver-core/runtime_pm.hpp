// Runtime power management, as far as IOMMUs see it: a device that its driver can suspend, and the devices that keep it
// powered while they are in use (device links of the kind that follows runtime PM). A device starts suspended.
// Not modelled: power domains, autosuspend delays, asynchronous requests, the system's sleep.
// Source: docs/spec/linux-findings.md ("Every family", 5): nothing in the hardware is touched while the master is
// suspended; Linux drivers/base/power/runtime.c.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace xlate::kernel {

class Device;

/// One for a kernel. Task side only: callbacks run on the caller's task.
class RuntimePm {
public:
    struct Callbacks {
        std::function<int()> resume;    ///< 0 or -errno
        std::function<void()> suspend;  ///< may not fail
    };
    /// Linux pm_runtime_enable().
    void enable(const Device& dev, Callbacks callbacks);
    /// Linux pm_runtime_disable(): callbacks end, the state stays.
    void disable(const Device& dev);
    /// Linux device_link_add(DL_FLAG_PM_RUNTIME): `supplier` is resumed before `consumer`, and kept so. Counted.
    void link(const Device& consumer, const Device& supplier);
    void unlink(const Device& consumer, const Device& supplier);

    /// Linux pm_runtime_get_sync() and pm_runtime_put(): a use of `dev`, its suppliers with it. A resume that fails
    /// leaves it suspended and ends in its error; the use counts all the same.
    int get_sync(const Device& dev);
    void put(const Device& dev);
    /// Linux pm_runtime_get_suppliers() and pm_runtime_put_suppliers(): while a driver is tried on `dev`, what it is
    /// linked to by then is in use. Gives what to put back.
    std::vector<std::string> get_suppliers(const Device& dev);
    void put_suppliers(const std::vector<std::string>& suppliers);
    /// Linux pm_runtime_get_if_in_use() > 0, without taking a use: it is resumed and used.
    bool in_use(const Device& dev) const;
    /// Something was set up for `consumer` that reaches the registers of its suppliers only as they are resumed (a
    /// larb's ports): those that are resumed already are still without.
    void set_up(const Device& consumer);
    /// Devices that were never resumed though `consumer` is linked to them. For reports; by Linux's name.
    std::vector<std::string> never_resumed(const std::string& consumer) const;
    /// Devices that were awake at the last set_up() for `consumer`, and have not been resumed since. For reports.
    std::vector<std::string> awake_since_before(const std::string& consumer) const;

private:
    struct State {
        Callbacks callbacks;
        bool enabled = false;
        bool active = false;
        bool was_active = false;
        unsigned uses = 0;
        std::vector<std::string> suppliers;  ///< in order of linking
        std::set<std::string> without;       ///< consumers that were set up while it was active
    };
    int get(const std::string& name);
    void put(const std::string& name);

    std::map<std::string, State> devices_;  ///< by Linux's name
};

}  // namespace xlate::kernel
