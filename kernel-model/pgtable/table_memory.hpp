// What page-table code needs of the kernel: pages for tables, and stores that the hardware's walker sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/ids.hpp"

namespace xlate::kernel {

/// Implemented over a Kernel by dma/page_allocator; by a plain array in tests.
/// Calls may give way to other tasks (they are bus transactions in a timed run).
class TableMemory {
public:
    virtual ~TableMemory() = default;
    /// Zeroed memory, aligned to its size; `bytes` is a power of two. Nothing if there is none left.
    virtual std::optional<PhysAddr> alloc_table(std::uint64_t bytes) = 0;
    virtual void free_table(PhysAddr table, std::uint64_t bytes) = 0;
    /// `count` words of `word_bytes` (4 or 8) from `at` up, little-endian, each single-copy atomic; one store.
    virtual void store(PhysAddr at, const std::uint64_t* words, std::size_t count, unsigned word_bytes) = 0;
    void write_words(PhysAddr at, const std::uint64_t* words, std::size_t count) { store(at, words, count, 8); }
    /// Another CPU is about to publish what we wait for.
    virtual void relax() {}
};

}  // namespace xlate::kernel
