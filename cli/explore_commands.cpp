#include "cli/commands.hpp"

namespace xlate::cli {

ExitStatus explore_command(const ExploreArguments&) { not_built_yet("xlate explore"); }
ExitStatus replay_command(const ReplayArguments&) { not_built_yet("xlate replay"); }

}  // namespace xlate::cli
