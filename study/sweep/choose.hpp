// Which combinations of a study's alternatives are run: all, or those for which its constraints hold, or a sample.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "study/sweep/study.hpp"

namespace xlate::study {

struct Choice {
    std::vector<std::vector<std::size_t>> combinations;  ///< an alternative of each axis; rising, each once
    std::vector<std::string> notes;                      ///< what a reader of the table should know
};

/// A sample's draws depend on its seed and the axes alone. A random one has as many points as it asks for, or all that
/// there are; a Latin one loses those that a constraint forbids or that it has twice.
/// Errors: InputError: a constraint that is no condition over the axes, or that no combination fulfils (status 2); more
/// than kMaxPoints, with repetitions (status 4).
Choice choose_combinations(const Study& study);

/// What a constraint sees of an alternative's label: a number, in bytes, bytes per second or ns where it has such a
/// unit, a share where it is one; true, false; else text.
nlohmann::ordered_json label_value(const std::string& label);

}  // namespace xlate::study
