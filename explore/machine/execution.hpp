// One schedule, run: the untimed machine. A kernel is made, what comes before the race happens, then a director
// decides at every visible point who goes on.
// Time: each step counts one microsecond, for logs; a task that waits for hardware lets time pass. Registers are those
// of the IOMMUs that the world has connected (hardware.hpp); others read as zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "explore/machine/hardware.hpp"
#include "explore/machine/late_accesses.hpp"
#include "explore/machine/program.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/core/late_memory.hpp"
#include "kernel-model/core/region.hpp"

namespace xlate::explore {

using kernel::Point;
using kernel::PointKind;
using kernel::Resource;
using kernel::Task;
using kernel::TaskId;

/// One access of a step. A step is what a task does from a visible point to its next one.
struct Access {
    PointKind kind = PointKind::read;
    bool guarded = false;  ///< lock and wait points that are passed only when their object is ready
    Resource resource = 0;
};

/// How two accesses of different tasks relate when `later` comes after `earlier`.
enum class Relation : std::uint8_t {
    none,   ///< they commute
    order,  ///< later waits for earlier: it could not come first
    race,   ///< both orders are possible, with different results
};
Relation relation(const Access& earlier, const Access& later);

/// A step that was done.
struct Step {
    TaskId task = 0;
    std::uint32_t first_access = 0;  ///< into Execution::accesses()
    std::uint32_t access_count = 0;
    PointKind kind = PointKind::start;
    const char* name = "";  ///< step name of the point
    const char* function = "";
    const char* what = "";
};

class Execution;

/// Decides who goes on, and hears what was done.
class Director {
public:
    virtual ~Director() = default;
    virtual void begin(Execution&) {}
    /// One of Execution::enabled() (which is not empty), or null to abandon the run.
    virtual Task* choose(Execution& execution) = 0;
    /// Called after each step if `hears_steps`.
    virtual void stepped(Execution&, const Step&) {}
    /// All is quiet: nobody can go on. Some tasks may still wait.
    virtual void ended(Execution&) {}
    bool hears_steps = false;
    /// Not null: its choice is uniform among those that can go on, by these numbers; choose() is not asked.
    Rng* uniform = nullptr;
};

enum class RunEnd : std::uint8_t { complete, abandoned, too_long };

/// What a run came to, as long as somebody else keeps it.
struct RunView {
    RunEnd end;
    std::size_t steps;
    const std::vector<kernel::Report>& reports;
    const std::string& outcome;
};

/// What a run came to.
struct RunResult {
    RunEnd end = RunEnd::complete;
    std::size_t steps = 0;
    std::vector<kernel::Report> reports;
    std::string outcome;
    operator RunView() const { return {end, steps, reports, outcome}; }  // NOLINT(google-explicit-constructor)
};

struct ExecutionOptions {
    bool data_races = true;
    bool record = false;              ///< keep the steps and who could go on (Execution::steps, enabled_sets)
    bool new_races_only = false;      ///< a data race that an earlier run of this execution reported is left out
    bool count_arrivals = false;      ///< how often each task came to each point (Execution::arrivals), for names
    bool in_region = true;            ///< false: as if there were no regions (kernel-model/core/region.hpp)
    bool poison = false;              ///< what a run leaves behind in its region is overwritten before the next
    std::size_t step_limit = 50'000;  ///< then the run ends with a hung-task report: a loop without progress
};

/// Machine and driver of runs; one a worker, used for many runs. Not thread-safe.
/// If the program allows it, a run lives in a region of memory, and what comes before the race is done once: each
/// further run begins with a copy of that state. What directors and observers allocate is theirs.
class Execution : public kernel::Machine, public kernel::LateMemory, private kernel::RaceFilter {
public:
    Execution(const Program& program, ExecutionOptions options);
    ~Execution() override;

    RunResult run(Director& director, kernel::AccessObserver* observer = nullptr) {
        const RunView seen = play(director, observer);
        return {seen.end, seen.steps, seen.reports, seen.outcome};
    }
    /// The same without a copy: good until the next run.
    RunView play(Director& director, kernel::AccessObserver* observer = nullptr);

    // For directors, during a run; of the last run, until the next.
    /// Tasks that can go on now, by id. Kept up to date by what changes it, so that a step costs the same beside any
    /// number of tasks.
    const std::vector<Task*>& enabled() const { return run_->enabled; }
    /// The same of one task, looked up anew.
    static bool is_enabled(const Task& task) {
        return task.state <= kernel::TaskState::suspended &&  // ready or running too
               (task.waits_for == nullptr || task.waits_for->ready_for(task));
    }
    /// Who did the last step; null before the first.
    Task* current() const { return current_; }
    /// The plain schedule's choice: the current task if it can go on, else the enabled one of the lowest id.
    Task* default_choice();
    /// Each of those that can go on is as likely.
    Task* uniform_choice(Rng& draw) const {
        const std::vector<Task*>& all = run_->enabled;
        return all.size() == 1 ? all.front() : all[draw.below(all.size())];
    }
    std::size_t step_count() const { return step_count_; }
    std::size_t task_count() const;
    Task& task(TaskId id) const;
    /// The step in which this task was last spawned or woken by another (+1; 0: before the race or by the host).
    std::size_t made_ready_by(TaskId id) const { return run_->ready_by[id]; }
    const std::vector<Task*>& alive() const { return run_->alive; }
    const std::vector<Access>& accesses() const { return run_->accesses; }
    const std::vector<Step>& steps() const { return run_->steps; }  ///< of the last run, if recorded
    /// Who did each step of the last run.
    const std::vector<TaskId>& choices() const { return run_->choices; }
    /// Who could have done each step: a bit each. Recorded runs only.
    const std::vector<std::uint64_t>& enabled_sets() const { return run_->enabled_sets; }
    /// How often this task has come to the point where it stands, by name; from 1. With count_arrivals only.
    unsigned arrivals(const Task& task) const;
    /// "cpu0" where that tells the task apart from the others of the race, else its name ("kworker/u4:1", "x.2").
    std::string label(TaskId id) const;
    /// First task of the race and how many there are.
    std::pair<TaskId, std::size_t> race_tasks() const {
        return {static_cast<TaskId>(run_->race_begin), run_->race_end - run_->race_begin};
    }
    /// With new_races_only: as if no run had been before.
    void forget_races() { races_.resize(races_before_); }
    std::vector<std::string> heads() const;  ///< "CPU0 modprobe", ... of the last run

    // Machine.
    void task_ready(Task& task) override;
    void at_point(Task& task, const Point& point) override;
    void task_blocked(Task& task) override;
    void waitable_changed(const kernel::Waitable& what) override;
    void task_finished(Task& task) override;
    SimTime now() const override { return us(step_count_) + run_->waited; }
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override;
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override;
    void memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) override;
    void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override;
    void store_barrier() override;
    void load_barrier() override;
    void branch() override;
    void full_barrier() override;
    void load_late(PhysAddr address, std::size_t size, std::function<void(const std::uint8_t*)> then) override;
    void pass(SimTime time) override { run_->waited += time; }
    void sleep(SimTime time) override { run_->waited += time; }
    kernel::TimerId set_timer(SimTime delay, std::function<void()> fire) override;
    void cancel_timer(kernel::TimerId timer) override;
    void connect_interrupt(firmware::NodeIndex device, std::string name, std::function<void()> handler) override {
        run_->hardware.connect_interrupt(device, std::move(name), std::move(handler));
    }
    /// Each page of each buffer is accessed once, with each of the master's ids; a fault is a finding.
    void start_master(const std::string& device, const kernel::DmaPlan& plan) override;
    void submit_dma(const std::string&, Iova, std::uint64_t, bool, std::function<void(bool ok)> done) override;

private:
    struct Arrival {
        TaskId task;
        const char* step;
        unsigned count;
    };
    /// A task at something to be waited for, or blocked there. By itself, so that a look for those who wait for one
    /// thing need not look into tasks.
    struct Standing {
        const kernel::Waitable* at;
        Task* task;
    };
    /// A task's last register read, where register accesses are points.
    struct Poll {
        const Task* task;
        std::uint64_t address;
        std::uint64_t changes;  ///< Run::changes then
    };
    /// A task that reads the same register again waits until hardware or memory has changed: a polling loop is one step
    /// long, whatever the schedule. One that nothing ends is a hang.
    class HardwareChange : public kernel::Waitable {
    public:
        explicit HardwareChange(const Execution& execution) : execution_(execution) {}
        bool ready_for(const Task& task) const override;
        std::string waitable_name() const override { return "a change of the hardware"; }

    private:
        const Execution& execution_;
    };
    struct Timer {
        std::uint64_t id;
        SimTime at;
        std::function<void()> fire;
        kernel::VectorClock clock;
    };
    struct TaskName {
        std::string name;
        unsigned cpu;
        bool of_race;
    };
    /// One run, and all that it allocates. In a region it is copied and forgotten as a piece of memory.
    struct Run {
        std::unique_ptr<kernel::Kernel> kernel;  ///< null after a run outside of a region
        std::unique_ptr<World> world;
        std::vector<Task*> ready;  ///< before the race: first in, first out
        std::vector<Task*> alive;
        std::vector<Task*> enabled;  ///< by id
        std::vector<Standing> standing;
        std::vector<std::size_t> ready_by;
        std::vector<Access> accesses;
        std::vector<Step> steps;
        std::vector<TaskId> choices;
        std::vector<std::uint64_t> enabled_sets;
        std::vector<Arrival> arrivals;
        std::vector<Timer> timers;
        std::uint64_t timer_count = 0;
        SimTime timer_time{};
        SimTime waited{};  ///< by tasks, for hardware
        Hardware hardware;
        std::unique_ptr<LateAccesses> late;  ///< where accesses may be late
        std::vector<Poll> polls;
        std::uint64_t changes = 0;  ///< of hardware and memory, counted where register accesses are points
        std::vector<TaskName> names;
        std::size_t race_begin = 0;
        std::size_t race_end = 0;
    };
    /// Tells an observer, outside of the region.
    class Observing : public kernel::AccessObserver {
    public:
        void changed(const Task* task, const kernel::SharedBase& field, const std::string& from, const std::string& to,
                     const char* step) override;
        kernel::AccessObserver* to = nullptr;
    };

    bool known(const kernel::RaceSight& sight) override;
    void prepare();
    RunView play_in_region(Director& director);
    /// The race, and what is looked at after it.
    void race(Director& director);
    void refresh(Task& task);
    // Apart from what every step goes through.
    [[gnu::noinline]] bool waits_for_release(const Task& task) const;
    [[gnu::noinline]] bool late_point(Task& task, const Point& point);
    [[gnu::noinline]] void note_late_begin(Task& task);
    void stand(Task& task);
    void run_before();
    void run_race();
    bool fire_next_timer();
    void begin_step(Task& task);
    void end_step();
    void note_begin(Task& task);
    void note_point(Task& task);
    void note_end();
    void tell_step();
    void note_arrival(const Task& task, const Point& point);
    Task* decide();
    Task* no_choice();
    void note_choice();
    void add_access(PointKind kind, Resource resource, bool guarded);
    void mmio_point(PhysAddr address, const kernel::Waitable* waits_for);
    bool schedules_mmio() const { return racing_ && program_.schedules_mmio(); }
    bool stores_late() const { return racing_ && late_stores_ && kernel_->sched.in_task(); }
    void memory_point(PointKind kind, PhysAddr address, std::size_t size, const Task* by = nullptr);
    void store_late(PhysAddr address, const std::uint8_t* bytes, std::size_t size);
    void send_to_each(const std::shared_ptr<LateAccess>& store);
    void wait_for(const LateAccesses::List& accesses, const char* step);
    void wait_until_seen(const LateAccesses::List& stores, const Task& by, const char* step);
    void store_now(PhysAddr address, const std::uint8_t* bytes, std::size_t size);
    void changed_hardware();
    void used_hardware(bool dma);

    const Program& program_;
    const ExecutionOptions options_;
    const bool late_stores_;
    kernel::Workspace workspace_;
    std::unique_ptr<kernel::Region> region_;  ///< null: every run is made and destroyed piece by piece
    std::vector<kernel::RaceSight> races_;    ///< reported by earlier runs
    std::size_t races_before_ = 0;            ///< of them, in what comes before the race
    bool prepared_ = false;
    std::size_t most_accesses_ = 512;  ///< of one run until now: there is room for them from the start
    Observing observing_;
    HardwareChange hardware_change_{*this};

    std::unique_ptr<Run> own_run_;  ///< without a region
    Run* run_ = nullptr;
    Run* saved_run_ = nullptr;  ///< the region has a copy: the run before the race
    kernel::Kernel* kernel_ = nullptr;
    Director* director_ = nullptr;
    bool keeps_steps_ = false;  ///< somebody looks at them
    bool takes_notes_ = false;  ///< of anything but the choices
    bool racing_ = false;
    bool fires_timers_ = false;
    RunEnd end_ = RunEnd::complete;
    Task* current_ = nullptr;
    bool in_step_ = false;
    Step step_;
    std::size_t step_count_ = 0;
    std::string outcome_;
    std::vector<kernel::Report> reports_;  ///< without a region
};

}  // namespace xlate::explore
