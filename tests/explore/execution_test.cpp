#include <catch2/catch.hpp>

#include <vector>

#include "explore/scenario/scenarios.hpp"
#include "explore/search/sampling.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

/// Compares what the execution keeps with a look at every task, at each step of a random schedule.
class Scanning : public RandomDirector {
public:
    explicit Scanning(std::uint64_t seed) : RandomDirector(seed) { uniform = nullptr; }  // it is to be asked
    Task* choose(Execution& execution) override {
        std::vector<const Task*> found;
        for (TaskId id = 0; id < execution.task_count(); ++id) {
            if (Execution::is_enabled(execution.task(id))) found.push_back(&execution.task(id));
        }
        if (found != std::vector<const Task*>(execution.enabled().begin(), execution.enabled().end())) ++wrong;
        ++steps;
        return RandomDirector::choose(execution);
    }
    std::size_t wrong = 0;
    std::size_t steps = 0;
};

}  // namespace

TEST_CASE("execution: who can go on is what a look at every task finds, at each step of every scenario", "[explore]") {
    std::size_t steps = 0;
    for (const Scenario& scenario : scenarios()) {
        for (const char* variant : {"base", "series-v1-fixed@17"}) {
            const auto program = make_program(scenario, variant);
            Execution execution(*program, {});
            std::size_t wrong = 0;
            for (std::uint64_t seed = 0; seed < 40; ++seed) {
                Scanning director(seed);
                execution.run(director);
                wrong += director.wrong;
                steps += director.steps;
            }
            INFO(scenario.name << ", " << variant);
            CHECK(wrong == 0);
        }
    }
    CHECK(steps > 100'000);
}
