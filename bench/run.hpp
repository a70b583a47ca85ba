// Runs a row in a forked child and brings back what it measured.
#pragma once

#include "bench/row.hpp"

namespace xlate::bench {

/// Throws std::runtime_error if the child ends badly.
Measured run_in_child(const Row& row, std::uint64_t count);

}  // namespace xlate::bench
