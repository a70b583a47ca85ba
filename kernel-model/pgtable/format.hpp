// What a page-table format is to IoPgtable: a row of numbers, and the few functions that read and write its words.
// One object describes the tables of one domain (granule and sizes are chosen when it is made). No state, no memory.
// A driver's format and the hardware's walker share a layout header (iommu/*/layout*.hpp), not code.
// Levels count towards the leaves; numbers are the architecture's own. Words are of 4 or 8 bytes, held in 64 bits.
#pragma once

#include <cstdint>

#include "base/ids.hpp"
#include "kernel-model/core/errno.hpp"

namespace xlate::kernel {

/// What a mapping allows. The defaults are those of the DMA API on a coherent device.
struct PageProt {
    bool read = true;
    bool write = true;
    bool cacheable = true;  ///< device is coherent
    bool device_memory = false;
    bool privileged = false;
    bool no_execute = false;
};

class PgtableFormat {
public:
    struct Row {
        unsigned descriptor_bytes = 8;    ///< 4 or 8
        unsigned first_level = 0;         ///< of the root
        unsigned last_level = 3;          ///< where only leaves stand
        unsigned ias = 48;                ///< input bits
        unsigned oas = 48;                ///< output bits
        std::uint64_t pgsize_bitmap = 0;  ///< what one leaf, or one group of equal leaves, may map; 0: not usable
        std::uint64_t root_alignment = 64;
        bool grows = false;             ///< levels above first_level exist: IoPgtable::add_level()
        int already_mapped = -kEEXIST;  ///< what map() says where something is mapped
    };

    virtual ~PgtableFormat() = default;
    const Row& row() const { return row_; }
    std::uint64_t smallest_page() const { return row_.pgsize_bitmap & (~row_.pgsize_bitmap + 1); }

    /// An entry of `level` maps 2^this bytes.
    virtual unsigned shift(unsigned level) const = 0;
    virtual std::uint64_t entries(unsigned level) const = 0;
    std::uint64_t table_bytes(unsigned level) const { return entries(level) * row_.descriptor_bytes; }

    /// A word that the walker follows or uses. The others are free.
    virtual bool present(std::uint64_t word) const { return word != 0; }
    virtual bool is_leaf(std::uint64_t word, unsigned level) const = 0;
    /// Bytes that a leaf maps together with equal entries beside it: more than its entry's for a group.
    virtual std::uint64_t leaf_bytes(std::uint64_t /*word*/, unsigned level) const {
        return std::uint64_t{1} << shift(level);
    }
    /// Output of a leaf, aligned to leaf_bytes.
    virtual PhysAddr leaf_address(std::uint64_t word, unsigned level) const = 0;
    virtual PhysAddr table_address(std::uint64_t word) const = 0;

    /// The word of each entry that maps a page of `pgsize` at `page`. A pgsize above the entry's is a group of equal
    /// words.
    virtual std::uint64_t leaf(PhysAddr page, const PageProt& prot, unsigned level, std::uint64_t pgsize) const = 0;
    virtual std::uint64_t table(PhysAddr table, unsigned level) const = 0;
    /// What an entry becomes when it is unmapped.
    virtual std::uint64_t cleared(std::uint64_t /*word*/) const { return 0; }
    virtual std::uint64_t cleared_at(std::uint64_t word, unsigned /*level*/) const { return cleared(word); }
    /// What the entries of a new table hold; present() says no to it.
    virtual std::uint64_t unused(unsigned /*level*/) const { return 0; }
    /// The leaf at `part_level` that maps what the leaf `word` of `level` maps from `offset` on. Formats of one page
    /// size are never asked.
    virtual std::uint64_t part(std::uint64_t word, unsigned level, std::uint64_t offset, unsigned part_level) const;

protected:
    explicit PgtableFormat(const Row& row) : row_(row) {}
    Row row_;
};

}  // namespace xlate::kernel
