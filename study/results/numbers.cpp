#include "study/results/numbers.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace xlate::study {

namespace {

std::string grouped(std::string digits) {
    const std::size_t first = !digits.empty() && digits[0] == '-' ? 1 : 0;
    for (std::size_t at = digits.size(); at > first + 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    return digits;
}

}  // namespace

std::string span_text(double ns) {
    if (ns < 1000) return fmt::format("{:.0f} ns", ns);
    if (ns < 1e6) return fmt::format("{:.2f} us", ns / 1e3);
    if (ns < 1e9) return fmt::format("{:.2f} ms", ns / 1e6);
    return fmt::format("{:.2f} s", ns / 1e9);
}

std::string span_text(const nlohmann::ordered_json& ns) { return ns.is_number() ? span_text(ns.get<double>()) : "-"; }

std::string rate_text(double bytes_per_s) {
    if (bytes_per_s >= 1e9) return fmt::format("{:.2f} GB/s", bytes_per_s / 1e9);
    if (bytes_per_s >= 1e6) return fmt::format("{:.1f} MB/s", bytes_per_s / 1e6);
    return fmt::format("{:.1f} kB/s", bytes_per_s / 1e3);
}

std::string tick_text(const std::string& text) {
    const std::size_t point = text.find('.');
    if (point == std::string::npos || text[0] == '-') return text;
    const std::size_t rest = std::min(text.find(' ', point), text.size());
    double value = 0;
    for (std::size_t i = 0; i < rest; ++i) {  // a locale may not decide what a point is
        if (i != point) value = value * 10 + (text[i] - '0');
    }
    const auto decimals = static_cast<int>(rest - point - 1);
    value /= std::pow(10, decimals);
    std::string number =
        fmt::format("{:.{}f}", value, point >= 3 ? 0 : std::min<int>(decimals, 3 - static_cast<int>(point)));
    while (number.find('.') != std::string::npos && (number.back() == '0' || number.back() == '.')) number.pop_back();
    return number + text.substr(rest);
}

std::string percent_text(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? "-" : fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string table_number(const nlohmann::ordered_json& value) {
    if (value.is_null()) return "–";
    if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number_unsigned()) return grouped(std::to_string(value.get<std::uint64_t>()));
    if (value.is_number_integer()) return grouped(std::to_string(value.get<std::int64_t>()));
    if (!value.is_number()) return value.dump();
    const double number = value.get<double>();
    const double size = std::abs(number);
    if (size >= 1e15) return fmt::format("{:.3e}", number);
    if (size >= 1000) return grouped(fmt::format("{:.0f}", number));
    return size >= 100  ? fmt::format("{:.0f}", number)
           : size >= 10 ? fmt::format("{:.1f}", number)
                        : fmt::format("{:.2f}", number);
}

}  // namespace xlate::study
