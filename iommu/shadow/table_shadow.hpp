// The shadow of an IOMMU whose invalidations are complete with a register write: every table word that its walks have
// read or could have read, without bound, until an invalidation that covers it; and the rules that software breaks if
// it relies on a word having been forgotten by luck. The words and rules of iommu/smmuv3/shadow.hpp, as far as they are
// not about queues, stream tables and contexts.
//   held    each valid word that a walk has read, from the beginning of its translation; and each that software
//   overwrites in
//           a table that a walk has been to, since hardware may read ahead
//   stale   held, and memory says something else by now
//   answers what an endpoint was answered (ATS): its leaf as it was then, until an invalidation for endpoints
//   claims  an unmap that returned, everything that is forgotten (an IOMMU that is switched on), memory that is freed
// With TableWords::needs_drain an invalidation counts when a drain behind it is complete. Not modelled: two stages.
// Source: docs/sanitizer.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "iommu/invalidation.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/shadow/hardware_bits.hpp"
#include "iommu/shadow/shadow_report.hpp"
#include "iommu/shadow/table_words.hpp"

namespace xlate::iommu {

/// A table word that may be cached.
struct TableEntry {
    std::uint64_t address = 0;
    std::uint64_t word = 0;
    AccessPurpose purpose{};
    TableWord says;
    CachedTranslation tag;    ///< space, va, size, granule
    std::uint32_t epoch = 0;  ///< invalidations after this one count
    ShadowAccess reader;      ///< length 0: none, it may have been read ahead
    bool stale = false;
    SimTime stale_since;
    ShadowOrigin writer = 0;  ///< who made it stale
    bool condemned = false;   ///< a claim says that it is gone
    bool queued = false;      ///< unmapped, its invalidation put off (lazy)
    bool covered = false;     ///< an invalidation covers it, whose drain is not complete
    bool endpoint = false;    ///< an endpoint of `tag.stream` may keep it
    std::uint16_t reported = 0;
};

/// How the invalidation that came nearest missed.
enum class TableMiss : std::uint8_t { none_given, too_early, other_space, other_range };

struct TableViolation {
    ShadowRule rule = ShadowRule::missing_tlbi;
    SimTime time;
    ShadowOrigin by = 0;  ///< who made the claim, or freed
    TableEntry entry;
    std::optional<ShadowAccess> use;  ///< use_after_unmap
    TableMiss miss = TableMiss::none_given;
    std::optional<Invalidation> nearest;
    std::uint64_t also = 0;     ///< more entries to which the same happened
    std::uint64_t address = 0;  ///< *_outlived: what was freed
    std::uint64_t size = 0;
};

/// One for an IOMMU. `words` and `memory` outlive it; memory is looked at without side effects.
class TableShadow {
public:
    TableShadow(const TableWords& words, MemoryPort& memory)
        : words_(words), own_(dynamic_cast<const HardwareBits*>(&words)), memory_(memory) {}

    // What the hardware does.
    /// A walk in `space`, begun at `epoch`, has read a word.
    void read(const MemoryAccess& access, const Reply& reply, std::uint64_t space, std::uint32_t epoch,
              const ShadowAccess& reader);
    /// An endpoint's request has been answered with a translation of `space`.
    void answered(std::uint64_t space, const ShadowAccess& reader);
    /// `epoch`: Instance::epoch() with it counted.
    void invalidate(const Invalidation& invalidation, std::uint32_t epoch, SimTime now);
    /// A drain is complete: invalidations before it are.
    void drained();
    /// A transaction has arrived: could something serve it that should have gone?
    void transaction(const ShadowAccess& access);

    // What software does.
    void memory_changes(PhysAddr at, std::uint64_t bytes, SimTime now);  ///< before a store
    void memory_written(PhysAddr at, std::uint64_t bytes, ShadowOrigin writer, SimTime now);

    // What software claims.
    void unmapped(std::uint64_t space, std::uint64_t first, std::uint64_t bytes, ShadowOrigin by, SimTime now);
    /// The same, but the invalidation is put off: until the flush what the range names may be freed.
    void unmap_queued(std::uint64_t space, std::uint64_t first, std::uint64_t bytes);
    /// All of the space that was changed before `since` is gone.
    void flushed(std::uint64_t space, SimTime since, ShadowOrigin by, SimTime now);
    void freed(PhysAddr at, std::uint64_t bytes, ShadowOrigin by, SimTime now);
    /// The run ended well: what is stale now stays so.
    void end(SimTime now);

    const std::vector<TableViolation>& violations() const { return violations_; }  ///< the first kMaxViolations
    const ShadowCounters& counters() const { return counters_; }
    /// An invalidation that would have done for `entry`.
    static Invalidation wanted(const TableEntry& entry);
    static constexpr std::size_t kMaxViolations = 256;

private:
    /// A word under one space: a table that two MMUs share is cached twice.
    using Key = std::pair<std::uint64_t, std::uint64_t>;  ///< address, space
    /// A table that a walk has been to: its first word's input.
    struct Table {
        std::uint64_t bytes = 0;
        std::uint64_t va = 0;
        AccessPurpose purpose{};
        ShadowAccess nobody;
    };
    struct Given {
        Invalidation invalidation;
        SimTime time;
        std::uint32_t epoch;
    };

    /// log2 bytes; 0: the access is none of a walk in that space.
    unsigned step(std::uint64_t space, AccessPurpose purpose) const;
    void add(std::uint64_t address, std::uint64_t word, AccessPurpose purpose, std::uint64_t input, std::uint64_t space,
             std::uint32_t epoch, const ShadowAccess& reader);
    /// What may be kept goes, or waits for its drain; the next one.
    template <typename Entries>
    typename Entries::iterator drop(Entries& entries, typename Entries::iterator at);
    /// Entries of the space, in whatever cache.
    template <typename Each>
    void each_of(std::uint64_t space, Each each);
    void condemn(TableEntry& entry, ShadowRule rule, ShadowOrigin by, SimTime now);
    TableViolation* report(TableEntry& entry, ShadowRule rule, ShadowOrigin by, SimTime now);
    TableMiss why(const TableEntry& entry, std::optional<Invalidation>& nearest) const;
    /// Without what hardware sets.
    std::uint64_t load(std::uint64_t address, AccessPurpose purpose);
    std::uint64_t by_software(AccessPurpose purpose, std::uint64_t word) const {
        return own_ == nullptr ? word : word & ~own_->hardware_bits(purpose);
    }

    const TableWords& words_;
    const HardwareBits* const own_;  ///< nullptr: hardware writes to no table
    MemoryPort& memory_;
    std::map<Key, TableEntry> entries_;
    std::map<std::pair<Key, std::uint64_t>, TableEntry> answers_;  ///< by the stream's tag, too
    std::map<Key, Table> tables_;
    std::map<Key, TableEntry> after_drain_;  ///< read anew where an older word is covered, but not drained
    std::vector<Given> given_;               ///< the last ones, to say how they missed
    std::uint32_t epoch_ = 0;
    std::uint64_t condemned_ = 0;
    std::vector<TableViolation> violations_;
    ShadowCounters counters_;
};

}  // namespace xlate::iommu
