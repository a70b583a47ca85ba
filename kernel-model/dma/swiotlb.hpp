// Bounce buffers: memory below the reach of every device, into which buffers that a device cannot reach are copied.
// Functional: pool, slots and segments, who bounces, copies and their cost, "buffer is full". Stored: nothing. Absent:
// the bytes themselves are not moved (their time is), areas per CPU, dynamic pools, restricted pools of a device.
// Source: Linux kernel/dma/swiotlb.c, arch/arm64/mm/init.c.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/dma/page_allocator.hpp"

namespace xlate::kernel {

class Device;

struct SwiotlbParams {
    enum class Mode : std::uint8_t { as_needed, force, noforce };
    Mode mode = Mode::as_needed;
    std::uint64_t slots = 32768;  ///< of 2 KiB: 64 MiB
    /// Highest address that every bus reaches (arm64_dma_phys_limit): there is a pool, below it, where memory goes on.
    std::uint64_t reach = 0xFFFF'FFFF;
    bool always = false;             ///< there is one anyway, for buffers that share a cache line (arm64, from 6.5 on)
    SimTime copy_per_kib = ns(100);  ///< 10 GB/s; an assumption
    SimTime search = ns(150);        ///< for free slots; an assumption
};

struct SwiotlbStats {
    std::uint64_t bounces = 0;
    std::uint64_t bytes_copied = 0;
    std::uint64_t full = 0;        ///< mappings that found no room
    std::uint64_t most_slots = 0;  ///< in use at once
};

/// One for a kernel. Task side only.
class Swiotlb {
public:
    static constexpr std::uint64_t kSlotBytes = 2048;
    static constexpr std::uint64_t kSegmentSlots = 128;  ///< a mapping lies in one segment: 256 KiB at most

    Swiotlb(Kernel& kernel, PageAllocator& pages, const firmware::Description& description,
            const SwiotlbParams& params);

    /// There is a pool: memory beyond the reach of all, or a command line that forces it.
    bool active() const { return active_; }
    bool forced() const { return active_ && params_.mode == SwiotlbParams::Mode::force; }
    /// swiotlb_max_mapping_size.
    static constexpr std::uint64_t max_mapping_bytes() { return kSegmentSlots * kSlotBytes; }

    /// swiotlb_tbl_map_single: a place for `size` bytes at the same offset of a slot, and the copy into it. `back`: the
    /// device may write, and unmapping copies back. `granule`: what it takes whole pieces of, a power of two of at
    /// least a slot. Nothing: the pool is full, or `size` above the largest mapping.
    std::optional<PhysAddr> map(Device& dev, PhysAddr buffer, std::uint64_t size, bool back,
                                std::uint64_t granule = kSlotBytes);
    /// swiotlb_tbl_unmap_single. False: not an address of the pool.
    bool unmap(PhysAddr bounce);
    bool is_bounce(PhysAddr address) const;
    const SwiotlbStats& stats() const { return stats_; }

private:
    bool allocate_pool();
    std::optional<std::uint64_t> find_slots(std::uint64_t count, std::uint64_t stride);
    void copy(std::uint64_t size);

    Kernel& kernel_;
    PageAllocator& pages_;
    SwiotlbParams params_;
    bool active_ = false;
    std::optional<PhysAddr> pool_;  ///< taken at the first use: nothing else notices
    std::vector<bool> used_;
    std::uint64_t next_ = 0;
    std::uint64_t in_use_ = 0;
    struct Mapping {
        std::uint64_t slots = 0;
        std::uint64_t size = 0;
        bool back = false;
    };
    std::map<std::uint64_t, Mapping> mappings_;  ///< by first slot
    SwiotlbStats stats_;
};

}  // namespace xlate::kernel
