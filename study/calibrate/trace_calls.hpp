// What a recorded boot says about how long functions of the kernel took: ftrace's text, as in
// /sys/kernel/tracing/trace, alone or within a boot's log.
//   events          `swapper/0-1 [000] d.... 3.410853: probe: (iommu_probe_device+0x0/0x88) dev="0000:00:00.0"`, of
//   which
//                   kprobes and their returns `(... <- iommu_probe_device) ret=-19` make a call
//   function_graph  ` 1)   0.530 us    |  iommu_fwspec_init();`, ` 1) + 12.3 us    |  } /* of_iommu_configure */`
// Lines that are neither are passed over. Source: Documentation/trace/ftrace.rst, kprobetrace.rst (facts, not text).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace xlate::study {

/// A function that ran from its entry to its return, what it called included.
struct TraceCall {
    std::string function;
    std::string device;  ///< the argument `dev`; empty: not recorded
    std::string driver;  ///< `drv`
    std::uint64_t duration_ns = 0;
    std::optional<std::int64_t> returned;
};

/// A moment within a call that is on the same task's stack: since when that call ran.
struct TraceMoment {
    std::string event;   ///< "add_device_to_group"
    std::string within;  ///< the innermost function that is open; empty: none
    std::string device;
    std::uint64_t since_entry_ns = 0;     ///< from that function's entry
    std::uint64_t since_previous_ns = 0;  ///< from the last moment within it, or from its entry
    std::string previous;                 ///< that moment; empty: the entry
};

struct TraceCalls {
    std::vector<TraceCall> calls;
    std::vector<TraceMoment> moments;
    std::size_t lines = 0;            ///< that are events or of a function graph
    std::size_t unfinished = 0;       ///< calls whose return is not there
    bool whole_microseconds = false;  ///< no time is finer
    bool acpi = false;                ///< the boot read ACPI tables
    std::string emulated;             ///< what says that it ran under emulation; empty: nothing does
};

TraceCalls read_trace(const std::string& text);

}  // namespace xlate::study
