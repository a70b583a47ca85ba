#include "study/results/report/run_page.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "study/results/report/html.hpp"

namespace xlate::study {

using Json = nlohmann::ordered_json;

std::string text(const Json& value) {
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

std::string more_of(std::size_t all) {
    return all > kMostRows ? fmt::format("<p class=\"dim\">… and {} more in result.json</p>\n", all - kMostRows) : "";
}

std::string html_list(const Json& lines, const char* css) {
    if (lines.empty()) return "";
    std::string html = "<ul class=\"lines\">\n";
    for (const Json& line : lines) html += fmt::format("<li class=\"{}\">{}</li>\n", css, escape_html(text(line)));
    return html + "</ul>\n";
}

std::vector<double> numbers(const Json& list) {
    std::vector<double> all;
    for (const Json& one : list)
        all.push_back(one.is_number() ? one.get<double>() : std::numeric_limits<double>::quiet_NaN());
    return all;
}

std::vector<double> bin_starts(const Json& series) {
    std::vector<double> all;
    const double width = series.at("bin_ns").get<double>();
    const std::size_t bins = std::min<std::size_t>(series.at("bins").get<std::size_t>(), 4096);  // of a sound one 128
    for (std::size_t i = 0; i < bins; ++i) all.push_back(static_cast<double>(i) * width);
    return all;
}

}  // namespace xlate::study
