// `xlate report`: a page of a run, a page of a sweep.
#include <filesystem>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
    return count;
}

/// Every element that we use is closed, and nothing outside of the file is asked for.
void check_page(const std::string& page) {
    CHECK(page.find("<!doctype html>") == 0);
    for (const std::string tag : {"html", "head", "body", "table", "tr", "td", "th", "div", "svg", "figure", "h2", "h3",
                                  "ul", "li", "p", "text"}) {
        INFO(tag);
        CHECK(count_of(page, "<" + tag + ">") + count_of(page, "<" + tag + " ") == count_of(page, "</" + tag + ">"));
    }
    CHECK(count_of(page, "<script") == 1);  // our own
    CHECK(page.find("http") == std::string::npos);
    CHECK(count_of(page, "<svg viewBox") == count_of(page, "role=\"img\""));
    for (const char* nothing : {">nan", "\"nan", ",nan", " nan"}) CHECK(page.find(nothing) == std::string::npos);
}

}  // namespace

TEST_CASE("report: a run's page has its expectations, masters, breakdown, groups and boot", "[cli][report]") {
    const Scratch scratch;
    REQUIRE(
        run_xlate(scratch, "run " + quoted(std::string(source_dir()) + "/configs/quickstart.yaml") + " --quiet --out r")
            .status == 0);
    const Said said = run_xlate(scratch, "report r");
    REQUIRE(said.status == 0);
    CHECK(said.out == "r/report.html\n");
    const std::string page = read_text(scratch.path("r/report.html"));
    check_page(page);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    for (const char* part : {"<h1>quickstart</h1>", "<summary>All 6 expectations hold</summary>", "holds",
                             "Where the time of a transfer went", "<h2>Groups (4)</h2>", "first DMA",
                             "iommu_probe_device_lock", "<h2>The SoC</h2>", "<h2>Latency</h2>", "<h2>Over time</h2>",
                             "CPUs during the boot", "Probe latency by device", "<h2>The config</h2>"}) {
        INFO(part);
        CHECK(page.find(part) != std::string::npos);
    }
    CHECK(page.find(result["digest"].get<std::string>()) != std::string::npos);
    CHECK(count_of(page, "<rect ") >= 4 * 3);  // parts of four masters
    CHECK(page.find("FAILS") == std::string::npos);
    // The same again.
    REQUIRE(run_xlate(scratch, "report r").status == 0);
    CHECK(read_text(scratch.path("r/report.html")) == page);
}

TEST_CASE("report: faults, crashes and expectations that fail stand out", "[cli][report]") {
    const Scratch scratch;
    const std::string config = quoted(std::string(source_dir()) + "/configs/studies/race-window.yaml");
    run_xlate(scratch, "run " + config + " --quiet --out crash");
    REQUIRE(run_xlate(scratch, "report crash").status == 0);
    const std::string crash = read_text(scratch.path("crash/report.html"));
    check_page(crash);
    CHECK(crash.find("<h3>Crashes (1)</h3>") != std::string::npos);
    CHECK(crash.find("<h3>Data races") != std::string::npos);
    run_xlate(scratch, "run " + config + " --quiet --out faults --set 'kernel.modules[1].at=56440 ns'");
    REQUIRE(run_xlate(scratch, "report faults").status == 0);
    const std::string faults = read_text(scratch.path("faults/report.html"));
    check_page(faults);
    CHECK(faults.find("<h2>Faults (1000)</h2>") != std::string::npos);
    CHECK(faults.find("more in result.json") != std::string::npos);
    // Two devices with 500 faults each are two rows; one by one is unfolded.
    const std::size_t kinds = faults.find("aria-label=\"Faults by device and reason\"");
    REQUIRE(kinds != std::string::npos);
    const std::string rows = faults.substr(kinds, faults.find("</table>", kinds) - kinds);
    CHECK(count_of(rows, "<tr class=\"bad\">") == 2);
    CHECK(count_of(rows, "<td>500</td>") == 2);
    CHECK(faults.find("<details><summary>one by one</summary>") != std::string::npos);
    CHECK(faults.find("<tr class=\"bad\"><th scope=\"row\" class=\"left\">kernel.oops == 1</th>") != std::string::npos);
}

TEST_CASE("report: names are text, whatever they contain", "[cli][report]") {
    const Scratch scratch;
    scratch.file("x.yaml", "name: '<script>alert(1)</script> & \"q\"'\nfirmware: { devicetree: " + board("quickstart") +
                               " }\n" + "expect: [ '\"<b>\" == \"<b>\"' ]\n");
    REQUIRE(run_xlate(scratch, "run x.yaml --quiet --out x").status == 0);
    REQUIRE(run_xlate(scratch, "report x").status == 0);
    const std::string page = read_text(scratch.path("x/report.html"));
    check_page(page);
    CHECK(page.find("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;q&quot;") != std::string::npos);
}

TEST_CASE("report: a sweep's page has a chart a column and every point", "[cli][report]") {
    const Scratch scratch;
    REQUIRE(
        run_xlate(scratch, "sweep " + quoted(std::string(source_dir()) + "/configs/studies/ecmdq.yaml") + " --out s")
            .status == 0);
    const std::string page = read_text(scratch.path("s/report.html"));
    check_page(page);
    // Five columns over each of two axes, and trade-offs.
    CHECK(count_of(page, " over CPUs</h3>") == 5);
    CHECK(count_of(page, " over queues</h3>") == 5);
    CHECK(count_of(page, "<h2>Trade-offs</h2>") == 1);
    CHECK(count_of(page, "<h2>Main effects and interactions</h2>") == 1);
    const std::string over_cpus =
        page.substr(page.find("<h2>Over CPUs"), page.find("<h2>Over queues") - page.find("<h2>Over CPUs"));
    CHECK(count_of(over_cpus, "<polyline ") == 10);  // with and without ECMDQs
    CHECK(count_of(over_cpus, "<circle ") == 40);
    const std::string points = page.substr(page.find("<h2>Points"));
    CHECK(count_of(points, "<tr>") == 9);
    std::filesystem::remove(scratch.path("s/report.html"));
    REQUIRE(run_xlate(scratch, "report s").status == 0);
    CHECK(read_text(scratch.path("s/report.html")) == page);
}

TEST_CASE("report: what is no result, or half of one, is named", "[cli][report]") {
    const Scratch scratch;
    const Said nothing = run_xlate(scratch, "report nowhere");
    CHECK(nothing.status == 2);
    CHECK(nothing.err.find("nowhere/result.json: cannot be read") != std::string::npos);
    std::filesystem::create_directory(scratch.path("half"));
    scratch.file("half/result.json", R"({"schema": "xlate.result/1", "name": "half"})");
    const Said half = run_xlate(scratch, "report half");
    CHECK(half.status == 2);
    CHECK(half.err.find("half/result.json: is incomplete") != std::string::npos);
    CHECK(half.err.find("json.exception") == std::string::npos);
    CHECK_FALSE(std::filesystem::exists(scratch.path("half/report.html")));
    scratch.file("half/result.json", R"({"schema": "xlate.result/1", "name": [1], "sim": 3, "masters": {"a": 1}})");
    CHECK(run_xlate(scratch, "report half").err.find("half/result.json: 'masters' is no list") != std::string::npos);
    scratch.file("half/result.json", R"({"schema": "xlate.result/1", "sim": {"end_ns": 1, "end_ns": 2}})");
    for (const char* const command : {"report half", "compare half half"}) {
        const Said twice = run_xlate(scratch, command);
        CHECK(twice.status == 2);
        CHECK(twice.err.find("half/result.json: key 'end_ns' is there twice in one object") != std::string::npos);
    }
    // Types and places are those of the schema.
    const std::pair<const char*, const char*> others[] = {
        {R"({"schema": "xlate.result/1", "name": [1]})", "half/result.json: name: is a list; expected text"},
        {R"({"schema": "xlate.result/1", "masters": [{}, "x"]})",
         "half/result.json: masters[1]: is text; expected an object"},
        {R"({"schema": "xlate.result/1", "masters": [{"atc": {"hits": 1.5}}]})",
         "half/result.json: masters[0].atc.hits: is a number; expected a whole number"}};
    for (const auto& [text, message] : others) {
        scratch.file("half/result.json", text);
        for (const char* const command : {"report half", "compare half half"}) {
            const Said wrong = run_xlate(scratch, command);
            CHECK(wrong.status == 2);
            CHECK(wrong.err == std::string(message) + "\n");
        }
    }
    const std::string start = R"({"schema": "xlate.sweep/1", "name": "x", "study": "y", )";
    const std::string points =
        R"("points": [{"labels": ["a"], "state": "done", "status": 0, "failed": [], "values": [1]},
                      {"labels": ["b"], "state": "done", "status": 0, "failed": [], "values": [2]}])";
    for (const std::string rest :
         {R"("points": [{}])", R"("points": 3)", R"("axes": "a", "columns": [{"name": "c"}], )",
          R"("axes": [], "columns": [{"name": "c"}, {"name": "d"}], )",
          R"("axes": [1], "columns": [{"name": "c"}], )"}) {
        INFO(rest);
        scratch.file("half/sweep.json", start + rest + (rest.back() == ' ' ? points : "") + "}");
        const Said said = run_xlate(scratch, "report half");
        CHECK(said.status == 2);
        CHECK(said.err.find("half/sweep.json: is incomplete") != std::string::npos);
    }
    scratch.file("half/sweep.json", start + R"("axes": [], "columns": [{"name": "c"}], )" + points + "}");
    CHECK(run_xlate(scratch, "report half").status == 0);
}
