// The results of a study's points as one: sweep.json (schema "xlate.sweep/1") and a table.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "study/sweep/plan.hpp"

namespace xlate::study {

/// { schema, name, study, model_version, axes, columns, points: [ { labels, set, directory, state, status, digest,
/// values, failed } ] }. `values`: one a column, null where a point has no result or no such value; `failed`:
/// expectations that do not hold. A column that has a value at no point says `why`.
nlohmann::ordered_json merge_points(const Plan& plan, const Study& study);

/// A Markdown table: axes, columns, and what went wrong.
std::string sweep_table(const nlohmann::ordered_json& sweep);

/// 0: all points ended well; 1: an expectation does not hold, or points are missing; else the worst status of a point.
int sweep_status(const nlohmann::ordered_json& sweep);

}  // namespace xlate::study
