// What is wrong with a command line that the parser refuses, where that says less than can be known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command_tree.hpp"

namespace xlate::cli {

/// The first command or option of `arguments` that does not exist, with the nearest that does; nothing: all exist.
/// "unknown command 'rnu'; did you mean 'run'?", "run: unknown option '--sed'; did you mean '--seed'?"
std::optional<std::string> unknown_name(const CommandFacts& top, const std::vector<std::string>& arguments);

}  // namespace xlate::cli
