// Which model a build is: what two builds must have in common for their results to be the same bytes.
#pragma once

namespace xlate::study {

inline constexpr const char* kModelVersion = "0.1.0";

/// SHA-256 of the sources of all rooms that decide about a result, 64 hexadecimal digits; made when they are built
/// (scripts/model_sources.cmake). The same for every compiler, build type and checkout of the same sources.
const char* model_sources();

}  // namespace xlate::study
