// How large a trace may become, and which part of a run it then keeps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace xlate::study {

struct TraceLimits {
    /// Of the file. Viewers refuse more than some 900 MB (trace-viewer) to 4 GiB (Perfetto).
    std::uint64_t bytes = std::uint64_t{512} << 20;
    enum class Keep : std::uint8_t {
        first,
        last,   ///< a ring in memory: at most the last two million spans
        fault,  ///< the same ring, which stops at the first fault
    } keep = Keep::first;
    SimTime from{};           ///< spans that end before are left out
    SimTime to = kTimeNever;  ///< and those that start after
    /// Only tracks of these names, "group/track" with * for any text: "masters/0000:*", "*/walk slots". Empty: all.
    std::vector<std::string> only;
};

/// `pattern`: * stands for any text.
bool matches_track(std::string_view pattern, std::string_view track);

}  // namespace xlate::study
