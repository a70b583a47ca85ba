#include "iommu/shadow/table_shadow.hpp"

#include <algorithm>

namespace xlate::iommu {

namespace {

constexpr std::size_t kMaxGiven = 256;

constexpr std::uint16_t bit_of(ShadowRule rule) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(rule));
}

bool covers(const Invalidation& invalidation, const TableEntry& entry) {
    if (entry.endpoint) return invalidation.is_endpoint() && invalidation.covers_endpoint(entry.tag);
    if (invalidation.is_endpoint()) return false;
    if (entry.says.leaf) return invalidation.covers(entry.tag);
    return invalidation.covers_table(entry.tag.space, entry.tag.va, entry.tag.log2_bytes, entry.tag.granule);
}

/// That software breaks by holding `entry` to be gone.
ShadowRule rule_of(const TableEntry& entry) {
    if (entry.covered) return ShadowRule::missing_sync;
    return entry.endpoint ? ShadowRule::missing_atc_inv : ShadowRule::missing_tlbi;
}

bool meets(std::uint64_t a, std::uint64_t a_bytes, std::uint64_t b, std::uint64_t b_bytes) {
    return a < b + b_bytes && b < a + a_bytes;
}

}  // namespace

std::uint64_t TableShadow::load(std::uint64_t address, AccessPurpose purpose) {
    std::uint8_t bytes[8] = {};
    memory_.read(PhysAddr{address}, bytes, words_.word_bytes());
    return by_software(purpose, load_le(bytes, words_.word_bytes()));
}

/// Input between two words of a table; a leaf that several words repeat maps more.
unsigned TableShadow::step(std::uint64_t space, AccessPurpose purpose) const {
    TableWord empty;
    return words_.decode_in(space, purpose, 0, empty) ? empty.log2_bytes : 0;
}

void TableShadow::add(std::uint64_t address, std::uint64_t word, AccessPurpose purpose, std::uint64_t input,
                      std::uint64_t space, std::uint32_t epoch, const ShadowAccess& reader) {
    TableEntry entry;
    if (!words_.decode_in(space, purpose, word, entry.says)) return;
    // The table that it stands in: what software overwrites there may have been read ahead.
    const unsigned shift = step(space, purpose);
    const std::uint64_t table_bytes = words_.table_bytes(space);
    const std::uint64_t base = align_down(address, table_bytes);
    const std::uint64_t index = (address - base) / words_.word_bytes();
    tables_[{base, space}] = {table_bytes, (input & ~low_mask(shift)) - (index << shift), purpose, {}};
    if (!entry.says.present) return;
    entry.address = address;
    entry.word = word;
    entry.purpose = purpose;
    entry.tag.space = space;
    entry.tag.va = input & ~low_mask(static_cast<unsigned>(shift));
    entry.tag.log2_bytes = entry.says.log2_bytes;
    entry.tag.leaf_log2_bytes = entry.says.log2_bytes;
    entry.tag.granule = entry.says.granule;
    entry.tag.global = entry.says.leaf && entry.says.global;
    entry.epoch = epoch;
    entry.reader = reader;
    // Of a walk that began before an invalidation: it ends, and what it found goes, with the drain behind that one.
    if (words_.needs_drain() && epoch < epoch_) {
        entry.covered = std::any_of(given_.begin(), given_.end(), [&](const Given& given) {
            return given.epoch > epoch && covers(given.invalidation, entry);
        });
    }
    TableEntry& held = entries_[{address, space}];
    if (held.covered && held.epoch < epoch) {
        after_drain_[{address, space}] = entry;
        return;
    }
    // What may be cached already stays what it is.
    if (held.says.present && (held.stale || held.word == word)) {
        held.epoch = std::max(held.epoch, epoch);
        if (reader.length != 0 && !held.stale) held.reader = reader;
        return;
    }
    held = entry;
    ++counters_.entries;
    ++counters_.held;
    counters_.held_most = std::max(counters_.held_most, counters_.held);
}

void TableShadow::read(const MemoryAccess& access, const Reply& reply, std::uint64_t space, std::uint32_t epoch,
                       const ShadowAccess& reader) {
    const std::uint64_t size = words_.word_bytes();
    if (reply.abort || access.kind != AccessKind::read || access.size % size != 0) return;
    ++counters_.reads;
    // An access of several words reads the neighbours of the one that maps `input`.
    const unsigned shift = step(space, access.purpose);
    if (shift == 0) return;
    const std::uint64_t in_table = words_.table_bytes(space) / size;
    const std::uint64_t wanted = (access.input >> shift) % in_table;
    const std::uint64_t first = access.address.value / size % in_table;
    for (std::uint64_t i = 0; i < access.size / size; ++i) {
        const std::uint64_t input = access.size == size ? access.input : access.input + ((first + i - wanted) << shift);
        const std::uint64_t word = load_le(reply.data.data() + i * size, words_.word_bytes());
        add(access.address.value + i * size, by_software(access.purpose, word), access.purpose, input, space, epoch,
            reader);
    }
}

template <typename Entries>
typename Entries::iterator TableShadow::drop(Entries& entries, typename Entries::iterator at) {
    if (words_.needs_drain()) {
        at->second.covered = true;
        return std::next(at);
    }
    if (at->second.condemned) --condemned_;
    --counters_.held;
    return entries.erase(at);
}

template <typename Each>
void TableShadow::each_of(std::uint64_t space, Each each) {
    for (auto& [key, entry] : entries_) {
        if (key.second == space) each(entry);
    }
    for (auto& [key, entry] : answers_) {
        if (key.first.second == space) each(entry);
    }
}

// The endpoint keeps the page of the leaf that its request was served by, walked or cached.
void TableShadow::answered(std::uint64_t space, const ShadowAccess& reader) {
    for (const auto* const kept : {&entries_, &after_drain_}) {
        for (const auto& [key, entry] : *kept) {
            if (key.second != space || !entry.says.leaf || entry.condemned) continue;
            if (!meets(reader.address, reader.length, entry.tag.va, std::uint64_t{1} << entry.tag.log2_bytes)) continue;
            TableEntry answer = entry;
            answer.endpoint = true;
            answer.covered = answer.queued = false;
            answer.reported = 0;
            answer.reader = reader;
            answer.tag.stream = stream_tag(reader.sid, reader.ssid);
            const auto [at, made] = answers_.insert({{key, answer.tag.stream}, answer});
            if (made) {
                ++counters_.entries;
                ++counters_.held;
            } else if (!at->second.stale) {
                at->second = answer;
            }
        }
    }
    counters_.held_most = std::max(counters_.held_most, counters_.held);
}

void TableShadow::invalidate(const Invalidation& invalidation, std::uint32_t epoch, SimTime now) {
    epoch_ = epoch;
    if (invalidation.is_endpoint()) {
        if (given_.size() >= kMaxGiven) given_.erase(given_.begin());
        given_.push_back({invalidation, now, epoch});
        for (auto at = answers_.begin(); at != answers_.end();)
            at = covers(invalidation, at->second) ? drop(answers_, at) : std::next(at);
        return;
    }
    if (!invalidation.is_tlb() && invalidation.target != Invalidation::Target::everything) return;
    if (!words_.drops_words(invalidation)) return;
    ++counters_.commands;
    if (given_.size() >= kMaxGiven) given_.erase(given_.begin());
    given_.push_back({invalidation, now, epoch});
    for (auto at = entries_.begin(); at != entries_.end();) {
        TableEntry& entry = at->second;
        at = entry.epoch >= epoch || !covers(invalidation, entry) ? std::next(at) : drop(entries_, at);
    }
    for (auto at = after_drain_.begin(); at != after_drain_.end();) {
        at = at->second.epoch < epoch && covers(invalidation, at->second) ? after_drain_.erase(at) : std::next(at);
    }
}

void TableShadow::drained() {
    ++counters_.syncs;
    for (auto at = entries_.begin(); at != entries_.end();) {
        if (!at->second.covered) {
            ++at;
            continue;
        }
        if (at->second.condemned) --condemned_;
        --counters_.held;
        at = entries_.erase(at);
    }
    for (auto at = answers_.begin(); at != answers_.end();) {
        if (!at->second.covered) {
            ++at;
            continue;
        }
        if (at->second.condemned) --condemned_;
        --counters_.held;
        at = answers_.erase(at);
    }
    for (auto& [key, entry] : after_drain_) {
        if (!entries_.emplace(key, entry).second) continue;
        ++counters_.held;
        // Memory may have changed since it was read.
        TableEntry& held = entries_.at(key);
        if (load(held.address, held.purpose) != held.word) {
            held.stale = true;
            held.stale_since = held.reader.time;
        }
    }
    counters_.held_most = std::max(counters_.held_most, counters_.held);
    after_drain_.clear();
}

void TableShadow::transaction(const ShadowAccess& access) {
    if (condemned_ == 0) return;
    const auto look = [&](TableEntry& entry) {
        const bool here = entry.condemned && entry.says.leaf &&
                          meets(access.address, access.length, entry.tag.va, std::uint64_t{1} << entry.tag.log2_bytes);
        if (!here || (entry.reported & bit_of(ShadowRule::use_after_unmap)) != 0) return;
        if (TableViolation* violation = report(entry, ShadowRule::use_after_unmap, 0, access.time))
            violation->use = access;
    };
    // What an endpoint has translated itself is served by its own cache, all else by the IOMMU's.
    if (access.translated) {
        for (auto& [key, entry] : answers_) {
            if (key.second == stream_tag(access.sid, access.ssid)) look(entry);
        }
        return;
    }
    const auto space = words_.space_of_stream(access.sid);
    for (auto& [key, entry] : entries_) {
        if (!space || *space == key.second) look(entry);
    }
}

void TableShadow::memory_changes(PhysAddr at, std::uint64_t bytes, SimTime now) {
    const std::uint64_t size = words_.word_bytes();
    for (auto table = tables_.begin(); table != tables_.end(); ++table) {
        const std::uint64_t base = table->first.first;
        if (!meets(at.value, bytes, base, table->second.bytes)) continue;
        const unsigned shift = step(table->first.second, table->second.purpose);
        const std::uint64_t first = std::max(base, align_down(at.value, size));
        const std::uint64_t end = std::min(base + table->second.bytes, at.value + bytes);
        for (std::uint64_t address = first; address < end; address += size) {
            if (entries_.count({address, table->first.second}) != 0) continue;
            TableWord says;
            const std::uint64_t word = load(address, table->second.purpose);
            if (!words_.decode_in(table->first.second, table->second.purpose, word, says) || !says.present) continue;
            ShadowAccess nobody;
            nobody.length = 0;
            nobody.time = now;
            const std::uint64_t input = table->second.va + ((address - base) / size << shift);
            add(address, word, table->second.purpose, input, table->first.second, epoch_, nobody);
        }
    }
}

void TableShadow::memory_written(PhysAddr at, std::uint64_t bytes, ShadowOrigin writer, SimTime now) {
    ++counters_.writes;
    const std::uint64_t size = words_.word_bytes();
    for (auto entry = entries_.lower_bound({at.value < size ? 0 : at.value - size + 1, 0});
         entry != entries_.end() && entry->first.first < at.value + bytes; ++entry) {
        TableEntry& held = entry->second;
        if (held.stale || load(held.address, held.purpose) == held.word) continue;
        held.stale = true;
        held.stale_since = now;
        held.writer = writer;
    }
    for (auto& [key, held] : answers_) {
        if (held.stale || !meets(held.address, size, at.value, bytes)) continue;
        if (load(held.address, held.purpose) == held.word) continue;
        held.stale = true;
        held.stale_since = now;
        held.writer = writer;
    }
}

Invalidation TableShadow::wanted(const TableEntry& entry) {
    Invalidation invalidation;
    invalidation.by_address = true;
    if (entry.endpoint) {
        invalidation.target = Invalidation::Target::endpoint;
        invalidation.stream = entry.tag.stream;
        invalidation.stream_mask = ~std::uint64_t{0};
    } else {
        invalidation.target = Invalidation::Target::translations;
        invalidation.space = entry.tag.space;
        invalidation.space_mask = ~std::uint64_t{0};
    }
    invalidation.first = entry.tag.va;
    invalidation.last = entry.tag.va + low_mask(entry.tag.log2_bytes);
    return invalidation;
}

/// The nearest of those that were given, and how it missed.
TableMiss TableShadow::why(const TableEntry& entry, std::optional<Invalidation>& nearest) const {
    TableMiss best = TableMiss::none_given;
    const auto better = [&](TableMiss miss, const Invalidation& invalidation) {
        // none_given < other_range < too_early < other_space, the last one of each
        constexpr int kRank[] = {0, 2, 3, 1};
        if (kRank[static_cast<std::size_t>(miss)] < kRank[static_cast<std::size_t>(best)]) return;
        best = miss;
        nearest = invalidation;
    };
    for (const Given& given : given_) {
        if (given.invalidation.is_endpoint() != entry.endpoint) continue;
        Invalidation elsewhere = given.invalidation;
        elsewhere.space_mask = 0;
        elsewhere.global_mask = elsewhere.stream_mask = 0;
        if (covers(given.invalidation, entry)) {
            better(TableMiss::too_early, given.invalidation);
        } else if (given.time >= entry.stale_since && covers(elsewhere, entry)) {
            better(TableMiss::other_space, given.invalidation);
        } else if (given.time >= entry.stale_since && (entry.endpoint ? given.invalidation.stream == entry.tag.stream
                                                                      : given.invalidation.space == entry.tag.space)) {
            better(TableMiss::other_range, given.invalidation);
        }
    }
    return best;
}

TableViolation* TableShadow::report(TableEntry& entry, ShadowRule rule, ShadowOrigin by, SimTime now) {
    entry.reported = static_cast<std::uint16_t>(entry.reported | bit_of(rule));
    // The same rule broken by the same step at the same time counts as one: an unmap of many pages.
    if (!violations_.empty()) {
        TableViolation& last = violations_.back();
        if (last.rule == rule && last.by == by && last.time == now && last.entry.writer == entry.writer) {
            ++last.also;
            return nullptr;
        }
    }
    ++counters_.violations[static_cast<std::size_t>(rule)];
    if (violations_.size() >= kMaxViolations) return nullptr;
    TableViolation& violation = violations_.emplace_back();
    violation.rule = rule;
    violation.time = now;
    violation.by = by;
    violation.entry = entry;
    violation.miss = why(entry, violation.nearest);
    return &violation;
}

void TableShadow::condemn(TableEntry& entry, ShadowRule rule, ShadowOrigin by, SimTime now) {
    if (!entry.condemned) ++condemned_;
    entry.condemned = true;
    if ((entry.reported & bit_of(rule)) == 0) report(entry, rule, by, now);
}

void TableShadow::unmapped(std::uint64_t space, std::uint64_t first, std::uint64_t bytes, ShadowOrigin by,
                           SimTime now) {
    ++counters_.claims;
    each_of(space, [&](TableEntry& entry) {
        if (!entry.stale || !meets(entry.tag.va, std::uint64_t{1} << entry.tag.log2_bytes, first, bytes)) return;
        condemn(entry, rule_of(entry), by, now);
    });
}

void TableShadow::unmap_queued(std::uint64_t space, std::uint64_t first, std::uint64_t bytes) {
    ++counters_.claims;
    each_of(space, [&](TableEntry& entry) {
        const bool here = meets(entry.tag.va, std::uint64_t{1} << entry.tag.log2_bytes, first, bytes);
        if (entry.stale && here) entry.queued = true;
    });
}

void TableShadow::flushed(std::uint64_t space, SimTime since, ShadowOrigin by, SimTime now) {
    ++counters_.claims;
    each_of(space, [&](TableEntry& entry) {
        if (entry.stale && since >= entry.stale_since) condemn(entry, rule_of(entry), by, now);
    });
}

void TableShadow::freed(PhysAddr at, std::uint64_t bytes, ShadowOrigin by, SimTime now) {
    ++counters_.claims;
    const auto look = [&](TableEntry& entry) {
        const bool target = meets(entry.says.target, entry.says.target_bytes, at.value, bytes);
        // An endpoint keeps no table.
        const bool itself = !entry.endpoint && meets(entry.address, words_.word_bytes(), at.value, bytes);
        if (!target && !itself) return;
        const ShadowRule rule = target && entry.says.leaf ? ShadowRule::page_outlived : ShadowRule::table_outlived;
        if ((entry.reported & bit_of(rule)) != 0) return;
        if (rule == ShadowRule::page_outlived && entry.queued && !itself) {
            ++counters_.lazy_frees;
            return;
        }
        if (TableViolation* violation = report(entry, rule, by, now)) {
            violation->address = at.value;
            violation->size = bytes;
        }
    };
    for (auto& [key, entry] : entries_) look(entry);
    for (auto& [key, entry] : answers_) look(entry);
    // What is allocated there next is no table of this domain's.
    for (auto table = tables_.begin(); table != tables_.end();) {
        table =
            meets(table->first.first, table->second.bytes, at.value, bytes) ? tables_.erase(table) : std::next(table);
    }
}

void TableShadow::end(SimTime now) {
    const auto look = [&](TableEntry& entry) {
        if (entry.stale && !entry.condemned && entry.reported == 0)
            report(entry, ShadowRule::never_invalidated, 0, now);
    };
    for (auto& [key, entry] : entries_) look(entry);
    for (auto& [key, entry] : answers_) look(entry);
}

}  // namespace xlate::iommu
