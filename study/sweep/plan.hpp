// The points of a study, as a file that any machine can run a part of: schema "xlate.plan/2". A plan holds the config's
// text and the firmware's bytes: what is run is what was planned, whatever becomes of the files meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "study/run/firmware_input.hpp"
#include "study/sweep/study.hpp"

namespace xlate::study {

struct PlanPoint {
    std::vector<std::string> labels;  ///< one an axis
    std::vector<std::string> sets;    ///< PATH=VALUE, as of `xlate run --set`
    std::string key;                  ///< SHA-256 of all that decides about the bytes of its result; see make_plan
    std::vector<std::size_t> inputs;  ///< its firmware: indices into Plan::inputs
};

/// Each point stands there with several seeds, one behind the other.
struct PlanRepeat {
    std::size_t seeds = 0;               ///< of each; 0: there are no repetitions
    std::optional<Expectation> until{};  ///< what is to be known; none: all are run
    double within = 0;
    std::size_t least = 0;
};

struct Plan {
    std::string name;
    std::string study;    ///< absolute path of the config
    std::string text;     ///< what it held
    yaml::Bases bases{};  ///< the same of what it extends
    std::string out;      ///< absolute path of the directory of the results
    std::vector<std::string> axes;
    PlannedFiles inputs;  ///< firmware of all points, each once
    std::vector<PlanPoint> points;
    PlanRepeat repeat{};
    std::vector<std::string> notes{};  ///< of how the points were chosen

    /// Where point number `i` (from 0) has its results: a directory, as of `xlate run --out`.
    std::string directory(std::size_t i) const;
    /// The firmware of point number `i`.
    PlannedFiles inputs_of(std::size_t i) const;
};

/// Called after each point that is planned: how many, of how many.
using PlanProgress = std::function<void(std::size_t done, std::size_t all)>;

/// `sets`: for every point, after the study's and before its own. `out`: directory of the results; empty: out/NAME.
/// A study that repeats has one axis more, the innermost: `seed`.
/// Reads every point's config and finds its firmware, so that nothing is wrong later that could be known now.
/// The key of a point is over the model (its version and sources), every parameter of its config as it is resolved, and
/// its firmware: not over comments, the order of keys, columns, other values of an axis, or the compiler.
/// Errors: InputError; too many points: status 4.
Plan make_plan(const Study& study, const std::vector<std::string>& sets, const std::string& out,
               const PlanProgress& progress = {});

std::string plan_text(const Plan& plan);
/// Errors: InputError if the file is no plan.
Plan read_plan(const std::string& file);

}  // namespace xlate::study
