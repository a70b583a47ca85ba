// docs/tutorial.md, followed literally in an empty directory: each command, and each line that it shows.
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;

namespace {

struct Step {
    std::string command;  ///< behind "$ xlate "
    std::vector<std::string> shown;
};

/// The ```console blocks of a page.
std::vector<Step> steps_of(const std::string& page) {
    std::vector<Step> steps;
    std::istringstream lines(page);
    bool inside = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind("```", 0) == 0) {
            inside = line == "```console";
        } else if (inside && line.rfind("$ xlate ", 0) == 0) {
            steps.push_back({line.substr(8), {}});
        } else if (inside && !steps.empty() && line != "...") {
            steps.back().shown.push_back(line);
        }
    }
    return steps;
}

}  // namespace

TEST_CASE("tutorial: its commands, in an empty directory, say what it shows", "[cli][tutorial]") {
    const std::vector<Step> steps = steps_of(read_text(std::string(source_dir()) + "/docs/tutorial.md"));
    CHECK(steps.size() <= 5);  // what a newcomer has to type
    REQUIRE(steps.size() >= 2);
    const Scratch scratch;
    std::size_t shown = 0;
    for (const Step& step : steps) {
        CAPTURE(step.command);
        const Said said = run_xlate(scratch, step.command);
        INFO(said.out << said.err);
        REQUIRE(said.status == 0);
        std::size_t at = 0;
        const std::string all = "\n" + said.out;
        for (const std::string& line : step.shown) {
            CAPTURE(line);
            const std::size_t found = all.find("\n" + line + "\n", at);
            CHECK(found != std::string::npos);
            if (found != std::string::npos) at = found + line.size() + 1;
            ++shown;
        }
    }
    CHECK(shown >= 15);
}
