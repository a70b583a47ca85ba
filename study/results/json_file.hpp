// JSON that we wrote ourselves, read back: results, plans.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace xlate::study {

/// Errors: InputError if it cannot be read, is too large (1 GiB) or nested too deeply, is no JSON, or its `schema` is
/// another.
nlohmann::ordered_json read_json_file(const std::string& file, std::string_view schema);

}  // namespace xlate::study
