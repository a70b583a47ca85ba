// How latencies are distributed: a cumulative curve of each histogram.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "study/results/report/line_chart.hpp"

namespace xlate::study {

/// A name, and a histogram's buckets as series.json has them: [low, high, count].
using NamedBuckets = std::pair<std::string, nlohmann::ordered_json>;

/// The smallest value that at least this share of all does not exceed, as the upper edge of its bucket; not a number of
/// nothing.
double quantile_of(const nlohmann::ordered_json& buckets, double share);
/// Share of the values that are no larger, over them, on a logarithmic axis.
LineChart latency_chart(std::string title, std::string description, const std::vector<NamedBuckets>& histograms);
/// The same as a table: one row a percentile.
std::string percentile_table(const std::string& title, const std::vector<NamedBuckets>& histograms);

}  // namespace xlate::study
