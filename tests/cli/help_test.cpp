// Every command's `--help` ends with lines that run as they stand.
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

/// The subcommands that a help text lists.
std::vector<std::string> commands_in(const std::string& help) {
    std::vector<std::string> names;
    const std::size_t at = help.find("Subcommands:\n");
    if (at == std::string::npos) return names;
    const std::regex line("^  ([a-z-]+) .*");
    for (const std::string& text : lines_of(help.substr(at + 13))) {
        std::smatch match;
        if (!std::regex_match(text, match, line)) break;
        names.push_back(match[1]);
    }
    return names;
}

}  // namespace

TEST_CASE("help: every command has an example, and every example runs", "[cli][help]") {
    const Scratch commands;
    std::vector<std::string> names;
    for (const std::string& name : commands_in(run_xlate(commands, "--help").out)) {
        const std::vector<std::string> below = commands_in(run_xlate(commands, name + " --help").out);
        for (const std::string& one : below) names.push_back(name + " " + one);
        if (below.empty() || name == "sweep") names.push_back(name);
    }
    REQUIRE(names.size() >= 18);
    for (const std::string& name : names) {
        const std::string help = run_xlate(commands, name + " --help").out;
        CAPTURE(name);
        const std::size_t at = help.find("Example:\n");
        REQUIRE(at != std::string::npos);
        // A folder that has the configs, as this repository has.
        const Scratch scratch;
        std::filesystem::create_directory_symlink(std::string(source_dir()) + "/configs", scratch.path("configs"));
        std::size_t examples = 0;
        for (const std::string& line : lines_of(help.substr(at + 9))) {
            if (line.rfind("  xlate ", 0) != 0) continue;
            CAPTURE(line);
            const Said said = run_xlate(scratch, line.substr(8));
            CAPTURE(said.err);
            CHECK((said.status == 0 || said.status == 1));  // 1: found, failed, or points left
            CHECK((!said.out.empty() || said.err.empty()));
            ++examples;
        }
        CHECK(examples >= 1);
    }
}
