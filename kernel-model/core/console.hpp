// The kernel's log, as dmesg shows it: "[    0.004183] arm-smmu-v3 9050000.smmuv3: ias 44-bit, oas 44-bit".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/time.hpp"

namespace xlate::kernel {

class Kernel;

enum class LogLevel : std::uint8_t { err, warn, notice, info, debug };

struct ConsoleLine {
    SimTime time{};
    LogLevel level = LogLevel::info;
    std::string text;
    /// "[    0.004183] text": seconds padded to 5, microseconds.
    std::string print() const;
};

/// Owned by Kernel. Each line costs CostTable::printk_line. `prefix`: "driver device" or "subsystem"; may be empty.
class Console {
public:
    explicit Console(Kernel& kernel) : kernel_(kernel) {}

    bool enabled = true;              ///< false: nothing is kept (explore), only the cost is paid
    LogLevel level = LogLevel::info;  ///< what is kept: this and more urgent
    std::function<void(const ConsoleLine&)> on_line;

    template <class... A>
    void err(std::string_view prefix, fmt::format_string<A...> format, A&&... args) {
        put(LogLevel::err, prefix, format, std::forward<A>(args)...);
    }
    template <class... A>
    void warn(std::string_view prefix, fmt::format_string<A...> format, A&&... args) {
        put(LogLevel::warn, prefix, format, std::forward<A>(args)...);
    }
    template <class... A>
    void info(std::string_view prefix, fmt::format_string<A...> format, A&&... args) {
        put(LogLevel::info, prefix, format, std::forward<A>(args)...);
    }
    template <class... A>
    void debug(std::string_view prefix, fmt::format_string<A...> format, A&&... args) {
        put(LogLevel::debug, prefix, format, std::forward<A>(args)...);
    }
    /// A text that is there already.
    void print(LogLevel line_level, std::string_view prefix, std::string_view text);

    const std::vector<ConsoleLine>& lines() const { return lines_; }
    /// console.log: one line each, with time stamps.
    std::string text() const;

private:
    template <class... A>
    void put(LogLevel line_level, std::string_view prefix, fmt::format_string<A...> format, A&&... args) {
        if (!enabled || line_level > level) {
            charge(line_level);
            return;
        }
        print_formatted(line_level, prefix, format, std::forward<A>(args)...);
    }
    template <class... A>
    [[gnu::cold, gnu::noinline]] void print_formatted(LogLevel line_level, std::string_view prefix,
                                                      fmt::format_string<A...> format, A&&... args) {
        print(line_level, prefix, fmt::format(format, std::forward<A>(args)...));
    }
    void charge(LogLevel line_level);
    Kernel& kernel_;
    std::vector<ConsoleLine> lines_;
};

}  // namespace xlate::kernel
