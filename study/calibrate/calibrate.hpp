// kernel.costs, fitted to a recorded boot: `xlate calibrate TRACE`.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace xlate::study {

/// Reads `file`, the text of an ftrace trace or a boot's log that holds one (trace_calls.hpp). Schema
/// "xlate.calibration/1": { source, sha256, lines, unfinished, emulated, costs: [ { key, ns, count, quartiles_ns,
/// error, from, note } ], cost_spread, check: { what, count, measured_ns, fitted_ns, error } | null, probes: [ {
/// driver, count, median_ns, least_ns, most_ns } ] }. ns: the median of what was recorded; error: half of the middle
/// half, as a share of it; cost_spread: the median of the costs' relative deviations, for the key of that name; check:
/// calls of iommu_probe_device as a whole against the sum of the fitted costs; probes: really_probe of each driver.
/// Errors: InputError (status 2): the file cannot be read, has no events, or none of a function that a cost stands for.
nlohmann::ordered_json calibrate(const std::string& file);

/// As a piece of a config, with what is known of each figure as comments.
std::string calibration_yaml(const nlohmann::ordered_json& calibration);

}  // namespace xlate::study
