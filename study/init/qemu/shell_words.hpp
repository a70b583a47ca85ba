// A shell command, taken apart into words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::study {

struct ShellWord {
    std::string text;  ///< without its quotes
    unsigned line = 1;
};

/// Quotes, backslashes and line continuations as in a shell; variables and substitutions stay as they stand. '#' at the
/// start of a word begins a comment; the first one goes to `comment`, without '#'. `file`: for messages.
/// Errors: InputError (usage) for a quote that is never closed.
std::vector<ShellWord> split_shell_words(const std::string& text, const std::string& file, std::string& comment);

/// What a word means to the shell itself: the end of the command, or where its output goes.
enum class ShellMeaning : std::uint8_t { none, ends, redirects, redirects_to_next };
ShellMeaning shell_meaning(std::string_view word);

}  // namespace xlate::study
