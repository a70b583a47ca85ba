// Points that are run with several seeds: how well their means are known, and when that is enough.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "study/results/spread.hpp"
#include "study/sweep/plan.hpp"

namespace xlate::study {

/// How many of a point's repetitions are needed: those up to the first, from `least` on, with which the mean of the
/// values is known well enough. `value`: of repetition i, asked for in order; nothing: it has none (it counts as a
/// repetition, and not for the mean).
std::size_t repetitions_needed(const PlanRepeat& repeat,
                               const std::function<std::optional<double>(std::size_t)>& value);

/// Of a point that has a result: the value of the column that decides. Nothing if it has none.
std::optional<double> deciding_value(const PlanRepeat& repeat, const nlohmann::ordered_json& result);
/// The same, from its directory.
std::optional<double> deciding_value(const Plan& plan, std::size_t point);

/// All that a plan needs, given what is there: without the repetitions that are not needed any more. `is_done`: whether
/// point number i has a result.
std::vector<std::size_t> needed_points(const Plan& plan, const std::function<bool(std::size_t)>& is_done);

}  // namespace xlate::study
