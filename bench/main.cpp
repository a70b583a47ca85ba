// xlate_bench: every row of the performance table, as a Google Benchmark; or one row once, in this process, for
// instruction counts and profilers.
//   xlate_bench [--benchmark_…]            each row in a forked child; an "iteration" is a unit, time is CPU time
//   xlate_bench --list                     name, unit and sentence of each row
//   xlate_bench --row NAME [--count N]     one row in this process; its measurement as one JSON line
//   xlate_bench --smoke                    each row with a hundredth of its units: does it still run?
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "bench/row.hpp"
#include "bench/run.hpp"

namespace {

using xlate::bench::Measured;
using xlate::bench::Row;

std::vector<Row> all_rows() {
    std::vector<Row> rows;
    xlate::bench::add_systemc_rows(rows);
    xlate::bench::add_floor_rows(rows);
    xlate::bench::add_engine_rows(rows);
    xlate::bench::add_agenda_rows(rows);
    xlate::bench::add_soc_rows(rows);
    xlate::bench::add_study_rows(rows);
    xlate::bench::add_sweep_rows(rows);
    xlate::bench::add_boot_rows(rows);
    xlate::bench::add_explore_rows(rows);
    xlate::bench::add_firmware_rows(rows);
    return rows;
}

double ns_per_unit(const Measured& measured) {
    return measured.units == 0 ? 0 : measured.seconds * 1e9 / static_cast<double>(measured.units);
}

void measure(benchmark::State& state, const Row& row) {
    Measured measured;
    for (auto _ : state) {
        try {
            measured = xlate::bench::run_in_child(row, row.count);
        } catch (const std::exception& error) {
            state.SkipWithError(error.what());
            break;
        }
        state.SetIterationTime(ns_per_unit(measured) * 1e-9);
    }
    state.counters["units"] = static_cast<double>(measured.units);
    for (std::uint32_t i = 0; i < measured.figure_count; ++i)
        state.counters[measured.figures[i].name] = measured.figures[i].value;
}

int list(const std::vector<Row>& rows) {
    for (const Row& row : rows) fmt::print("{:<32} {:<12} {}\n", row.name, row.unit, row.what);
    return 0;
}

int run_one(const std::vector<Row>& rows, const std::string& name, std::uint64_t count) {
    for (const Row& row : rows) {
        if (row.name != name) continue;
        const Measured measured = row.run(count == 0 ? row.count : count);
        fmt::print("{{\"row\": \"{}\", \"unit\": \"{}\", \"units\": {}, \"ns_per_unit\": {:.2f}, \"checksum\": {}",
                   row.name, row.unit, measured.units, ns_per_unit(measured), measured.checksum);
        for (std::uint32_t i = 0; i < measured.figure_count; ++i)
            fmt::print(", \"{}\": {}", measured.figures[i].name, measured.figures[i].value);
        fmt::print("}}\n");
        return 0;
    }
    fmt::print(stderr, "xlate_bench: there is no row '{}'; --list names them\n", name);
    return 2;
}

int smoke(const std::vector<Row>& rows) {
    int status = 0;
    for (const Row& row : rows) {
        try {
            xlate::bench::run_in_child(row, std::max<std::uint64_t>(row.count / 100, 1));
            fmt::print("{} runs\n", row.name);
        } catch (const std::exception& error) {
            fmt::print("{} FAILS: {}\n", row.name, error.what());
            status = 1;
        }
    }
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
    const std::vector<Row> rows = all_rows();
    std::string row;
    std::uint64_t count = 0;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--list") == 0) return list(rows);
        if (std::strcmp(argv[i], "--smoke") == 0) return smoke(rows);
        if (std::strcmp(argv[i], "--row") == 0 && i + 1 < argc) row = argv[++i];
        if (std::strcmp(argv[i], "--count") == 0 && i + 1 < argc) count = std::strtoull(argv[++i], nullptr, 10);
    }
    if (!row.empty()) return run_one(rows, row, count);

    for (const Row& each : rows) {
        benchmark::RegisterBenchmark(each.name.c_str(), [&each](benchmark::State& state) { measure(state, each); })
            ->Iterations(1)
            ->UseManualTime()
            ->Unit(benchmark::kNanosecond);
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
