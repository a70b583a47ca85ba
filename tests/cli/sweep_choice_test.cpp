// Which points a study has: samples, constraints, repetitions over seeds, files; what is said of repeated points.
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "study/results/spread.hpp"
#include "study/sweep/choose.hpp"
#include "study/sweep/repeats.hpp"
#include "tests/cli/program.hpp"

using namespace xlate;
using namespace xlate::study;
using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

Study study_of(const std::string& text) { return parse_study("study:\n" + text, "s.yaml"); }

const std::string kTwoAxes =
    "  vary:\n"
    "    - { name: a, path: soc.memory.banks, from: 1, to: 20, steps: 20 }\n"
    "    - { name: b, path: seed, from: 1, to: 10, steps: 10 }\n";

/// A short run whose latencies depend on the seed.
std::string seeded(const std::string& more, const std::string& transfers = "200") {
    return "name: seeded\n"
           "firmware: { devicetree: " +
           board("quickstart") +
           " }\n"
           "soc: { pci: [] }\n"
           "traffic:\n"
           "  - { device: a000000.video, pattern: random, size: 64 B, working_set: 1 MiB, chunk: 4 KiB, outstanding: "
           "8, transfers: " +
           transfers +
           " }\n"
           "study:\n"
           "  vary:\n"
           "    - { name: entries, path: soc.iommu.tbu.tlb.entries, values: [16, 64] }\n"
           "  columns:\n"
           "    - { name: mean ns, value: 'masters[0].latency_ns.mean' }\n"
           "    - { name: walks, value: 'iommus[0].walks' }\n" +
           more;
}

Json sweep_of(const Scratch& scratch, const std::string& directory) {
    return Json::parse(read_text(scratch.path(directory + "/sweep.json")));
}

}  // namespace

TEST_CASE("study: a random sample is of distinct points, by its seed", "[study][sweep]") {
    const Choice one = choose_combinations(study_of("  sample: { points: 50, seed: 3 }\n" + kTwoAxes));
    CHECK(one.combinations.size() == 50);
    CHECK(one.notes.empty());
    CHECK(std::set<std::vector<std::size_t>>(one.combinations.begin(), one.combinations.end()).size() == 50);
    CHECK(choose_combinations(study_of("  sample: { points: 50, seed: 3 }\n" + kTwoAxes)).combinations ==
          one.combinations);
    CHECK(choose_combinations(study_of("  sample: { points: 50, seed: 4 }\n" + kTwoAxes)).combinations !=
          one.combinations);
    // As many as there are, where more are asked for: said.
    const Choice all = choose_combinations(study_of("  sample: { points: 500 }\n" + kTwoAxes));
    CHECK(all.combinations.size() == 200);
    REQUIRE(all.notes.size() == 1);
    CHECK(all.notes[0].find("200 of the 500 points") != std::string::npos);
    // A space that cannot be listed.
    std::string wide = "  sample: { points: 20 }\n  vary:\n";
    for (int i = 0; i < 12; ++i) {
        wide += "    - { name: a" + std::to_string(i) + ", path: 'traffic[" + std::to_string(i) +
                "].size', from: 1, to: 1000, steps: 1000 }\n";
    }
    CHECK(choose_combinations(study_of(wide)).combinations.size() == 20);
}

TEST_CASE("study: a Latin hypercube has each stretch of each axis once", "[study][sweep]") {
    const Choice choice =
        choose_combinations(study_of("  sample: { points: 20, method: latin, seed: 9 }\n" + kTwoAxes));
    REQUIRE(choice.combinations.size() == 20);
    std::map<std::size_t, int> first;
    std::map<std::size_t, int> second;
    for (const auto& one : choice.combinations) {
        ++first[one[0]];
        ++second[one[1]];
    }
    for (std::size_t i = 0; i < 20; ++i) CHECK(first[i] == 1);
    for (std::size_t i = 0; i < 10; ++i) CHECK(second[i] == 2);
    // A range without steps has as many as the sample.
    const Study range =
        study_of("  sample: { points: 5, method: latin }\n  vary: [ { name: n, path: seed, from: 0, to: 100 } ]\n");
    REQUIRE(range.axes[0].alternatives.size() == 5);
    CHECK(range.axes[0].alternatives[1].label == "25");
    CHECK_THROWS_AS(study_of("  vary: [ { name: n, path: seed, from: 0, to: 100 } ]\n"), InputError);
}

TEST_CASE("study: constraints are over labels with their units", "[study][sweep]") {
    CHECK(label_value("4 KiB") == 4096);
    CHECK(label_value("25.6 GB/s") == 25'600'000'000);
    CHECK(label_value("2 us") == 2000.0);
    CHECK(label_value("70%") == 0.7);
    CHECK(label_value("12") == 12);
    CHECK(label_value("true") == true);
    CHECK(label_value("strict") == "strict");
    const std::string axes =
        "  vary:\n"
        "    - { name: set, path: 'traffic[0].working_set', values: [4 KiB, 16 KiB, 64 KiB] }\n"
        "    - { name: entries, path: soc.iommu.tbu.tlb.entries, values: [1, 4, 16] }\n"
        "    - { name: policy, points: [ { name: strict, set: { seed: 1 } }, { name: lazy, set: { seed: 2 } } ] }\n";
    const Choice choice = choose_combinations(
        study_of("  where: [ 'entries * 4096 <= set', 'policy == \"lazy\" or entries > 1' ]\n" + axes));
    // 4 KiB: 1; 16 KiB: 1, 4; 64 KiB: 1, 4, 16; strict only with more than one entry.
    CHECK(choice.combinations.size() == 6 + 3);
    const auto refused = [&](const std::string& where) {
        try {
            choose_combinations(study_of("  where: [ " + where + " ]\n" + axes));
        } catch (const InputError& error) {
            CHECK(error.status() == ExitStatus::usage);
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    CHECK(refused("'entries > 16'").find("s.yaml:2:12: study.where[0]: no point is left: 'entries > 16' fails at 18") ==
          0);
    CHECK(refused("'entrys > 16'").find("did you mean 'entries'?") != std::string::npos);
    CHECK(refused("'policy > 16'").find("is no condition here") != std::string::npos);
    CHECK(refused("'entries + 1'").find("is neither true nor false") != std::string::npos);
    CHECK(refused("'nosuch(entries) > 1'").find("there is no function 'nosuch'") != std::string::npos);
}

TEST_CASE("study: what is wrong with a sample or repetitions is named with its place", "[study][sweep]") {
    const auto refused = [](const std::string& text) {
        try {
            study_of(text);
        } catch (const InputError& error) {
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    CHECK(refused("  sample: { method: latin }\n").find("key 'points' is missing") != std::string::npos);
    CHECK(refused("  sample: { points: 0 }\n").find("study.sample.points") != std::string::npos);
    CHECK(refused("  sample: { points: 4, method: halton }\n").find("random") != std::string::npos);
    CHECK(refused("  repeat: 1\n").find("study.repeat") != std::string::npos);
    CHECK(refused("  repeat: { seeds: 9, within: 2% }\n").find("when it is enough is not clear") != std::string::npos);
    CHECK(refused("  repeat: { seeds: 9, until: p99, within: 2% }\n  columns: [ { name: p90, value: 'a' } ]\n")
              .find("there is no column 'p99'; expected the name of a column; did you mean 'p90'?") !=
          std::string::npos);
    CHECK(refused("  repeat: { seeds: 9, until: p9, within: 0% }\n  columns: [ { name: p9, value: 'a' } ]\n")
              .find("study.repeat.within") != std::string::npos);
    CHECK(refused("  repeat: 3\n  vary: [ { name: s, path: seed, values: [1] } ]\n")
              .find("axis 's' sets 'seed', which axis 'seed' varies") != std::string::npos);
    CHECK(refused("  vary: [ { name: b, path: firmware.devicetree, files: 'no/such*.dtb' } ]\n")
              .find("no file is called like 'no/such*.dtb'") != std::string::npos);
}

TEST_CASE("spread: mean, deviation and Student's interval", "[study][sweep]") {
    // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, sample variance 32/7; t(7) = 2.365.
    const Spread spread = Spread::of({2, 4, 4, 4, 5, 5, 7, 9});
    CHECK(spread.mean == 5);
    CHECK(spread.deviation == Approx(std::sqrt(32.0 / 7)));
    REQUIRE(spread.half_width().has_value());
    CHECK(*spread.half_width() == Approx(2.365 * std::sqrt(32.0 / 7 / 8)));
    CHECK_FALSE(Spread::of({3}).half_width().has_value());
    CHECK(student_t(1) == Approx(12.706));
    CHECK(student_t(60) == Approx(2.000).epsilon(0.001));
    CHECK(student_t(120) == Approx(1.980).epsilon(0.001));
}

TEST_CASE("repeat: as many seeds as the mean needs, and no fewer than asked", "[study][sweep]") {
    PlanRepeat repeat;
    repeat.seeds = 10;
    repeat.least = 3;
    repeat.within = 0.1;
    repeat.until = Expectation::parse("x", {}, "");
    const std::vector<double> even(10, 5.0);
    CHECK(repetitions_needed(repeat, [&](std::size_t i) { return std::optional(even[i]); }) == 3);
    // 1, 9, 1, 9, ...: never.
    CHECK(repetitions_needed(repeat, [](std::size_t i) { return std::optional(i % 2 == 0 ? 1.0 : 9.0); }) == 10);
    CHECK(repetitions_needed(repeat, [](std::size_t) { return std::optional<double>(); }) == 10);
    repeat.until.reset();
    CHECK(repetitions_needed(repeat, [](std::size_t) { return std::optional(1.0); }) == 10);
}

TEST_CASE("sweep: repetitions come to means with intervals, and stop when they are known", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("s.yaml", seeded("  repeat: 4\n"));
    const Said said = run_xlate(scratch, "sweep s.yaml --out four -j 2");
    INFO(said.err);
    REQUIRE(said.status == 0);
    const Json sweep = sweep_of(scratch, "four");
    CHECK(sweep["axes"] == Json({"entries", "seed"}));
    REQUIRE(sweep["points"].size() == 8);
    REQUIRE(sweep["groups"].size() == 2);
    std::vector<double> values;
    for (int i = 0; i < 4; ++i) values.push_back(sweep["points"][i]["values"][0].get<double>());
    const Spread spread = Spread::of(values);
    CHECK(spread.deviation > 0);
    const Json& mean = sweep["groups"][0]["values"][0];
    CHECK(mean["count"] == 4);
    CHECK(mean["mean"].get<double>() == Approx(spread.mean));
    CHECK(mean["half_width"].get<double>() == Approx(spread.half_width().value()));
    CHECK(said.out.find("| entries | seeds | mean ns | walks |") == 0);
    CHECK(said.out.find(" ± ") != std::string::npos);
    // The same seeds as a point alone has.
    REQUIRE(run_xlate(scratch, "run s.yaml --quiet --out alone --seed 2 --set soc.iommu.tbu.tlb.entries=64").status ==
            0);
    CHECK(sweep["points"][5]["digest"] == Json::parse(read_text(scratch.path("alone/result.json")))["digest"]);
    CHECK(run_xlate(scratch, "sweep s.yaml --set seed=3").status == 2);
    // Until the mean is known: to 50 % with as few as may be, to a millionth never.
    scratch.file("s.yaml", seeded("  repeat: { seeds: 6, until: mean ns, within: 50% }\n"));
    const Said few = run_xlate(scratch, "sweep s.yaml --out few -j 3");
    CHECK(few.status == 0);
    CHECK(sweep_of(scratch, "few")["points"].size() == 6);
    CHECK(sweep_of(scratch, "few")["groups"][1]["count"] == 3);
    CHECK_FALSE(std::filesystem::exists(scratch.path("few/points/0003/result.json")));
    const Said status = run_xlate(scratch, "sweep status few/plan.json");
    CHECK(status.status == 0);
    CHECK(status.out.find(
              "12 points, 6 done (0 with expectations that fail), 0 without a result, 0 missing, 6 not needed") !=
          std::string::npos);
    // Parts in any order, and one at a time: the same bytes.
    REQUIRE(run_xlate(scratch, "sweep plan s.yaml --out parts -o plan.json").status == 0);
    CHECK(run_xlate(scratch, "sweep run plan.json --shard 2/2 -j 1").status == 0);
    CHECK(run_xlate(scratch, "sweep run plan.json --shard 1/2 -j 1").status == 0);
    CHECK(run_xlate(scratch, "sweep merge plan.json").status == 0);
    CHECK(read_text(scratch.path("parts/sweep.json")) == read_text(scratch.path("few/sweep.json")));
    scratch.file("s.yaml", seeded("  repeat: { seeds: 4, until: mean ns, within: 0.0001% }\n"));
    const Said never = run_xlate(scratch, "sweep s.yaml --out few");
    CHECK(never.status == 0);
    CHECK(sweep_of(scratch, "few")["points"].size() == 8);
    CHECK(never.err.find("2 of 2 points are not known to 0.0001 % of 'mean ns' with 4 seeds") != std::string::npos);
}

TEST_CASE("compare: of repeated sweeps a difference counts where chance does not explain it", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("s.yaml", seeded("  repeat: { seeds: 6, first: 1 }\n"));
    REQUIRE(run_xlate(scratch, "sweep s.yaml --out a").status == 0);
    scratch.file("s.yaml", seeded("  repeat: { seeds: 6, first: 101 }\n"));
    REQUIRE(run_xlate(scratch, "sweep s.yaml --out b").status == 0);
    // Other seeds, nothing else: every point differs, no mean does.
    const Said chance = run_xlate(scratch, "compare a b --metric 'mean ns:lower' --metric 'walks:lower'");
    INFO(chance.out);
    CHECK(chance.status == 0);
    CHECK(chance.out.find("4 metrics: 0 worse, 0 better, 4 as before") != std::string::npos);
    // Slower memory is no chance.
    REQUIRE(run_xlate(scratch, "sweep s.yaml --out c --set soc.memory.latency='80 ns'").status == 0);
    const Said worse = run_xlate(scratch, "compare a c --metric 'mean ns:lower' --markdown -");
    CHECK(worse.status == 1);
    CHECK(worse.out.find("2 of 2 metrics are worse") != std::string::npos);
    CHECK(worse.out.find("% by chance |") != std::string::npos);
}

TEST_CASE("sweep: sets of firmware by a pattern", "[cli][sweep]") {
    const Scratch scratch;
    std::filesystem::create_directory(scratch.path("boards"));
    for (const char* name : {"one", "two"})
        std::filesystem::copy_file(board("quickstart"), scratch.path(std::string("boards/") + name + ".dtb"));
    scratch.file("boards/notes.txt", "no board");
    scratch.file("s.yaml",
                 "soc: { pci: [] }\nfirmware: { devicetree: boards/one.dtb }\nstudy:\n  vary:\n"
                 "    - { name: board, path: firmware.devicetree, files: 'boards/*.dtb' }\n");
    const Said said = run_xlate(scratch, "sweep s.yaml --out s");
    INFO(said.err);
    CHECK(said.status == 0);
    const Json sweep = sweep_of(scratch, "s");
    REQUIRE(sweep["points"].size() == 2);
    CHECK(sweep["points"][1]["labels"] == Json({"boards/two.dtb"}));
    CHECK(said.err.find("axis 'board' changes nothing in any result") != std::string::npos);
}

TEST_CASE("sweep: in a log, a line on how far it is and how long the rest takes", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("s.yaml", seeded("  repeat: 3\n", "20000"));
    const Said quiet = run_xlate(scratch, "sweep s.yaml --out q -j 1");
    CHECK(quiet.err.empty());
    // A time that each point lasts longer than, on the fastest of machines.
    const Said said = run_xlate(scratch, "sweep s.yaml --out s -j 1 --progress 0.000001");
    CHECK(said.status == 0);
    CHECK(said.err.find("seeded: ") == 0);
    CHECK(said.err.find(" of 6 points, about ") != std::string::npos);
    CHECK(said.err.find("left\n") != std::string::npos);
    CHECK(run_xlate(scratch, "sweep s.yaml --out n -j 1 --progress -1").status == 2);
}

TEST_CASE("sweep: options for sbatch are passed on", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("s.yaml", seeded(""));
    scratch.file("sbatch", "#!/bin/sh\nfor word; do echo \"$word\"; done > sbatch.txt\nexit 3\n");
    std::filesystem::permissions(scratch.path("sbatch"), std::filesystem::perms::owner_all);
    CHECK(run_xlate(scratch, "sweep s.yaml --out s --engine slurm --sbatch=--partition=short --sbatch '--comment=a b'",
                    "env PATH=.:$PATH")
              .status == 4);
    CHECK(read_text(scratch.path("sbatch.txt")).find("\n--partition=short\n--comment=a b\n") != std::string::npos);
}

TEST_CASE("junit: of a sweep a case a point, of an exploration a case a variant", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("s.yaml", seeded(""));
    CHECK(run_xlate(scratch, "sweep s.yaml --out s --junit s.xml --set 'expect=[\"masters[0].faults == 1\"]'").status ==
          1);
    const std::string sweep = read_text(scratch.path("s.xml"));
    CHECK(sweep.find("<testsuite name=\"seeded\" tests=\"2\" failures=\"2\">") != std::string::npos);
    CHECK(sweep.find("name=\"64\">\n    <failure message=\"fails: masters[0].faults == 1\"/>") != std::string::npos);
    CHECK(run_xlate(scratch, "sweep s.yaml --out s --junit s.xml").status == 0);
    CHECK(read_text(scratch.path("s.xml")).find("failures=\"0\"") != std::string::npos);
    scratch.file("e.yaml", "scenario: cover-letter\nmatrix: [base, series-v1@17]\nexplore: { budget: 200 }\n");
    CHECK(run_xlate(scratch, "explore e.yaml --matrix --junit e.xml").status == 1);
    const std::string explore = read_text(scratch.path("e.xml"));
    CHECK(explore.find("<testsuite name=\"e\" tests=\"2\" failures=\"2\">") != std::string::npos);  // 17: its ids
    CHECK(explore.find("name=\"no bug in base\">\n    <failure message=\"") != std::string::npos);
}
