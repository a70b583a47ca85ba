// A random SMMUv2: streams, tables of every format and stage, accesses compared with the flat walker, and software that
// changes tables and invalidates what it changed. The differential test runs many.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "tests/iommu/smmuv2_bench.hpp"
#include "tests/iommu/smmuv2_trees.hpp"
#include "tests/iommu/vmsa_flat_walker.hpp"

namespace xlate::tests::v2 {

/// A TLB in front of the SMMU, as a TBU has: by stream, told of invalidations.
struct FrontTlb : InvalidationSink {
    Tlb tlb{{{true, 32, 0, Replacement::lru}, TlbTagging::stream, 0}, 1, "front"};
    void invalidate(const Invalidation& invalidation) override { tlb.invalidate(invalidation); }
};

class World {
public:
    World(std::uint64_t seed, bool caches)
        : rng_(seed, "smmuv2-differential"), features_(choose_features()), bench_(params(seed, caches)) {
        front_on_ = caches && rng_.chance(1, 2);
        bench_.smmu.add_sink(front_);
        machine_.read = [this](std::uint64_t address, unsigned bytes) { return bench_.memory.load(address, bytes); };
        machine_.oas_bits = address_bits(features_.oas);
        machine_.ias_bits = address_bits(features_.ias);
        machine_.sign49 = features_.ubs == 5;
        for (unsigned i = 0; i < kMasters; ++i) masters_.push_back(make_master(i));
        bench_.enable(rng_.chance(1, 2) ? 0x80000000U : 0U);
    }

    void run(unsigned accesses) {
        for (unsigned i = 0; i < accesses; ++i) {
            if (rng_.chance(1, 15)) mutate();
            check_one();
        }
    }
    std::uint64_t hits() const { return bench_.smmu.tlb.counters().hits + front_hits_; }
    std::uint64_t faults() const { return bench_.smmu.counters.faults; }

    /// By FSR bit (0: done); by formats: stage 1 (0 none, 1 short, 2 long, 3 AArch64) + 4 * stage 2 (0 none, 1 long, 2
    /// AArch64).
    std::map<unsigned, std::array<std::uint64_t, 12>> outcomes;

private:
    static constexpr unsigned kMasters = 6;

    Features choose_features() {
        Features f = small_features();
        f.numcb = 16;
        f.numpagendxb = 4;
        constexpr std::uint8_t kOas[] = {5, 5, 4, 2, 1};
        f.oas = kOas[rng_.below(5)];
        f.ias = f.oas < 2 ? 2 : f.oas;
        f.ubs = rng_.chance(2, 3) ? 5 : 4;
        return f;
    }
    SmmuParams params(std::uint64_t seed, bool caches) {
        SmmuParams p = Bench::params(features_);
        p.seed = seed;
        constexpr Replacement kPolicies[] = {Replacement::lru, Replacement::round_robin, Replacement::random};
        const Replacement policy = kPolicies[rng_.below(3)];
        p.caches.tlb = {caches, static_cast<std::uint32_t>(8U << rng_.below(6)), rng_.chance(1, 2) ? 4U : 0U, policy};
        p.caches.ipa = {caches && rng_.chance(2, 3), 16, 4, policy};
        p.caches.walk_enabled = caches && rng_.chance(3, 4);
        return p;
    }

    std::uint64_t allocate(std::uint64_t bytes) {
        if (bytes < 4096) bytes = 4096;
        next_pa_ = align_up(next_pa_, bytes);
        const std::uint64_t result = next_pa_;
        next_pa_ += bytes;
        return result;
    }
    std::uint64_t load(const Tree& t, std::uint64_t at) {
        const std::uint64_t word = bench_.memory.load(at, t.bytes());
        return t.big_endian ? swap(word, t.bytes()) : word;
    }
    void store(const Tree& t, std::uint64_t at, std::uint64_t word) {
        bench_.memory.store(at, t.big_endian ? swap(word, t.bytes()) : word, t.bytes());
    }
    static std::uint64_t swap(std::uint64_t word, unsigned bytes) {
        std::uint8_t raw[8] = {};
        store_be(raw, bytes, word);
        return load_le(raw, bytes);
    }
    std::uint64_t random_output(const Tree& t, unsigned low) {
        const unsigned most = std::min(t.output_bits + (rng_.chance(1, 40) ? 1U : 0U), t.address_top());
        return rng_.next() & low_mask(most) & ~low_mask(low);
    }

    /// Memory behind a stage 1 descriptor.
    std::uint64_t behind(const Master& m, std::uint64_t ipa) const {
        if (!m.s2) return ipa;
        const std::uint64_t page = std::uint64_t{1} << m.second.page;
        return m.backing.at(align_down(ipa, page)) + (ipa & (page - 1));
    }
    std::uint64_t allocate_table(Master& m, std::uint64_t bytes) {
        if (!m.s2) return allocate(bytes);
        if (bytes < 4096) bytes = 4096;
        m.next_table = align_up(m.next_table, bytes);
        const std::uint64_t result = m.next_table;
        m.next_table += bytes;
        const std::uint64_t page = std::uint64_t{1} << m.second.page;
        for (std::uint64_t at = align_down(result, page); at < result + bytes; at += page) {
            if (m.backing.count(at) != 0) continue;
            const std::uint64_t pa = allocate(page);
            m.backing[at] = pa;
            std::uint64_t attributes = 0x7FF;
            if (rng_.chance(1, 60)) attributes &= ~(1ULL << 6);   // not readable
            if (rng_.chance(1, 60)) attributes &= ~(1ULL << 10);  // not accessed
            if (rng_.chance(1, 100)) attributes &= ~0x3CULL;      // Device
            if (rng_.chance(1, 150)) attributes &= ~0x1ULL;       // invalid
            place2(m, at, pa | attributes);
        }
        return result;
    }
    /// Puts a level 3 leaf into stage 2, making tables on the way.
    void place2(Master& m, std::uint64_t ipa, std::uint64_t descriptor) {
        const Tree& t = m.second;
        std::uint64_t table = t.root;
        for (unsigned level = t.level;; ++level) {
            const std::uint64_t at = table + 8 * ((ipa >> t.shift(level)) & low_mask(t.index_bits(level)));
            if (level == 3) {
                store(t, at, descriptor);
                m.leaves2.push_back({ipa, at, 8, t.big_endian});
                return;
            }
            std::uint64_t d = load(t, at);
            if ((d & 3) != 3) {
                d = allocate(std::uint64_t{1} << t.page) | 3;
                store(t, at, d);
            }
            table = keep(d, 47, t.page);
        }
    }

    std::uint64_t leaf_word(const Tree& t, unsigned level, std::uint64_t out, bool stage1, bool group) {
        if (t.format != Format::short32) {
            std::uint64_t d = rng_.next() & ((3ULL << 53) | (3 << 8) | (0xF << 2) | (3 << 6));
            d |= rng_.chance(9, 10) ? 1U << 10 : 0U;
            if (stage1) d |= rng_.chance(3, 4) ? 1U << 11 : 0U;
            if (stage1 && rng_.chance(2, 3)) d = (d | (1 << 6)) & ~(1ULL << 7);
            if (!stage1 && rng_.chance(2, 3)) d |= 3 << 6;
            const std::uint64_t type = level == 3 ? (rng_.chance(1, 50) ? 1U : 3U) : 1U;
            return out | d | type | (group ? 1ULL << 52 : 0);
        }
        std::uint64_t d = rng_.next();
        if (level == 1) {
            d &= 0xBD1D | (3U << 16);  // TEX, AP2, AP, XN, C, B, S, nG, PXN
            if (rng_.chance(2, 3)) d = (d | 0xC00) & ~0x8000ULL;
            if (rng_.chance(1, 2)) d &= ~0x11ULL;
            d |= 2;
            if (!group) return (out & 0xFFF00000) | (d & ~0x1E0ULL);
            return (out & 0xFF000000) | ((out >> 32 & 0xF) << 20) | ((out >> 36 & 0xF) << 5) | (1U << 18) |
                   (d & ~0x1E0ULL);
        }
        d &= 0xE3C;  // nG, S, AP2, AP, C, B
        if (rng_.chance(2, 3)) d = (d | 0x30) & ~0x200ULL;
        const std::uint64_t other = rng_.next();
        if (group) return (out & 0xFFFF0000) | d | (other & 0xF000) | 1;
        return (out & 0xFFFFF000) | d | (other & 0x1C1) | 2;
    }

    /// Makes a random way to `input`: tables, then a leaf, or an invalid descriptor.
    void grow(Master& m, const Tree& t, std::uint64_t va, bool stage1) {
        const std::uint64_t input = va & low_mask(t.input_bits);
        std::uint64_t table = t.root;
        for (unsigned level = t.level;; ++level) {
            const unsigned shift = t.shift(level);
            const std::uint64_t index = (input >> shift) & low_mask(t.index_bits(level));
            const std::uint64_t logical = table + t.bytes() * index;
            const std::uint64_t at = stage1 ? behind(m, logical) : logical;
            const std::uint64_t d = load(t, at);
            const std::uint64_t table_type = t.format == Format::short32 ? 1 : 3;
            const bool is_table = level != t.last() && (d & 3) == table_type;
            if ((d & 3) != 0 && !is_table) return;  // a leaf is there, or what is no descriptor
            if (is_table) {
                const std::uint64_t next =
                    t.format == Format::short32 ? keep(d, 31, 10) : keep(d, t.address_top() - 1, t.page);
                if (next >> t.output_bits != 0) return;
                if (stage1 && m.s2 && m.backing.count(align_down(next, 1ULL << m.second.page)) == 0) return;
                table = next;
                continue;
            }
            if (rng_.chance(1, 40)) {
                store(t, at,
                      rng_.next() & ~std::uint64_t{t.format == Format::short32 ? 3U : 1U} & low_mask(8 * t.bytes()));
                return;
            }
            // No block of stage 2 covers the gigabyte of stage 1's tables.
            const bool block = t.block(level) && (stage1 || input >> shift != std::uint64_t{0x40000000} >> shift);
            if (level == t.last() || (block && rng_.chance(1, 5))) {
                const unsigned group_bits = t.group_bits(level);
                const std::uint64_t group_base = input & ~low_mask(shift + group_bits);
                const bool near_tables =
                    !stage1 && group_base < 0x80000000 && group_base + (1ULL << (shift + group_bits)) > 0x40000000;
                const bool group = rng_.chance(1, 6) && t.index_bits(level) >= group_bits && !near_tables &&
                                   shift + group_bits <= t.output_bits && (t.format == Format::short32 || level > 1) &&
                                   group_free(m, t, logical, group_bits, stage1);
                const unsigned low = shift + (group ? group_bits : 0);
                std::uint64_t out = t.format == Format::short32 && level == 1 && group
                                        ? rng_.next() & low_mask(std::min(40U, t.output_bits)) & ~low_mask(24)
                                        : random_output(t, low);
                if (stage1 && m.s2 && !m.pool.empty() && rng_.chance(9, 10)) {
                    out = align_down(m.pool[rng_.below(m.pool.size())], std::uint64_t{1} << low);
                }
                const std::uint64_t word =
                    leaf_word(t, level, out & low_mask(t.format == Format::short32 ? 40 : 48), stage1, group);
                const std::uint64_t count = group ? 1ULL << group_bits : 1;
                const std::uint64_t first = logical - t.bytes() * (index & (count - 1));
                for (std::uint64_t i = 0; i < count; ++i) {
                    const std::uint64_t where = stage1 ? behind(m, first + t.bytes() * i) : first + t.bytes() * i;
                    const bool steps = group && t.format != Format::short32;
                    store(t, where, steps ? word + (i << shift) : word);
                }
                if (!group) (stage1 ? m.leaves1 : m.leaves2).push_back({va, at, t.bytes(), t.big_endian});
                return;
            }
            const unsigned next_bits = t.format == Format::short32 ? 10 : t.page;
            const std::uint64_t next = stage1 ? allocate_table(m, 1ULL << next_bits) : allocate(1ULL << next_bits);
            std::uint64_t word = next | table_type;
            if (t.format == Format::short32) {
                word |= rng_.next() & 0x1EC;  // domain, NS, PXN
                if (rng_.chance(3, 4)) word &= ~4ULL;
            } else {
                if (stage1 && rng_.chance(1, 12)) word |= (rng_.next() & 0xF) << 59;
                if (rng_.chance(1, 100) && t.output_bits < t.address_top()) word |= 1ULL << t.output_bits;  // too large
            }
            store(t, at, word);
            if (t.format != Format::short32 && t.output_bits < t.address_top() && (word >> t.output_bits & 1) != 0)
                return;
            table = next;
        }
    }
    /// Members of a group are all new: none of them is a table or a leaf of its own.
    bool group_free(const Master& m, const Tree& t, std::uint64_t logical, unsigned group_bits, bool stage1) {
        const std::uint64_t first = align_down(logical, std::uint64_t{t.bytes()} << group_bits);
        for (std::uint64_t i = 0; i < (1ULL << group_bits); ++i) {
            const std::uint64_t where = first + t.bytes() * i;
            if (load(t, stage1 ? behind(m, where) : where) != 0) return false;
        }
        return true;
    }

    unsigned random_page() {
        constexpr unsigned kPages[] = {12, 14, 16};
        return kPages[rng_.below(3)];
    }

    Master make_master(unsigned n) {
        Master m;
        const std::uint64_t kind = rng_.below(10);
        m.s1 = kind < 5 || kind >= 7;
        m.s2 = kind >= 5;
        m.bank = n;
        m.s2_bank = m.s1 ? 8 + n : n;
        m.vmid = static_cast<std::uint16_t>(n + 1);
        m.asid = static_cast<std::uint16_t>(rng_.below(0x10000));
        if (m.s2) make_stage2(m);
        if (m.s1) make_stage1(m);
        const std::uint32_t type = !m.s1 ? 0U : m.s2 ? 3U : 1U;
        bench_.write(bench_.gr1(gr1::CBAR(n)), type << 16 |
                                                   (type == 1   ? 0xF300U
                                                    : type == 3 ? m.s2_bank << 8
                                                                : 0U) |
                                                   m.vmid);
        const std::uint32_t low = 16 * n;
        bench_.stream(n, low, 3, n);
        return m;
    }
    std::uint32_t common_sctlr(bool big_endian) {
        // M, CFRE, CFIE; HUPCF, since faults are cleared after each access anyway.
        return 0x61U | (rng_.chance(1, 2) ? 0x100U : 0U) | (rng_.chance(1, 2) ? 8U : 0U) | (big_endian ? 0x10U : 0U);
    }
    void program(unsigned bank, const vmsa::BankWords& w) {
        bench_.write(bench_.gr1(gr1::CBA2R(bank)), (w.va64 ? 1U : 0U) | std::uint32_t{0});
        bench_.write_bank(bank, cb::TCR2, w.tcr2);
        bench_.write_bank(bank, cb::TCR, w.tcr);
        bench_.write_bank(bank, cb::TTBR0, w.ttbr0, 8);
        bench_.write_bank(bank, cb::TTBR1, w.ttbr1, 8);
        bench_.write_bank(bank, cb::MAIR0, w.mair0);
        bench_.write_bank(bank, cb::MAIR1, w.mair1);
        bench_.write_bank(bank, cb::SCTLR, w.sctlr);
    }
    void set_vmid(unsigned bank, bool va64, std::uint16_t vmid) {
        bench_.write(bench_.gr1(gr1::CBA2R(bank)), (va64 ? 1U : 0U) | std::uint32_t{vmid} << 16);
    }

    void make_stage2(Master& m) {
        Tree& t = m.second;
        vmsa::BankWords& w = m.words2;
        t.format = rng_.chance(1, 3) ? Format::long32 : Format::aarch64;
        t.big_endian = rng_.chance(1, 8);
        t.on = true;
        w.va64 = t.format == Format::aarch64;
        if (w.va64) {
            t.page = random_page();
            const auto ps = static_cast<unsigned>(rng_.below(6));
            t.output_bits = std::min(address_bits(ps), machine_.oas_bits);
            for (;;) {
                t.input_bits = 34 + static_cast<unsigned>(rng_.below(15));
                const auto sl0 = static_cast<unsigned>(rng_.below(3));
                t.level = t.page == 12 ? 2 - sl0 : 3 - sl0;
                if (t.input_bits <= t.shift(t.level) || t.index_bits(t.level) > t.page - 3 + 4) continue;
                const unsigned tg = t.page == 12 ? 0 : t.page == 16 ? 1 : 2;
                w.tcr = static_cast<std::uint32_t>(0x80000000U | ps << 16 | tg << 14 | 0x3500 | sl0 << 6 |
                                                   (64 - t.input_bits));
                break;
            }
        } else {
            t.output_bits = std::min(40U, machine_.oas_bits);
            for (;;) {
                t.input_bits = 34 + static_cast<unsigned>(rng_.below(7));
                const auto sl0 = static_cast<unsigned>(rng_.below(2));
                t.level = 2 - sl0;
                if (t.index_bits(t.level) > 13) continue;
                const auto t0sz = static_cast<std::uint32_t>(32 - static_cast<int>(t.input_bits)) & 0xF;
                w.tcr = 0x80003500U | sl0 << 6 | (t0sz & 8) << 1 | t0sz;
                break;
            }
        }
        t.root = allocate(t.table_bytes(t.level));
        w.ttbr0 = t.root;
        w.sctlr = common_sctlr(t.big_endian) | (rng_.chance(1, 2) ? 0x2000U : 0U);
        set_vmid(m.s2_bank, w.va64, m.vmid);
        if (m.s1) bench_.write(bench_.gr1(gr1::CBAR(m.s2_bank)), m.vmid);
        program(m.s2_bank, w);
        set_vmid(m.s2_bank, w.va64, m.vmid);
        for (unsigned i = 0; i < 12; ++i) {
            std::uint64_t ipa = rng_.next() & low_mask(t.input_bits);
            if (rng_.chance(1, 2)) ipa &= low_mask(32);  // what short descriptors reach
            if ((ipa >> 30) == 1) ipa ^= 1ULL << 31;     // keeps clear of the tables' gigabyte
            if ((ipa >> 30) == 1) continue;
            grow(m, t, ipa, false);
            m.pool.push_back(ipa);
            const std::uint64_t near = ipa ^ (rng_.below(4) << t.page);
            if (rng_.chance(4, 5)) grow(m, t, near, false);
            m.pool.push_back(near);
        }
        if (m.s1) return;
        m.targets = m.pool;
        m.targets.push_back(1ULL << t.input_bits);
    }

    void make_stage1(Master& m) {
        vmsa::BankWords& w = m.words1;
        const std::uint64_t kind = rng_.below(5);
        const Format format = kind < 3 ? Format::aarch64 : kind == 3 ? Format::long32 : Format::short32;
        const bool big_endian = rng_.chance(1, 8);
        w.va64 = format == Format::aarch64;
        w.sctlr = common_sctlr(big_endian) | (rng_.chance(1, 4) ? 0x200U : 0U) | (rng_.chance(1, 4) ? 0x400U : 0U) |
                  (rng_.chance(1, 2) ? 6U : 0U);
        w.mair0 = 0xFF440C04;
        const auto size = static_cast<unsigned>(rng_.below(6));
        const bool as16 = rng_.chance(1, 2);
        for (unsigned half = 0; half < 2; ++half) {
            Tree& t = m.tree[half];
            t.format = format;
            t.big_endian = big_endian;
            t.on = rng_.chance(7, 8);
            if (format == Format::aarch64) {
                t.page = random_page();
                t.output_bits = std::min(address_bits(size), m.s2 ? machine_.ias_bits : machine_.oas_bits);
                const auto tsz = static_cast<unsigned>(16 + rng_.below(24));
                t.input_bits = 64 - tsz;
                t.level = 3;
                while (t.shift(t.level) + t.page - 3 < t.input_bits) --t.level;
                const unsigned tg = half == 0 ? (t.page == 12   ? 0
                                                 : t.page == 16 ? 1
                                                                : 2)
                                              : (t.page == 12   ? 2
                                                 : t.page == 16 ? 3
                                                                : 1);
                const std::uint32_t word = tg << 14 | 0x3500 | (t.on ? 0U : 0x80U) | tsz;
                w.tcr |= word << (16 * half);
                w.tcr2 = size | (as16 ? 0x10U : 0U) | (w.tcr2 & 0x60) | (rng_.chance(1, 2) ? 0x20U << half : 0U);
            } else if (format == Format::long32) {
                t.output_bits = std::min(40U, machine_.oas_bits);
                const auto tsz = static_cast<unsigned>(rng_.below(8));
                t.input_bits = 32 - tsz;
                t.level = tsz >= 2 ? 2 : 1;
                w.tcr |= (0x3500U | (t.on ? 0U : 0x80U) | tsz) << (16 * half);
            } else {
                t.output_bits = std::min(40U, machine_.oas_bits);
                const auto n = static_cast<unsigned>(half == 0 ? rng_.below(8) : 0);
                t.input_bits = 32 - n;
                t.level = 1;
                w.tcr |= n | (t.on ? 0U : 0x10U << half);
            }
        }
        if (format == Format::aarch64) w.tcr2 |= (rng_.chance(1, 10) ? static_cast<unsigned>(rng_.below(6)) : 7U) << 15;
        if (format == Format::long32) w.tcr |= 0x80000000U;
        if (format != Format::aarch64 || !as16) m.asid &= 0xFF;
        for (unsigned half = 0; half < 2; ++half) {
            Tree& t = m.tree[half];
            t.root = allocate_table(
                m, t.table_bytes(t.level) < 0x4000 && format == Format::short32 ? 0x4000 : t.table_bytes(t.level));
            (half == 0 ? w.ttbr0 : w.ttbr1) = t.root | (format == Format::short32 ? 0 : std::uint64_t{m.asid} << 48);
            if (format == Format::short32 && half == 0) bench_.write_bank(m.bank, cb::CONTEXTIDR, m.asid);
            for (unsigned i = 0; i < 6; ++i) {
                std::uint64_t va = rng_.next() & low_mask(t.input_bits);
                if (half == 1) va = upper(t, format, va);
                if (t.on) grow(m, t, va, true);
                m.targets.push_back(va);
                if (!t.on) break;
                const std::uint64_t near = va ^ (rng_.below(8) << t.page);
                if (rng_.chance(4, 5)) grow(m, t, near, true);
                m.targets.push_back(near);
                // Short of what the bus carries: the sign is its highest bit.
                if (half == 1 && format == Format::aarch64) m.targets.push_back(va & low_mask(49));
            }
            m.targets.push_back(half == 0 ? low_mask(t.input_bits) + 1 : ~low_mask(t.input_bits) - 1);
        }
        m.targets.push_back((rng_.next() & low_mask(56)) | 0xAB00000000000000);
        set_vmid(m.bank, w.va64, m.s2 ? std::uint16_t{0x55} : m.vmid);
        program(m.bank, w);
        set_vmid(m.bank, w.va64, m.s2 ? std::uint16_t{0x55} : m.vmid);
    }
    static std::uint64_t upper(const Tree& t, Format format, std::uint64_t va) {
        if (format == Format::aarch64) return va | ~low_mask(t.input_bits);
        if (format == Format::long32) return va | (low_mask(32) & ~low_mask(t.input_bits));
        return va | 0x80000000;
    }

    void check_one() {
        const Master& m = masters_[rng_.below(masters_.size())];
        const auto sid = StreamId{static_cast<std::uint32_t>(16 * m.bank + rng_.below(4))};
        vmsa::Access access;
        access.va = m.targets[rng_.below(m.targets.size())] ^ (rng_.next() & 0xFF8);
        if (rng_.chance(1, 20)) access.va ^= rng_.next() << 56;  // another top byte
        access.write = rng_.chance(2, 5);
        access.instruction = !access.write && rng_.chance(1, 5);
        access.privileged = rng_.chance(1, 2);
        const vmsa::Outcome expected =
            vmsa::translate(machine_, m.s1 ? &m.words1 : nullptr, m.s2 ? &m.words2 : nullptr, access);

        Request request = Bench::read_of(access.va, sid);
        request.write = access.write;
        request.instruction = access.instruction;
        request.privileged = access.privileged;
        Result got;
        bool done = false;
        bench_.accesses.clear();
        const CachedTranslation* front =
            front_on_ ? front_.tlb.lookup(stream_tag(request.sid, request.ssid), request.address) : nullptr;
        if (front != nullptr && front->permissions.allows(request)) {
            got.pa = PhysAddr{front->pa + (request.address & low_mask(front->log2_bytes))};
            got.entry = *front;
            done = true;
            ++front_hits_;
        } else {
            const Step& step = bench_.step(request);
            got = step.result;
            done = step.kind == StepKind::done;
            if (done && got.cacheable && got.epoch == bench_.smmu.epoch()) front_.tlb.fill(got.entry);
        }
        const unsigned bank = expected.s2 ? m.s2_bank : m.bank;
        CAPTURE(value(sid), access.va, access.write, access.instruction, access.privileged, m.s1, m.s2);
        CAPTURE(expected.ok, expected.code, expected.s2, expected.level, expected.pa, got.pa.value, got.fault);
        bool same = done == expected.ok;
        if (same && done) same = got.pa.value == expected.pa;
        if (same && !done) {
            const std::uint32_t fsr = bench_.fsr(bank);
            const auto syndrome = static_cast<std::uint32_t>(bench_.read_bank(bank, cb::FSYNR0));
            const vmsa::BankWords& words = expected.s2 ? m.words2 : m.words1;
            const unsigned format = words.va64 ? 2U : expected.s2 || (words.tcr >> 31) != 0 ? 1U : 0U;
            const std::uint32_t wanted = (expected.level & 3) | (expected.s1_walk ? 8U : 0U) |
                                         (access.write ? 0x10U : 0U) | (access.privileged ? 0x20U : 0U) |
                                         (access.instruction ? 0x40U : 0U) | (expected.s2 && m.s1 ? m.bank << 16 : 0U);
            CAPTURE(fsr, syndrome, wanted);
            same = got.fault == expected.code && got.stage2 == expected.s2 &&
                   fsr == (1U << expected.code | format << 9) && syndrome == wanted &&
                   bench_.read_bank(bank, cb::FAR, 8) == access.va &&
                   bench_.read(bench_.gr1(gr1::CBFRSYNRA(bank))) == value(sid) &&
                   (!expected.s2 || bench_.read_bank(bank, cb::IPAFAR, 8) == expected.ipa);
            bench_.write_bank(bank, cb::FSR, fsr);
            if (!same) INFO("fault registers");
        }
        if (!same) {
            const CachedTranslation hit = got.entry;
            std::string trail;
            for (const MemoryAccess& a : bench_.accesses) {
                trail += std::to_string(static_cast<unsigned>(a.purpose)) + "@" + std::to_string(a.address.value) + " ";
            }
            const std::uint32_t tcr1 = m.words1.tcr;
            const std::uint32_t tcr2nd = m.words2.tcr;
            const std::uint32_t fsr = bench_.fsr(bank);
            CAPTURE(hit.va, hit.pa, int{hit.log2_bytes}, int{hit.level}, int{hit.granule}, trail, tcr1, tcr2nd, fsr);
            CAPTURE(m.words1.va64, m.words2.va64, m.words1.sctlr, m.words2.sctlr, m.words1.tcr2, machine_.oas_bits);
            FAIL("the engine and the flat walker disagree");
        }
        const unsigned first = !m.s1 ? 0 : m.words1.va64 ? 3 : (m.words1.tcr >> 31) != 0 ? 2 : 1;
        const unsigned second = !m.s2 ? 0 : m.words2.va64 ? 2 : 1;
        ++outcomes[expected.ok ? 0 : expected.code][first + 4 * second];
    }

    void sync(unsigned bank) {
        bench_.write_bank(bank, cb::TLBSYNC, 0xFFFFFFFF);
        REQUIRE(bench_.read_bank(bank, cb::TLBSTATUS) == 0);
    }
    void invalidate_va(const Master& m, std::uint64_t va) {
        const bool any = rng_.chance(1, 2);
        const bool leaf = rng_.chance(1, 2);
        const std::uint32_t offset = any ? (leaf ? cb::TLBIVAAL : cb::TLBIVAA) : (leaf ? cb::TLBIVAL : cb::TLBIVA);
        if (m.words1.va64) {
            const std::uint64_t operand = (va >> 12 & low_mask(44)) | std::uint64_t{m.asid} << 48;
            if (rng_.chance(1, 4)) {
                // In halves, the upper one first.
                bench_.write_bank(m.bank, offset + 4, operand >> 32);
                bench_.write_bank(m.bank, offset, operand & low_mask(32));
            } else {
                bench_.write_bank(m.bank, offset, operand, 8);
            }
        } else {
            bench_.write_bank(m.bank, offset, (va & 0xFFFFF000) | (m.asid & 0xFF));
        }
    }
    void invalidate_all(const Master& m) {
        const bool vmid16 = bench_.smmu.registers.vmid16();
        (void)vmid16;
        switch (rng_.below(4)) {
            case 0:
                return bench_.write(gr0::TLBIVMID, m.vmid);
            case 1:
                return bench_.write(gr0::TLBIALLNSNH, 0xFFFFFFFF);
            case 2:
                if (m.s1) return bench_.write(gr0::TLBIVMIDS1, m.vmid);
                return bench_.write(gr0::TLBIVMID, m.vmid);
            default:
                return bench_.write_bank(m.bank, cb::TLBIALL, 0);
        }
    }
    void flip(const Leaf& leaf, std::uint64_t bit) {
        std::uint64_t mask = bit;
        if (leaf.big_endian) mask = swap(bit, leaf.bytes);
        bench_.memory.store(leaf.address, bench_.memory.load(leaf.address, leaf.bytes) ^ mask, leaf.bytes);
    }

    /// Software changes something, and says so.
    void mutate() {
        Master& m = masters_[rng_.below(masters_.size())];
        const std::uint64_t what = rng_.below(4);
        if (what == 0 && !m.leaves1.empty()) {
            const Leaf& leaf = m.leaves1[rng_.below(m.leaves1.size())];
            const std::uint64_t wide[] = {1, 1 << 7, 1 << 6, 1 << 10, 1ULL << 31, 1ULL << 54};
            // AP, AP2 (both levels), the table's or page's address.
            const std::uint64_t narrow[] = {1 << 4, 1 << 5, 1 << 9, 1 << 10, 1U << 31, 1 << 11};
            flip(leaf, leaf.bytes == 8 ? wide[rng_.below(6)] : narrow[rng_.below(6)]);
            if (rng_.chance(1, 4)) {
                invalidate_all(m);
            } else {
                invalidate_va(m, leaf.input);
            }
        } else if (what == 1 && !m.leaves2.empty()) {
            const Leaf& leaf = m.leaves2[rng_.below(m.leaves2.size())];
            const std::uint64_t flips[] = {1, 1 << 7, 1 << 6, 1 << 10, 1ULL << 54};
            flip(leaf, flips[rng_.below(5)]);
            if (rng_.chance(1, 2)) {
                bench_.write_bank(m.s2_bank, rng_.chance(1, 2) ? cb::TLBIIPAS2L : cb::TLBIIPAS2, leaf.input >> 12, 8);
                bench_.write(gr0::TLBIVMIDS1, m.vmid);
            } else {
                bench_.write(gr0::TLBIVMID, m.vmid);
            }
        } else if (what == 2 && m.s1) {
            const unsigned flips[] = {9, 10, 3};
            m.words1.sctlr ^= 1U << flips[rng_.below(3)];
            bench_.write_bank(m.bank, cb::SCTLR, m.words1.sctlr);
            invalidate_all(m);
        } else {
            // Needless, but nothing may break.
            bench_.write_bank(m.bank, cb::TLBIASID, m.asid);
            bench_.write(gr0::TLBIALLH, 0xFFFFFFFF);
        }
        sync(m.bank);
    }

    Rng rng_;
    Features features_;
    Bench bench_;
    vmsa::Machine machine_;
    bool front_on_ = false;
    FrontTlb front_;
    std::uint64_t front_hits_ = 0;
    std::uint64_t next_pa_ = 0x80000000;
    std::vector<Master> masters_;
};

}  // namespace xlate::tests::v2
