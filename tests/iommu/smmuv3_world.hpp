// A random SMMU: streams, tables of both stages in every granule, accesses compared with the flat walker, and software
// that changes tables and invalidates what it changed. The differential test runs many.
#pragma once

#include <algorithm>
#include <array>
#include <map>

#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "tests/iommu/flat_walker.hpp"
#include "tests/iommu/smmuv3_bench.hpp"

namespace xlate::tests {

struct Leaf {
    std::uint64_t va = 0;       ///< an address that it translates
    std::uint64_t address = 0;  ///< of its descriptor, in memory
    unsigned level = 3;
    bool group = false;  ///< part of a contiguous group
};

/// One stage of tables that are built at random along chosen addresses.
struct Tables {
    Granule granule = Granule::k4;
    unsigned input_bits = 48;
    unsigned level = 0;  ///< of the root
    std::uint64_t root = 0;
    unsigned output_bits = 48;
    OutputForm form = OutputForm::plain;
};

struct Stream {
    StreamId sid{};
    bool s1 = false, s2 = false, el2 = false;
    std::uint16_t vmid = 0, asid = 0;
    Tables stage1[2], stage2;
    bool half_on[2] = {false, false};
    bool httu = false;
    std::uint64_t cd_ipa = 0;
    std::vector<std::uint64_t> targets;  ///< addresses to access
    std::vector<Leaf> leaves1, leaves2;
    std::vector<std::uint64_t> pool;  ///< IPAs that stage 2 knows
    std::uint64_t next_table_ipa = 0;
    std::map<std::uint64_t, std::uint64_t> backing;  ///< stage 2 page of a stage 1 table -> memory
};

/// A TLB in front of the SMMU, as a TBU has: by stream, told of invalidations.
struct FrontTlb : InvalidationSink {
    Tlb tlb{{{true, 32, 0, Replacement::lru}, TlbTagging::stream}, 1, "front"};
    void invalidate(const Invalidation& invalidation) override { tlb.invalidate(invalidation); }
};

class World {
public:
    World(std::uint64_t seed, bool caches)
        : rng_(seed, "differential"), features_(choose_features()), bench_(params(seed, caches), false) {
        e2h_ = rng_.chance(1, 2);
        front_on_ = caches && rng_.chance(1, 2);
        bench_.smmu.add_sink(front_);
        bench_.bring_up();
        bench_.write(reg::CR0, 0);
        bench_.write(reg::CR2, cr2::RECINVSID.mask() | (e2h_ ? cr2::E2H.mask() : 0));
        bench_.write(reg::CR0, 0xD);
        machine_.read64 = [this](std::uint64_t address) { return bench_.memory.load(address); };
        machine_.oas_bits = address_bits(features_.oas);
        machine_.xnx = features_.xnx != 0;
        machine_.ds = features_.ds != 0;
        machine_.e2h = e2h_;
        for (unsigned i = 0; i < 6; ++i) streams_.push_back(make_stream(i));
        // One more master in the address space of the first.
        Stream copy = streams_[0];
        copy.sid = StreamId{6};
        for (unsigned i = 0; i < 8; ++i) {
            bench_.memory.store(ste_address(copy.sid) + 8 * i,
                                bench_.memory.load(ste_address(streams_[0].sid) + 8 * i));
        }
        streams_.push_back(copy);
    }

    void run(unsigned accesses) {
        for (unsigned i = 0; i < accesses; ++i) {
            if (rng_.chance(1, 15)) mutate();
            check_one();
        }
    }
    std::uint64_t hits() const { return bench_.smmu.tlb.counters().hits + front_hits_; }
    std::uint64_t faults() const { return bench_.smmu.counters.faults; }

    std::map<unsigned, std::array<std::uint64_t, 4>> outcomes;  ///< by event code (0: done), by stages

private:
    Features choose_features() {
        Features f = full_features();
        constexpr std::uint8_t kOas[] = {6, 6, 5, 4};
        f.oas = kOas[rng_.below(4)];
        f.vax = f.oas == 6 ? 1 : 0;
        f.ds = f.vax != 0 && rng_.chance(1, 2) ? 1 : 0;
        f.xnx = rng_.chance(1, 2) ? 1 : 0;
        f.stall_model = 0;
        return f;
    }
    SmmuParams params(std::uint64_t seed, bool caches) {
        SmmuParams p = Bench::params(features_);
        p.seed = seed;
        constexpr Replacement kPolicies[] = {Replacement::lru, Replacement::round_robin, Replacement::random};
        const Replacement policy = kPolicies[rng_.below(3)];
        const auto entries = static_cast<std::uint32_t>(8U << rng_.below(6));
        p.caches.tlb = {caches, entries, rng_.chance(1, 2) ? 4U : 0U, policy};
        p.caches.ipa = {caches && rng_.chance(2, 3), 16, 4, policy};
        p.caches.config = {caches && rng_.chance(3, 4), 4, 0, policy};
        p.caches.walk_enabled = caches && rng_.chance(3, 4);
        p.caches.walk_s2_nonfinal = rng_.chance(1, 2);
        return p;
    }
    static std::uint64_t ste_address(StreamId sid) { return Bench::kL2 + 64ULL * value(sid); }

    std::uint64_t allocate(std::uint64_t bytes) {
        if (bytes < 4096) bytes = 4096;
        next_pa_ = align_up(next_pa_, bytes);
        const std::uint64_t result = next_pa_;
        next_pa_ += bytes;
        return result;
    }
    std::uint64_t random_output(unsigned bits, unsigned low) {
        // A little too large now and then.
        const unsigned width = rng_.chance(1, 40) ? bits + 1 : bits;
        return rng_.next() & low_mask(width) & ~low_mask(low);
    }
    std::uint64_t encode(std::uint64_t address, const Tables& tables) const {
        if (tables.form == OutputForm::ds) return (address & low_mask(50)) | ((address >> 50 & 3) << 8);
        const std::uint64_t low = address & low_mask(48);
        return tables.form == OutputForm::wide ? low | ((address >> 48 & 0xF) << 12) : low;
    }
    Granule random_granule() {
        constexpr Granule kAll[] = {Granule::k4, Granule::k16, Granule::k64};
        return kAll[rng_.below(3)];
    }
    unsigned effective(unsigned code, const Tables& tables) const {
        const unsigned bits = std::min(address_bits(code), machine_.oas_bits);
        return tables.granule == Granule::k64 || tables.form == OutputForm::ds ? bits : std::min(bits, 48U);
    }
    std::uint64_t root_bytes(const Tables& t) const {
        const std::uint64_t bytes = root_entries(t.granule, t.input_bits, t.level) * 8;
        return std::max<std::uint64_t>(bytes, 64);
    }

    /// Memory behind a stage 1 descriptor or CD of a stream.
    std::uint64_t behind(const Stream& s, std::uint64_t ipa) const {
        if (!s.s2) return ipa;
        const std::uint64_t page = page_bytes(s.stage2.granule);
        return s.backing.at(align_down(ipa, page)) + (ipa & (page - 1));
    }
    std::uint64_t allocate_table(Stream& s, std::uint64_t bytes) {
        if (!s.s2) return allocate(bytes);
        if (bytes < 4096) bytes = 4096;
        s.next_table_ipa = align_up(s.next_table_ipa, bytes);
        const std::uint64_t result = s.next_table_ipa;
        s.next_table_ipa += bytes;
        const std::uint64_t page = page_bytes(s.stage2.granule);
        for (std::uint64_t at = align_down(result, page); at < result + bytes; at += page) {
            if (s.backing.count(at) != 0) continue;
            const std::uint64_t pa = allocate(page);
            s.backing[at] = pa;
            std::uint64_t attributes = 0x7FF;
            if (rng_.chance(1, 60)) attributes &= ~(1ULL << 7);   // read only
            if (rng_.chance(1, 60)) attributes |= 1ULL << 51;     // writable-clean, if read only
            if (rng_.chance(1, 60)) attributes &= ~(1ULL << 10);  // not accessed
            if (rng_.chance(1, 150)) attributes &= ~0x3CULL;      // Device
            if (rng_.chance(1, 150)) attributes &= ~0x1ULL;       // invalid
            if (s.stage2.form == OutputForm::ds) attributes &= ~std::uint64_t{3 << 8};
            place2(s, at, encode(pa, s.stage2) | attributes);
        }
        return result;
    }
    /// Puts a level 3 leaf into stage 2, making tables on the way.
    void place2(Stream& s, std::uint64_t ipa, std::uint64_t descriptor) {
        std::uint64_t table = s.stage2.root;
        for (unsigned level = s.stage2.level;; level = level == kLevelMinus1 ? 0 : level + 1) {
            const unsigned shift = level_shift(s.stage2.granule, level);
            const std::uint64_t index =
                level == s.stage2.level ? ipa >> shift : (ipa >> shift) & low_mask(stride(s.stage2.granule));
            const std::uint64_t at = table + 8 * index;
            if (level == 3) {
                bench_.memory.store(at, descriptor);
                s.leaves2.push_back({ipa, at, 3});
                return;
            }
            std::uint64_t d = bench_.memory.load(at);
            if ((d & 3) != 3) {
                d = encode(allocate(page_bytes(s.stage2.granule)), s.stage2) | 3;
                bench_.memory.store(at, d);
            }
            table = descriptor_address(d, page_bits(s.stage2.granule), s.stage2.form);
        }
    }
    std::uint64_t random_leaf_bits(bool stage1, bool may_group_httu) {
        std::uint64_t d = rng_.next() & ((3ULL << 53) | (1ULL << 51) | (3 << 8) | (0xF << 2) | (3 << 6));
        d |= rng_.chance(9, 10) ? 1U << 10 : 0U;
        if (stage1) d |= rng_.chance(3, 4) ? 1U << 11 : 0U;
        if (stage1 && rng_.chance(2, 3)) d = (d | (1 << 6)) & ~(1ULL << 7);  // usually everybody may write
        if (!stage1 && rng_.chance(2, 3)) d |= 3 << 6;
        if (!may_group_httu) d = (d | (1 << 10)) & ~(1ULL << 51);
        return d;
    }
    /// Makes a random way to `address`: tables, then a leaf, or an invalid or reserved descriptor.
    void grow(Stream& s, const Tables& t, unsigned half, std::uint64_t address, bool stage1) {
        const std::uint64_t input = address & low_mask(t.input_bits);
        std::uint64_t table = t.root;
        const unsigned bits = page_bits(t.granule);
        for (unsigned level = t.level;; level = level == kLevelMinus1 ? 0 : level + 1) {
            const unsigned shift = level_shift(t.granule, level);
            const std::uint64_t index =
                level == t.level ? input >> shift : (input >> shift) & low_mask(stride(t.granule));
            const std::uint64_t logical = table + 8 * index;
            const std::uint64_t at = stage1 ? behind(s, logical) : logical;
            const std::uint64_t d = bench_.memory.load(at);
            if ((d & 1) != 0 && !(level != 3 && (d & 3) == 3)) return;  // a leaf is there
            if ((d & 3) == 3 && level != 3) {
                const std::uint64_t next = descriptor_address(d, bits, t.form);
                if (next >> t.output_bits != 0) return;
                if (stage1 && s.s2 && s.backing.count(align_down(next, page_bytes(s.stage2.granule))) == 0) return;
                table = next;
                continue;
            }
            if (rng_.chance(1, 40)) {
                bench_.memory.store(at, rng_.next() & ~std::uint64_t{1});
                return;
            }
            const bool large = level == 2 || level == 1 || (level == 0 && t.form == OutputForm::ds);
            // Nor does a block of stage 2 cover that gigabyte.
            const bool block = large && (stage1 || input >> shift != std::uint64_t{0x40000000} >> shift);
            if (level == 3 || (block && rng_.chance(1, 5))) {
                // Sometimes a block where none may be, or a reserved type.
                const std::uint64_t type = level == 3 ? (rng_.chance(1, 50) ? 1 : 3) : 1;
                const unsigned group_bits = contiguous_log2_entries(t.granule, level);
                const std::uint64_t entries = level == t.level ? root_entries(t.granule, t.input_bits, level)
                                                               : std::uint64_t{1} << stride(t.granule);
                // The gigabyte of stage 1's tables is mapped page by page, so no group of stage 2 reaches it.
                const std::uint64_t group_base = input & ~low_mask(shift + group_bits);
                const bool near_tables =
                    !stage1 && group_base < 0x80000000 && group_base + (1ULL << (shift + group_bits)) > 0x40000000;
                const bool group = group_bits != 0 && rng_.chance(1, 6) && entries >= (1ULL << group_bits) &&
                                   level > 1 && !near_tables;
                const unsigned low = shift + (group ? group_bits : 0);
                std::uint64_t out = random_output(t.output_bits, low);
                if (stage1 && s.s2 && !s.pool.empty() && rng_.chance(9, 10)) {
                    out = align_down(s.pool[rng_.below(s.pool.size())], std::uint64_t{1} << low);
                }
                std::uint64_t attributes = random_leaf_bits(stage1, !group);
                if (t.form == OutputForm::ds) attributes &= ~std::uint64_t{3 << 8};
                const std::uint64_t count = group ? 1ULL << group_bits : 1;
                const std::uint64_t first = logical - 8 * (index & (count - 1));
                for (std::uint64_t i = 0; i < count; ++i) {
                    const std::uint64_t member =
                        encode(group ? out + (i << shift) : out, t) | attributes | type | (group ? 1ULL << 52 : 0);
                    const std::uint64_t where = stage1 ? behind(s, first + 8 * i) : first + 8 * i;
                    bench_.memory.store(where, member);
                }
                auto& leaves = stage1 ? s.leaves1 : s.leaves2;
                if (group) {
                    // Members of a group are not changed one by one.
                    const std::uint64_t start = stage1 ? behind(s, first) : first;
                    leaves.erase(std::remove_if(leaves.begin(), leaves.end(),
                                                [&](const Leaf& leaf) {
                                                    return leaf.address >= start && leaf.address < start + 8 * count;
                                                }),
                                 leaves.end());
                }
                if (!group) leaves.push_back({half == 1 ? input | ~low_mask(t.input_bits) : input, at, level});
                return;
            }
            const std::uint64_t next =
                stage1 ? allocate_table(s, page_bytes(t.granule)) : allocate(page_bytes(t.granule));
            std::uint64_t word = encode(next, t) | 3;
            if (stage1 && rng_.chance(1, 12)) word |= (rng_.next() & 0xF) << 59;
            if (rng_.chance(1, 100) && t.output_bits < 48) word |= 1ULL << t.output_bits;  // too large
            bench_.memory.store(at, word);
            table = next;
            if (word != (encode(next, t) | 3) && (word >> t.output_bits & 1) != 0 && t.output_bits < 48) return;
        }
    }

    Stream make_stream(unsigned n) {
        Stream s;
        s.sid = StreamId{n};
        const std::uint64_t kind = rng_.below(10);
        s.s1 = kind < 4 || kind >= 6;
        s.s2 = kind >= 4;
        s.el2 = n == 1 && s.s1 && !s.s2;
        s.vmid = static_cast<std::uint16_t>(n + 1);
        s.asid = static_cast<std::uint16_t>(rng_.below(0x10000));
        SteWords ste_words{};
        ste::V.set(ste_words, 1);
        ste::Config.set(ste_words, s.s1 && s.s2 ? 7 : s.s1 ? 5 : 6);
        ste::S2VMID.set(ste_words, s.vmid);
        if (s.el2) ste::STRW.set(ste_words, ste::STRW_EL2);
        if (s.s2) make_stage2(s, ste_words);
        if (s.s1) make_stage1(s, ste_words);
        for (unsigned i = 0; i < 8; ++i) bench_.memory.store(ste_address(s.sid) + 8 * i, ste_words[i]);
        REQUIRE_FALSE(illegal_ste(ste_words, features_));
        return s;
    }

    void make_stage2(Stream& s, SteWords& w) {
        Tables& t = s.stage2;
        t.granule = random_granule();
        if (t.granule == Granule::k64 && machine_.oas_bits == 52) t.form = OutputForm::wide;
        const bool ds = rng_.chance(1, 2);
        if (ds && features_.ds != 0 && t.granule != Granule::k64) t.form = OutputForm::ds;
        ste::S2DS.set(w, ds ? 1 : 0);
        const unsigned most = t.form != OutputForm::plain ? machine_.oas_bits : std::min(machine_.oas_bits, 48U);
        for (;;) {
            t.input_bits = 34 + static_cast<unsigned>(rng_.below(most - 33));
            const bool above = t.form == OutputForm::ds && t.granule == Granule::k4;
            const auto sl0 = static_cast<unsigned>(rng_.below(above ? 5 : 4));
            t.level = stage2_start_level(t.granule, sl0, true, t.form == OutputForm::ds);
            if (t.level == 4) continue;
            const std::uint64_t entries = root_entries(t.granule, t.input_bits, t.level);
            if (entries < 2 || entries > (16ULL << stride(t.granule))) continue;
            ste::S2SL0.set(w, sl0 & 3);
            ste::S2SL0_2.set(w, sl0 >> 2);
            break;
        }
        const auto ps = static_cast<unsigned>(4 + rng_.below(3));
        t.output_bits = effective(ps, t);
        t.root = allocate(root_bytes(t));
        ste::S2T0SZ.set(w, 64 - t.input_bits);
        ste::S2TG.set(w, t.granule == Granule::k4 ? 0 : t.granule == Granule::k64 ? 1 : 2);
        ste::S2PS.set(w, ps);
        ste::S2AA64.set(w, 1);
        ste::S2TTB.set_address(w, t.root);
        ste::S2R.set(w, rng_.below(2));
        ste::S2PTW.set(w, rng_.below(2));
        ste::S2AFFD.set(w, rng_.below(2));
        if (rng_.chance(1, 2)) {
            ste::S2HA.set(w, 1);
            ste::S2HD.set(w, rng_.below(2));
        }
        s.next_table_ipa = 0x40000000;
        for (unsigned i = 0; i < 12; ++i) {
            std::uint64_t ipa = rng_.next() & low_mask(t.input_bits);
            if ((ipa >> 30) == 1) ipa ^= 1ULL << 33;  // keeps clear of the tables' gigabyte
            if ((ipa >> 30) == 1) continue;
            grow(s, t, 0, ipa, false);
            s.pool.push_back(ipa);
            const std::uint64_t near = ipa ^ (rng_.below(4) << page_bits(t.granule));
            if (rng_.chance(4, 5)) grow(s, t, 0, near, false);
            s.pool.push_back(near);
        }
        if (!s.s1) {
            s.targets = s.pool;
            s.targets.push_back(1ULL << t.input_bits);
        }
    }

    void make_stage1(Stream& s, SteWords& w) {
        CdWords c{};
        cd::V.set(c, 1);
        cd::AA64.set(c, 1);
        cd::R.set(c, rng_.below(2));
        cd::A.set(c, rng_.below(2));
        cd::ASID.set(c, s.asid);
        cd::ASET.set(c, rng_.below(2));
        cd::MAIR.set(c, 0xFF44BB0C080400FF);
        cd::AFFD.set(c, rng_.below(2));
        cd::WXN.set(c, rng_.chance(1, 4) ? 1 : 0);
        cd::PAN.set(c, rng_.chance(1, 4) ? 1 : 0);
        if (rng_.chance(1, 2)) {
            cd::HA.set(c, 1);
            cd::HD.set(c, rng_.below(2));
        }
        const auto ips = static_cast<unsigned>(4 + rng_.below(3));
        cd::IPS.set(c, ips);
        const bool ds = rng_.chance(1, 2);
        cd::DS.set(c, ds ? 1 : 0);
        s.cd_ipa = allocate_table(s, 4096);
        for (unsigned half = 0; half < 2; ++half) {
            Tables& t = s.stage1[half];
            t.granule = random_granule();
            if (t.granule == Granule::k64 && machine_.oas_bits == 52) t.form = OutputForm::wide;
            if (ds && features_.ds != 0 && t.granule != Granule::k64) t.form = OutputForm::ds;
            t.output_bits = effective(ips, t);
            const bool wide_va = (t.granule == Granule::k64 || t.form == OutputForm::ds) && features_.vax != 0;
            const unsigned least = wide_va ? 12 : 16;
            const unsigned most = t.granule == Granule::k64 ? 47 : 48;
            const auto tsz = static_cast<unsigned>(least + rng_.below(most - least + 1));
            t.input_bits = 64 - tsz;
            t.level = start_level(t.granule, t.input_bits);
            s.half_on[half] = rng_.chance(7, 8);
            if (s.el2 && !e2h_) s.half_on[half] = half == 0;
            t.root = allocate_table(s, root_bytes(t));
            (half == 0 ? cd::T0SZ : cd::T1SZ).set(c, tsz);
            if (half == 0) {
                cd::TG0.set(c, t.granule == Granule::k4    ? cd::TG0_4K
                               : t.granule == Granule::k16 ? cd::TG0_16K
                                                           : cd::TG0_64K);
            } else {
                cd::TG1.set(c, t.granule == Granule::k4    ? cd::TG1_4K
                               : t.granule == Granule::k16 ? cd::TG1_16K
                                                           : cd::TG1_64K);
            }
            (half == 0 ? cd::EPD0 : cd::EPD1).set(c, s.half_on[half] ? 0 : 1);
            (half == 0 ? cd::TBI0 : cd::TBI1).set(c, rng_.below(2));
            (half == 0 ? cd::HAD0 : cd::HAD1).set(c, rng_.below(2));
            (half == 0 ? cd::E0PD0 : cd::E0PD1).set(c, rng_.chance(1, 16) ? 1 : 0);
            (half == 0 ? cd::TTB0 : cd::TTB1).set_address(c, t.root);
            for (unsigned i = 0; i < 6; ++i) {
                std::uint64_t va = rng_.next() & low_mask(t.input_bits);
                if (half == 1) va |= ~low_mask(t.input_bits);
                if (!s.half_on[half] && i > 0) break;
                if (s.half_on[half]) grow(s, t, half, va, true);
                s.targets.push_back(va);
                const std::uint64_t near = va ^ (rng_.below(8) << page_bits(t.granule));
                if (s.half_on[half] && rng_.chance(4, 5)) grow(s, t, half, near, true);
                s.targets.push_back(near);
            }
            s.targets.push_back(half == 0 ? low_mask(t.input_bits) + 1 : ~low_mask(t.input_bits) - 1);
        }
        s.targets.push_back((rng_.next() & low_mask(56)) | 0xAB00000000000000);
        const std::uint64_t at = behind(s, s.cd_ipa);
        for (unsigned i = 0; i < 8; ++i) bench_.memory.store(at + 8 * i, c[i]);
        REQUIRE_FALSE(illegal_cd(c, w, features_, e2h_));
        ste::S1ContextPtr.set_address(w, s.cd_ipa);
    }

    void check_one() {
        Stream& s = streams_[rng_.below(streams_.size())];
        flat::Access access;
        access.va = s.targets[rng_.below(s.targets.size())] ^ (rng_.next() & 0xFF8);
        if (rng_.chance(1, 20)) access.va ^= rng_.next() << 56;  // another top byte
        access.write = rng_.chance(2, 5);
        access.instruction = !access.write && rng_.chance(1, 5);
        access.privileged = rng_.chance(1, 2);
        const flat::Outcome expected = flat::translate(machine_, ste_address(s.sid), access);

        Request request = Bench::read_of(access.va, s.sid);
        request.write = access.write;
        request.instruction = access.instruction;
        request.privileged = access.privileged;
        Result got;
        bool done = false;
        const CachedTranslation* front =
            front_on_ ? front_.tlb.lookup(stream_tag(request.sid, request.ssid), request.address) : nullptr;
        if (front != nullptr && front->permissions.allows(request)) {
            bench_.accesses.clear();
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
        CAPTURE(value(s.sid), access.va, access.write, access.instruction, access.privileged, s.s1, s.s2, s.el2);
        CAPTURE(expected.ok, expected.code, expected.s2, expected.cls, expected.pa, got.pa.value, got.fault);
        bool same = done == expected.ok;
        if (same && done) same = got.pa.value == expected.pa;
        if (same && !done) {
            same = got.fault == expected.code && got.stage2 == expected.s2 &&
                   (!got.stage2 || (got.fault_class == expected.cls && (got.ipa & ~0xFFFULL) == expected.ipa));
        }
        for (const auto& [where, word] : expected.updates) same = same && bench_.memory.load(where) == word;
        if (!same) {
            const CachedTranslation hit = got.entry;
            std::string trail;
            for (const MemoryAccess& a : bench_.accesses) {
                trail += std::string(sheet().purpose(a.purpose).name) + " " + std::to_string(a.address.value) + " ";
            }
            CAPTURE(hit.va, hit.pa, int{hit.log2_bytes}, int{hit.level}, int{hit.granule}, trail);
            FAIL("the engine and the flat walker disagree");
        }
        ++outcomes[expected.ok ? 0 : expected.code][(s.s1 ? 1U : 0U) + (s.s2 ? 2U : 0U)];
        bench_.write(reg::EVENTQ_CONS, bench_.read(reg::EVENTQ_PROD));
    }

    void invalidate_va(const Stream& s, const Leaf& leaf, bool last_level) {
        const unsigned half = s.el2 && !e2h_ ? 0 : static_cast<unsigned>(leaf.va >> 55 & 1);
        const Granule granule = s.stage1[half].granule;
        const std::uint64_t tg = granule == Granule::k4    ? cmd::TG_4K
                                 : granule == Granule::k16 ? cmd::TG_16K
                                                           : cmd::TG_64K;
        TlbiRange range;
        std::uint64_t address = leaf.va;
        if (rng_.chance(1, 2)) {
            // One leaf, as a range of its granules.
            const unsigned log2_pages = level_shift(granule, leaf.level) - page_bits(granule);
            range.tg = static_cast<std::uint8_t>(tg);
            range.scale = static_cast<std::uint8_t>(log2_pages > 31 ? 31 : log2_pages);
            range.ttl = static_cast<std::uint8_t>(rng_.chance(1, 2) || log2_pages == 0 ? leaf.level : 0);
            address = align_down(address, 1ULL << level_shift(granule, leaf.level));
        }
        if (s.el2) {
            bench_.command(command::tlbi_address(rng_.chance(1, 2) ? Opcode::TLBI_EL2_VA : Opcode::TLBI_EL2_VAA, 0,
                                                 s.asid, address, last_level, range));
        } else {
            bench_.command(command::tlbi_address(rng_.chance(1, 2) ? Opcode::TLBI_NH_VA : Opcode::TLBI_NH_VAA, s.vmid,
                                                 s.asid, address, last_level, range));
        }
    }
    void invalidate_all(const Stream& s) {
        if (s.el2) return bench_.command(command::tlbi(Opcode::TLBI_EL2_ALL));
        switch (rng_.below(3)) {
            case 0:
                return bench_.command(command::tlbi(Opcode::TLBI_S12_VMALL, s.vmid));
            case 1:
                return bench_.command(command::tlbi(Opcode::TLBI_NSNH_ALL));
            default:
                if (s.s2) {
                    bench_.command(command::tlbi(Opcode::TLBI_S12_VMALL, s.vmid));
                } else {
                    bench_.command(command::tlbi(Opcode::TLBI_NH_ALL, s.vmid));
                }
        }
    }

    /// Software changes something, and says so.
    void mutate() {
        Stream& s = streams_[rng_.below(6)];
        const std::uint64_t what = rng_.below(4);
        if (what == 0 && !s.leaves1.empty()) {
            const Leaf& leaf = s.leaves1[rng_.below(s.leaves1.size())];
            const std::uint64_t flips[] = {1, 1 << 7, 1 << 6, 1 << 10, 1ULL << 20, 1ULL << 54};
            bench_.memory.store(leaf.address, bench_.memory.load(leaf.address) ^ flips[rng_.below(6)]);
            if (rng_.chance(1, 4)) {
                invalidate_all(s);
            } else {
                invalidate_va(s, leaf, rng_.chance(1, 2));
            }
        } else if (what == 1 && !s.leaves2.empty()) {
            const Leaf& leaf = s.leaves2[rng_.below(s.leaves2.size())];
            const std::uint64_t flips[] = {1, 1 << 7, 1 << 6, 1 << 10, 1ULL << 54};
            bench_.memory.store(leaf.address, bench_.memory.load(leaf.address) ^ flips[rng_.below(5)]);
            if (rng_.chance(1, 2)) {
                bench_.command(command::tlbi_address(Opcode::TLBI_S2_IPA, s.vmid, 0, leaf.va, true));
                bench_.command(command::tlbi(Opcode::TLBI_NH_ALL, s.vmid));
            } else {
                bench_.command(command::tlbi(Opcode::TLBI_S12_VMALL, s.vmid));
            }
            // A moved table: what was reached through the CD's page is configuration.
            bench_.command(command::cfgi_ste(s.sid, true));
            bench_.command(command::cfgi_ste(StreamId{6}, true));
        } else if (what == 2 && s.s1) {
            const std::uint64_t at = behind(s, s.cd_ipa);
            const unsigned flips[] = {36, 40, 35, 45};
            bench_.memory.store(at, bench_.memory.load(at) ^ (1ULL << flips[rng_.below(4)]));
            if (rng_.chance(1, 2)) {
                bench_.command(command::cfgi_cd(s.sid, SubstreamId{0}, true));
                bench_.command(command::cfgi_cd(StreamId{6}, SubstreamId{0}, true));
            } else {
                bench_.command(command::cfgi_all());
            }
            invalidate_all(s);
        } else {
            // Needless, but nothing may break.
            bench_.command(command::tlbi(Opcode::TLBI_NH_ASID, s.vmid, s.asid));
            bench_.command(command::cfgi_ste_range(s.sid, static_cast<unsigned>(rng_.below(4))));
        }
        bench_.command(command::sync(cmd::CS_NONE));
        REQUIRE(bench_.read(reg::GERROR) == 0);
    }

    Rng rng_;
    Features features_;
    Bench bench_;
    flat::Machine machine_;
    bool e2h_ = false;
    bool front_on_ = false;
    FrontTlb front_;
    std::uint64_t front_hits_ = 0;
    std::uint64_t next_pa_ = 0x100000000;
    std::vector<Stream> streams_;
};

}  // namespace xlate::tests
