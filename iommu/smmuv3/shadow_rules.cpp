// What software claims, and the rules that a claim breaks if something stale may still be cached.
#include <algorithm>

#include "iommu/smmuv3/shadow.hpp"
#include "iommu/smmuv3/stream_table.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

constexpr unsigned kLineBits = 6;

constexpr std::uint16_t bit_of(ShadowRule rule) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(rule));
}

struct Base {
    std::uint32_t offset;
    unsigned bytes;
    Field enable;
};
/// STRTAB needs both of its registers.
constexpr std::array<Base, 5> kBases{{{reg::STRTAB_BASE, 8, cr0::SMMUEN},
                                      {reg::STRTAB_BASE_CFG, 4, cr0::SMMUEN},
                                      {reg::CMDQ_BASE, 8, cr0::CMDQEN},
                                      {reg::EVENTQ_BASE, 8, cr0::EVENTQEN},
                                      {reg::PRIQ_BASE, 8, cr0::PRIQEN}}};

/// A stage 1 block may be in pieces: what a mapping of these bytes is tagged with.
bool has_asid(std::uint64_t space, std::uint16_t asid) {
    const Regime regime = space_tag::regime(space);
    if (regime == Regime::el2) return true;
    if (regime == Regime::ns_stage2 || regime == Regime::bypass) return false;
    return space_tag::ASID.get(space) == asid;
}

}  // namespace

ShadowViolation* Shadow::report(ShadowRule rule, SimTime now) {
    ++counters_.violations[static_cast<std::size_t>(rule)];
    if (violations_.size() >= kMaxViolations) return nullptr;
    ShadowViolation& violation = violations_.emplace_back();
    violation.rule = rule;
    violation.time = now;
    return &violation;
}

/// The same rule broken by the same step at the same time counts as one: an unmap of many pages, a table of many.
bool Shadow::one_more(ShadowRule rule, ShadowOrigin writer, ShadowOrigin by, SimTime now) {
    if (violations_.empty()) return false;
    ShadowViolation& last = violations_.back();
    if (last.rule != rule || last.writer != writer || last.by != by || last.time != now) return false;
    ++last.also;
    return true;
}

/// How the commands since the change missed `entry`; the nearest one if several did.
ShadowMiss Shadow::why(const ShadowEntry& entry, std::optional<Invalidation>& nearest) const {
    ShadowMiss best = ShadowMiss::none_given;
    int best_score = 0;
    const auto consider = [&](ShadowMiss miss, int score, const Invalidation& given) {
        if (score < best_score || (score == best_score && best != ShadowMiss::none_given)) return;
        best = miss;
        best_score = score;
        nearest = given;
    };
    for (auto at = given_.rbegin(); at != given_.rend(); ++at) {
        const Invalidation& given = at->invalidation;
        const bool since = at->time >= entry.stale_since;
        if (covers(given, entry)) {
            if (since && !at->synced) {
                nearest = given;
                return ShadowMiss::not_synced;
            }
            if (!since) consider(ShadowMiss::too_early, 1, given);
            continue;
        }
        if (!since || given.is_config() != entry.config()) continue;
        if (entry.endpoint || given.is_endpoint()) {
            if (entry.endpoint && given.is_endpoint()) {
                consider(sid_of(given) == entry.sid ? ShadowMiss::other_range : ShadowMiss::other_stream, 4, given);
            }
            continue;
        }
        if (entry.config()) {
            if (sid_of(given) == entry.sid) {
                consider(given.leaf ? ShadowMiss::leaf_only : ShadowMiss::other_range, 4, given);
            } else {
                consider(ShadowMiss::other_stream, 3, given);
            }
            continue;
        }
        Invalidation other = given;
        other.space = space_tag::ASID.set(other.space, space_tag::ASID.get(entry.translation.space));
        if (covers(other, entry)) {
            consider(ShadowMiss::other_asid, 6, given);
            continue;
        }
        other = given;
        other.leaf = false;
        if (covers(other, entry)) {
            consider(ShadowMiss::leaf_only, 6, given);
            continue;
        }
        other.granule = 0;
        other.level = 0;
        if (covers(other, entry)) {
            consider(ShadowMiss::other_level, 5, given);
            continue;
        }
        if (given.covers_space(entry.translation.space, false)) consider(ShadowMiss::other_range, 3, given);
    }
    return best;
}

/// A claim says that `id` is gone, and it is not.
void Shadow::condemn(Id id, ShadowRule rule, ShadowOrigin by, SimTime now) {
    ShadowEntry& entry = entries_[id];
    if (entry.condemned) return;
    entry.condemned = true;
    ++condemned_;
    std::optional<Invalidation> nearest;
    const ShadowMiss miss = why(entry, nearest);
    if (miss == ShadowMiss::not_synced) rule = ShadowRule::missing_sync;
    entry.reported |= bit_of(rule);
    if (one_more(rule, entry.writer, by, now)) return;
    ShadowViolation* violation = report(rule, now);
    if (violation == nullptr) return;
    violation->writer = entry.writer;
    violation->by = by;
    violation->entry = entry;
    violation->address = entry.address;
    violation->miss = miss;
    violation->nearest = nearest;
}

void Shadow::ste_installed(StreamId sid, ShadowOrigin by, SimTime now) {
    ++counters_.claims;
    const auto at = by_stream_.find(value(sid));
    if (at == by_stream_.end()) return;
    const std::vector<Id> ids = at->second;
    for (const Id id : ids) {
        if (entries_[id].stale && entries_[id].kind <= ShadowKind::ste) {
            condemn(id, ShadowRule::missing_cfgi_ste, by, now);
        }
    }
}

void Shadow::cd_installed(StreamId sid, std::uint32_t ssid, ShadowOrigin by, SimTime now) {
    ++counters_.claims;
    const auto at = by_stream_.find(value(sid));
    if (at == by_stream_.end()) return;
    const std::vector<Id> ids = at->second;
    for (const Id id : ids) {
        const ShadowEntry& entry = entries_[id];
        const bool its = (entry.kind == ShadowKind::cd || entry.kind == ShadowKind::cd_l1) && entry.ssid == ssid;
        if (entry.stale && its) condemn(id, ShadowRule::missing_cfgi_cd, by, now);
    }
}

void Shadow::collect(std::uint16_t asid, std::uint64_t first, std::uint64_t last, std::vector<Id>& found) const {
    for (const auto& [space, index] : by_input_) {
        if (has_asid(space, asid)) index.overlapping(first, last, found);
    }
}

void Shadow::unmapped(std::uint16_t asid, std::uint64_t first, std::uint64_t bytes, bool queued, ShadowOrigin by,
                      SimTime now) {
    ++counters_.claims;
    std::vector<Id> found;
    collect(asid, first, first + bytes - 1, found);
    for (const Id id : found) {
        ShadowEntry& entry = entries_[id];
        if (!entry.stale) continue;
        if (!queued) {
            condemn(id, entry.endpoint ? ShadowRule::missing_atc_inv : ShadowRule::missing_tlbi, by, now);
        } else if (!entry.queued) {
            entry.queued = true;
            ++queued_;
        }
    }
}

void Shadow::flushed(std::uint16_t asid, SimTime since, ShadowOrigin by, SimTime now) {
    ++counters_.claims;
    std::vector<Id> found;
    collect(asid, 0, ~std::uint64_t{0}, found);
    for (const Id id : found) {
        const ShadowEntry& entry = entries_[id];
        if (!entry.stale || entry.stale_since >= since) continue;
        condemn(id, entry.endpoint ? ShadowRule::missing_atc_inv : ShadowRule::missing_tlbi, by, now);
    }
}

void Shadow::freed(PhysAddr at, std::uint64_t bytes, ShadowOrigin by, SimTime now) {
    ++counters_.claims;
    const std::uint64_t last = at.value + bytes - 1;
    const auto outlived = [&](Id id, ShadowRule rule) {
        ShadowEntry& entry = entries_[id];
        if ((entry.reported & bit_of(rule)) != 0) return;
        entry.reported |= bit_of(rule);
        if (one_more(rule, entry.writer, by, now)) return;
        if (ShadowViolation* violation = report(rule, now)) {
            violation->writer = entry.writer;
            violation->by = by;
            violation->entry = entry;
            violation->address = at.value;
            violation->size = bytes;
            violation->miss = why(entry, violation->nearest);
        }
    };
    for (auto table = tables_.lower_bound(at.value); table != tables_.end() && table->first <= last;) {
        table = tables_.erase(table);
    }
    for (auto line = by_line_.lower_bound(at.value >> kLineBits);
         line != by_line_.end() && line->first <= last >> kLineBits; ++line) {
        for (const Id id : line->second) outlived(id, ShadowRule::table_outlived);
    }
    std::vector<Id> found;
    by_target_.overlapping(at.value, last, found);
    for (const Id id : found) {
        const ShadowEntry& entry = entries_[id];
        if (entry.target > last || entry.target + entry.target_bytes <= at.value) continue;
        if (entry.kind != ShadowKind::leaf) {
            outlived(id, ShadowRule::table_outlived);
        } else if (entry.queued) {
            ++counters_.lazy_frees;
        } else if (!entry.condemned) {
            outlived(id, ShadowRule::page_outlived);
        }
    }
}

void Shadow::transaction(const ShadowAccess& access) {
    if (condemned_ == 0 && queued_ == 0) return;
    // What an endpoint has translated itself is served by its own cache, all else by the SMMU's.
    const auto used = [&](Id id) {
        ShadowEntry& entry = entries_[id];
        if (entry.endpoint != access.translated) return;
        if (!entry.condemned || (entry.reported & bit_of(ShadowRule::use_after_unmap)) != 0) return;
        entry.reported |= bit_of(ShadowRule::use_after_unmap);
        if (ShadowViolation* violation = report(ShadowRule::use_after_unmap, access.time)) {
            violation->writer = entry.writer;
            violation->entry = entry;
            violation->use = access;
            violation->address = entry.address;
            violation->miss = why(entry, violation->nearest);
        }
    };
    if (const auto config = by_stream_.find(value(access.sid)); config != by_stream_.end()) {
        for (const Id id : config->second) used(id);
    }
    const auto space = space_of_.find(stream_tag(access.sid, access.ssid));
    if (space == space_of_.end()) return;
    const auto index = by_input_.find(space->second);
    if (index == by_input_.end()) return;
    std::vector<Id> found;
    const std::uint64_t first = access.address & low_mask(56);
    index->second.overlapping(first, first + access.length - 1, found);
    bool lazy = false;
    for (const Id id : found) {
        used(id);
        lazy = lazy || (entries_[id].queued && entries_[id].endpoint == access.translated);
    }
    counters_.lazy_uses += lazy ? 1 : 0;
}

void Shadow::end(SimTime now) {
    for (Id id = 0; id < entries_.size(); ++id) {
        if (live_[id] && entries_[id].stale) condemn(id, ShadowRule::never_invalidated, 0, now);
    }
}

// Registers and the stream table.

void Shadow::register_written(std::uint32_t offset, unsigned size, std::uint64_t written, ShadowOrigin writer,
                              SimTime now) {
    const auto complain = [&](ShadowRule rule, std::uint32_t at) {
        if (ShadowViolation* violation = report(rule, now)) {
            violation->writer = writer;
            violation->by = writer;
            violation->address = at;
        }
    };
    for (std::size_t i = 0; i < kBases.size(); ++i) {
        const Base& base = kBases[i];
        if (offset < base.offset || offset >= base.offset + base.bytes) continue;
        bases_set_ |= static_cast<std::uint8_t>(1U << i);
        if (base.enable.test(cr0_)) complain(ShadowRule::base_changed, base.offset);
    }
    if (offset == reg::CMDQ_BASE && size == 8) cmdq_.base = written;
    if (offset == reg::CMDQ_PROD) published(static_cast<std::uint32_t>(written), now);
    if (offset == reg::CR2) cr2_ = static_cast<std::uint32_t>(written);
    if (offset == reg::STRTAB_BASE) {
        strtab_base_ = size == 8 ? written : (strtab_base_ & ~low_mask(32)) | (written & low_mask(32));
    } else if (offset == reg::STRTAB_BASE + 4) {
        strtab_base_ = (strtab_base_ & low_mask(32)) | (written << 32);
    } else if (offset == reg::STRTAB_BASE_CFG) {
        strtab_cfg_ = static_cast<std::uint32_t>(written);
    } else if (offset == reg::CR0) {
        const auto next = static_cast<std::uint32_t>(written);
        std::uint64_t told = 0;
        for (std::size_t i = 0; i < kBases.size(); ++i) {
            const Field enable = kBases[i].enable;
            if (!enable.test(next) || enable.test(cr0_) || (bases_set_ >> i & 1U) != 0) continue;
            if ((told & enable.mask()) != 0) continue;
            told |= enable.mask();
            complain(ShadowRule::base_not_set, kBases[i].offset);
        }
        const bool switched_on = cr0::SMMUEN.test(next) && !cr0::SMMUEN.test(cr0_);
        cr0_ = next;
        if (switched_on) {
            ste_tables_.clear();
            const auto first = locate_ste(StreamId{0}, strtab_base_, strtab_cfg_, features_);
            auto bits = static_cast<unsigned>(strtab_base_cfg::LOG2SIZE.get(strtab_cfg_));
            bits = std::min<unsigned>(bits, features_.sidsize);
            if (first && !first->is_l1) {
                ste_tables_[first->address] = {first->address + (std::uint64_t{kSteBytes} << bits) - 1, 0};
            } else if (first) {
                const unsigned split = effective_split(strtab_cfg_);
                const std::uint64_t bytes = std::uint64_t{l1std::kBytes} << (bits > split ? bits - split : 0);
                watch_stream_table(first->address, first->address + bytes - 1);
            }
        }
    }
}

/// First-level descriptors in [first, last] may lead to new tables of STEs.
void Shadow::watch_stream_table(std::uint64_t first, std::uint64_t last) {
    if (!cr0::SMMUEN.test(cr0_)) return;
    const auto start = locate_ste(StreamId{0}, strtab_base_, strtab_cfg_, features_);
    if (!start || !start->is_l1) return;
    auto bits = static_cast<unsigned>(strtab_base_cfg::LOG2SIZE.get(strtab_cfg_));
    bits = std::min<unsigned>(bits, features_.sidsize);
    const unsigned split = effective_split(strtab_cfg_);
    const std::uint64_t bytes = std::uint64_t{l1std::kBytes} << (bits > split ? bits - split : 0);
    const std::uint64_t from = std::max(first & ~low_mask(3), start->address);
    const std::uint64_t to = std::min(last, start->address + bytes - 1);
    for (std::uint64_t at = from; at <= to; at += l1std::kBytes) {
        const std::uint64_t descriptor = load(at);
        const auto span = static_cast<unsigned>(l1std::SPAN.get(descriptor));
        if (span == 0 || span > split + 1) continue;
        const std::uint64_t table_bytes = std::uint64_t{kSteBytes} << (span - 1);
        const std::uint64_t table = align_down(keep(descriptor, 51, 6), table_bytes);
        const auto sid = static_cast<std::uint32_t>(((at - start->address) / l1std::kBytes) << split);
        ste_tables_[table] = {table + table_bytes - 1, sid};
    }
}

bool Shadow::in_stream_table(std::uint64_t address) const {
    auto above = ste_tables_.upper_bound(address);
    if (above == ste_tables_.begin()) return false;
    --above;
    return address <= above->second.last;
}

/// An STE must not be seen in part: whoever changes the words behind the first makes the first say "no" before.
void Shadow::check_torn(std::uint64_t first, std::uint64_t last, ShadowOrigin writer, SimTime now) {
    if (ste_tables_.empty()) return;
    for (std::uint64_t line = first >> kLineBits; line <= last >> kLineBits; ++line) {
        const std::uint64_t at = line << kLineBits;
        if (!in_stream_table(at) || last < at + 8) continue;
        SteWords words{};
        words[0] = load(at);
        if (!ste::V.test(words) || ste::Config.get(words) < ste::CONFIG_S1) continue;
        if (ShadowViolation* violation = report(ShadowRule::torn_ste, now)) {
            violation->writer = writer;
            violation->by = writer;
            violation->address = at;
        }
    }
}

}  // namespace xlate::iommu::smmuv3
