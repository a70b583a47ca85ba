// The words of a sanitizer's shadow, of any family: which rules software can break, of which access and by which step.
// Source: docs/sanitizer.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace xlate::iommu {

using ShadowOrigin = std::uint32_t;

/// A transaction of a master, as its owner knows it.
struct ShadowAccess {
    std::uint32_t master = 0;
    StreamId sid{};
    std::optional<SubstreamId> ssid;
    std::uint64_t number = 0;
    std::uint64_t address = 0;
    std::uint32_t length = 1;
    SimTime time;
    bool translated = false;  ///< by the endpoint itself, of what was answered to it
};

enum class ShadowRule : std::uint8_t {
    missing_tlbi,        ///< an unmap returned, and a leaf or table of its range may still be cached
    missing_cfgi_ste,    ///< an STE was changed, and the old one may still be cached
    missing_cfgi_cd,     ///< the same of a CD
    missing_sync,        ///< the invalidation was given, but no SYNC has completed since
    use_after_unmap,     ///< a transaction that an entry could serve which should have gone
    break_before_make,   ///< a valid descriptor replaced by another while the old one may be cached
    torn_ste,            ///< words of an STE written while its first word says valid and translating
    table_outlived,      ///< a table was freed while entries made of it or leading to it may be cached
    page_outlived,       ///< memory was freed while a translation to it may be cached
    base_not_set,        ///< a queue or the stream table enabled before its base was programmed
    base_changed,        ///< a base programmed while it is in use
    never_invalidated,   ///< at the end: a change that no claim spoke of and no invalidation covered
    missing_atc_inv,     ///< as missing_tlbi, of what an endpoint may keep in its own cache
    missing_config_inv,  ///< a context entry or device table entry was changed, and the old one may still be cached
};
inline constexpr std::size_t kShadowRules = 14;
/// "missing-tlbi", ...: stable, used in results.
std::string_view name(ShadowRule rule);
/// One sentence.
std::string_view sentence(ShadowRule rule);

/// Statistics.
struct ShadowCounters {
    std::uint64_t reads = 0;      ///< of the hardware, looked at
    std::uint64_t entries = 0;    ///< made
    std::uint64_t held = 0;       ///< now
    std::uint64_t held_most = 0;  ///< at any time
    std::uint64_t commands = 0;   ///< invalidations
    std::uint64_t syncs = 0;      ///< completed
    std::uint64_t writes = 0;     ///< of software, to memory
    std::uint64_t claims = 0;
    std::uint64_t lazy_uses = 0;   ///< transactions between a lazy unmap and its flush: a window that the policy has
    std::uint64_t lazy_frees = 0;  ///< memory freed in that window
    std::array<std::uint64_t, kShadowRules> violations{};
};

}  // namespace xlate::iommu
