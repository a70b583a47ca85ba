// Deferred probe: kernel-probe.md 2.10 and 11.5.
#include <algorithm>

#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel {

void DriverCore::driver_deferred_probe_add(Device& dev) {
    deferred_probe_mutex_.lock("DD13");
    if (!dev.on_pending && !dev.on_active) {
        dev.on_pending = true;
        pending_.push_back(&dev);
    }
    deferred_probe_mutex_.unlock("DD13");
}

void DriverCore::driver_deferred_probe_del(Device& dev) {
    deferred_probe_mutex_.lock("DD11");
    pending_.erase(std::remove(pending_.begin(), pending_.end(), &dev), pending_.end());
    active_.erase(std::remove(active_.begin(), active_.end(), &dev), active_.end());
    dev.on_pending = dev.on_active = false;
    deferred_probe_mutex_.unlock("DD11");
}

void DriverCore::queue_deferred_work(const char* step) {
    if (work_pending_) return;
    work_pending_ = true;
    deferred_wq_.queue_work(step, [this] {
        work_pending_ = false;
        deferred_probe_work_func();
    });
}

void DriverCore::driver_deferred_probe_trigger(const char* step) {
    Frame frame{k_, "driver_deferred_probe_trigger"};
    if (!driver_deferred_probe_enable_.read_once(step)) return;
    deferred_probe_mutex_.lock(step);
    deferred_trigger_count_.update([](unsigned n) { return n + 1; }, step);
    for (Device* const dev : pending_) {
        dev->on_pending = false;
        dev->on_active = true;
        active_.push_back(dev);
    }
    pending_.clear();
    deferred_probe_mutex_.unlock(step);
    queue_deferred_work(step);
}

void DriverCore::deferred_probe_work_func() {
    Frame frame{k_, "deferred_probe_work_func"};
    k_.spend(k_.costs.deferred_worker_wake);
    deferred_probe_mutex_.lock("DD0");
    while (!active_.empty()) {
        Device* const dev = active_.front();
        active_.erase(active_.begin());
        dev->on_active = false;
        deferred_probe_mutex_.unlock("DD0");
        k_.console.debug(dev->prefix(), "Retrying from deferred list");
        device_attach(*dev, true);
        deferred_probe_mutex_.lock("DD0");
    }
    deferred_probe_mutex_.unlock("DD0");
}

int DriverCore::driver_deferred_probe_check_state(Device& dev) {
    Frame frame{k_, "driver_deferred_probe_check_state"};
    const bool done = initcalls_done_.read_once("OIX4");
    if (!parameters_.modules && done) {
        k_.console.warn(dev.prefix(), "ignoring dependency for device, assuming no driver");
        return -kENODEV;
    }
    if (driver_deferred_probe_timeout_.read_once("OIX4") == 0 && done) {
        k_.console.warn(dev.prefix(), "deferred probe timeout, ignoring dependency");
        return -kETIMEDOUT;
    }
    return -kEPROBE_DEFER;
}

void DriverCore::deferred_probe_initcall() {
    Frame frame{k_, "deferred_probe_initcall"};
    driver_deferred_probe_enable_.write_once(true, "late_initcall");
    driver_deferred_probe_trigger("late_initcall");
    deferred_wq_.flush("late_initcall");
    initcalls_done_.write_once(true, "late_initcall");
    driver_deferred_probe_trigger("late_initcall");
    deferred_wq_.flush("late_initcall");
    const unsigned timeout = driver_deferred_probe_timeout_.read_once("late_initcall");
    if (timeout > 0 && timeout != DriverCoreParameters::kForEver) start_timer();
}

void DriverCore::start_timer() {
    const SimTime delay = ms(1000) * driver_deferred_probe_timeout_.peek();
    timer_ = k_.machine.set_timer(delay, [this] {
        timer_.reset();
        k_.spawn("kworker/0:1", 0, [this] { deferred_probe_timeout_work_func(); });
    });
}

void DriverCore::deferred_probe_extend_timeout() {
    if (!timer_) return;
    k_.machine.cancel_timer(*timer_);
    start_timer();
}

/// Since 6.8 with the reason, where there is one; since 6.10 as a warning.
void DriverCore::say_pending(const Device& dev) {
    constexpr unsigned kFirstWithReason = 608, kFirstAsWarning = 610;
    const unsigned release = k_.variant.release;
    std::string text = "deferred probe pending";
    if (release >= kFirstWithReason)
        text += ": " + (dev.deferred_reason.empty() ? "(reason unknown)" : dev.deferred_reason);
    k_.console.print(release >= kFirstAsWarning ? LogLevel::warn : LogLevel::info, dev.prefix(), text);
}

void DriverCore::deferred_probe_timeout_work_func() {
    Frame frame{k_, "deferred_probe_timeout_work_func"};
    if (drivers_done) drivers_done();
    driver_deferred_probe_timeout_.write_once(0, "timeout");
    driver_deferred_probe_trigger("timeout");
    deferred_wq_.flush("timeout");
    deferred_probe_mutex_.lock("timeout");
    const std::vector<Device*> left = pending_;
    for (const Device* const dev : left) say_pending(*dev);
    deferred_probe_mutex_.unlock("timeout");
}

}  // namespace xlate::kernel
