// Rows for exploration: schedules a second, in one worker.
#include <stdexcept>
#include <string>

#include "bench/row.hpp"
#include "explore/explore.hpp"
#include "explore/scenarios.hpp"

namespace xlate::bench {
namespace {

Measured schedules(explore::Strategy strategy, const std::string& variant, std::uint64_t budget) {
    const explore::Scenario& scenario = explore::find_scenario("cover-letter");
    explore::ExploreOptions options;
    options.strategy = strategy;
    options.budget = budget;
    options.minimise = false;
    const double start = cpu_seconds();
    const explore::ExploreResult result = explore::explore(scenario, variant, options);
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = result.schedules;
    measured.checksum = result.steps;
    if (measured.units == 0) throw std::runtime_error("nothing was explored");
    measured.add("steps", static_cast<double>(result.steps) / static_cast<double>(result.schedules));
    measured.add("bugs", static_cast<double>(result.bugs.size()));
    return measured;
}

}  // namespace

void add_explore_rows(std::vector<Row>& rows) {
    rows.push_back({"explore/random", "schedule", "Random schedules of the cover letter's race, variant base.", 20'000,
                    [](std::uint64_t budget) { return schedules(explore::Strategy::random, "base", budget); }});
    rows.push_back({"explore/dpor", "schedule", "Its traces at the end of the series, by partial order reduction.",
                    20'000,
                    [](std::uint64_t budget) { return schedules(explore::Strategy::dpor, "series-v1@17", budget); }});
}

}  // namespace xlate::bench
