#include "base/quantity.hpp"

#include <array>
#include <optional>

#include <fmt/format.h>

namespace xlate {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t scale;
};

constexpr std::array kByteUnits{
    Unit{"B", 1},
    Unit{"KiB", 1ULL << 10},
    Unit{"MiB", 1ULL << 20},
    Unit{"GiB", 1ULL << 30},
    Unit{"TiB", 1ULL << 40},
    Unit{"kB", 1'000},
    Unit{"KB", 1'000},
    Unit{"MB", 1'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"TB", 1'000'000'000'000},
};
constexpr std::array kBitUnits{
    Unit{"kb", 1'000},
    Unit{"kbit", 1'000},
    Unit{"Mb", 1'000'000},
    Unit{"Mbit", 1'000'000},
    Unit{"Gb", 1'000'000'000},
    Unit{"Gbit", 1'000'000'000},
    Unit{"Tb", 1'000'000'000'000},
    Unit{"Tbit", 1'000'000'000'000},
};
constexpr std::array kTimeUnits{
    Unit{"fs", 1},        Unit{"ps", kFsPerPs}, Unit{"ns", kFsPerNs},
    Unit{"us", kFsPerUs}, Unit{"ms", kFsPerMs}, Unit{"s", kFsPerSecond},
};
constexpr std::array kClockUnits{
    Unit{"Hz", 1},
    Unit{"kHz", 1'000},
    Unit{"MHz", 1'000'000},
    Unit{"GHz", 1'000'000'000},
};

/// digits * 10^-decimals, and the rest of the text after spaces.
struct Number {
    std::uint64_t digits = 0;
    unsigned decimals = 0;
    std::string_view rest;
};

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

bool multiply(std::uint64_t& value, std::uint64_t factor) { return !__builtin_mul_overflow(value, factor, &value); }
bool add(std::uint64_t& value, std::uint64_t term) { return !__builtin_add_overflow(value, term, &value); }

std::optional<Number> read_number(std::string_view text) {
    text = trim(text);
    Number number;
    std::size_t at = 0;
    bool any = false;
    bool point = false;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (is_digit(c)) {
            if (any && !point && number.digits == 0) return std::nullopt;  // "010": octal to some, ten to others
            if (!multiply(number.digits, 10) || !add(number.digits, static_cast<std::uint64_t>(c - '0')))
                return std::nullopt;
            any = true;
            if (point) ++number.decimals;
        } else if (c == '.' && any && !point && at + 1 < text.size() && is_digit(text[at + 1])) {
            point = true;
        } else {
            break;
        }
    }
    if (!any) return std::nullopt;
    number.rest = trim(text.substr(at));
    return number;
}

template <std::size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
    for (const Unit& unit : units) {
        if (unit.name == name) return &unit;
    }
    return nullptr;
}

template <std::size_t N>
std::string names(const std::array<Unit, N>& units) {
    std::string all;
    for (const Unit& unit : units) all += (all.empty() ? "" : ", ") + std::string(unit.name);
    return all;
}

/// digits * scale / 10^decimals, if that is whole and fits.
std::optional<std::uint64_t> scaled(const Number& number, std::uint64_t scale) {
    std::uint64_t value = number.digits;
    unsigned decimals = number.decimals;
    while (decimals > 0 && scale % 10 == 0) {
        scale /= 10;
        --decimals;
    }
    if (!multiply(value, scale)) return std::nullopt;
    for (; decimals > 0; --decimals) {
        if (value % 10 != 0) return std::nullopt;
        value /= 10;
    }
    return value;
}

template <std::size_t N>
Parsed<std::uint64_t> parse_scaled(std::string_view text, const std::array<Unit, N>& units, std::string_view what,
                                   std::string_view example, bool plain_allowed) {
    const auto fail = [&](const std::string& why) {
        return Parsed<std::uint64_t>::failure(
            fmt::format("'{}' is not {}: {} (for example '{}')", text, what, why, example));
    };
    const std::optional<Number> number = read_number(text);
    if (!number) return fail("it does not start with a decimal number that fits 64 bits");
    std::uint64_t scale = 1;
    if (number->rest.empty()) {
        if (!plain_allowed && number->digits != 0) return fail("the unit is missing, one of " + names(units));
    } else if (const Unit* unit = find_unit(units, number->rest)) {
        scale = unit->scale;
    } else {
        return fail(fmt::format("unknown unit '{}', expected one of {}", number->rest, names(units)));
    }
    const std::optional<std::uint64_t> value = scaled(*number, scale);
    if (!value) return fail(fmt::format("not a whole number of {} below 2^64", units.front().name));
    return *value;
}

}  // namespace

Parsed<std::uint64_t> parse_integer(std::string_view text) {
    const auto fail = [&] {
        return Parsed<std::uint64_t>::failure(fmt::format(
            "'{}' is not a whole number: expected decimal without leading zeros, or 0x and hexadecimal", text));
    };
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        std::uint64_t value = 0;
        if (text.size() > 18) return fail();
        for (const char c : text.substr(2)) {
            unsigned digit = 0;
            if (is_digit(c)) {
                digit = static_cast<unsigned>(c - '0');
            } else if (c >= 'a' && c <= 'f') {
                digit = static_cast<unsigned>(c - 'a') + 10;
            } else if (c >= 'A' && c <= 'F') {
                digit = static_cast<unsigned>(c - 'A') + 10;
            } else {
                return fail();
            }
            value = value << 4 | digit;
        }
        return value;
    }
    const std::optional<Number> number = read_number(text);
    if (!number || number->decimals != 0 || !number->rest.empty()) return fail();
    return number->digits;
}

Parsed<std::uint64_t> parse_bytes(std::string_view text) {
    return parse_scaled(text, kByteUnits, "a size", "4 KiB", true);
}

Parsed<SimTime> parse_time(std::string_view text) {
    const Parsed<std::uint64_t> fs = parse_scaled(text, kTimeUnits, "a time", "50 ns", false);
    if (!fs) return Parsed<SimTime>::failure(fs.error());
    return SimTime{fs.value()};
}

Parsed<Duration> parse_duration(std::string_view text) {
    const std::optional<Number> number = read_number(text);
    if (number && number->decimals == 0 && (number->rest == "cycles" || number->rest == "cycle")) {
        return Duration{Cycles{number->digits}};
    }
    const Parsed<std::uint64_t> fs = parse_scaled(text, kTimeUnits, "a duration", "3 cycles' or '50 ns", false);
    if (!fs) return Parsed<Duration>::failure(fs.error());
    return Duration{SimTime{fs.value()}};
}

Parsed<ClockPeriod> parse_clock(std::string_view text) {
    const Parsed<std::uint64_t> hz = parse_scaled(text, kClockUnits, "a clock", "1 GHz", false);
    if (!hz) return Parsed<ClockPeriod>::failure(hz.error());
    if (hz.value() == 0)
        return Parsed<ClockPeriod>::failure(fmt::format("'{}' is not a clock: the frequency is zero", text));
    if (kFsPerSecond % hz.value() != 0) {
        // A period between two femtoseconds would drift silently; the nearest one is off by at most 1 ppm below 1 GHz.
        const std::uint64_t rounded = (kFsPerSecond + hz.value() / 2) / hz.value();
        if (rounded < 100'000) {
            return Parsed<ClockPeriod>::failure(
                fmt::format("'{}' has a period that is not a whole number of femtoseconds", text));
        }
        return ClockPeriod{rounded};
    }
    return ClockPeriod{kFsPerSecond / hz.value()};
}

Parsed<std::uint64_t> parse_bandwidth(std::string_view text) {
    const auto fail = [&] {
        return Parsed<std::uint64_t>::failure(fmt::format(
            "'{}' is not a bandwidth: expected bytes or bits and '/s' (for example '25.6 GB/s', '100 Gb/s')", text));
    };
    std::string_view body = trim(text);
    // "/s", or "ps" behind a unit: Gbps.
    if (body.size() < 2 || (body.substr(body.size() - 2) != "/s" && body.substr(body.size() - 2) != "ps"))
        return fail();
    body.remove_suffix(2);
    const Parsed<std::uint64_t> bytes = parse_scaled(body, kByteUnits, "a bandwidth", "25.6 GB/s", false);
    if (bytes && bytes.value() != 0) return bytes.value();
    constexpr unsigned kBits = 8;
    const Parsed<std::uint64_t> bits = parse_scaled(body, kBitUnits, "a bandwidth", "100 Gb/s", false);
    if (!bits || bits.value() == 0 || bits.value() % kBits != 0) return fail();
    return bits.value() / kBits;
}

Parsed<Ratio> parse_ratio(std::string_view text) {
    const auto fail = [&] {
        return Parsed<Ratio>::failure(
            fmt::format("'{}' is not a share: expected '70%', '0.7' or '7/10', from 0 to 1", text));
    };
    const std::optional<Number> number = read_number(text);
    if (!number) return fail();
    Ratio ratio{number->digits, 1};
    for (unsigned i = 0; i < number->decimals; ++i) {
        if (!multiply(ratio.denominator, 10)) return fail();
    }
    if (number->rest == "%") {
        if (!multiply(ratio.denominator, 100)) return fail();
    } else if (!number->rest.empty() && number->rest.front() == '/') {
        const Parsed<std::uint64_t> denominator = parse_integer(trim(number->rest.substr(1)));
        if (!denominator || denominator.value() == 0 || !multiply(ratio.denominator, denominator.value()))
            return fail();
    } else if (!number->rest.empty()) {
        return fail();
    }
    if (ratio.numerator > ratio.denominator) return fail();
    return ratio;
}

}  // namespace xlate
