#include "study/config/parameters.hpp"

#include <fmt/format.h>

namespace xlate::study {
namespace {

/// `value` in the unit of `scale`, with as many digits behind the point as it needs.
std::string decimal(std::uint64_t value, std::uint64_t scale) {
    std::string text = std::to_string(value / scale);
    std::uint64_t rest = value % scale;
    if (rest == 0) return text;
    text += '.';
    while (rest != 0) {
        scale /= 10;
        text += static_cast<char>('0' + rest / scale);
        rest %= scale;
    }
    return text;
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
    constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (unit + 1 < std::size(kUnits) && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        ++unit;
    }
    return fmt::format("{} {}", bytes, kUnits[unit]);
}

std::string format_time(SimTime time) {
    struct Unit {
        std::uint64_t fs;
        const char* name;
    };
    constexpr Unit kUnits[] = {
        {kFsPerSecond, "s"}, {kFsPerMs, "ms"}, {kFsPerUs, "us"}, {kFsPerNs, "ns"}, {kFsPerPs, "ps"}};
    for (const Unit& unit : kUnits) {
        if (time.fs >= unit.fs && time.fs % (unit.fs / 1000) == 0) return decimal(time.fs, unit.fs) + " " + unit.name;
    }
    return time.fs == 0 ? "0 ns" : fmt::format("{} fs", time.fs);
}

std::string format_cycles(Cycles cycles) {
    return fmt::format("{} {}", cycles.count, cycles.count == 1 ? "cycle" : "cycles");
}

std::string format_clock(ClockPeriod clock) {
    constexpr std::uint64_t kSteps[] = {1'000'000'000, 100'000'000, 1'000'000, 1'000, 1};
    for (const std::uint64_t step : kSteps) {
        const std::uint64_t hertz = (kFsPerSecond / clock.fs + step / 2) / step * step;
        if (hertz == 0) continue;
        const std::string text = hertz >= 1'000'000'000 ? decimal(hertz, 1'000'000'000) + " GHz"
                                 : hertz >= 1'000'000   ? decimal(hertz, 1'000'000) + " MHz"
                                                        : fmt::format("{} Hz", hertz);
        const auto again = parse_clock(text);
        if (again && again.value().fs == clock.fs) return text;
    }
    return fmt::format("{} Hz", kFsPerSecond / clock.fs);
}

std::string format_bandwidth(std::uint64_t rate) {
    if (rate >= 1'000'000'000 && rate % 1'000'000 == 0) return decimal(rate, 1'000'000'000) + " GB/s";
    if (rate >= 1'000'000 && rate % 1'000 == 0) return decimal(rate, 1'000'000) + " MB/s";
    return fmt::format("{} B/s", rate);
}

std::string format_ratio(const Ratio& ratio) {
    if (ratio.denominator != 0 && 100 % ratio.denominator == 0) {
        return fmt::format("{}%", ratio.numerator * (100 / ratio.denominator));
    }
    return fmt::format("{}/{}", ratio.numerator, ratio.denominator);
}

}  // namespace xlate::study
