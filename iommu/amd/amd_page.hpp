// The page docs/amd-vi.md: what this AMD IOMMU does with each register, structure, command and event, made from the
// tables here, the registers' rows and the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::amd {

/// Markdown.
std::string amd_page();

}  // namespace xlate::iommu::amd
