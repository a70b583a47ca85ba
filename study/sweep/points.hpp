// What is there of a plan's points. A point's directory holds the files of a run and point.json (schema
// "xlate.point/2"), which names its key and the digest of its manifest.json; that names the digests of the others.
#pragma once

#include <cstdint>
#include <string>

#include "study/sweep/plan.hpp"

namespace xlate::study {

/// How far a point is.
enum class PointState : std::uint8_t {
    missing,  ///< not run, with something else than the plan says, or no longer as it was written
    done,     ///< its result is there, whole; expectations may have failed
    broken,   ///< it ended without a result: a wrong config, a limit, a bug
};
struct PointStatus {
    PointState state = PointState::missing;
    int status = 0;        ///< exit status of the run
    std::string damage{};  ///< why what is there does not count, if it was this point's and is not what was written
};

/// Reads and checks all that is there of point number `point`. Never an error: what cannot be read is damage.
PointStatus status_of(const Plan& plan, std::size_t point);

/// Notes the end of a point's run. Errors: InputError (status 4) if it cannot be written.
void note_status(const Plan& plan, std::size_t point, int status);

/// Takes what a directory holds from an earlier plan: results whose key is in this plan go where it has them; those
/// that it has not go to `earlier/KEY` in the plan's directory, from where a later plan takes them back. For a process
/// that holds the plan's directory alone.
void arrange_points(const Plan& plan);

}  // namespace xlate::study
