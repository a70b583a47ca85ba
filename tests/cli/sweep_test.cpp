// `xlate sweep` as a user calls it.
#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/corpus.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

/// 2 TLB sizes x 3 working sets of a run that takes some milliseconds.
std::string study(const std::string& more = "") {
    return "name: sizes\n"
           "firmware: { devicetree: " +
           board("quickstart") +
           " }\n"
           "soc: { pci: [] }\n"
           "traffic:\n"
           "  - { device: a000000.video, pattern: random, size: 64 B, working_set: 1 MiB, chunk: 4 KiB, transfers: 200 "
           "}\n"
           "expect: [ faults == 0 ]\n"
           "study:\n"
           "  vary:\n"
           "    - { name: entries, path: soc.iommu.tbu.tlb.entries, values: [16, 64] }\n"
           "    - name: pages\n"
           "      points:\n"
           "        - { name: few, set: { \"traffic[0].working_set\": 64 KiB } }\n"
           "        - { name: some, set: { \"traffic[0].working_set\": 256 KiB } }\n"
           "        - { name: many, set: { \"traffic[0].working_set\": 1 MiB, \"traffic[0].chunk\": 4 KiB } }\n"
           "  columns:\n"
           "    - { name: walks, value: 'iommus[0].walks' }\n"
           "    - { name: hit rate, value: 'iommus[0].tlb.hits / iommus[0].tlb.lookups' }\n" +
           more;
}

Json sweep_of(const Scratch& scratch, const std::string& directory) {
    return Json::parse(read_text(scratch.path(directory + "/sweep.json")));
}

std::string point(const std::string& directory, int number) {
    return directory + "/points/000" + std::to_string(number) + "/result.json";
}

std::vector<std::string> results(const Scratch& scratch, const std::string& directory, int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i) {
        const std::string number = i < 10 ? "000" + std::to_string(i) : "00" + std::to_string(i);
        all.push_back(read_text(scratch.path(directory + "/points/" + number + "/result.json")));
        CHECK_FALSE(all.back().empty());
    }
    return all;
}

std::filesystem::file_time_type written(const Scratch& scratch, const std::string& name) {
    return std::filesystem::last_write_time(scratch.path(name));
}

}  // namespace

TEST_CASE("sweep: every combination is run, the table has a line for each, any number at once", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study());
    const Said one = run_xlate(scratch, "sweep sizes.yaml --out one -j 1");
    INFO(one.err);
    REQUIRE(one.status == 0);
    CHECK(one.out.find("| entries | pages | walks | hit rate |\n|---|---|---:|---:|\n| 16 | few | ") == 0);
    CHECK(one.out.find("| 64 | many | ") != std::string::npos);
    CHECK(one.out.find(read_text(scratch.path("one/table.md"))) == 0);
    const Json sweep = sweep_of(scratch, "one");
    CHECK(sweep["schema"] == "xlate.sweep/1");
    REQUIRE(sweep["points"].size() == 6);
    CHECK(sweep["points"][5]["labels"] == Json({"64", "many"}));
    CHECK(sweep["points"][5]["state"] == "done");
    // What a point says is what a run of it says.
    CHECK(run_xlate(scratch, "run sizes.yaml --quiet --out alone --set soc.iommu.tbu.tlb.entries=64").status == 0);
    const Json alone = Json::parse(read_text(scratch.path("alone/result.json")));
    CHECK(sweep["points"][5]["values"][0] == alone["iommus"][0]["walks"]);
    CHECK(sweep["points"][5]["digest"] == alone["digest"]);
    CHECK(sweep["points"][0]["values"][0] != sweep["points"][5]["values"][0]);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out two -j 4").status == 0);
    CHECK(read_text(scratch.path("two/sweep.json")) == read_text(scratch.path("one/sweep.json")));
    const Said json = run_xlate(scratch, "sweep sizes.yaml --out two --json");
    CHECK(Json::parse(json.out) == sweep);
}

TEST_CASE("sweep: what is there is kept, what something else made, is run again", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study());
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    const auto before = written(scratch, "s/points/0001/result.json");
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    CHECK(written(scratch, "s/points/0001/result.json") == before);
    // One is lost: only that one is run.
    std::filesystem::remove(scratch.path("s/points/0002/result.json"));
    CHECK(run_xlate(scratch, "sweep status s/plan.json").status == 1);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    CHECK(std::filesystem::exists(scratch.path("s/points/0002/result.json")));
    CHECK(written(scratch, "s/points/0001/result.json") == before);
    // Another seed at every point.
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s --set seed=7").status == 0);
    CHECK(written(scratch, "s/points/0001/result.json") != before);
    const auto seven = written(scratch, "s/points/0001/result.json");
    // Another firmware under the same name.
    scratch.file("board.dtb", read_text(board("quickstart")));
    std::string local = study();
    local.replace(local.find(board("quickstart")), board("quickstart").size(), "board.dtb");
    scratch.file("sizes.yaml", local);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s --set seed=7").status == 0);
    CHECK(written(scratch, "s/points/0001/result.json") != seven);
    const auto first = written(scratch, "s/points/0001/result.json");
    scratch.file("board.dtb", read_text(board("quickstart")) + std::string(8, '\0'));
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s --set seed=7").status == 0);
    CHECK(written(scratch, "s/points/0001/result.json") != first);
}

TEST_CASE("sweep: plan, parts, status and merge come to the same as all at once", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study());
    REQUIRE(run_xlate(scratch, "sweep plan sizes.yaml --out parts -o plan.json").status == 0);
    CHECK(run_xlate(scratch, "sweep status plan.json").out ==
          "sizes: 6 points, 0 done (0 with expectations that fail), 0 without a result, 6 missing\n");
    REQUIRE(run_xlate(scratch, "sweep run plan.json --shard 2/4").status == 0);
    const Said some = run_xlate(scratch, "sweep merge plan.json");
    CHECK(some.status == 1);
    CHECK(some.out.find("| missing |") != std::string::npos);
    for (const char* shard : {"1/4", "3/4", "4/4"})
        REQUIRE(run_xlate(scratch, std::string("sweep run plan.json --shard ") + shard).status == 0);
    CHECK(run_xlate(scratch, "sweep status plan.json").status == 0);
    std::filesystem::copy(scratch.path("plan.json"), scratch.path("parts/plan.json"));  // as `xlate sweep` leaves it
    CHECK(run_xlate(scratch, "sweep status parts").out == run_xlate(scratch, "sweep status plan.json").out);
    REQUIRE(run_xlate(scratch, "sweep merge plan.json").status == 0);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out whole").status == 0);
    CHECK(read_text(scratch.path("parts/sweep.json")) == read_text(scratch.path("whole/sweep.json")));
    for (const char* shard : {"0/4", "5/4", "x", "1", "-1/2"}) {
        INFO(shard);
        const Said wrong = run_xlate(scratch, std::string("sweep run plan.json --shard=") + shard);
        CHECK(wrong.status == 2);
        CHECK(wrong.err.find("--shard: found '") != std::string::npos);
    }
    const Said no_plan = run_xlate(scratch, "sweep run sizes.yaml");
    CHECK(no_plan.status == 2);
    CHECK(no_plan.err.find("sizes.yaml: is not JSON") != std::string::npos);
}

TEST_CASE("sweep: a point that fails or has no result says so, and the others are there", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study());
    const Said failed = run_xlate(scratch, "sweep sizes.yaml --out f --set 'expect=[\"iommus[0].walks < 50\"]'");
    CHECK(failed.status == 1);
    CHECK(failed.out.find("| fails: iommus[0].walks < 50 |") != std::string::npos);
    CHECK(sweep_of(scratch, "f")["points"][0]["failed"].empty());
    CHECK(sweep_of(scratch, "f")["points"][5]["failed"].size() == 1);
    // A limit of host events: what was simulated is there, as status 4, but it is no result of the point.
    const Said limited = run_xlate(scratch, "sweep sizes.yaml --out l --set limits.events=2000");
    CHECK(limited.status == 4);
    CHECK(limited.out.find("status 4, see points/0000/run.log") != std::string::npos);
    CHECK(read_text(scratch.path("l/points/0000/run.log")).find("limit") != std::string::npos);
    CHECK(sweep_of(scratch, "l")["points"][0]["values"] == Json({nullptr, nullptr}));
    // They are tried again.
    REQUIRE(run_xlate(scratch, "sweep run l/plan.json").status == 1);
}

TEST_CASE("sweep: what is wrong with a study is named with its place, before anything is run", "[cli][sweep]") {
    const Scratch scratch;
    const auto wrong = [&](const std::string& text, const std::string& message) {
        scratch.file("w.yaml", "firmware: { devicetree: " + board("quickstart") + " }\n" + text);
        const Said said = run_xlate(scratch, "sweep w.yaml --out w");
        INFO(text << said.err);
        CHECK(said.status == 2);
        CHECK(said.err.find(message) != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(scratch.path("w")));
    };
    wrong("study: { varies: [] }\n",
          "w.yaml:2:10: study.varies: unknown key; expected one of set, sample, repeat, vary, where, columns");
    wrong("study: { vary: { a: 1 } }\n", "w.yaml:2:16: study.vary: found a map; expected a list");
    wrong("study: { vary: [ { path: seed, values: [1] } ] }\n", "key 'name' is missing");
    wrong("study: { vary: [ { name: s, path: seed } ] }\n",
          "expected either path and values, or path, from, to and steps, or path and files, or zip, or points");
    wrong("study: { vary: [ { name: s, path: seed, values: [] } ] }\n", "an axis without a point");
    wrong("study: { vary: [ { name: s, path: seed, values: [1, 1] } ] }\n", "'1' stands there twice");
    wrong("study: { vary: [ { name: s, path: sead, values: [1] } ] }\n",
          "w.yaml:2:35: sead: unknown key (at the point s 1); did you mean 'seed'?");
    wrong("study: { vary: [ { name: s, path: seed, values: [x] } ] }\n", "w.yaml:2:35: seed: ");
    wrong("study: { vary: [ { name: s, zip: [ { path: sead, values: [1] } ] } ] }\n", "w.yaml:2:44: sead: ");
    wrong("study: { vary: [ { name: s, points: [ { name: a, set: { sead: 1 } } ] } ] }\n", "w.yaml:2:57: sead: ");
    wrong("study: { set: { sead: 1 } }\n", "w.yaml:2:17: sead: ");
    wrong("study: { columns: [ { name: c, value: 'masters[' } ] }\n", "w.yaml:2:");
    wrong("study: { vary: [ { name: f, path: firmware.devicetree, values: [no.dtb] } ] }\n",
          "there is no file 'no.dtb'");
    std::string many = "study:\n  vary:\n";
    for (int axis = 0; axis < 6; ++axis)
        many += "    - { name: a" + std::to_string(axis) + ", path: seed, values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }\n";
    scratch.file("m.yaml", "firmware: { devicetree: " + board("quickstart") + " }\n" + many);
    const Said large = run_xlate(scratch, "sweep m.yaml");
    CHECK(large.status == 4);
    CHECK(large.err.find("more than 100000 points") != std::string::npos);
}

TEST_CASE("sweep: a column that no point has says why", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study("    - { name: typo, value: 'iommus[0].walkss' }\n"));
    const Said said = run_xlate(scratch, "sweep sizes.yaml --out s");
    CHECK(said.status == 2);
    CHECK(said.err.find("column 'typo': the result has no 'iommus[0].walkss'; did you mean 'walks'?") !=
          std::string::npos);
    CHECK(std::filesystem::exists(scratch.path("s/table.md")));  // the others are worth having
    // A name without its unit.
    scratch.file("unit.yaml", study("    - { name: typo, value: 'masters[0].latency.mean' }\n"));
    CHECK(run_xlate(scratch, "sweep unit.yaml --out u").err.find("did you mean 'latency_ns'?") != std::string::npos);
}

TEST_CASE("sweep: only what decides about a result is in its key", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study());
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    const std::vector<std::string> before = results(scratch, "s", 6);
    std::vector<std::filesystem::file_time_type> times;
    for (int i = 0; i < 6; ++i) times.push_back(written(scratch, point("s", i)));
    // A comment, another order of keys, and a new column.
    scratch.file("sizes.yaml", "# What was found out meanwhile.\n" +
                                   study("    - { name: faults, value: 'iommus[0].faults' }  # none\n"));
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    for (int i = 0; i < 6; ++i) CHECK(written(scratch, point("s", i)) == times[static_cast<std::size_t>(i)]);
    CHECK(sweep_of(scratch, "s")["points"][5]["values"].size() == 3);
    // One more value of the axis that changes slowest, in front: every number moves, one pair is run.
    std::string more = study();
    more.replace(more.find("values: [16, 64]"), 16, "values: [8, 16, 64]");
    scratch.file("sizes.yaml", more);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    CHECK(results(scratch, "s", 9) == [&] {
        std::vector<std::string> all = results(scratch, "s", 3);
        all.insert(all.end(), before.begin(), before.end());
        return all;
    }());
    for (int i = 0; i < 6; ++i) CHECK(written(scratch, point("s", i + 3)) == times[static_cast<std::size_t>(i)]);
    // And back: what is not planned lies apart, and is found again.
    scratch.file("sizes.yaml", study());
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    for (int i = 0; i < 6; ++i) CHECK(written(scratch, point("s", i)) == times[static_cast<std::size_t>(i)]);
    CHECK_FALSE(std::filesystem::exists(scratch.path("s/points/0006")));
    scratch.file("sizes.yaml", more);
    const auto now = written(scratch, point("s", 0));
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    CHECK(written(scratch, point("s", 3)) == now);
    CHECK_FALSE(std::filesystem::exists(scratch.path("s/earlier")));
    // What decides: any value, also one of the model's defaults.
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s --set soc.memory.latency='61 ns'").status == 0);
    CHECK(written(scratch, point("s", 3)) != now);
}

TEST_CASE("sweep: a point that is not as it was written is run again, and that is said", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study());
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    const std::vector<std::string> before = results(scratch, "s", 6);
    const std::string table = read_text(scratch.path("s/sweep.json"));
    const auto kept = written(scratch, point("s", 5));
    std::string changed = before[0];
    changed.replace(changed.find("\"walks\": "), 9, "\"walks\": 1");
    scratch.file(point("s", 0), changed);                                                  // another number
    scratch.file("s/points/0001/result.json", before[1].substr(0, before[1].size() / 2));  // cut
    scratch.file("s/points/0002/console.log", "");
    std::filesystem::remove(scratch.path("s/points/0003/manifest.json"));
    scratch.file("s/points/0004/point.json", "{");
    CHECK(run_xlate(scratch, "sweep status s/plan.json").status == 1);
    const Said again = run_xlate(scratch, "sweep sizes.yaml --out s");
    CHECK(again.status == 0);
    CHECK(again.err.find("points/0000: result.json is not what was written: run again") != std::string::npos);
    CHECK(again.err.find("points/0001: result.json is not what was written: run again") != std::string::npos);
    CHECK(again.err.find("points/0002: console.log is not what was written: run again") != std::string::npos);
    CHECK(again.err.find("points/0003: manifest.json is gone: run again") != std::string::npos);
    CHECK(again.err.find("points/0004: ") != std::string::npos);
    CHECK(again.err.find("points/0005") == std::string::npos);
    CHECK(results(scratch, "s", 6) == before);
    CHECK(read_text(scratch.path("s/sweep.json")) == table);
    CHECK(written(scratch, point("s", 5)) == kept);
}

TEST_CASE("sweep: point.json of any kind is no bug of ours", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study());
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    const std::string table = read_text(scratch.path("s/sweep.json"));
    std::vector<std::string> texts{"",
                                   "[]",
                                   "null",
                                   R"({"schema": "xlate.point/2"})",
                                   R"({"schema": "xlate.point/2", "key": 7, "status": 0, "manifest": ""})",
                                   R"({"schema": "xlate.point/2", "key": "", "status": "../x", "manifest": ""})",
                                   R"({"schema": "xlate.point/2", "key": "", "status": 1e99, "manifest": ""})",
                                   R"({"schema": 3, "key": "", "status": -1, "manifest": [[]]})",
                                   "\xff\xfe"};
    if (!skip_without("hostile")) {
        for (const auto& entry : std::filesystem::directory_iterator(*corpus() / "hostile")) {
            if (entry.path().filename().string().rfind("points_0000_point.json", 0) == 0)
                texts.push_back(read_text(entry.path().string()));
        }
    }
    for (const std::string& text : texts) {
        INFO(text);
        scratch.file("s/points/0000/point.json", text);
        CHECK(run_xlate(scratch, "sweep status s/plan.json").status == 1);
        CHECK(run_xlate(scratch, "sweep merge s/plan.json").status == 1);
        scratch.file("s/points/0000/point.json", text);
        const Said said = run_xlate(scratch, "sweep sizes.yaml --out s");
        CHECK(said.status == 0);
        CHECK(said.err.find("points/0000: ") != std::string::npos);
        CHECK(read_text(scratch.path("s/sweep.json")) == table);
    }
}

TEST_CASE("sweep: what is run is what was planned, whatever becomes of config and firmware", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("board.dtb", read_text(board("quickstart")));
    std::string local = study();
    local.replace(local.find(board("quickstart")), board("quickstart").size(), "board.dtb");
    scratch.file("sizes.yaml", local);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out whole").status == 0);
    REQUIRE(run_xlate(scratch, "sweep plan sizes.yaml --out parts -o plan.json").status == 0);
    std::string other = local;
    other.replace(other.find("transfers: 200"), 14, "transfers: 300");
    scratch.file("sizes.yaml", other);
    scratch.file("board.dtb", "no device tree any more");
    REQUIRE(run_xlate(scratch, "sweep run plan.json").status == 0);
    REQUIRE(run_xlate(scratch, "sweep merge plan.json").status == 0);
    CHECK(results(scratch, "parts", 6) == results(scratch, "whole", 6));
    CHECK(read_text(scratch.path("parts/sweep.json")) == read_text(scratch.path("whole/sweep.json")));
    // A plan whose firmware was damaged on its way, and one of another build.
    std::string plan = read_text(scratch.path("plan.json"));
    const std::size_t at = plan.find("\"base64\": \"") + 50;
    plan[at] = plan[at] == 'A' ? 'B' : 'A';
    scratch.file("damaged.json", plan);
    CHECK(run_xlate(scratch, "sweep run damaged.json").err.find("is damaged") != std::string::npos);
    plan = read_text(scratch.path("plan.json"));
    const std::size_t digest = plan.find("\"model_sources\": \"") + 20;
    plan[digest] = plan[digest] == 'a' ? 'b' : 'a';
    scratch.file("foreign.json", plan);
    const Said foreign = run_xlate(scratch, "sweep run foreign.json");
    CHECK(foreign.status == 2);
    CHECK(foreign.err.find("was made by another build of xlate") != std::string::npos);
}

TEST_CASE("sweep: kills and a file that was cut end in the same bytes", "[cli][sweep]") {
    const Scratch scratch;
    std::string many = study();
    many.replace(many.find("values: [16, 64]"), 16, "values: [4, 8, 16, 32, 64, 128, 256]");
    scratch.file("sizes.yaml", many);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out whole").status == 0);
    for (const char* seconds : {"0.15", "0.3", "0.45"}) {
        // The driver alone is killed: its points must end with it.
        const Said said =
            run_xlate(scratch, "sweep sizes.yaml --out s -j 2", std::string("timeout --foreground -s KILL ") + seconds);
        CHECK((said.status == 137 || said.status == 0));
    }
    std::error_code ignored;
    if (std::filesystem::exists(scratch.path(point("s", 0)), ignored))
        std::filesystem::resize_file(scratch.path(point("s", 0)), 100);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out s").status == 0);
    CHECK(results(scratch, "s", 21) == results(scratch, "whole", 21));
    CHECK(read_text(scratch.path("s/sweep.json")) == read_text(scratch.path("whole/sweep.json")));
}

TEST_CASE("sweep: an axis that changes no result is said, in every output", "[cli][sweep]") {
    const Scratch scratch;
    std::string idle = study();
    idle.replace(idle.find("path: soc.iommu.tbu.tlb.entries, values: [16, 64]"), 49,
                 "path: soc.pcie.latency, values: [1 ns, 2 ns]");
    scratch.file("idle.yaml", idle);
    const Said said = run_xlate(scratch, "sweep idle.yaml --out s");
    INFO(said.err);
    CHECK(said.status == 0);
    const std::string note = "axis 'entries' changes nothing in any result";
    CHECK(said.err.find(note) != std::string::npos);
    CHECK(said.err.find("axis 'pages'") == std::string::npos);
    CHECK(read_text(scratch.path("s/table.md")).find(note) != std::string::npos);
    CHECK(read_text(scratch.path("s/report.html")).find("changes nothing in any result") != std::string::npos);
    CHECK(sweep_of(scratch, "s")["notes"].size() == 1);
    // One of whose values a warning says that it has no effect is no other result.
    std::string warned = study();
    warned.replace(warned.find("path: soc.iommu.tbu.tlb.entries, values: [16, 64]"), 49,
                   "path: \"traffic[0].stride\", values: [4 KiB, 8 KiB]");
    scratch.file("warned.yaml", warned);
    CHECK(run_xlate(scratch, "sweep warned.yaml --out w").err.find(note) != std::string::npos);
}

TEST_CASE("sweep: names and labels are text in every medium", "[cli][sweep]") {
    if (skip_without("hostile/sweep_escapes.yaml")) return;
    const Scratch scratch;
    scratch.file("escapes.yaml", read_text((*corpus() / "hostile/sweep_escapes.yaml").string()));
    const Said said = run_xlate(scratch, "sweep escapes.yaml --out s",
                                "env XLATE_BOARDS=" + quoted(std::string(binary_dir()) + "/boards"));
    CHECK(said.status == 0);
    const std::string table = read_text(scratch.path("s/table.md"));
    const std::string csv = read_text(scratch.path("s/table.csv"));
    for (const std::string& text : {said.out, said.err, table, read_text(scratch.path("s/report.html"))}) {
        for (const char c : text) REQUIRE((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
    }
    std::size_t rows = 0;
    for (std::size_t at = 0; at < table.size() && table[at] == '|'; at = table.find('\n', at) + 1, ++rows) {
        std::size_t borders = 0;
        for (std::size_t i = at; table[i] != '\n'; ++i)
            borders += table[i] == '|' && (i == 0 || table[i - 1] != '\\') ? 1 : 0;
        CHECK(borders == 3);
    }
    CHECK(rows == 5);
    for (const std::string part : {"<script", "<b>", "[l](javascript", " `x`"})
        CHECK(table.find(part) == std::string::npos);
    CHECK(csv.find("\"'=cmd|' /C calc'!A0\"") != std::string::npos);
    CHECK(csv.find("\r\n=") == std::string::npos);
    const std::string page = read_text(scratch.path("s/report.html"));
    CHECK(page.find("<script") == page.rfind("<script"));  // our own alone
}

TEST_CASE("sweep: what two things would set at once is refused", "[cli][sweep]") {
    const Scratch scratch;
    const auto refused = [&](const std::string& axes, const std::string& message) {
        scratch.file("w.yaml",
                     "firmware: { devicetree: " + board("quickstart") + " }\nstudy: { vary: [ " + axes + " ] }\n");
        const Said said = run_xlate(scratch, "sweep w.yaml --out w");
        INFO(said.err);
        CHECK(said.status == 2);
        CHECK(said.err.find(message) != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(scratch.path("w")));
    };
    const std::string a = "{ name: a, path: soc.memory.latency, values: [60 ns, 61 ns] }, ";
    refused(a + "{ name: b, path: soc.memory.latency, values: [1 ns] }",
            "w.yaml:2:81: study.vary[1]: axis 'b' sets 'soc.memory.latency', which axis 'a' varies");
    refused(a + "{ name: b, path: 'soc[\"memory\"].latency', values: [1 ns] }", "which axis 'a' varies");
    refused(a + "{ name: b, points: [ { name: x, set: { soc.memory.latency: 1 ns } } ] }", "which axis 'a' varies");
    refused(a + "{ name: b, path: soc.memory, values: [ { banks: 8 } ] }",
            "axis 'b' sets 'soc.memory', which axis 'a' varies with 'soc.memory.latency'");
    refused(a + "{ name: a, path: seed, values: [1] }", "there are two axes 'a'");
    scratch.file("ok.yaml",
                 "firmware: { devicetree: " + board("quickstart") +
                     " }\nsoc: { pci: [] }\nstudy: { vary: [ { name: a, path: soc.memory, values: [ {banks: 8} ] }, "
                     "{ name: b, path: soc.memory.latency, values: [1 ns] }, { name: c, path: soc.memory_size, values: "
                     "[x] } ] }\n");
    CHECK(run_xlate(scratch, "sweep plan ok.yaml").err.find("soc.memory_size: unknown key") != std::string::npos);
    scratch.file("sizes.yaml", study());
    const Said set = run_xlate(scratch, "sweep sizes.yaml --out w --set soc.iommu.tbu.tlb.entries=4");
    CHECK(set.status == 2);
    CHECK(set.err.find("--set soc.iommu.tbu.tlb.entries: the study's axis 'entries' varies it") != std::string::npos);
}

TEST_CASE("sweep: a build's digest of its sources is of their contents and places alone", "[cli][sweep]") {
    const Scratch scratch;
    const auto digest = [&](const std::string& root) {
        const std::string command = "cmake -DSOURCE_DIR=" + quoted(scratch.path(root)) +
                                    " -DROOMS=a,b -DOUTPUT=" + quoted(scratch.path("out.cpp")) + " -P " +
                                    quoted(std::string(source_dir()) + "/scripts/model_sources.cmake");
        REQUIRE(std::system(command.c_str()) == 0);
        return read_text(scratch.path("out.cpp"));
    };
    for (const char* directory : {"one/a", "one/b", "two/a", "two/b"})
        std::filesystem::create_directories(scratch.path(directory));
    for (const std::string root : {"one", "two"}) {
        scratch.file(root + "/a/x.cpp", "int x;\n");
        scratch.file(root + "/b/y.hpp", "int y; // [a;b]\n");
    }
    const std::string first = digest("one");
    CHECK(first.find("model_sources()") != std::string::npos);
    CHECK(digest("two") == first);
    scratch.file("two/README.md", "no source");
    CHECK(digest("two") == first);
    scratch.file("two/b/y.hpp", "int z; // [a;b]\n");
    CHECK(digest("two") != first);
    scratch.file("two/b/y.hpp", "int y; // [a;b]\n");
    std::filesystem::rename(scratch.path("two/a/x.cpp"), scratch.path("two/b/x.cpp"));
    CHECK(digest("two") != first);
}

TEST_CASE("sweep: an interrupt is status 130, and the same command goes on", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study());
    const Said first = run_xlate(scratch, "sweep sizes.yaml --out s -j 1 --set 'traffic[0].transfers=1000000000'",
                                 "timeout --foreground --preserve-status --signal=INT 2");
    CHECK(first.status == 130);
    CHECK(first.err.find("interrupted; the same command goes on") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(scratch.path("s/points/0001")));
    CHECK(run_xlate(scratch, "sweep status s/plan.json").out.find("6 missing") != std::string::npos);
}

TEST_CASE("sweep: Slurm is given an array of jobs, each a part of the plan", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study());
    // An sbatch that runs the jobs of the array here, one after the other.
    scratch.file("sbatch",
                 "#!/bin/sh\n"
                 "for word; do case $word in --array=1-*) last=${word#--array=1-};; *job.sh) job=$word;; esac; done\n"
                 "echo \"$@\" > sbatch.txt\n"
                 "for i in $(seq $last); do SLURM_ARRAY_TASK_ID=$i sh \"$job\" || exit 1; done\n");
    std::filesystem::permissions(scratch.path("sbatch"), std::filesystem::perms::owner_all);
    const Said said = run_xlate(scratch, "sweep sizes.yaml --out s --engine slurm -j 4", "env PATH=.:$PATH");
    INFO(said.err);
    CHECK(said.status == 0);
    CHECK(read_text(scratch.path("sbatch.txt")).find("--wait --quiet --job-name=xlate-sizes --array=1-4") == 0);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out here").status == 0);
    CHECK(read_text(scratch.path("s/sweep.json")) == read_text(scratch.path("here/sweep.json")));
    // Patterns of Slurm's stay what they are in a directory's name; a job's name is one word.
    scratch.file("odd.yaml", "name: \"100 %j\\n/x\"\n" + study().substr(study().find('\n') + 1));
    CHECK(run_xlate(scratch, "sweep odd.yaml --engine slurm -j 2 --out '100%j'", "env PATH=.:$PATH").status == 0);
    CHECK(read_text(scratch.path("sbatch.txt")).find("--job-name=xlate-100 %j__x ") != std::string::npos);
    CHECK(read_text(scratch.path("sbatch.txt")).find("/100%%j/slurm/%a.log") != std::string::npos);
    scratch.file("sbatch", "#!/bin/sh\nexit 3\n");
    const Said refused = run_xlate(scratch, "sweep sizes.yaml --out u --engine slurm", "env PATH=.:$PATH");
    CHECK(refused.status == 4);
    CHECK(refused.err.find("sbatch ended with status 3") != std::string::npos);
    scratch.file("sbatch", "#!/bin/sh\nexec sleep 60\n");
    const Said stopped = run_xlate(scratch, "sweep sizes.yaml --out v --engine slurm",
                                   "env PATH=.:$PATH timeout --foreground --preserve-status --signal=INT 1");
    CHECK(stopped.status == 130);
    CHECK(stopped.err.find("Slurm's jobs go on") != std::string::npos);
    const Said none = run_xlate(scratch, "sweep sizes.yaml --out t --engine slurm", "env PATH=/nowhere");
    CHECK(none.status == 2);
    CHECK(none.err.find("there is no sbatch here") != std::string::npos);
}

TEST_CASE("sweep: two sweeps are compared point by point, with tolerances by column", "[cli][sweep]") {
    const Scratch scratch;
    scratch.file("sizes.yaml", study());
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out a").status == 0);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out b").status == 0);
    CHECK(run_xlate(scratch, "compare a b").out == "the same\n");
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out c --set seed=2").status == 0);
    const Said differs = run_xlate(scratch, "compare a c/sweep.json --junit c.xml");
    CHECK(differs.status == 1);
    CHECK(differs.out.find("[\"64, some\"].digest: ") != std::string::npos);
    CHECK(read_text(scratch.path("c.xml")).find("<failure") != std::string::npos);
    CHECK(run_xlate(scratch, "compare a c --tolerance walks=100 --tolerance 'hit rate=100'").status == 0);
    REQUIRE(run_xlate(scratch, "sweep sizes.yaml --out d --set 'expect=[\"iommus[0].walks < 50\"]'").status == 1);
    CHECK(run_xlate(scratch, "compare a d").out.find("[\"64, many\"].failed: ") != std::string::npos);
    const Said mixed = run_xlate(scratch, "compare a a/points/0000");
    CHECK(mixed.status == 2);
    CHECK(mixed.err.find("two of a kind") != std::string::npos);
    scratch.file("sweep.json", R"({"schema": "xlate.sweep/1", "points": [{}]})");
    CHECK(run_xlate(scratch, "compare a sweep.json").status == 2);
}

TEST_CASE("sweep: ranges, lists that go together, and a bound on the points", "[cli][sweep]") {
    const Scratch scratch;
    const auto plan = [&](const std::string& axis, const std::string& options = "") {
        scratch.file("s.yaml",
                     "firmware: { generate: devicetree }\nsoc: { pci: [] }\nstudy:\n  vary:\n    - " + axis + "\n");
        return run_xlate(scratch, "sweep plan s.yaml" + options);
    };
    const auto labels = [&](const std::string& axis) {
        const Said said = plan(axis);
        INFO(said.err);
        REQUIRE(said.status == 0);
        const nlohmann::json plan_json = nlohmann::json::parse(said.out);
        std::string all;
        for (const auto& point : plan_json["points"]) all += point["labels"][0].get<std::string>() + " ";
        return all;
    };
    CHECK(labels("{ name: n, path: soc.memory.banks, from: 16, to: 1024, steps: 4, scale: log }") == "16 64 256 1024 ");
    CHECK(labels("{ name: n, path: soc.memory.latency, from: 10, to: 20, steps: 3, unit: ns }") ==
          "10 ns 15 ns 20 ns ");
    CHECK(labels("{ name: n, path: seed, from: 1, to: 3, steps: 9 }") == "1 2 3 ");  // each once
    CHECK(labels("{ name: n, zip: [ { path: seed, values: [1, 2] }, { path: soc.memory.banks, values: [8, 16] } ] }") ==
          "1 / 8 2 / 16 ");
    CHECK(
        plan("{ name: n, path: seed, from: 3, to: 1, steps: 3 }").err.find("study.vary[0].from: 3 to 1 is no range") !=
        std::string::npos);
    CHECK(plan("{ name: n, path: seed, from: 0, to: 9, steps: 3, scale: log }").status == 2);
    CHECK(plan("{ name: n, path: seed, from: 1, steps: 3 }").err.find("a range needs from, to and steps") !=
          std::string::npos);
    CHECK(plan("{ name: n, path: seed, values: [1], from: 1, to: 2, steps: 2 }").err.find("what varies is not clear") !=
          std::string::npos);
    CHECK(plan("{ name: n, zip: [ { path: seed, values: [1, 2] }, { path: soc.memory.banks, values: [8] } ] }")
              .err.find("has 1 values, the first list 2") != std::string::npos);
    const Said many = plan("{ name: n, path: seed, from: 1, to: 100, steps: 100 }", " --max-points 99");
    CHECK(many.status == 4);
    CHECK(many.err.find("100 points; expected at most 99 (--max-points)") != std::string::npos);
    CHECK(plan("{ name: n, path: seed, from: 1, to: 100, steps: 100 }", " --max-points 100").status == 0);
}
