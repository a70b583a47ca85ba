// The page docs/dart.md: what the model of Apple's DART does with each register, error and word, made from the tables
// here and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::dart {

/// Markdown.
std::string dart_page();

}  // namespace xlate::iommu::dart
