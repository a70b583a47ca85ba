#include "kernel-model/core/lock.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

LockBase::LockBase(Kernel& kernel, const char* lock_class, std::string instance, LockOptions options)
    : kernel_(kernel),
      class_(lock_class),
      instance_(std::move(instance)),
      options_(options),
      resource_(kernel.sched.new_resource()),
      class_index_(kernel.lockdep.class_of(lock_class)) {
    kernel_.lockdep.count_lock(class_index_);
}

LockBase::~LockBase() = default;

std::string LockBase::waitable_name() const {
    return instance_.empty() ? std::string(class_) : std::string(class_) + " of " + instance_;
}

bool LockBase::held_by_current() const {
    const Task* task = kernel_.sched.current_or_null();
    return task != nullptr && (owner_ == task || std::find(readers_.begin(), readers_.end(), task) != readers_.end());
}

void LockBase::assert_held(const char* step) const {
    if (held_by_current()) return;
    Report report;
    report.kind = ReportKind::lockdep_assert;
    report.what = waitable_name();
    report.place = place_of(kernel_.sched.current_or_null(), step);
    kernel_.reports.add(std::move(report));
}

bool LockBase::can_take(bool shared) const { return owner_ == nullptr && (shared || readers_.empty()); }

bool LockBase::ready_for(const Task& task) const {
    if (can_take(task.pending.kind == PointKind::lock_shared)) return true;
    return std::any_of(waiters_.begin(), waiters_.end(),
                       [&](const Waiter& waiter) { return waiter.task == &task && waiter.granted; });
}

bool LockBase::would_deadlock_on_itself(const Task& task, bool shared) const {
    if (owner_ == &task) return true;
    return !shared && std::find(readers_.begin(), readers_.end(), &task) != readers_.end();
}

void LockBase::take(Task& task, bool shared, const char* step, unsigned subclass, bool spins) {
    if (kernel_.timed && free()) kernel_.lockdep.count_held(class_index_, 1);
    if (shared) {
        if (std::find(readers_.begin(), readers_.end(), &task) == readers_.end()) readers_.push_back(&task);
    } else {
        owner_ = &task;
        if (readers_.capacity() != 0) task.clock.join(released_shared_);  // somebody has read under it
    }
    task.clock.join(released_);
    HeldLock& held = task.held.emplace_back();
    held.lock = this;
    held.lock_class = class_;
    held.instance = instance_.c_str();
    held.step = step;
    held.shared = shared;
    held.spins = spins;
    held.validated = options_.validate_order;
    held.order_class = kernel_.lockdep.order_class(class_index_, subclass);
    task.waits_for = nullptr;
    kernel_.sched.changed(*this);
}

void LockBase::acquire(const char* step, bool shared, bool try_only, bool* got, unsigned subclass, bool spins) {
    Task& task = kernel_.sched.current();
    if (!spins && !try_only) kernel_.lockdep.check_may_sleep(task, step);
    const bool hopeless = would_deadlock_on_itself(task, shared);
    if (!try_only) {
        kernel_.lockdep.check_acquire(task, *this, class_index_, subclass, options_.validate_order, step, hopeless);
    }
    const PointKind kind = try_only ? PointKind::update : shared ? PointKind::lock_shared : PointKind::lock;
    kernel_.sched.point({kind, step, resource_, class_}, try_only ? nullptr : this);
    kernel_.spend(kernel_.costs.lock);
    if (can_take(shared) && waiters_.empty()) {
        take(task, shared, step, subclass, spins);
        kernel_.lockdep.count(class_index_, false, {});
        if (got != nullptr) *got = true;
        return;
    }
    if (try_only) {
        *got = false;
        return;
    }
    const SimTime since = kernel_.now();
    kernel_.lockdep.count_waiter(class_index_, 1);
    if (waiters_.empty()) kernel_.lockdep.count_door(class_index_, 1);
    waiters_.push_back({&task, shared, false});
    if (!hopeless) kernel_.lockdep.report_deadlock(task);
    for (;;) {
        const auto mine =
            std::find_if(waiters_.begin(), waiters_.end(), [&](const Waiter& waiter) { return waiter.task == &task; });
        if (mine->granted) {
            waiters_.erase(mine);
            kernel_.lockdep.count_waiter(class_index_, -1);
            if (waiters_.empty()) kernel_.lockdep.count_door(class_index_, -1);
            break;
        }
        kernel_.sched.block(spins ? "spinlock" : "lock");
    }
    take(task, shared, step, subclass, spins);
    const SimTime halts = kernel_.costs.spin_halt_after;
    if (!spins) {
        kernel_.spend(kernel_.costs.mutex_sleep_wake);
    } else if (halts.fs != 0 && kernel_.now() - since > halts) {
        kernel_.spend(kernel_.costs.spin_halt_wake);
    }
    kernel_.lockdep.count(class_index_, true, kernel_.now() - since);
}

void LockBase::release(const char* step, bool shared) {
    Task& task = kernel_.sched.current();
    kernel_.sched.point({PointKind::unlock, step, resource_, class_});
    kernel_.spend(kernel_.costs.lock);
    const auto held = std::find_if(task.held.rbegin(), task.held.rend(),
                                   [&](const HeldLock& entry) { return entry.lock == this && entry.shared == shared; });
    if (held == task.held.rend()) {
        kernel_.reports.warn("unlock of " + waitable_name() + ", which is not held", step);
        return;
    }
    task.held.erase(std::next(held).base());
    if (shared) {
        readers_.erase(std::find(readers_.begin(), readers_.end(), &task));
        released_shared_.join(task.clock);
    } else {
        owner_ = nullptr;
        released_ = task.clock;
    }
    if (kernel_.timed && free()) kernel_.lockdep.count_held(class_index_, -1);
    task.clock.tick(task.slot);
    hand_over();
    kernel_.sched.changed(*this);
}

void LockBase::hand_over() {
    // First in, first out; readers at the head go together. The lock is given, so that nobody overtakes.
    for (Waiter& waiter : waiters_) {
        if (waiter.granted) continue;
        if (!can_take(waiter.shared)) return;
        if (kernel_.timed && free()) kernel_.lockdep.count_held(class_index_, 1);
        waiter.granted = true;
        if (waiter.shared) {
            readers_.push_back(waiter.task);
        } else {
            owner_ = waiter.task;
        }
        kernel_.sched.wake(*waiter.task);
    }
}

}  // namespace xlate::kernel
