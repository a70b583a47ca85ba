// docs/result-names.md has every name that any config's result has.
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

/// "a.{b,c}" is a.b and a.c.
std::vector<std::string> expanded(const std::string& name) {
    const std::size_t open = name.find('{');
    if (open == std::string::npos) return {name};
    const std::size_t close = name.find('}', open);
    std::vector<std::string> all;
    for (std::size_t at = open + 1; at <= close;) {
        const std::size_t end = std::min(name.find(',', at), close);
        for (const std::string& one :
             expanded(name.substr(0, open) + name.substr(at, end - at) + name.substr(close + 1)))
            all.push_back(one);
        at = end + 1;
    }
    return all;
}

std::set<std::string> documented() {
    const std::string page = read_text(std::string(source_dir()) + "/docs/result-names.md");
    std::set<std::string> names;
    for (std::size_t at = page.find("\n| `"); at != std::string::npos; at = page.find("\n| `", at + 1)) {
        const std::size_t start = at + 4;
        for (std::string& one : expanded(page.substr(start, page.find('`', start) - start))) names.insert(one);
    }
    return names;
}

/// Maps whose keys are names of a family or of parts.
bool has_free_keys(const std::string& key) {
    return key == "counters" || key == "structures" || key == "breakdown_ns" || key == "parts_ns";
}

void collect(const Json& value, const std::string& path, bool free_keys, std::set<std::string>& names) {
    if (value.is_object()) {
        for (const auto& [key, inner] : value.items()) {
            collect(inner, (path.empty() ? "" : path + ".") + (free_keys ? "*" : key), has_free_keys(key), names);
        }
    } else if (value.is_array()) {
        for (const Json& inner : value) collect(inner, path + "[]", false, names);
        if (value.empty()) names.insert(path + "[]");
    } else {
        names.insert(path);
    }
}

}  // namespace

TEST_CASE("results: every name of every config's result is documented", "[cli][docs]") {
    const Scratch scratch;
    const std::set<std::string> known = documented();
    REQUIRE(known.size() > 150);
    std::set<std::string> names;
    const std::filesystem::path folder = std::string(source_dir()) + "/configs";
    for (const std::string below : {"", "mistakes"}) {
        for (const auto& entry : std::filesystem::directory_iterator(folder / below)) {
            if (entry.path().extension() != ".yaml") continue;
            const Said said = run_xlate(scratch, "run --quiet --sanitize --out r " + quoted(entry.path().string()));
            CAPTURE(entry.path(), said.err);
            CHECK((said.status == 0 || said.status == 1));
            if (said.status > 1) continue;
            collect(Json::parse(read_text(scratch.path("r/result.json"))), "", false, names);
        }
    }
    REQUIRE(run_xlate(scratch, "run --quiet --out r " + quoted(folder.string() + "/quickstart.yaml") +
                                   " --set 'expect=[\"faults == 1\"]' --set 'traffic[0].warmup=100'")
                .status == 1);
    collect(Json::parse(read_text(scratch.path("r/result.json"))), "", false, names);
    CHECK(names.size() > 150);
    for (const std::string& name : names) {
        CAPTURE(name);
        CHECK(known.count(name) == 1);
    }
}
