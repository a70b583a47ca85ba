// In which order points of a plan begin: as they stand, but a repetition that may not be needed waits for those before.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "study/sweep/plan.hpp"

namespace xlate::study {

class PointQueue {
public:
    /// `points`: rising; all repetitions of a point, or none. The plan outlives it.
    PointQueue(const Plan& plan, const std::vector<std::size_t>& points);

    /// One that has a result already. Before anything else.
    void is_there(std::size_t point) { end(point); }
    /// The next that may begin; nothing: none may before another one ends, or none is left.
    std::optional<std::size_t> next();
    void end(std::size_t point);
    /// Repetitions that turned out not to be needed.
    std::size_t spared() const { return spared_; }

private:
    struct Group {
        std::vector<std::size_t> points;
        std::vector<bool> ended;
        std::vector<std::optional<double>> values;
        std::size_t begun = 0;  ///< all before it have
        bool closed = false;
    };
    bool may_begin(Group& group);

    const Plan& plan_;
    std::vector<Group> groups_;  ///< of one point each, where none waits for another
    std::size_t first_open_ = 0;
    std::size_t spared_ = 0;
};

}  // namespace xlate::study
