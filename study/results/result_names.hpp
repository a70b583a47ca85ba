// Every name of result.json and series.json, with its unit and a sentence. They stand in docs/result-names.md and
// docs/series-names.md, which the build puts into the program: one place for the page, stats.csv and run.sqlite.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xlate::study {

struct ResultName {
    std::string name;  ///< "masters[].latency_ns.p99"; * stands for any key
    std::string unit;  ///< empty: a count, or no number
    std::string what;
};

/// In the order of the page, a name each: braces are expanded.
std::vector<ResultName> result_names();
std::vector<ResultName> series_names();
/// Of such a page's rows.
std::vector<ResultName> parse_names(std::string_view page);
/// nullptr: no such name. `name`: without indices.
const ResultName* find_name(const std::vector<ResultName>& names, std::string_view name);

// The pages (made by scripts/result_names.cmake).
const char* result_names_page();
const char* series_names_page();

}  // namespace xlate::study
