// A task of the simulated kernel, and the frames of its call stack.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel-model/core/call_tree.hpp"
#include "kernel-model/core/fiber.hpp"
#include "kernel-model/core/point.hpp"
#include "kernel-model/core/vector_clock.hpp"

namespace xlate::kernel {

class Kernel;
class Scheduler;
class Task;

/// Index of a task in order of spawn; the init task is usually 0.
using TaskId = std::uint32_t;

/// Anything that a task waits for at a lock or wait point. Asked by machines that choose who goes on:
/// a task whose `waits_for` is not ready would only block.
class Waitable {
public:
    virtual ~Waitable() = default;
    virtual bool ready_for(const Task& task) const = 0;
    /// The task that has to act first, if that is known (a lock's owner).
    virtual const Task* blocker() const { return nullptr; }
    virtual std::string waitable_name() const = 0;
};

enum class TaskState : std::uint8_t {
    // The first three can go on; the order is relied on.
    ready,  ///< may be resumed
    running,
    suspended,  ///< gave way to the host, which resumes it when it likes
    blocked,    ///< waits for wake()
    finished,
    crashed,  ///< by an Oops: its locks stay held
};

/// A lock that a task holds, innermost last.
struct HeldLock {
    const Waitable* lock = nullptr;
    const char* lock_class = "";
    const char* instance = "";
    const char* step = "";  ///< where it was taken
    bool shared = false;
    bool spins = false;
    bool validated = false;    ///< takes part in the class order check
    unsigned order_class = 0;  ///< Lockdep's number of class and subclass
};

/// Owned by the Scheduler, to the end of the run.
class Task {
public:
    Task(Kernel& kernel, TaskId task_id, std::string task_name, unsigned task_cpu)
        : id(task_id), cpu(task_cpu), name(std::move(task_name)), kernel_(&kernel) {}

    // What each step looks at comes first, in as few lines of the host's cache as it fits.
    const TaskId id;
    TaskState state = TaskState::ready;
    bool may_wait_forever = false;        ///< a service (irq thread): waiting at the end of the run is no hang
    Point pending;                        ///< the point it stands at, or passed last
    const Waitable* waits_for = nullptr;  ///< set while it stands at a lock or wait point, or is blocked there
    std::uint64_t machine_data = 0;       ///< free for the machine

private:
    friend class Scheduler;
    std::unique_ptr<Fiber> fiber_;

public:
    CallNode* stack = nullptr;
    std::size_t slot = 0;  ///< its place in vector clocks
    VectorClock clock;     ///< happens-before, for the data race check
    std::vector<HeldLock> held;
    const unsigned cpu;
    std::uint32_t resources_made = 0;
    const std::string name;       ///< "swapper/0", "insmod", "kworker/u8:0"
    const char* blocked_on = "";  ///< text given to block()

    /// Which spawn of which task made it (kNobody: the host side): a name that other tasks' doings do not change.
    static constexpr TaskId kNobody = ~TaskId{0};
    TaskId spawned_by = kNobody;
    std::uint32_t spawn_number = 0;
    std::uint32_t spawned = 0;

    /// Objects that this task looked into since its last point besides that point's own (see Scheduler::touch).
    static constexpr std::size_t kTouchLimit = 16;
    std::array<Resource, kTouchLimit> touched{};
    std::size_t touched_count = 0;
    bool touched_overflow = false;

    Kernel& kernel() const { return *kernel_; }
    bool alive() const { return state != TaskState::finished && state != TaskState::crashed; }
    const char* function() const { return stack != nullptr ? stack->function : ""; }

private:
    Kernel* kernel_;
    std::function<void()> body_;
};

/// RAII: names the kernel function for reports and timelines. `Frame f{k, "of_iommu_configure"};`
/// Outside a task (host side) it does nothing.
class Frame {
public:
    inline Frame(Kernel& kernel, const char* function);  // kernel.hpp
    ~Frame() {
        if (task_ != nullptr) task_->stack = const_cast<CallNode*>(saved_);
    }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

private:
    Task* task_;
    const CallNode* saved_ = nullptr;
};

}  // namespace xlate::kernel
