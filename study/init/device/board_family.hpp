// The IOMMUs that a question can be asked of without a board of one's own (iommu/example_boards.hpp): some can have a
// board made for them, the others stand on one of those that come with xlate (configs/boards).
#pragma once

#include <string_view>
#include <vector>

#include "iommu/example_boards.hpp"

namespace xlate::study {

using BoardFamily = iommu::ExampleBoard;

/// A row for each family of the model, by their places.
const std::vector<BoardFamily>& board_families();
const BoardFamily* find_board_family(std::string_view name);

}  // namespace xlate::study
