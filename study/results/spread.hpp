// Values that differ by chance alone: mean, deviation, and how well the mean is known.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace xlate::study {

/// Of one value over repetitions that differ in their seed alone.
struct Spread {
    std::size_t count = 0;
    double mean = 0;
    double deviation = 0;  ///< standard deviation, of a sample
    double least = 0;
    double most = 0;

    static Spread of(const std::vector<double>& values);
    /// Half of the 95 % confidence interval of the mean, by Student's t; nothing for fewer than two values.
    std::optional<double> half_width() const;
};

/// 97.5 % quantile of Student's t distribution. Source: any table; beyond 30 degrees 1.96 + 2.46 / degrees, which is
/// within 0.1 %.
double student_t(double degrees);

}  // namespace xlate::study
