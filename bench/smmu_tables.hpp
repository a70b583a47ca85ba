// Stream table, contexts and page tables of an SMMUv3, written straight into memory: what a driver would have set up,
// for rows that measure hardware without a kernel.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.hpp"

namespace xlate::bench {

/// Simulated memory in 8-byte words.
class WordMemory {
public:
    virtual ~WordMemory() = default;
    virtual std::uint64_t load(std::uint64_t address) = 0;
    virtual void store(std::uint64_t address, std::uint64_t word) = 0;
};

/// One master's mapping: `pages` pages of 4 KiB from `iova` on lie at `address` on.
struct StreamMapping {
    StreamId sid{};
    std::uint64_t iova = 0;
    std::uint64_t address = 0;
    std::uint64_t pages = 0;
};

/// What to write into the SMMU's registers.
struct SmmuTables {
    std::uint64_t strtab_base = 0;
    std::uint64_t strtab_base_cfg = 0;
    std::uint64_t end = 0;  ///< first byte that the tables don't use
};

/// Writes all tables from `base` (4 KiB aligned) on; they stay below `limit`. A linear stream table, one CD and one
/// stage 1 (48-bit input, 4 KiB pages) a stream; if `nested`, one stage 2 (39-bit input) for all, in which everything
/// lies where it lay. Throws std::runtime_error if `limit` is too low.
SmmuTables write_smmu_tables(WordMemory& memory, std::uint64_t base, std::uint64_t limit,
                             const std::vector<StreamMapping>& streams, bool nested);

}  // namespace xlate::bench
