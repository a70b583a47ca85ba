// What a scenario shows at a variant, in every trace: shared by the tests of the built-in scenarios.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "explore/scenario/scenarios.hpp"
#include "explore/search/explore.hpp"

namespace xlate::explore {

/// Every trace; data races that did no harm are left out.
inline ExploreResult all_traces(const std::string& scenario, const std::string& variant,
                                std::uint64_t budget = 100'000) {
    ExploreOptions options;
    options.strategy = Strategy::dpor;
    options.budget = budget;
    options.data_races = false;
    options.minimise = false;
    return explore::explore(find_scenario(scenario), variant, options);
}

inline bool shows(const ExploreResult& result, const std::string& headline) {
    return std::any_of(result.bugs.begin(), result.bugs.end(),
                       [&](const Bug& bug) { return bug.what.find(headline) != std::string::npos; });
}

struct Expected {
    const char* scenario;
    const char* variant;
    std::vector<const char*> shown;  ///< parts of headlines; empty: verified
    std::vector<const char*> absent;
    std::uint64_t traces = 0;  ///< 0: not pinned
};

inline void check(const Expected& expected) {
    INFO(expected.scenario << " at " << expected.variant);
    const ExploreResult result = all_traces(expected.scenario, expected.variant);
    INFO(explore_text(result));
    CHECK(result.exhaustive);
    for (const char* headline : expected.shown) {
        INFO(headline);
        CHECK(shows(result, headline));
    }
    for (const char* headline : expected.absent) {
        INFO(headline);
        CHECK_FALSE(shows(result, headline));
    }
    if (expected.shown.empty() && expected.absent.empty()) CHECK(result.verdict == Verdict::verified);
    if (expected.traces != 0) CHECK(result.traces == expected.traces);
}

}  // namespace xlate::explore
