// Rows for exploration: schedules a second in one worker, beside the bare switch of fibers; two workers against one;
// the cost of a step by the number of tasks.
#include <chrono>
#include <stdexcept>
#include <string>

#include "bench/row.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/explore.hpp"
#include "kernel-model/core/fiber.hpp"

namespace xlate::bench {
namespace {

explore::ExploreResult search(const explore::Scenario& scenario, explore::Strategy strategy, const std::string& variant,
                              std::uint64_t budget, unsigned jobs) {
    explore::ExploreOptions options;
    options.strategy = strategy;
    options.budget = budget;
    options.jobs = jobs;
    options.minimise = false;
    explore::ExploreResult result = explore::explore(scenario, variant, options);
    if (result.schedules == 0) throw std::runtime_error("nothing was explored");
    return result;
}

Measured schedules(explore::Strategy strategy, const std::string& variant, std::uint64_t budget,
                   const char* scenario = "cover-letter") {
    const double start = cpu_seconds();
    const explore::ExploreResult result = search(explore::find_scenario(scenario), strategy, variant, budget, 1);
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = result.schedules;
    measured.checksum = result.steps;
    measured.add("steps", static_cast<double>(result.steps) / static_cast<double>(result.schedules));
    measured.add("steps_per_s", static_cast<double>(result.steps) / measured.seconds);
    measured.add("schedules_per_s", static_cast<double>(result.schedules) / measured.seconds);
    measured.add("bugs", static_cast<double>(result.bugs.size()));
    return measured;
}

/// Into a fiber and back.
Measured fiber_switches(std::uint64_t count) {
    kernel::StackPool stacks;
    struct Loop {
        kernel::Fiber* self = nullptr;
        std::uint64_t seen = 0;
        bool stop = false;
    } loop;
    kernel::Fiber fiber(
        stacks,
        [](void* of) {
            for (Loop& on = *static_cast<Loop*>(of); !on.stop;) {
                ++on.seen;
                on.self->suspend();
            }
        },
        &loop);
    loop.self = &fiber;
    const double start = cpu_seconds();
    for (std::uint64_t i = 0; i < count; ++i) fiber.resume();
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = count;
    measured.checksum = loop.seen;
    loop.stop = true;
    fiber.resume();
    return measured;
}

/// CPU time of two workers, and how much sooner they are done than one. Other processes disturb the ratio.
Measured two_workers(const char* scenario_name, explore::Strategy strategy, std::uint64_t budget) {
    const auto wall = [] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    };
    const explore::Scenario& scenario = explore::find_scenario(scenario_name);
    const double begin = wall();
    search(scenario, strategy, "base", budget, 1);
    const double middle = wall();
    const double start = cpu_seconds();
    const explore::ExploreResult result = search(scenario, strategy, "base", budget, 2);
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = result.schedules;
    measured.checksum = result.steps;
    measured.add("speed_up", (middle - begin) / (wall() - middle));
    return measured;
}

/// So many clients are bound at once; a unit is a step.
Measured steps(unsigned tasks, std::uint64_t budget) {
    explore::Scenario scenario;
    scenario.name = "tasks";
    explore::IommuSpec iommu;
    iommu.name = "smmu0";
    iommu.registered = true;
    scenario.iommus.push_back(iommu);
    for (unsigned i = 0; i < tasks; ++i) {
        explore::DeviceSpec device;
        device.name = "dev" + std::to_string(i);
        device.iommus.push_back({"smmu0", {i + 1}});
        scenario.devices.push_back(device);
        scenario.tasks.push_back({"modprobe" + std::to_string(i), i, {{explore::ActionKind::bind, device.name}}});
    }
    const double start = cpu_seconds();
    const explore::ExploreResult result =
        search(scenario, explore::Strategy::random, "series-v1-fixed@17", budget / tasks, 1);
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = result.steps;
    measured.checksum = result.steps;
    return measured;
}

}  // namespace

void add_explore_rows(std::vector<Row>& rows) {
    rows.push_back({"explore/random", "schedule", "Random schedules of the cover letter's race, variant base.", 20'000,
                    [](std::uint64_t budget) { return schedules(explore::Strategy::random, "base", budget); }});
    rows.push_back({"explore/dpor", "schedule", "Its traces at the end of the series, by partial order reduction.",
                    20'000,
                    [](std::uint64_t budget) { return schedules(explore::Strategy::dpor, "series-v1@17", budget); }});
    rows.push_back({"explore/real", "schedule",
                    "Random schedules of the same race with the real driver and an SMMUv3 behind the registers.", 4'000,
                    [](std::uint64_t budget) {
                        return schedules(explore::Strategy::random, "base", budget, "cover-letter+real");
                    }});
    rows.push_back({"explore/fiber_switch", "switch", "Into a fiber and back: what a change of tasks costs at least.",
                    5'000'000, fiber_switches});
    rows.push_back(
        {"explore/jobs/2", "schedule", "Random schedules by two workers; speed_up is in wall time.", 40'000,
         [](std::uint64_t budget) { return two_workers("cover-letter", explore::Strategy::random, budget); }});
    rows.push_back({"explore/dpor_jobs/2", "schedule", "All traces of R18 by two workers; speed_up is in wall time.",
                    60'000, [](std::uint64_t budget) { return two_workers("r18", explore::Strategy::dpor, budget); }});
    for (const unsigned tasks : {2U, 4U, 8U, 16U}) {
        rows.push_back({"explore/tasks/" + std::to_string(tasks), "step",
                        "A step of random schedules with so many clients bound at once.", 16'000,
                        [tasks](std::uint64_t budget) { return steps(tasks, budget); }});
    }
}

}  // namespace xlate::bench
