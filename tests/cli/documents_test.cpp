// What is generated from the program's own tables: the config reference, schemas, manual pages, completion.
#include <filesystem>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

std::string doc(const std::string& name) { return read_text(std::string(source_dir()) + "/docs/" + name); }

/// What bash would offer with the cursor behind `line`.
std::set<std::string> offered(const Scratch& scratch, const std::string& line) {
    scratch.file(
        "ask.sh",
        "source ./completion.bash\nCOMP_WORDS=(" + line +
            ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_xlate\nprintf '%s\\n' \"${COMPREPLY[@]}\" > offered.txt\n");
    REQUIRE(std::system(("cd " + quoted(scratch.path("")) + " && bash ask.sh").c_str()) == 0);
    const std::string text = read_text(scratch.path("offered.txt"));
    std::set<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        words.insert(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

}  // namespace

TEST_CASE("documents: docs/config.md and docs/schemas are what the program says", "[cli][documents]") {
    const Scratch scratch;
    // If this fails: scripts/generate-docs XLATE.
    CHECK((run_xlate(scratch, "config reference").out == doc("config.md")));
    for (const char* what : {"config", "study", "scenario", "result"}) {
        CAPTURE(what);
        CHECK((run_xlate(scratch, std::string("schema ") + what).out ==
               doc(std::string("schemas/xlate-") + what + ".schema.json")));
    }
}

TEST_CASE("documents: the config reference has every key that a config shows", "[cli][documents]") {
    const Scratch scratch;
    const std::string reference = doc("config.md");
    const std::string shown = run_xlate(scratch, "config show " + quoted(board("quickstart"))).out;
    std::size_t keys = 0;
    for (std::size_t at = 0; at < shown.size(); at = shown.find('\n', at) + 1) {
        const std::string key = shown.substr(at, shown.find(' ', at) - at);
        if (key.find('[') != std::string::npos || key.empty()) continue;  // an entry of a list or a map
        CAPTURE(key);
        CHECK(reference.find("| `" + key + "` |") != std::string::npos);
        ++keys;
    }
    CHECK(keys > 60);
}

TEST_CASE("documents: every command has a manual page that groff takes", "[cli][documents]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "manual --out pages");
    REQUIRE(said.status == 0);
    std::size_t pages = 0;
    const bool groff = std::system("command -v groff >/dev/null 2>&1") == 0;
    if (!groff) WARN("no groff: pages are not read by it");
    for (const auto& entry : std::filesystem::directory_iterator(scratch.path("pages"))) {
        CAPTURE(entry.path().filename().string());
        const std::string page = read_text(entry.path().string());
        CHECK(page.rfind(".TH XLATE", 0) == 0);
        CHECK(page.find("\n.SH OPTIONS\n") != std::string::npos);
        ++pages;
        if (!groff) continue;
        const std::string command =
            "groff -man -ww -z -Tascii " + quoted(entry.path().string()) + " 2>" + quoted(scratch.path("groff.txt"));
        CHECK(std::system(command.c_str()) == 0);
        CHECK(read_text(scratch.path("groff.txt")).empty());
    }
    CHECK(pages >= 20);
    CHECK(run_xlate(scratch, "manual sweep plan").out == read_text(scratch.path("pages/xlate-sweep-plan.1")));
    const Said wrong = run_xlate(scratch, "manual swep");
    CHECK(wrong.status == 2);
    CHECK(wrong.err.find("there is no command 'swep'") != std::string::npos);
}

TEST_CASE("documents: completion offers commands, options, and values where they are known", "[cli][documents]") {
    const Scratch scratch;
    scratch.file("completion.bash", run_xlate(scratch, "completion bash").out);
    scratch.file("my.yaml", "");
    const std::set<std::string> top = offered(scratch, "xlate ''");
    CHECK(top.count("run") == 1);
    CHECK(top.count("sweep") == 1);
    CHECK(top.count("my.yaml") == 0);
    CHECK(offered(scratch, "xlate swe") == std::set<std::string>{"sweep"});
    CHECK(offered(scratch, "xlate run --varia") == std::set<std::string>{"--variant"});
    CHECK(offered(scratch, "xlate run my.y") == std::set<std::string>{"my.yaml"});
    CHECK(offered(scratch, "xlate sweep --engine ''") == std::set<std::string>{"local", "slurm"});
    CHECK(offered(scratch, "xlate sweep pla") == std::set<std::string>{"plan"});
    CHECK(offered(scratch, "xlate sweep run plan.json --sha") == std::set<std::string>{"--shard"});
    CHECK(offered(scratch, "xlate schema sce") == std::set<std::string>{"scenario"});
    CHECK(offered(scratch, "xlate explore --strategy p") == std::set<std::string>{"pct", "portfolio", "pos"});
    // The other shells, where they are: that they read it.
    for (const std::string shell : {"zsh", "fish"}) {
        const Said said = run_xlate(scratch, "completion " + shell);
        CHECK(said.status == 0);
        CHECK(said.out.find("sweep plan") != std::string::npos);
        scratch.file("completion." + shell, said.out);
        if (std::system(("command -v " + shell + " >/dev/null 2>&1").c_str()) != 0) continue;
        CHECK(std::system((shell + " -n " + quoted(scratch.path("completion." + shell))).c_str()) == 0);
    }
    CHECK(run_xlate(scratch, "completion tcsh").status == 2);
}
