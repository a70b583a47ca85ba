// The config of `xlate explore`: a scenario (built in, or built in with changes, or written out) and how to search.
// Format: explore/README.md.
#pragma once

#include <string>
#include <vector>

#include "explore/search/explore.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

struct ExploreConfig {
    std::string name;
    explore::Scenario scenario;
    std::vector<std::string> matrix;  ///< variants of --matrix; empty: explore::matrix_variants()
    explore::ExploreOptions options;
};

/// Errors: InputError with everything that is wrong, places included.
ExploreConfig load_explore_config(const std::string& file, const std::vector<Override>& overrides = {});
ExploreConfig parse_explore_config(const std::string& text, const std::string& file,
                                   const std::vector<Override>& overrides = {});

/// JSON Schema (draft 7) of such a config, as text.
std::string scenario_schema();

/// What a task can do: the keys of an action.
const std::vector<std::string>& explore_action_names();

/// Milliseconds of "30 s", "2 min" is not a unit: as parse_time. InputError names `option`.
std::uint64_t parse_time_limit_ms(const std::string& text, const std::string& option);

}  // namespace xlate::study
