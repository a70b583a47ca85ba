#include "cli/app.hpp"

#include <cstdio>
#include <exception>
#include <functional>
#include <new>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "cli/built_from.hpp"
#include "cli/command_tree.hpp"
#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "cli/usage_error.hpp"
#include "study/config/config.hpp"
#include "study/decode/decode.hpp"
#include "study/run/model_version.hpp"

namespace xlate::cli {
namespace {

/// What a command's help ends with: lines that run as they stand, in the folder of this repository.
void examples(CLI::App* command, const char* lines) { command->footer(std::string("Example:\n") + lines); }

/// The parser of the library takes "-1" and more than 64 bits for other numbers.
std::string refuse_no_number(std::string& text) {
    const xlate::Parsed<std::uint64_t> number = parse_integer(text);
    return number ? std::string() : "found '" + printable(text) + "', expected a whole number from 0 to 2^64 - 1";
}
std::string refuse_empty(std::string& text) { return text.empty() ? "found '', expected a path" : std::string(); }

CLI::Validator whole_number() { return CLI::Validator(refuse_no_number, ""); }
CLI::Validator path() { return CLI::Validator(refuse_empty, ""); }

/// Options and what they set. CLI11 keeps references into it.
struct Parsed {
    RunArguments run;
    InspectArguments inspect;
    InitArguments init;
    ConfigArguments config;
    CompareArguments compare;
    ExploreArguments explore;
    ReplayArguments replay;
    std::string schema = "config";
    ReportArguments report;
    SweepArguments sweep;
    DecodeArguments decode;
    CalibrateArguments calibrate;
    DiffKernelsArguments diff_kernels;
    WhyArguments why;
    std::string shell;
    ManualArguments manual;
    std::function<ExitStatus()> call;
};

void add_run(CLI::App& app, Parsed& p) {
    CLI::App* run = app.add_subcommand("run", "Boot a board and run its traffic");
    examples(run,
             "  xlate run configs/quickstart.yaml\n  xlate run configs/quickstart.yaml --set 'traffic[0].size=256 B' "
             "--out out/smaller");
    run->add_option("CONFIG", p.run.config, "CONFIG.yaml or BOARD.dtb; '-': stdin");
    run->add_option("--set", p.run.sets, "PATH=VALUE: set one value of the config")->allow_extra_args(false);
    run->add_option("--variant", p.run.variant, "version of the kernel model; 'help' lists them");
    run->add_option("--seed", p.run.seed, "seed of every random stream")->check(whole_number());
    run->add_option("--out", p.run.out, "directory of the results (default: out/NAME)")->check(path());
    run->add_flag("--trace", p.run.trace, "also write trace.pftrace");
    run->add_flag("--sqlite", p.run.sqlite, "also write run.sqlite");
    run->add_flag("--transactions", p.run.transactions, "the same, with a row for each transaction");
    run->add_flag("--sanitize", p.run.sanitize, "look for stale translations (kernel.sanitizer)");
    run->add_option("--junit", p.run.junit, "write the expectations as JUnit XML")->check(path());
    run->add_flag("--quiet", p.run.quiet, "print nothing but problems");
    run->callback([&p] { p.call = [&p] { return run_command(p.run); }; });
}

void add_why(CLI::App& app, Parsed& p) {
    CLI::App* why = app.add_subcommand("why", "What limits a master, and what more of each resource would bring");
    examples(why, "  xlate run configs/tiny_tlb.yaml\n  xlate why out/tiny_tlb a000000.video");
    why->add_option("RUN", p.why.run, "directory of a run, or CONFIG.yaml")->required();
    why->add_option("MASTER", p.why.master, "Linux name of one master (default: all with traffic)");
    why->add_option("-j", p.why.jobs, "trials at once")->check(CLI::Range(1, 1024));
    why->add_option("--transfers", p.why.transfers, "most transfers of a master in a trial")
        ->check(CLI::Range(std::uint64_t{1}, ~std::uint64_t{0} >> 1));
    why->add_flag("--json", p.why.json, "print one JSON document");
    why->callback([&p] { p.call = [&p] { return why_command(p.why); }; });
}

void add_inspect(CLI::App& app, Parsed& p) {
    CLI::App* inspect = app.add_subcommand("inspect", "What the firmware says: IOMMUs, masters, ids, oddities");
    examples(inspect,
             "  xlate inspect configs/quickstart.yaml\n  xlate inspect configs/quickstart.yaml --why 0000:01:00.0");
    inspect->add_option("INPUT", p.inspect.inputs, "BOARD.dtb and its overlays, ACPI tables, or CONFIG.yaml")
        ->required();
    inspect->add_flag("--json", p.inspect.json, "print one JSON document");
    auto* why = inspect->add_option("--why", p.inspect.why, "DEVICE: its way to an id at an IOMMU, step by step");
    inspect->add_option("--variant", p.inspect.variant, "VARIANT or release: the groups that this kernel makes")
        ->excludes(why);
    inspect->callback([&p] { p.call = [&p] { return inspect_command(p.inspect); }; });
}

void add_explore(CLI::App& app, Parsed& p) {
    CLI::App* explore = app.add_subcommand("explore", "Search the schedules of a probe sequence for bugs");
    examples(explore, "  xlate explore configs/explore/r7.yaml --budget 200\n  xlate explore --list");
    auto* config = explore->add_option("CONFIG", p.explore.config, "CONFIG.yaml with a scenario");
    auto* list =
        explore->add_flag("--list", p.explore.list, "which config shows which known race, and where it is gone");
    list->excludes(config);
    auto* rows = explore->add_flag("--rows", p.explore.rows,
                                   "what each patch of the series changes for which driver, parser and architecture");
    rows->excludes(config)->excludes(list);
    explore->add_option("--set", p.explore.sets, "PATH=VALUE: set one value of the config")->allow_extra_args(false);
    auto* variant = explore->add_option("--variant", p.explore.variant, "version of the kernel model");
    explore->add_flag("--matrix", p.explore.matrix, "all variants")->excludes(variant);
    explore->add_option("--strategy", p.explore.strategy, "how to search")
        ->check(CLI::IsMember({"portfolio", "dpor", "pct", "pos", "random"}));
    auto* budget = explore->add_option("--budget", p.explore.budget, "most schedules")->check(whole_number());
    explore->add_option("--time", p.explore.time, "most host time, such as '30 s'")->excludes(budget);
    explore->add_option("-j", p.explore.jobs, "threads")->check(CLI::Range(1, 1024));
    explore->add_option("--seed", p.explore.seed, "seed of pct, pos, random and the portfolio's samples")
        ->check(whole_number());
    explore->add_flag("--json", p.explore.json, "print one JSON document");
    explore->add_option("--junit", p.explore.junit, "write what was found as JUnit XML, a case a variant")
        ->check(path());
    explore->add_option("--out", p.explore.out, "directory of the results")->check(path());
    explore->callback([&p] { p.call = [&p] { return explore_command(p.explore); }; });

    CLI::App* replay = app.add_subcommand("replay", "Run one schedule and print it as a timeline");
    examples(replay, "  xlate replay 'cover-letter/base/cpu0@FI4#4/ab5c'");
    replay->add_option("TOKEN", p.replay.what, "a token, or CONFIG.yaml with --schedule")->required();
    replay->add_option("--schedule", p.replay.schedule, "the token, where a config is given");
    replay->add_option("--trace", p.replay.trace, "also write this file, a trace for Perfetto");
    replay->callback([&p] { p.call = [&p] { return replay_command(p.replay); }; });
}

void add_config(CLI::App& app, Parsed& p) {
    CLI::App* config = app.add_subcommand("config", "Every parameter: value, origin, meaning");
    config->require_subcommand(1);
    CLI::App* show = config->add_subcommand("show", "All parameters of one config");
    examples(show, "  xlate config show configs/quickstart.yaml");
    show->add_option("CONFIG", p.config.first, "CONFIG.yaml or BOARD.dtb; '-': stdin")->required();
    show->add_option("--set", p.config.sets, "PATH=VALUE: set one value of the config")->allow_extra_args(false);
    show->callback([&p] { p.call = [&p] { return config_show_command(p.config); }; });
    CLI::App* diff = config->add_subcommand("diff", "What differs between two configs");
    examples(diff, "  xlate config diff configs/strict.yaml configs/lazy.yaml");
    diff->add_option("A", p.config.first, "CONFIG.yaml")->required();
    diff->add_option("B", p.config.second, "CONFIG.yaml; left out: the defaults");
    diff->callback([&p] { p.call = [&p] { return config_diff_command(p.config); }; });

    CLI::App* reference = config->add_subcommand("reference", "All keys that a config can have, as Markdown");
    examples(reference, "  xlate config reference");
    reference->callback([&p] {
        p.call = [] {
            print(study::config_reference());
            return ExitStatus::ok;
        };
    });

    CLI::App* schema = app.add_subcommand("schema", "JSON Schema of the files that xlate reads and writes");
    examples(schema, "  xlate schema config");
    schema->add_option("WHAT", p.schema, "config, study, scenario (of explore), result or series")
        ->check(CLI::IsMember({"config", "study", "scenario", "result", "series"}));
    schema->callback([&p] { p.call = [&p] { return schema_command(p.schema); }; });

    CLI::App* init = app.add_subcommand("init", "Write a commented starter config");
    examples(init,
             "  xlate init nic.yaml --device nic --rate '25 GB/s' --working-set '64 MiB'\n  xlate init --device "
             "display --pages huge --iommu dart\n  dmesg > dmesg.txt; xlate init my.yaml --firmware /sys/firmware/fdt "
             "--kernel-log dmesg.txt");
    init->add_option("OUT", p.init.out, "file to write (default: stdout)");
    init->add_option("--firmware", p.init.firmware, "BOARD.dtb or ACPI tables");
    init->add_option("--qemu-command", p.init.qemu_command, "file with a QEMU command line");
    init->add_option("--kernel-log", p.init.kernel_log,
                     "file with what dmesg prints on the board: kernel, parameters, CPUs, PCI functions");
    init->add_option("--lspci", p.init.lspci, "file with what 'lspci -nnvv' of root prints there, for kinds and ACS");
    study::QuestionText& question = p.init.question;
    init->add_option("--device", question.device, "no board: one is made for a nic, nvme, gpu, display or dma");
    init->add_option("--rate", question.rate, "what the device moves: '25 GB/s', '100 Gb/s'");
    init->add_option("--working-set", question.working_set, "memory that it touches: '64 MiB'");
    init->add_option("--packet", question.packet, "what it moves at one place: '1 KiB'");
    init->add_option("--pages", question.pages, "how that memory lies: scattered, huge, contiguous");
    init->add_option("--mapping", question.mapping, "when the driver maps it: once, per-transfer, ring");
    std::vector<std::string_view> families;
    for (const study::BoardFamily& family : study::board_families()) families.push_back(family.name);
    init->add_option("--iommu", question.iommu, fmt::format("its family: {}", fmt::join(families, ", ")));
    init->add_option("--preset", question.preset, "shape and speed of that to start from: mmu-600-like, tiny, ...");
    init->add_flag("--ask", p.init.ask, "ask for what is not given");
    init->add_flag("--force", p.init.force, "write over a file that holds something else");
    init->callback([&p] { p.call = [&p] { return init_command(p.init); }; });
}

void add_studies(CLI::App& app, Parsed& p) {
    CLI::App* compare = app.add_subcommand("compare", "Compare two results or two sweeps");
    examples(compare,
             "  xlate run configs/tiny_tlb.yaml --out before\n  xlate run configs/tiny_tlb.yaml --out after --set "
             "'soc.memory.latency=63 ns'\n  xlate compare before after --metric headline=2 --markdown -");
    compare->add_option("A", p.compare.first, "result.json or sweep.json, or the directory of one")->required();
    compare->add_option("B", p.compare.second, "the same")->required();
    compare->add_option("--tolerance", p.compare.tolerances, "METRIC=PCT: how much a metric may differ")
        ->allow_extra_args(false);
    compare
        ->add_option("--metric", p.compare.metrics,
                     "PATTERN[:lower|higher|same][=PCT]: only this counts, where it is worse; 'headline': what matters")
        ->allow_extra_args(false);
    compare->add_option("--markdown", p.compare.markdown, "write it as Markdown for a pull request; '-': print that");
    compare->add_option("--junit", p.compare.junit, "write the comparison as JUnit XML")->check(path());
    compare->add_flag("--update-baseline", p.compare.update_baseline, "then write B over A (status 0)");
    compare->callback([&p] { p.call = [&p] { return compare_command(p.compare); }; });

    CLI::App* report = app.add_subcommand("report", "Make report.html of a run or a sweep, or of two side by side");
    examples(report, "  xlate run configs/tiny_tlb.yaml\n  xlate report out/tiny_tlb");
    report->add_option("DIR", p.report.first, "directory of a run or a sweep")->required();
    report->add_option("OTHER", p.report.second, "of another one: both side by side");
    report->add_option("--out", p.report.out, "file to write (default: report.html in DIR; of two: side-by-side.html)")
        ->check(path());
    report->callback([&p] { p.call = [&p] { return report_command(p.report); }; });
}

void add_diff_kernels(CLI::App& app, Parsed& p) {
    CLI::App* diff =
        app.add_subcommand("diff-kernels", "What two kernels make of the same firmware, and which change explains it");
    examples(diff, "  xlate diff-kernels linux-6.1 linux-6.12 configs/quickstart.yaml");
    diff->add_option("WHAT", p.diff_kernels.what, "A B BOARD: two variants or releases, and CONFIG.yaml or BOARD.dtb")
        ->required();
    diff->add_option("--set", p.diff_kernels.sets, "PATH=VALUE: set one value of the config")->allow_extra_args(false);
    diff->add_flag("--matrix", p.diff_kernels.matrix, "BOARD alone: every variant");
    diff->add_flag("--json", p.diff_kernels.json, "print one JSON document");
    diff->callback([&p] { p.call = [&p] { return diff_kernels_command(p.diff_kernels); }; });
}

void add_decode(CLI::App& app, Parsed& p) {
    CLI::App* decode = app.add_subcommand(
        "decode", "Event and fault records, commands, STEs, CDs, table entries and error registers, in words");
    examples(decode, "  xlate decode smmuv3.pte 0x0060000040000f43");
    decode->add_option("WHAT", p.decode.what,
                       "[KIND] and hexadecimal words, or files with words or a kernel's log; none: stdin. KIND: " +
                           study::record_kind_names());
    decode->add_flag("--json", p.decode.json, "print one JSON document");
    decode->callback([&p] { p.call = [&p] { return decode_command(p.decode); }; });
}

void add_calibrate(CLI::App& app, Parsed& p) {
    CLI::App* calibrate =
        app.add_subcommand("calibrate", "Costs of kernel steps (kernel.costs), fitted to a trace of a real boot");
    examples(calibrate,
             "  xlate calibrate configs/traces/boot.trace\n  xlate calibrate configs/traces/boot.trace --json");
    calibrate
        ->add_option("TRACE", p.calibrate.trace,
                     "text of ftrace: kprobes with returns, or function_graph; also within a boot's log")
        ->required();
    calibrate->add_option("-o", p.calibrate.out, "file to write (default: stdout)");
    calibrate->add_flag("--json", p.calibrate.json, "print one JSON document");
    calibrate->callback([&p] { p.call = [&p] { return calibrate_command(p.calibrate); }; });
}

void add_sweep(CLI::App& app, Parsed& p) {
    CLI::App* sweep = app.add_subcommand("sweep", "Run a study: one config at many points");
    examples(sweep, "  xlate sweep configs/studies/tlb-size.yaml --set 'traffic[0].transfers=2000'");
    const auto sets = [&p](CLI::App* command) {
        command->add_option("--set", p.sweep.sets, "PATH=VALUE: set one value at every point")->allow_extra_args(false);
        command->add_option("--out", p.sweep.out, "directory of the results (default: out/NAME)")->check(path());
        command->add_option("--max-points", p.sweep.max_points, "refuse a study that has more (status 4)")
            ->check(whole_number());
    };
    const auto jobs = [&p](CLI::App* command, const char* what) {
        command->add_option("-j", p.sweep.jobs, what)->check(CLI::Range(1, 1024));
    };
    const auto progress = [&p](CLI::App* command) {
        constexpr double kLongest = 1e6;
        command
            ->add_option("--progress", p.sweep.progress_every,
                         "seconds between lines on how far it is, where there is no terminal (default 60; 0: none)")
            ->check(CLI::Range(0.0, kLongest));
    };
    sweep->add_option("STUDY", p.sweep.file, "CONFIG.yaml with a study");
    sets(sweep);
    jobs(sweep, "runs at once (slurm: jobs)");
    sweep->add_option("--engine", p.sweep.engine, "who runs the points")->check(CLI::IsMember({"local", "slurm"}));
    sweep->add_option("--junit", p.sweep.junit, "write the points as JUnit XML, a case each")->check(path());
    sweep->add_option("--sbatch", p.sweep.sbatch, "OPTION for Slurm's sbatch: '--partition=short'")
        ->allow_extra_args(false);
    progress(sweep);
    sweep->add_flag("--json", p.sweep.json, "print one JSON document");
    sweep->require_subcommand(0, 1);
    sweep->callback([&p, sweep] {
        if (sweep->get_subcommands().empty()) p.call = [&p] { return sweep_command(p.sweep); };
    });

    CLI::App* plan = sweep->add_subcommand("plan", "Write down the points");
    examples(plan, "  xlate sweep plan configs/studies/tlb-size.yaml");
    plan->add_option("STUDY", p.sweep.file, "CONFIG.yaml with a study")->required();
    plan->add_option("-o", p.sweep.plan, "file to write (default: stdout)")->check(path());
    sets(plan);
    plan->callback([&p] { p.call = [&p] { return sweep_plan_command(p.sweep); }; });
    CLI::App* run = sweep->add_subcommand("run", "Run the points of a plan that have no result, or a part of them");
    constexpr const char* kPlan =
        "  xlate sweep plan configs/studies/tlb-size.yaml -o plan.json --set 'traffic[0].transfers=500'\n";
    examples(run, (kPlan + std::string("  xlate sweep run plan.json --shard 1/2")).c_str());
    run->add_option("PLAN", p.sweep.file, "the plan, or the directory of its sweep")->required();
    run->add_option("--shard", p.sweep.shard, "I/N: part I of N, from 1");
    jobs(run, "runs at once");
    progress(run);
    run->callback([&p] { p.call = [&p] { return sweep_run_command(p.sweep); }; });
    CLI::App* merge = sweep->add_subcommand("merge", "Put the results of a plan together");
    examples(merge, (kPlan + std::string("  xlate sweep run plan.json\n  xlate sweep merge plan.json")).c_str());
    merge->add_option("PLAN", p.sweep.file, "the plan, or the directory of its sweep")->required();
    merge->add_flag("--json", p.sweep.json, "print one JSON document");
    merge->add_option("--junit", p.sweep.junit, "write the points as JUnit XML, a case each")->check(path());
    merge->callback([&p] { p.call = [&p] { return sweep_merge_command(p.sweep); }; });
    CLI::App* status = sweep->add_subcommand("status", "How far a plan is");
    examples(status, (kPlan + std::string("  xlate sweep status plan.json")).c_str());
    status->add_option("PLAN", p.sweep.file, "the plan, or the directory of its sweep")->required();
    status->callback([&p] { p.call = [&p] { return sweep_status_command(p.sweep); }; });
}

void add_self(CLI::App& app, Parsed& p) {
    CLI::App* completion = app.add_subcommand("completion", "A script that completes this command line");
    examples(completion, "  xlate completion bash\n  xlate completion fish");
    completion->add_option("SHELL", p.shell, "for which shell")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    completion->callback([&app, &p] {
        p.call = [&app, &p] {
            print(completion_script(command_facts(app), p.shell));
            return ExitStatus::ok;
        };
    });
    CLI::App* manual = app.add_subcommand("manual", "The manual page of a command, for man");
    examples(manual, "  xlate manual\n  xlate manual sweep plan\n  xlate manual --out man1");
    manual->add_option("COMMAND", p.manual.command, "such as: sweep plan (default: of xlate itself)");
    manual->add_option("--out", p.manual.out, "directory: write the pages of all commands there")->check(path());
    manual->callback([&app, &p] { p.call = [&app, &p] { return manual_command(command_facts(app), p.manual); }; });
}

void print_problem(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

}  // namespace

ExitStatus run_app(const std::vector<std::string>& arguments) {
    Parsed parsed;
    CLI::App app{"xlate: a system-on-chip simulator, seen from its IOMMUs", "xlate"};
    const std::string commit = *built_from() == '\0' ? "" : std::string(built_from()) + ", ";
    app.set_version_flag("--version", std::string("xlate ") + study::kModelVersion + " (" + commit + "model sources " +
                                          study::model_sources() + ")");
    app.require_subcommand(1);
    add_run(app, parsed);
    add_why(app, parsed);
    add_inspect(app, parsed);
    add_explore(app, parsed);
    add_studies(app, parsed);
    add_sweep(app, parsed);
    add_decode(app, parsed);
    add_calibrate(app, parsed);
    add_diff_kernels(app, parsed);
    add_config(app, parsed);
    add_self(app, parsed);
    try {
        std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
        app.parse(reversed);
        return finish_output(parsed.call());
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            app.exit(error);
            return finish_output(ExitStatus::ok);
        }
        const std::string said = unknown_name(command_facts(app), arguments).value_or(printable(error.what()));
        print_problem("xlate: " + said + "\nRun with --help for the options.");
        return ExitStatus::usage;
    } catch (const InputError& error) {
        finish_output(error.status());  // what was printed before stands before
        print_problem(error.what());
        return error.status();
    } catch (const std::bad_alloc&) {
        print_problem("xlate: out of memory");
        return ExitStatus::limit;
    } catch (const std::exception& error) {
        print_problem(std::string("xlate: a bug in xlate, please report it: ") + printable(error.what()));
        return ExitStatus::internal;
    }
}

}  // namespace xlate::cli
