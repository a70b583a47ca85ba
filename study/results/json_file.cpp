#include "study/results/json_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "study/results/compare.hpp"
#include "study/results/schema_check.hpp"

namespace xlate::study {

namespace {

constexpr std::uintmax_t kMaxBytes = std::uintmax_t{1} << 30;

}  // namespace

nlohmann::ordered_json read_json_file(const std::string& file, std::string_view schema) {
    namespace fs = std::filesystem;
    const auto fail = [&](const std::string& what) {
        return InputError(Diagnostic{{file, {}, {}, {}}, "", what, "", ""});
    };
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file, error);
    if (error) throw fail("cannot be read");
    if (size > kMaxBytes) throw fail("is too large");
    std::ifstream stream(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    // Depth is checked before the library recurses.
    int depth = 0;
    int deepest = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            deepest = std::max(deepest, ++depth);
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    if (deepest > 64) throw fail("is nested too deeply");
    using Json = nlohmann::ordered_json;
    std::vector<std::set<std::string>> keys;
    std::string twice;
    const Json::parser_callback_t look = [&](int, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::object_start) {
            keys.emplace_back();
        } else if (event == Json::parse_event_t::object_end) {
            keys.pop_back();
        } else if (event == Json::parse_event_t::key && twice.empty() && !keys.back().insert(parsed).second) {
            twice = parsed;
        }
        return true;
    };
    Json json = Json::parse(text, look, false);
    if (json.is_discarded()) throw fail("is not JSON");
    if (!twice.empty()) throw fail(fmt::format("key '{}' is there twice in one object", printable(twice)));
    if (!json.is_object() || !json.contains("schema") || json["schema"] != schema) {
        throw fail(fmt::format("its schema is not {}", schema));
    }
    if (schema == "xlate.result/1") {
        for (const char* const list : {"devices", "groups", "iommus", "masters", "faults", "warnings"}) {
            if (json.contains(list) && !json[list].is_array()) throw fail(fmt::format("'{}' is no list", list));
        }
        if (const std::optional<SchemaGap> gap = find_gap(Json::parse(result_schema()), json, false))
            throw InputError(Diagnostic{{file, {}, {}, {}}, gap->path, gap->what, gap->expected, ""});
    }
    return json;
}

std::string missing_value(const nlohmann::json::exception& error) {
    const std::string text = printable(error.what());
    const std::size_t end = text.find("] ");
    return end == std::string::npos ? text : text.substr(end + 2);
}

}  // namespace xlate::study
