#include "kernel-model/pgtable/table_cost.hpp"

#include <algorithm>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel {
namespace {

/// Nanoseconds of a call for 4 KiB and for 256 pages of it, as published.
struct Column {
    TableKind kind;
    bool generic;
    unsigned map_1, map_256, unmap_1, unmap_256;
};
constexpr Column kColumns[] = {
    {TableKind::amd_v1, true, 53, 386, 69, 353},     {TableKind::amd_v1, false, 66, 1909, 88, 6498},
    {TableKind::amd_v2, true, 56, 405, 71, 228},     {TableKind::amd_v2, false, 62, 1355, 72, 891},
    {TableKind::vtd_second, true, 55, 391, 69, 210}, {TableKind::vtd_second, false, 65, 518, 87, 321},
    {TableKind::arm_64, true, 57, 380, 72, 521},     {TableKind::arm_64, false, 65, 389, 77, 357},
};

constexpr SimTime further(unsigned one, unsigned of_256) { return SimTime{ns(of_256 - one).fs / 255}; }

/// Entries of the size that the tables have at `iova`.
std::uint64_t entries_of(const IoPgtable& tables, Iova iova, std::uint64_t size) {
    const IoPgtable::End end = tables.end_of_walk(iova);
    return end.mapped ? std::max<std::uint64_t>(size / end.bytes, 1) : 1;
}

}  // namespace

TableCost page_table_cost(const Kernel& kernel, TableKind kind) {
    const PageTableCosts charged = kernel.costs.page_tables;
    if (!kernel.timed || charged == PageTableCosts::none) return {};
    if (kind == TableKind::arm_64 && charged != PageTableCosts::all) return {};
    // Arm's own code was not replaced.
    const bool generic = kind != TableKind::arm_64 && kernel.variant.has(Cap::generic_page_table);
    const auto* const column = std::find_if(std::begin(kColumns), std::end(kColumns), [&](const Column& one) {
        return one.kind == kind && one.generic == generic;
    });
    return {ns(column->map_1), further(column->map_1, column->map_256), ns(column->unmap_1),
            further(column->unmap_1, column->unmap_256)};
}

TableWork::TableWork(Kernel& kernel, const TableCost& cost) : kernel_(kernel), cost_(cost) {
    if (!charged() || !kernel_.sched.in_task()) return;
    kernel_.machine.pass(SimTime{});  // what earlier stores owe is not this call's
    began_ = kernel_.now();
}

void TableWork::spend_up_to(SimTime whole) {
    if (!kernel_.sched.in_task()) return;
    kernel_.machine.pass(SimTime{});
    const SimTime taken = kernel_.now() - began_;
    if (taken < whole) kernel_.spend(whole - taken);
}

void TableWork::mapped(const IoPgtable& tables, Iova iova, std::uint64_t size) {
    if (charged()) spend_up_to(cost_.map + cost_.map_further * (entries_of(tables, iova, size) - 1));
}

void TableWork::unmaps(const IoPgtable& tables, Iova iova, std::uint64_t size) {
    if (charged()) entries_ = entries_of(tables, iova, size);
}

void TableWork::unmapped() {
    if (charged() && entries_ != 0) spend_up_to(cost_.unmap + cost_.unmap_further * (entries_ - 1));
}

}  // namespace xlate::kernel
