// Something whose schedules can be explored: builds its world in a fresh kernel, and says how it ended.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "kernel-model/core/kernel.hpp"

namespace xlate::explore {

class Hardware;

/// One run's world. Made and destroyed once per schedule: keep it cheap.
class World {
public:
    virtual ~World() = default;
    /// What is behind the machine's registers, before anything happens: IOMMUs are added, masters are connected.
    /// `hardware` is empty, and outlives the world.
    virtual void connect(Hardware& /*hardware*/) {}
    /// What happens before the race, in one order: on a task of its own; others that it spawns run to their end too.
    virtual void before() {}
    /// Host side: spawns the tasks of the race.
    virtual void start() = 0;
    /// When all is quiet, timers fire (the deferred-probe timeout), earliest first.
    virtual bool fires_timers() const { return false; }
    /// After the last step, outside of tasks: oracles; they report through Kernel::reports.
    virtual void check() {}
    /// What the run came to, canonical: equal for schedules that differ in nothing that matters.
    virtual std::string outcome() const { return {}; }
};

/// Immutable and shared by all workers; `make` is called by several threads at once.
class Program {
public:
    virtual ~Program() = default;
    virtual std::string name() const = 0;
    virtual const kernel::Variant& variant() const = 0;
    virtual std::unique_ptr<World> make(kernel::Kernel& kernel) const = 0;
    /// True: the world and its tasks change nothing and keep nothing outside of themselves and the kernel, so that a
    /// copy of their memory is a copy of them, and need no destructors.
    virtual bool can_be_copied() const { return false; }
    /// What its model does without, for people.
    virtual std::string limits() const { return {}; }
    /// True: another task may be let in at each access to a register of the hardware.
    virtual bool schedules_mmio() const { return false; }
    /// True: a task's plain stores to memory are seen late, in any order that barriers, locks and register writes leave
    /// (late_accesses.hpp).
    virtual bool late_stores() const { return false; }
    /// True: besides, each task of the race sees another's stores at a time of its own (as no Armv8 CPU does, but
    /// POWER's may). For programs without hardware.
    virtual bool stores_reach_each() const { return false; }
    /// True: an outcome that no sequential order of the tasks gives is a bug (if nothing crashed).
    virtual bool reports_unsequential_outcomes() const { return false; }
};

}  // namespace xlate::explore
