// One run: firmware and config in, a booted kernel and its traffic, results out.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "study/config/config.hpp"
#include "study/run/firmware_input.hpp"

namespace xlate::study {

class RunWatch;

struct RunOptions {
    std::string out;         ///< directory of the results; empty: no files
    std::string junit;       ///< file; empty: none
    bool trace = false;      ///< also trace.pftrace in `out`
    bool series = false;     ///< also series.json and stats.csv
    bool database = false;   ///< also those two and run.sqlite
    bool transfers = false;  ///< a row a transaction in it
    bool progress = false;   ///< a line on stderr while it runs
    const std::string* config_text =
        nullptr;                             ///< what was read of the config's file; nullptr: it is read for its digest
    const PlannedFiles* firmware = nullptr;  ///< its firmware, read before; nullptr: found and read
    RunWatch* watch = nullptr;               ///< looks on
    soc::TraceSink* listener = nullptr;      ///< hears of transactions; without `trace`
    bool busy = false;                       ///< also RunReport::busy
};

struct RunReport {
    nlohmann::ordered_json result;
    std::string console;
    ExitStatus status = ExitStatus::ok;
    std::string why;                 ///< one line if status is not ok
    nlohmann::ordered_json busy;     ///< a list a master: [{resource, share}], the busiest first (limited_by.hpp)
    std::vector<std::string> notes;  ///< also to be said where nothing else is printed
};

/// Runs `config` to its end. Once a process: SystemC elaborates once. `config` gets what was left to us filled in.
/// Status: failed if an expectation does not hold or the kernel crashed and no expectation that holds speaks of
/// kernel.oops; limit and interrupted as the SoC says, with everything up to then in the result.
/// Errors: InputError for config and firmware.
RunReport run(Config& config, const RunOptions& options);

/// From a signal handler: the run under way ends soon, as interrupted. False if none is being simulated.
bool interrupt_run();

/// How far the run under way is, for a handler that may not allocate: at most `size` bytes into `text`. Nothing if
/// none is being simulated.
void describe_progress(char* text, std::size_t size);

}  // namespace xlate::study
