// A merged sweep as a table.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace xlate::study {

/// Markdown: axes, columns, and what went wrong; below it the sweep's notes.
std::string sweep_table(const nlohmann::ordered_json& sweep);

/// CSV (RFC 4180): the same, with every digit of the values; a column `state` at the end.
std::string sweep_csv(const nlohmann::ordered_json& sweep);

}  // namespace xlate::study
