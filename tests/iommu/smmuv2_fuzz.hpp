// Drives an SMMUv2 by bytes: register accesses, memory, translations, drains, operations. For fuzzers and a seeded
// test.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xlate::tests {

/// Runs one input. Ends whatever the bytes are; returns how many steps the machines took (bounded by the input's size).
std::uint64_t fuzz_smmuv2(const std::uint8_t* bytes, std::size_t size);

}  // namespace xlate::tests
