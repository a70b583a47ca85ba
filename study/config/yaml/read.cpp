#include "study/config/yaml/read.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace xlate::study::yaml {
namespace {

bool is_scalar(const Value& value, const std::string& path, Findings& findings, const char* expected) {
    if (value.kind == Kind::scalar) return true;
    findings.add(value.place, path, "found " + value.describe(), expected);
    return false;
}

template <typename T, typename Parse>
bool read_parsed(const Value& value, const std::string& path, Findings& findings, const char* expected, Parse parse,
                 T& out) {
    if (!is_scalar(value, path, findings, expected)) return false;
    const Parsed<T> parsed = parse(value.text);
    if (!parsed) {
        findings.add(value.place, path, parsed.error());
        return false;
    }
    out = parsed.value();
    return true;
}

}  // namespace

void Findings::add(const Place& where, std::string path, std::string what, std::string expected, std::string nearest) {
    add({where.position(), std::move(path), std::move(what), std::move(expected), std::move(nearest)});
}

void Findings::add(Diagnostic finding) {
    if (full()) {
        ++more_;
    } else {
        all_.push_back(std::move(finding));
    }
}

void Findings::throw_if_any(ExitStatus status) const {
    if (all_.empty()) return;
    std::vector<Diagnostic> all = all_;
    if (more_ != 0) all.push_back({{}, "", fmt::format("... and {} more", more_), "", ""});
    throw InputError(std::move(all), status);
}

bool read(const Value& value, const std::string& path, Findings& findings, bool& out) {
    if (value.kind == Kind::scalar && !value.quoted && (value.text == "true" || value.text == "false")) {
        out = value.text == "true";
        return true;
    }
    findings.add(value.place, path, "found " + value.describe(), "true or false");
    return false;
}

bool read(const Value& value, const std::string& path, Findings& findings, std::string& out) {
    if (!is_scalar(value, path, findings, "text")) return false;
    out = value.text;
    return true;
}

bool read_integer(const Value& value, const std::string& path, Findings& findings, std::uint64_t& out,
                  std::uint64_t low, std::uint64_t high) {
    if (value.kind == Kind::scalar && value.quoted) {
        findings.add(value.place, path, "found text in quotes", "a whole number");
        return false;
    }
    std::uint64_t number = 0;
    if (!read_parsed(value, path, findings, "a whole number", parse_integer, number)) return false;
    if (number < low || number > high) {
        findings.add(value.place, path, fmt::format("{} is out of range", value.text),
                     fmt::format("{} to {}", low, high));
        return false;
    }
    out = number;
    return true;
}

bool read_bytes(const Value& value, const std::string& path, Findings& findings, std::uint64_t& out) {
    return read_parsed(value, path, findings, "a size such as '4 KiB'", parse_bytes, out);
}
bool read(const Value& value, const std::string& path, Findings& findings, SimTime& out) {
    return read_parsed(value, path, findings, "a time such as '50 ns'", parse_time, out);
}
bool read(const Value& value, const std::string& path, Findings& findings, Cycles& out) {
    constexpr const char* kExpected = "a number of cycles such as '3 cycles'";
    Duration duration;
    if (!read_parsed(value, path, findings, kExpected, parse_duration, duration)) return false;
    if (!std::holds_alternative<Cycles>(duration)) {
        findings.add(value.place, path, fmt::format("found '{}'", value.text), kExpected);
        return false;
    }
    out = std::get<Cycles>(duration);
    return true;
}
bool read(const Value& value, const std::string& path, Findings& findings, ClockPeriod& out) {
    return read_parsed(value, path, findings, "a clock such as '1 GHz'", parse_clock, out);
}
bool read(const Value& value, const std::string& path, Findings& findings, Ratio& out) {
    return read_parsed(value, path, findings, "a share such as '70%'", parse_ratio, out);
}
bool read_bandwidth(const Value& value, const std::string& path, Findings& findings, std::uint64_t& out) {
    return read_parsed(value, path, findings, "a bandwidth such as '25.6 GB/s'", parse_bandwidth, out);
}

bool read_choice(const Value& value, const std::string& path, Findings& findings, const std::vector<std::string>& names,
                 std::size_t& out) {
    const std::string expected = fmt::format("one of {}", fmt::join(names, ", "));
    if (!is_scalar(value, path, findings, expected.c_str())) return false;
    const auto found = std::find(names.begin(), names.end(), value.text);
    if (found == names.end()) {
        findings.add(value.place, path, "found " + value.describe(), expected,
                     nearest_name(value.text, names).value_or(""));
        return false;
    }
    out = static_cast<std::size_t>(found - names.begin());
    return true;
}

std::string join_path(const std::string& path, std::string_view key) {
    if (key.find_first_of(".[]\" ") != std::string_view::npos) return fmt::format("{}[\"{}\"]", path, key);
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string join_path(const std::string& path, std::size_t index) { return fmt::format("{}[{}]", path, index); }

MapReader::MapReader(const Value& value, std::string path, Findings& findings)
    : value_(value), path_(std::move(path)), findings_(findings) {
    if (value.kind != Kind::map && value.kind != Kind::null) {
        findings.add(value.place, path_, "found " + value.describe(), "a map of keys and values");
    }
    constexpr std::size_t kLarge = 16;
    if (value.entries.size() <= kLarge) return;
    for (const Entry& entry : value.entries) index_.emplace(entry.key, &entry.value);
}

const Value* MapReader::find(const std::string& key) const {
    if (index_.empty()) return value_.find(key);
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : found->second;
}

const Value* MapReader::take(const std::string& key) {
    known_.push_back(key);
    return find(key);
}

const Value* MapReader::require(const std::string& key) {
    const Value* found = take(key);
    if (found == nullptr) findings_.add(value_.place, path_, fmt::format("key '{}' is missing", key));
    return found;
}

void MapReader::finish() {
    const std::set<std::string_view> known(known_.begin(), known_.end());
    for (const Entry& entry : value_.entries) {
        if (known.count(entry.key) != 0) continue;
        if (findings_.full()) {
            findings_.add(entry.place, "", "unknown key");
            continue;
        }
        // What others call it.
        const bool include = path_.empty() && entry.key == "include";
        const auto nearest = include ? std::optional<std::string>("extends") : nearest_name(entry.key, known_);
        findings_.add(entry.place, path_of(entry.key), "unknown key",
                      nearest || known_.size() > 12 ? "" : fmt::format("one of {}", fmt::join(known_, ", ")),
                      nearest.value_or(""));
    }
}

}  // namespace xlate::study::yaml
