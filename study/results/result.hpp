// result.json: schema "xlate.result/1" of the shared design, section 4. Integers and histograms become ratios and
// means here, once, with a fixed number of digits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernel-model/boot.hpp"
#include "soc/soc.hpp"
#include "study/config/config.hpp"
#include "study/run/steady.hpp"
#include "study/run/traffic_end.hpp"
#include "study/run/usage_watch.hpp"

namespace xlate::study {

/// Everything that a finished run knows. References live as long as the call.
struct RunFacts {
    const Config& config;
    const kernel::LinuxBoot& boot;
    const kernel::Kernel& kernel;
    const soc::SocStats& soc;
    soc::Outcome outcome;
    std::vector<std::string> assumptions;
    std::vector<std::string> warnings;
    const soc::SanitizerReport* sanitizer = nullptr;  ///< nullptr: off
    const SteadyWatch* steady = nullptr;
    const UsageWatch* usage = nullptr;
    const TrafficEnd* ends = nullptr;
};

/// All of it but `expect`. Nanoseconds are rounded to picoseconds.
nlohmann::ordered_json make_result(const RunFacts& facts);

/// result["sanitizer"].
nlohmann::ordered_json sanitizer_json(const soc::SanitizerReport& report);
/// Its findings as lines of a kernel log.
std::vector<kernel::ConsoleLine> sanitizer_lines(const soc::SanitizerReport& report);

/// Nanoseconds with three digits behind the point.
nlohmann::ordered_json ns_json(SimTime time);
/// bytes per second over `span`, rounded down; 0 if the span is 0.
std::uint64_t rate_per_second(std::uint64_t bytes, SimTime span);

}  // namespace xlate::study
