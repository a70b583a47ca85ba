#include "kernel-model/drivers/firmware_regions.hpp"

#include <algorithm>
#include <iterator>

namespace xlate::kernel {

namespace {

struct Row {
    std::string_view driver;
    unsigned since;
};
/// mtk-iommu has get_resv_regions, too, and gives its own regions alone.
constexpr Row kRows[] = {
    {"apple-dart", 0}, {"arm-smmu", 0}, {"arm-smmu-v3", 0}, {"exynos-sysmmu", 617}, {"virtio_iommu", 0}};

}  // namespace

std::optional<unsigned> asks_for_firmware_regions(std::string_view driver) {
    const auto* const row =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& one) { return one.driver == driver; });
    return row == std::end(kRows) ? std::nullopt : std::optional(row->since);
}

}  // namespace xlate::kernel
