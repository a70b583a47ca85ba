// One row a page-table format: what a walker and a driver must agree on before they look at a single bit.
// The fields of descriptors stand in layout_<format>.hpp; decoding (hardware) and encoding (driver) are no part of it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace xlate::iommu {

/// One level of a format. An entry maps 2^shift bytes; a whole table has 2^index_bits entries.
struct TableLevel {
    std::uint8_t shift = 0;
    std::uint8_t index_bits = 0;
    bool table = false;  ///< an entry may name a table of the next level
    bool leaf = false;   ///< an entry may name memory
};

/// Levels count from the root down, as the format's own specification numbers them.
struct TableFormat {
    std::string_view name = {};
    std::uint8_t descriptor_bytes = 8;
    std::uint8_t first_level = 0;
    std::uint8_t last_level = 3;
    std::array<TableLevel, 6> levels{};  ///< by level

    /// Entry sizes in bytes, one bit each, of leaves without hints (contiguous, large and super pages).
    constexpr std::uint64_t leaf_sizes() const {
        std::uint64_t bits = 0;
        for (unsigned level = first_level; level <= last_level; ++level) {
            if (levels[level].leaf) bits |= std::uint64_t{1} << levels[level].shift;
        }
        return bits;
    }
};

}  // namespace xlate::iommu
