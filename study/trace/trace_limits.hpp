// How large a trace may become, and which part of a run it then keeps.
#pragma once

#include <cstdint>

namespace xlate::study {

struct TraceLimits {
    /// Of the file. Viewers refuse more than some 900 MB (trace-viewer) to 4 GiB (Perfetto).
    std::uint64_t bytes = std::uint64_t{512} << 20;
    enum class Keep : std::uint8_t {
        first,
        last,  ///< a ring in memory: at most the last two million spans
    } keep = Keep::first;
};

}  // namespace xlate::study
