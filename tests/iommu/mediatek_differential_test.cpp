// Random tables, ports and invalidations of the M4U against a walker written from docs/spec/iommu-hardware.md section
// 16.3 alone: a million accesses in the build for releases.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "tests/iommu/mediatek_world.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::mediatek;
using namespace xlate::iommu::mediatek::tests;

namespace {

#ifdef NDEBUG
constexpr int kAccesses = 250'000;
#else
constexpr int kAccesses = 10'000;
#endif

constexpr std::uint32_t kRoot = 0x80020000;
constexpr std::uint32_t kTables[] = {0x80100000, 0x80100400, 0x80200000, 0x80200C00};
const std::vector<unsigned> kLarbsHere = {0, 4};

/// What section 16.3 says of one access.
struct Expected {
    Fault fault = Fault::none;
    std::uint64_t pa = 0;
};

std::uint64_t high(std::uint32_t word) {
    std::uint64_t bits = 0;
    if ((word & 0x200) != 0) bits |= 1ull << 32;
    if ((word & 0x010) != 0) bits |= 1ull << 33;
    if ((word & 0x020) != 0) bits |= 1ull << 34;
    return bits;
}

Expected walk(std::map<std::uint64_t, std::uint32_t>& words, std::uint64_t iova, bool wide_input, bool wide_tables) {
    const std::uint32_t l1 = words[kRoot + (iova >> 20 & (wide_input ? 0x3FFF : 0xFFF)) * 4];
    if ((l1 & 3) == 0) return {Fault::l1_invalid, 0};
    if ((l1 & 3) != 1) {
        const std::uint64_t offset = (l1 & 0x40000) != 0 ? 0xFFFFFF : 0xFFFFF;
        return {Fault::none, (l1 & ~offset & 0xFFFFFFFF) | high(l1) | (iova & offset)};
    }
    const std::uint64_t table = (l1 & 0xFFFFFC00) | (wide_tables ? high(l1) : 0);
    const std::uint32_t l2 = words[table + (iova >> 12 & 0xFF) * 4];
    if ((l2 & 3) == 0) return {Fault::l2_invalid, 0};
    const std::uint64_t offset = (l2 & 3) == 1 ? 0xFFFF : 0xFFF;
    return {Fault::none, (l2 & ~offset & 0xFFFFFFFF) | high(l2) | (iova & offset)};
}

class Fuzz {
public:
    Fuzz(const char* compatible, bool caches)
        : soc_(*find_soc(compatible)), world_(parameters(compatible, caches)), rng_(7, compatible) {
        world_.write(reg::PT_BASE, kRoot);
        for (int i = 0; i < 300; ++i) change();
    }

    void run() {
        int translated = 0;
        for (int i = 0; i < kAccesses; ++i) {
            if (rng_.below(16) == 0) change();
            if (rng_.below(64) == 0) switch_port();
            const unsigned place = static_cast<unsigned>(rng_.below(2)), port = static_cast<unsigned>(rng_.below(4));
            const std::uint32_t id = kLarbsHere[place] << 5 | port;
            std::uint64_t iova = region() | rng_.below(24) << 20 | rng_.below(20) << 12 | rng_.below(64) * 64;
            if (!wide()) iova &= 0xFFFFFFFF;
            const bool write = rng_.below(2) == 0;
            const Step step = world_.access(id, iova, write);
            const std::uint32_t con = port_words_[place][port];
            Expected expected{Fault::none, iova};
            if ((con & 1) != 0) {
                const std::uint64_t seen = wide() ? (iova & 0xFFFFFFFF) | std::uint64_t{con >> 8 & 3} << 32 : iova;
                expected = walk(world_.memory.words, seen, wide(), soc_.table_high_bits);
                translated += expected.fault == Fault::none ? 1 : 0;
            }
            const Fault fault = step.kind == StepKind::fault ? static_cast<Fault>(step.result.fault) : Fault::none;
            if (fault == expected.fault && (fault != Fault::none || step.result.pa.value == expected.pa)) continue;
            INFO("access " << i << " id " << std::hex << id << " iova " << iova);
            CHECK(name(fault) == name(expected.fault));
            CHECK(step.result.pa.value == expected.pa);
            return;
        }
        CHECK(translated > kAccesses / 10);
    }

private:
    static Parameters parameters(const char* compatible, bool caches) {
        Parameters parameters = parameters_of(compatible, kLarbsHere);
        parameters.tlb = {caches, 32, 4};
        parameters.directory = {caches, 8, 4};
        return parameters;
    }
    bool wide() const { return soc_.input_bits > 32; }
    std::uint64_t region() { return wide() ? rng_.below(4) << 32 : 0; }

    void store(std::uint64_t at, std::uint32_t word) { world_.memory.words[at] = word; }
    /// One word: what is left of a group of sixteen would be no legal table.
    void store_one(std::uint64_t at, std::uint32_t word, bool first_level) {
        const std::uint64_t group = at & ~std::uint64_t{63};
        for (unsigned i = 0; i < 16; ++i) {
            const std::uint32_t old = world_.memory.words[group + i * 4];
            if (first_level ? (old & 3) > 1 && (old & 0x40000) != 0 : (old & 3) == 1) store(group + i * 4, 0);
        }
        store(at, word);
    }

    /// A word, or the sixteen of a group; then the range that changed is flushed, or everything.
    void change() {
        const std::uint64_t base = region() | rng_.below(24) << 20;
        const std::uint64_t slot = kRoot + (base >> 20) * 4;
        std::uint64_t first = base & ~std::uint64_t{0xFFFFFF}, last = first | 0xFFFFFF;
        switch (rng_.below(6)) {
            case 0:
                store_one(slot, 0, true);
                break;
            case 1:
                store_one(slot, static_cast<std::uint32_t>(rng_.below(1 << 12) << 20) | attributes() | 2, true);
                break;
            case 2: {
                const auto word = static_cast<std::uint32_t>(rng_.below(1 << 8) << 24) | attributes() | 0x40002;
                for (unsigned i = 0; i < 16; ++i) store(kRoot + ((first >> 20) + i) * 4, word);
                break;
            }
            case 3: {
                const std::uint32_t table = kTables[rng_.below(4)];
                store_one(slot, table | (soc_.table_high_bits ? attributes() : 0) | 9, true);
                break;
            }
            default:
                change_page(first, last);
                break;
        }
        if (rng_.below(8) == 0) {
            world_.write(soc_.inv_sel, 3);
            world_.write(reg::INVALIDATE, 2);
        } else {
            world_.range(first, last, soc_.inv_sel);
            CHECK(world_.read(reg::CPE_DONE) == 1);
            world_.write(reg::CPE_DONE, 0);
        }
    }
    /// Tables are shared by first-level words, so that everything is concerned.
    void change_page(std::uint64_t& first, std::uint64_t& last) {
        std::uint64_t table = kTables[rng_.below(4)];
        if (soc_.table_high_bits) table |= high(attributes());
        const unsigned page = static_cast<unsigned>(rng_.below(20));
        if (rng_.below(3) == 0) {
            const auto word = static_cast<std::uint32_t>(rng_.below(1 << 16) << 16) | attributes() | 1;
            for (unsigned i = 0; i < 16; ++i) store(table + ((page & ~15U) + i) * 4, word);
        } else {
            const std::uint32_t type = rng_.below(6) == 0 ? 0 : 2;
            store_one(table + page * 4, static_cast<std::uint32_t>(rng_.below(1 << 20) << 12) | attributes() | type,
                      false);
        }
        first = 0;
        last = wide() ? 0x3FFFFFFFF : 0xFFFFFFFF;
    }
    /// Bits 9, 4 and 5 at random.
    std::uint32_t attributes() {
        const std::uint64_t three = rng_.below(8);
        return static_cast<std::uint32_t>((three & 1) << 9 | (three >> 1 & 1) << 4 | (three >> 2 & 1) << 5);
    }
    void switch_port() {
        const unsigned place = static_cast<unsigned>(rng_.below(2)), port = static_cast<unsigned>(rng_.below(4));
        const auto bank = static_cast<std::uint32_t>(rng_.below(4));
        port_words_[place][port] =
            static_cast<std::uint32_t>(rng_.below(4) != 0 ? 1 : 0) | (wide() ? larb::bank_bits(bank) : 0);
        world_.write(larb::NONSEC_CON(port), port_words_[place][port], World::larb(place));
    }

    const Soc& soc_;
    World world_;
    Rng rng_;
    std::uint32_t port_words_[2][4] = {};
};

}  // namespace

TEST_CASE("mediatek: random tables and accesses go as a walker from the specification says", "[iommu][mediatek]") {
    const char* const compatible =
        GENERATE("mediatek,mt8192-m4u", "mediatek,mt8186-iommu-mm", "mediatek,mt8183-m4u", "mediatek,mt6779-m4u");
    const bool caches = GENERATE(true, false);
    INFO(compatible << (caches ? " with caches" : " without caches"));
    Fuzz(compatible, caches).run();
}
