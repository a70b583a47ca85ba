// Headless Chromium, where it is there.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include "tests/cli/program.hpp"

namespace xlate::tests {

/// The browser's command; nothing, and a word about it, where there is none.
inline std::optional<std::string> browser() {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
        if (std::system((std::string("command -v ") + name + " > /dev/null").c_str()) == 0) return name;
    }
    WARN("no Chromium here: reports are not looked at in a browser");
    return std::nullopt;
}

struct Browsed {
    std::string dom;
    std::string console;  ///< lines that the page or the browser logged about it
};

/// Opens `page` (a file in scratch), waits for its scripts, and gives what then stands there. `options`: more of
/// Chromium's.
inline Browsed browse(const Scratch& scratch, const std::string& command, const std::string& page,
                      const std::string& options = "") {
    const std::string run =
        "cd " + quoted(scratch.path("")) + " && HOME=" + quoted(scratch.path("")) + " timeout 120 " + command +
        " --headless --no-sandbox --disable-gpu --disable-extensions --no-first-run --disable-background-networking"
        " --disable-component-update --user-data-dir=" +
        quoted(scratch.path("profile")) + " --enable-logging=stderr --host-resolver-rules='MAP * ~NOTFOUND'" +
        " --virtual-time-budget=20000 " + options + " --dump-dom 'file://" + scratch.path(page) +
        "' > dom.html 2> browser.log";
    CHECK(std::system(run.c_str()) == 0);
    Browsed seen;
    seen.dom = read_text(scratch.path("dom.html"));
    const std::string log = read_text(scratch.path("browser.log"));
    for (std::size_t at = 0; at < log.size();) {
        const std::size_t end = std::min(log.find('\n', at), log.size());
        const std::string line = log.substr(at, end - at);
        if (line.find("CONSOLE") != std::string::npos) seen.console += line + "\n";
        at = end + 1;
    }
    return seen;
}

}  // namespace xlate::tests
