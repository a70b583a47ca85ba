#include "study/results/explore_report.hpp"

#include <utility>

namespace xlate::study {

using Json = nlohmann::ordered_json;

Json explore_json(const explore::ExploreResult& result) {
    Json bugs = Json::array();
    for (const explore::Bug& bug : result.bugs) {
        Json one = {{"id", bug.id},
                    {"kind", bug.kind},
                    {"where", bug.where},
                    {"what", bug.what},
                    {"tasks", bug.tasks},
                    {"steps", bug.steps},
                    {"schedule", bug.schedule},
                    {"deviations", bug.deviations},
                    {"first_found_at", bug.first_found_at},
                    {"seen", bug.seen}};
        one["inevitable_at"] = bug.inevitable_at ? Json(*bug.inevitable_at) : Json();
        one["reduced"] = Json();
        if (bug.reduced) {
            one["reduced"] = {{"without", bug.reduced->without},
                              {"schedule", bug.reduced->schedule},
                              {"deviations", bug.reduced->deviations},
                              {"steps", bug.reduced->steps}};
        }
        one["report"] = bug.report.text();
        bugs.push_back(std::move(one));
    }
    Json json = {{"schema", "xlate.explore/1"},   {"scenario", result.scenario},
                 {"variant", result.variant},     {"strategy", std::string(explore::name(result.strategy))},
                 {"schedules", result.schedules}, {"traces", result.traces},
                 {"steps", result.steps},         {"verdict", std::string(explore::name(result.verdict))},
                 {"scope", result.scope},         {"exhaustive", result.exhaustive}};
    json["confidence_p"] = result.confidence_p ? Json(*result.confidence_p) : Json();
    json["bugs"] = std::move(bugs);
    json["outcomes"] = result.outcomes;
    json["limits"] = result.limits;
    return json;
}

Json explore_matrix_json(const std::vector<explore::MatrixCell>& cells) {
    Json all = Json::array();
    for (const explore::MatrixCell& cell : cells) all.push_back(explore_json(cell.result));
    return {{"schema", "xlate.explore-matrix/1"}, {"cells", std::move(all)}};
}

}  // namespace xlate::study
