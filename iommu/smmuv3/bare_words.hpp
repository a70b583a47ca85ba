// Words that are pasted without a kind: which of SMMUv3's records they may be.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "iommu/records/record.hpp"

namespace xlate::iommu::smmuv3 {

/// The kinds that `words` may be, as RecordFamily::bare wants them.
std::vector<std::string_view> bare_kinds(const records::Words& words, std::size_t digits, bool by_number);

}  // namespace xlate::iommu::smmuv3
