#include "kernel-model/drivers/riscv/riscv_below_guest.hpp"

#include <algorithm>
#include <vector>

#include "base/bits.hpp"
#include "iommu/riscv/layout.hpp"
#include "iommu/tables/layout_riscv.hpp"

namespace xlate::kernel {

namespace rv = iommu::riscv;
namespace table = iommu::riscv_table;

namespace {

constexpr table::Mode kMode = table::Mode::sv39;
constexpr std::uint64_t kGscid = 1, kTableBytes = 4096;
constexpr std::uint64_t kLeaf = table::pte::V.mask() | table::pte::R.mask() | table::pte::W.mask() |
                                table::pte::X.mask() | table::pte::U.mask() | table::pte::A.mask() |
                                table::pte::D.mask();

std::uint64_t word(std::uint64_t address, std::uint64_t bits) {
    return table::pte::PPN.of(address >> table::kPageBits) | bits;
}

bool has_memory(const firmware::Description& description, std::uint64_t base, std::uint64_t bytes) {
    return std::any_of(description.memory.begin(), description.memory.end(), [&](const firmware::MemoryRange& range) {
        return range.base < base + bytes && base < range.base + range.size;
    });
}

/// The table of so many entries, `above` levels above the leaves, that maps from `base` up.
std::optional<PhysAddr> make_table(TableMemory& memory, const firmware::Description& description, unsigned above,
                                   std::uint64_t base, std::size_t entries) {
    const std::optional<PhysAddr> made = memory.alloc_table(entries * 8);
    if (!made) return std::nullopt;
    const std::uint64_t bytes = std::uint64_t{1} << table::shift(kMode, above);
    std::vector<std::uint64_t> words;
    for (std::size_t i = 0; i < entries; ++i) {
        const std::uint64_t at = base + i * bytes;
        if (above == 0 || !has_memory(description, at, bytes)) {
            words.push_back(word(at, kLeaf));
            continue;
        }
        const auto below = make_table(memory, description, above - 1, at, kTableBytes / 8);
        if (!below) return std::nullopt;
        words.push_back(word(below->value, table::pte::V.mask()));
    }
    for (std::size_t i = 0; i < words.size(); i += kTableBytes / 8) {
        memory.write_words(*made + i * 8, &words[i], std::min<std::size_t>(words.size() - i, kTableBytes / 8));
    }
    return made;
}

}  // namespace

std::optional<std::uint64_t> make_identity_second_stage(TableMemory& memory, const firmware::Description& description) {
    const unsigned top = table::levels(kMode) - 1;
    const std::size_t entries = std::size_t{1} << (table::index_bits(kMode) + table::kStage2RootBits);
    const std::optional<PhysAddr> root = make_table(memory, description, top, 0, entries);
    if (!root) return std::nullopt;
    return rv::atp::MODE.of(rv::atp::SV39) | rv::atp::GSCID.of(kGscid) | rv::atp::PPN.of(root->value >> rv::kPageBits);
}

}  // namespace xlate::kernel
