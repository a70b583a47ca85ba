#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/walk.hpp"

namespace xlate::iommu::riscv {

void WalkFills::table(unsigned stage, const WalkCacheEntry& entry) {
    if (tables_used_ < tables_.size()) tables_[tables_used_++] = {stage, entry};
}

void WalkFills::second_stage(const CachedTranslation& entry) {
    if (second_used_ < second_.size()) second_[second_used_++] = entry;
}

void WalkFills::apply(Iommu& iommu, std::uint32_t did) {
    for (unsigned i = 0; i < tables_used_; ++i) {
        const Table& one = tables_[i];
        (one.stage == 1 ? iommu.walk_s1 : iommu.walk_s2)[one.entry.level].fill(one.entry, did);
    }
    for (unsigned i = 0; i < second_used_; ++i) iommu.gpa_cache.fill(second_[i]);
    clear();
}

}  // namespace xlate::iommu::riscv
