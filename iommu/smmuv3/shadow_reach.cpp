// What the hardware can reach, and so may read ahead: entries of the stream table, and stage 1 tables from the root of
// a CD that has been read down to the leaves.
#include <algorithm>
#include <iterator>

#include "iommu/smmuv3/shadow.hpp"
#include "iommu/smmuv3/walk.hpp"

namespace xlate::iommu::smmuv3 {
namespace {

/// Calls `each` with the address of every descriptor of `tables` that has a byte in [first, last].
template <typename Tables, typename Each>
void each_descriptor(const Tables& tables, std::uint64_t first, std::uint64_t last, const Each& each) {
    auto table = tables.upper_bound(first);
    if (table != tables.begin()) --table;
    for (; table != tables.end() && table->first <= last; ++table) {
        const std::uint64_t from = std::max(first & ~low_mask(3), table->first);
        const std::uint64_t end = std::min(last + 1, table->first + table->second.bytes);
        for (std::uint64_t at = from; at < end; at += kDescriptorBytes) each(at);
    }
}

}  // namespace

bool Shadow::is_table(std::uint64_t descriptor, unsigned level) {
    return level < 3 && pte::TYPE.get(descriptor) == pte::TYPE_TABLE;
}

void Shadow::learn_root(const StreamConfig& config, std::uint64_t va, StreamId sid) {
    // Of nested tables the addresses are IPAs.
    if (config.ste.s2) return;
    const unsigned chosen = select_half(config.stage1, va);
    if (chosen > 1) return;
    const Stage1Half& half = config.stage1.half[chosen];
    const unsigned input_bits = 64U - half.tsz;
    const unsigned level = start_level(half.granule, input_bits);
    if (level == kLevelMinus1) return;  // see read()
    const std::uint64_t bytes = root_entries(half.granule, input_bits, level) * kDescriptorBytes;
    const std::uint64_t least = half.output_bits == 52 ? 64 : 16;
    const std::uint64_t at = align_down(half.ttb, bytes < least ? least : bytes);
    const auto known = tables_.find(at);
    if (known != tables_.end() && known->second.tag.space == config.space) return;
    Table root;
    root.bytes = bytes;
    root.sid = sid;
    root.form = half.form;
    root.tag.space = config.space;
    root.tag.stream = config.stream;
    root.tag.level = static_cast<std::uint8_t>(level);
    root.tag.granule = static_cast<std::uint8_t>(page_bits(half.granule));
    root.tag.log2_bytes = static_cast<std::uint8_t>(level_shift(half.granule, level));
    // Of the upper half all bits above the input are set.
    root.tag.va = chosen == 0 ? 0 : low_mask(56) & ~low_mask(input_bits);
    tables_[at] = root;
    learn_stored(at, at + bytes - 1);
}

void Shadow::learn_table(const ShadowEntry& from) {
    // Also if it is known by another address of the same space: no loop among tables makes one here.
    const auto known = tables_.find(from.target);
    if (known != tables_.end() && known->second.tag.space == from.translation.space) return;
    Table table;
    table.bytes = from.target_bytes;
    table.sid = from.sid;
    table.form = from.form;
    table.tag = from.translation;
    table.tag.level = static_cast<std::uint8_t>(from.translation.level + 1);
    const auto granule = static_cast<Granule>(from.translation.granule);
    table.tag.log2_bytes = static_cast<std::uint8_t>(level_shift(granule, table.tag.level));
    tables_[from.target] = table;
    learn_stored(from.target, from.target + table.bytes - 1);
}

/// The descriptor at `at` as an entry, if it lies in a table that is known and is valid.
bool Shadow::descriptor(std::uint64_t at, ShadowEntry& entry) {
    auto above = tables_.upper_bound(at);
    if (above == tables_.begin()) return false;
    --above;
    const Table& table = above->second;
    if (at - above->first >= table.bytes) return false;
    entry.words[0] = load(at);
    if (!pte::VALID.test(entry.words[0])) return false;
    CachedTranslation& tag = entry.translation;
    tag = table.tag;
    tag.va += ((at - above->first) / kDescriptorBytes) << tag.log2_bytes;
    entry.address = at;
    entry.sid = table.sid;
    const bool leads_on = is_table(entry.words[0], tag.level);
    entry.kind = leads_on ? ShadowKind::table : ShadowKind::leaf;
    entry.target_bytes = std::uint64_t{1} << (leads_on ? tag.granule : tag.log2_bytes);
    entry.form = table.form;
    entry.target = output_of(entry.words[0], leads_on ? tag.granule : tag.log2_bytes, entry.form);
    tag.global = !leads_on && !pte::nG.test(entry.words[0]);
    entry.epoch = epoch_;
    entry.reader.sid = table.sid;
    entry.reader.length = 0;
    return true;
}

/// Tables behind the descriptors that stand in [first, last] now.
void Shadow::learn_stored(std::uint64_t first, std::uint64_t last) {
    std::vector<ShadowEntry> found;
    each_descriptor(tables_, first, last, [&](std::uint64_t at) {
        ShadowEntry entry;
        if (descriptor(at, entry) && entry.kind == ShadowKind::table) found.push_back(entry);
    });
    // Each of these may add to the tables. Their depth is that of a walk.
    for (const ShadowEntry& entry : found) learn_table(entry);
}

void Shadow::read_ahead_descriptors(std::uint64_t first, std::uint64_t last, SimTime now) {
    each_descriptor(tables_, first, last, [&](std::uint64_t at) {
        ShadowEntry entry;
        if (!descriptor(at, entry)) return;
        entry.reader.time = now;
        add(std::move(entry));
    });
}

void Shadow::read_ahead_stes(std::uint64_t first, std::uint64_t last, SimTime now) {
    if (!cr0::SMMUEN.test(cr0_)) return;
    auto table = ste_tables_.upper_bound(first);
    if (table != ste_tables_.begin()) --table;
    for (; table != ste_tables_.end() && table->first <= last; ++table) {
        const std::uint64_t from = std::max(align_down(first, kSteBytes), table->first);
        for (std::uint64_t at = from; at <= last && at <= table->second.last; at += kSteBytes) {
            ShadowEntry entry;
            entry.kind = ShadowKind::ste;
            entry.words_used = 8;
            entry.address = at;
            for (unsigned i = 0; i < 8; ++i) entry.words[i] = load(at + 8 * i);
            entry.sid = StreamId{table->second.sid + static_cast<std::uint32_t>((at - table->first) / kSteBytes)};
            if (ste::V.test(entry.words) && (ste::Config.get(entry.words) & 5U) == 5U) {
                entry.target = ste::S1ContextPtr.address(entry.words);
                entry.target_bytes = kCdBytes;
            }
            entry.epoch = epoch_;
            entry.reader.sid = entry.sid;
            entry.reader.length = 0;
            entry.reader.time = now;
            add(std::move(entry));
        }
    }
}

}  // namespace xlate::iommu::smmuv3
