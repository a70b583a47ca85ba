// Every token that a page prints replays to a report.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "explore/search/explore.hpp"
#include "tests/places.hpp"

using namespace xlate::explore;

namespace {

/// What stands between back-quotes and has the form of a token.
std::vector<std::string> tokens_of(const std::string& file) {
    std::ifstream stream(std::string(xlate::tests::source_dir()) + "/" + file);
    std::stringstream text;
    text << stream.rdbuf();
    std::vector<std::string> tokens;
    std::string part;
    for (bool quoted = false; std::getline(text, part, '`'); quoted = !quoted) {
        const bool slashes = std::count(part.begin(), part.end(), '/') >= 3;
        if (quoted && slashes && part.find(' ') == std::string::npos && part.find('.') != 0 &&
            part.find(".md") == std::string::npos && part.find(".hpp") == std::string::npos) {
            tokens.push_back(part);
        }
    }
    return tokens;
}

}  // namespace

TEST_CASE("findings: every token on the page replays to a report", "[explore]") {
    const std::vector<std::string> tokens = tokens_of("docs/findings.md");
    REQUIRE(tokens.size() >= 9);
    for (const std::string& token : tokens) {
        INFO(token);
        const Replay first = replay(token);
        CHECK(first.missing.empty());
        CHECK_FALSE(first.reports.empty());
        CHECK(first.digest == replay(token).digest);
    }
}
