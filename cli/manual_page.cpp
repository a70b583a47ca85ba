// Pages of man(7).
#include <algorithm>

#include <fmt/format.h>

#include "cli/command_tree.hpp"
#include "study/run/model_version.hpp"

namespace xlate::cli {
namespace {

/// Text of a line: roff reads \ anywhere, and . and ' at the start.
std::string roff(const std::string& text) {
    std::string safe;
    for (const char c : text) {
        if (c == '\\') {
            safe += "\\e";
        } else if (c == '-') {
            safe += "\\-";
        } else if (c == '\'') {
            safe += "\\(aq";
        } else {
            safe += c;
        }
    }
    return !safe.empty() && safe.front() == '.' ? "\\&" + safe : safe;
}

std::string dashed(std::string path) {
    std::replace(path.begin(), path.end(), ' ', '-');
    return path.empty() ? "xlate" : "xlate-" + path;
}

std::string value_of(const OptionFacts& option) {
    if (!option.takes_value) return "";
    if (option.choices.empty()) return " VALUE";
    std::string all;
    for (const std::string& choice : option.choices) all += (all.empty() ? " " : "|") + choice;
    return all;
}

std::string synopsis(const CommandFacts& command) {
    std::string line = ".B " + roff(command.path.empty() ? "xlate" : "xlate " + command.path) + "\n";
    if (!command.below.empty()) line += ".I COMMAND\n";
    for (const OptionFacts& option : command.options) {
        if (option.positional)
            line +=
                (option.required ? ".I " : ".RI [ ") + roff(option.names.front()) + (option.required ? "\n" : " ]\n");
    }
    return line + ".RI [ options ]\n";
}

std::string options(const CommandFacts& command) {
    std::string text;
    for (const OptionFacts& option : command.options) {
        std::string names;
        for (const std::string& name : option.names) names += (names.empty() ? "" : ", ") + name;
        text += ".TP\n.B " + roff(names + value_of(option)) + "\n" + roff(option.sentence) + "\n";
    }
    return text;
}

}  // namespace

std::string manual_page(const CommandFacts& command) {
    std::string upper = dashed(command.path);
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c); });
    std::string text = fmt::format(".TH {} 1 \"\" \"xlate {}\" \"xlate\"\n", roff(upper), study::kModelVersion);
    text += ".SH NAME\n" + roff(dashed(command.path)) + " \\- " + roff(command.sentence) + "\n";
    text += ".SH SYNOPSIS\n" + synopsis(command);
    if (!command.below.empty()) {
        text += ".SH COMMANDS\n";
        for (const CommandFacts& below : command.below)
            text += ".TP\n.BR " + roff(dashed(below.path)) + " (1)\n" + roff(below.sentence) + "\n";
    }
    text += ".SH OPTIONS\n" + options(command);
    if (!command.example.empty()) {
        text += ".SH EXAMPLE\n.nf\n";
        std::size_t at = 0;
        while (at < command.example.size()) {
            const std::size_t end = std::min(command.example.find('\n', at), command.example.size());
            text += roff(command.example.substr(at, end - at)) + "\n";
            at = end + 1;
        }
        text += ".fi\n";
    }
    text +=
        ".SH EXIT STATUS\n0 fine; 1 an expectation failed, something differs, or a bug was found; 2 wrong usage or "
        "config;\n"
        "3 malformed firmware; 4 a limit was hit; 70 a bug in xlate; 130 interrupted.\n";
    if (!command.path.empty()) text += ".SH SEE ALSO\n.BR xlate (1)\n";
    return text;
}

}  // namespace xlate::cli
