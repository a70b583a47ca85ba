// Texts of a starter config: quoted values and comments of one line.
#pragma once

#include <string>
#include <string_view>

namespace xlate::study {

/// As YAML's double-quoted style writes it, on one line.
std::string in_quotes(std::string_view text);
/// Text for a comment: one line, whatever it held.
std::string remark(std::string_view text);

}  // namespace xlate::study
