// What the words of a family's tables say, for the shadow of a sanitizer: an optional face of its instances.
#pragma once

#include <cstdint>
#include <optional>

#include "iommu/engine.hpp"
#include "iommu/invalidation.hpp"

namespace xlate::iommu {

/// A word that a walk has read.
struct TableWord {
    bool present = false;         ///< the walker follows or uses it; of the others nothing is cached
    bool leaf = false;            ///< it names memory, not a table
    std::uint8_t log2_bytes = 0;  ///< of input that it maps; of a word of 0: what each word of its table stands for
    std::uint64_t target = 0;     ///< the table or memory
    std::uint64_t target_bytes = 0;
    AccessPurpose next{};       ///< a table: why its words are read
    bool global = false;        ///< a leaf of any ASID
    std::uint8_t granule = 12;  ///< log2 bytes of the page size of its table
};

class TableWords {
public:
    virtual ~TableWords() = default;
    virtual unsigned word_bytes() const = 0;
    /// `purpose`: of the access that reads it; false if that is not one of a walk.
    virtual bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const = 0;
    /// The same where tables of several shapes exist: of address space `space`.
    virtual bool decode_in(std::uint64_t /*space*/, AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
        return decode(purpose, word, out);
    }
    /// Of a whole table.
    virtual std::uint64_t table_bytes(std::uint64_t /*space*/) const { return 4096; }
    /// The address space that a driver's claims call `context`.
    virtual std::uint64_t space_of(std::uint32_t context) const { return context; }
    /// The address space of a master's accesses; none: there is but one.
    virtual std::optional<std::uint64_t> space_of_stream(StreamId /*stream*/) const { return std::nullopt; }
    /// Caches drop words of tables by this invalidation of translations: not by one of configuration, which only ports
    /// take for both.
    virtual bool drops_words(const Invalidation& /*invalidation*/) const { return true; }
    /// `bytes`, read for this purpose, are a stream's configuration, and caches may keep it.
    virtual bool keeps_configuration(AccessPurpose /*purpose*/, const std::uint8_t* /*bytes*/) const { return false; }
    /// True if the invalidation makes caches drop that configuration.
    virtual bool covers_configuration(const Invalidation& invalidation, std::uint64_t stream, AccessPurpose /*purpose*/,
                                      const std::uint8_t* /*bytes*/) const {
        return invalidation.covers_stream(stream);
    }
    /// The invalidation that would have made them.
    virtual Invalidation wanted_for_configuration(std::uint64_t stream, AccessPurpose /*purpose*/,
                                                  const std::uint8_t* /*bytes*/) const {
        Invalidation wanted;
        wanted.target = Invalidation::Target::configuration;
        wanted.stream = stream;
        wanted.stream_mask = ~std::uint64_t{0};
        return wanted;
    }
    /// What such an entry is called: "context entry".
    virtual const char* configuration_name(AccessPurpose /*purpose*/) const { return "configuration"; }
    /// Invalidations are complete only when a drain behind them is.
    virtual bool needs_drain() const { return false; }
};

}  // namespace xlate::iommu
