// An invalidation as a match: what a cached entry must look like to go. The decoder of a family fills it from a command
// or a register write; TLBs, walk caches, configuration caches and endpoints compare. A mask bit of 0 is not compared:
// a mask of 0 matches everything.
//   configuration   by stream
//   translations    by address space, stream and, with `by_address`, range; also what walk caches keep
//   endpoint        by stream and range: translation caches of endpoints (ATC)
// Source: docs/spec/iommu-hardware.md sections 1.7, 1.12 and 12.
#pragma once

#include <cstdint>

#include "iommu/engine.hpp"

namespace xlate::iommu {

struct Invalidation {
    /// everything: all caches of the IOMMU, configuration and translations; not those of endpoints.
    enum class Target : std::uint8_t { everything, configuration, translations, endpoint };
    Target target = Target::everything;
    bool by_address = false;    ///< only what overlaps first..last
    bool leaf = false;          ///< only last-level entries need go: walk caches keep theirs
    bool keeps_global = false;  ///< translations: global entries stay
    std::uint8_t granule = 0;   ///< with by_address: log2 bytes; 0: entries of any granule
    std::uint8_t level = 0;     ///< of the leaf, if granule is not 0; 0: any
    std::uint16_t code = 0;     ///< what asked for it, as the family codes it: for InstanceSpec::describe
    std::uint64_t space = 0;    ///< CachedTranslation::space
    std::uint64_t space_mask = 0;
    std::uint64_t global_mask = 0;  ///< in place of space_mask, for global entries
    std::uint64_t stream = 0;       ///< stream_tag()
    std::uint64_t stream_mask = 0;
    std::uint64_t first = 0;  ///< byte
    std::uint64_t last = 0;   ///< byte

    bool is_config() const { return target == Target::configuration; }
    bool is_tlb() const { return target == Target::translations; }
    bool is_endpoint() const { return target == Target::endpoint; }
    /// True if it is one of translations of this address space. Addresses apart.
    bool covers_space(std::uint64_t of_space, bool of_global) const;
    /// True if a TLB of the IOMMU must drop `entry`.
    bool covers(const CachedTranslation& entry) const;
    /// True if a walk cache must drop what it knows of [base, base + 2^shift) in `of_space`.
    bool covers_table(std::uint64_t of_space, std::uint64_t base, unsigned shift, unsigned table_granule) const;
    /// True if an endpoint must drop `entry` of its ATC.
    bool covers_endpoint(const CachedTranslation& entry) const;
    /// True if a configuration cache must drop what it keeps for this stream.
    bool covers_stream(std::uint64_t tag) const;
};

/// Told of every invalidation when it takes effect in the engine. A port registers itself for its own TLBs.
class InvalidationSink {
public:
    virtual ~InvalidationSink() = default;
    virtual void invalidate(const Invalidation& invalidation) = 0;
};

}  // namespace xlate::iommu
