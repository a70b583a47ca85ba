// What an invalidation command covers, and the tags it is compared with.
// Source: docs/spec/iommu-hardware.md sections 1.7 and 1.12.
#pragma once

#include <cstdint>

#include "base/bits.hpp"
#include "iommu/engine.hpp"

namespace xlate::iommu::smmuv3 {

/// Whose tables made an entry. Nested and stage-1-only entries of one VMID and ASID are kept apart.
enum class Regime : std::uint8_t { ns_el1 = 0, ns_el1_nested = 1, ns_stage2 = 2, el2 = 3, el2_e2h = 4, bypass = 7 };

/// Address-space tag: ASID[15:0] VMID[31:16] regime[34:32] ASET[35].
namespace space_tag {
inline constexpr Field ASID{0, 16}, VMID{16, 16}, REGIME{32, 3}, ASET{35, 1};
constexpr std::uint64_t make(Regime regime, std::uint16_t vmid, std::uint16_t asid, bool aset) {
    return ASID.of(asid) | VMID.of(vmid) | REGIME.of(static_cast<std::uint64_t>(regime)) | ASET.of(aset ? 1 : 0);
}
constexpr Regime regime(std::uint64_t tag) { return static_cast<Regime>(REGIME.get(tag)); }
}  // namespace space_tag

/// One invalidation, broadcast to every cache of the SMMU and of its TBUs.
struct Invalidation {
    enum class Kind : std::uint8_t {
        everything,  ///< all caches: reset
        ste,         ///< STE of `sid`, and the CDs reached through it
        ste_range,   ///< SIDs with the same sid >> sid_shift; 32: all
        cd,          ///< CD of `sid` and `ssid`
        cd_all,      ///< all CDs of `sid`
        s1_all,      ///< NH_ALL: stage 1 and combined entries of the VMID
        s1_asid,     ///< NH_ASID: its non-global entries
        s1_va,       ///< NH_VA: address, ASID (global entries match any)
        s1_vaa,      ///< NH_VAA: address, every ASID
        el2_all,
        el2_asid,
        el2_va,
        el2_vaa,
        s12_vmall,  ///< everything of the VMID, both stages
        s2_ipa,     ///< stage 2 entries by IPA
        nsnh_all,   ///< every non-secure EL1 entry, both stages
        atc,        ///< ATC_INV: to endpoints' translation caches only
    };
    Kind kind = Kind::everything;
    bool leaf = false;  ///< only last-level entries need go
    bool e2h = false;   ///< el2_*: CR2.E2H at the time
    std::uint8_t sid_shift = 0;
    std::uint8_t granule = 0;  ///< log2 bytes; 0: entries of any granule
    std::uint8_t level = 0;    ///< of the leaf (TTL) if granule is not 0; 0: any
    std::uint16_t vmid = 0;
    std::uint16_t vmid_mask = 0xFFFF;  ///< CR0.VMW widens the match
    std::uint16_t asid = 0;
    StreamId sid{};
    std::uint32_t ssid = 0;
    bool ssid_valid = false;  ///< atc
    bool global = false;      ///< atc: across all substreams
    std::uint64_t first = 0;  ///< *_va, *_vaa, s2_ipa, atc: first byte
    std::uint64_t last = 0;   ///< and last byte

    bool is_config() const { return kind >= Kind::ste && kind <= Kind::cd_all; }
    bool is_tlb() const { return kind >= Kind::s1_all && kind <= Kind::nsnh_all; }
    /// By address: a structure may look for the entry instead of visiting all.
    bool by_address() const {
        return kind == Kind::s1_va || kind == Kind::s1_vaa || kind == Kind::el2_va || kind == Kind::el2_vaa ||
               kind == Kind::s2_ipa;
    }
    /// True if the entry's address space is one that this TLB invalidation covers. Addresses apart.
    bool covers_space(std::uint64_t space, bool entry_is_global) const;
    /// True if a TLB must drop `entry`.
    bool covers(const CachedTranslation& entry) const;
    /// True if an endpoint must drop `entry` of its ATC: ATC_INV for its stream, its substream or all, and its address.
    bool covers_endpoint(const CachedTranslation& entry) const;
    /// True if this configuration invalidation covers the stream (and its substream, with `cd`).
    bool covers_stream(StreamId stream, std::uint32_t cd_index) const;
};

/// Told of every invalidation when the command takes effect. A TBU registers itself for its own TLBs.
class InvalidationSink {
public:
    virtual ~InvalidationSink() = default;
    virtual void invalidate(const Invalidation& invalidation) = 0;
};

}  // namespace xlate::iommu::smmuv3
