#include "study/sweep/point_queue.hpp"

#include <algorithm>

#include "study/sweep/repeats.hpp"

namespace xlate::study {

PointQueue::PointQueue(const Plan& plan, const std::vector<std::size_t>& points) : plan_(plan) {
    const std::size_t size = plan.repeat.until ? plan.repeat.seeds : 1;
    std::size_t last = 0;
    for (const std::size_t point : points) {
        if (groups_.empty() || point / size != last) groups_.emplace_back();
        last = point / size;
        groups_.back().points.push_back(point);
    }
    for (Group& group : groups_) {
        group.ended.resize(group.points.size());
        group.values.resize(group.points.size());
    }
}

/// Passes over what has ended; closes the group if no more is needed.
bool PointQueue::may_begin(Group& group) {
    while (group.begun < group.points.size() && group.ended[group.begun]) {
        ++group.begun;
        if (!plan_.repeat.until || group.begun < plan_.repeat.least) continue;
        const bool all_ended =
            std::all_of(group.ended.begin(), group.ended.begin() + static_cast<std::ptrdiff_t>(group.begun),
                        [](bool ended) { return ended; });
        if (all_ended &&
            repetitions_needed(plan_.repeat, [&](std::size_t i) { return group.values[i]; }) <= group.begun)
            break;
    }
    if (group.begun == group.points.size()) {
        group.closed = true;
        return false;
    }
    if (!plan_.repeat.until || group.begun < plan_.repeat.least) return true;
    for (std::size_t i = 0; i < group.begun; ++i) {
        if (!group.ended[i]) return false;
    }
    if (repetitions_needed(plan_.repeat, [&](std::size_t i) { return group.values[i]; }) > group.begun) return true;
    group.closed = true;
    spared_ += static_cast<std::size_t>(
        std::count(group.ended.begin() + static_cast<std::ptrdiff_t>(group.begun), group.ended.end(), false));
    return false;
}

std::optional<std::size_t> PointQueue::next() {
    while (first_open_ < groups_.size() && groups_[first_open_].closed) ++first_open_;
    for (std::size_t i = first_open_; i < groups_.size(); ++i) {
        Group& group = groups_[i];
        if (group.closed || !may_begin(group)) continue;
        return group.points[group.begun++];
    }
    return std::nullopt;
}

void PointQueue::end(std::size_t point) {
    const auto group = std::partition_point(groups_.begin(), groups_.end(),
                                            [&](const Group& one) { return one.points.back() < point; });
    const auto place = std::lower_bound(group->points.begin(), group->points.end(), point) - group->points.begin();
    const auto number = static_cast<std::size_t>(place);
    group->ended[number] = true;
    if (plan_.repeat.until) group->values[number] = deciding_value(plan_, point);
}

}  // namespace xlate::study
