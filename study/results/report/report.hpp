// report.html: what a run or a sweep came to, as a page; two of them side by side.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace xlate::study {

/// `result`: "xlate.result/1"; `series`: "xlate.series/1" of the same run, or null; `config`: its config.resolved.yaml,
/// or nothing. Throws nlohmann's exceptions for what such documents always have and these have not.
std::string run_report(const nlohmann::ordered_json& result, const nlohmann::ordered_json& series,
                       const std::string& config);
/// `sweep`: "xlate.sweep/1". The same.
std::string sweep_report(const nlohmann::ordered_json& sweep);
/// Two results of one kind.
std::string side_by_side_runs(const nlohmann::ordered_json& first, const nlohmann::ordered_json& first_series,
                              const nlohmann::ordered_json& second, const nlohmann::ordered_json& second_series);
std::string side_by_side_sweeps(const nlohmann::ordered_json& first, const nlohmann::ordered_json& second);

/// Makes a page of the sweep.json or else the result.json in `directory`: `file`, or report.html there. Returns its
/// path. Errors: InputError if there is neither, or it is incomplete.
std::string write_report(const std::string& directory, const std::string& file = {});
/// Makes `file` of the runs or sweeps in two directories. Errors: the same; one is a run and the other a sweep.
std::string write_comparison(const std::string& first, const std::string& second, const std::string& file);

}  // namespace xlate::study
