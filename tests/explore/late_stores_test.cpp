// Litmus tests of stores that are seen late: what Linux's memory model allows of the writing side, and no more. The
// names and verdicts are those of tools/memory-model/litmus-tests and of the papers that named them (Alglave et al.).
#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "explore/scenario/scenarios.hpp"
#include "explore/search/dpor.hpp"
#include "explore/search/explore.hpp"
#include "kernel-model/core/store_order.hpp"
#include "kernel-model/iommu-core/variant.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

struct WeakWorld;
using Code = std::function<void(WeakWorld&)>;

struct WeakWorld : World {
    WeakWorld(kernel::Kernel& kernel, const std::vector<Code>& tasks)
        : k(kernel), lock(kernel, "lock", "", kernel::LockOptions{false}), bodies(tasks) {}
    void start() override {
        for (std::size_t i = 0; i < bodies.size(); ++i)
            k.spawn("t" + std::to_string(i), static_cast<unsigned>(i), [this, i] { bodies[i](*this); });
    }
    static PhysAddr address_of(char variable) { return PhysAddr{std::uint64_t(variable - 'a') << 12}; }
    void set(char variable, std::uint8_t value) const { k.machine.memory_write(address_of(variable), &value, 1); }
    std::uint8_t get(char variable) const {
        std::uint8_t value = 0;
        k.machine.memory_read(address_of(variable), &value, 1);
        return value;
    }
    /// A load into a register of this name.
    void load(const char* name, char variable) {
        registers += std::string(name) + "=" + std::to_string(get(variable)) + " ";
    }
    void wmb() const { kernel::dma_wmb(k.machine); }
    void mb() const { kernel::smp_mb(k.machine); }
    void locked(const std::function<void()>& body) {
        lock.lock("L");
        body();
        lock.unlock("UL");
    }
    std::string outcome() const override {
        // By register, whoever came first.
        std::set<std::string> all;
        for (std::size_t at = 0; at < registers.size();) {
            const std::size_t end = registers.find(' ', at);
            all.insert(registers.substr(at, end - at));
            at = end + 1;
        }
        std::string text = fmt::format("x={} y={}", get('x'), get('y'));
        for (const std::string& one : all) text += " " + one;
        return text;
    }
    kernel::Kernel& k;
    kernel::Mutex lock;
    const std::vector<Code>& bodies;
    std::string registers;
};

class Weak : public Program {
public:
    Weak(std::vector<Code> tasks, bool late) : tasks_(std::move(tasks)), late_(late) {}
    std::string name() const override { return "weak"; }
    const kernel::Variant& variant() const override { return variant_; }
    std::unique_ptr<World> make(kernel::Kernel& kernel) const override {
        return std::make_unique<WeakWorld>(kernel, tasks_);
    }
    bool late_stores() const override { return late_; }

private:
    std::vector<Code> tasks_;
    bool late_;
    kernel::Variant variant_ = kernel::find_variant("base");
};

std::set<std::string> outcomes(const std::vector<Code>& tasks, bool late) {
    const Weak program(tasks, late);
    Execution execution(program, {});
    Dpor dpor(true);
    std::set<std::string> found;
    while (dpor.next() != Dpor::Next::closed) {
        const RunResult result = execution.run(dpor);
        dpor.finished(result);
        if (result.end == RunEnd::complete) found.insert(result.outcome);
        REQUIRE(dpor.traces() < 100'000);
    }
    return found;
}

/// Barriers of a task: none, dma_wmb, smp_mb, or the end of a critical section between its two accesses.
enum class Order { none, wmb, mb, unlock };
void between(WeakWorld& w, Order order) {
    if (order == Order::wmb) w.wmb();
    if (order == Order::mb) w.mb();
    if (order == Order::unlock) w.locked([] {});
}

struct LitmusRow {
    const char* name;
    std::vector<Code> tasks;
    std::string exists;  ///< the outcome that is asked for
    bool late;           ///< reached where stores may be late
};

LitmusRow sb(const char* name, Order order, bool late) {
    return {name,
            {[order](WeakWorld& w) {
                 w.set('x', 1);
                 between(w, order);
                 w.load("r0", 'y');
             },
             [order](WeakWorld& w) {
                 w.set('y', 1);
                 between(w, order);
                 w.load("r1", 'x');
             }},
            "x=1 y=1 r0=0 r1=0",
            late};
}
LitmusRow mp(const char* name, Order order, bool late) {
    return {name,
            {[order](WeakWorld& w) {
                 w.set('x', 1);
                 between(w, order);
                 w.set('y', 1);
             },
             [](WeakWorld& w) {
                 w.load("r0", 'y');
                 w.load("r1", 'x');
             }},
            "x=1 y=1 r0=1 r1=0",
            late};
}
LitmusRow s(const char* name, Order order, bool late) {
    return {name,
            {[order](WeakWorld& w) {
                 w.set('x', 2);
                 between(w, order);
                 w.set('y', 1);
             },
             [](WeakWorld& w) {
                 w.load("r0", 'y');
                 w.set('x', 1);
             }},
            "x=2 y=1 r0=1",
            late};
}
LitmusRow r(const char* name, Order first, Order second, bool late) {
    return {name,
            {[first](WeakWorld& w) {
                 w.set('x', 1);
                 between(w, first);
                 w.set('y', 1);
             },
             [second](WeakWorld& w) {
                 w.set('y', 2);
                 between(w, second);
                 w.load("r0", 'x');
             }},
            "x=1 y=2 r0=0",
            late};
}
LitmusRow two_plus_two_w(const char* name, Order order, bool late) {
    return {name,
            {[order](WeakWorld& w) {
                 w.set('x', 1);
                 between(w, order);
                 w.set('y', 2);
             },
             [order](WeakWorld& w) {
                 w.set('y', 1);
                 between(w, order);
                 w.set('x', 2);
             }},
            "x=1 y=1",
            late};
}

/// Outcomes that need early loads, or a store that two tasks see at two times: the option does not make them, whatever
/// Linux's model says of the form without barriers.
LitmusRow lb() {
    return {"LB",
            {[](WeakWorld& w) {
                 w.load("r0", 'x');
                 w.set('y', 1);
             },
             [](WeakWorld& w) {
                 w.load("r1", 'y');
                 w.set('x', 1);
             }},
            "x=1 y=1 r0=1 r1=1",
            false};
}
LitmusRow iriw() {
    return {"IRIW",
            {[](WeakWorld& w) { w.set('x', 1); }, [](WeakWorld& w) { w.set('y', 1); },
             [](WeakWorld& w) {
                 w.load("r0", 'x');
                 w.mb();
                 w.load("r1", 'y');
             },
             [](WeakWorld& w) {
                 w.load("r2", 'y');
                 w.mb();
                 w.load("r3", 'x');
             }},
            "x=1 y=1 r0=1 r1=0 r2=1 r3=0",
            false};
}

std::vector<LitmusRow> table() {
    return {sb("SB", Order::none, true),
            sb("SB+wmbs", Order::wmb, true),  // orders stores only
            sb("SB+mbs", Order::mb, false),
            mp("MP", Order::none, true),
            mp("MP+wmb", Order::wmb, false),
            mp("MP+mb", Order::mb, false),
            mp("MP+unlock", Order::unlock, false),
            s("S", Order::none, true),
            s("S+wmb", Order::wmb, false),
            r("R", Order::none, Order::none, true),
            r("R+wmb", Order::wmb, Order::none, true),
            r("R+wmb+mb", Order::wmb, Order::mb, false),
            r("R+mbs", Order::mb, Order::mb, false),
            two_plus_two_w("2+2W", Order::none, true),
            two_plus_two_w("2+2W+wmbs", Order::wmb, false),
            two_plus_two_w("2+2W+mbs", Order::mb, false),
            lb(),
            iriw()};
}

}  // namespace

TEST_CASE("late stores: the litmus tests' verdicts", "[explore][store]") {
    for (const LitmusRow& row : table()) {
        INFO(row.name);
        CHECK(outcomes(row.tasks, true).count(row.exists) == (row.late ? 1 : 0));
        // Sequential consistency has none of them.
        CHECK(outcomes(row.tasks, false).count(row.exists) == 0);
    }
}

TEST_CASE("late stores: a task sees its own stores at once, and those to one place in their order",
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
    const std::set<std::string> found = outcomes(tasks, true);
    for (const std::string& outcome : found) {
        INFO(outcome);
        CHECK(outcome.find("x=2") == 0);
        CHECK(outcome.find("r0=2") != std::string::npos);
        CHECK(outcome.find("r1=2 r2=1") == std::string::npos);
        CHECK(outcome.find("r1=1 r2=0") == std::string::npos);
    }
    CHECK(found.size() == 6);
}

TEST_CASE("late stores: what a critical section stored is seen by the next one", "[explore][store]") {
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
    CHECK(outcomes(tasks, true) == std::set<std::string>{"x=1 y=1 r0=0 r1=0", "x=1 y=1 r0=1 r1=1"});
}

TEST_CASE("late stores: an SMMUv3's level 1 pointer is seen before level 2 (X15), and not with the barrier",
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
