// The `xlate` command: parses arguments, calls one function of study/, prints. Source: shared design section 3.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace xlate::cli {

/// Everything after the program's name. Prints results to stdout, problems to stderr; throws nothing.
ExitStatus run_app(const std::vector<std::string>& arguments);

}  // namespace xlate::cli
