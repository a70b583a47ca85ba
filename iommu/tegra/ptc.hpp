// The page table cache (PTC): atoms of table memory by physical address, shared by all address spaces. It keeps what
// memory held, valid words or not, until PTC_FLUSH drops the atom: a TLB flush alone does not.
// Shape: entries of CacheParams, an atom of 16 to 64 bytes each. Source: docs/spec/iommu-hardware.md section 7.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "iommu/cache.hpp"

namespace xlate::iommu::tegra {

class Ptc {
public:
    static constexpr std::size_t kMaxAtom = 64;
    using Atom = std::array<std::uint8_t, kMaxAtom>;

    Ptc(const CacheParams& params, unsigned atom_bytes, std::uint64_t seed, std::string_view name);

    bool enabled() const { return enabled_; }
    /// nullptr: a miss. `address`: any byte of the atom. `quiet`: counts and ages nothing.
    const Atom* lookup(std::uint64_t address, bool quiet);
    void fill(std::uint64_t address, const Atom& atom);
    void drop(std::uint64_t address);
    void clear();
    const CacheCounters& counters() const { return counters_; }

private:
    static constexpr std::uint64_t kFree = ~std::uint64_t{0};
    std::uint64_t base_of(std::uint64_t address) const { return address / atom_bytes_; }

    bool enabled_;
    unsigned atom_bytes_;
    CacheWays ways_;
    std::vector<std::uint64_t> tags_;
    std::vector<Atom> atoms_;
    CacheCounters counters_;
};

}  // namespace xlate::iommu::tegra
