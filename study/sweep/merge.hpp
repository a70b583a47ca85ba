// The results of a study's points as one: sweep.json (schema "xlate.sweep/1").
#pragma once

#include <nlohmann/json.hpp>

#include "study/sweep/plan.hpp"

namespace xlate::study {

/// { schema, name, study, model_version, model_sources, axes, columns, points: [ { labels, set, directory, state,
/// status, digest, values, failed } ], notes }. `values`: one a column, null where a point has no result or no such
/// value; `failed`: expectations that do not hold. A column that has a value at no point says `why`. `notes`: what a
/// reader of the table should know, such as an axis that changes no result.
/// Where points are repeated over seeds, the axis `seed` is the last, repetitions that are not needed are left out, and
/// there are `repetitions`: { seeds, until, within } and `groups`: [ { labels, count, values: [ { count, mean,
/// half_width, min, max } ] } ], a group a point without its seed; half_width: of the mean's 95 % confidence interval;
/// null where a column has no numbers.
nlohmann::ordered_json merge_points(const Plan& plan);

/// 0: all points ended well; 1: an expectation does not hold, or points are missing; else the worst status of a point.
/// 2 at least if a column has no value at any point that has a result.
int sweep_status(const nlohmann::ordered_json& sweep);

}  // namespace xlate::study
