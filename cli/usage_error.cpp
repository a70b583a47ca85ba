#include "cli/usage_error.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::cli {
namespace {

std::string last_word(const std::string& path) { return path.substr(path.rfind(' ') + 1); }

const CommandFacts* below(const CommandFacts& command, const std::string& name) {
    const auto found = std::find_if(command.below.begin(), command.below.end(),
                                    [&](const CommandFacts& one) { return last_word(one.path) == name; });
    return found == command.below.end() ? nullptr : &*found;
}

/// nullptr: it has none of that name.
const OptionFacts* option_of(const CommandFacts& command, const std::string& name) {
    for (const OptionFacts& one : command.options) {
        if (!one.positional && std::find(one.names.begin(), one.names.end(), name) != one.names.end()) return &one;
    }
    return nullptr;
}

std::string unknown(const std::string& where, const char* kind, const std::string& name,
                    const std::vector<std::string>& names) {
    return Diagnostic{
        {}, where, std::string("unknown ") + kind + " '" + name + "'", "", nearest_name(name, names).value_or("")}
        .text();
}

bool takes_arguments(const CommandFacts& command) {
    return std::any_of(command.options.begin(), command.options.end(),
                       [](const OptionFacts& one) { return one.positional; });
}

std::optional<std::string> unknown_command(const CommandFacts& command, const std::string& name) {
    std::vector<std::string> names;
    for (const CommandFacts& one : command.below) names.push_back(last_word(one.path));
    // Where a file may stand as well, only what nearly is a command was meant as one.
    if (names.empty() || (takes_arguments(command) && !nearest_name(name, names))) return std::nullopt;
    return unknown(command.path, "command", name, names);
}

/// "-j8" is -j.
std::string name_in(const std::string& argument) {
    if (argument.compare(0, 2, "--") == 0) return argument.substr(0, argument.find('='));
    return argument.substr(0, 2);
}

}  // namespace

std::optional<std::string> unknown_name(const CommandFacts& top, const std::vector<std::string>& arguments) {
    const CommandFacts* command = &top;
    bool may_be_command = true;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& argument = arguments[i];
        if (argument == "--") break;
        if (argument.size() < 2 || argument[0] != '-') {
            const CommandFacts* const next = may_be_command ? below(*command, argument) : nullptr;
            if (next != nullptr) {
                command = next;
            } else if (may_be_command) {
                may_be_command = false;
                if (const std::optional<std::string> said = unknown_command(*command, argument)) return said;
            }
            continue;
        }
        const std::string name = name_in(argument);
        const OptionFacts* const option = option_of(*command, name);
        if (option == nullptr) {
            std::vector<std::string> names;
            for (const OptionFacts& one : command->options) {
                if (!one.positional) names.insert(names.end(), one.names.begin(), one.names.end());
            }
            return unknown(command->path, "option", name, names);
        }
        if (option->takes_value && name == argument) ++i;  // the value stands behind it
    }
    return std::nullopt;
}

}  // namespace xlate::cli
