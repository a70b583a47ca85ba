// What commands print, and what it means if that fails.
#pragma once

#include <string>

#include "base/error.hpp"

namespace xlate::cli {

/// To standard output, as it is.
void print(const std::string& text);

/// At the end of a command: whether all that it printed has been taken. Says what went wrong, and returns the status
/// that the program ends with: `status`, or limit if that would hide a failure.
ExitStatus finish_output(ExitStatus status);

}  // namespace xlate::cli
