#include "study/results/schema_check.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <fmt/format.h>

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

std::string words(std::string_view type) {
    if (type == "object") return "an object";
    if (type == "array") return "a list";
    if (type == "string") return "text";
    if (type == "integer") return "a whole number";
    if (type == "number") return "a number";
    if (type == "boolean") return "true or false";
    return "null";
}

std::string type_of(const Json& value) {
    if (value.is_object()) return "object";
    if (value.is_array()) return "array";
    if (value.is_string()) return "string";
    if (value.is_boolean()) return "boolean";
    if (value.is_number_integer()) return "integer";
    return value.is_number() ? "number" : "null";
}

bool is_of(const Json& value, const Json& type) {
    const std::string own = type_of(value);
    return type == own || (type == "number" && own == "integer");
}

/// One name or a list of them.
std::optional<SchemaGap> wrong_type(const Json& type, const Json& value, const std::string& path) {
    const Json types = type.is_array() ? type : Json::array({type});
    if (std::any_of(types.begin(), types.end(), [&](const Json& one) { return is_of(value, one); })) return {};
    std::string expected;
    for (const Json& one : types) expected += (expected.empty() ? "" : " or ") + words(one.get<std::string>());
    return SchemaGap{path, "is " + words(type_of(value)), expected};
}

std::optional<SchemaGap> gap_at(const Json& schema, const Json& value, const std::string& path, bool whole) {
    if (schema.contains("type")) {
        if (std::optional<SchemaGap> gap = wrong_type(schema["type"], value, path)) return gap;
    }
    if (value.is_array() && schema.contains("items")) {
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (auto gap = gap_at(schema["items"], value[i], fmt::format("{}[{}]", path, i), whole)) return gap;
        }
    }
    if (!value.is_object()) return {};
    if (whole && schema.contains("required")) {
        for (const Json& key : schema["required"]) {
            if (!value.contains(key.get<std::string>()))
                return SchemaGap{path, fmt::format("has no '{}'", key.get<std::string>()), ""};
        }
    }
    if (!schema.contains("properties")) return {};
    for (const auto& [key, of_key] : schema["properties"].items()) {
        if (!value.contains(key)) continue;
        if (auto gap = gap_at(of_key, value[key], path.empty() ? key : path + "." + key, whole)) return gap;
    }
    return {};
}

}  // namespace

std::optional<SchemaGap> find_gap(const Json& schema, const Json& document, bool whole) {
    return gap_at(schema, document, {}, whole);
}

}  // namespace xlate::study
