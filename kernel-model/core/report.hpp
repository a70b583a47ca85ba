// What went wrong in the simulated kernel: a result of the run, worded as the kernel would word it.
// Source: the checks of docs/spec/kernel-probe.md section 3; wording in the manner of KASAN, KCSAN, lockdep,
// kmemleak.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "kernel-model/core/task.hpp"

namespace xlate::kernel {

enum class ReportKind : std::uint8_t {
    null_dereference,
    use_after_free,
    double_free,
    leak,
    data_race,
    lock_inversion,
    self_deadlock,
    deadlock,
    lockdep_assert,
    refcount_underflow,
    warning,    ///< a WARN of the modelled code
    hung_task,  ///< never finishes, and no other report explains it
    semantic,   ///< an oracle: no crash, but a wrong outcome
    bug,        ///< a BUG of the modelled code
};
/// "null-dereference", "use-after-free", ...: stable, used in results and for grouping.
std::string_view name(ReportKind kind);

/// Where one side of a report stood.
struct ReportPlace {
    std::string task;  ///< empty: the host side, or nobody
    unsigned cpu = 0;
    std::string step;                    ///< "FI4"
    std::string access;                  ///< other side of a data race: "read" or "write"
    std::vector<std::string> functions;  ///< innermost first
    std::string function() const { return functions.empty() ? std::string{} : functions.front(); }
    /// "FI4 in iommu_fwspec_init, insmod on CPU 1"
    std::string text() const;
};

struct Report {
    ReportKind kind = ReportKind::warning;
    std::string what;    ///< "write of dev->iommu->fwspec", "iommu_probe_device_lock", an oracle's sentence
    std::string detail;  ///< more of it: the value change of a race, the cycle of locks
    std::string device;  ///< if it is about one
    ReportPlace place;
    std::optional<ReportPlace> other;  ///< the other access of a race, the other order of an inversion
    std::optional<ReportPlace> allocated_by;
    std::optional<ReportPlace> freed_by;
    std::vector<std::string> locks_held;  ///< "iommu_probe_device_lock (taken at PD2)"
    SimTime time{};
    bool after_crash = false;  ///< a task that waits for what a crashed one will never give

    /// Many lines, as a kernel log shows it (without time stamps).
    std::string text() const;
    /// One line: "use-after-free: write of fwspec->ids[] at FA3 in iommu_fwspec_add_ids".
    std::string headline() const;
    /// Kind, place and pair of tasks: equal for the same bug in different schedules.
    std::string group_key() const;
};

/// Unwinds a crashing task to its top. Locks stay held; nothing else is undone.
struct Oops {
    std::size_t report = 0;  ///< index into Reports::all()
};

/// A data race as two places; pointers are those of literals and of the workspace's call tree, so they stay the same
/// from one kernel to the next.
struct RaceSight {
    const char* field = "";
    const char* step = "";
    const CallNode* stack = nullptr;
    TaskId task = 0;
    const char* other_step = "";
    const CallNode* other_stack = nullptr;
    TaskId other_task = 0;
};
/// Knows the races of earlier runs: a report that nobody needs again is not made.
class RaceFilter {
public:
    virtual ~RaceFilter() = default;
    virtual bool known(const RaceSight& sight) = 0;
};

/// Owned by Kernel.
class Reports {
public:
    explicit Reports(Kernel& kernel) : kernel_(kernel) {}

    const std::vector<Report>& all() const { return all_; }
    std::size_t count(ReportKind kind) const;
    bool empty() const { return all_.empty(); }

    /// Adds a report about the current task (or the host): fills in place, locks, time; prints it to the console.
    /// A data race, inversion or warning that was reported before in this run is not repeated. Returns the index
    /// of the report, or of the earlier one.
    [[gnu::cold]] std::size_t add(Report report);
    [[gnu::cold]] void warn(std::string what, const char* step);
    [[gnu::cold]] void semantic(std::string what, std::string device = {});
    /// add() and throw Oops. On the host side: adds only, then throws too.
    [[noreturn]] void oops(Report report);

    /// Called after each added report, if set.
    std::function<void(const Report&)> on_report;
    bool crashed() const { return crashed_; }

    /// True the first time in this run that these two steps race for this field.
    bool first_race(const char* field, const char* step, const char* other_step);
    RaceFilter* race_filter = nullptr;  ///< not owned; null: every race is reported

private:
    struct SeenRace {
        const char* field;
        const char* step;
        const char* other_step;
    };
    Kernel& kernel_;
    std::vector<SeenRace> races_;
    std::vector<Report> all_;
    bool crashed_ = false;
};

/// The current task's place, now.
ReportPlace place_of(const Task* task, const char* step);
ReportPlace place_of(const Task* task, const char* step, const CallNode* stack);

}  // namespace xlate::kernel
