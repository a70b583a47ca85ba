// What user space does once the modules are loaded: powers IOMMUs, starts devices, unbinds and binds, removes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernel-model/boot.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// Carries out `kernel.after_boot`, each step to its end, kStep apart, the first kSettle after the last module. `start`
/// runs when devices are powered and before the first rebind. A device that is not there is a warning.
/// All of it outlives the run; so does this.
class AfterBoot {
public:
    static constexpr SimTime kSettle{1'000'000'000'000'000};  ///< 1 s: consumers that wait for a module have bound
    static constexpr SimTime kStep{100'000'000'000'000};      ///< 100 ms: longer than a flush queue's timer

    AfterBoot(const Config& config, kernel::LinuxBoot& boot, kernel::RuntimePm& power, std::function<void()> start);
    void arm();
    const std::vector<std::string>& warnings() const { return warnings_; }

private:
    struct Step {
        enum class Kind { power_on, start, unbind, bind, remove } kind = Kind::start;
        std::string device;
    };
    void poll();
    void next();
    void carry_out(const Step& step);

    kernel::LinuxBoot& boot_;
    kernel::RuntimePm& power_;
    std::function<void()> start_;
    std::vector<Step> steps_;
    std::size_t at_ = 0;
    std::vector<std::string> warnings_;
};

}  // namespace xlate::study
