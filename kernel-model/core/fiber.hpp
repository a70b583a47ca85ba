// Stackful coroutines, pooled with their stacks: what a task runs on. Boost.Context below, sanitizers informed.
#pragma once

#include <cstddef>
#include <memory>

namespace xlate::kernel {

/// Stacks that are used again. One pool a thread; outlives its fibers.
/// Bounds: a stack is kStackBytes; its lowest page is a guard, so an overflow ends the program instead of corrupting.
class StackPool {
public:
    static constexpr std::size_t kStackBytes = 256 * 1024;
    StackPool();
    ~StackPool();
    StackPool(const StackPool&) = delete;
    StackPool& operator=(const StackPool&) = delete;

    /// Every stack is free again: the fibers on them, and what they were about to do, are forgotten. For memory that is
    /// given back whole (region.hpp).
    void drop_all();

    struct Impl;
    Impl& impl() { return *impl_; }

private:
    std::unique_ptr<Impl> impl_;
};

/// One coroutine. A fiber that is destroyed before its body has returned is unwound first (destructors run);
/// so `catch (...)` inside a body must rethrow. An exception that leaves the body reaches resume()'s caller.
class Fiber {
public:
    using Body = void (*)(void*);
    Fiber(StackPool& stacks, Body body, void* argument);
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// From outside: runs until suspend() or the end of the body.
    void resume();
    /// From inside: back to resume()'s caller.
    void suspend();
    /// From inside: `other` goes on, whose suspend() leads to the caller of the last resume().
    void switch_to(Fiber& other);
    /// From outside: what is on the stack is forgotten, no destructor runs.
    void drop();
    bool done() const;

private:
    friend class StackPool;
    struct Impl;
    StackPool& pool_;
    Impl& impl_;
};

}  // namespace xlate::kernel
