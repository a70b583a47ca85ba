// Random device tables, v1 and v2 tables, accesses, interrupts aside, against a walker that is written from the
// specification alone (amd_flat_walker) and reads memory at each access. With caches, a table changes only together
// with the command that drops what is known of it.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "base/random.hpp"
#include "iommu/tables/layout_amd.hpp"
#include "tests/iommu/amd_bench.hpp"
#include "tests/iommu/amd_flat_walker.hpp"

namespace xlate::iommu::amd {
namespace {

namespace v1 = amd_table::v1;
namespace v2 = amd_table::v2;

#ifdef NDEBUG
constexpr unsigned kAccesses = 1'000'000;
#else
constexpr unsigned kAccesses = 60'000;
#endif
constexpr unsigned kDevices = 8, kDomains = 5, kProcesses = 3, kSpots = 24;
constexpr std::uint64_t kBase = 0x80000000, kTables = 0x90000000;

class Differential {
public:
    Differential(std::uint64_t seed, bool caches)
        : bench_(bench_params(ext_feat_by_name("full"), caches)), rng_(seed, "amd"), caches_(caches) {
        bench_.start(kBase, control::GT.mask());
        for (unsigned i = 0; i < kDomains; ++i) make_domain(domains_[i], i);
        for (unsigned i = 0; i < kSpots; ++i) spots_[i] = any_address();
        for (std::uint32_t device = 0; device < kDevices; ++device) set_device(device);
    }

    void run(unsigned accesses) {
        for (unsigned i = 0; i < accesses && wrong.size() < 10; ++i) {
            switch (rng_.below(40)) {
                case 0:
                    set_device(static_cast<std::uint32_t>(rng_.below(kDevices)));
                    break;
                case 1:
                case 2:
                    change_host(domains_[rng_.below(kDomains)]);
                    break;
                case 3:
                    change_guest(domains_[rng_.below(kDomains)]);
                    break;
                case 4:
                    if (rng_.below(20) == 0) everything();
                    break;
                case 5:
                    if (rng_.below(20) == 0) exclusion();
                    break;
                default:
                    access();
            }
        }
    }

    std::vector<std::string> wrong;
    std::uint64_t passed = 0, refused = 0;

private:
    struct Domain {
        std::uint16_t id = 0;
        unsigned levels = 0;
        std::uint64_t root = 0;  ///< v1
        unsigned glx = 0, guest_levels = 4;
        std::uint64_t gcr3 = 0;
        std::vector<std::uint64_t> guest_roots;  ///< by process; 0: none
    };

    std::uint64_t new_page() {
        next_ += 4096;
        return next_;
    }
    std::uint64_t word(std::uint64_t address) { return bench_.memory.load(address); }
    void store(std::uint64_t address, std::uint64_t value) { bench_.memory.store(address, value); }

    std::uint64_t any_address() {
        const unsigned bits[] = {21, 30, 39, 48, 57, 64};
        std::uint64_t address = rng_.next() & low_mask(bits[rng_.below(6)]);
        if (rng_.below(12) == 0) address = kInterruptFirst + rng_.below(0x200000);
        return address & ~std::uint64_t{0xFFF};
    }
    /// One that is mapped somewhere, or one beside it.
    std::uint64_t address() {
        std::uint64_t at = spots_[rng_.below(kSpots)] + rng_.below(4) * 0x1000 + rng_.below(0xFFC);
        if (rng_.below(30) == 0) at ^= std::uint64_t{1} << rng_.below(64);
        return at;
    }
    /// Rights and rare faults of a v1 word.
    std::uint64_t host_bits() {
        std::uint64_t bits = v1::PR.of(1) | v1::IR.of(1) | v1::IW.of(1) | v1::FC.of(rng_.below(2));
        if (rng_.below(10) == 0) bits &= ~v1::IR.mask();
        if (rng_.below(10) == 0) bits &= ~v1::IW.mask();
        if (rng_.below(40) == 0) bits &= ~v1::PR.mask();
        if (rng_.below(40) == 0) bits |= std::uint64_t{1} << (52 + rng_.below(7));
        if (rng_.below(6) == 0) bits |= (rng_.next() & 0x1E) | v1::U.of(1);  // ignored
        return bits;
    }
    std::uint64_t any_page() { return rng_.next() & 0xFFFFFFFFFF000; }

    /// Maps what holds `input` in v1 tables, with skips, large and sized leaves; returns the first and last byte
    /// touched.
    std::pair<std::uint64_t, std::uint64_t> map_host(Domain& domain, std::uint64_t input, bool near) {
        input &= low_mask(amd_table::input_bits(domain.levels));
        std::uint64_t table = domain.root;
        unsigned level = domain.levels;
        const std::uint64_t target = near ? kTables + 0x4000000 + (rng_.next() & 0x3FFF000) : any_page();
        std::uint64_t whole = 0;  // of a word that was a leaf and becomes a table: all that it mapped
        const auto range = [&](std::uint64_t mask) {
            mask |= whole;
            return std::pair(input & ~mask, input | mask);
        };
        for (;;) {
            const std::uint64_t at = table + amd_table::word_offset(input, level);
            const bool leaf = level == 1 || rng_.below(8) == 0;
            // All words of a sized leaf are the same, or none of them is there any more.
            if (const std::uint64_t was = word(at); v1::PR.test(was) && v1::NEXT_LEVEL.get(was) == v1::kSizedLeaf) {
                const unsigned log2 = v1::sized_log2(was), shift = amd_table::shift(level);
                const std::uint64_t first = input & ~low_mask(log2);
                for (std::uint64_t i = 0; i < std::uint64_t{1} << (log2 - shift); ++i) {
                    store(table + amd_table::word_offset(first + (i << shift), level), 0);
                }
                whole |= low_mask(log2);
            }
            if (leaf) {
                const unsigned shift = amd_table::shift(level);
                if (rng_.below(3) == 0) {
                    const unsigned more = 1 + static_cast<unsigned>(rng_.below(level == 6 ? 6 : 8));
                    const unsigned log2 = std::min(shift + more, 52U);
                    if (log2 > shift) {
                        const std::uint64_t value =
                            host_bits() | v1::NEXT_LEVEL.of(v1::kSizedLeaf) | v1::sized_address(target, log2);
                        const std::uint64_t first = input & ~low_mask(log2);
                        for (std::uint64_t i = 0; i < std::uint64_t{1} << (log2 - shift); ++i) {
                            store(table + amd_table::word_offset(first + (i << shift), level), value);
                        }
                        return range(low_mask(log2));
                    }
                }
                store(at, host_bits() | (target & ~low_mask(std::min(shift, 52U))));
                return range(low_mask(shift));
            }
            const std::uint64_t old = word(at);
            const unsigned next = static_cast<unsigned>(v1::NEXT_LEVEL.get(old));
            // Of the levels that a word skips, a table has addresses with zeros alone.
            const auto skip_to = [&](unsigned below) {
                input &= ~(low_mask(amd_table::shift(level)) & ~low_mask(amd_table::shift(below + 1)));
            };
            if (v1::PR.test(old) && next != 0 && next < level) {
                skip_to(next);
                table = v1::address(old);
                level = next;
                continue;
            }
            if (v1::PR.test(old)) whole |= low_mask(amd_table::shift(level));
            unsigned to = level - 1;
            while (to > 1 && rng_.below(6) == 0) --to;
            std::uint64_t bits = host_bits();
            if (rng_.below(60) == 0) {
                store(at, bits | v1::NEXT_LEVEL.of(level + rng_.below(6 - level + 1)) | any_page());  // no such level
                return range(low_mask(amd_table::shift(level)));
            }
            const std::uint64_t page = new_page();
            store(at, bits | v1::NEXT_LEVEL.of(to) | page);
            skip_to(to);
            table = page;
            level = to;
        }
    }

    void make_domain(Domain& domain, unsigned number) {
        domain.id = static_cast<std::uint16_t>(number + 1);
        domain.levels = 1 + static_cast<unsigned>(rng_.below(6));
        domain.root = new_page();
        domain.glx = static_cast<unsigned>(rng_.below(3));
        domain.guest_levels = 4 + static_cast<unsigned>(rng_.below(2));
        domain.gcr3 = new_page();
        domain.guest_roots.assign(kProcesses, 0);
        for (unsigned i = 0; i < 12; ++i) map_host(domain, spots_of(i), false);
        // Where guest tables are: mapped to themselves, so that nested walks get somewhere.
        if (domain.levels >= 3) {
            const std::uint64_t at = domain.root;
            std::uint64_t table = at;
            for (unsigned level = domain.levels; level > 2; --level) {
                const std::uint64_t slot = table + amd_table::word_offset(kTables, level);
                const std::uint64_t page = new_page();
                store(slot, v1::PR.of(1) | v1::IR.of(1) | v1::IW.of(1) | v1::NEXT_LEVEL.of(level - 1) | page);
                table = page;
            }
            for (std::uint64_t i = 0; i < 64; ++i) {
                const std::uint64_t from = kTables + (i << 21);
                store(table + amd_table::word_offset(from, 2), v1::PR.of(1) | v1::IR.of(1) | v1::IW.of(1) | from);
            }
        }
        for (unsigned process = 0; process < kProcesses; ++process) {
            if (rng_.below(5) == 0) continue;
            domain.guest_roots[process] = new_page();
            std::uint64_t table = domain.gcr3;
            const std::uint64_t pasid = pasid_of(process);
            for (unsigned level = domain.glx + 1; level > 0; --level) {
                const std::uint64_t at = table + (pasid >> (9 * (level - 1)) & 511) * 8;
                if (level == 1) {
                    store(at, 1 | domain.guest_roots[process]);
                } else if ((word(at) & 1) == 0) {
                    store(at, 1 | new_page());
                }
                table = word(at) & 0xFFFFFFFFFF000;
            }
            for (unsigned i = 0; i < 10; ++i) map_guest(domain, process, spots_of(i));
        }
    }
    std::uint64_t spots_of(unsigned i) {
        if (spots_[i % kSpots] == 0) spots_[i % kSpots] = any_address();
        return spots_[i % kSpots];
    }
    static std::uint32_t pasid_of(unsigned process) {
        const std::uint32_t ids[] = {0, 7, 0x1234};
        return ids[process];
    }

    std::pair<std::uint64_t, std::uint64_t> map_guest(Domain& domain, unsigned process, std::uint64_t input) {
        const unsigned unused = 64 - amd_table::input_bits(domain.guest_levels);
        input = static_cast<std::uint64_t>(static_cast<std::int64_t>(input << unused) >> unused);
        std::uint64_t table = domain.guest_roots[process];
        std::uint64_t whole = 0;
        const auto range = [&](std::uint64_t mask) {
            mask |= whole;
            return std::pair(input & ~mask, input | mask);
        };
        for (unsigned level = domain.guest_levels;; --level) {
            const std::uint64_t at = table + amd_table::word_offset(input, level);
            std::uint64_t bits = v2::P.of(1) | v2::RW.of(1) | v2::US.of(1) | v2::A.of(rng_.below(2));
            if (rng_.below(10) == 0) bits &= ~v2::RW.mask();
            if (rng_.below(10) == 0) bits &= ~v2::US.mask();
            if (rng_.below(40) == 0) bits &= ~v2::P.mask();
            if (rng_.below(10) == 0) bits |= v2::NX.mask();
            const unsigned shift = amd_table::shift(level);
            if (level == 1 || (level <= 3 && rng_.below(6) == 0)) {
                bits |= v2::D.of(rng_.below(2));
                if (level != 1) bits |= v2::PS.of(1);
                const std::uint64_t target = rng_.below(3) == 0 ? spots_of(static_cast<unsigned>(rng_.below(kSpots)))
                                                                : kTables + (rng_.next() & 0x7FFF000);
                store(at, bits | (target & 0xFFFFFFFFFF000 & ~low_mask(shift)));
                return range(low_mask(shift));
            }
            if (level > 3 && rng_.below(60) == 0) bits |= v2::PS.of(1);
            const std::uint64_t old = word(at);
            if (v2::P.test(old) && !v2::PS.test(old)) {
                table = v2::address(old);
                continue;
            }
            if (v2::P.test(old)) whole |= low_mask(shift);
            const std::uint64_t page = new_page();
            store(at, bits | page);
            if (!v2::P.test(bits) || v2::PS.test(bits)) return range(low_mask(shift));
            table = page;
        }
    }

    void set_device(std::uint32_t device) {
        const Domain& domain = domains_[rng_.below(kDomains)];
        DteWords words{};
        words[0] =
            dte::V.of(1) | dte::TV.of(1) | dte::IR.of(1) | dte::IW.of(1) | dte::MODE.of(domain.levels) | domain.root;
        words[1] = dte::DOMAIN_ID.of(domain.id);
        const auto kind = rng_.below(8);
        if (kind < 4) {
            // Guest tables, alone or through the host's.
            if (kind < 2) words[0] &= ~(dte::MODE.mask() | dte::ROOT.mask());
            words[0] |=
                dte::GV.of(1) | dte::GIOV.of(rng_.below(2)) | dte::GLX.of(domain.glx) | dte::gcr3_word0(domain.gcr3);
            words[1] |= dte::gcr3_word1(domain.gcr3);
            words[2] |= dte::GUEST_LEVELS.of(domain.guest_levels - 4);
            // Entries of one domain with and without host tables are two kinds of address space: ids apart.
            if (kind < 2) words[1] = dte::DOMAIN_ID.set(words[1], domain.id + 0x100U);
        }
        if (rng_.below(10) == 0) words[0] &= ~dte::IR.mask();
        if (rng_.below(10) == 0) words[0] &= ~dte::IW.mask();
        if (rng_.below(20) == 0) words[0] &= ~dte::TV.mask();
        if (rng_.below(20) == 0) words[0] &= ~dte::V.mask();
        if (rng_.below(20) == 0) words[0] = dte::V.of(1) | dte::TV.of(1) | dte::IR.of(rng_.below(2)) | dte::IW.of(1);
        if (rng_.below(20) == 0) words[0] |= dte::MODE.of(7);
        if (rng_.below(30) == 0) words[3] |= std::uint64_t{1} << rng_.below(15);
        if (rng_.below(10) == 0) words[1] |= dte::EX.of(1);
        if (rng_.below(10) == 0) words[1] |= dte::SA.of(1);
        bench_.dte(device, words, kBase);
        bench_.command(Bench::op(Opcode::invalidate_devtab_entry) | cmd::DEVICE.of(device));
    }
    /// Both address spaces that share the domain's host tables hear of it.
    void drop(const Domain& domain, std::uint64_t first, std::uint64_t last, std::optional<std::uint32_t> pasid) {
        for (const std::uint32_t id : {std::uint32_t{domain.id}, domain.id + 0x100U}) {
            std::uint64_t word1 = page_range_word(first, last) | cmd::PDE.of(1);
            if (pasid) word1 |= cmd::GN.of(1);
            bench_.command(
                Bench::op(Opcode::invalidate_iommu_pages) | cmd::DOMAIN_ID.of(id) | cmd::PASID.of(pasid.value_or(0)),
                word1);
        }
        bench_.command(Bench::op(Opcode::completion_wait));
    }
    void change_host(Domain& domain) {
        const auto [first, last] = map_host(domain, spots_[rng_.below(kSpots)], false);
        drop(domain, first, last, std::nullopt);
    }
    void change_guest(Domain& domain) {
        const auto process = static_cast<unsigned>(rng_.below(kProcesses));
        if (domain.guest_roots[process] == 0) return;
        const auto [first, last] = map_guest(domain, process, spots_[rng_.below(kSpots)]);
        drop(domain, first, last, pasid_of(process));
    }
    void everything() {
        for (unsigned i = 0; i < 3; ++i) map_host(domains_[rng_.below(kDomains)], spots_[rng_.below(kSpots)], false);
        bench_.command(Bench::op(Opcode::invalidate_iommu_all));
    }
    void exclusion() {
        const std::uint64_t first = spots_[rng_.below(kSpots)];
        bench_.write(reg::EXCL_LIMIT, first + rng_.below(4) * 0x1000);
        bench_.write(reg::EXCL_BASE,
                     (first & excl::ADDRESS.mask()) | excl::EN.of(rng_.below(2)) | excl::ALLOW.of(rng_.below(2)));
        // What the IOMMU keeps does not know of ranges.
        bench_.command(Bench::op(Opcode::invalidate_iommu_all));
    }

    void access() {
        FlatAccess what;
        what.device = static_cast<std::uint32_t>(rng_.below(kDevices));
        what.address = address();
        what.write = rng_.below(2) == 0;
        if (rng_.below(3) == 0) {
            what.pasid = pasid_of(static_cast<unsigned>(rng_.below(kProcesses)));
            what.privileged = rng_.below(4) == 0;
            what.execute = !what.write && rng_.below(4) == 0;
        }
        Request request;
        request.sid = StreamId{what.device};
        if (what.pasid) request.ssid = SubstreamId{*what.pasid};
        request.address = what.address;
        request.length = 4;
        request.write = what.write;
        request.instruction = what.execute;
        request.privileged = what.privileged;
        FlatUnit unit;
        unit.devtab = bench_.read(reg::DEVTAB);
        unit.exclusion = bench_.read(reg::EXCL_BASE);
        unit.exclusion_limit = bench_.read(reg::EXCL_LIMIT);
        unit.guest = true;
        const FlatAnswer rule = flat_walk(unit, what, bench_.memory);
        const Step step = bench_.translate(request);
        const auto events = bench_.take_events();
        bench_.write(reg::EVT_HEAD, bench_.read(reg::EVT_TAIL));
        const bool passes = step.kind == StepKind::done;
        ++(passes ? passed : refused);
        bool same = passes == rule.passes && (!passes || step.result.pa.value == rule.pa) &&
                    events.size() == (rule.logged ? 1U : 0U);
        for (unsigned i = 0; same && rule.logged && i < 4; ++i) same = events[0][i] == rule.event[i];
        if (same) return;
        std::string text = fmt::format("device {} pasid {} {} {:#x}: ", what.device,
                                       what.pasid ? fmt::format("{:#x}", *what.pasid) : "none",
                                       what.write ? "write" : "read", what.address);
        text += passes ? fmt::format("{:#x}", step.result.pa.value) : "refused";
        text += rule.passes ? fmt::format("; rule: {:#x}", rule.pa) : "; rule: refused";
        if (!events.empty()) text += fmt::format("; event {:x}", fmt::join(events[0], " "));
        if (rule.logged) text += fmt::format("; rule {:x}", fmt::join(rule.event, " "));
        wrong.push_back(text + (caches_ ? " (caches)" : ""));
    }

    Bench bench_;
    Rng rng_;
    bool caches_;
    std::uint64_t next_ = kTables;
    std::array<std::uint64_t, kSpots> spots_{};
    std::array<Domain, kDomains> domains_;
};

void compare(bool caches) {
    std::uint64_t passed = 0, refused = 0;
    constexpr unsigned kWorlds = 40;
    for (unsigned world = 0; world < kWorlds; ++world) {
        Differential one(world, caches);
        one.run(kAccesses / kWorlds / 2);
        passed += one.passed;
        refused += one.refused;
        INFO("world " << world << ": " << fmt::format("{}", fmt::join(one.wrong, "\n")));
        REQUIRE(one.wrong.empty());
    }
    CHECK(passed > kAccesses / 20);
    CHECK(refused > kAccesses / 20);
}

}  // namespace

TEST_CASE("amd: random tables and accesses give what the specification says, without caches",
          "[iommu][amd][differential]") {
    compare(false);
}
TEST_CASE("amd: random tables and accesses give what the specification says, with caches",
          "[iommu][amd][differential]") {
    compare(true);
}

}  // namespace xlate::iommu::amd
