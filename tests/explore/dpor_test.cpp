#include <catch2/catch.hpp>

#include <set>

#include "explore/search/dpor.hpp"
#include "tests/explore/litmus.hpp"

using namespace xlate;
using namespace xlate::explore;
using xlate::explore::tests::Body;
using xlate::explore::tests::Litmus;
using xlate::explore::tests::LitmusWorld;
using xlate::explore::tests::random_program;

namespace {

struct Found {
    std::uint64_t traces = 0;
    std::uint64_t abandoned = 0;
    std::set<std::string> outcomes;
    std::set<std::string> bugs;
};

Found search(const Program& program, bool reduce) {
    Execution execution(program, {});
    Dpor dpor(reduce);
    Found found;
    while (dpor.next() != Dpor::Next::closed) {
        const RunResult result = execution.run(dpor);
        dpor.finished(result);
        if (result.end != RunEnd::complete) continue;
        found.outcomes.insert(result.outcome);
        for (const auto& report : result.reports) found.bugs.insert(report.group_key());
        REQUIRE(dpor.traces() < 200000);
    }
    found.traces = dpor.traces();
    found.abandoned = dpor.abandoned();
    return found;
}

}  // namespace

TEST_CASE("dpor: writers of one variable have n! traces", "[explore][dpor]") {
    const std::vector<std::uint64_t> factorial{1, 1, 2, 6, 24, 120};
    for (std::size_t n = 1; n <= 5; ++n) {
        std::vector<Body> tasks;
        for (std::size_t i = 0; i < n; ++i) tasks.emplace_back([i](LitmusWorld& w) { w.set(0, static_cast<int>(i)); });
        CHECK(search(Litmus(1, 0, tasks), true).traces == factorial[n]);
    }
}

TEST_CASE("dpor: one writer and n readers have 2^n traces", "[explore][dpor]") {
    for (std::size_t n = 1; n <= 8; ++n) {
        std::vector<Body> tasks;
        tasks.emplace_back([](LitmusWorld& w) { w.set(0, 1); });
        for (std::size_t i = 1; i <= n; ++i) {
            tasks.emplace_back([i](LitmusWorld& w) { w.results[i] = std::to_string(w.get(0)); });
        }
        CHECK(search(Litmus(1, 0, tasks), true).traces == std::uint64_t{1} << n);
    }
}

// The programs and numbers of Abdulla et al., POPL 2014, table 1: lastzero(n) has (n + 3) * 2^(n - 2) traces.
TEST_CASE("dpor: lastzero has the published number of traces", "[explore][dpor]") {
    for (std::size_t n = 2; n <= 7; ++n) {
        std::vector<Body> tasks;
        tasks.emplace_back([n](LitmusWorld& w) {
            std::size_t i = n;
            while (w.get(i) != 0) --i;
            w.results[0] = std::to_string(i);
        });
        for (std::size_t j = 1; j <= n; ++j) {
            tasks.emplace_back([j](LitmusWorld& w) { w.set(j, w.get(j - 1) + 1); });
        }
        const Litmus program(n + 1, 0, tasks);
        const Found found = search(program, true);
        CHECK(found.traces == (n + 3) * (std::uint64_t{1} << (n - 2)));
    }
}

TEST_CASE("dpor: independent tasks have one trace", "[explore][dpor]") {
    std::vector<Body> tasks;
    for (std::size_t i = 0; i < 6; ++i) {
        tasks.emplace_back([i](LitmusWorld& w) {
            for (int n = 0; n < 5; ++n) w.set(i, w.get(i) + 1);
        });
    }
    const Found found = search(Litmus(6, 0, tasks), true);
    CHECK(found.traces == 1);
    CHECK(found.abandoned == 0);
}

TEST_CASE("dpor: critical sections of one lock have n! traces, and none loses an increment", "[explore][dpor]") {
    std::vector<Body> tasks;
    for (std::size_t i = 0; i < 4; ++i) {
        tasks.emplace_back([](LitmusWorld& w) {
            w.lock[0]->lock("L");
            w.x.all[0].write(w.x.all[0].read("R") + 1, "W");
            w.lock[0]->unlock("U");
        });
    }
    const Found found = search(Litmus(1, 1, tasks), true);
    CHECK(found.traces == 24);
    CHECK(found.outcomes == std::set<std::string>{"4 |    "});
    CHECK(found.bugs.empty());
}

TEST_CASE("dpor: store buffering without weak memory has three outcomes", "[explore][dpor]") {
    std::vector<Body> tasks{[](LitmusWorld& w) {
                                w.set(0, 1);
                                w.results[0] = std::to_string(w.get(1));
                            },
                            [](LitmusWorld& w) {
                                w.set(1, 1);
                                w.results[1] = std::to_string(w.get(0));
                            }};
    const Litmus program(2, 0, tasks);
    const Found found = search(program, true);
    CHECK(found.traces == 3);
    CHECK(found.outcomes == std::set<std::string>{"1 1 | 0 1", "1 1 | 1 0", "1 1 | 1 1"});
    const Found all = search(program, false);
    CHECK(all.traces == 20);  // three steps each: the start is one
    CHECK(all.outcomes == found.outcomes);
}

TEST_CASE("dpor: an inverted pair of locks deadlocks in one trace", "[explore][dpor]") {
    const auto both = [](std::size_t first, std::size_t second) {
        return [=](LitmusWorld& w) {
            w.lock[first]->lock("L1");
            w.lock[second]->lock("L2");
            w.lock[second]->unlock("U2");
            w.lock[first]->unlock("U1");
        };
    };
    const Litmus program(0, 2, {both(0, 1), both(1, 0)});
    const Found found = search(program, true);
    CHECK(found.traces == 3);
    REQUIRE(found.bugs.size() == 1);
    CHECK(found.bugs.begin()->find("deadlock|") == 0);
}

// The same end states as plain depth-first search, on programs drawn by seed.
TEST_CASE("dpor: reduced and plain search agree on random programs", "[explore][dpor]") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        const Litmus program = random_program(seed);
        INFO("seed " << seed);
        const Found reduced = search(program, true);
        const Found plain = search(program, false);
        CHECK(reduced.outcomes == plain.outcomes);
        CHECK(reduced.bugs == plain.bugs);
        CHECK(reduced.traces <= plain.traces);
    }
}

TEST_CASE("dpor: a use after free hidden in a followed pointer is found", "[explore][dpor]") {
    struct Box : kernel::HeapObject {
        explicit Box(kernel::Kernel& kernel) : HeapObject(kernel, "box") {}
        int plain = 1;
    };
    struct BoxWorld : World {
        explicit BoxWorld(kernel::Kernel& kernel) : k(kernel) {}
        void start() override {
            box = k.heap.make<Box>("M");
            k.spawn("user", 0, [this] {
                const kernel::Frame f{k, "user"};
                static_cast<void>(box->plain);
            });
            k.spawn("freer", 1, [this] { k.heap.release(box, "F"); });
        }
        kernel::Kernel& k;
        kernel::Ptr<Box> box;
    };
    struct BoxProgram : Program {
        kernel::Variant base = kernel::find_variant("base");
        std::string name() const override { return "box"; }
        const kernel::Variant& variant() const override { return base; }
        std::unique_ptr<World> make(kernel::Kernel& kernel) const override {
            return std::make_unique<BoxWorld>(kernel);
        }
    };
    const Found found = search(BoxProgram{}, true);
    CHECK(found.traces == 2);
    REQUIRE(found.bugs.size() == 1);
    CHECK(found.bugs.begin()->find("use-after-free") == 0);
}
