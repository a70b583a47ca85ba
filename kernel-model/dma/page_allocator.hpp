// Physical pages of the simulated machine for tables, queues and buffers, and access to them from the CPU.
// Deterministic: the lowest free address first, except that what was freed last comes back first.
// Not modelled: zones, movable pages, fragmentation, NUMA. The beginning of memory is left to the kernel image.
// Source: ours; costs are assumptions (docs/spec/kernel-probe.md section 7).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "firmware/description.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/pgtable/table_memory.hpp"

namespace xlate::kernel {

struct PageAllocatorParams {
    std::uint64_t page_bytes = 4096;
    std::uint64_t kernel_image_bytes = 64ull << 20;  ///< not handed out; at most a quarter of the first range
    SimTime page_allocation = ns(200);               ///< each call
    SimTime zero_per_page = ns(100);                 ///< clear_page, 40 GB/s
    /// Fresh memory reads as zero. A larger piece of it is charged for, but not stored again.
    std::uint64_t stored_zero_bytes = 64 * 1024;
};

/// Owned by whoever boots the kernel; outlives everything that holds its pages. Task side only.
class PageAllocator final : public TableMemory {
public:
    PageAllocator(Kernel& kernel, const firmware::Description& description, const PageAllocatorParams& params = {});

    /// `bytes` rounded up to a power of two of at least a page, aligned to that. Nothing if memory is out.
    std::optional<PhysAddr> alloc(std::uint64_t bytes);
    /// From above 32-bit addresses if there is room, as pages of users and files come (ZONE_NORMAL first).
    std::optional<PhysAddr> alloc_high(std::uint64_t bytes);
    std::optional<PhysAddr> alloc_zeroed(std::uint64_t bytes);
    void free(PhysAddr address, std::uint64_t bytes);

    std::optional<PhysAddr> alloc_table(std::uint64_t bytes) override { return alloc_zeroed(bytes); }
    void free_table(PhysAddr table, std::uint64_t bytes) override { free(table, bytes); }
    void store(PhysAddr at, const std::uint64_t* words, std::size_t count, unsigned word_bytes) override;
    void relax() override;

    std::uint64_t read_u64(PhysAddr at);
    void write_u64(PhysAddr at, std::uint64_t value) { write_words(at, &value, 1); }

    std::uint64_t bytes_in_use() const { return in_use_; }
    std::uint64_t page_bytes() const { return params_.page_bytes; }

private:
    std::optional<PhysAddr> take(std::uint64_t bytes, bool& fresh);
    std::optional<PhysAddr> carve(firmware::MemoryRange& range, std::uint64_t bytes);
    std::uint64_t rounded(std::uint64_t bytes) const;

    Kernel& kernel_;
    PageAllocatorParams params_;
    std::vector<firmware::MemoryRange> free_ranges_;                // never used yet, by address
    std::map<std::uint64_t, std::vector<std::uint64_t>> returned_;  // size -> addresses, newest last
    std::map<std::uint64_t, std::vector<std::uint64_t>> gaps_;      // never used: size -> addresses
    std::uint64_t in_use_ = 0;
};

}  // namespace xlate::kernel
