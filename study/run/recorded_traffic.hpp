// Recorded traffic: a CSV or binary file of accesses becomes what a master does (docs/traces.md).
//   first line   the names of the columns, in any order: time_fs, time_ps, time_ns or time_us; offset or address; size;
//                op (r, read, w, write); and, if there are several, master and buffer
//   time         never falls within a master; decimals are allowed down to the femtosecond
//   offset       into the mapped buffers, or with `buffer` into that mapping (traffic[].chunk bytes each)
//   address      as the device sent it: the lowest page of a master becomes the first of its buffers
// Accesses are cut at 4 KiB. Empty lines and lines that begin with # are left out.
// A binary file begins with XLTRACE1; docs/traces.md has its bytes.
// Errors: InputError with file, line and column, or byte offset; nothing that is cut off is read as if it were whole.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "soc/config.hpp"

namespace xlate::study {

/// Whose lines, and what they have to fit.
struct RecordedLimits {
    std::string device;
    std::string master;  ///< the name in the file; empty: the device's
    std::uint64_t working_set_bytes = 0;
    std::uint64_t chunk_bytes = 0;  ///< of one mapping; 0: there is one
};

/// `file` is read.
std::shared_ptr<const std::vector<soc::RecordedAccess>> read_recorded(const std::string& file,
                                                                      const RecordedLimits& limits);
/// The same of what is in a file; `file` names it in errors.
std::shared_ptr<const std::vector<soc::RecordedAccess>> parse_recorded(std::string_view text, const std::string& file,
                                                                       const RecordedLimits& limits);

}  // namespace xlate::study
