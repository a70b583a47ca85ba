#include "kernel-model/pgtable/io_pgtable.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "kernel-model/core/errno.hpp"

namespace xlate::kernel {

PageRun iommu_pgsize(std::uint64_t pgsize_bitmap, std::uint64_t iova, std::uint64_t paddr, std::uint64_t size) {
    const std::uint64_t merged = iova | paddr;
    std::uint64_t fitting = 0;
    for (unsigned bit = 0; bit < 63; ++bit) {
        const std::uint64_t page = std::uint64_t{1} << bit;
        if ((pgsize_bitmap & page) != 0 && page <= size && (merged & (page - 1)) == 0) fitting = page;
    }
    if (fitting == 0) return {};
    // As many as there are before a larger page could begin, if one could.
    const std::uint64_t larger = pgsize_bitmap & ~low_mask(log2_floor(fitting) + 1);
    if (larger != 0) {
        const std::uint64_t next = larger & (~larger + 1);
        if (((iova ^ paddr) & (next - 1)) == 0) {
            const std::uint64_t to_boundary = next - (merged & (next - 1));
            if (to_boundary + next <= size) size = to_boundary;
        }
    }
    return {fitting, size / fitting};
}

std::uint64_t PgtableFormat::part(std::uint64_t /*word*/, unsigned level, std::uint64_t /*offset*/,
                                  unsigned /*part_level*/) const {
    XLATE_CHECK(false, fmt::format("a leaf of level {} has no parts", level));
    return 0;
}

IoPgtable::IoPgtable(std::unique_ptr<const PgtableFormat> format, TableMemory& memory, TlbFlush& flush)
    : format_(std::move(format)), memory_(memory), flush_(flush), first_level_(format_->row().first_level) {}

int IoPgtable::init() {
    if (row().pgsize_bitmap == 0) return -kEINVAL;
    const auto root = memory_.alloc_table(allocated_bytes(first_level_));
    if (!root) return -kENOMEM;
    root_ = root->value;
    const std::uint64_t unused = format_->unused(first_level_);
    tables_[root_] = Table(format_->entries(first_level_), unused);
    if (unused != 0) store(root_, tables_[root_]);
    return 0;
}

int IoPgtable::add_level() {
    XLATE_CHECK(row().grows && first_level_ > 0, "no level above the root");
    const auto page = memory_.alloc_table(std::max(format_->table_bytes(first_level_ - 1), row().root_alignment));
    if (!page) return -kENOMEM;
    --first_level_;
    Table entries(format_->entries(first_level_), format_->unused(first_level_));
    entries.front() = format_->table(PhysAddr{root_}, first_level_);
    store(page->value, {entries.front()});
    tables_[page->value] = std::move(entries);
    root_ = page->value;
    return 0;
}

unsigned IoPgtable::input_bits() const {
    return format_->shift(first_level_) + log2_floor(format_->entries(first_level_));
}

std::uint64_t IoPgtable::allocated_bytes(unsigned level) const {
    const std::uint64_t bytes = format_->table_bytes(level);
    return level == first_level_ ? std::max(bytes, row().root_alignment) : bytes;
}

unsigned IoPgtable::index_of(std::uint64_t iova, unsigned level) const {
    return static_cast<unsigned>((iova >> format_->shift(level)) & (format_->entries(level) - 1));
}

void IoPgtable::store(std::uint64_t at, const std::vector<std::uint64_t>& words) {
    memory_.store(PhysAddr{at}, words.data(), words.size(), row().descriptor_bytes);
}

int IoPgtable::map(Iova iova, PhysAddr paddr, std::uint64_t size, const PageProt& prot) {
    const std::uint64_t smallest = format_->smallest_page();
    if (((iova.value | paddr.value | size) & (smallest - 1)) != 0 || size == 0) return -kEINVAL;
    if ((iova.value + size - 1) >> row().ias != 0 || (paddr.value + size - 1) >> row().oas != 0) return -kERANGE;
    if (iova.value + size < size || beyond_root(iova.value + size - 1)) return -kERANGE;
    if (!prot.read && !prot.write) return 0;
    std::uint64_t done = 0;
    int err = 0;
    while (done < size && err == 0) {
        const PageRun run = iommu_pgsize(row().pgsize_bitmap, iova.value + done, paddr.value + done, size - done);
        std::uint64_t mapped = 0;
        err = map_pages(iova.value + done, paddr.value + done, run.pgsize, run.count, prot, mapped);
        done += mapped;
    }
    if (err != 0 && done > 0) {
        IotlbGather gather;
        unmap(iova, done, gather);
        if (gather.pgsize != 0) flush_.tlb_sync_gather(gather);
    }
    return err;
}

// Fills the entries of one table at a time; each fill is one store to memory. Pages larger than the entries of the
// level where they stand are groups of equal entries, which never leave their table.
int IoPgtable::map_pages(std::uint64_t iova, std::uint64_t paddr, std::uint64_t pgsize, std::uint64_t count,
                         const PageProt& prot, std::uint64_t& mapped) {
    while (count > 0) {
        Place place{root_, index_of(iova, first_level_), first_level_};
        while (entry_bytes(place.level) > pgsize) {
            XLATE_CHECK(place.level != row().last_level, fmt::format("page size {:#x}", pgsize));
            if (const int err = next_table(place, iova, place.table); err != 0) return err;
            place.index = index_of(iova, ++place.level);
        }
        const std::uint64_t bytes = entry_bytes(place.level);
        const auto group = static_cast<unsigned>(pgsize / bytes);
        const std::uint64_t left = format_->entries(place.level) - place.index;
        const auto pages = static_cast<unsigned>(std::min<std::uint64_t>(count, left / group));
        XLATE_CHECK(pages > 0, fmt::format("page of {:#x} at {:#x}", pgsize, iova));
        std::vector<std::uint64_t> words;
        words.reserve(std::size_t{pages} * group);
        int err = 0;
        for (unsigned page = 0; page < pages && err == 0; ++page) {
            // All of a group, or nothing of it.
            for (unsigned i = page * group; i < (page + 1) * group && err == 0; ++i) {
                err = make_room({place.table, place.index + i, place.level}, iova + i * bytes);
            }
            if (err != 0) break;
            words.resize(words.size() + group,
                         format_->leaf(PhysAddr{paddr + page * pgsize}, prot, place.level, pgsize));
            Table& entries = tables_.at(place.table);
            std::fill_n(entries.begin() + place.index + page * group, group, words.back());
        }
        if (!words.empty()) store(address(place), words);
        mapped += words.size() * bytes;
        if (err != 0) return err;
        iova += pages * pgsize;
        paddr += pages * pgsize;
        count -= pages;
    }
    return 0;
}

// An entry that is to become a leaf. A table that smaller pages have left behind, empty, is freed first.
int IoPgtable::make_room(const Place& place, std::uint64_t iova) {
    const std::uint64_t descriptor = word(place);
    if (!format_->present(descriptor)) return 0;
    if (format_->is_leaf(descriptor, place.level)) return row().already_mapped;
    const std::uint64_t below = format_->table_address(descriptor).value;
    if (!is_empty(below, place.level + 1)) return row().already_mapped;
    clear(place, 1);
    flush_.tlb_flush_walk(iova, entry_bytes(place.level), format_->smallest_page());
    free_subtree(below, place.level + 1);
    return 0;
}

bool IoPgtable::is_empty(std::uint64_t table, unsigned level) const {
    for (const std::uint64_t descriptor : tables_.at(table)) {
        if (!format_->present(descriptor)) continue;
        if (format_->is_leaf(descriptor, level)) return false;
        if (!is_empty(format_->table_address(descriptor).value, level + 1)) return false;
    }
    return true;
}

// The table below an entry, made if there is none. Two CPUs may find the entry empty at once: Linux settles it by a
// compare-and-swap, and the loser frees its page.
int IoPgtable::next_table(const Place& place, std::uint64_t iova, std::uint64_t& next) {
    const std::uint64_t slot = address(place);
    std::uint64_t descriptor = word(place);
    if (!format_->present(descriptor)) {
        const std::uint64_t bytes = allocated_bytes(place.level + 1);
        const auto page = memory_.alloc_table(bytes);
        if (!page) return -kENOMEM;
        descriptor = word(place);
        if (format_->present(descriptor)) {
            memory_.free_table(*page, bytes);
        } else {
            descriptor = format_->table(*page, place.level);
            tables_[page->value] = Table(format_->entries(place.level + 1), 0);
            tables_.at(place.table)[place.index] = descriptor;
            publishing_.insert(slot);
            store(slot, {descriptor});
            publishing_.erase(slot);
            flush_.table_linked(iova);
        }
    }
    while (publishing_.count(slot) != 0) memory_.relax();
    if (format_->is_leaf(descriptor, place.level)) return row().already_mapped;
    next = format_->table_address(descriptor).value;
    return 0;
}

std::uint64_t IoPgtable::unmap(Iova iova, std::uint64_t size, IotlbGather& gather) {
    const std::uint64_t smallest = format_->smallest_page();
    if (((iova.value | size) & (smallest - 1)) != 0 || (iova.value + size - 1) >> row().ias != 0) return 0;
    if (beyond_root(iova.value + size - 1)) return 0;
    std::uint64_t done = 0;
    while (done < size) {
        const PageRun run = iommu_pgsize(row().pgsize_bitmap, iova.value + done, iova.value + done, size - done);
        const std::uint64_t unmapped = unmap_pages(iova.value + done, run.pgsize, run.count, gather);
        if (unmapped == 0) break;
        done += unmapped;
    }
    return done;
}

// Entries of one table; the caller comes again for the next.
std::uint64_t IoPgtable::unmap_pages(std::uint64_t iova, std::uint64_t pgsize, std::uint64_t count,
                                     IotlbGather& gather) {
    Place place{root_, index_of(iova, first_level_), first_level_};
    while (entry_bytes(place.level) > pgsize) {
        const std::uint64_t descriptor = word(place);
        if (!format_->present(descriptor)) return 0;
        if (format_->is_leaf(descriptor, place.level)) return split_block(place, iova, pgsize, count, gather);
        place.table = format_->table_address(descriptor).value;
        place.index = index_of(iova, ++place.level);
    }
    const std::uint64_t wanted = count * (pgsize / entry_bytes(place.level));
    const auto limit =
        static_cast<unsigned>(std::min<std::uint64_t>(wanted, format_->entries(place.level) - place.index));
    return unmap_entries(place, limit, iova, gather);
}

// Runs of leaves are cleared by one store; a table in between ends the run. A whole table under an entry of this size
// goes with its entry, after its walk cache entries are gone.
std::uint64_t IoPgtable::unmap_entries(const Place& first, unsigned limit, std::uint64_t iova, IotlbGather& gather) {
    const std::uint64_t bytes = entry_bytes(first.level);
    const auto entry = [&](unsigned at) { return Place{first.table, first.index + at, first.level}; };
    const auto leaf_at = [&](unsigned at) {
        return format_->present(word(entry(at))) && format_->is_leaf(word(entry(at)), first.level);
    };
    unsigned at = 0;
    while (at < limit) {
        const std::uint64_t descriptor = word(entry(at));
        if (!format_->present(descriptor)) break;
        if (!format_->is_leaf(descriptor, first.level)) {
            clear(entry(at), 1);
            flush_.tlb_flush_walk(iova + at * bytes, bytes, format_->smallest_page());
            free_subtree(format_->table_address(descriptor).value, first.level + 1);
            ++at;
            continue;
        }
        // A group of which only a part goes becomes single entries first.
        const auto group = static_cast<unsigned>(format_->leaf_bytes(descriptor, first.level) / bytes);
        if (group > 1 && ((first.index + at) % group != 0 || at + group > limit)) split_group(entry(at));
        unsigned run = 0;
        while (at + run < limit && leaf_at(at + run)) {
            const auto next = static_cast<unsigned>(format_->leaf_bytes(word(entry(at + run)), first.level) / bytes);
            if (at + run + next > limit) break;
            run += next;
        }
        clear(entry(at), run);
        for (unsigned i = 0; i < run; ++i) gather_page(gather, iova + (at + i) * bytes, bytes);
        at += run;
    }
    return std::uint64_t{at} * bytes;
}

// The group that an entry belongs to, in one store.
void IoPgtable::split_group(const Place& place) {
    const std::uint64_t descriptor = word(place);
    const std::uint64_t bytes = entry_bytes(place.level);
    const auto group = static_cast<unsigned>(format_->leaf_bytes(descriptor, place.level) / bytes);
    const Place first{place.table, place.index / group * group, place.level};
    std::vector<std::uint64_t> words;
    for (unsigned i = 0; i < group; ++i) {
        words.push_back(format_->part(descriptor, place.level, i * bytes, place.level));
        tables_.at(first.table)[first.index + i] = words.back();
    }
    store(address(first), words);
}

// A part of a block goes: the block is replaced by a table of smaller pages that lacks that part.
std::uint64_t IoPgtable::split_block(const Place& place, std::uint64_t iova, std::uint64_t pgsize, std::uint64_t count,
                                     IotlbGather& gather) {
    const std::uint64_t block = word(place);
    const unsigned below = place.level + 1;
    const std::uint64_t step = entry_bytes(below);
    const auto page = memory_.alloc_table(allocated_bytes(below));
    if (!page) return 0;
    const bool whole_steps = step == pgsize;
    const unsigned first = whole_steps ? index_of(iova, below) : 0;
    const auto number =
        whole_steps ? static_cast<unsigned>(std::min<std::uint64_t>(count, format_->entries(below) - first)) : 0;
    const std::uint64_t offset_mask = format_->leaf_bytes(block, place.level) - 1;
    const std::uint64_t start = align_down(iova, entry_bytes(place.level)) & offset_mask;
    Table entries(format_->entries(below), 0);
    for (unsigned i = 0; i < entries.size(); ++i) {
        if (whole_steps && i >= first && i < first + number) continue;
        entries[i] = format_->part(block, place.level, start + i * step, below);
    }
    store(page->value, entries);
    tables_[page->value] = std::move(entries);
    const std::uint64_t descriptor = format_->table(*page, place.level);
    tables_.at(place.table)[place.index] = descriptor;
    store(address(place), {descriptor});
    if (!whole_steps) return unmap_pages(iova, pgsize, count, gather);
    for (unsigned i = 0; i < number; ++i) gather_page(gather, iova + i * pgsize, pgsize);
    return std::uint64_t{number} * pgsize;
}

// One gather holds one contiguous range of one page size; anything else is flushed first.
void IoPgtable::gather_page(IotlbGather& gather, std::uint64_t iova, std::uint64_t size) {
    if (gather.queued) return;
    const std::uint64_t last = iova + size - 1;
    if (gather.pgsize != 0) {
        const bool disjoint = iova > gather.end + 1 || last + 1 < gather.start;
        if (gather.pgsize != size || disjoint) {
            flush_.tlb_sync_gather(gather);
            gather = IotlbGather{};
        }
    }
    gather.pgsize = size;
    gather.start = std::min(gather.start, iova);
    gather.end = std::max(gather.end, last);
}

void IoPgtable::clear(const Place& first, unsigned count) {
    Table& entries = tables_.at(first.table);
    std::vector<std::uint64_t> words;
    words.reserve(count);
    for (unsigned i = 0; i < count; ++i) {
        words.push_back(format_->cleared_at(entries[first.index + i], first.level));
        entries[first.index + i] = words.back();
    }
    store(address(first), words);
}

void IoPgtable::free_subtree(std::uint64_t table, unsigned level) {
    const auto node = tables_.find(table);
    if (node == tables_.end()) return;
    const Table entries = std::move(node->second);
    tables_.erase(node);
    for (const std::uint64_t descriptor : entries) {
        if (!format_->present(descriptor) || format_->is_leaf(descriptor, level)) continue;
        free_subtree(format_->table_address(descriptor).value, level + 1);
    }
    memory_.free_table(PhysAddr{table}, allocated_bytes(level));
}

void IoPgtable::free_tables() {
    if (root_ == 0) return;
    free_subtree(root_, first_level_);
    root_ = 0;
}

// A leaf, or an entry that holds nothing.
IoPgtable::Place IoPgtable::last_place(std::uint64_t iova) const {
    Place place{root_, 0, first_level_};
    for (;; ++place.level) {
        place.index = index_of(iova, place.level);
        const std::uint64_t descriptor = word(place);
        if (!format_->present(descriptor) || format_->is_leaf(descriptor, place.level)) return place;
        place.table = format_->table_address(descriptor).value;
    }
}

IoPgtable::End IoPgtable::end_of_walk(Iova iova) const {
    if (beyond_root(iova.value)) return {};
    const Place place = last_place(iova.value);
    const bool mapped = format_->present(word(place));
    return {mapped ? format_->leaf_bytes(word(place), place.level) : entry_bytes(place.level), mapped, place.level};
}

std::optional<PhysAddr> IoPgtable::iova_to_phys(Iova iova) const {
    if (root_ == 0 || iova.value >> row().ias != 0 || beyond_root(iova.value)) return std::nullopt;
    const Place place = last_place(iova.value);
    const std::uint64_t descriptor = word(place);
    if (!format_->present(descriptor)) return std::nullopt;
    const std::uint64_t offset = iova.value & (format_->leaf_bytes(descriptor, place.level) - 1);
    return PhysAddr{format_->leaf_address(descriptor, place.level).value | offset};
}

}  // namespace xlate::kernel
