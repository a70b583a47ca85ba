// Registers as data: one row a register, checked when it is compiled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace xlate {

enum class Access : std::uint8_t { ro, rw, wo, w1c };

/// One register: dispatch, reset, `inspect`, documentation and tests all come from such rows.
struct RegSpec {
    std::string_view name = {};  ///< the specification's spelling
    std::uint32_t offset = 0;    ///< bytes from the start of the register file
    std::uint8_t size = 4;       ///< bytes: 4 or 8
    Access access = Access::rw;
    std::uint64_t reset = 0;
    std::string_view source = {};  ///< specification and chapter
};

/// True if rows rise by offset, do not overlap, and each is aligned to its size. For static_assert.
template <typename Rows>
constexpr bool sorted_and_disjoint(const Rows& rows) {
    std::uint64_t end = 0;
    for (const RegSpec& row : rows) {
        if (row.size != 4 && row.size != 8) return false;
        if (row.offset % row.size != 0 || row.offset < end) return false;
        end = std::uint64_t{row.offset} + row.size;
    }
    return true;
}

/// The row that holds byte `offset`, or nullptr. Rows must be sorted_and_disjoint.
template <typename Rows>
constexpr const RegSpec* find_register(const Rows& rows, std::uint32_t offset) {
    std::size_t low = 0;
    std::size_t high = rows.size();
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        const RegSpec& row = rows[middle];
        if (offset < row.offset) {
            high = middle;
        } else if (offset >= row.offset + row.size) {
            low = middle + 1;
        } else {
            return &row;
        }
    }
    return nullptr;
}

}  // namespace xlate
