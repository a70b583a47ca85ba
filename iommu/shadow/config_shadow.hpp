// The shadow of what an IOMMU keeps of its configuration in memory: context entries, device table entries. Beside
// table_shadow.hpp, by the same rules, without bound:
//   held    the bytes of each entry that a translation has read, and that caches may keep, by stream and kind of entry
//   stale   held, and memory says something else by now
//   claim   a driver holds a stream's entry to be installed, or gone: what was there before may be in no cache
// Not modelled: root entries and other directories; entries of other process address spaces than the last one that was
// read; reading ahead.
// Source: docs/sanitizer.md.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "iommu/invalidation.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/shadow/shadow_report.hpp"
#include "iommu/shadow/table_words.hpp"

namespace xlate::iommu {

struct ConfigEntry {
    static constexpr std::size_t kMostBytes = 64;
    std::uint64_t address = 0;
    std::uint32_t size = 0;
    std::array<std::uint8_t, kMostBytes> bytes{};
    AccessPurpose purpose{};
    std::uint64_t stream = 0;  ///< stream_tag()
    std::uint32_t epoch = 0;   ///< invalidations after this one count
    ShadowAccess reader;
    bool stale = false;
    SimTime stale_since;
    ShadowOrigin writer = 0;  ///< who made it stale
    bool covered = false;     ///< an invalidation covers it, whose drain is not complete
    bool reported = false;
};

struct ConfigViolation {
    ShadowRule rule = ShadowRule::missing_config_inv;
    SimTime time;
    ShadowOrigin by = 0;  ///< who made the claim
    ConfigEntry entry;
    std::optional<Invalidation> nearest;  ///< of configuration, behind the change, that misses the stream
};

/// One for an IOMMU. `words` and `memory` outlive it; memory is looked at without side effects.
class ConfigShadow {
public:
    ConfigShadow(const TableWords& words, MemoryPort& memory) : words_(words), memory_(memory) {}

    /// A translation of `reader`, begun at `epoch`, has read an entry (TableWords::configuration).
    void read(const MemoryAccess& access, const Reply& reply, std::uint32_t epoch, const ShadowAccess& reader);
    void invalidate(const Invalidation& invalidation, std::uint32_t epoch, SimTime now);
    void drained();
    void memory_written(PhysAddr at, std::uint64_t bytes, ShadowOrigin writer, SimTime now);
    /// What the stream's entry was before is in no cache.
    void installed(StreamId stream, ShadowOrigin by, SimTime now);
    void end(SimTime now);

    const std::vector<ConfigViolation>& violations() const { return violations_; }  ///< the first kMaxViolations
    /// Of each rule, all of them.
    std::uint64_t count(ShadowRule rule) const { return counts_[static_cast<std::size_t>(rule)]; }
    static constexpr std::size_t kMaxViolations = 256;

private:
    void report(ConfigEntry& entry, ShadowRule rule, ShadowOrigin by, SimTime now);

    const TableWords& words_;
    MemoryPort& memory_;
    using Key = std::pair<std::uint64_t, AccessPurpose>;  ///< stream and kind of entry
    std::map<Key, ConfigEntry> entries_;
    std::map<Key, ConfigEntry> after_drain_;  ///< read anew where an older one is covered, not drained
    struct Given {
        Invalidation invalidation;
        SimTime time;
    };
    std::vector<Given> given_;  ///< the last ones of configuration
    std::vector<ConfigViolation> violations_;
    std::array<std::uint64_t, kShadowRules> counts_{};
};

}  // namespace xlate::iommu
