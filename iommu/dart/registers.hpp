// The registers of one DART: rows for what there is, and their contents. Effects are the Dart's (dart.cpp).
// Source: docs/spec/iommu-hardware.md section 5.
#pragma once

#include <cstdint>
#include <vector>

#include "base/registers.hpp"
#include "base/span.hpp"
#include "iommu/dart/layout.hpp"
#include "iommu/dart/parameters.hpp"

namespace xlate::iommu::dart {

/// A register, or an array of equal ones `stride` bytes apart: one a stream, one for 32 streams, ...
struct RegRow {
    RegSpec first;
    std::uint16_t count = 1;
    std::uint8_t stride = 4;
};
/// In order of offset; arrays as long as the generation allows.
Span<RegRow> register_rows(Generation generation);
/// The row that holds the word at `offset`, or nullptr.
const RegRow* find_row(Generation generation, std::uint32_t offset);

/// Contents alone: reset, reads, plain writes.
class Registers {
public:
    explicit Registers(const DartParams& params);
    void reset();
    std::uint32_t get(std::uint32_t offset) const { return words_[offset / 4]; }
    void set(std::uint32_t offset, std::uint32_t value) { words_[offset / 4] = value; }

    std::uint32_t tcr(unsigned stream) const;
    std::uint32_t ttbr(unsigned stream, unsigned index) const;
    bool stream_enabled(unsigned stream) const;
    /// TCR and TTBR ignore writes.
    bool locked() const;

private:
    DartParams params_;
    std::vector<std::uint32_t> words_;
};

}  // namespace xlate::iommu::dart
