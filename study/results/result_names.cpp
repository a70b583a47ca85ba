#include "study/results/result_names.hpp"

#include <algorithm>

namespace xlate::study {
namespace {

/// "a.{b,c}" is a.b and a.c.
void expand(const std::string& name, std::vector<std::string>& into) {
    const std::size_t open = name.find('{');
    const std::size_t close = name.find('}', open);
    if (open == std::string::npos || close == std::string::npos) {
        into.push_back(name);
        return;
    }
    for (std::size_t at = open + 1; at <= close;) {
        const std::size_t end = std::min(name.find(',', at), close);
        expand(name.substr(0, open) + name.substr(at, end - at) + name.substr(close + 1), into);
        at = end + 1;
    }
}

std::string trimmed(std::string_view text) {
    const std::size_t from = text.find_first_not_of(' ');
    if (from == std::string_view::npos) return {};
    return std::string(text.substr(from, text.find_last_not_of(' ') - from + 1));
}

/// A key of `pattern` that is * is any.
bool matches(std::string_view pattern, std::string_view name) {
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == name;
    if (name.substr(0, star) != pattern.substr(0, star)) return false;
    const std::string_view rest = pattern.substr(star + 1);
    const std::size_t end = name.size() >= rest.size() ? name.size() - rest.size() : 0;
    return end >= star && name.substr(end) == rest;
}

}  // namespace

std::vector<ResultName> parse_names(std::string_view page) {
    std::vector<ResultName> all;
    constexpr std::string_view kRow = "\n| `";
    for (std::size_t at = page.find(kRow); at != std::string_view::npos; at = page.find(kRow, at + 1)) {
        const std::size_t start = at + kRow.size();
        const std::size_t name_end = page.find('`', start);
        const std::size_t unit = page.find('|', name_end);
        const std::size_t what = page.find('|', unit + 1);
        const std::size_t end = page.find(" |\n", what + 1);
        if (end == std::string_view::npos) break;
        std::vector<std::string> names;
        expand(std::string(page.substr(start, name_end - start)), names);
        for (std::string& name : names) {
            all.push_back({std::move(name), trimmed(page.substr(unit + 1, what - unit - 1)),
                           trimmed(page.substr(what + 1, end - what - 1))});
        }
    }
    return all;
}

std::vector<ResultName> result_names() { return parse_names(result_names_page()); }
std::vector<ResultName> series_names() { return parse_names(series_names_page()); }

const ResultName* find_name(const std::vector<ResultName>& names, std::string_view name) {
    const auto found =
        std::find_if(names.begin(), names.end(), [&](const ResultName& one) { return matches(one.name, name); });
    return found == names.end() ? nullptr : &*found;
}

}  // namespace xlate::study
