#include "study/sweep/repeats.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "study/results/json_file.hpp"

namespace xlate::study {

using Json = nlohmann::ordered_json;

std::size_t repetitions_needed(const PlanRepeat& repeat,
                               const std::function<std::optional<double>(std::size_t)>& value) {
    if (!repeat.until) return repeat.seeds;
    std::vector<double> values;
    for (std::size_t i = 0; i < repeat.seeds; ++i) {
        if (const std::optional<double> one = value(i)) values.push_back(*one);
        if (i + 1 < repeat.least) continue;
        const Spread spread = Spread::of(values);
        const std::optional<double> half = spread.half_width();
        if (half && *half <= repeat.within * std::fabs(spread.mean)) return i + 1;
    }
    return repeat.seeds;
}

std::optional<double> deciding_value(const PlanRepeat& repeat, const Json& result) {
    if (!repeat.until) return std::nullopt;
    const Json value = repeat.until->evaluate(result).value;
    if (!value.is_number()) return std::nullopt;
    return value.get<double>();
}

std::optional<double> deciding_value(const Plan& plan, std::size_t point) {
    try {
        return deciding_value(plan.repeat, read_json_file(plan.directory(point) + "/result.json", "xlate.result/1"));
    } catch (const InputError&) {
        return std::nullopt;
    }
}

std::vector<std::size_t> needed_points(const Plan& plan, const std::function<bool(std::size_t)>& is_done) {
    std::vector<std::size_t> needed;
    const std::size_t group = std::max<std::size_t>(1, plan.repeat.seeds);
    for (std::size_t first = 0; first < plan.points.size(); first += group) {
        const std::size_t count =
            plan.repeat.seeds == 0 ? 1 : repetitions_needed(plan.repeat, [&](std::size_t i) -> std::optional<double> {
                return is_done(first + i) ? deciding_value(plan, first + i) : std::nullopt;
            });
        for (std::size_t i = 0; i < count; ++i) needed.push_back(first + i);
    }
    return needed;
}

}  // namespace xlate::study
