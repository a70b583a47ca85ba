// Numbers as people read them, in summaries, tables and reports.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

namespace xlate::study {

/// "812 ns", "1.35 us", "2.41 ms".
std::string span_text(double ns);
/// The same; "-" for what is no number.
std::string span_text(const nlohmann::ordered_json& ns);
/// "12.57 GB/s", "3.1 MB/s".
std::string rate_text(double bytes_per_s);
/// Such a text as an axis has room for: three digits, "381 us" for "381.02 us", "20 GB/s" for "20.00 GB/s".
std::string tick_text(const std::string& text);
/// "98.0 %"; "-" of nothing.
std::string percent_text(std::uint64_t part, std::uint64_t whole);
/// A value as tables print it: thousands grouped, as many digits as it is worth; "–" for null.
std::string table_number(const nlohmann::ordered_json& value);

}  // namespace xlate::study
