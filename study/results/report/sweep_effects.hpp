// What an axis of a sweep does to a column: mean effects, and how much of the variance each axis, each pair of axes and
// the rest explain.
#pragma once

#include <string>
#include <vector>

#include "study/results/report/sweep_view.hpp"

namespace xlate::study {

struct Effects {
    double mean = 0;
    /// One an axis: the largest less the smallest mean of its alternatives, over the mean of all.
    std::vector<double> main;
    struct Share {
        std::string of;    ///< "entries", "entries x slots", "the rest"
        double share = 0;  ///< of the sum of squares around the mean
    };
    /// Nothing if no value differs. Pairs: what goes beyond their two axes. Adds up to 1 where every combination is
    /// there once; else it is rough.
    std::vector<Share> shares;
};
Effects effects_of(const SweepView& view, std::size_t column);

/// Points that no other one beats: as good in each of the two columns and better in one. Indices into view.points.
/// Both columns have a direction.
std::vector<std::size_t> pareto_front(const SweepView& view, std::size_t first, std::size_t second);

}  // namespace xlate::study
