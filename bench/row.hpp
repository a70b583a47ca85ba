// A row of the performance table: one workload, run for a given number of units, that reports the CPU time it took.
// Each run happens in a process of its own (see run.hpp): SystemC elaborates once per process, and caches start cold
// alike for everybody.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

namespace xlate::bench {

/// Working set of every row with random pages: 65,536 pages of 4 KiB, 32 times what a 2048-entry TLB holds.
inline constexpr std::uint64_t kRandomBytes = std::uint64_t{256} << 20;

/// CPU time of this process, in seconds. Other processes on the machine disturb it only through shared caches.
inline double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// A figure beside the time: "tlb_hit_share", "sim_ns". Plain bytes: it crosses a pipe.
struct Figure {
    char name[32];
    double value;
};

/// What one run measured. Plain bytes.
struct Measured {
    std::uint64_t units = 0;     ///< transactions, events, schedules: what the row counts
    double seconds = 0;          ///< CPU seconds of the measured part; set-up is left out
    std::uint64_t checksum = 0;  ///< depends on all work, so that nothing is optimised away; the same in every run
    std::array<Figure, 8> figures{};
    std::uint32_t figure_count = 0;

    void add(const char* name, double value);
};

struct Row {
    std::string name;     ///< "floor/hits"
    std::string unit;     ///< of what `units` counts, singular: "transaction"
    std::string what;     ///< one sentence
    std::uint64_t count;  ///< units of a usual run: some tenths of a second
    std::function<Measured(std::uint64_t)> run;
};

void add_systemc_rows(std::vector<Row>& rows);
void add_floor_rows(std::vector<Row>& rows);
void add_engine_rows(std::vector<Row>& rows);
void add_firmware_rows(std::vector<Row>& rows);
void add_agenda_rows(std::vector<Row>& rows);
void add_boot_rows(std::vector<Row>& rows);
void add_explore_rows(std::vector<Row>& rows);
void add_soc_rows(std::vector<Row>& rows);
void add_study_rows(std::vector<Row>& rows);
void add_sweep_rows(std::vector<Row>& rows);

}  // namespace xlate::bench
