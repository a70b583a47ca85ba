#include "cli/commands.hpp"

namespace xlate::cli {

ExitStatus init_command(const InitArguments&) { not_built_yet("xlate init"); }

}  // namespace xlate::cli
