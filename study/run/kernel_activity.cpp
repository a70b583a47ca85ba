#include "study/run/kernel_activity.hpp"

#include <algorithm>

namespace xlate::study {
namespace {

std::string name_of(const kernel::HeldLock& held) {
    std::string name = held.lock_class;
    if (held.instance != nullptr && *held.instance != '\0') name += std::string(" of ") + held.instance;
    return name;
}

}  // namespace

KernelActivity::State& KernelActivity::state(const kernel::Task& task) {
    State& found = states_[task.id];
    if (found.name.empty()) {
        found.name = task.name;
        found.cpu = task.cpu % std::max(cpus_, 1U);
    }
    return found;
}

void KernelActivity::tell_lock(const std::string& lock, const State& state, bool waited, SimTime from) {
    for (ActivitySink* sink : sinks_) sink->lock(lock, state.name, waited, from, now());
}

void KernelActivity::stop(State& state) {
    if (!state.runs) return;
    state.runs = false;
    for (ActivitySink* sink : sinks_) sink->ran(state.cpu, state.name, state.since, now());
}

/// The task is at work; what it holds may have changed.
void KernelActivity::look(const kernel::Task& task) {
    State& one = state(task);
    if (!one.runs) {
        one.runs = true;
        one.since = now();
    }
    std::size_t same = 0;
    while (same < one.held.size() && same < task.held.size() && one.held[same].lock == task.held[same].lock) ++same;
    if (same == one.held.size() && same == task.held.size()) return;
    // Those that are gone from the middle were given back; those behind them stay.
    for (std::size_t i = same; i < one.held.size();) {
        const kernel::Waitable* const lock = one.held[i].lock;
        const bool kept = std::any_of(task.held.begin(), task.held.end(),
                                      [&](const kernel::HeldLock& held) { return held.lock == lock; });
        if (kept) {
            ++i;
            continue;
        }
        tell_lock(one.held[i].name, one, false, one.held[i].since);
        one.held.erase(one.held.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (const kernel::HeldLock& held : task.held) {
        const bool known =
            std::any_of(one.held.begin(), one.held.end(), [&](const Hold& hold) { return hold.lock == held.lock; });
        if (known) continue;
        one.held.push_back({held.lock, name_of(held), now()});
        if (one.wanted == held.lock) {
            tell_lock(one.held.back().name, one, true, one.wanted_since);
            one.wanted = nullptr;
        }
    }
}

void KernelActivity::look_at_current() {
    if (const kernel::Task* const task = kernel::current_task()) look(*task);
}

void KernelActivity::finish() {
    for (auto& [id, one] : states_) {
        stop(one);
        for (const Hold& hold : one.held) tell_lock(hold.name, one, false, hold.since);
        if (one.wanted != nullptr) tell_lock(one.wanted->waitable_name(), one, true, one.wanted_since);
    }
    states_.clear();
}

void KernelActivity::at_point(kernel::Task& task, const kernel::Point& point) {
    look(task);
    machine_.at_point(task, point);
}

void KernelActivity::task_blocked(kernel::Task& task) {
    look(task);
    State& one = state(task);
    const bool at_lock =
        task.pending.kind == kernel::PointKind::lock || task.pending.kind == kernel::PointKind::lock_shared;
    if (at_lock && task.waits_for != nullptr && one.wanted != task.waits_for) {
        one.wanted = task.waits_for;
        one.wanted_since = now();
    }
    stop(one);
    machine_.task_blocked(task);
}

void KernelActivity::task_finished(kernel::Task& task) {
    State& one = state(task);
    stop(one);
    if (task.state == kernel::TaskState::finished) {
        for (const Hold& hold : one.held) tell_lock(hold.name, one, false, hold.since);
        states_.erase(task.id);
    }
    machine_.task_finished(task);
}

std::uint64_t KernelActivity::mmio_read(PhysAddr address, unsigned size) {
    look_at_current();
    return machine_.mmio_read(address, size);
}

void KernelActivity::mmio_write(PhysAddr address, unsigned size, std::uint64_t value) {
    look_at_current();
    machine_.mmio_write(address, size, value);
}

void KernelActivity::memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) {
    look_at_current();
    machine_.memory_read(address, bytes, size);
}

void KernelActivity::memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) {
    look_at_current();
    machine_.memory_write(address, bytes, size);
}

void KernelActivity::pass(SimTime time) {
    look_at_current();
    machine_.pass(time);
}

void KernelActivity::sleep(SimTime time) {
    if (const kernel::Task* const task = kernel::current_task()) {
        look(*task);
        stop(state(*task));
    }
    machine_.sleep(time);
}

}  // namespace xlate::study
