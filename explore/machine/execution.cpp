#include "explore/machine/execution.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace xlate::explore {

namespace {

// Task::machine_data while it races.
constexpr std::uint64_t kListed = 1;  // it is in Execution::enabled()
constexpr std::uint64_t kStands = 2;  // it is in run_->standing

bool is_lock(PointKind kind) { return kind == PointKind::lock || kind == PointKind::lock_shared; }

/// Points at which another task may be let in. The others commute with everything or are part of the step before.
constexpr std::uint32_t kVisible =
    ~(kernel::point_bit(PointKind::start) | kernel::point_bit(PointKind::unlock) | kernel::point_bit(PointKind::alloc) |
      kernel::point_bit(PointKind::pass) | kernel::point_bit(PointKind::end));
// Room from the start.
constexpr std::size_t kUsualSteps = 512;
constexpr std::size_t kUsualTasks = 32;

}  // namespace

Relation relation(const Access& earlier, const Access& later) {
    if (earlier.resource != later.resource) {
        const bool same_object = kernel::object_of(earlier.resource) == kernel::object_of(later.resource);
        const bool frees = earlier.kind == PointKind::free || later.kind == PointKind::free;
        return same_object && frees ? Relation::race : Relation::none;
    }
    const PointKind a = earlier.kind;
    const PointKind b = later.kind;
    // A lock is free again only after the unlock; two acquisitions compete. Guarded by construction.
    if (is_lock(a) && is_lock(b)) {
        return a == PointKind::lock_shared && b == PointKind::lock_shared ? Relation::none : Relation::race;
    }
    if (a == PointKind::unlock || b == PointKind::unlock) {
        if (is_lock(b)) return Relation::order;
        return a == PointKind::update || b == PointKind::update ? Relation::race : Relation::none;  // try_lock
    }
    if (a == PointKind::wait && b == PointKind::wait) {
        return earlier.guarded && later.guarded ? Relation::race : Relation::none;
    }
    if (a == PointKind::wake && b == PointKind::wait && later.guarded) return Relation::order;
    if (a == PointKind::wait && b == PointKind::wake && earlier.guarded) return Relation::none;
    return kernel::is_write(a) || kernel::is_write(b) ? Relation::race : Relation::none;
}

Execution::Execution(const Program& program, ExecutionOptions options)
    : program_(program),
      options_(options),
      late_stores_(program.late_stores()),
      region_(options.in_region && program.can_be_copied() ? kernel::Region::make() : nullptr) {}
Execution::~Execution() = default;

std::size_t Execution::task_count() const { return kernel_->sched.tasks().size(); }
Task& Execution::task(TaskId id) const { return *kernel_->sched.tasks()[id]; }

/// Puts the task into the list of those that can go on, or takes it out.
void Execution::refresh(Task& task) {
    bool enabled = is_enabled(task);
    if (enabled && late_stores_) enabled = !waits_for_release(task);
    if (enabled == ((task.machine_data & kListed) != 0)) return;
    task.machine_data ^= kListed;
    auto at = run_->enabled.end();
    while (at != run_->enabled.begin() && (*std::prev(at))->id >= task.id) --at;
    if (enabled) {
        run_->enabled.insert(at, &task);
    } else {
        run_->enabled.erase(at);
    }
}

/// It wants a lock whose last holder has not done yet all that it did before it let go.
bool Execution::waits_for_release(const Task& task) const {
    return racing_ && task.waits_for != nullptr && is_lock(task.pending.kind) &&
           run_->late->awaits(task, task.pending.resource);
}

/// The task stands at something that it may have to wait for: who changes that refreshes the task.
void Execution::stand(Task& task) {
    if ((task.machine_data & kStands) == 0) {
        task.machine_data |= kStands;
        run_->standing.push_back({task.waits_for, &task});
    }
    refresh(task);
}

Task* Execution::default_choice() {
    if (current_ != nullptr && (current_->machine_data & kListed) != 0) return current_;
    return run_->enabled.empty() ? nullptr : run_->enabled.front();
}

RunView Execution::play(Director& director, kernel::AccessObserver* observer) {
    observing_.to = observer;
    director_ = &director;
    keeps_steps_ = options_.record || director.hears_steps;
    takes_notes_ = keeps_steps_ || options_.count_arrivals || late_stores_;
    racing_ = false;
    end_ = RunEnd::complete;
    current_ = nullptr;
    in_step_ = false;
    step_count_ = 0;
    if (region_ != nullptr) return play_in_region(director);

    own_run_ = std::make_unique<Run>();
    run_ = own_run_.get();
    prepare();
    race(director);
    reports_ = kernel_->reports.all();
    kernel_->sched.kill_all();
    run_->world = nullptr;
    run_->kernel = nullptr;
    kernel_ = nullptr;
    return {end_, step_count_, reports_, outcome_};
}

RunView Execution::play_in_region(Director& director) {
    kernel::Region& region = *region_;
    workspace_.stacks.drop_all();
    try {
        if (region.saved()) {
            region.restore();
            run_ = saved_run_;
            kernel_ = run_->kernel.get();
            if (options_.poison) region.poison();
            const kernel::RegionScope inside(region);
            race(director);
        } else {
            region.reset();
            if (options_.poison) region.poison();
            const std::size_t races = races_.size();
            const kernel::RegionScope inside(region);
            run_ = new Run;
            prepare();
            // A task that waits would be on a stack, which is not copied; a race that is news now, is not the next
            // time.
            if (run_->alive.empty() && races_.size() == races) {
                saved_run_ = run_;
                region.save();
            }
            race(director);
        }
    } catch (...) {
        region.retire();  // the exception may lie in it
        throw;
    }
    kernel_ = nullptr;
    return {end_, step_count_, run_->kernel->reports.all(), outcome_};
}

/// A kernel with a world in which all has happened that comes before the race.
void Execution::prepare() {
    run_->kernel = std::make_unique<kernel::Kernel>(*this, program_.variant(), &workspace_);
    kernel::Kernel& kernel = *run_->kernel;
    kernel_ = &kernel;
    kernel.console.enabled = false;
    kernel.events.enabled = false;
    kernel.timed = false;
    kernel.check_data_races = options_.data_races;
    kernel.sched.drops_crashed = region_ != nullptr;
    if (options_.new_races_only) kernel.reports.race_filter = this;
    run_->world = program_.make(kernel);
    if (late_stores_) run_->late = std::make_unique<LateAccesses>(program_.stores_reach_each());
    run_->hardware.on_use = [this](bool dma) { used_hardware(dma); };
    run_->world->connect(run_->hardware);
    kernel.sched.watched_points = 0;
    kernel.spawn("before", 0, [world = run_->world.get()] { world->before(); });
    run_before();
    if (!prepared_) races_before_ = races_.size();
    prepared_ = true;
    run_->race_begin = kernel.sched.tasks().size();
    for (const auto& task : kernel.sched.tasks()) kernel.sched.host_clock.join(task->clock);
}

void Execution::race(Director& director) {
    kernel::Kernel& kernel = *kernel_;
    World& world = *run_->world;
    racing_ = true;
    run_->choices.reserve(kUsualSteps);
    for (auto* list : {&run_->alive, &run_->enabled}) list->reserve(kUsualTasks);
    run_->standing.reserve(kUsualTasks);
    if (director.hears_steps) run_->accesses.reserve(most_accesses_);
    run_->ready_by.reserve(kUsualTasks);
    kernel.sched.watch_waitables = true;
    world.start();
    run_->race_end = kernel.sched.tasks().size();
    kernel.sched.watched_points = kVisible;
    if (director.hears_steps || late_stores_) kernel.sched.watched_points |= kernel::point_bit(PointKind::unlock);
    kernel.sched.watch_touches = director.hears_steps;
    kernel.observer = observing_.to != nullptr ? &observing_ : nullptr;
    {
        const kernel::RegionPause outside;
        director.begin(*this);
    }
    fires_timers_ = world.fires_timers();
    run_race();
    if (end_ == RunEnd::complete) {
        const kernel::RegionPause outside;
        director.ended(*this);
    }
    kernel.sched.watched_points = 0;
    kernel.sched.watch_touches = false;
    kernel.sched.watch_waitables = false;
    kernel.observer = nullptr;

    outcome_.clear();
    if (end_ == RunEnd::complete) {
        kernel.finish();
        run_->hardware.over = true;
        world.check();
        const std::string outcome = world.outcome();
        const kernel::RegionPause outside;
        outcome_ = outcome;
    }
    most_accesses_ = std::max(most_accesses_, run_->accesses.size());
    if (options_.record) {
        for (const auto& task : kernel.sched.tasks()) {
            run_->names.push_back({task->name, task->cpu, task->id >= run_->race_begin && task->id < run_->race_end});
        }
    }
}

void Execution::Observing::changed(const Task* task, const kernel::SharedBase& field, const std::string& from,
                                   const std::string& now, const char* step) {
    const kernel::RegionPause outside;
    to->changed(task, field, from, now, step);
}

bool Execution::known(const kernel::RaceSight& sight) {
    for (const kernel::RaceSight& one : races_) {
        if (one.field == sight.field && one.step == sight.step && one.other_step == sight.other_step &&
            one.stack == sight.stack && one.other_stack == sight.other_stack && one.task == sight.task &&
            one.other_task == sight.other_task) {
            return true;
        }
    }
    const kernel::RegionPause outside;
    races_.push_back(sight);
    return false;
}

void Execution::run_before() {
    for (std::size_t i = 0; i < run_->ready.size(); ++i) kernel_->sched.resume(*run_->ready[i]);
    run_->ready.clear();
    for (const auto& task : kernel_->sched.tasks()) {
        if (!task->alive()) continue;
        run_->alive.push_back(task.get());
        stand(*task);
    }
}

/// Who goes on, or null: nobody can, or the run ends here.
[[gnu::always_inline]] inline Task* Execution::decide() {
    if (step_count_ >= options_.step_limit || run_->enabled.empty()) return no_choice();
    Task* chosen = nullptr;
    if (director_->uniform != nullptr) {
        chosen = uniform_choice(*director_->uniform);
    } else {
        const kernel::RegionPause outside;
        chosen = director_->choose(*this);
    }
    if (chosen == nullptr) {
        end_ = RunEnd::abandoned;
        return nullptr;
    }
    run_->choices.push_back(chosen->id);
    if (options_.record) note_choice();
    return chosen;
}

/// All is quiet; or the run has no end.
Task* Execution::no_choice() {
    if (step_count_ < options_.step_limit) return nullptr;
    end_ = RunEnd::too_long;
    kernel::Report report;
    report.kind = kernel::ReportKind::hung_task;
    report.what = "still runs after " + std::to_string(step_count_) + " steps";
    if (current_ != nullptr) report.place = kernel::place_of(current_, current_->pending.step);
    kernel_->reports.add(std::move(report));
    return nullptr;
}

void Execution::note_choice() {
    std::uint64_t set = 0;
    for (const Task* task : enabled()) set |= std::uint64_t{1} << (task->id & 63U);
    run_->enabled_sets.push_back(set);
}

[[gnu::always_inline]] inline void Execution::begin_step(Task& task) {
    current_ = &task;
    in_step_ = true;
    if ((task.machine_data & kStands) != 0) {
        task.machine_data &= ~kStands;
        auto place = run_->standing.begin();
        while (place->task != &task) ++place;
        *place = run_->standing.back();
        run_->standing.pop_back();
    }
    if (keeps_steps_) note_begin(task);
}

[[gnu::always_inline]] inline void Execution::note_point(Task& task) {
    step_.task = task.id;
    step_.first_access = static_cast<std::uint32_t>(run_->accesses.size());
    step_.kind = task.pending.kind;
    step_.name = task.pending.step;
    step_.function = task.function();
    step_.what = task.pending.what;
    task.touched_count = 0;
    if (task.pending.resource != 0) add_access(task.pending.kind, task.pending.resource, task.waits_for != nullptr);
}

void Execution::note_begin(Task& task) {
    if (late_stores_) return note_late_begin(task);
    note_point(task);
}

/// With what has to be done before it has the lock that it wants.
void Execution::note_late_begin(Task& task) {
    note_point(task);
    if (!is_lock(task.pending.kind)) return;
    for (const auto& one : run_->late->awaited(task, task.pending.resource)) {
        const LateAccess::Sight* const sight = one->sight_of(task);
        add_access(PointKind::wait, kernel::end_of_task((sight != nullptr ? sight->task : one->task)->id), true);
    }
}

void Execution::add_access(PointKind kind, Resource resource, bool guarded) {
    if (!director_->hears_steps) return;
    run_->accesses.push_back({kind, guarded, resource});
}

[[gnu::always_inline]] inline void Execution::end_step() {
    in_step_ = false;
    if (keeps_steps_) note_end();
    ++step_count_;
    if (keeps_steps_) tell_step();
}

void Execution::note_end() {
    if (!director_->hears_steps) return;
    Task& task = *current_;
    for (std::size_t i = 0; i < task.touched_count; ++i) add_access(PointKind::read, task.touched[i], false);
    if (!task.alive()) add_access(PointKind::wake, kernel::end_of_task(task.id), false);
    XLATE_CHECK(!task.touched_overflow, task.name + " looks into too many objects in one step");
    step_.access_count = static_cast<std::uint32_t>(run_->accesses.size()) - step_.first_access;
}

void Execution::tell_step() {
    if (options_.record) run_->steps.push_back(step_);
    if (!director_->hears_steps) return;
    const kernel::RegionPause outside;
    director_->stepped(*this, step_);
}

void Execution::note_arrival(const Task& task, const Point& point) {
    const auto known = std::find_if(run_->arrivals.begin(), run_->arrivals.end(), [&](const Arrival& arrival) {
        return arrival.task == task.id && std::strcmp(arrival.step, point.step) == 0;
    });
    if (known != run_->arrivals.end()) {
        ++known->count;
    } else {
        run_->arrivals.push_back({task.id, point.step, 1});
    }
}

void Execution::run_race() {
    while (end_ == RunEnd::complete) {
        Task* const task = decide();
        if (task == nullptr) {
            if (end_ == RunEnd::complete && fire_next_timer()) continue;
            return;
        }
        begin_step(*task);
        kernel_->sched.resume(*task);
        // From here tasks go on from one to the next, until one of them blocks or ends, or nobody can go on.
        if (in_step_) end_step();
    }
}

void Execution::at_point(Task& task, const Point& point) {
    if (takes_notes_) {
        if (late_stores_ && late_point(task, point)) return;
        if (point.kind == PointKind::unlock) return add_access(point.kind, point.resource, false);
        end_step();
        if (options_.count_arrivals) note_arrival(task, point);
    } else {
        ++step_count_;
    }
    if (task.waits_for != nullptr) stand(task);
    Task* const next = decide();
    if (next == nullptr) {
        in_step_ = false;
        kernel_->sched.suspend();
        return;
    }
    begin_step(*next);
    if (next != &task) kernel_->sched.switch_to(*next);
}

/// Locks where accesses may be late. True: the point is done with.
bool Execution::late_point(Task& task, const Point& point) {
    const Point here = point;  // `point` is the task's, and waiting gives it others
    if (is_lock(here.kind)) {
        run_->late->lock(task, here.resource);
        return false;
    }
    if (here.kind == PointKind::update) {  // a lock that is tried
        if (run_->late->awaits(task, here.resource))
            wait_until_seen(run_->late->awaited(task, here.resource), task, "MEM");
    } else if (here.kind == PointKind::unlock) {
        wait_for(run_->late->pending_loads(task), "MEM");
        run_->late->unlock(task, here.resource);
    } else {
        return false;
    }
    task.pending = here;
    task.waits_for = nullptr;
    if (here.kind != PointKind::unlock) return false;
    if (takes_notes_) add_access(here.kind, here.resource, false);
    return true;
}

void Execution::task_ready(Task& task) {
    if (run_->ready_by.size() <= task.id) run_->ready_by.resize(task.id + 1, 0);
    if (!racing_) {
        run_->ready.push_back(&task);
        return;
    }
    run_->ready_by[task.id] = in_step_ ? step_count_ + 1 : 0;
    if (task.pending.kind == PointKind::start) run_->alive.push_back(&task);
    if (task.waits_for != nullptr) {
        stand(task);
    } else {
        refresh(task);
    }
}

void Execution::task_blocked(Task& task) {
    if (racing_) refresh(task);
}

void Execution::waitable_changed(const kernel::Waitable& what) {
    for (const Standing& standing : run_->standing) {
        if (standing.at == &what) refresh(*standing.task);
    }
}

void Execution::task_finished(Task& task) {
    if (!racing_) return;
    refresh(task);
    run_->alive.erase(std::find(run_->alive.begin(), run_->alive.end(), &task));
    for (const Standing& other : run_->standing) refresh(*other.task);  // some may wait for its end
}

unsigned Execution::arrivals(const Task& task) const {
    for (const Arrival& arrival : run_->arrivals) {
        if (arrival.task == task.id && std::strcmp(arrival.step, task.pending.step) == 0) return arrival.count;
    }
    return 1;
}

std::string Execution::label(TaskId id) const {
    const auto name_at = [&](TaskId at) -> TaskName {
        if (kernel_ == nullptr) return run_->names[at];
        const Task& found = *kernel_->sched.tasks()[at];
        return {found.name, found.cpu, at >= run_->race_begin && at < run_->race_end};
    };
    const std::size_t count = kernel_ == nullptr ? run_->names.size() : kernel_->sched.tasks().size();
    const TaskName mine = name_at(id);
    bool alone = mine.of_race;
    for (TaskId other = static_cast<TaskId>(run_->race_begin); other < run_->race_end; ++other) {
        if (other != id && name_at(other).cpu == mine.cpu) alone = false;
    }
    if (alone) return "cpu" + std::to_string(mine.cpu);
    unsigned earlier = 0;
    for (TaskId other = static_cast<TaskId>(run_->race_begin); other < count && other < id; ++other) {
        if (name_at(other).name == mine.name) ++earlier;
    }
    return mine.name + (earlier == 0 ? "" : "." + std::to_string(earlier + 1));
}

std::vector<std::string> Execution::heads() const {
    std::vector<std::string> all;
    for (const TaskName& task : run_->names) all.push_back("CPU" + std::to_string(task.cpu) + " " + task.name);
    return all;
}

}  // namespace xlate::explore
