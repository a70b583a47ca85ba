// Litmus tests of accesses that happen late: what is seen on the machine is what Linux's memory model allows. Where a
// store reaches all others at once, as on Armv8, a few named forms are not made; where it reaches each at a time of its
// own, every verdict is the model's. The names are those of tools/memory-model/litmus-tests and of the papers that
// named the shapes (Alglave et al.); the model's verdicts come from its axioms (linux_memory.hpp), and those that its
// README and the headers of these files state are held against them.
#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/random.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/dpor.hpp"
#include "explore/search/explore.hpp"
#include "kernel-model/core/late_memory.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "tests/explore/linux_memory.hpp"

using namespace xlate;
using namespace xlate::explore;
using namespace xlate::explore::tests;

namespace {

struct WeakWorld;
using Code = std::function<void(WeakWorld&)>;

struct WeakWorld : World {
    WeakWorld(kernel::Kernel& kernel, const std::vector<Code>& tasks, std::string the_variables)
        : k(kernel),
          lock(kernel, "lock", "", kernel::LockOptions{false}),
          other_lock(kernel, "other lock", "", kernel::LockOptions{false}),
          bodies(tasks),
          variables(std::move(the_variables)) {}
    kernel::Mutex& lock_of(char name) { return name == 'l' ? lock : other_lock; }
    void start() override {
        for (std::size_t i = 0; i < bodies.size(); ++i)
            k.spawn("t" + std::to_string(i), static_cast<unsigned>(i), [this, i] { bodies[i](*this); });
    }
    static PhysAddr address_of(char variable) { return PhysAddr{std::uint64_t(variable - 'a') << 12}; }
    void set(char variable, unsigned value) const {
        const auto byte = static_cast<std::uint8_t>(value);
        k.machine.memory_write(address_of(variable), &byte, 1);
    }
    std::uint8_t get(char variable) const {
        std::uint8_t value = 0;
        k.machine.memory_read(address_of(variable), &value, 1);
        return value;
    }
    /// A load into a register of this name, whose value is used at once.
    void load(const std::string& name, char variable) { registers.emplace_back(name, get(variable)); }
    kernel::LateMemory& memory() const { return dynamic_cast<kernel::LateMemory&>(k.machine); }
    /// A load whose value is not used yet.
    void load_late(const std::string& name, char variable) {
        memory().load_late(address_of(variable), 1,
                           [this, name](const std::uint8_t* bytes) { registers.emplace_back(name, *bytes); });
    }
    void locked(const std::function<void()>& body) {
        lock.lock("L");
        body();
        lock.unlock("UL");
    }
    std::string outcome() const override {
        LitmusValues values;
        for (const char variable : variables) values.emplace_back(std::string(1, variable), get(variable));
        return litmus_outcome(values, registers);
    }
    kernel::Kernel& k;
    kernel::Mutex lock, other_lock;
    const std::vector<Code>& bodies;
    const std::string variables;
    LitmusValues registers;
};

/// When others see a task's store.
enum class Seen { at_once, late, late_by_each };

class Weak : public Program {
public:
    Weak(std::vector<Code> tasks, std::string variables, Seen seen)
        : tasks_(std::move(tasks)), variables_(std::move(variables)), seen_(seen) {}
    std::string name() const override { return "weak"; }
    const kernel::Variant& variant() const override { return variant_; }
    std::unique_ptr<World> make(kernel::Kernel& kernel) const override {
        return std::make_unique<WeakWorld>(kernel, tasks_, variables_);
    }
    bool late_stores() const override { return seen_ != Seen::at_once; }
    bool stores_reach_each() const override { return seen_ == Seen::late_by_each; }

private:
    std::vector<Code> tasks_;
    std::string variables_;
    Seen seen_;
    kernel::Variant variant_ = kernel::find_variant("base");
};

/// `reduce` = false: over all schedules.
std::set<std::string> outcomes(const Weak& program, bool reduce = true) {
    Execution execution(program, {});
    Dpor dpor(reduce);
    std::set<std::string> found;
    while (dpor.next() != Dpor::Next::closed) {
        const RunResult result = execution.run(dpor);
        dpor.finished(result);
        if (result.end == RunEnd::complete) found.insert(result.outcome);
        REQUIRE(dpor.traces() < 1'000'000);
    }
    return found;
}

void play(WeakWorld& world, const LitmusTask& task) {
    for (const LitmusInstruction& one : task) {
        switch (one.op) {
            case LitmusOp::store:
                world.set(one.variable, one.value);
                break;
            case LitmusOp::load:
                world.load_late(one.reg, one.variable);
                break;
            case LitmusOp::wmb:
                world.memory().store_barrier();
                break;
            case LitmusOp::rmb:
                world.memory().load_barrier();
                break;
            case LitmusOp::ctrl:
                world.memory().branch();
                break;
            case LitmusOp::mb:
                world.memory().full_barrier();
                break;
            case LitmusOp::lock:
                world.lock_of(one.variable).lock("L");
                break;
            case LitmusOp::unlock:
                world.lock_of(one.variable).unlock("UL");
                break;
        }
    }
}

std::set<std::string> machine_outcomes(const LitmusProgram& program, Seen seen, bool reduce = true) {
    std::vector<Code> tasks;
    for (const LitmusTask& task : program) tasks.emplace_back([&task](WeakWorld& world) { play(world, task); });
    return outcomes(Weak(std::move(tasks), litmus_variables(program), seen), reduce);
}

struct LitmusRow {
    const char* name;
    const char* program;
    const char* exists;  ///< the outcome that is asked for
    bool linux;  ///< Linux's memory model: Sometimes, not Never. So is it here, where each task sees a store by itself
    bool armv8;  ///< reached where a store is late, and seen by all at once
};

constexpr const char* kSb = "x=1 y=1 r0=0 r1=0";
constexpr const char* kMp = "x=1 y=1 r0=1 r1=0";
constexpr const char* kLb = "x=1 y=1 r0=1 r1=1";
constexpr const char* kS = "x=2 y=1 r0=1";
constexpr const char* kR = "x=1 y=2 r0=0";
constexpr const char* k22W = "x=1 y=1";
constexpr const char* kIriw = "x=1 y=1 r0=1 r1=0 r2=1 r3=0";

constexpr LitmusRow kTable[] = {
    {"SB", "W x 1; R r0 y || W y 1; R r1 x", kSb, true, true},
    {"SB+wmbs", "W x 1; wmb; R r0 y || W y 1; wmb; R r1 x", kSb, true, true},  // orders stores only
    {"SB+mb+po", "W x 1; mb; R r0 y || W y 1; R r1 x", kSb, true, true},
    {"SB+mbs", "W x 1; mb; R r0 y || W y 1; mb; R r1 x", kSb, false, false},
    {"MP", "W x 1; W y 1 || R r0 y; R r1 x", kMp, true, true},
    {"MP+wmb+po", "W x 1; wmb; W y 1 || R r0 y; R r1 x", kMp, true, true},
    {"MP+po+rmb", "W x 1; W y 1 || R r0 y; rmb; R r1 x", kMp, true, true},
    {"MP+wmb+rmb", "W x 1; wmb; W y 1 || R r0 y; rmb; R r1 x", kMp, false, false},
    {"MP+mbs", "W x 1; mb; W y 1 || R r0 y; mb; R r1 x", kMp, false, false},
    {"LB", "R r0 x; W y 1 || R r1 y; W x 1", kLb, true, true},
    {"LB+mb+po", "R r0 x; mb; W y 1 || R r1 y; W x 1", kLb, true, true},
    {"LB+ctrl+mb", "R r0 x; ctrl; W y 1 || R r1 y; mb; W x 1", kLb, false, false},
    {"LB+mbs", "R r0 x; mb; W y 1 || R r1 y; mb; W x 1", kLb, false, false},
    {"S", "W x 2; W y 1 || R r0 y; W x 1", kS, true, true},
    {"S+wmb+po", "W x 2; wmb; W y 1 || R r0 y; W x 1", kS, true, true},
    {"S+wmb+ctrl", "W x 2; wmb; W y 1 || R r0 y; ctrl; W x 1", kS, false, false},
    {"S+mbs", "W x 2; mb; W y 1 || R r0 y; mb; W x 1", kS, false, false},
    {"R", "W x 1; W y 1 || W y 2; R r0 x", kR, true, true},
    {"R+wmb+po", "W x 1; wmb; W y 1 || W y 2; R r0 x", kR, true, true},
    {"R+mbs", "W x 1; mb; W y 1 || W y 2; mb; R r0 x", kR, false, false},
    {"2+2W", "W x 1; W y 2 || W y 1; W x 2", k22W, true, true},
    {"2+2W+wmb+po", "W x 1; wmb; W y 2 || W y 1; W x 2", k22W, true, true},
    {"2+2W+mbs", "W x 1; mb; W y 2 || W y 1; mb; W x 2", k22W, false, false},
    {"IRIW", "W x 1 || W y 1 || R r0 x; R r1 y || R r2 y; R r3 x", kIriw, true, true},
    {"IRIW+mb+po", "W x 1 || W y 1 || R r0 x; mb; R r1 y || R r2 y; R r3 x", kIriw, true, true},
    {"IRIW+mbs", "W x 1 || W y 1 || R r0 x; mb; R r1 y || R r2 y; mb; R r3 x", kIriw, false, false},
    {"MP+polocks", "W x 1; L l; W y 1; U l || L l; R r0 y; U l; R r1 x", kMp, false, false},
    {"MP+porevlocks", "L l; W x 1; U l; W y 1 || R r0 y; L l; R r1 x; U l", kMp, false, false},
    {"MP+unlock+rmb", "L l; W x 1; U l; W y 1 || R r0 y; rmb; R r1 x", kMp, true, true},
    {"MP+lock+rmb", "W x 1; L l; W y 1; U l || R r0 y; rmb; R r1 x", kMp, true, true},
    {"MP+unlocklock+rmb", "L l; W x 1; U l; L m; W y 1; U m || R r0 y; rmb; R r1 x", kMp, false, false},
    {"SB+unlocklocks", "L l; W x 1; U l; L m; R r0 y; U m || W y 1; mb; R r1 x", kSb, true, true},
    {"MP+wmb+ctrl", "W x 1; wmb; W y 1 || R r0 y; ctrl; R r1 x", kMp, true, true},  // an early load
    // A store is seen by two others at two times, or is ordered by what comes after.
    {"R+wmb+mb", "W x 1; wmb; W y 1 || W y 2; mb; R r0 x", kR, true, false},
    {"2+2W+wmbs", "W x 1; wmb; W y 2 || W y 1; wmb; W x 2", k22W, true, false},
    {"IRIW+rmbs", "W x 1 || W y 1 || R r0 x; rmb; R r1 y || R r2 y; rmb; R r3 x", kIriw, true, false},
    {"WRC+ctrl+rmb", "W x 1 || R r0 x; ctrl; W y 1 || R r1 y; rmb; R r2 x", "x=1 y=1 r0=1 r1=1 r2=0", true, false},
};

/// Two or three tasks of two or three accesses to two variables, with barriers in between; some in a critical section.
LitmusProgram random_program(Rng& rng) {
    LitmusProgram program(rng.chance(1, 4) ? 3 : 2);
    unsigned values[2] = {0, 0};
    unsigned registers = 0;
    for (LitmusTask& task : program) {
        const std::size_t accesses = program.size() == 3 ? 2 : 2 + rng.below(2);
        const char lock = rng.chance(1, 3) ? 'm' : 'l';
        const std::size_t first = rng.below(2 * accesses), last = std::min(accesses - 1, first + rng.below(2));
        for (std::size_t i = 0; i < accesses; ++i) {
            constexpr LitmusOp kBetween[] = {LitmusOp::wmb, LitmusOp::rmb, LitmusOp::mb, LitmusOp::ctrl};
            if (i != 0 && rng.chance(1, 2)) task.push_back({kBetween[rng.below(4)], 0, 0, {}});
            if (i == first) task.push_back({LitmusOp::lock, lock, 0, {}});
            const std::size_t which = rng.below(2);
            const char variable = which == 0 ? 'x' : 'y';
            if (rng.chance(1, 2))
                task.push_back({LitmusOp::store, variable, ++values[which], {}});
            else
                task.push_back({LitmusOp::load, variable, 0, fmt::format("r{}", registers++)});
            if (first < accesses && i == last) task.push_back({LitmusOp::unlock, lock, 0, {}});
        }
    }
    return program;
}

/// To be searched where each store goes to each task: the others of the 120 take some minutes, and are equal too.
bool is_small(const LitmusProgram& program) {
    std::ptrdiff_t stores = 0;
    for (const LitmusTask& task : program) {
        stores += std::count_if(task.begin(), task.end(),
                                [](const LitmusInstruction& one) { return one.op == LitmusOp::store; });
    }
    return program.size() == 2 || stores <= 3;
}

}  // namespace

TEST_CASE("late accesses: the litmus tests' verdicts are those of Linux's memory model", "[explore][store]") {
    for (const LitmusRow& row : kTable) {
        INFO(row.name);
        const LitmusProgram program = litmus_program(row.program);
        CHECK(litmus_text(program) == row.program);
        CHECK(linux_outcomes(program).count(row.exists) == (row.linux ? 1 : 0));
        CHECK(machine_outcomes(program, Seen::late_by_each).count(row.exists) == (row.linux ? 1 : 0));
        CHECK(machine_outcomes(program, Seen::late).count(row.exists) == (row.armv8 ? 1 : 0));
        // Sequential consistency has none of them.
        CHECK(machine_outcomes(program, Seen::at_once).count(row.exists) == 0);
    }
}

TEST_CASE("late accesses: what is seen is what Linux's memory model allows, whatever the program", "[explore][store]") {
    Rng rng(18, "litmus");
    unsigned all = 0, as_armv8 = 0;
    for (unsigned i = 0; i < 120; ++i) {
        const LitmusProgram program = random_program(rng);
        INFO(litmus_text(program));
        const std::set<std::string> allowed = linux_outcomes(program);
        const std::set<std::string> seen = machine_outcomes(program, Seen::late);
        if (is_small(program)) CHECK(machine_outcomes(program, Seen::late_by_each) == allowed);
        for (const std::string& outcome : seen) {
            INFO(outcome);
            CHECK(allowed.count(outcome) == 1);
        }
        // And nothing is lost of what a sequential machine shows.
        for (const std::string& outcome : machine_outcomes(program, Seen::at_once)) CHECK(seen.count(outcome) == 1);
        ++all;
        as_armv8 += seen == allowed ? 1 : 0;
    }
    CHECK(as_armv8 * 10 >= all * 8);
}

TEST_CASE("late accesses: the reduced search misses no outcome of a search over all schedules", "[explore][store]") {
    for (const char* const text : {"W x 1; wmb; W y 1 || R r0 y; rmb; R r1 x", "W x 1; R r0 y || W y 1; R r1 x",
                                   "R r0 x; W y 1 || R r1 y; W x 1", "L l; W x 1; U l || L l; R r0 x; U l",
                                   "L l; W x 1; U l; W y 1 || L l; W x 2; U l", "W x 1; L l; U l || L l; R r0 x; U l",
                                   "W x 1; W x 2 || R r0 x; R r1 x"}) {
        INFO(text);
        const LitmusProgram program = litmus_program(text);
        CHECK(machine_outcomes(program, Seen::late) == machine_outcomes(program, Seen::late, false));
    }
    for (const char* const text : {"W x 1 || R r0 x; R r1 x", "L l; W x 1; U l || L l; R r0 x; U l"}) {
        INFO(text);
        const LitmusProgram program = litmus_program(text);
        CHECK(machine_outcomes(program, Seen::late_by_each) == machine_outcomes(program, Seen::late_by_each, false));
    }
}

TEST_CASE("late accesses: a task sees its own stores at once, and those to one place in their order",
          "[explore][store]") {
    const std::vector<Code> tasks{[](WeakWorld& w) {
                                      w.set('x', 1);
                                      w.set('x', 2);
                                      w.load("r0", 'x');
                                  },
                                  [](WeakWorld& w) {
                                      w.load("r1", 'x');
                                      w.load("r2", 'x');
                                  }};
    const std::set<std::string> found = outcomes(Weak(tasks, "x", Seen::late));
    for (const std::string& outcome : found) {
        INFO(outcome);
        CHECK(outcome.find("x=2") == 0);
        CHECK(outcome.find("r0=2") != std::string::npos);
        CHECK(outcome.find("r1=2 r2=1") == std::string::npos);
        CHECK(outcome.find("r1=1 r2=0") == std::string::npos);
    }
    CHECK(found.size() == 6);
}

TEST_CASE("late accesses: what a critical section stored is seen by the next one", "[explore][store]") {
    const std::vector<Code> tasks{[](WeakWorld& w) {
                                      w.locked([&w] {
                                          w.set('x', 1);
                                          w.set('y', 1);
                                      });
                                  },
                                  [](WeakWorld& w) {
                                      w.locked([&w] {
                                          w.load("r0", 'x');
                                          w.load("r1", 'y');
                                      });
                                  }};
    CHECK(outcomes(Weak(tasks, "xy", Seen::late)) == std::set<std::string>{"x=1 y=1 r0=0 r1=0", "x=1 y=1 r0=1 r1=1"});
}

TEST_CASE("late accesses: an SMMUv3's level 1 pointer is seen before level 2 (X15), and not with the barrier",
          "[explore][store]") {
    ExploreOptions options;
    options.budget = 1'000;
    options.minimise = false;
    options.data_races = false;
    const auto shows = [&](const std::string& variant, bool late) {
        Scenario scenario = find_scenario("x15");
        scenario.stores_late = late;
        const ExploreResult result = explore::explore(scenario, variant, options);
        for (const Bug& bug : result.bugs) {
            if (bug.what.find("an entry that is not written yet (C_BAD_STE)") != std::string::npos) return true;
        }
        return false;
    };
    CHECK(shows("linux-7.3", true));
    CHECK_FALSE(shows("linux-7.3", false));
    CHECK_FALSE(shows("linux-7.3+l2_before_l1", true));
}
