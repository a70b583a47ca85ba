// OMAP's page tables as its Linux driver writes them: with code of its own, one page of one size at a time. What stands
// in a word is overwritten; an unmap takes the whole entry that it meets (all of a large page or supersection), and a
// second-level table that is left empty goes at once.
// Stores go to memory through TableMemory; reads come from a copy that stands for the CPU's caches.
// Source: docs/spec/iommu-hardware.md section 6; words: corpus/linux-boot-families/dt-omap3-isp-fake-6.1.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "iommu/omap/layout.hpp"
#include "kernel-model/pgtable/table_memory.hpp"

namespace xlate::kernel {

/// Linux OMAP_IOMMU_PGSIZES: 4K, 64K, 1M, 16M.
inline constexpr std::uint64_t kOmapPageSizes = 0x01111000;

/// The tables of one MMU in one domain.
class Iopgtable {
public:
    explicit Iopgtable(TableMemory& memory) : memory_(memory) {}
    /// 0 or -ENOMEM.
    int init();
    void free_tables();

    /// `pgsize`: one of kOmapPageSizes. 0, -EINVAL (alignment, or a section where a table is wanted), -ENOMEM.
    int iopgtable_store_entry_core(std::uint32_t da, std::uint32_t pa, std::uint64_t pgsize);
    /// Bytes that the entry at `da` mapped: 0 if there is no first-level word.
    std::uint64_t iopgtable_clear_entry_core(std::uint32_t da);
    void iopgtable_clear_entry_all();
    std::optional<PhysAddr> iova_to_phys(std::uint32_t da) const;

    std::uint64_t iopgd() const { return iopgd_; }
    std::uint64_t iopgd_offset(std::uint32_t da) const;
    /// First- and second-level word at `da`; the second only below a table.
    std::uint32_t pgd(std::uint32_t da) const { return directory_.at(iommu::omap::directory_index(da)); }
    std::optional<std::uint32_t> pte(std::uint32_t da) const;
    std::uint64_t iopte_offset(std::uint32_t da) const;

private:
    using Words = std::vector<std::uint32_t>;
    void fill(std::uint64_t table, Words& words, std::uint32_t first, std::uint32_t count, std::uint32_t word);
    int iopte_alloc(std::uint32_t da, Words*& table);
    void iopte_free(std::uint64_t table);

    TableMemory& memory_;
    std::uint64_t iopgd_ = 0;
    Words directory_;
    std::map<std::uint64_t, Words> tables_;
};

}  // namespace xlate::kernel
