#include "base/text.hpp"

#include "base/error.hpp"

namespace xlate {
namespace {

/// The length of the well-formed character that starts at `at`; 0 if there is none.
std::size_t character_at(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) -> unsigned {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
    };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        if (first == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
        if (first == 0xED && byte(1) > 0x9F) return 0;  // surrogates
        return follows(1) && follows(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (first == 0xF0 && byte(1) < 0x90) return 0;  // overlong
        if (first == 0xF4 && byte(1) > 0x8F) return 0;  // above U+10FFFF
        return follows(1) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

/// Characters that move the cursor, change how the rest is read, or are not seen.
bool is_hidden(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || c >= 0xE0000;
}

char32_t code_of(std::string_view character) {
    constexpr unsigned kMasks[] = {0x7F, 0x1F, 0x0F, 0x07};
    char32_t code = static_cast<unsigned char>(character[0]) & kMasks[character.size() - 1];
    for (const char c : character.substr(1)) code = (code << 6) | (static_cast<unsigned char>(c) & 0x3FU);
    return code;
}

std::string hex(char32_t value, std::size_t digits) {
    std::string text;
    for (std::size_t i = digits; i-- > 0;) text += "0123456789abcdef"[(value >> (4 * i)) & 0xFU];
    return text;
}

}  // namespace

std::optional<std::size_t> first_bad_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_at(text, at);
        if (length == 0) return at;
        at += length;
    }
    return std::nullopt;
}

std::string printable(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_at(text, at);
        const std::string_view character = text.substr(at, length == 0 ? 1 : length);
        const char32_t code = length == 0 ? static_cast<unsigned char>(text[at]) : code_of(character);
        if (length == 0 || code == 0x7F || code < 0x20) {
            safe += "\\x" + hex(code, 2);
        } else if (is_hidden(code)) {
            safe += code < 0x10000 ? "\\u" + hex(code, 4) : "\\U" + hex(code, 8);
        } else {
            safe += character;
        }
        at += character.size();
    }
    return safe;
}

std::string file_name_of(std::string_view text) {
    constexpr std::size_t kMost = 100;
    std::string name;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_at(text, at);
        const std::string_view character = text.substr(at, length == 0 ? 1 : length);
        if (name.size() + character.size() > kMost) break;
        const bool dot = name.empty() && character == ".";
        name += length == 0 || dot || character == "/" || is_hidden(code_of(character)) ? "_" : character;
        at += character.size();
    }
    return name.empty() ? "_" : name;
}

}  // namespace xlate
