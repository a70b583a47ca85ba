// That a report can be read by everybody, as far as its text says: language, order of headings, names and descriptions
// of pictures, headings of tables, names of ids, and the contrast of every pair of colours that meet (WCAG 2.1, 1.4.3
// and 1.4.11). A browser is not needed; browser_test.cpp has one, and axe-core.
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;

namespace {

std::vector<std::string> tags_of(const std::string& page, const std::string& tag) {
    std::vector<std::string> tags;
    for (std::size_t at = page.find("<" + tag); at != std::string::npos; at = page.find("<" + tag, at + 1)) {
        const char after = page[at + tag.size() + 1];
        if (after == '>' || after == ' ' || after == '\n') tags.push_back(page.substr(at, page.find('>', at) + 1 - at));
    }
    return tags;
}

std::string attribute(const std::string& tag, const std::string& name) {
    const std::size_t at = tag.find(" " + name + "=\"");
    if (at == std::string::npos) return {};
    const std::size_t start = at + name.size() + 3;
    return tag.substr(start, tag.find('"', start) - start);
}

double channel(const std::string& color, std::size_t at) {
    const double value = std::stoi(color.substr(at, 2), nullptr, 16) / 255.0;
    return value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
}

double luminance(const std::string& color) {
    return 0.2126 * channel(color, 1) + 0.7152 * channel(color, 3) + 0.0722 * channel(color, 5);
}

double contrast(const std::string& a, const std::string& b) {
    const double one = luminance(a);
    const double other = luminance(b);
    return (std::max(one, other) + 0.05) / (std::min(one, other) + 0.05);
}

/// The colours of a theme: `--name: #rrggbb` behind `from`.
std::map<std::string, std::string> colors_behind(const std::string& page, const std::string& from) {
    std::map<std::string, std::string> colors;
    const std::size_t start = page.find(from);
    REQUIRE(start != std::string::npos);
    const std::size_t end = page.find('}', start);
    for (std::size_t at = page.find("--", start); at < end; at = page.find("--", at + 1)) {
        const std::size_t colon = page.find(':', at);
        if (page.compare(colon, 3, ": #") == 0) colors[page.substr(at + 2, colon - at - 2)] = page.substr(colon + 2, 7);
    }
    return colors;
}

void check_access(const std::string& page) {
    CHECK(page.find("<html lang=\"en\">") != std::string::npos);
    CHECK(page.find("name=\"viewport\"") != std::string::npos);
    CHECK(tags_of(page, "main").size() == 1);
    CHECK(tags_of(page, "h1").size() == 1);
    int level = 0;
    for (std::size_t at = page.find("<h"); at != std::string::npos; at = page.find("<h", at + 1)) {
        if (page[at + 2] < '1' || page[at + 2] > '6') continue;
        CHECK(page[at + 2] - '0' <= level + 1);
        level = page[at + 2] - '0';
    }
    // Ids are used once, and what points to one finds it.
    std::set<std::string> ids;
    for (std::size_t at = page.find(" id=\""); at != std::string::npos; at = page.find(" id=\"", at + 1)) {
        const std::string id = page.substr(at + 5, page.find('"', at + 5) - at - 5);
        INFO(id);
        CHECK(ids.insert(id).second);
    }
    std::size_t pictures = 0;
    for (const std::string& svg : tags_of(page, "svg")) {
        if (attribute(svg, "class") == "plot") continue;  // a part of a picture
        INFO(svg);
        ++pictures;
        CHECK(attribute(svg, "role") == "img");
        CHECK(ids.count(attribute(svg, "aria-labelledby")) == 1);
        CHECK(ids.count(attribute(svg, "aria-describedby")) == 1);
    }
    CHECK(pictures >= 1);
    // Each picture is followed by its values.
    CHECK(tags_of(page, "figure").size() == pictures);
    for (std::size_t at = page.find("<figure"); at != std::string::npos; at = page.find("<figure", at + 1)) {
        const std::string figure = page.substr(at, page.find("</figure>", at) - at);
        INFO(figure.substr(0, 300));
        CHECK(figure.find("<details><summary>Table: ") != std::string::npos);
        CHECK(figure.find("<table>") != std::string::npos);
        const std::size_t description = figure.find("<figcaption><h3>");
        CHECK(description != std::string::npos);
    }
    for (const std::string& cell : tags_of(page, "th")) CHECK(!attribute(cell, "scope").empty());
    CHECK(tags_of(page, "table").size() == tags_of(page, "caption").size());
    for (const std::string& box : tags_of(page, "div")) {
        if (attribute(box, "class").rfind("wide", 0) != 0) continue;
        CHECK(attribute(box, "tabindex") == "0");  // scrolls by the keyboard, too
        CHECK(!attribute(box, "aria-label").empty());
    }
    for (const char* source : {" src=", "@import", "url("}) CHECK(page.find(source) == std::string::npos);
    for (const std::string& link : tags_of(page, "a")) CHECK(attribute(link, "href").find(':') == std::string::npos);
    // The same three themes on every page.
    for (const std::string theme :
         {":root { color-scheme: light dark", "@media (prefers-color-scheme: dark)", "@media print"}) {
        const std::map<std::string, std::string> colors = colors_behind(page, theme);
        REQUIRE(colors.size() == 7 + 8 + 5);
        for (const char* text : {"ink", "dim", "bad", "good", "link"}) {
            INFO(theme << ": " << text);
            CHECK(contrast(colors.at(text), colors.at("paper")) >= 4.5);
        }
        for (int load = 0; load < 5; ++load) {
            INFO(theme << ": load " << load);
            CHECK(contrast(colors.at("ink"), colors.at("load" + std::to_string(load))) >= 4.5);
        }
        for (int series = 0; series < 8; ++series) {
            INFO(theme << ": series " << series);
            CHECK(contrast(colors.at("s" + std::to_string(series)), colors.at("paper")) >= 3);
        }
    }
}

}  // namespace

TEST_CASE("report: runs, sweeps and pairs of them can be read by everybody", "[cli][report]") {
    const Scratch scratch;
    const std::string configs = std::string(source_dir()) + "/configs/";
    for (const std::string name : {"quickstart", "unmap_mid_traffic", "studies/race-window", "dart"}) {
        INFO(name);
        const Said said = run_xlate(scratch, "run " + quoted(configs + name + ".yaml") + " --quiet --out " +
                                                 (name == "quickstart" ? "first" : "r"));
        INFO(said.err);
        REQUIRE((said.status == 0 || said.status == 1));
        const std::string directory = name == "quickstart" ? "first" : "r";
        REQUIRE(run_xlate(scratch, "report " + directory).status == 0);
        check_access(read_text(scratch.path(directory + "/report.html")));
    }
    REQUIRE(run_xlate(scratch, "report first r --out pair.html").status == 0);
    check_access(read_text(scratch.path("pair.html")));
    REQUIRE(run_xlate(scratch, "sweep " + quoted(configs + "studies/ecmdq.yaml") +
                                   " --set 'traffic[0].transfers=200' --set 'expect=[]' --out s")
                .status == 0);
    check_access(read_text(scratch.path("s/report.html")));
    REQUIRE(run_xlate(scratch, "report s s --out pair.html").status == 0);
    check_access(read_text(scratch.path("pair.html")));
    const Said mixed = run_xlate(scratch, "report first s");
    CHECK(mixed.status == 2);
    CHECK(mixed.err.find("one of the two is a sweep, the other a run") != std::string::npos);
}
