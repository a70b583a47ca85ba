// The whole `xlate` command as a function, for programs that add parts of their own (soc/foreign/foreign.hpp): register
// them, then `return xlate::cli::cli_main(argc, argv);`. docs/systemc.md.
#pragma once

namespace xlate::cli {

/// As the command's main(): handles signals and the end of memory, prints to stdout and stderr, returns the exit
/// status. Once per process.
int cli_main(int argc, char* argv[]);

}  // namespace xlate::cli
