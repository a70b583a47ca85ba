#include "kernel-model/pgtable/io_pgtable.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "kernel-model/core/errno.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace pte = iommu::smmuv3::pte;

namespace {

constexpr unsigned kLastLevel = 3;
// Indices into the MAIR that registers() reports.
constexpr std::uint64_t kAttrNonCacheable = 0, kAttrWriteBack = 1, kAttrDevice = 2;
// 0x44 non-cacheable, 0xff write-back, 0x04 device nGnRE, 0xf4 inner non-cacheable outer write-back.
constexpr std::uint64_t kMair = 0xF404FF44;

std::uint64_t oas_code(unsigned bits) {
    for (std::uint64_t code = 0; code < 6; ++code) {
        if (smmu::address_bits(code) >= bits) return code;
    }
    return 6;
}

}  // namespace

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

std::uint64_t restrict_pgsizes(std::uint64_t bitmap, std::uint64_t cpu_page_bytes) {
    std::uint64_t granule = 0;
    if ((bitmap & cpu_page_bytes) != 0) {
        granule = cpu_page_bytes;
    } else if (const std::uint64_t smaller = bitmap & (cpu_page_bytes - 1); smaller != 0) {
        granule = std::uint64_t{1} << log2_floor(smaller);
    } else if (const std::uint64_t larger = bitmap & ~(cpu_page_bytes - 1); larger != 0) {
        granule = larger & (~larger + 1);
    }
    constexpr std::uint64_t k1 = 1;
    switch (granule) {
        case 4096:
            return bitmap & (k1 << 12 | k1 << 21 | k1 << 30);
        case 16384:
            return bitmap & (k1 << 14 | k1 << 25);
        case 65536:
            return bitmap & (k1 << 16 | k1 << 29);
        default:
            return 0;
    }
}

IoPgtable::IoPgtable(const IoPgtableConfig& config, TableMemory& memory, TlbFlush& flush)
    : config_(config), memory_(memory), flush_(flush) {
    config_.pgsize_bitmap = restrict_pgsizes(config.pgsize_bitmap, config.cpu_page_bytes);
}

int IoPgtable::init() {
    if (config_.pgsize_bitmap == 0 || config_.ias > 52 || config_.oas > 52) return -kEINVAL;
    const std::uint64_t smallest = config_.pgsize_bitmap & (~config_.pgsize_bitmap + 1);
    granule_ = static_cast<smmu::Granule>(log2_floor(smallest));
    if (config_.ias > 48 && granule_ != smmu::Granule::k64) config_.ias = 48;
    start_level_ = smmu::start_level(granule_, config_.ias);
    const std::uint64_t bytes = std::max<std::uint64_t>(entries_of(start_level_) * smmu::kDescriptorBytes, 64);
    const auto root = memory_.alloc_table(bytes);
    if (!root) return -kENOMEM;
    root_ = root->value;
    tables_[root_] = Table(entries_of(start_level_), 0);
    return 0;
}

unsigned IoPgtable::index_of(std::uint64_t iova, unsigned level) const {
    return static_cast<unsigned>((iova >> smmu::level_shift(granule_, level)) & (entries_of(level) - 1));
}

std::uint64_t IoPgtable::entries_of(unsigned level) const {
    if (level == start_level_) return smmu::root_entries(granule_, config_.ias, level);
    return std::uint64_t{1} << smmu::stride(granule_);
}

std::uint64_t IoPgtable::block_bytes(unsigned level) const {
    return std::uint64_t{1} << smmu::level_shift(granule_, level);
}

bool IoPgtable::is_leaf(std::uint64_t descriptor, unsigned level) const {
    return level == kLastLevel || pte::TYPE.get(descriptor) == pte::TYPE_BLOCK;
}

// Access flag set and not global always; unprivileged unless asked otherwise. A cacheable page is inner shareable.
std::uint64_t IoPgtable::leaf(PhysAddr paddr, const PageProt& prot, unsigned level) const {
    std::uint64_t word = paddr.value;
    if (granule_ == smmu::Granule::k64) word = keep(paddr.value, 47, 16) | ((paddr.value >> 48) & 0xF) << 12;
    word |= pte::TYPE.of(level == kLastLevel ? pte::TYPE_PAGE : pte::TYPE_BLOCK);
    word |= pte::nG.of(1) | pte::AF.of(1);
    if (!prot.write) word |= pte::AP2.of(1);
    if (!prot.privileged) word |= pte::AP1.of(1);
    if (prot.device_memory) {
        word |= pte::AttrIndx.of(kAttrDevice);
    } else {
        word |= pte::AttrIndx.of(prot.cacheable ? kAttrWriteBack : kAttrNonCacheable);
    }
    word |= pte::SH.of(prot.cacheable ? pte::SH_ISH : pte::SH_OSH);
    if (prot.no_execute) word |= pte::PXN.of(1) | pte::UXN.of(1);
    return word;
}

int IoPgtable::map(Iova iova, PhysAddr paddr, std::uint64_t size, const PageProt& prot) {
    const std::uint64_t smallest = smmu::page_bytes(granule_);
    if (((iova.value | paddr.value | size) & (smallest - 1)) != 0 || size == 0) return -kEINVAL;
    if ((iova.value + size - 1) >> config_.ias != 0 || (paddr.value + size - 1) >> config_.oas != 0) return -kERANGE;
    if (iova.value + size < size) return -kERANGE;
    if (!prot.read && !prot.write) return 0;
    std::uint64_t done = 0;
    int err = 0;
    while (done < size && err == 0) {
        const PageRun run = iommu_pgsize(config_.pgsize_bitmap, iova.value + done, paddr.value + done, size - done);
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

// Fills the entries of one table at a time; each fill is one store to memory.
int IoPgtable::map_pages(std::uint64_t iova, std::uint64_t paddr, std::uint64_t pgsize, std::uint64_t count,
                         const PageProt& prot, std::uint64_t& mapped) {
    while (count > 0) {
        unsigned level = start_level_;
        std::uint64_t table = root_;
        while (block_bytes(level) != pgsize) {
            XLATE_CHECK(level < kLastLevel, fmt::format("page size {:#x}", pgsize));
            if (const int err = next_table(table, index_of(iova, level), level, table); err != 0) return err;
            ++level;
        }
        const unsigned first = index_of(iova, level);
        const auto number = static_cast<unsigned>(std::min<std::uint64_t>(count, entries_of(level) - first));
        std::vector<std::uint64_t> words;
        words.reserve(number);
        int err = 0;
        for (unsigned i = 0; i < number && err == 0; ++i) {
            err = make_room(table, first + i, level, iova + i * pgsize);
            if (err != 0) break;
            words.push_back(leaf(PhysAddr{paddr + i * pgsize}, prot, level));
            tables_.at(table)[first + i] = words.back();
        }
        if (!words.empty()) {
            memory_.write_words(PhysAddr{table + std::uint64_t{first} * smmu::kDescriptorBytes}, words.data(),
                                words.size());
        }
        mapped += words.size() * pgsize;
        if (err != 0) return err;
        iova += number * pgsize;
        paddr += number * pgsize;
        count -= number;
    }
    return 0;
}

// An entry that is to become a leaf. A table that smaller pages have left behind, empty, is freed first.
int IoPgtable::make_room(std::uint64_t table, unsigned index, unsigned level, std::uint64_t iova) {
    const std::uint64_t descriptor = tables_.at(table)[index];
    if (descriptor == 0) return 0;
    if (is_leaf(descriptor, level)) return -kEEXIST;
    const std::uint64_t below =
        smmu::descriptor_address(descriptor, smmu::page_bits(granule_), granule_ == smmu::Granule::k64);
    if (!is_empty(below, level + 1)) return -kEEXIST;
    clear(table, index, 1);
    flush_.tlb_flush_walk(iova, block_bytes(level), smmu::page_bytes(granule_));
    free_subtree(below, level + 1);
    return 0;
}

bool IoPgtable::is_empty(std::uint64_t table, unsigned level) const {
    for (const std::uint64_t descriptor : tables_.at(table)) {
        if (descriptor == 0) continue;
        if (is_leaf(descriptor, level)) return false;
        const std::uint64_t below =
            smmu::descriptor_address(descriptor, smmu::page_bits(granule_), granule_ == smmu::Granule::k64);
        if (!is_empty(below, level + 1)) return false;
    }
    return true;
}

// The table below an entry, made if there is none. Two CPUs may find the entry empty at once: Linux settles it by a
// compare-and-swap, and the loser frees its page.
int IoPgtable::next_table(std::uint64_t table, unsigned index, unsigned level, std::uint64_t& next) {
    const std::uint64_t slot = table + std::uint64_t{index} * smmu::kDescriptorBytes;
    std::uint64_t descriptor = tables_.at(table)[index];
    if (descriptor == 0) {
        const std::uint64_t bytes = smmu::page_bytes(granule_);
        const auto page = memory_.alloc_table(bytes);
        if (!page) return -kENOMEM;
        descriptor = tables_.at(table)[index];
        if (descriptor != 0) {
            memory_.free_table(*page, bytes);
        } else {
            descriptor = page->value;
            if (granule_ == smmu::Granule::k64) {
                descriptor = keep(page->value, 47, 16) | ((page->value >> 48) & 0xF) << 12;
            }
            descriptor |= pte::TYPE.of(pte::TYPE_TABLE);
            tables_[page->value] = Table(entries_of(level + 1), 0);
            tables_.at(table)[index] = descriptor;
            publishing_.insert(slot);
            memory_.write_words(PhysAddr{slot}, &descriptor, 1);
            publishing_.erase(slot);
        }
    }
    while (publishing_.count(slot) != 0) memory_.relax();
    if (is_leaf(descriptor, level)) return -kEEXIST;
    next = smmu::descriptor_address(descriptor, smmu::page_bits(granule_), granule_ == smmu::Granule::k64);
    return 0;
}

std::uint64_t IoPgtable::unmap(Iova iova, std::uint64_t size, IotlbGather& gather) {
    const std::uint64_t smallest = smmu::page_bytes(granule_);
    if (((iova.value | size) & (smallest - 1)) != 0 || (iova.value + size - 1) >> config_.ias != 0) return 0;
    std::uint64_t done = 0;
    while (done < size) {
        const PageRun run = iommu_pgsize(config_.pgsize_bitmap, iova.value + done, iova.value + done, size - done);
        const std::uint64_t unmapped = unmap_pages(iova.value + done, run.pgsize, run.count, gather);
        if (unmapped == 0) break;
        done += unmapped;
    }
    return done;
}

// Entries of one table; the caller comes again for the next. A whole table under an entry of this size goes with its
// entry, after its walk cache entries are gone.
std::uint64_t IoPgtable::unmap_pages(std::uint64_t iova, std::uint64_t pgsize, std::uint64_t count,
                                     IotlbGather& gather) {
    unsigned level = start_level_;
    std::uint64_t table = root_;
    while (block_bytes(level) != pgsize) {
        const std::uint64_t descriptor = tables_.at(table)[index_of(iova, level)];
        if (descriptor == 0) return 0;
        if (is_leaf(descriptor, level)) return split_block(table, level, iova, pgsize, count, gather);
        table = smmu::descriptor_address(descriptor, smmu::page_bits(granule_), granule_ == smmu::Granule::k64);
        ++level;
    }
    const unsigned first = index_of(iova, level);
    const auto limit = static_cast<unsigned>(std::min<std::uint64_t>(count, entries_of(level) - first));
    // Runs of leaves are cleared by one store; a table in between ends the run.
    unsigned at = 0;
    while (at < limit) {
        const Table& entries = tables_.at(table);
        const std::uint64_t descriptor = entries[first + at];
        if (descriptor == 0) break;
        if (!is_leaf(descriptor, level)) {
            const std::uint64_t below =
                smmu::descriptor_address(descriptor, smmu::page_bits(granule_), granule_ == smmu::Granule::k64);
            clear(table, first + at, 1);
            flush_.tlb_flush_walk(iova + at * pgsize, pgsize, smmu::page_bytes(granule_));
            free_subtree(below, level + 1);
            ++at;
            continue;
        }
        unsigned run = 0;
        while (at + run < limit && entries[first + at + run] != 0 && is_leaf(entries[first + at + run], level)) ++run;
        clear(table, first + at, run);
        for (unsigned i = 0; i < run; ++i) gather_page(gather, iova + (at + i) * pgsize, pgsize);
        at += run;
    }
    return std::uint64_t{at} * pgsize;
}

// A part of a block goes: the block is replaced by a table of smaller pages that lacks that part.
std::uint64_t IoPgtable::split_block(std::uint64_t table, unsigned level, std::uint64_t iova, std::uint64_t pgsize,
                                     std::uint64_t count, IotlbGather& gather) {
    const unsigned index = index_of(iova, level);
    const std::uint64_t block = tables_.at(table)[index];
    const unsigned below = level + 1;
    const std::uint64_t step = block_bytes(below);
    const auto page = memory_.alloc_table(smmu::page_bytes(granule_));
    if (!page) return 0;
    const bool whole_steps = step == pgsize;
    const std::uint64_t base =
        smmu::descriptor_address(block, smmu::level_shift(granule_, level), granule_ == smmu::Granule::k64);
    const std::uint64_t attributes = block & ~(keep(~std::uint64_t{0}, 47, 12) | pte::TYPE.mask());
    const unsigned first = whole_steps ? index_of(iova, below) : 0;
    const auto number =
        whole_steps ? static_cast<unsigned>(std::min<std::uint64_t>(count, entries_of(below) - first)) : 0;
    Table entries(entries_of(below), 0);
    for (unsigned i = 0; i < entries.size(); ++i) {
        if (whole_steps && i >= first && i < first + number) continue;
        std::uint64_t address = base + i * step;
        if (granule_ == smmu::Granule::k64) address = keep(address, 47, 16) | ((address >> 48) & 0xF) << 12;
        entries[i] = address | attributes | pte::TYPE.of(below == kLastLevel ? pte::TYPE_PAGE : pte::TYPE_BLOCK);
    }
    memory_.write_words(*page, entries.data(), entries.size());
    tables_[page->value] = std::move(entries);
    std::uint64_t descriptor = page->value;
    if (granule_ == smmu::Granule::k64) descriptor = keep(page->value, 47, 16) | ((page->value >> 48) & 0xF) << 12;
    descriptor |= pte::TYPE.of(pte::TYPE_TABLE);
    tables_.at(table)[index] = descriptor;
    memory_.write_words(PhysAddr{table + std::uint64_t{index} * smmu::kDescriptorBytes}, &descriptor, 1);
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

void IoPgtable::clear(std::uint64_t table, unsigned index, unsigned count) {
    Table& entries = tables_.at(table);
    std::fill_n(entries.begin() + index, count, 0);
    const std::vector<std::uint64_t> zeros(count, 0);
    memory_.write_words(PhysAddr{table + std::uint64_t{index} * smmu::kDescriptorBytes}, zeros.data(), count);
}

void IoPgtable::free_subtree(std::uint64_t table, unsigned level) {
    const auto node = tables_.find(table);
    if (node == tables_.end()) return;
    const Table entries = std::move(node->second);
    tables_.erase(node);
    for (const std::uint64_t descriptor : entries) {
        if (descriptor == 0 || is_leaf(descriptor, level)) continue;
        free_subtree(smmu::descriptor_address(descriptor, smmu::page_bits(granule_), granule_ == smmu::Granule::k64),
                     level + 1);
    }
    const std::uint64_t bytes = entries.size() * smmu::kDescriptorBytes;
    memory_.free_table(PhysAddr{table}, std::max<std::uint64_t>(bytes, 64));
}

void IoPgtable::free_tables() {
    if (root_ == 0) return;
    free_subtree(root_, start_level_);
    root_ = 0;
}

std::optional<PhysAddr> IoPgtable::iova_to_phys(Iova iova) const {
    if (root_ == 0 || iova.value >> config_.ias != 0) return std::nullopt;
    std::uint64_t table = root_;
    for (unsigned level = start_level_; level <= kLastLevel; ++level) {
        const std::uint64_t descriptor = tables_.at(table)[index_of(iova.value, level)];
        if (descriptor == 0) return std::nullopt;
        const unsigned low =
            is_leaf(descriptor, level) ? smmu::level_shift(granule_, level) : smmu::page_bits(granule_);
        const std::uint64_t address = smmu::descriptor_address(descriptor, low, granule_ == smmu::Granule::k64);
        if (is_leaf(descriptor, level)) return PhysAddr{address | (iova.value & low_mask(low))};
        table = address;
    }
    return std::nullopt;
}

Stage1Registers IoPgtable::registers() const {
    Stage1Registers regs;
    regs.ttbr = root_;
    regs.mair = kMair;
    regs.t0sz = 64 - config_.ias;
    regs.tg0 = granule_ == smmu::Granule::k4    ? smmu::cd::TG0_4K
               : granule_ == smmu::Granule::k16 ? smmu::cd::TG0_16K
                                                : smmu::cd::TG0_64K;
    regs.ips = oas_code(config_.oas);
    regs.sh0 = config_.coherent_walk ? pte::SH_ISH : pte::SH_OSH;
    regs.ir0 = config_.coherent_walk ? 1 : 0;
    regs.or0 = config_.coherent_walk ? 1 : 0;
    return regs;
}

}  // namespace xlate::kernel
