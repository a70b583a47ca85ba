#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/digest.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/dpor.hpp"
#include "explore/search/sampling.hpp"
#include "kernel-model/core/region.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

/// A random schedule that notes all that can be heard of a run.
class Listening : public RandomDirector {
public:
    explicit Listening(std::uint64_t seed) : RandomDirector(seed) { hears_steps = true; }
    void stepped(Execution& execution, const Step& step) override {
        digest.add(std::uint64_t{step.task}).add(step.name).add(step.function).add(step.what);
        for (std::uint32_t i = 0; i < step.access_count; ++i) {
            const Access& access = execution.accesses()[step.first_access + i];
            digest.add(access.resource).add(std::uint64_t{static_cast<unsigned>(access.kind)});
        }
        for (const Task* task : execution.enabled()) digest.add(std::uint64_t{task->id});
    }
    Digest digest;
};

std::string digest_of(Execution& execution, std::uint64_t seed) {
    Listening director(seed);
    const RunResult result = execution.run(director);
    director.digest.add(std::uint64_t{result.steps}).add(result.outcome);
    for (const kernel::Report& report : result.reports) director.digest.add(report.text());
    for (const std::string& head : execution.heads()) director.digest.add(head);
    return director.digest.text();
}

ExecutionOptions in_region(bool region, bool new_races_only) {
    ExecutionOptions options;
    options.record = true;
    options.count_arrivals = true;
    options.in_region = region;
    options.poison = true;
    options.new_races_only = new_races_only;
    return options;
}

const std::string& made_when_asked_for() {
    static const std::string text(100, 's');
    return text;
}

}  // namespace

TEST_CASE("region: a run that begins with a copy of the state before the race is the run from the start", "[explore]") {
    for (const Scenario& scenario : scenarios()) {
        for (const char* variant : {"base", "murphy-6.7", "series-v1@8", "series-v1-fixed@17", "linux-6.1"}) {
            const auto program = make_program(scenario, variant);
            for (const bool new_races_only : {false, true}) {
                Execution piece_by_piece(*program, in_region(false, new_races_only));
                Execution copied(*program, in_region(true, new_races_only));
                unsigned different = 0;
                for (std::uint64_t seed = 0; seed < 30; ++seed) {
                    if (digest_of(piece_by_piece, seed) != digest_of(copied, seed)) ++different;
                }
                INFO(scenario.name << ", " << variant);
                CHECK(different == 0);
            }
        }
    }
}

TEST_CASE("region: a search has the same traces and outcomes with and without", "[explore]") {
    for (const Scenario& scenario : scenarios()) {
        INFO(scenario.name);
        const auto program = make_program(scenario, "series-v1@17");
        const auto search = [&](bool region) {
            Execution execution(*program, in_region(region, true));
            Dpor dpor;
            Digest digest;
            for (int runs = 0; runs < 100 && dpor.next() != Dpor::Next::closed; ++runs) {
                const RunResult result = execution.run(dpor);
                dpor.finished(result);
                digest.add(result.outcome).add(std::uint64_t{result.steps});
                for (const TaskId choice : execution.choices()) digest.add(std::uint64_t{choice});
            }
            return std::to_string(dpor.traces()) + " " + digest.text();
        };
        CHECK(search(true) == search(false));
    }
}

TEST_CASE("region: what is allocated in a scope goes with it, what is allocated outside or in a pause stays",
          "[explore]") {
    const auto region = kernel::Region::make();
    if (region == nullptr) {  // under AddressSanitizer
        SUCCEED();
        return;
    }
    // Nothing is checked inside of a scope: what Catch keeps of a check would lie there.
    std::vector<std::string> kept;
    std::string* made = nullptr;
    {
        const kernel::RegionScope inside(*region);
        made = new std::string(100, 'a');
        const kernel::RegionPause outside;
        kept.emplace_back(100, 'b');
    }
    CHECK(region->used() >= 100 + sizeof(std::string));
    region->save();
    const std::size_t used = region->used();
    {
        const kernel::RegionScope inside(*region);
        made->append(1000, 'c');
        delete new std::string(100, 'd');
    }
    region->restore();
    CHECK(*made == std::string(100, 'a'));
    CHECK(region->used() == used);
    region->reset();
    CHECK(region->used() == 0);
    region->poison();
    CHECK(kept.front() == std::string(100, 'b'));
}

TEST_CASE("region: more than there is room for comes from elsewhere", "[explore]") {
    const auto region = kernel::Region::make();
    if (region == nullptr) {
        SUCCEED();
        return;
    }
    char last = 1;
    {
        const kernel::RegionScope inside(*region);
        const std::vector<char> large(kernel::Region::kBytes + 1);
        last = large.back();
    }
    CHECK(region->used() < kernel::Region::kBytes);
    CHECK(last == 0);
}

TEST_CASE("region: what another thread frees, or frees when the region is inactive, is left alone", "[explore]") {
    const auto region = kernel::Region::make();
    if (region == nullptr) {
        SUCCEED();
        return;
    }
    std::unique_ptr<std::string> text;
    {
        const kernel::RegionScope inside(*region);
        text = std::make_unique<std::string>(50, 'x');
    }
    const std::size_t used = region->used();
    CHECK(used >= 50);
    std::thread([&] { text.reset(); }).join();
    CHECK(region->used() == used);
}

TEST_CASE("region: a local static that is made during a run outlives it", "[explore]") {
    const auto region = kernel::Region::make();
    if (region == nullptr) {
        SUCCEED();
        return;
    }
    bool still_inside = false;
    {
        const kernel::RegionScope inside(*region);
        made_when_asked_for();
        still_inside = kernel::in_region();
    }
    CHECK(still_inside);
    CHECK(region->used() == 0);
    region->poison();
    CHECK(made_when_asked_for() == std::string(100, 's'));
}
