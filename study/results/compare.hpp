// Two results side by side: every number and text that differs, by more than its tolerance.
#pragma once

#include <string>
#include <vector>

namespace xlate::study {

struct Comparison {
    bool same = true;      ///< nothing differs by more than it may; with metrics: none is worse by more than it may
    std::string text;      ///< a line a difference; ends with a line feed
    std::string markdown;  ///< for a pull request: what became worse, what better, and the rest folded away
    std::string junit;
};

struct CompareOptions {
    std::vector<std::string> tolerances;  ///< "METRIC=PCT"
    /// "PATTERN[:lower|higher|same][=PCT]": only these count, and only in the direction that is worse. PATTERN is the
    /// end of a path with `*` for anything; without a direction its name says which is better (latencies, times,
    /// faults and walks: lower; bandwidths and hits: higher; else same). "headline": bandwidth and latency of every
    /// master, probe latencies, faults, oopses and expectations.
    std::vector<std::string> metrics;
};

/// `first`, `second`: result.json or sweep.json, or a directory that has one. Of sweeps, states, expectations and
/// columns are compared, point by point; of two sweeps that both repeat their points over seeds, the means, and a
/// difference counts where chance does not explain it at 95 % (Welch's t test). A tolerance is "METRIC=PCT": METRIC is
/// the end of a path ("latency_ns.p99", "bandwidth_bytes_per_s", a column of a sweep), PCT per cent of the first value.
/// Without one, values are equal or not. The timeline and the digest are compared as wholes. Errors: InputError; also
/// for a metric or a tolerance that nothing in either has.
Comparison compare_results(const std::string& first, const std::string& second, const CompareOptions& options);

/// Writes the result or sweep at `second` over that at `first`. Returns the file. Errors: InputError.
std::string update_baseline(const std::string& first, const std::string& second);

/// JSON Schema (draft 7) of result.json, as text: what other programs may rely on.
std::string result_schema();

}  // namespace xlate::study
