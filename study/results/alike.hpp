// Sentences that differ in places alone, told once.
#pragma once

#include <string>
#include <vector>

namespace xlate::study {

/// `sentences` in their order; of more than three that are the same but for paths ("/soc/iommu@1000", "0000:00:01.0")
/// and whom they begin with ("a010000.dma: ...") the first stands for all, with how many more there are and the first
/// place of some.
std::vector<std::string> fold_alike(const std::vector<std::string>& sentences);

}  // namespace xlate::study
