// Two results side by side: every number and text that differs, by more than its tolerance.
#pragma once

#include <string>
#include <vector>

namespace xlate::study {

struct Comparison {
    bool same = true;  ///< nothing differs by more than it may
    std::string text;  ///< a line a difference; ends with a line feed
    std::string junit;
};

/// `first`, `second`: result.json or sweep.json, or a directory that has one. Of sweeps, states, expectations and
/// columns are compared, point by point. A tolerance is "METRIC=PCT": METRIC is the end of a path ("latency_ns.p99",
/// "bandwidth_bytes_per_s", a column of a sweep), PCT per cent of the first value. Without one, values are equal or
/// not. The timeline and the digest are compared as wholes. Errors: InputError.
Comparison compare_results(const std::string& first, const std::string& second,
                           const std::vector<std::string>& tolerances);

/// JSON Schema (draft 7) of result.json, as text: what other programs may rely on.
std::string result_schema();

}  // namespace xlate::study
