// Accesses to memory that their task has done and that have not happened yet. Each is done by a small task of its own,
// so that a search decides when: its only step is the access.
//   in order   accesses to the same bytes; stores before and after a store barrier; before a full barrier, an unlock or
//   a
//              register write the task waits until all of its accesses are done, before a load barrier all of its loads
//   late       all other stores, in any order; loads whose value the task does not ask for (LateMemory::load_late)
//   absent     early loads: a load whose value is used at once takes it when its turn comes, and no later load
//   overtakes
//              it (MP with a branch in place of smp_rmb); a store that two tasks see at two times, and what follows
//              from it (R and 2+2W with smp_wmb, IRIW with smp_rmb: what Linux's model allows for the sake of POWER);
//              accesses to kernel objects (Shared<T>), which are sequentially consistent
// A task sees its own stores at once.
// Source: Linux's tools/memory-model (explanation.txt): which orders hold. Whatever is seen here is allowed there.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/ids.hpp"
#include "kernel-model/core/point.hpp"
#include "kernel-model/core/task.hpp"

namespace xlate::explore {

struct LateAccess {
    const kernel::Task* owner = nullptr;
    kernel::Task* task = nullptr;  ///< does it
    bool is_store = false;
    std::uint64_t address = 0;
    std::size_t size = 0;
    std::vector<std::uint8_t> bytes;                 ///< of a store
    std::vector<std::shared_ptr<LateAccess>> after;  ///< of the same owner: done before
    bool done = false;

    bool overlaps(std::uint64_t first, std::size_t count) const {
        return first < address + size && address < first + count;
    }
};

class LateAccesses {
public:
    using List = std::vector<std::shared_ptr<LateAccess>>;

    /// A new store of `owner`, ordered after what has to be done before it.
    std::shared_ptr<LateAccess> add_store(const kernel::Task& owner, std::uint64_t address, const std::uint8_t* bytes,
                                          std::size_t size);
    /// A new load of `owner`.
    std::shared_ptr<LateAccess> add_load(const kernel::Task& owner, std::uint64_t address, std::size_t size);
    /// Of this task, not done yet, oldest first.
    List pending(const kernel::Task& owner) const;
    List pending_loads(const kernel::Task& owner) const;
    /// What `owner` had stored before (all, or before this load of its own) and nothing has seen yet, over what memory
    /// says.
    void forward(const kernel::Task& owner, std::uint64_t address, std::uint8_t* bytes, std::size_t size,
                 const LateAccess* load = nullptr) const;
    /// Later stores of `owner` come after its earlier ones.
    void barrier(const kernel::Task& owner);

    /// `owner` lets go of this lock.
    void unlock(const kernel::Task& owner, kernel::Resource lock);
    /// `owner` wants a lock: its later stores come after those before its last unlock.
    void lock(const kernel::Task& owner);
    /// What has to be done before `taker` has this lock: the last holder's accesses.
    List awaited(const kernel::Task& taker, kernel::Resource lock) const;
    /// Whether one of them is not done yet.
    bool awaits(const kernel::Task& taker, kernel::Resource lock) const;

private:
    struct Fence {
        const kernel::Task* owner = nullptr;
        List before;
    };
    struct Released {
        kernel::Resource lock = 0;
        List before;
    };
    List pending_stores(const kernel::Task& owner) const;
    static Fence& of(std::vector<Fence>& fences, const kernel::Task& owner);

    List all_;                        ///< in the order in which they were asked for
    std::vector<Fence> fences_;       ///< the last one of each task
    std::vector<Fence> unlocks_;      ///< the same of unlocks
    std::vector<Released> released_;  ///< the last unlock of each lock
};

}  // namespace xlate::explore
