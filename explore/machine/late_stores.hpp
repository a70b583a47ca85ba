// Stores to memory that their task has done and nothing has seen yet. Each is taken to memory by a small task of its
// own, so that a search decides when: its only step is the store.
//   in order   stores to the same bytes; stores before and after a store barrier; before a full barrier, an unlock or a
//              register write the task waits until all of its stores are seen
//   late       all others, in any order: the writing side of SB, MP, S, R and 2+2W
//   absent     early or late loads (LB, IRIW): a load takes its value when its turn comes; a store that one task sees
//   and
//              another does not yet; stores to kernel objects (Shared<T>), which are sequentially consistent
// A task sees its own stores at once. Waiting at an unlock is a little more than a release: the task's own later loads
// cannot pass its stores.
// Source: Linux's tools/memory-model (explanation.txt): which orders hold.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/ids.hpp"
#include "kernel-model/core/task.hpp"

namespace xlate::explore {

struct LateStore {
    const kernel::Task* owner = nullptr;
    kernel::Task* task = nullptr;  ///< takes it to memory
    std::uint64_t address = 0;
    std::vector<std::uint8_t> bytes;
    std::vector<std::shared_ptr<LateStore>> after;  ///< of the same owner: seen before
    bool seen = false;

    bool overlaps(std::uint64_t first, std::size_t size) const {
        return first < address + bytes.size() && address < first + size;
    }
};

class LateStores {
public:
    /// A new one of `owner`, ordered after those that have to be seen before it.
    std::shared_ptr<LateStore> add(const kernel::Task& owner, std::uint64_t address, const std::uint8_t* bytes,
                                   std::size_t size);
    /// Of this task, not seen yet, oldest first.
    std::vector<std::shared_ptr<LateStore>> pending(const kernel::Task& owner) const;
    /// What `owner` has stored and nothing has seen yet, over what memory says.
    void forward(const kernel::Task& owner, std::uint64_t address, std::uint8_t* bytes, std::size_t size) const;
    /// Later stores of `owner` come after its earlier ones.
    void barrier(const kernel::Task& owner);
    bool empty() const { return stores_.empty(); }

private:
    struct Fence {
        const kernel::Task* owner = nullptr;
        std::vector<std::shared_ptr<LateStore>> before;
    };
    std::vector<std::shared_ptr<LateStore>> stores_;  ///< in the order in which they were done
    std::vector<Fence> fences_;                       ///< the last one of each task
};

}  // namespace xlate::explore
