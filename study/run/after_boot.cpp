#include "study/run/after_boot.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::study {

AfterBoot::AfterBoot(const Config& config, kernel::LinuxBoot& boot, kernel::RuntimePm& power,
                     std::function<void()> start)
    : boot_(boot), power_(power), start_(std::move(start)) {
    bool started = !start_;
    const auto add_start = [&] {
        if (!std::exchange(started, true)) steps_.push_back({Step::Kind::start, {}});
    };
    for (const AfterBootConfig& one : config.kernel.after_boot) {
        if (!one.power_on.empty()) steps_.push_back({Step::Kind::power_on, one.power_on});
        if (!one.remove.empty()) {
            add_start();
            steps_.push_back({Step::Kind::remove, one.remove});
        }
        if (one.rebind.empty()) continue;
        add_start();
        steps_.push_back({Step::Kind::unbind, one.rebind});
        steps_.push_back({Step::Kind::bind, one.rebind});
    }
    add_start();
}

void AfterBoot::arm() {
    if (!steps_.empty()) boot_.kernel().machine.set_timer(kStep, [this] { poll(); });
}

void AfterBoot::poll() {
    if (boot_.finished()) {
        boot_.kernel().machine.set_timer(kSettle, [this] { next(); });
    } else {
        boot_.kernel().machine.set_timer(kStep, [this] { poll(); });
    }
}

void AfterBoot::next() {
    boot_.kernel().spawn("init", 0, [this] {
        carry_out(steps_[at_]);
        if (++at_ < steps_.size()) boot_.kernel().machine.set_timer(kStep, [this] { next(); });
    });
}

void AfterBoot::carry_out(const Step& step) {
    if (step.kind == Step::Kind::start) return start_();
    kernel::Device* const dev = boot_.find_device(step.device);
    if (dev == nullptr) {
        warnings_.push_back(fmt::format("kernel.after_boot: there is no device '{}'", printable(step.device)));
        return;
    }
    switch (step.kind) {
        case Step::Kind::power_on:
            power_.get_sync(*dev);
            break;
        case Step::Kind::unbind:
            boot_.drivers().device_release_driver(*dev);
            break;
        case Step::Kind::bind:
            boot_.drivers().device_attach(*dev);
            break;
        case Step::Kind::remove:
            boot_.drivers().device_del(*dev);
            break;
        case Step::Kind::start:
            break;
    }
}

}  // namespace xlate::study
