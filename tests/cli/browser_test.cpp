// Reports in headless Chromium: nothing on the console, nothing asked of a network, the controls do what they say, and
// axe-core finds nothing where XLATE_AXE names its axe.min.js (npm: axe-core).
#include <filesystem>

#include <nlohmann/json.hpp>

#include "tests/cli/browser.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

const std::string kConfigs = std::string(source_dir()) + "/configs/";

/// What the script makes of the page: JSON that it leaves in the body's data-result.
Json after(const Scratch& scratch, const std::string& command, const std::string& page, const std::string& script,
           const std::string& options = "") {
    std::string text = read_text(scratch.path(page));
    const std::size_t end = text.rfind("</body>");
    REQUIRE(end != std::string::npos);
    text.insert(end, "<script>" + script + "</script>");
    scratch.file("with-script.html", text);
    const Browsed seen = browse(scratch, command, "with-script.html", options);
    INFO(seen.console);
    CHECK(seen.console.empty());
    const std::size_t at = seen.dom.find("data-result=\"");
    REQUIRE(at != std::string::npos);
    std::string json = seen.dom.substr(at + 13, seen.dom.find('"', at + 13) - at - 13);
    for (const auto& [from, to] : {std::pair{"&quot;", "\""}, {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}}) {
        for (std::size_t i = json.find(from); i != std::string::npos; i = json.find(from, i + 1))
            json.replace(i, std::string(from).size(), to);
    }
    return Json::parse(json);
}

/// Switches the first line of the first chart off, zooms in, and says what has come of it.
const char* const kTry = R"js(
const result = {};
result.asked = performance.getEntriesByType('resource').map(e => e.name);
result.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const figure = [...document.querySelectorAll('figure.chart')].find(f => f.querySelector('.legend button') && f.querySelector('svg[data-domain]'));
result.figure = !!figure;
if (figure) {
  const toggle = figure.querySelector('.legend button'), line = figure.querySelector('svg [data-line="0"]');
  toggle.click(); result.off = line.classList.contains('off') && toggle.getAttribute('aria-pressed') === 'false';
  toggle.click(); result.on = !line.classList.contains('off') && toggle.getAttribute('aria-pressed') === 'true';
  const plot = figure.querySelector('.plot'), buttons = figure.querySelectorAll('.tools button'), before = plot.getAttribute('viewBox');
  buttons[0].click();
  const now = plot.getAttribute('viewBox').split(' ').map(Number); result.zoomed = Math.abs(now[0] - 250) < 1e-3 && Math.abs(now[2] - 500) < 1e-3 && before === '0 0 1000 1000';
  buttons[4].click(); result.whole = plot.getAttribute('viewBox') === '0 0 1000 1000';
  const svg = figure.querySelector('svg[data-domain]'), box = svg.getBoundingClientRect();
  svg.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + box.width / 2, clientY: box.top + 20 }));
  result.readout = figure.querySelector('.readout').textContent;
}
document.body.dataset.result = JSON.stringify(result);
)js";

void check_in_browser(const Scratch& scratch, const std::string& command, const std::string& page, bool narrow) {
    INFO(page);
    for (const std::string window : {"1200,1000", "400,900"}) {
        if (window == "400,900" && !narrow) continue;
        INFO(window);
        const Json result = after(scratch, command, page, kTry, "--window-size=" + window);
        CHECK(result["asked"].empty());
        CHECK(result["wide"] <= 0);  // nothing sticks out: what is wide scrolls by itself
        REQUIRE(result["figure"] == true);
        for (const char* done : {"off", "on", "zoomed", "whole"}) {
            INFO(done);
            CHECK(result[done] == true);
        }
        CHECK(result["readout"].get<std::string>().size() > 3);
    }
    const char* const axe = std::getenv("XLATE_AXE");
    if (axe == nullptr) return;
    const Json found =
        after(scratch, command, page,
              read_text(axe) +
                  "\naxe.run().then(r => { document.body.dataset.result = JSON.stringify(r.violations.map(v => "
                  "v.impact + ' ' + v.id + ': ' + v.nodes.length + ' ' + v.nodes[0].html.slice(0, 120))); });");
    INFO(found.dump(1));
    CHECK(found.empty());
}

}  // namespace

TEST_CASE("browser: reports of four runs work, wide and narrow", "[cli][report][browser]") {
    const std::optional<std::string> command = browser();
    if (!command) return;
    const Scratch scratch;
    for (const std::string name : {"quickstart", "unmap_mid_traffic", "riscv", "studies/race-window"}) {
        run_xlate(scratch, "run " + quoted(kConfigs + name + ".yaml") + " --quiet --out r");
        REQUIRE(run_xlate(scratch, "report r").status == 0);
        check_in_browser(scratch, *command, "r/report.html", name == "quickstart");
    }
}

TEST_CASE("browser: reports of two sweeps, and two side by side, work", "[cli][report][browser]") {
    const std::optional<std::string> command = browser();
    if (!command) return;
    const Scratch scratch;
    const std::string few = " --set 'traffic[0].transfers=200' --set 'expect=[]'";
    REQUIRE(run_xlate(scratch, "sweep " + quoted(kConfigs + "studies/ecmdq.yaml") + few + " --out a").status == 0);
    REQUIRE(run_xlate(scratch, "sweep " + quoted(kConfigs + "studies/unmap-policy.yaml") + few + " --out b").status ==
            0);
    check_in_browser(scratch, *command, "a/report.html", true);
    check_in_browser(scratch, *command, "b/report.html", false);
    REQUIRE(run_xlate(scratch, "report a a --out same.html").status == 0);
    check_in_browser(scratch, *command, "same.html", false);
    REQUIRE(run_xlate(scratch, "run " + quoted(kConfigs + "quickstart.yaml") + " --quiet --out one").status == 0);
    REQUIRE(run_xlate(scratch, "run " + quoted(kConfigs + "quickstart.yaml") + " --quiet --out two --seed 7").status <=
            1);
    REQUIRE(run_xlate(scratch, "report one two").status == 0);
    check_in_browser(scratch, *command, "side-by-side.html", true);
}
