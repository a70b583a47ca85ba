#include "study/init/starter_text.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate::study {

std::string in_quotes(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            result += fmt::format("\\x{:02x}", byte);
            continue;
        }
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + "\"";
}

std::string remark(std::string_view text) {
    std::string result = printable(text);
    while (!result.empty() && result.front() == ' ') result.erase(0, 1);
    return result;
}

}  // namespace xlate::study
