// One function a subcommand: options in, exit status out. Errors are thrown; app.cpp prints them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "study/init/device/device_question.hpp"

namespace xlate::cli {

struct RunArguments {
    std::string config;
    std::vector<std::string> sets;  ///< PATH=VALUE
    std::string variant;            ///< empty: the config's; "help": the table of variants
    std::optional<std::uint64_t> seed;
    std::string out;  ///< empty: out/<name>
    std::string junit;
    bool trace = false;
    bool sqlite = false;
    bool transactions = false;
    bool sanitize = false;
    bool quiet = false;
};
ExitStatus run_command(const RunArguments& arguments);

struct InspectArguments {
    std::vector<std::string> inputs;  ///< a device tree, tables, or a config
    bool json = false;
    std::string why;      ///< a device: only the way to its id
    std::string variant;  ///< of which kernel the groups are; empty: as far as firmware alone decides
};
ExitStatus inspect_command(const InspectArguments& arguments);

struct InitArguments {
    std::string out;  ///< empty: stdout
    std::vector<std::string> firmware;
    std::string qemu_command;      ///< file
    std::string kernel_log;        ///< file
    std::string lspci;             ///< file
    study::QuestionText question;  ///< a device instead of a board
    bool ask = false;              ///< for what is not given of that
    bool force = false;            ///< also over a file that holds something else
};
ExitStatus init_command(const InitArguments& arguments);

struct WhyArguments {
    std::string run;     ///< its directory, or a config
    std::string master;  ///< empty: all
    unsigned jobs = 0;   ///< 0: one a CPU
    std::uint64_t transfers = 100'000;
    bool json = false;
};
ExitStatus why_command(const WhyArguments& arguments);

struct ConfigArguments {
    std::string first;
    std::string second;  ///< of diff
    std::vector<std::string> sets;
};
ExitStatus config_show_command(const ConfigArguments& arguments);
/// 0 if they are the same, 1 if not.
ExitStatus config_diff_command(const ConfigArguments& arguments);

ExitStatus schema_command(const std::string& what);

struct CompareArguments {
    std::string first;
    std::string second;
    std::vector<std::string> tolerances;  ///< METRIC=PCT
    std::vector<std::string> metrics;     ///< PATTERN[:DIRECTION][=PCT]; none: everything
    std::string markdown;                 ///< file; "-": instead of the text
    std::string junit;
    bool update_baseline = false;  ///< B is written over A
};
ExitStatus compare_command(const CompareArguments& arguments);

/// `directory`: of a run or a sweep.
struct ReportArguments {
    std::string first;
    std::string second;  ///< empty: one alone
    std::string out;     ///< empty: report.html there
};
ExitStatus report_command(const ReportArguments& arguments);

struct ExploreArguments {
    std::string config;
    bool list = false;  ///< print the race index instead
    bool rows = false;  ///< print the rows of the series instead
    std::vector<std::string> sets;
    std::string variant;
    bool matrix = false;
    std::string strategy;  ///< empty: the config's
    std::optional<std::uint64_t> budget;
    std::string time;
    unsigned jobs = 0;  ///< 0: the config's
    std::optional<std::uint64_t> seed;
    bool json = false;
    std::string junit;
    std::string out;
};
ExitStatus explore_command(const ExploreArguments& arguments);

struct ReplayArguments {
    std::string what;      ///< a token, or a config
    std::string schedule;  ///< the token, if `what` is a config
    std::string trace;     ///< the file; empty: none
};
ExitStatus replay_command(const ReplayArguments& arguments);

struct DiffKernelsArguments {
    std::vector<std::string> what;  ///< two variants and a config or device tree; with `matrix` the latter alone
    std::vector<std::string> sets;
    bool matrix = false;  ///< every variant
    bool json = false;
};
/// 0 if nothing differs, 1 if something does.
ExitStatus diff_kernels_command(const DiffKernelsArguments& arguments);

struct CalibrateArguments {
    std::string trace;
    std::string out;  ///< empty: stdout
    bool json = false;
};
ExitStatus calibrate_command(const CalibrateArguments& arguments);

struct CommandFacts;

struct ManualArguments {
    std::vector<std::string> command;  ///< none: the program itself
    std::string out;                   ///< directory for all pages; empty: one, to stdout
};
ExitStatus manual_command(const CommandFacts& top, const ManualArguments& arguments);

struct DecodeArguments {
    std::vector<std::string> what;  ///< a kind, then words or files; no words or files: stdin
    bool json = false;
};
ExitStatus decode_command(const DecodeArguments& arguments);

struct SweepArguments {
    std::string file;  ///< the study, or the plan
    std::vector<std::string> sets;
    std::string engine = "local";
    std::string out;                       ///< directory; empty: out/<name>
    std::string plan;                      ///< of `plan`: file to write; empty: stdout
    std::string shard;                     ///< of `run`: "I/N"; empty: all
    unsigned jobs = 0;                     ///< 0: one a CPU
    std::uint64_t max_points = 0;          ///< more are refused; 0: only the largest number that there can be
    std::string junit;                     ///< file
    std::vector<std::string> sbatch;       ///< options for it, as they are
    std::optional<double> progress_every;  ///< seconds between lines in a log; 0: none
    bool json = false;
};
ExitStatus sweep_command(const SweepArguments& arguments);
ExitStatus sweep_plan_command(const SweepArguments& arguments);
ExitStatus sweep_run_command(const SweepArguments& arguments);
ExitStatus sweep_merge_command(const SweepArguments& arguments);
/// 0 if every point has a result.
ExitStatus sweep_status_command(const SweepArguments& arguments);

}  // namespace xlate::cli
