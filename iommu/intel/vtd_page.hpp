// The page docs/vtd.md: what this VT-d unit does with each register, table, descriptor and reason, made from the tables
// here, the registers' rows and the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::vtd {

/// Markdown.
std::string vtd_page();

}  // namespace xlate::iommu::vtd
