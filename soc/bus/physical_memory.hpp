// The bytes of simulated memory. No time here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/huge_pages.hpp"
#include "base/ids.hpp"
#include "firmware/description.hpp"

namespace xlate::soc {

/// Sparse: host memory in proportion to what was written, not to the address space. Addresses below 2^52.
/// Bytes that nobody wrote read as 0. Found through a table of host pointers with a memo of the last page.
class PhysicalMemory {
public:
    /// `ranges` empty: every address is memory.
    explicit PhysicalMemory(std::vector<firmware::MemoryRange> ranges);

    /// The whole range is memory.
    bool contains(PhysAddr address, std::size_t size) const;
    void read(PhysAddr address, std::uint8_t* bytes, std::size_t size) const;
    void write(PhysAddr address, const std::uint8_t* bytes, std::size_t size);

    /// Tells the host that this will be read soon. Changes nothing.
    void prefetch(PhysAddr address) const;

    std::uint64_t load(PhysAddr address, unsigned size) const;
    void store(PhysAddr address, unsigned size, std::uint64_t word);

    /// Rising, disjoint, none touching another.
    const std::vector<firmware::MemoryRange>& ranges() const { return ranges_; }

    /// Host pages in use, of kPageBytes each.
    std::size_t pages() const { return pages_in_use_; }
    static constexpr unsigned kPageBits = 12;
    static constexpr std::size_t kPageBytes = std::size_t{1} << kPageBits;

private:
    static constexpr unsigned kLeafBits = 15;  ///< a leaf serves 128 MiB
    static constexpr unsigned kRootBits = 52 - kPageBits - kLeafBits;
    using Page = std::array<std::uint8_t, kPageBytes>;
    struct Leaf {
        std::array<Page*, std::size_t{1} << kLeafBits> pages{};
    };
    struct RootEntry {
        std::uint64_t number;  ///< of the leaf
        std::unique_ptr<Leaf> leaf;
    };

    Leaf* find_leaf(std::uint64_t number) const;
    const std::uint8_t* page_for_read(std::uint64_t page) const;
    std::uint8_t* page_for_write(std::uint64_t page);
    Page* take_page();

    std::vector<firmware::MemoryRange> ranges_;
    std::vector<RootEntry> roots_;  ///< sorted by number
    mutable std::uint64_t memo_number_ = ~std::uint64_t{0};
    mutable Leaf* memo_leaf_ = nullptr;
    std::vector<HostBlock> blocks_;  ///< the pages lie in them, in the order in which they were first written
    std::size_t free_in_block_ = 0;  ///< pages left in the last one
    std::size_t pages_in_use_ = 0;
};

}  // namespace xlate::soc
