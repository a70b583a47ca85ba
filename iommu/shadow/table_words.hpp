// What the words of a family's tables say, for the shadow of a sanitizer: an optional face of its instances.
#pragma once

#include <cstdint>

#include "iommu/engine.hpp"

namespace xlate::iommu {

/// A word that a walk has read.
struct TableWord {
    bool present = false;         ///< the walker follows or uses it; of the others nothing is cached
    bool leaf = false;            ///< it names memory, not a table
    std::uint8_t log2_bytes = 0;  ///< of input that it maps
    std::uint64_t target = 0;     ///< the table or memory
    std::uint64_t target_bytes = 0;
    AccessPurpose next{};  ///< a table: why its words are read
};

class TableWords {
public:
    virtual ~TableWords() = default;
    virtual unsigned word_bytes() const = 0;
    /// `purpose`: of the access that reads it; false if that is not one of a walk.
    virtual bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const = 0;
};

}  // namespace xlate::iommu
