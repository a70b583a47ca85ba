#include "cli/command.hpp"

int main(int argc, char* argv[]) { return xlate::cli::cli_main(argc, argv); }
