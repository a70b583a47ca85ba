// Locks and waiting, with the checks of lockdep. No RAII: a simulated crash leaves locks held, as a kernel does.
// Timed runs: waiters queue first in, first out. A machine that chooses (explore) resumes only who can have the
// lock, so any waiter may get it: mutexes with stealing are covered too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "kernel-model/core/task.hpp"

namespace xlate::kernel {

class Kernel;

struct LockOptions {
    bool validate_order = true;  ///< false: as lockdep_set_novalidate_class (device_lock): no class order check
};

/// Who holds what: common to all locks.
class LockBase : public Waitable {
public:
    LockBase(Kernel& kernel, const char* lock_class, std::string instance, LockOptions options);
    ~LockBase() override;
    LockBase(const LockBase&) = delete;
    LockBase& operator=(const LockBase&) = delete;

    bool held_by_current() const;
    /// lockdep_assert_held: a report if the current task does not hold it; goes on.
    void assert_held(const char* step) const;
    const Task* owner() const { return owner_; }
    const Task* blocker() const override { return owner_; }
    bool ready_for(const Task& task) const override;
    std::string waitable_name() const override;
    const char* lock_class() const { return class_; }
    const std::string& instance() const { return instance_; }
    Resource resource() const { return resource_; }

protected:
    /// `subclass`: as in mutex_lock_nested, tells parent and child of one class apart.
    void acquire(const char* step, bool shared, bool try_only, bool* got, unsigned subclass, bool spins);
    void release(const char* step, bool shared);

private:
    bool can_take(bool shared) const;
    void take(Task& task, bool shared, const char* step, unsigned subclass, bool spins);
    void hand_over();
    bool free() const { return owner_ == nullptr && readers_.empty(); }
    bool would_deadlock_on_itself(const Task& task, bool shared) const;

    struct Waiter {
        Task* task;
        bool shared;
        bool granted;
    };
    Kernel& kernel_;
    const char* class_;
    std::string instance_;
    LockOptions options_;
    Resource resource_;
    unsigned class_index_;
    Task* owner_ = nullptr;
    std::vector<Task*> readers_;
    std::vector<Waiter> waiters_;  ///< in order of arrival
    VectorClock released_;         ///< by exclusive holders
    VectorClock released_shared_;  ///< by readers
};

class Mutex : public LockBase {
public:
    /// `lock_class`: a literal, "iommu_probe_device_lock", "dev->mutex"; `instance`: "0000:00:01.0" or nothing.
    Mutex(Kernel& kernel, const char* lock_class, std::string instance = {}, LockOptions options = {})
        : LockBase(kernel, lock_class, std::move(instance), options) {}
    void lock(const char* step, unsigned subclass = 0) { acquire(step, false, false, nullptr, subclass, false); }
    bool try_lock(const char* step) {
        bool got = false;
        acquire(step, false, true, &got, 0, false);
        return got;
    }
    void unlock(const char* step) { release(step, false); }
};

/// Holds its CPU while it waits; of a guest, CostTable::spin_halt_after says when it gives it up to the hypervisor (as
/// paravirtual spinlocks do; without their stealing). Sleeping (mutex, wait, sleep) under it is reported.
class SpinLock : public LockBase {
public:
    SpinLock(Kernel& kernel, const char* lock_class, std::string instance = {}, LockOptions options = {})
        : LockBase(kernel, lock_class, std::move(instance), options) {}
    void lock(const char* step, unsigned subclass = 0) { acquire(step, false, false, nullptr, subclass, true); }
    void unlock(const char* step) { release(step, false); }
};

class RwSemaphore : public LockBase {
public:
    RwSemaphore(Kernel& kernel, const char* lock_class, std::string instance = {}, LockOptions options = {})
        : LockBase(kernel, lock_class, std::move(instance), options) {}
    void down_read(const char* step) { acquire(step, true, false, nullptr, 0, false); }
    void up_read(const char* step) { release(step, true); }
    void down_write(const char* step) { acquire(step, false, false, nullptr, 0, false); }
    void up_write(const char* step) { release(step, false); }
};

/// wait_event / wake_up. As in the kernel: the waiter queues itself, tests, and sleeps only if no wake_up came since.
class WaitQueue : public Waitable {
public:
    explicit WaitQueue(Kernel& kernel, const char* queue_name);
    /// `condition` may contain points (it should, if it reads shared state).
    void wait_event(const char* step, const std::function<bool()>& condition);
    void wake_up(const char* step);  ///< all; host side allowed

    bool ready_for(const Task& task) const override;
    std::string waitable_name() const override { return name_; }

private:
    struct Waiter {
        Task* task;
        bool woken;
    };
    Kernel& kernel_;
    const char* name_;
    Resource resource_;
    std::vector<Waiter> waiters_;
    VectorClock woken_by_;
};

/// complete() may be called from the host side.
class Completion : public Waitable {
public:
    explicit Completion(Kernel& kernel, const char* completion_name);
    void wait(const char* step);
    void complete(const char* step);
    void complete_all(const char* step);
    void reinit();
    bool done() const { return done_ > 0; }

    bool ready_for(const Task&) const override { return done_ > 0; }
    std::string waitable_name() const override { return name_; }

private:
    static constexpr std::uint64_t kForever = ~std::uint64_t{0};
    void wake_waiters();
    Kernel& kernel_;
    const char* name_;
    Resource resource_;
    std::uint64_t done_ = 0;
    std::vector<Task*> waiters_;
    VectorClock completed_by_;
};

/// Class-based lock order (lockdep), the held-lock lists' classes, and statistics per class. Owned by Kernel.
class Lockdep {
public:
    explicit Lockdep(Kernel& kernel) : kernel_(kernel) {
        classes_.reserve(16);
        edges_.reserve(16);
    }
    struct ClassStats {
        std::string name;
        std::uint64_t acquired = 0;
        std::uint64_t contended = 0;
        SimTime wait{};
        SimTime held{};  ///< by anybody, summed over the class's locks; what is held now included. Timed kernels only
    };
    /// In order of first use.
    std::vector<ClassStats> statistics() const;
    /// Of one class, until now; timed kernels only.
    struct ClassUse {
        const char* name;
        std::uint64_t locks;      ///< of it that were made
        std::uint64_t held_fs;    ///< by anybody, summed over the locks
        std::uint64_t door_fs;    ///< with a task waiting, summed over the locks
        std::uint64_t waited_fs;  ///< summed over those who waited
    };
    /// A class keeps its place; new ones come behind.
    std::vector<ClassUse> uses() const;
    /// A lock of the class is made.
    void count_lock(unsigned class_index) { ++classes_[class_index].locks; }
    /// A lock of the class begins (+1) or ceases (-1) to be held, to have waiters; a task begins or ceases to wait.
    void count_held(unsigned class_index, int change);
    void count_door(unsigned class_index, int change);
    void count_waiter(unsigned class_index, int change);

    unsigned class_of(const char* lock_class);
    /// Before `task` takes a lock of this class: its order among the held ones; `hopeless`: it holds it already.
    void check_acquire(Task& task, const LockBase& lock, unsigned class_index, unsigned subclass, bool validate,
                       const char* step, bool hopeless);
    void count(unsigned class_index, bool contended, SimTime wait);
    /// Lockdep's number of a class and subclass, for HeldLock::order_class.
    unsigned order_class(unsigned class_index, unsigned subclass) const { return class_index * kSubclasses + subclass; }
    static constexpr unsigned kSubclasses = 8;
    /// A sleeping call while the task holds a spinlock: a warning.
    void check_may_sleep(const Task& task, const char* step);
    /// Reports a deadlock if a chain waits_for -> blocker leads from `task` back to itself. For machines at a dead end.
    bool report_deadlock(const Task& task);

private:
    struct Edge {
        unsigned from;
        unsigned to;
        const Task* task;
        const CallNode* stack;
        const char* step;
    };
    /// How many there are now, and how long there were so many: their sum over time. What lasts counts by taking its
    /// beginning away, modulo 2^64.
    struct Integral {
        std::uint64_t now = 0;
        std::uint64_t fs = 0;
        void change(int by, SimTime at) {
            now += static_cast<std::uint64_t>(by);
            fs -= static_cast<std::uint64_t>(by) * at.fs;
        }
        std::uint64_t until(SimTime at) const { return fs + now * at.fs; }
    };
    struct LockClass {
        const char* name;
        std::uint64_t acquired;
        std::uint64_t contended;
        SimTime wait;
        std::uint64_t locks = 0;
        Integral held, doors, waiters;
    };
    /// The first edge of a path from `from` to `to`, or null.
    const Edge* path(unsigned from, unsigned to) const;
    std::string order_name(unsigned order_class) const;
    Kernel& kernel_;
    std::vector<LockClass> classes_;
    std::vector<Edge> edges_;
};

}  // namespace xlate::kernel
