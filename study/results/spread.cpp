#include "study/results/spread.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace xlate::study {
namespace {

constexpr std::array<double, 30> kStudent{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                          2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                          2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};

}  // namespace

double student_t(double degrees) {
    const double whole = std::floor(degrees);
    if (whole < 1) return kStudent[0];
    if (whole <= static_cast<double>(kStudent.size())) return kStudent[static_cast<std::size_t>(whole) - 1];
    return 1.96 + 2.46 / whole;
}

Spread Spread::of(const std::vector<double>& values) {
    Spread spread;
    spread.count = values.size();
    if (values.empty()) return spread;
    spread.least = *std::min_element(values.begin(), values.end());
    spread.most = *std::max_element(values.begin(), values.end());
    double sum = 0;
    for (const double value : values) sum += value;
    spread.mean = sum / static_cast<double>(values.size());
    double squares = 0;
    for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
    if (values.size() > 1) spread.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
    return spread;
}

std::optional<double> Spread::half_width() const {
    if (count < 2) return std::nullopt;
    const auto n = static_cast<double>(count);
    return student_t(n - 1) * deviation / std::sqrt(n);
}

}  // namespace xlate::study
