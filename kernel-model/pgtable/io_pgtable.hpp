// Page tables of one domain in simulated memory: map, unmap and iova-to-phys over any format (format.hpp), as Linux's
// io-pgtable builds them: the largest pages that fit, one store for each run of entries of a table, blocks split when a
// part of them goes, tables that were left empty freed when a block takes their place.
// Stores go to memory through TableMemory; reads come from a copy that stands for the CPU's caches.
// Not modelled: cache maintenance for walks that do not snoop.
// Source: Linux drivers/iommu/io-pgtable-arm.c, iommu.c; families.md section 3.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/ids.hpp"
#include "kernel-model/pgtable/format.hpp"
#include "kernel-model/pgtable/table_memory.hpp"

namespace xlate::kernel {

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
    /// A new table has just been put in place for what holds `iova`; nothing is mapped in it yet.
    virtual void table_linked(std::uint64_t /*iova*/) {}
};

/// The largest page size and how many of them can be mapped at once at these addresses.
/// Source: Linux iommu_pgsize(): pages up to the next boundary of the next larger size.
struct PageRun {
    std::uint64_t pgsize = 0;
    std::uint64_t count = 0;
};
PageRun iommu_pgsize(std::uint64_t pgsize_bitmap, std::uint64_t iova, std::uint64_t paddr, std::uint64_t size);

/// The tables of one domain. Lives as long as the domain; `free_tables` before that.
/// Two tasks may map and unmap different ranges at once; the same range is the caller's business.
class IoPgtable {
public:
    IoPgtable(std::unique_ptr<const PgtableFormat> format, TableMemory& memory, TlbFlush& flush);

    /// Allocates the root. 0, -EINVAL (no usable page size), -ENOMEM.
    int init();
    /// A new root above the old one, which its first entry names: for formats that grow upwards (Row::grows). 0,
    /// -ENOMEM. What the hardware must hear of, root() and first_level(), is the caller's.
    int add_level();
    unsigned first_level() const { return first_level_; }
    /// Bits of the input that today's levels resolve.
    unsigned input_bits() const;
    /// Returns everything to TableMemory.
    void free_tables();

    /// Maps with the largest pages that fit. 0, -ERANGE, -EINVAL (alignment), -EEXIST (something is mapped there; the
    /// format may name another error), -ENOMEM; what was mapped before an error is taken back.
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, const PageProt& prot);
    /// Returns the bytes unmapped: less than `size` if a hole was met.
    std::uint64_t unmap(Iova iova, std::uint64_t size, IotlbGather& gather);
    std::optional<PhysAddr> iova_to_phys(Iova iova) const;
    /// Where a walk for `iova` ends: bytes that the entry there stands for (a group's together), and what it is.
    struct End {
        std::uint64_t bytes = 0;
        bool mapped = false;
        unsigned level = 0;
    };
    End end_of_walk(Iova iova) const;

    const PgtableFormat& format() const { return *format_; }
    std::uint64_t pgsize_bitmap() const { return row().pgsize_bitmap; }
    std::uint64_t root() const { return root_; }  ///< physical address of the first table; 0: none
    std::size_t table_count() const { return tables_.size(); }

private:
    using Table = std::vector<std::uint64_t>;
    /// An entry, and the table that it is in.
    struct Place {
        std::uint64_t table = 0;
        unsigned index = 0;
        unsigned level = 0;
    };

    const PgtableFormat::Row& row() const { return format_->row(); }
    unsigned index_of(std::uint64_t iova, unsigned level) const;
    bool beyond_root(std::uint64_t iova) const { return row().grows && input_bits() < 64 && iova >> input_bits() != 0; }
    std::uint64_t entry_bytes(unsigned level) const { return std::uint64_t{1} << format_->shift(level); }
    std::uint64_t word(const Place& place) const { return tables_.at(place.table)[place.index]; }
    std::uint64_t address(const Place& place) const {
        return place.table + std::uint64_t{place.index} * row().descriptor_bytes;
    }
    std::uint64_t allocated_bytes(unsigned level) const;
    int map_pages(std::uint64_t iova, std::uint64_t paddr, std::uint64_t pgsize, std::uint64_t count,
                  const PageProt& prot, std::uint64_t& mapped);
    int make_room(const Place& place, std::uint64_t iova);
    bool is_empty(std::uint64_t table, unsigned level) const;
    int next_table(const Place& place, std::uint64_t iova, std::uint64_t& next);
    std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t pgsize, std::uint64_t count, IotlbGather& gather);
    std::uint64_t unmap_entries(const Place& first, unsigned limit, std::uint64_t iova, IotlbGather& gather);
    std::uint64_t split_block(const Place& place, std::uint64_t iova, std::uint64_t pgsize, std::uint64_t count,
                              IotlbGather& gather);
    void split_group(const Place& place);
    void gather_page(IotlbGather& gather, std::uint64_t iova, std::uint64_t size);
    void free_subtree(std::uint64_t table, unsigned level);
    void clear(const Place& first, unsigned count);
    Place last_place(std::uint64_t iova) const;
    void store(std::uint64_t at, const std::vector<std::uint64_t>& words);

    std::unique_ptr<const PgtableFormat> format_;
    TableMemory& memory_;
    TlbFlush& flush_;
    std::uint64_t root_ = 0;
    unsigned first_level_;
    std::map<std::uint64_t, Table> tables_;  // physical address -> entries, as written
    std::set<std::uint64_t> publishing_;     // addresses of descriptors that are on their way to memory
};

/// The same, with the type of its format kept: for drivers that ask the format for register values.
template <typename Format>
class PgtableOf final : public IoPgtable {
public:
    template <typename... Arguments>
    PgtableOf(TableMemory& memory, TlbFlush& flush, Arguments&&... arguments)
        : IoPgtable(std::make_unique<const Format>(std::forward<Arguments>(arguments)...), memory, flush) {}
    const Format& format() const { return static_cast<const Format&>(IoPgtable::format()); }
};

}  // namespace xlate::kernel
