// Quantities with units, read from text: "4 KiB", "1 GHz", "3 cycles", "25.6 GB/s", "70%".
// Values become integers at once; a fraction is accepted only if the result is a whole number of the
// smallest unit (bytes, femtoseconds, ...). Errors are texts: the caller knows where the text stood.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.hpp"

namespace xlate {

/// A value, or one sentence that says what is wrong and what was expected.
template <typename T>
class Parsed {
public:
    Parsed(T value) : content_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
    static Parsed failure(std::string why) { return Parsed(Failure{std::move(why)}); }

    explicit operator bool() const { return content_.index() == 0; }
    const T& value() const { return std::get<0>(content_); }
    const std::string& error() const { return std::get<1>(content_).why; }

private:
    struct Failure {
        std::string why;
    };
    explicit Parsed(Failure failure) : content_(std::move(failure)) {}
    std::variant<T, Failure> content_;
};

/// Time that is either absolute or counted in cycles of a clock that is known later.
using Duration = std::variant<SimTime, Cycles>;
constexpr SimTime to_time(const Duration& duration, ClockPeriod clock) {
    return std::holds_alternative<Cycles>(duration) ? clock * std::get<Cycles>(duration) : std::get<SimTime>(duration);
}

/// numerator / denominator, in lowest terms as written ("70%" is 70/100).
struct Ratio {
    std::uint64_t numerator = 0;
    std::uint64_t denominator = 1;
};

/// Decimal or 0x; no sign, no leading zeros.
Parsed<std::uint64_t> parse_integer(std::string_view text);
/// "64", "64 B", "4 KiB", "16 MiB", "1 GiB", "2 TiB", "1 kB", "1 MB", "1 GB".
Parsed<std::uint64_t> parse_bytes(std::string_view text);
/// "1 fs" "1 ps" "2.5 ns" "10 us" "1 ms" "1 s"; a plain "0" needs no unit.
Parsed<SimTime> parse_time(std::string_view text);
/// parse_time, or "3 cycles".
Parsed<Duration> parse_duration(std::string_view text);
/// "1 GHz", "800 MHz": the period must be a whole number of femtoseconds.
Parsed<ClockPeriod> parse_clock(std::string_view text);
/// "25.6 GB/s", "12 GiB/s", or in bits, as of networks, "100 Gb/s", "400 Gbps": bytes per second.
Parsed<std::uint64_t> parse_bandwidth(std::string_view text);
/// "70%", "0.7", "7/10": within [0, 1].
Parsed<Ratio> parse_ratio(std::string_view text);

}  // namespace xlate
