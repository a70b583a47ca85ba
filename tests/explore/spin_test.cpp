// The cover letter's scenario against a second model of it, in Promela (promela/cover-letter.pml, written from the
// specification alone), searched whole by spin: both have the same set of outcomes.
// An outcome: how each of the two tasks ended (ok, waits for ever, or crashed: how and at which step of the
// specification), and if none crashed: is the client bound, in a group, with a domain, which DMA operations, which ids.
#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "explore/scenario/scenarios.hpp"
#include "explore/search/dpor.hpp"
#include "tests/places.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

using Outcomes = std::set<std::string>;

/// The step of the specification: the driver's own steps inside of ID3 and of an attach have no names there.
std::string spec_step(const kernel::ReportPlace& place) {
    const auto inside = [&](const char* function) {
        for (const std::string& one : place.functions) {
            if (one == function) return true;
        }
        return false;
    };
    if (inside("probe_device")) return "ID3";
    if (inside("attach_dev")) return "ATTACH";
    return place.step;
}

std::string end_of(const RunResult& result, const std::string& task) {
    for (const kernel::Report& report : result.reports) {
        if (report.place.task != task) continue;
        const std::string at = "@" + spec_step(report.place);
        if (report.kind == kernel::ReportKind::null_dereference) return "NULL" + at;
        if (report.kind == kernel::ReportKind::use_after_free) return "UAF" + at;
        if (report.kind == kernel::ReportKind::double_free) return "DF" + at;
        if (report.kind == kernel::ReportKind::hung_task) return "waits";
    }
    return "ok";
}

/// What follows `key` in the outcome of the client ("dev0: bound group{dev0} domain=DMA ops=iommu ... ids=1,2,; ...").
std::string word_after(const std::string& text, const std::string& key, const std::string& otherwise) {
    const std::string client = text.substr(0, text.find(';'));
    const std::size_t at = client.find(key);
    if (at == std::string::npos) return otherwise;
    const std::size_t begin = at + key.size();
    return client.substr(begin, client.find(' ', begin) - begin);
}

std::string outcome_of(const RunResult& result) {
    const std::string client = end_of(result, "modprobe");
    const std::string walk = end_of(result, "insmod");
    std::string text = "C=" + client + " W=" + walk;
    if ((client != "ok" && client != "waits") || (walk != "ok" && walk != "waits")) return text;
    const std::string& state = result.outcome;
    const std::string domain = word_after(state, "domain=", "none");
    text += std::string(" bound=") + (state.find("dev0: bound") == 0 ? "1" : "0");
    text += std::string(" group=") + (state.find(" no group") == std::string::npos ? "1" : "0");
    text += std::string(" domain=") + (domain != "none" ? "1" : "0");
    text += " ops=" + word_after(state, "ops=", "direct") + " ids=" + word_after(state, "ids=", "none");
    return text;
}

Outcomes by_dpor(const std::string& variant) {
    const auto program = make_program(find_scenario("cover-letter"), variant);
    Execution execution(*program, {});
    Dpor dpor;
    Outcomes found;
    while (dpor.next() != Dpor::Next::closed) {
        const RunResult result = execution.run(dpor);
        dpor.finished(result);
        if (result.end == RunEnd::complete) found.insert(outcome_of(result));
    }
    return found;
}

Outcomes by_spin(const std::string& define, bool partial_order_reduction) {
    const std::string directory =
        std::string(tests::binary_dir()) + "/spin" + define + (partial_order_reduction ? "-reduced" : "");
    std::filesystem::create_directories(directory);
    const std::string model = std::string(tests::source_dir()) + "/tests/explore/promela/cover-letter.pml";
    const std::string command = "cd '" + directory + "' && spin -a " + define + " '" + model +
                                "' > spin.txt 2>&1 && cc -O1 -w " + (partial_order_reduction ? "" : "-DNOREDUCE ") +
                                "-o pan pan.c && ./pan -E -w20 -m100000 > pan.txt";
    INFO(command);
    REQUIRE(std::system(command.c_str()) == 0);
    std::ifstream stream(directory + "/pan.txt");
    Outcomes found;
    bool whole = false;
    const std::string mark = "OUTCOME ";
    for (std::string line; std::getline(stream, line);) {
        if (line.rfind(mark, 0) == 0) found.insert(line.substr(mark.size()));
        whole = whole || line.find("errors: 0") != std::string::npos;
        CHECK(line.find("search depth too small") == std::string::npos);
    }
    CHECK(whole);
    return found;
}

bool skip_without_spin() {
    if (std::system("command -v spin > /dev/null") == 0) return false;
    WARN("skipped: spin is not installed");
    SUCCEED("skipped");
    return true;
}

std::string text_of(const Outcomes& outcomes) {
    std::string text;
    for (const std::string& one : outcomes) text += one + "\n";
    return text;
}

}  // namespace

TEST_CASE("spin: base has the same outcomes in a Promela model of the cover letter's scenario", "[explore][spin]") {
    if (skip_without_spin()) return;
    const Outcomes spin = by_spin("", false);
    CHECK(spin.size() > 15);
    CHECK(text_of(by_dpor("base")) == text_of(spin));
    CHECK(text_of(by_spin("", true)) == text_of(spin));
}

TEST_CASE("spin: the repaired end of the series has the same single outcome in Promela", "[explore][spin]") {
    if (skip_without_spin()) return;
    const Outcomes spin = by_spin("-DSERIES_17", false);
    CHECK(text_of(spin) == "C=ok W=ok bound=1 group=1 domain=1 ops=iommu ids=1,2,\n");
    CHECK(text_of(by_dpor("series-v1-fixed@17")) == text_of(spin));
    CHECK(text_of(by_spin("-DSERIES_17", true)) == text_of(spin));
}

TEST_CASE("spin: the one-lock fix of 6.7 has the same outcomes in Promela, none of them a crash", "[explore][spin]") {
    if (skip_without_spin()) return;
    const Outcomes spin = by_spin("-DMURPHY", false);
    CHECK(text_of(spin).find('@') == std::string::npos);
    CHECK(text_of(by_dpor("murphy-6.7")) == text_of(spin));
    CHECK(text_of(by_spin("-DMURPHY", true)) == text_of(spin));
}
