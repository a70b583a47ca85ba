// Rows for points of a sweep: what a point costs that simulates nearly nothing, boot, results and files included.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/row.hpp"
#include "study/sweep/plan.hpp"
#include "study/sweep/run_points.hpp"

namespace xlate::bench {
namespace {

/// One master of quickstart's board.
constexpr const char* kQuickstart =
    "firmware: {{ devicetree: quickstart.dtb }}\n"
    "soc: {{ pci: [] }}\n"
    "traffic:\n"
    "  - {{ device: a000000.video, pattern: random, size: 64 B, working_set: 64 KiB, outstanding: 4, transfers: 10 }}\n"
    "study:\n"
    "  vary: [ {{ name: seed, path: seed, from: 1, to: {0}, steps: {0} }} ]\n"
    "  columns: [ {{ name: ns, value: 'masters[0].latency_ns.mean' }} ]\n";

/// A board as of configs/generated.yaml: sixteen GPUs with a TBU each, two SMMUs.
constexpr const char* kSixteen =
    "firmware: {{ generate: devicetree }}\n"
    "soc:\n"
    "  board:\n"
    "    iommus: [ {{ name: display }}, {{ name: cluster }} ]\n"
    "    masters: [ {{ name: video, iommu: display }}, {{ name: gpu, count: 16, iommu: cluster, ids: 2 }} ]\n"
    "    pcie: [ {{ iommu: display }} ]\n"
    "  memory: {{ size: 4 GiB }}\n"
    "traffic:\n"
    "  - {{ device: \"*.gpu\", pattern: random, size: 64 B, working_set: 64 KiB, outstanding: 4, transfers: 10 }}\n"
    "study:\n"
    "  vary: [ {{ name: seed, path: seed, from: 1, to: {0}, steps: {0} }} ]\n"
    "  columns: [ {{ name: ns, value: 'masters[0].latency_ns.mean' }} ]\n";

/// Of this process and of those that it waited for.
double seconds_of_all() {
    double all = 0;
    for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage usage{};
        getrusage(who, &usage);
        all += static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    }
    return all;
}

/// CPU time from the study's text to the last point's files.
Measured run_sweep(const char* text, std::uint64_t points) {
    const std::filesystem::path out =
        std::filesystem::temp_directory_path() / fmt::format("xlate_bench_{}", static_cast<int>(getpid()));
    const double start = seconds_of_all();
    const std::uint64_t steps = std::max<std::uint64_t>(points, 2);  // an axis has two
    const study::Study study = study::parse_study(fmt::format(fmt::runtime(text), steps), "bench.yaml");
    const study::Plan plan = study::make_plan(study, {}, out.string());
    std::vector<std::size_t> all(plan.points.size());
    std::iota(all.begin(), all.end(), 0);
    const bool whole = study::run_points(plan, all, {});
    Measured measured;
    measured.seconds = seconds_of_all() - start;
    measured.units = steps;
    measured.add("ms_a_point", 1e3 * measured.seconds / static_cast<double>(steps));
    const bool there = std::filesystem::exists(plan.directory(steps - 1) + "/result.json");
    std::error_code ignored;
    std::filesystem::remove_all(out, ignored);
    if (!whole || !there) throw std::runtime_error("the sweep did not end");
    return measured;
}

}  // namespace

void add_sweep_rows(std::vector<Row>& rows) {
    rows.push_back({"sweep/one_master", "point", "A point of ten transfers on quickstart's board, one at a time.", 40,
                    [](std::uint64_t n) { return run_sweep(kQuickstart, n); }});
    rows.push_back({"sweep/sixteen_masters", "point", "The same with sixteen GPUs, ten transfers each.", 20,
                    [](std::uint64_t n) { return run_sweep(kSixteen, n); }});
}

}  // namespace xlate::bench
