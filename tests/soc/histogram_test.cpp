#include "soc/measure/histogram.hpp"

#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>

#include "base/random.hpp"

using namespace xlate;
using soc::Histogram;

namespace {

/// Nearest rank over the sorted values.
SimTime exact(std::vector<SimTime> values, std::uint64_t numerator, std::uint64_t denominator) {
    std::sort(values.begin(), values.end());
    const std::uint64_t rank = (values.size() * numerator + denominator - 1) / denominator;
    return values[std::max<std::uint64_t>(rank, 1) - 1];
}

}  // namespace

TEST_CASE("histogram: quantiles are within 1/64 above the exact ones, for narrow and wide distributions", "[soc]") {
    Rng rng{7, "histogram"};
    for (const std::uint64_t spread : {std::uint64_t{1}, std::uint64_t{200}, std::uint64_t{100'000}, kFsPerMs}) {
        Histogram histogram;
        std::vector<SimTime> values;
        for (int i = 0; i < 5000; ++i) {
            // A long tail: the product of two draws.
            const SimTime value{ns(40).fs + rng.below(spread) * (1 + rng.below(100))};
            values.push_back(value);
            histogram.add(value);
        }
        for (const auto& [numerator, denominator] :
             {std::pair<std::uint64_t, std::uint64_t>{50, 100}, {90, 100}, {99, 100}, {999, 1000}, {1, 1}}) {
            const SimTime truth = exact(values, numerator, denominator);
            const SimTime ours = histogram.quantile(numerator, denominator);
            CHECK(ours >= SimTime{truth.fs / kFsPerPs * kFsPerPs});
            CHECK(ours.fs <= truth.fs + truth.fs / 64 + kFsPerPs);
        }
        CHECK(histogram.min() == exact(values, 0, 1));
        CHECK(histogram.max() == exact(values, 1, 1));
    }
}

TEST_CASE("histogram: one value is every quantile, exactly", "[soc]") {
    Histogram histogram;
    for (int i = 0; i < 10; ++i) histogram.add(ns(45));
    CHECK(histogram.quantile(1, 2) == ns(45));
    CHECK(histogram.quantile(999, 1000) == ns(45));
    CHECK(histogram.mean() == ns(45));
}

TEST_CASE("histogram: merging is adding, and the buckets add up to the count", "[soc]") {
    Histogram left;
    Histogram right;
    for (std::uint64_t i = 0; i < 100; ++i) {
        left.add(ns(i));
        right.add(us(i));
    }
    left.merge(right);
    std::uint64_t sum = 0;
    SimTime last{};
    for (const Histogram::Bucket& bucket : left.buckets()) {
        sum += bucket.count;
        CHECK(bucket.low <= bucket.high);
        CHECK(bucket.low >= last);
        last = bucket.high;
    }
    CHECK(sum == 200);
    CHECK(left.count() == 200);
    CHECK(left.max() == us(99));
}
