// The shadow of an SMMUv3: everything that the architecture lets its caches hold, without bound, and the rules that
// software breaks if it relies on a cache having forgotten something by luck.
//   held       each STE, CD, first-level and table descriptor that was read, with the words that were read; from the
//              read until an invalidation that covers it and came after the translation began has been followed by a
//              completed SYNC. STEs and CDs also if they are not valid; table descriptors only if they are.
//              Hardware may read ahead what it can reach: so what software overwrites counts as read just before, if it
//              is an STE while SMMUEN is set, or a descriptor of tables whose CD has been read.
//   stale      held, and memory says something else by now: not wrong yet, software may be at it
//   claims     what software holds to be done: an unmap that returned, an STE that is installed, a page that is freed.
//              A stale entry that a claim speaks of breaks a rule.
// No clock: times are parameters, and only kept. Knows nothing of tasks or masters: `ShadowOrigin` is the owner's own
// number for a step of software, 0 is nobody. Not modelled: reading ahead of CDs, of stage 2 tables; ATC.
// Source: docs/spec/iommu-hardware.md sections 1.7, 1.12; Arm's break-before-make rules.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "iommu/engine.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/shadow/shadow_report.hpp"
#include "iommu/smmuv3/context.hpp"
#include "iommu/smmuv3/invalidation.hpp"
#include "iommu/smmuv3/registers.hpp"
#include "iommu/smmuv3/shadow_index.hpp"

namespace xlate::iommu::smmuv3 {

using iommu::ShadowAccess;
using iommu::ShadowCounters;
using iommu::ShadowOrigin;
using iommu::ShadowRule;

enum class ShadowKind : std::uint8_t { ste_l1, ste, cd_l1, cd, table, leaf };

/// Something that may be cached.
struct ShadowEntry {
    ShadowKind kind = ShadowKind::leaf;
    std::uint8_t stage = 1;
    std::uint8_t words_used = 1;
    bool combined = false;  ///< stage 2, as part of an entry of both stages: goes with stage 1's invalidations
    bool endpoint = false;  ///< leaf: answered to an endpoint, whose cache may keep it: goes with ATC_INV alone
    std::uint64_t address = 0;
    std::array<std::uint64_t, 8> words{};
    StreamId sid{};                       ///< configuration: whose; else of the first that read it
    std::uint32_t ssid = 0;               ///< cd, cd_l1
    std::uint8_t ssid_shift = 0;          ///< cd_l1: substreams with the same ssid >> this
    CachedTranslation translation;        ///< table, leaf: tag, input range, level, granule; leaf: output
    OutputForm form = OutputForm::plain;  ///< table, leaf: how it holds its output address
    std::uint64_t target = 0;             ///< what it leads to: a table, or a leaf's memory
    std::uint64_t target_bytes = 0;
    std::uint32_t epoch = 0;  ///< invalidations after this one count
    ShadowAccess reader;      ///< for whom it was read last; length 0: for nobody, it may have been read ahead
    bool stale = false;
    SimTime stale_since;
    ShadowOrigin writer = 0;     ///< who made it stale
    bool queued = false;         ///< its unmap was put off on purpose (lazy)
    bool condemned = false;      ///< a claim says that it is gone
    std::uint16_t reported = 0;  ///< rules, a bit each

    bool config() const { return kind <= ShadowKind::cd; }
};

/// Why the invalidations that were given did not do.
enum class ShadowMiss : std::uint8_t {
    none_given,
    not_synced,  ///< it covers, but no SYNC has completed since
    too_early,   ///< it covers, but came before the change
    other_asid,
    other_stream,
    other_range,
    leaf_only,    ///< a table entry needs a command without LEAF
    other_level,  ///< TTL or TG speak of other entries
};

struct ShadowViolation {
    ShadowRule rule = ShadowRule::missing_tlbi;
    SimTime time;
    ShadowOrigin writer = 0;                   ///< whose change it is about
    ShadowOrigin by = 0;                       ///< who made the claim, freed, or wrote the register
    std::optional<ShadowEntry> entry;          ///< what may still be cached
    std::optional<ShadowAccess> use;           ///< use_after_unmap
    ShadowMiss miss = ShadowMiss::none_given;  ///< missing_*, *_outlived
    std::optional<Invalidation> nearest;       ///< the command that missed by `miss`
    std::uint64_t written = 0;                 ///< break_before_make: the new descriptor
    std::uint64_t also = 0;                    ///< more entries to which the same happened
    std::uint64_t address = 0;                 ///< of the memory, or the register's offset
    std::uint64_t size = 0;                    ///< *_outlived: bytes freed
};

/// One for an SMMU. `memory` is looked at without side effects, and outlives it.
class Shadow {
public:
    Shadow(const Features& features, MemoryPort& memory);

    // What the hardware does.
    /// A translation has read something: `translation` is the machine that did.
    void read(const MemoryAccess& access, const Reply& reply, const StreamConfig& config, std::uint32_t epoch,
              const ShadowAccess& reader);
    /// `epoch`: Smmu::epoch() with it counted.
    void invalidate(const Invalidation& invalidation, std::uint32_t epoch, SimTime now, std::uint32_t queue = 0);
    void sync_completed(std::uint32_t queue = 0);
    /// An endpoint has been given the translation of `reader.address` in `space` for its own cache.
    void answered(std::uint64_t space, std::uint32_t epoch, const ShadowAccess& reader);
    /// A transaction has arrived: could something serve it that should have gone?
    void transaction(const ShadowAccess& access);

    // What software does.
    void memory_changes(PhysAddr at, std::uint64_t bytes, SimTime now);  ///< before a store
    /// After the store.
    void memory_written(PhysAddr at, std::uint64_t bytes, ShadowOrigin writer, SimTime now);
    void register_written(std::uint32_t offset, unsigned size, std::uint64_t value, ShadowOrigin writer, SimTime now);

    // What software claims.
    void ste_installed(StreamId sid, ShadowOrigin by, SimTime now);
    void cd_installed(StreamId sid, std::uint32_t ssid, ShadowOrigin by, SimTime now);
    /// `queued`: the invalidation is put off.
    void unmapped(std::uint16_t asid, std::uint64_t first, std::uint64_t bytes, bool queued, ShadowOrigin by,
                  SimTime now);
    /// All of the ASID that was changed before `since` is gone.
    void flushed(std::uint16_t asid, SimTime since, ShadowOrigin by, SimTime now);
    void freed(PhysAddr at, std::uint64_t bytes, ShadowOrigin by, SimTime now);
    /// The run ended well: what is stale now, nobody will ever invalidate.
    void end(SimTime now);

    const std::vector<ShadowViolation>& violations() const { return violations_; }  ///< the first kMaxViolations
    const ShadowCounters& counters() const { return counters_; }
    static constexpr std::size_t kMaxViolations = 256;

private:
    using Id = ShadowIndex::Id;
    struct Given {
        Invalidation invalidation;
        std::uint32_t epoch = 0;
        SimTime time;  ///< when software published it
        bool executed = false;
        bool synced = false;
        std::uint32_t queue = 0;  ///< 0: of CMDQ_BASE
    };
    struct Write {
        ShadowOrigin writer = 0;
        SimTime time;
    };
    static constexpr std::size_t kMaxGiven = 256;

    void add(ShadowEntry entry);
    void remove(Id id);
    void apply(const Given& given);
    bool covers(const Invalidation& invalidation, const ShadowEntry& entry) const;
    bool differs(const ShadowEntry& entry, std::array<std::uint64_t, 8>& now);
    bool needs_break(const ShadowEntry& entry, std::uint64_t next) const;
    ShadowMiss why(const ShadowEntry& entry, std::optional<Invalidation>& nearest) const;
    void condemn(Id id, ShadowRule rule, ShadowOrigin by, SimTime now);
    ShadowViolation* report(ShadowRule rule, SimTime now);
    bool one_more(ShadowRule rule, ShadowOrigin writer, ShadowOrigin by, SimTime now);
    void published(std::uint32_t prod, SimTime now);
    void collect(std::uint16_t asid, std::uint64_t first, std::uint64_t last, std::vector<Id>& found) const;
    void watch_stream_table(std::uint64_t first, std::uint64_t last);
    static bool is_table(std::uint64_t descriptor, unsigned level);
    static std::uint64_t output_of(std::uint64_t descriptor, unsigned low_bit, OutputForm form) {
        return descriptor_address(descriptor, low_bit, form);
    }
    void learn_root(const StreamConfig& config, std::uint64_t va, StreamId sid);
    void learn_table(const ShadowEntry& from);
    void read_ahead_stes(std::uint64_t first, std::uint64_t last, SimTime now);
    void read_ahead_descriptors(std::uint64_t first, std::uint64_t last, SimTime now);
    void learn_stored(std::uint64_t first, std::uint64_t last);
    bool descriptor(std::uint64_t at, ShadowEntry& entry);
    void check_torn(std::uint64_t first, std::uint64_t last, ShadowOrigin writer, SimTime now);
    bool in_stream_table(std::uint64_t address) const;
    std::uint64_t load(std::uint64_t address);

    const Features features_;
    MemoryPort& memory_;
    std::deque<ShadowEntry> entries_;
    std::vector<bool> live_;
    std::vector<Id> free_;
    std::map<std::uint64_t, std::vector<Id>> by_line_;  ///< by address / 64
    std::map<std::uint32_t, std::vector<Id>> by_stream_;
    std::map<std::uint64_t, ShadowIndex> by_input_;  ///< by space tag
    ShadowIndex by_target_;
    std::map<std::uint64_t, std::uint64_t> space_of_;  ///< stream_tag() -> space tag, as last seen
    std::unordered_map<std::uint64_t, Write> writes_;  ///< by line; only looked up
    std::vector<Given> pending_;                       ///< executed, and no SYNC since
    std::deque<Given> given_;                          ///< the last ones, to say how they missed
    std::uint64_t condemned_ = 0;
    std::uint64_t queued_ = 0;

    // Registers, as written.
    std::uint64_t strtab_base_ = 0;
    std::uint32_t strtab_cfg_ = 0;
    std::uint32_t cr0_ = 0;
    std::uint32_t cr2_ = 0;
    QueueRegisters cmdq_;
    std::uint8_t bases_set_ = 0;
    struct SteTable {
        std::uint64_t last = 0;  ///< byte
        std::uint32_t sid = 0;   ///< of its first entry
    };
    std::map<std::uint64_t, SteTable> ste_tables_;  ///< by first byte
    /// A stage 1 table that the hardware can reach.
    struct Table {
        std::uint64_t bytes = 0;
        CachedTranslation tag;  ///< of its first entry
        OutputForm form = OutputForm::plain;
        StreamId sid{};
    };
    std::map<std::uint64_t, Table> tables_;
    std::uint32_t epoch_ = 0;  ///< as of the last invalidation

    std::vector<ShadowViolation> violations_;
    ShadowCounters counters_;
};

}  // namespace xlate::iommu::smmuv3
