// Completion for shells: commands, options, their values where they are known, else files.
#include <fmt/format.h>

#include "base/error.hpp"
#include "cli/command_tree.hpp"

namespace xlate::cli {
namespace {

/// In single quotes.
std::string in_quotes(const std::string& text) {
    std::string safe = "'";
    for (const char c : text) safe += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return safe + "'";
}

std::string joined(const std::vector<std::string>& words, const char* between = " ") {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : between) + word;
    return all;
}

/// " sweep plan": how scripts name the commands that stand on the line so far.
std::string way(const CommandFacts& command) { return command.path.empty() ? "" : " " + command.path; }

/// The commands that may stand on a line, as alternatives of a case.
std::string ways(const CommandFacts& top) {
    std::vector<std::string> all;
    for (const CommandFacts* command : all_commands(top)) {
        if (!command->path.empty()) all.push_back("\"" + way(*command) + "\"");
    }
    return joined(all, "|");
}

std::vector<std::string> words_of(const CommandFacts& command) {
    std::vector<std::string> words;
    for (const CommandFacts& below : command.below)
        words.push_back(below.path.substr(below.path.find_last_of(' ') + 1));
    for (const OptionFacts& option : command.options) {
        if (!option.positional) words.insert(words.end(), option.names.begin(), option.names.end());
    }
    return words;
}

/// Choices of arguments that stand for themselves.
std::vector<std::string> choices_of(const CommandFacts& command) {
    for (const OptionFacts& option : command.options) {
        if (option.positional && !option.choices.empty()) return option.choices;
    }
    return {};
}

std::string bash(const CommandFacts& top) {
    std::string text =
        "# Completion of xlate for bash, made by: xlate completion bash\n"
        "_xlate() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} way= words= word\n"
        "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
        "        case \"$way $word\" in\n"
        "            " +
        ways(top) +
        ") way=\"$way $word\" ;;\n"
        "        esac\n"
        "    done\n"
        "    case \"$way|$prev\" in\n";
    for (const CommandFacts* command : all_commands(top)) {
        for (const OptionFacts& option : command->options) {
            if (option.positional || !option.takes_value) continue;
            std::vector<std::string> places;
            for (const std::string& name : option.names) places.push_back("\"" + way(*command) + "|" + name + "\"");
            text += fmt::format("        {}) COMPREPLY=($(compgen {} -- \"$cur\")); return ;;\n", joined(places, "|"),
                                option.choices.empty() ? "-f" : "-W " + in_quotes(joined(option.choices)));
        }
    }
    text += "    esac\n    case \"$way\" in\n";
    for (const CommandFacts* command : all_commands(top)) {
        std::vector<std::string> words = words_of(*command);
        const std::vector<std::string> choices = choices_of(*command);
        words.insert(words.end(), choices.begin(), choices.end());
        text += fmt::format("        \"{}\") words={} ;;\n", way(*command), in_quotes(joined(words)));
    }
    return text +
           "    esac\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "    case \"$way|$cur\" in \"|\"*|*\"|-\"*) ;; *) COMPREPLY+=($(compgen -f -- \"$cur\")) ;; esac\n"
           "}\n"
           "complete -o filenames -F _xlate xlate\n";
}

/// What _arguments reads: [ ] : and \ mean something in a sentence.
std::string zsh_sentence(const std::string& text) {
    std::string safe;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') safe += '\\';
        safe += c;
    }
    return safe;
}

std::string zsh(const CommandFacts& top) {
    std::string text =
        "#compdef xlate\n"
        "# Completion of xlate for zsh, made by: xlate completion zsh\n"
        "_xlate() {\n"
        "    local way= i\n"
        "    for (( i = 2; i < CURRENT; ++i )); do\n"
        "        case \"$way ${words[i]}\" in\n"
        "            " +
        ways(top) +
        ") way=\"$way ${words[i]}\" ;;\n"
        "        esac\n"
        "    done\n"
        "    case \"$way\" in\n";
    for (const CommandFacts* command : all_commands(top)) {
        text += fmt::format("        \"{}\")\n", way(*command));
        if (!command->below.empty()) {
            text += "            local -a commands=(";
            for (const CommandFacts& below : command->below)
                text += " " + in_quotes(below.path.substr(below.path.find_last_of(' ') + 1) + ":" +
                                        zsh_sentence(below.sentence));
            text += " )\n            _describe command commands\n";
        }
        text += "            _arguments";
        for (const OptionFacts& option : command->options) {
            if (option.positional) continue;
            for (const std::string& name : option.names) {
                std::string spec = name + "[" + zsh_sentence(option.sentence) + "]";
                if (option.takes_value)
                    spec += option.choices.empty() ? ":value:_files" : ":value:(" + joined(option.choices) + ")";
                text += " \\\n                " + in_quotes(spec);
            }
        }
        const std::vector<std::string> choices = choices_of(*command);
        if (!command->path.empty())
            text += " \\\n                " +
                    in_quotes(choices.empty() ? std::string("*:file:_files") : "*:what:(" + joined(choices) + ")");
        text += "\n            ;;\n";
    }
    return text + "    esac\n}\n_xlate \"$@\"\n";
}

std::string fish(const CommandFacts& top) {
    std::string names;
    for (const CommandFacts* command : all_commands(top)) {
        if (!command->path.empty()) names += " " + in_quotes(way(*command));
    }
    std::string text =
        "# Completion of xlate for fish, made by: xlate completion fish\n"
        "function __xlate_way\n"
        "    set -l way ''\n"
        "    for word in (commandline -opc)[2..-1]\n"
        "        contains -- \"$way $word\"" +
        names +
        "; and set way \"$way $word\"\n"
        "    end\n"
        "    test \"$way\" = \"$argv[1]\"\n"
        "end\n";
    for (const CommandFacts* command : all_commands(top)) {
        const std::string at = "complete -c xlate -n " + in_quotes("__xlate_way \"" + way(*command) + "\"");
        for (const CommandFacts& below : command->below)
            text += at + " -f -a " + below.path.substr(below.path.find_last_of(' ') + 1) + " -d " +
                    in_quotes(below.sentence) + "\n";
        for (const OptionFacts& option : command->options) {
            if (option.positional) {
                if (!option.choices.empty()) text += at + " -f -a " + in_quotes(joined(option.choices)) + "\n";
                continue;
            }
            std::string line = at;
            for (const std::string& name : option.names)
                line += name[1] == '-' ? " -l " + name.substr(2) : " -s " + name.substr(1);
            if (option.takes_value)
                line += option.choices.empty() ? " -r" : " -x -a " + in_quotes(joined(option.choices));
            text += line + " -d " + in_quotes(option.sentence) + "\n";
        }
    }
    return text;
}

}  // namespace

std::string completion_script(const CommandFacts& top, const std::string& shell) {
    return shell == "bash" ? bash(top) : shell == "zsh" ? zsh(top) : fish(top);
}

}  // namespace xlate::cli
