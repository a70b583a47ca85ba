// Accesses to memory that their task has done and that have not happened yet. Each is done by a small task of its own,
// so that a search decides when: its only step is the access.
//   in order   accesses to the same bytes; stores before and after a store barrier, behind a branch all loads before
//              it; before a full barrier, an unlock or a register write the task waits until all of its accesses are
//              done, before a load barrier all of its loads
//   late       all other stores, in any order; loads whose value the task does not ask for (LateMemory::load_late)
//   each       (Program::stores_reach_each) a store is not seen by all tasks at once, but by each at a time of its own,
//              as far as barriers and locks let it: by a further task for each that may see it. A full barrier and an
//              unlock then are for what their task has read, too. What memory holds in the end, and what hardware
//              reads, is the order in which stores were done, which a store barrier does not order here
//   absent     early loads of a task that uses the value at once; accesses to kernel objects (Shared<T>), which are
//              sequentially consistent
// A task sees its own stores at once.
// Source: Linux's tools/memory-model (explanation.txt): which orders hold. Whatever is seen here is allowed there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/ids.hpp"
#include "kernel-model/core/point.hpp"
#include "kernel-model/core/task.hpp"

namespace xlate::explore {

struct LateAccess {
    /// A task to which a store is on its way.
    struct Sight {
        const kernel::Task* by = nullptr;
        kernel::Task* task = nullptr;  ///< brings it there
        bool done = false;
    };
    const kernel::Task* owner = nullptr;
    kernel::Task* task = nullptr;  ///< does it
    bool is_store = false;
    std::uint64_t address = 0;
    std::size_t size = 0;
    std::vector<std::uint8_t> bytes;                 ///< of a store
    std::vector<std::shared_ptr<LateAccess>> after;  ///< done before
    bool done = false;
    std::vector<Sight> sights;                        ///< all others see it once it is done
    std::vector<std::shared_ptr<LateAccess>> behind;  ///< who sees it has seen these
    std::vector<std::uint8_t> replaced;               ///< what memory held there before

    bool overlaps(std::uint64_t first, std::size_t count) const {
        return first < address + size && address < first + count;
    }
    bool covers(std::uint64_t at) const { return address <= at && at < address + size; }
    const Sight* sight_of(const kernel::Task& task) const;
    bool seen_by(const kernel::Task& task) const;
    bool seen_by_all() const;
};

class LateAccesses {
public:
    using List = std::vector<std::shared_ptr<LateAccess>>;

    explicit LateAccesses(bool each) : each_(each) {}
    /// Stores reach each task at a time of its own.
    bool each() const { return each_; }

    /// A new store of `owner`, ordered after what has to be done before it.
    std::shared_ptr<LateAccess> add_store(const kernel::Task& owner, std::uint64_t address, const std::uint8_t* bytes,
                                          std::size_t size);
    /// A new load of `owner`.
    std::shared_ptr<LateAccess> add_load(const kernel::Task& owner, std::uint64_t address, std::size_t size);
    /// Memory has it now; `replaced`: what was there.
    void stored(const std::shared_ptr<LateAccess>& store, std::vector<std::uint8_t> replaced);
    /// Of this task, not done yet, oldest first.
    List pending(const kernel::Task& owner) const;
    List pending_loads(const kernel::Task& owner) const;
    /// What a load of `owner` sees, over what memory says: stores that are on their way to it are not there yet, and
    /// what it stored before (all, or before this load of its own) is, though nothing else has seen it.
    void seen(const kernel::Task& owner, std::uint64_t address, std::uint8_t* bytes, std::size_t size,
              const LateAccess* load = nullptr);
    /// Later stores of `owner` come after its earlier ones.
    void barrier(const kernel::Task& owner);
    /// Later stores of `owner` come after its loads so far, on whose values they depend.
    void branch(const kernel::Task& owner);
    /// All tasks have to see these before a full barrier of `owner` is passed; its own accesses are done.
    List awaited_by_all(const kernel::Task& owner);

    /// `owner` lets go of this lock.
    void unlock(const kernel::Task& owner, kernel::Resource lock);
    /// `owner` wants a lock: its later stores come after those before its last unlock, and those of the last holder.
    void lock(const kernel::Task& owner, kernel::Resource lock);
    /// What has to be done before `taker` has this lock: the last holder's accesses.
    List awaited(const kernel::Task& taker, kernel::Resource lock) const;
    /// Whether one of them is not done yet.
    bool awaits(const kernel::Task& taker, kernel::Resource lock) const;

private:
    /// Of a task.
    struct Fence {
        const kernel::Task* owner = nullptr;
        List before;
    };
    struct Released {
        kernel::Resource lock = 0;
        const kernel::Task* by = nullptr;
        List before;
    };
    struct Wanted {
        const kernel::Task* owner = nullptr;
        kernel::Resource lock = 0;
    };
    List unseen_stores(const kernel::Task& owner) const;
    const Released* released(kernel::Resource lock) const;
    void forward(const kernel::Task& owner, std::uint64_t address, std::uint8_t* bytes, std::size_t size,
                 const LateAccess* load) const;
    void take_back(const kernel::Task& owner, std::uint64_t address, std::uint8_t* bytes, std::size_t size);
    void has_lock(const kernel::Task& owner);
    static Fence& of(std::vector<Fence>& fences, const kernel::Task& owner);

    const bool each_;
    List all_;                        ///< in the order in which they were asked for
    List stored_;                     ///< in the order in which memory took them; kept where `each`
    std::vector<Fence> fences_;       ///< the last one of each task
    std::vector<Fence> branches_;     ///< the same of branches
    std::vector<Fence> unlocks_;      ///< the same of unlocks
    std::vector<Fence> read_;         ///< whose values a task has loaded
    std::vector<Wanted> wanted_;      ///< the lock that a task wanted last
    std::vector<Released> released_;  ///< the last unlock of each lock
};

}  // namespace xlate::explore
