// The points of a study, as a file that any machine can run a part of: schema "xlate.plan/1".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "study/sweep/study.hpp"

namespace xlate::study {

struct PlanPoint {
    std::vector<std::string> labels;  ///< one an axis
    std::vector<std::string> sets;    ///< PATH=VALUE, as of `xlate run --set`
    std::string digest;               ///< of all that decides about its result: config, sets, firmware, model version
};

struct Plan {
    std::string name;
    std::string study;  ///< absolute path of the config
    std::string out;    ///< absolute path of the directory of the results
    std::vector<std::string> axes;
    std::vector<PlanPoint> points;

    /// Where point number `i` (from 0) has its results: a directory, as of `xlate run --out`.
    std::string directory(std::size_t i) const;
};

inline constexpr std::size_t kMaxPoints = 100'000;

/// `sets`: for every point, after the study's and before its own. `out`: directory of the results; empty: out/NAME.
/// Reads every point's config and finds its firmware, so that nothing is wrong later that could be known now. Errors:
/// InputError; too many points: status 4.
Plan make_plan(const Study& study, const std::vector<std::string>& sets, const std::string& out);

std::string plan_text(const Plan& plan);
/// Errors: InputError if the file is no plan.
Plan read_plan(const std::string& file);

/// How far a point is.
enum class PointState : std::uint8_t {
    missing,  ///< not run, or with something else than the plan says
    done,     ///< its result is there; expectations may have failed
    broken,   ///< it ended without a result: a wrong config, a limit, a bug
};
struct PointStatus {
    PointState state = PointState::missing;
    int status = 0;  ///< exit status of the run
};
PointStatus status_of(const Plan& plan, std::size_t point);
/// Notes the end of a point's run.
void note_status(const Plan& plan, std::size_t point, int status);

}  // namespace xlate::study
