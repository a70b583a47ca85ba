// The named timings of a DRAM channel, in cycles of its command clock, and presets of them.
// Sources: JEDEC's standards name the timings; the numbers are the usual ones of a speed bin, as public simulators have
// them too (each preset says which). A device's own data sheet goes before: single timings can be set by name.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace xlate::soc {

struct DramTimings {
    std::string_view name;
    std::string_view source;
    ClockPeriod clock;
    std::uint32_t groups = 4;               ///< bank groups; power of two
    std::uint32_t banks = 4;                ///< of each group; power of two
    std::uint32_t row_bytes = 8192;         ///< of the channel; power of two
    std::uint32_t burst_bytes = 64;         ///< of one column access; power of two
    std::uint32_t burst = 4;                ///< cycles that its data takes
    std::uint32_t CL = 22, CWL = 16;        ///< from a read or write to its data
    std::uint32_t RCD = 22;                 ///< activate to read or write
    std::uint32_t RP = 22;                  ///< precharge to activate
    std::uint32_t RAS = 52;                 ///< activate to precharge
    std::uint32_t RRD_S = 4, RRD_L = 8;     ///< activate to activate: of another group, of the same
    std::uint32_t FAW = 34;                 ///< four activates and the fifth
    std::uint32_t CCD_S = 4, CCD_L = 8;     ///< reads among themselves, writes among themselves
    std::uint32_t WR = 24;                  ///< end of write data to precharge
    std::uint32_t WTR_S = 4, WTR_L = 12;    ///< end of write data to read
    std::uint32_t RTP = 12;                 ///< read to precharge
    std::uint32_t RTW = 2;                  ///< gap on the data bus between read and write data
    std::uint32_t REFI = 12480, RFC = 560;  ///< refresh of all banks: one so often, each so long; REFI 0: never

    std::uint64_t peak_bytes_per_s() const { return burst_bytes * (kFsPerSecond / clock.fs) / burst; }
};

/// "ddr4-3200", "ddr5-4800", "lpddr5-6400", "hbm2-2000".
const std::vector<DramTimings>& dram_presets();
/// nullptr: there is none.
const DramTimings* find_dram(std::string_view name);
/// A timing by its name in the standards, "tRCD", or a shape: "groups", "banks", "row_bytes". nullptr: none of them.
std::uint32_t* dram_timing(DramTimings& timings, std::string_view name);
/// The names that dram_timing() takes.
const std::vector<std::string_view>& dram_timing_names();

}  // namespace xlate::soc
