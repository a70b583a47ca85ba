#include "study/results/report/html.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate::study {

std::string escape_html(const std::string& text) {
    std::string safe;
    for (const char c : printable(text)) {
        if (c == '<') {
            safe += "&lt;";
        } else if (c == '>') {
            safe += "&gt;";
        } else if (c == '&') {
            safe += "&amp;";
        } else if (c == '"') {
            safe += "&quot;";
        } else if (c == '\'') {
            safe += "&#39;";
        } else {
            safe += c;
        }
    }
    return safe;
}

std::string html_page(const std::string& title, const std::string& body) {
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>{}</title>\n<link rel=\"icon\" "
        "href=\"data:,\">\n<style>{}</style>\n</head>\n<body>\n<main>\n{}</main>\n"
        "<script>{}</script>\n</body>\n</html>\n",
        escape_html(title), kStyle, body, kScript);
}

std::string heading(const std::string& title) { return "<h2>" + escape_html(title) + "</h2>\n"; }

std::string HtmlTable::html() const { return html(rows_.size(), caption_); }

std::string HtmlTable::folded_html(const std::string& what) const {
    if (rows_.size() <= kUnfolded) return html();
    return html(kUnfolded, caption_) + fmt::format("<details><summary>{}</summary>\n{}</details>\n", escape_html(what),
                                                   html(rows_.size(), caption_ + ", " + what));
}

std::string HtmlTable::html(std::size_t rows, const std::string& caption) const {
    std::string html = fmt::format(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table>\n<caption "
        "class=\"unseen\">{0}</caption>\n<thead><tr>",
        escape_html(caption));
    for (std::size_t i = 0; i < heads_.size(); ++i) {
        // A heading without a text says nothing: it is a cell.
        const char* const css = i < left_ ? " class=\"left\"" : "";
        html += heads_[i].empty() ? fmt::format("<td{}></td>", css)
                                  : fmt::format("<th scope=\"col\"{}>{}</th>", css, escape_html(heads_[i]));
    }
    html += "</tr></thead>\n<tbody>\n";
    for (std::size_t at = 0; at < rows; ++at) {
        const Row& row = rows_[at];
        html += row.marks ? "<tr class=\"bad\">" : "<tr>";
        for (std::size_t i = 0; i < row.cells.size(); ++i) {
            const char* const css = i < left_ ? " class=\"left\"" : "";
            html += i == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", css, escape_html(row.cells[i]))
                           : fmt::format("<td{}>{}</td>", css, escape_html(row.cells[i]));
        }
        html += "</tr>\n";
    }
    return html + "</tbody></table></div>\n";
}

}  // namespace xlate::study
