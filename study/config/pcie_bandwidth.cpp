#include "study/config/pcie_bandwidth.hpp"

#include "base/error.hpp"

namespace xlate::study {

std::uint64_t pcie_link_bandwidth(std::uint32_t generation, std::uint32_t lanes) {
    constexpr std::uint64_t kLane[] = {
        0, 250'000'000, 500'000'000, 984'615'384, 1'969'230'769, 3'938'461'538, 7'375'000'000};
    XLATE_CHECK(generation >= 1 && generation <= 6, std::to_string(generation));
    return kLane[generation] * lanes;
}

}  // namespace xlate::study
