// The tables of a random SMMUv2's streams (smmuv2_world.hpp): trees of every format and stage, their leaves, and whose
// they are.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "tests/iommu/smmuv2_bench.hpp"
#include "tests/iommu/vmsa_flat_walker.hpp"

namespace xlate::tests::v2 {

/// One table tree of one stage. `bytes`: of a descriptor, 4 with short ones.
struct Tree {
    Format format = Format::aarch64;
    unsigned page = 12, input_bits = 48, level = 0, output_bits = 48;
    std::uint64_t root = 0;
    bool big_endian = false, on = false;

    unsigned bytes() const { return format == Format::short32 ? 4 : 8; }
    unsigned last() const { return format == Format::short32 ? 2 : 3; }
    unsigned shift(unsigned at) const {
        if (format == Format::short32) return at == 1 ? 20 : 12;
        return page + (3 - at) * (page - 3);
    }
    unsigned index_bits(unsigned at) const {
        if (at == level) return input_bits - shift(at);
        return format == Format::short32 ? 8 : page - 3;
    }
    std::uint64_t table_bytes(unsigned at) const { return std::uint64_t{bytes()} << index_bits(at); }
    unsigned address_top() const { return format == Format::aarch64 ? 48 : format == Format::long32 ? 40 : 32; }
    bool block(unsigned at) const { return format == Format::short32 || at == 2 || (at == 1 && page == 12); }
    unsigned group_bits(unsigned at) const {
        if (format == Format::short32) return 4;
        if (page == 12) return 4;
        return page == 14 ? (at == 3 ? 7 : 5) : 5;
    }
};

struct Leaf {
    std::uint64_t input = 0;    ///< an address that it translates
    std::uint64_t address = 0;  ///< of its descriptor, in memory
    unsigned bytes = 8;
    bool big_endian = false;
};

struct Master {
    unsigned bank = 0, s2_bank = 0;
    bool s1 = false, s2 = false;
    std::uint16_t vmid = 0, asid = 0;
    Tree tree[2], second;
    vmsa::BankWords words1, words2;
    std::vector<std::uint64_t> targets, pool;
    std::vector<Leaf> leaves1, leaves2;
    std::uint64_t next_table = 0x40000000;
    std::map<std::uint64_t, std::uint64_t> backing;  ///< stage 2 page of a stage 1 table -> memory
};

}  // namespace xlate::tests::v2
