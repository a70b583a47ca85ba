#include "study/results/escape.hpp"

#include <cctype>

#include "base/error.hpp"

namespace xlate::study {

std::string markdown_cell(std::string_view text) {
    const std::string plain = printable(text);
    std::string safe;
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const char c = plain[i];
        const char next = i + 1 < plain.size() ? plain[i + 1] : ' ';
        const bool word = std::isalnum(static_cast<unsigned char>(next)) != 0;
        if (c == '<' && (word || next == '/' || next == '!' || next == '?')) {
            safe += "&lt;";
        } else if (c == '&' && (word || next == '#')) {
            safe += "&amp;";
        } else if (c == '|' || c == '`' || c == '*' || (c == ']' && (next == '(' || next == '[')) ||
                   (c == '\\' && std::ispunct(static_cast<unsigned char>(next)) != 0)) {
            safe += std::string("\\") + c;
        } else {
            safe += c;
        }
    }
    return safe;
}

std::string csv_field(std::string_view text) {
    std::string plain = printable(text);
    if (!plain.empty() && std::string_view("=+-@").find(plain[0]) != std::string_view::npos) plain.insert(0, "'");
    if (plain.find_first_of(",\"'; ") == std::string::npos) return plain;
    std::string quoted = "\"";
    for (const char c : plain) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

}  // namespace xlate::study
