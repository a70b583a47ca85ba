// Rows for transfers of whole runs with a kernel: mapped and unmapped one by one, and with a trace.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/row.hpp"
#include "study/run/run.hpp"

namespace xlate::bench {
namespace {

const std::string kStudies = std::string(XLATE_SOURCE_DIR) + "/configs/studies/";

/// CPU time of a run from the config to the results, files included, by transfers of its first master.
Measured run_study(const std::string& file, std::uint64_t transfers, soc::Fidelity fidelity, bool hits, bool trace) {
    study::Config config = study::load_config(kStudies + file);
    config.soc.fidelity = fidelity;
    study::TrafficConfig& traffic = config.traffic.at(0);
    traffic.params.transfers = transfers;
    if (hits) {
        traffic.working_set_bytes = 1 << 16;
        traffic.params.interval = ns(1);
    }
    study::RunOptions options;
    options.trace = trace;
    const std::filesystem::path out =
        std::filesystem::temp_directory_path() / fmt::format("xlate_bench_{}", static_cast<int>(getpid()));
    options.out = out.string();
    const double start = cpu_seconds();
    const study::RunReport report = study::run(config, options);
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    std::error_code ignored;
    std::filesystem::remove_all(out, ignored);
    const auto& master = report.result["masters"].at(0);
    measured.units = master["reads"].get<std::uint64_t>() + master["writes"].get<std::uint64_t>();
    if (measured.units < transfers) throw std::runtime_error("the run ended with: " + report.why);
    measured.add("sim_latency_ns", master["latency_ns"]["mean"].get<double>());
    measured.add("events", report.result["sim"]["events"].get<double>() / static_cast<double>(measured.units));
    return measured;
}

}  // namespace

void add_study_rows(std::vector<Row>& rows) {
    for (const soc::Fidelity fidelity : {soc::Fidelity::exact, soc::Fidelity::fast}) {
        const bool fast = fidelity == soc::Fidelity::fast;
        const std::string prefix = fast ? "run/fast/" : "run/";
        const std::string what = fast ? "fast: " : "exact: ";
        const auto add = [&](const char* name, const char* text, const char* unit, std::uint64_t count,
                             const char* file, bool hits, bool trace) {
            rows.push_back({prefix + name, unit, what + text, count,
                            [=](std::uint64_t n) { return run_study(file, n, fidelity, hits, trace); }});
        };
        add("map_unmap", "512 B mapped, transferred, unmapped with a SYNC: kernel and all.", "transfer", 20'000,
            "unmap-policy.yaml", false, false);
        add("hits", "TLB hits, with boot and results.", "transaction", 400'000, "page-size.yaml", true, false);
        add("hits/trace", "The same with --trace, the file written.", "transaction", 400'000, "page-size.yaml", true,
            true);
        add("walks", "Random pages, with boot and results.", "transaction", 200'000, "page-size.yaml", false, false);
        add("walks/trace", "The same with --trace.", "transaction", 200'000, "page-size.yaml", false, true);
    }
}

}  // namespace xlate::bench
