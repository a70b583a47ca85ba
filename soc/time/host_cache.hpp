// Hints for the host's caches. With many masters each comes so seldom that the caches have forgotten it by then: what
// is fetched in time arrives side by side instead of one after the other. No effect on what is computed.
#pragma once

#include <cstddef>

namespace xlate::soc {

inline constexpr std::size_t kHostLine = 64;  ///< bytes; what is read together is aligned to it where there are many

/// The host will read and write the line at `at` soon.
inline void fetch_line(const void* at) {
#if defined(__GNUC__)
    __builtin_prefetch(at, 1);
#else
    static_cast<void>(at);
#endif
}

/// The same for all of [from, to).
inline void fetch_lines(const void* from, const void* to) {
    for (const char* at = static_cast<const char*>(from); at < to; at += kHostLine) fetch_line(at);
}

}  // namespace xlate::soc
