// What `xlate explore --json` and `xlate replay` print. Schema "xlate.explore/1" of the shared design, section 4.
#pragma once

#include <vector>

#include <nlohmann/json.hpp>

#include "explore/search/explore.hpp"

namespace xlate::study {

nlohmann::ordered_json explore_json(const explore::ExploreResult& result);
/// Schema "xlate.explore-matrix/1": `cells`, one result a variant.
nlohmann::ordered_json explore_matrix_json(const std::vector<explore::MatrixCell>& cells);

}  // namespace xlate::study
