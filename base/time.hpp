// Simulated time: one integer clock in femtoseconds.
// Source: design.md section 2 ("One clock"): at 1 ps a 3 GHz clock is off by 1000 ppm.
#pragma once

#include <cstdint>
#include <limits>

namespace xlate {

/// A point in simulated time, or a span of it. Unit: femtoseconds. Range: 0 to about 5 hours.
struct SimTime {
    std::uint64_t fs = 0;

    friend constexpr bool operator==(SimTime a, SimTime b) { return a.fs == b.fs; }
    friend constexpr bool operator!=(SimTime a, SimTime b) { return a.fs != b.fs; }
    friend constexpr bool operator<(SimTime a, SimTime b) { return a.fs < b.fs; }
    friend constexpr bool operator<=(SimTime a, SimTime b) { return a.fs <= b.fs; }
    friend constexpr bool operator>(SimTime a, SimTime b) { return a.fs > b.fs; }
    friend constexpr bool operator>=(SimTime a, SimTime b) { return a.fs >= b.fs; }
    friend constexpr SimTime operator+(SimTime a, SimTime b) { return {a.fs + b.fs}; }
    /// Precondition: a >= b.
    friend constexpr SimTime operator-(SimTime a, SimTime b) { return {a.fs - b.fs}; }
    friend constexpr SimTime operator*(SimTime a, std::uint64_t n) { return {a.fs * n}; }
    constexpr SimTime& operator+=(SimTime b) {
        fs += b.fs;
        return *this;
    }
};

inline constexpr std::uint64_t kFsPerPs = 1'000;
inline constexpr std::uint64_t kFsPerNs = 1'000'000;
inline constexpr std::uint64_t kFsPerUs = 1'000'000'000;
inline constexpr std::uint64_t kFsPerMs = 1'000'000'000'000;
inline constexpr std::uint64_t kFsPerSecond = 1'000'000'000'000'000;
inline constexpr SimTime kTimeNever{std::numeric_limits<std::uint64_t>::max()};

constexpr SimTime ps(std::uint64_t n) { return {n * kFsPerPs}; }
constexpr SimTime ns(std::uint64_t n) { return {n * kFsPerNs}; }
constexpr SimTime us(std::uint64_t n) { return {n * kFsPerUs}; }
constexpr SimTime ms(std::uint64_t n) { return {n * kFsPerMs}; }

/// A count of clock cycles. Becomes time in one place: ClockPeriod.
struct Cycles {
    std::uint64_t count = 0;
    friend constexpr bool operator==(Cycles a, Cycles b) { return a.count == b.count; }
    friend constexpr bool operator!=(Cycles a, Cycles b) { return a.count != b.count; }
};

/// The period of a clock, a whole number of femtoseconds.
struct ClockPeriod {
    std::uint64_t fs = kFsPerNs;  ///< > 0

    constexpr SimTime operator*(Cycles cycles) const { return {fs * cycles.count}; }
    /// First edge at or after `t`; edges are at whole multiples of the period.
    constexpr SimTime next_edge(SimTime t) const { return {(t.fs + fs - 1) / fs * fs}; }
};

}  // namespace xlate
