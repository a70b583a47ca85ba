// report.html: what a run or a sweep came to, as a page.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace xlate::study {

/// `result`: "xlate.result/1". Throws nlohmann's exceptions for what such a result always has and this one has not.
std::string run_report(const nlohmann::ordered_json& result);
/// `sweep`: "xlate.sweep/1". The same.
std::string sweep_report(const nlohmann::ordered_json& sweep);

/// Makes report.html of the sweep.json or else the result.json in `directory`; returns its path.
/// Errors: InputError if there is neither, or it is incomplete.
std::string write_report(const std::string& directory);

}  // namespace xlate::study
