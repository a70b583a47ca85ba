// The commands and options of the program as data, for manual pages and completion: read from what parses them.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace xlate::cli {

struct OptionFacts {
    std::vector<std::string> names;  ///< "--set", "-j"; of a positional argument one: "CONFIG"
    bool positional = false;
    bool required = false;
    bool takes_value = false;
    std::vector<std::string> choices;  ///< all values that it takes; empty: any
    std::string sentence;
};

struct CommandFacts {
    std::string path;  ///< "sweep plan"; empty: the program itself
    std::string sentence;
    std::string example;  ///< lines that run as they stand
    std::vector<OptionFacts> options;
    std::vector<CommandFacts> below;
};

CommandFacts command_facts(const CLI::App& app);
/// It and all below, each before those below it.
std::vector<const CommandFacts*> all_commands(const CommandFacts& top);

/// A page of man(7), of one command. Name: xlate-sweep-plan.
std::string manual_page(const CommandFacts& command);
/// A script for bash, zsh or fish.
std::string completion_script(const CommandFacts& top, const std::string& shell);

}  // namespace xlate::cli
