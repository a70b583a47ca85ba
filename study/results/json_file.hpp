// JSON that we wrote ourselves, read back: results, plans.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace xlate::study {

/// Errors: InputError if it cannot be read, is too large (1 GiB) or nested too deeply, is no JSON, has a key twice, its
/// `schema` is another, or something in a result is of another type than result_schema() says.
nlohmann::ordered_json read_json_file(const std::string& file, std::string_view schema);

/// What the library says of a value that is missing or of another type, without its own number: "key 'x' not found".
std::string missing_value(const nlohmann::json::exception& error);

}  // namespace xlate::study
