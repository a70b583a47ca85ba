// Typed reading of YAML values: strict scalars, units, keys with suggestions; errors are collected, not thrown one by
// one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "study/config/yaml/value.hpp"

namespace xlate::study::yaml {

/// What is wrong with a document, in the order in which it was found: the first few, and how many more.
class Findings {
public:
    static constexpr std::size_t kKept = 49;  ///< with the line that counts the rest: what an InputError prints

    void add(const Place& where, std::string path, std::string what, std::string expected = {},
             std::string nearest = {});
    void add(Diagnostic finding);
    bool empty() const { return all_.empty(); }
    /// A further finding is only counted: what it would say need not be made.
    bool full() const { return all_.size() >= kKept; }
    /// One InputError with all findings, if there are any.
    void throw_if_any(ExitStatus status = ExitStatus::usage) const;

private:
    std::vector<Diagnostic> all_;
    std::size_t more_ = 0;
};

// Each returns true and sets `out`, or leaves it alone and adds one finding.
bool read(const Value& value, const std::string& path, Findings& findings, bool& out);  ///< true or false, nothing else
bool read(const Value& value, const std::string& path, Findings& findings, std::string& out);  ///< any scalar
bool read_integer(const Value& value, const std::string& path, Findings& findings, std::uint64_t& out,
                  std::uint64_t low = 0, std::uint64_t high = ~std::uint64_t{0});
bool read_bytes(const Value& value, const std::string& path, Findings& findings, std::uint64_t& out);
bool read(const Value& value, const std::string& path, Findings& findings, SimTime& out);
bool read(const Value& value, const std::string& path, Findings& findings, Cycles& out);
bool read(const Value& value, const std::string& path, Findings& findings, ClockPeriod& out);
bool read(const Value& value, const std::string& path, Findings& findings, Ratio& out);
bool read_bandwidth(const Value& value, const std::string& path, Findings& findings, std::uint64_t& out);
/// The index of the text in `names`.
bool read_choice(const Value& value, const std::string& path, Findings& findings, const std::vector<std::string>& names,
                 std::size_t& out);

/// "a.b", "a[\"x.y\"]" for keys with dots, brackets or blanks.
std::string join_path(const std::string& path, std::string_view key);
std::string join_path(const std::string& path, std::size_t index);

/// Reads one map key by key; at the end, keys that nobody asked for are findings with the nearest known name.
class MapReader {
public:
    /// A null value counts as an empty map; anything else but a map is a finding.
    MapReader(const Value& value, std::string path, Findings& findings);

    /// The value of `key`, or nullptr. Either way `key` is now a known name.
    const Value* take(const std::string& key);
    /// As take(); a missing key is a finding.
    const Value* require(const std::string& key);
    std::string path_of(std::string_view key) const { return join_path(path_, key); }
    const std::string& path() const { return path_; }
    /// Reports the keys that were never asked for.
    void finish();

private:
    const Value* find(const std::string& key) const;

    const Value& value_;
    std::string path_;
    Findings& findings_;
    std::vector<std::string> known_;
    std::map<std::string_view, const Value*> index_;  ///< of a large map
};

}  // namespace xlate::study::yaml
