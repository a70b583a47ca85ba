// CPU time of page-table work: iommu_map and iommu_unmap without addresses, locks of a flush, and invalidations.
// Source: docs/spec/published-figures.md section C (i7-12700, 2025): columns of 4 KiB and of 256 pages of 4 KiB, before
// and after VT-d and AMD-Vi got one implementation (Cap::generic_page_table). VT-d's first level has no column: it
// takes the second level's. Other formats are not charged: their stores alone take time.
#pragma once

#include <cstdint>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

class Kernel;

enum class TableKind : std::uint8_t { amd_v1, amd_v2, vtd_second, arm_64 };

/// Of one call: its first entry, and each further one. All zero: nothing is charged.
struct TableCost {
    SimTime map{}, map_further{}, unmap{}, unmap_further{};
};
/// As the variant's code has it; zero where CostTable::page_tables leaves the kind out, or nothing is timed.
TableCost page_table_cost(const Kernel& kernel, TableKind kind);

/// Around one map or unmap: what its stores and tables took already counts towards the cost.
class TableWork {
public:
    TableWork(Kernel& kernel, const TableCost& cost);
    void mapped(const IoPgtable& tables, Iova iova, std::uint64_t size);
    /// Before it is gone: how many entries.
    void unmaps(const IoPgtable& tables, Iova iova, std::uint64_t size);
    void unmapped();

private:
    bool charged() const { return cost_.map.fs != 0; }
    void spend_up_to(SimTime whole);

    Kernel& kernel_;
    const TableCost& cost_;
    SimTime began_{};
    std::uint64_t entries_ = 0;
};

}  // namespace xlate::kernel
