// Names and labels from inputs, made safe for what they are written into. For terminals: printable() (base/error.hpp);
// for HTML: escape_html (report/html.hpp).
#pragma once

#include <string>
#include <string_view>

namespace xlate::study {

/// One cell of a Markdown table: shown as it is, never as a cell border, code, emphasis, a link or HTML.
std::string markdown_cell(std::string_view text);

/// One field of a CSV file (RFC 4180), in quotes where it needs them. Text that a spreadsheet would take for a formula
/// gets an apostrophe in front.
std::string csv_field(std::string_view text);

}  // namespace xlate::study
