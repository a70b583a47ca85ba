// The pieces of a report: one HTML file that needs nothing else, readable in light and dark, printed, on a phone, and
// by a screen reader. Its script only adds to what is there without it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace xlate::study {

/// For text and quoted attributes; control characters become \xNN.
std::string escape_html(const std::string& text);

// What every page has: style.cpp, script.cpp.
extern const char* const kStyle;
extern const char* const kScript;

/// The file around its body.
std::string html_page(const std::string& title, const std::string& body);

/// "<h2>Title</h2>". In a page headings go down by one level at a time.
std::string heading(const std::string& title);

/// The first `left` columns are flush left, the others right; the first cell of a row is its heading. Cells are
/// escaped.
class HtmlTable {
public:
    /// `caption`: for screen readers.
    HtmlTable(std::string caption, std::vector<std::string> heads, std::size_t left = 1)
        : caption_(std::move(caption)), heads_(std::move(heads)), left_(left) {}
    /// `marks`: the row stands out as a problem.
    void add(std::vector<std::string> cells, bool marks = false) { rows_.push_back({std::move(cells), marks}); }
    bool empty() const { return rows_.empty(); }
    std::size_t size() const { return rows_.size(); }
    std::string html() const;
    /// A long one: its first rows, and the whole of it to unfold, which is not printed. `what`: "all faults".
    std::string folded_html(const std::string& what) const;

private:
    static constexpr std::size_t kUnfolded = 12;
    std::string html(std::size_t rows, const std::string& caption) const;
    struct Row {
        std::vector<std::string> cells;
        bool marks;
    };
    std::string caption_;
    std::vector<std::string> heads_;
    std::size_t left_;
    std::vector<Row> rows_;
};

}  // namespace xlate::study
