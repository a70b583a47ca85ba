// What may be cached: reads of the hardware, writes of software, invalidations.
#include "iommu/smmuv3/shadow.hpp"

#include <algorithm>

#include "iommu/smmuv3/commands.hpp"
#include "iommu/smmuv3/purpose.hpp"
#include "iommu/smmuv3/stream_table.hpp"
#include "iommu/smmuv3/walk.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

constexpr unsigned kLineBits = 6;

}  // namespace

Shadow::Shadow(const Features& features, MemoryPort& memory) : features_(features), memory_(memory) {
    cmdq_.max_log2 = features.cmdqs;
}

std::uint64_t Shadow::load(std::uint64_t address) {
    std::uint8_t bytes[8] = {};
    return memory_.read(PhysAddr{address}, bytes, 8) ? load_le(bytes, 8) : 0;
}

void Shadow::read(const MemoryAccess& access, const Reply& reply, const StreamConfig& config, std::uint32_t epoch,
                  const ShadowAccess& reader) {
    ++counters_.reads;
    if (access.kind == AccessKind::compare_and_swap) {
        // The hardware's own update of access flag or dirty state: what it holds goes along.
        if (reply.abort || load_le(reply.data.data(), 8) != access.expected) return;
        const auto line = by_line_.find(access.address.value >> kLineBits);
        if (line == by_line_.end()) return;
        for (const Id id : line->second) {
            ShadowEntry& entry = entries_[id];
            if (entry.address == access.address.value && entry.words[0] == access.expected) {
                entry.words[0] = load_le(access.data.data(), 8);
            }
        }
        return;
    }
    if (reply.abort) return;
    ShadowEntry entry;
    entry.address = access.address.value;
    entry.words_used = static_cast<std::uint8_t>(access.size / 8);
    for (unsigned i = 0; i < entry.words_used; ++i) entry.words[i] = load_le(reply.data.data() + 8 * i, 8);
    entry.sid = reader.sid;
    entry.ssid = reader.ssid ? value(*reader.ssid) : 0;
    entry.epoch = epoch;
    entry.reader = reader;
    switch (access.purpose) {
        case Purpose::ste_l1: {
            entry.kind = ShadowKind::ste_l1;
            const auto span = static_cast<unsigned>(l1std::SPAN.get(entry.words[0]));
            if (span != 0) {
                entry.target_bytes = std::uint64_t{kSteBytes} << (span - 1);
                entry.target = align_down(keep(entry.words[0], 51, 6), entry.target_bytes);
            }
            break;
        }
        case Purpose::ste:
            entry.kind = ShadowKind::ste;
            if (ste::V.test(entry.words) && (ste::Config.get(entry.words) & 5U) == 5U) {
                entry.target = ste::S1ContextPtr.address(entry.words);
                entry.target_bytes = kCdBytes;
            }
            break;
        case Purpose::cd_l1:
            entry.kind = ShadowKind::cd_l1;
            entry.ssid_shift = config.ste.s1_format == ste::S1FMT_4K_L2 ? 6 : 10;
            if (l1cd::V.test(entry.words[0])) {
                entry.target = keep(entry.words[0], 51, 12);
                entry.target_bytes = std::uint64_t{kCdBytes} << entry.ssid_shift;
            }
            break;
        case Purpose::cd:
            entry.kind = ShadowKind::cd;
            if (cd::V.test(entry.words) && !cd::EPD0.test(entry.words)) {
                entry.target = cd::TTB0.address(entry.words);
                entry.target_bytes = 64;
            }
            break;
        default: {
            if (access.purpose < Purpose::s1_level0 || access.purpose > Purpose::s2_level3) return;
            // A descriptor that faults is not cached.
            if (!pte::VALID.test(entry.words[0])) return;
            const bool first = access.purpose <= Purpose::s1_level3;
            CachedTranslation& tag = entry.translation;
            entry.stage = first ? 1 : 2;
            const auto base = first ? Purpose::s1_level0 : Purpose::s2_level0;
            tag.level = static_cast<std::uint8_t>(static_cast<unsigned>(access.purpose) - static_cast<unsigned>(base));
            if (first) {
                space_of_[config.stream] = config.space;
                learn_root(config, access.input, reader.sid);
            }
            const Stage1Half& half = config.stage1.half[select_half(config.stage1, access.input) & 1];
            const Granule granule = first ? half.granule : config.ste.stage2.granule;
            const unsigned root = first ? start_level(granule, 64U - half.tsz) : config.ste.stage2.start_level;
            // Level -1 is read as level 0: of such tables neither is watched.
            if (root == kLevelMinus1 && tag.level == 0) return;
            entry.form = first ? half.form : config.ste.stage2.form;
            tag.granule = static_cast<std::uint8_t>(page_bits(granule));
            tag.log2_bytes = static_cast<std::uint8_t>(level_shift(granule, tag.level));
            tag.va = access.input & low_mask(56) & ~low_mask(tag.log2_bytes);
            tag.stream = config.stream;
            const bool table = is_table(entry.words[0], tag.level);
            entry.kind = table ? ShadowKind::table : ShadowKind::leaf;
            entry.target_bytes = table ? page_bytes(granule) : std::uint64_t{1} << tag.log2_bytes;
            entry.target = output_of(entry.words[0], table ? page_bits(granule) : tag.log2_bytes, entry.form);
            if (first) {
                tag.space = config.space;
                tag.global = !table && (config.stage1.single_privilege || !pte::nG.test(entry.words[0]));
                break;
            }
            tag.space = space_tag::make(Regime::ns_stage2, config.ste.vmid, 0, false);
            if (!config.s1) {
                space_of_[config.stream] = tag.space;
                break;
            }
            // A cache of both stages together keeps this as a part of the stage 1 entry.
            ShadowEntry both = entry;
            both.combined = true;
            both.translation.space = config.space;
            both.translation.va = reader.address & low_mask(56) & ~low_mask(tag.log2_bytes);
            add(std::move(both));
            break;
        }
    }
    add(std::move(entry));
}

void Shadow::add(ShadowEntry entry) {
    std::vector<Id>& line = by_line_[entry.address >> kLineBits];
    for (const Id id : line) {
        ShadowEntry& known = entries_[id];
        const bool same =
            known.address == entry.address && known.kind == entry.kind && known.combined == entry.combined &&
            known.endpoint == entry.endpoint && known.words == entry.words &&
            known.translation.space == entry.translation.space && known.translation.va == entry.translation.va &&
            ((!entry.config() && !entry.endpoint) || (known.sid == entry.sid && known.ssid == entry.ssid));
        if (!same) continue;
        known.epoch = std::max(known.epoch, entry.epoch);
        if (entry.reader.length != 0) known.reader = entry.reader;
        return;
    }
    Id id = static_cast<Id>(entries_.size());
    if (free_.empty()) {
        entries_.emplace_back();
        live_.push_back(true);
    } else {
        id = free_.back();
        free_.pop_back();
        live_[id] = true;
    }
    line.push_back(id);
    if (entry.config()) {
        by_stream_[value(entry.sid)].push_back(id);
    } else {
        by_input_[entry.translation.space].add(entry.translation.log2_bytes, entry.translation.va, id);
    }
    if (entry.target_bytes != 0) by_target_.add(log2_ceil(entry.target_bytes), entry.target, id);
    // Software may have written since the read left memory.
    std::array<std::uint64_t, 8> now{};
    if (differs(entry, now)) {
        const auto write = writes_.find(entry.address >> kLineBits);
        entry.stale = true;
        entry.stale_since = write == writes_.end() ? entry.reader.time : write->second.time;
        entry.writer = write == writes_.end() ? 0 : write->second.writer;
    }
    entries_[id] = std::move(entry);
    ++counters_.entries;
    counters_.held_most = std::max(counters_.held_most, ++counters_.held);
}

void Shadow::remove(Id id) {
    const ShadowEntry& entry = entries_[id];
    const auto drop = [id](auto& lists, std::uint64_t key) {
        const auto at = lists.find(static_cast<typename std::decay_t<decltype(lists)>::key_type>(key));
        if (at == lists.end()) return;
        auto& ids = at->second;
        ids.erase(std::remove(ids.begin(), ids.end(), id), ids.end());
        if (ids.empty()) lists.erase(at);
    };
    drop(by_line_, entry.address >> kLineBits);
    if (entry.config()) {
        drop(by_stream_, value(entry.sid));
    } else {
        const auto space = by_input_.find(entry.translation.space);
        space->second.remove(entry.translation.log2_bytes, entry.translation.va, id);
        if (space->second.empty()) by_input_.erase(space);
    }
    if (entry.target_bytes != 0) by_target_.remove(log2_ceil(entry.target_bytes), entry.target, id);
    condemned_ -= entry.condemned ? 1 : 0;
    queued_ -= entry.queued ? 1 : 0;
    live_[id] = false;
    free_.push_back(id);
    --counters_.held;
}

bool Shadow::differs(const ShadowEntry& entry, std::array<std::uint64_t, 8>& now) {
    std::uint8_t bytes[64] = {};
    const std::uint32_t size = std::uint32_t{8} * entry.words_used;
    if (!memory_.read(PhysAddr{entry.address}, bytes, size)) return false;
    bool differ = false;
    for (unsigned i = 0; i < entry.words_used; ++i) {
        now[i] = load_le(bytes + 8 * i, 8);
        differ = differ || now[i] != entry.words[i];
    }
    return differ;
}

// Invalidations.

bool Shadow::covers(const Invalidation& invalidation, const ShadowEntry& entry) const {
    if (entry.endpoint) return invalidation.covers_endpoint(entry.translation);
    if (invalidation.target == Invalidation::Target::everything) return true;
    if (entry.config()) {
        if (!invalidation.is_config()) return false;
        switch (entry.kind) {
            case ShadowKind::ste_l1:
                if (is(invalidation, Opcode::CFGI_STE)) {
                    // One descriptor leads to the STEs of many streams; LEAF leaves it.
                    const unsigned split = effective_split(strtab_cfg_);
                    return !invalidation.leaf && (value(sid_of(invalidation)) >> split) == (value(entry.sid) >> split);
                }
                return is(invalidation, Opcode::CFGI_STE_RANGE) && invalidation.covers_stream(config_tag(entry.sid, 0));
            case ShadowKind::ste:
                return (is(invalidation, Opcode::CFGI_STE) || is(invalidation, Opcode::CFGI_STE_RANGE)) &&
                       invalidation.covers_stream(config_tag(entry.sid, 0));
            case ShadowKind::cd_l1:
                if (is(invalidation, Opcode::CFGI_CD)) {
                    return !invalidation.leaf && sid_of(invalidation) == entry.sid &&
                           (ssid_of(invalidation) >> entry.ssid_shift) == (entry.ssid >> entry.ssid_shift);
                }
                return invalidation.covers_stream(config_tag(entry.sid, entry.ssid));
            default:
                return invalidation.covers_stream(config_tag(entry.sid, entry.ssid));
        }
    }
    if (!invalidation.is_tlb()) return false;
    if (entry.kind == ShadowKind::leaf) return invalidation.covers(entry.translation);
    // A table: not by LEAF; with a level hint, only above that level.
    if (!invalidation.covers_space(entry.translation.space, false)) return false;
    if (!invalidation.by_address) return true;
    if (invalidation.leaf) return false;
    if (invalidation.granule != 0) {
        if (invalidation.granule != entry.translation.granule) return false;
        if (invalidation.level != 0 && entry.translation.level >= invalidation.level) return false;
    }
    const std::uint64_t low = entry.translation.va;
    const std::uint64_t from = invalidation.first & low_mask(56);
    return low <= from + (invalidation.last - invalidation.first) &&
           from <= low + low_mask(entry.translation.log2_bytes);
}

void Shadow::invalidate(const Invalidation& invalidation, std::uint32_t epoch, SimTime now, std::uint32_t queue) {
    if (!invalidation.is_endpoint()) ++counters_.commands;
    epoch_ = epoch;
    pending_.push_back({invalidation, epoch, now, true, false, queue});
    // What was published first is executed first; of enhanced queues it is not looked at what software publishes.
    for (Given& given : given_) {
        if (given.executed || queue != 0) continue;
        given.executed = true;
        return;
    }
    given_.push_back(pending_.back());
    if (given_.size() > kMaxGiven) given_.pop_front();
}

/// CMDQ_PROD was written: what software has put into the queue since.
void Shadow::published(std::uint32_t prod, SimTime now) {
    if (cmdq_.base == 0) return;
    const std::uint32_t entries = cmdq_.index(~0U) + 1;
    for (std::uint32_t i = 0; i < entries && ((cmdq_.prod ^ prod) & cmdq_.mask()) != 0; ++i) {
        const std::uint64_t at = cmdq_.address(cmdq_.prod, kCommandBytes);
        const CommandWords words{load(at), load(at + 8)};
        cmdq_.prod = cmdq_.next(cmdq_.prod);
        const auto invalidation = decode_invalidation(words, features_, cr0_, cr2_);
        if (!invalidation) continue;
        // While the SMMU is off these are consumed without effect.
        if (invalidation->is_endpoint() && !cr0::SMMUEN.test(cr0_)) continue;
        given_.push_back({*invalidation, 0, now, false, false, 0});
        if (given_.size() > kMaxGiven) given_.pop_front();
    }
}

/// A SYNC speaks for the commands of its own queue.
void Shadow::sync_completed(std::uint32_t queue) {
    ++counters_.syncs;
    const auto others = std::stable_partition(pending_.begin(), pending_.end(),
                                              [queue](const Given& given) { return given.queue == queue; });
    const std::vector<Given> done(pending_.begin(), others);
    pending_.erase(pending_.begin(), others);
    for (const Given& given : done) apply(given);
    for (Given& given : given_) {
        if (given.queue == queue) given.synced = given.executed;
    }
}

void Shadow::answered(std::uint64_t space, std::uint32_t epoch, const ShadowAccess& reader) {
    const auto index = by_input_.find(space);
    if (index == by_input_.end()) return;
    std::vector<Id> found;
    const std::uint64_t first = reader.address & low_mask(56);
    index->second.overlapping(first, first, found);
    for (const Id id : found) {
        if (entries_[id].kind != ShadowKind::leaf || entries_[id].endpoint) continue;
        ShadowEntry kept = entries_[id];
        kept.endpoint = true;
        kept.sid = reader.sid;
        kept.ssid = reader.ssid ? value(*reader.ssid) : 0;
        kept.translation.stream = stream_tag(reader.sid, reader.ssid);
        kept.epoch = epoch;
        kept.reader = reader;
        kept.stale = kept.queued = kept.condemned = false;
        kept.reported = 0;
        add(std::move(kept));
    }
}

void Shadow::apply(const Given& given) {
    const Invalidation& invalidation = given.invalidation;
    std::vector<Id> found;
    if (invalidation.is_config() || invalidation.target == Invalidation::Target::everything) {
        const bool single = is(invalidation, Opcode::CFGI_CD) || is(invalidation, Opcode::CFGI_CD_ALL) ||
                            (is(invalidation, Opcode::CFGI_STE) && invalidation.leaf);
        if (single) {
            const auto at = by_stream_.find(value(sid_of(invalidation)));
            if (at != by_stream_.end()) found = at->second;
        } else {
            for (const auto& [sid, ids] : by_stream_) found.insert(found.end(), ids.begin(), ids.end());
        }
    }
    if (!invalidation.is_config()) {
        for (const auto& [space, index] : by_input_) {
            const bool endpoints = invalidation.is_endpoint();
            // Global entries match any ASID: covers() decides.
            if (!endpoints && !invalidation.covers_space(space, true) && !invalidation.covers_space(space, false))
                continue;
            if (invalidation.by_address || endpoints) {
                const std::uint64_t first = invalidation.first & low_mask(56);
                index.overlapping(first, first + (invalidation.last - invalidation.first), found);
            } else {
                index.overlapping(0, ~std::uint64_t{0}, found);
            }
        }
    }
    for (const Id id : found) {
        if (live_[id] && entries_[id].epoch < given.epoch && covers(invalidation, entries_[id])) remove(id);
    }
}

// Writes.

void Shadow::memory_changes(PhysAddr at, std::uint64_t bytes, SimTime now) {
    if (bytes == 0) return;
    const std::uint64_t last = at.value + bytes - 1;
    read_ahead_stes(at.value, last, now);
    read_ahead_descriptors(at.value, last, now);
}

bool Shadow::needs_break(const ShadowEntry& entry, std::uint64_t next) const {
    const CachedTranslation& tag = entry.translation;
    const bool table = is_table(next, tag.level);
    if (table != (entry.kind == ShadowKind::table)) return features_.bbml < 2;
    const unsigned low = table ? tag.granule : tag.log2_bytes;
    if (output_of(next, low, entry.form) != entry.target) return true;
    if (table) return false;
    const std::uint64_t changed = next ^ entry.words[0];
    if (pte::CONT.test(changed) && features_.bbml == 0) return true;
    if (pte::SH.test(changed)) return true;
    if (entry.stage == 2) return pte::MemAttr.test(changed);
    return pte::AttrIndx.test(changed) || pte::nG.test(changed);
}

void Shadow::memory_written(PhysAddr at, std::uint64_t bytes, ShadowOrigin writer, SimTime now) {
    if (bytes == 0) return;
    ++counters_.writes;
    const std::uint64_t last = at.value + bytes - 1;
    for (std::uint64_t line = at.value >> kLineBits; line <= last >> kLineBits; ++line) writes_[line] = {writer, now};
    watch_stream_table(at.value, last);
    learn_stored(at.value, last);
    check_torn(at.value, last, writer, now);
    std::vector<Id> found;
    for (auto line = by_line_.lower_bound(at.value >> kLineBits);
         line != by_line_.end() && line->first <= last >> kLineBits; ++line) {
        found.insert(found.end(), line->second.begin(), line->second.end());
    }
    for (const Id id : found) {
        ShadowEntry& entry = entries_[id];
        if (entry.address > last || entry.address + std::uint64_t{8} * entry.words_used <= at.value) continue;
        std::array<std::uint64_t, 8> words{};
        if (!differs(entry, words)) {
            if (!entry.condemned) entry.stale = false;
            continue;
        }
        if (!entry.stale) {
            entry.stale = true;
            entry.stale_since = now;
            entry.writer = writer;
        }
        if (entry.config() || !pte::VALID.test(words[0]) || !needs_break(entry, words[0])) continue;
        constexpr auto kBit = static_cast<std::uint16_t>(1U << static_cast<unsigned>(ShadowRule::break_before_make));
        if ((entry.reported & kBit) != 0) continue;
        entry.reported |= kBit;
        if (one_more(ShadowRule::break_before_make, writer, writer, now)) continue;
        if (ShadowViolation* violation = report(ShadowRule::break_before_make, now)) {
            violation->writer = writer;
            violation->by = writer;
            violation->entry = entry;
            violation->written = words[0];
            violation->address = entry.address;
            violation->miss = why(entry, violation->nearest);
        }
    }
}

}  // namespace xlate::iommu::smmuv3
