#include "study/results/json_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "base/error.hpp"

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
    nlohmann::ordered_json json = nlohmann::ordered_json::parse(text, nullptr, false);
    if (json.is_discarded()) throw fail("is not JSON");
    if (!json.is_object() || !json.contains("schema") || json["schema"] != schema) {
        throw fail(fmt::format("its schema is not {}", schema));
    }
    return json;
}

}  // namespace xlate::study
