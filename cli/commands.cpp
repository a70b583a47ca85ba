#include "cli/commands.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/print.hpp"
#include "firmware/description.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "study/config/config.hpp"
#include "study/config/explore_config.hpp"
#include "study/config/pci_config.hpp"
#include "study/inspect/inspect.hpp"
#include "study/inspect/kernel_groups.hpp"
#include "study/inspect/why.hpp"
#include "study/results/compare.hpp"
#include "study/results/files.hpp"
#include "study/results/report/report.hpp"
#include "study/results/run_directory.hpp"
#include "study/results/summary.hpp"
#include "study/run/dmar_scopes.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/pci_roots.hpp"
#include "study/run/run.hpp"
#include "study/series/series_json.hpp"
#include "study/sweep/study.hpp"

namespace xlate::cli {
namespace {

bool color() { return ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr; }

std::vector<study::Override> overrides(const std::vector<std::string>& sets) {
    std::vector<study::Override> all;
    for (const std::string& set : sets) all.push_back(study::parse_override(set));
    return all;
}

InputError usage(const std::string& what) { return InputError(Diagnostic{{"xlate", {}, {}, {}}, "", what, "", ""}); }

}  // namespace

ExitStatus run_command(const RunArguments& arguments) {
    if (arguments.variant == "help") {
        print(kernel::variant_help());
        return ExitStatus::ok;
    }
    if (arguments.config.empty()) throw usage("run: CONFIG is missing");
    std::vector<study::Override> sets = overrides(arguments.sets);
    if (!arguments.variant.empty()) sets.push_back({"kernel.variant", "\"" + arguments.variant + "\""});
    if (arguments.sanitize) sets.push_back({"kernel.sanitizer", "true"});
    if (arguments.seed) sets.push_back({"seed", std::to_string(*arguments.seed)});
    study::Config config = study::load_config(arguments.config, sets);
    study::RunOptions options;
    options.out = arguments.out.empty() ? "out/" + file_name_of(config.name) : arguments.out;
    if (!arguments.out.empty()) study::refuse_directory_of_sweep(arguments.out);
    options.junit = arguments.junit;
    options.trace = arguments.trace;
    options.series = true;
    options.database = arguments.sqlite || arguments.transactions;
    options.transfers = arguments.transactions;
    options.progress = !arguments.quiet;
    const study::RunReport report = study::run(config, options);
    if (!arguments.quiet) {
        print(study::summarize(report.result, color()));
        print(fmt::format("\nResults: {}/result.json, console.log, config.resolved.yaml\n", printable(options.out)));
        std::fflush(stdout);
    }
    for (const std::string& note : report.notes)
        std::fprintf(stderr, "%s: %s\n", printable(config.name).c_str(), printable(note).c_str());
    if (report.status != ExitStatus::ok)
        std::fprintf(stderr, "%s: %s\n", printable(config.name).c_str(), printable(report.why).c_str());
    return report.status;
}

ExitStatus inspect_command(const InspectArguments& arguments) {
    const std::vector<std::string>& files = arguments.inputs;
    const std::string extension = std::filesystem::path(files.front()).extension().string();
    const bool is_config = files.size() == 1 && (extension == ".yaml" || extension == ".yml");
    study::Config config;
    if (is_config) config = study::load_config(files.front());
    firmware::Description description =
        (is_config ? study::load_firmware(config) : study::read_firmware(files)).description;
    if (is_config) {  // host bridges before scopes, as a run does it: scopes name functions of a segment
        study::settle_pci_roots(config, description);
        study::settle_dmar_scopes(config, description);
    }
    if (!arguments.why.empty()) {
        std::vector<study::PciSeat> seats;
        if (is_config) {
            study::yaml::Findings findings;
            seats = study::seat_pci_functions(study::make_pci_roots(config, findings),
                                              kernel::find_variant(config.kernel.variant).release);
            findings.throw_if_any();
        }
        print(study::why_translated(description, seats, arguments.why, arguments.json));
        return ExitStatus::ok;
    }
    std::optional<study::KernelGroups> groups;
    if (!arguments.variant.empty()) groups = study::kernel_groups(files, arguments.variant);
    const study::KernelGroups* const kernel = groups ? &*groups : nullptr;
    print(arguments.json ? study::inspect_json(description, kernel) : study::inspect_text(description, kernel));
    return ExitStatus::ok;
}

ExitStatus config_show_command(const ConfigArguments& arguments) {
    study::Config config = study::load_config(arguments.first, overrides(arguments.sets));
    for (const study::ParameterRow& row : study::list_parameters(config)) {
        print(fmt::format("{:<44} {:<18} {:<22} {}\n", printable(row.path), printable(row.value), printable(row.origin),
                          row.sentence));
    }
    return ExitStatus::ok;
}

ExitStatus config_diff_command(const ConfigArguments& arguments) {
    study::Config first = study::load_config(arguments.first);
    study::Config second;
    if (!arguments.second.empty()) second = study::load_config(arguments.second);
    const std::string text = study::diff_parameters(first, second);
    print(text);
    return text.empty() ? ExitStatus::ok : ExitStatus::failed;
}

ExitStatus schema_command(const std::string& what) {
    print(what == "config"     ? study::config_schema()
          : what == "study"    ? study::study_schema()
          : what == "scenario" ? study::scenario_schema()
          : what == "series"   ? study::series_schema()
                               : study::result_schema());
    return ExitStatus::ok;
}

ExitStatus compare_command(const CompareArguments& arguments) {
    const study::Comparison comparison =
        study::compare_results(arguments.first, arguments.second, {arguments.tolerances, arguments.metrics});
    print(arguments.markdown == "-" ? comparison.markdown : comparison.text);
    if (!arguments.markdown.empty() && arguments.markdown != "-")
        study::write_file(arguments.markdown, comparison.markdown);
    if (!arguments.junit.empty()) study::write_file(arguments.junit, comparison.junit);
    if (arguments.update_baseline) {
        const std::string file = study::update_baseline(arguments.first, arguments.second);
        std::fprintf(stderr, "%s is the new baseline\n", printable(file).c_str());
        return ExitStatus::ok;
    }
    return comparison.same ? ExitStatus::ok : ExitStatus::failed;
}

ExitStatus report_command(const ReportArguments& arguments) {
    const std::string file = arguments.second.empty()
                                 ? study::write_report(arguments.first, arguments.out)
                                 : study::write_comparison(arguments.first, arguments.second,
                                                           arguments.out.empty() ? "side-by-side.html" : arguments.out);
    print(file + "\n");
    return ExitStatus::ok;
}

}  // namespace xlate::cli
