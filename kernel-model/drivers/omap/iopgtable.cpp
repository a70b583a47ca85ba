#include "kernel-model/drivers/omap/iopgtable.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/core/errno.hpp"

namespace xlate::kernel {

namespace om = iommu::omap;

namespace {

constexpr std::uint32_t kGroup = 16;  ///< equal words of a large page, of a supersection
constexpr std::uint64_t kDirectoryBytes = std::uint64_t{om::kDirectoryEntries} * om::kWordBytes;
constexpr std::uint64_t kTableBytes = std::uint64_t{om::kTableEntries} * om::kWordBytes;

bool is_table(std::uint32_t word) { return om::l1::TYPE.get(word) == om::l1::TYPE_TABLE; }

}  // namespace

int Iopgtable::init() {
    const auto directory = memory_.alloc_table(kDirectoryBytes);
    if (!directory) return -kENOMEM;
    iopgd_ = directory->value;
    directory_.assign(om::kDirectoryEntries, 0);
    return 0;
}

void Iopgtable::free_tables() {
    while (!tables_.empty()) iopte_free(tables_.begin()->first);
    if (iopgd_ != 0) memory_.free_table(PhysAddr{iopgd_}, kDirectoryBytes);
    iopgd_ = 0;
    directory_.clear();
}

void Iopgtable::iopte_free(std::uint64_t table) {
    tables_.erase(table);
    memory_.free_table(PhysAddr{table}, kTableBytes);
}

void Iopgtable::fill(std::uint64_t table, Words& words, std::uint32_t first, std::uint32_t count, std::uint32_t word) {
    std::fill_n(words.begin() + first, count, word);
    const std::vector<std::uint64_t> stored(count, word);
    memory_.store(PhysAddr{table + std::uint64_t{first} * om::kWordBytes}, stored.data(), stored.size(),
                  om::kWordBytes);
}

// The table is allocated without the lock: another CPU's may be there by then, and this one goes again.
int Iopgtable::iopte_alloc(std::uint32_t da, Words*& table) {
    const std::uint32_t index = om::directory_index(da);
    if (directory_[index] == 0) {
        const auto made = memory_.alloc_table(kTableBytes);
        if (directory_[index] != 0) {
            if (made) memory_.free_table(*made, kTableBytes);
        } else {
            if (!made) return -kENOMEM;
            tables_[made->value].assign(om::kTableEntries, 0);
            fill(iopgd_, directory_, index, 1, static_cast<std::uint32_t>(made->value) | om::l1::TYPE_TABLE);
        }
    }
    // Linux takes a section's word for a table's here; nothing of ours maps a page into one.
    if (!is_table(directory_[index])) return -kEINVAL;
    table = &tables_.at(om::l1::table(directory_[index]));
    return 0;
}

// All attributes of a word are 0: little-endian, elements of 8 bits, not mixed.
int Iopgtable::iopgtable_store_entry_core(std::uint32_t da, std::uint32_t pa, std::uint64_t pgsize) {
    if (((da | pa) & (pgsize - 1)) != 0) return -kEINVAL;
    const bool group = pgsize == std::uint64_t{1} << om::kSupersectionBits || pgsize == std::uint64_t{1}
                                                                                            << om::kLargeBits;
    const std::uint32_t count = group ? kGroup : 1;
    if (pgsize >= std::uint64_t{1} << om::kSectionBits) {
        const std::uint64_t word = pa | om::l1::TYPE_SECTION | om::l1::SUPER.of(group ? 1 : 0);
        fill(iopgd_, directory_, om::directory_index(da), count, static_cast<std::uint32_t>(word));
        return 0;
    }
    Words* table = nullptr;
    if (const int err = iopte_alloc(da, table); err != 0) return err;
    const std::uint64_t word = pa | (group ? om::l2::LARGE.of(1) : om::l2::SMALL.of(1));
    fill(om::l1::table(pgd(da)), *table, om::table_index(da), count, static_cast<std::uint32_t>(word));
    return 0;
}

std::uint64_t Iopgtable::iopgtable_clear_entry_core(std::uint32_t da) {
    const std::uint32_t word = pgd(da);
    if (word == 0) return 0;
    std::uint32_t index = om::directory_index(da);
    std::uint64_t bytes = std::uint64_t{1} << om::kSectionBits;
    std::uint32_t count = 1;
    if (is_table(word)) {
        const std::uint64_t at = om::l1::table(word);
        Words& table = tables_.at(at);
        std::uint32_t entry = om::table_index(da), entries = 1;
        if (om::l2::LARGE.test(table[entry])) {
            entries = kGroup;
            entry &= ~(kGroup - 1);
        }
        bytes = std::uint64_t{entries} << om::kPageBits;
        fill(at, table, entry, entries, 0);
        if (std::any_of(table.begin(), table.end(), [](std::uint32_t left) { return left != 0; })) return bytes;
        iopte_free(at);  // before its word is cleared, and before any TLB entry goes
    } else if (om::l1::SUPER.test(word)) {
        count = kGroup;
        index &= ~(kGroup - 1);
        bytes *= kGroup;
    }
    fill(iopgd_, directory_, index, count, 0);
    return bytes;
}

void Iopgtable::iopgtable_clear_entry_all() {
    for (std::uint32_t i = 0; i < om::kDirectoryEntries; ++i) {
        const std::uint32_t word = directory_[i];
        if (word == 0) continue;
        if (is_table(word)) iopte_free(om::l1::table(word));
        fill(iopgd_, directory_, i, 1, 0);
    }
}

std::uint64_t Iopgtable::iopgd_offset(std::uint32_t da) const {
    return iopgd_ + std::uint64_t{om::directory_index(da)} * om::kWordBytes;
}
std::uint64_t Iopgtable::iopte_offset(std::uint32_t da) const {
    return om::l1::table(pgd(da)) + std::uint64_t{om::table_index(da)} * om::kWordBytes;
}
std::optional<std::uint32_t> Iopgtable::pte(std::uint32_t da) const {
    if (!is_table(pgd(da))) return std::nullopt;
    return tables_.at(om::l1::table(pgd(da))).at(om::table_index(da));
}

std::optional<PhysAddr> Iopgtable::iova_to_phys(std::uint32_t da) const {
    const std::uint32_t word = pgd(da);
    const auto place = [da](std::uint32_t entry, unsigned bits) {
        const std::uint64_t below = low_mask(bits);
        return PhysAddr{(entry & ~below) | (da & below)};
    };
    if (const auto second = pte(da)) {
        if (!om::l2::present(*second)) return std::nullopt;
        return place(*second, om::l2::log2_bytes(*second));
    }
    if (om::l1::TYPE.get(word) != om::l1::TYPE_SECTION) return std::nullopt;
    return place(word, om::l1::log2_bytes(word));
}

}  // namespace xlate::kernel
