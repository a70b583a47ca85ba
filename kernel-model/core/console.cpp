#include "kernel-model/core/console.hpp"

#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

std::string ConsoleLine::print() const {
    const std::uint64_t microseconds = time.fs / kFsPerUs;
    return fmt::format("[{:5}.{:06}] {}", microseconds / 1'000'000, microseconds % 1'000'000, text);
}

void Console::charge(LogLevel line_level) {
    if (line_level <= level) kernel_.spend(kernel_.costs.printk_line);
}

void Console::print(LogLevel line_level, std::string_view prefix, std::string_view text) {
    charge(line_level);
    if (!enabled || line_level > level) return;
    ConsoleLine line;
    line.time = kernel_.now();
    line.level = line_level;
    if (!prefix.empty()) line.text = std::string(prefix) + ": ";
    line.text += text;
    lines_.push_back(std::move(line));
    if (on_line) on_line(lines_.back());
}

std::string Console::text() const {
    std::string out;
    for (const ConsoleLine& line : lines_) out += line.print() + "\n";
    return out;
}

}  // namespace xlate::kernel
