// VMSAv8-64 stage 1 page tables in simulated memory, as Linux's io-pgtable builds them.
// Stores go to memory through TableMemory; reads come from a copy that stands for the CPU's caches.
// Not modelled: stage 2, non-coherent walks (cache maintenance), the contiguous hint.
// Source: docs/spec/iommu-hardware.md section 1.10 and 13; Linux drivers/iommu/io-pgtable-arm.c.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/ids.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "kernel-model/pgtable/table_memory.hpp"

namespace xlate::kernel {

struct IoPgtableConfig {
    std::uint64_t pgsize_bitmap = 0;      ///< page and block sizes that the hardware has; narrowed to one granule
    unsigned ias = 48;                    ///< input bits
    unsigned oas = 48;                    ///< output bits
    bool coherent_walk = true;            ///< the walker snoops: tables are write-back, inner shareable
    std::uint64_t cpu_page_bytes = 4096;  ///< the kernel's PAGE_SIZE: the granule, if the hardware has it
};

/// What a mapping allows. The defaults are those of the DMA API on a coherent device.
struct PageProt {
    bool read = true;
    bool write = true;
    bool cacheable = true;  ///< device is coherent
    bool device_memory = false;
    bool privileged = false;
    bool no_execute = false;
};

/// Leaves that were unmapped but may still be cached: one range of one page size.
struct IotlbGather {
    std::uint64_t start = ~std::uint64_t{0};
    std::uint64_t end = 0;     ///< last byte
    std::uint64_t pgsize = 0;  ///< 0: nothing gathered
    bool queued = false;       ///< lazy mode: the flush queue will flush everything, gather nothing
};

/// Invalidation, implemented by the IOMMU's driver. May give way.
class TlbFlush {
public:
    virtual ~TlbFlush() = default;
    /// Invalidates leaves and the tables above them, and waits.
    virtual void tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) = 0;
    /// Invalidates what was gathered, and waits.
    virtual void tlb_sync_gather(const IotlbGather& gather) = 0;
};

/// What the context descriptor says about these tables.
struct Stage1Registers {
    std::uint64_t ttbr = 0;
    std::uint64_t mair = 0;
    unsigned t0sz = 0;
    std::uint64_t tg0 = 0;  ///< CD code
    std::uint64_t ips = 0;  ///< OAS code
    std::uint64_t sh0 = 0;
    std::uint64_t ir0 = 0;
    std::uint64_t or0 = 0;
};

/// The largest page size and how many of them can be mapped at once at these addresses.
/// Source: Linux iommu_pgsize(): pages up to the next boundary of the next larger size.
struct PageRun {
    std::uint64_t pgsize = 0;
    std::uint64_t count = 0;
};
PageRun iommu_pgsize(std::uint64_t pgsize_bitmap, std::uint64_t iova, std::uint64_t paddr, std::uint64_t size);

/// Page sizes that Linux uses from `bitmap` with this CPU page size: one granule's. 0: none usable.
std::uint64_t restrict_pgsizes(std::uint64_t bitmap, std::uint64_t cpu_page_bytes);

/// The tables of one domain. Lives as long as the domain; `free_tables` before that.
/// Two tasks may map and unmap different ranges at once; the same range is the caller's business.
class IoPgtable {
public:
    IoPgtable(const IoPgtableConfig& config, TableMemory& memory, TlbFlush& flush);

    /// Allocates the root. 0, -EINVAL (no usable granule or sizes), -ENOMEM.
    int init();
    /// Returns everything to TableMemory.
    void free_tables();

    /// Maps with the largest pages that fit. 0, -ERANGE, -EINVAL (alignment), -EEXIST (something is mapped there),
    /// -ENOMEM; what was mapped before an error is taken back.
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, const PageProt& prot);
    /// Returns the bytes unmapped: less than `size` if a hole was met.
    std::uint64_t unmap(Iova iova, std::uint64_t size, IotlbGather& gather);
    std::optional<PhysAddr> iova_to_phys(Iova iova) const;

    std::uint64_t pgsize_bitmap() const { return config_.pgsize_bitmap; }
    iommu::smmuv3::Granule granule() const { return granule_; }
    Stage1Registers registers() const;
    std::size_t table_count() const { return tables_.size(); }

private:
    using Table = std::vector<std::uint64_t>;

    unsigned index_of(std::uint64_t iova, unsigned level) const;
    std::uint64_t entries_of(unsigned level) const;
    std::uint64_t block_bytes(unsigned level) const;
    bool is_leaf(std::uint64_t descriptor, unsigned level) const;
    std::uint64_t leaf(PhysAddr paddr, const PageProt& prot, unsigned level) const;
    int map_pages(std::uint64_t iova, std::uint64_t paddr, std::uint64_t pgsize, std::uint64_t count,
                  const PageProt& prot, std::uint64_t& mapped);
    int make_room(std::uint64_t table, unsigned index, unsigned level, std::uint64_t iova);
    bool is_empty(std::uint64_t table, unsigned level) const;
    int next_table(std::uint64_t table, unsigned index, unsigned level, std::uint64_t& next);
    std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t pgsize, std::uint64_t count, IotlbGather& gather);
    std::uint64_t split_block(std::uint64_t table, unsigned level, std::uint64_t iova, std::uint64_t pgsize,
                              std::uint64_t count, IotlbGather& gather);
    void gather_page(IotlbGather& gather, std::uint64_t iova, std::uint64_t size);
    void free_subtree(std::uint64_t table, unsigned level);
    void clear(std::uint64_t table, unsigned index, unsigned count);

    IoPgtableConfig config_;
    TableMemory& memory_;
    TlbFlush& flush_;
    iommu::smmuv3::Granule granule_ = iommu::smmuv3::Granule::k4;
    unsigned start_level_ = 0;
    std::uint64_t root_ = 0;
    std::map<std::uint64_t, Table> tables_;  // physical address -> entries, as written
    std::set<std::uint64_t> publishing_;     // addresses of descriptors that are on their way to memory
};

}  // namespace xlate::kernel
