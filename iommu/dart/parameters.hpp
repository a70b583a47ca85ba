// What a DART instance has: the contents of its PARAMS registers as plain values, and the shape of its caches.
// Source: docs/spec/iommu-hardware.md section 5; cache shapes are estimates, no manual gives them.
#pragma once

#include <cstdint>
#include <string>

#include "iommu/cache.hpp"
#include "iommu/tables/layout_dart.hpp"

namespace xlate::iommu::dart {

enum class Generation : std::uint8_t { t8020, t8110 };

/// Plain values, already validated.
struct DartParams {
    Generation generation = Generation::t8020;
    dart_table::Words words = dart_table::Words::dart1;
    std::uint8_t page_log2 = 14;    ///< 12 or 14
    std::uint16_t streams = 16;     ///< t8020: 16; t8110: 1..256
    bool bypass_support = true;     ///< PARAMS2; without, TCR.BYPASS_DART does nothing
    bool locked = false;            ///< t8020: CONFIG.LOCK; t8110: PROTECT: TCR and TTBR ignore writes
    std::uint8_t va_width = 36;     ///< t8110, PARAMS3
    std::uint8_t pa_width = 42;     ///< t8110, PARAMS3
    CacheParams tlb{true, 128, 4};  ///< estimate
    CacheParams walk{true, 16, 4};  ///< table words, each level; estimate
    std::uint64_t seed = 1;
    std::string name = "dart";  ///< names its streams of random numbers
};

DartParams t8103_dart();
DartParams t6000_dart();
DartParams t8110_dart();

}  // namespace xlate::iommu::dart
