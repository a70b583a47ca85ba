// series.json, schema "xlate.series/1": a run over time, and its histograms. Every name: docs/series-names.md.
#pragma once

#include <nlohmann/json.hpp>

#include "study/results/result.hpp"
#include "study/series/series_watch.hpp"

namespace xlate::study {

/// `facts`: of the same run, at its end.
nlohmann::ordered_json series_json(const SeriesWatch& watch, const RunFacts& facts);
/// JSON Schema (draft 7) of it.
std::string series_schema();

}  // namespace xlate::study
