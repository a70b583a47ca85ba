#include "kernel-model/core/scheduler.hpp"

#include <cstdlib>
#include <utility>

#include "base/error.hpp"
#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

namespace {

// Above this many tasks the vector clock places of finished ones are used again.
constexpr std::size_t kSlots = 48;
// Room from the start.
constexpr std::size_t kUsualTasks = 16;
constexpr std::size_t kUsualHeldLocks = 6;

}  // namespace

namespace detail {

__thread Task* current_on_this_thread = nullptr;

}  // namespace detail

using detail::current_on_this_thread;

Scheduler::Scheduler(Kernel& kernel, Dispatcher& dispatcher, StackPool& stacks, CallTree& calls)
    : kernel_(kernel), dispatcher_(dispatcher), stacks_(stacks), calls_(calls) {
    tasks_.reserve(kUsualTasks);
}

Scheduler::~Scheduler() { kill_all(); }

Task& Scheduler::spawn(std::string name, unsigned cpu, std::function<void()> body) {
    const auto id = static_cast<TaskId>(tasks_.size());
    tasks_.push_back(std::make_unique<Task>(kernel_, id, std::move(name), cpu));
    Task& task = *tasks_.back();
    if (!free_slots_.empty()) {
        task.slot = free_slots_.back();
        free_slots_.pop_back();
    } else {
        task.slot = slots_++;
    }
    task.stack = calls_.root();
    task.held.reserve(kUsualHeldLocks);
    task.body_ = std::move(body);
    if (current_ != nullptr) {
        task.clock.join(current_->clock);
        current_->clock.tick(current_->slot);
        task.spawned_by = current_->id;
        task.spawn_number = current_->spawned++;
    } else {
        task.clock.join(host_clock);
        task.spawn_number = host_spawned_++;
    }
    if (id >= kSlots && slot_clocks_.at(task.slot) != 0) task.clock.set(task.slot, slot_clocks_.at(task.slot));
    task.clock.tick(task.slot);
    task.pending = {PointKind::start, "", 0, ""};
    task.fiber_ = std::make_unique<Fiber>(stacks_, run_body, &task);
    dispatcher_.task_ready(task);
    return task;
}

Task& Scheduler::current() const {
    XLATE_CHECK(current_ != nullptr, "called outside of a task");
    return *current_;
}

void Scheduler::run_body(void* of_task) {
    Task& task = *static_cast<Task*>(of_task);
    try {
        task.body_();
        task.state = TaskState::finished;
    } catch (const Oops&) {
        task.state = TaskState::crashed;
    }
    task.pending = {PointKind::end, "", 0, ""};
    task.waits_for = nullptr;
}

void Scheduler::crash_current() {
    Task& task = current();
    task.state = TaskState::crashed;
    task.pending = {PointKind::end, "", 0, ""};
    task.waits_for = nullptr;
    task.stack = calls_.root();
    task.fiber_->suspend();
    XLATE_CHECK(false, task.name + " went on after it had crashed");
    std::abort();
}

void Scheduler::add_touch(Resource object) {
    Task& task = *current_;
    for (std::size_t i = 0; i < task.touched_count; ++i) {
        if (task.touched[i] == object) return;
    }
    if (task.touched_count == Task::kTouchLimit) {
        task.touched_overflow = true;
        return;
    }
    task.touched[task.touched_count++] = object;
}

void Scheduler::suspend() {
    Task& task = current();
    task.state = TaskState::suspended;
    task.fiber_->suspend();
}

void Scheduler::resume(Task& task) {
    XLATE_CHECK(current_ == nullptr && task.alive() && task.state != TaskState::running, task.name);
    task.state = TaskState::running;
    current_ = &task;
    Task* const outer = std::exchange(current_on_this_thread, &task);
    // Who comes back need not be who was resumed: tasks may have switched.
    const auto back = [&]() -> Task& {
        current_on_this_thread = outer;
        return *std::exchange(current_, nullptr);
    };
    try {
        task.fiber_->resume();
    } catch (...) {
        back().state = TaskState::crashed;
        throw;
    }
    Task& last = back();
    if (!last.alive()) finished(last);
}

void Scheduler::finished(Task& task) {
    if (drops_crashed) task.fiber_->drop();
    task.fiber_.reset();
    if (slots_ >= kSlots) {
        slot_clocks_.set(task.slot, task.clock.at(task.slot));
        free_slots_.push_back(task.slot);
    }
    for (const Joiner& joiner : joiners_) {
        if (joiner.of != &task) continue;
        joiner.waiter->clock.join(task.clock);
        wake(*joiner.waiter);
    }
    dispatcher_.task_finished(task);
}

void Scheduler::block(const char* why) {
    Task& task = current();
    task.state = TaskState::blocked;
    task.blocked_on = why;
    dispatcher_.task_blocked(task);
    task.fiber_->suspend();
    task.blocked_on = "";
}

void Scheduler::wake(Task& task) {
    if (task.state != TaskState::blocked) return;
    if (current_ != nullptr) {
        task.clock.join(current_->clock);
        current_->clock.tick(current_->slot);
    } else {
        task.clock.join(host_clock);
    }
    task.state = TaskState::ready;
    dispatcher_.task_ready(task);
}

void Scheduler::join(Task& task, const char* step) {
    Task& waiter = current();
    const TaskEnd end(task);
    point({PointKind::wait, step, end_of_task(task.id), "end of task"}, &end);
    if (task.alive()) {
        joiners_.push_back({&waiter, &task});
        block("end of task");
    }
    waiter.waits_for = nullptr;
    waiter.clock.join(task.clock);
}

Resource Scheduler::new_resource() {
    if (current_ == nullptr) return Resource{++host_resources_} << kFieldBits;
    return (((Resource{current_->id} + 1) << 24) + ++current_->resources_made) << kFieldBits;
}

void Scheduler::kill_all() {
    for (const auto& task : tasks_) task->fiber_.reset();
}

}  // namespace xlate::kernel
