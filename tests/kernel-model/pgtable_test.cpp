#include <catch2/catch.hpp>

#include <map>
#include <vector>

#include "base/bits.hpp"
#include "base/random.hpp"
#include "kernel-model/core/errno.hpp"
#include "kernel-model/pgtable/vmsav8_stage1.hpp"
#include "tests/kernel-model/table_walker.hpp"

using namespace xlate;
using namespace xlate::kernel;

namespace {

constexpr std::uint64_t kAllSizes =
    (1ull << 12) | (1ull << 21) | (1ull << 30) | (1ull << 14) | (1ull << 25) | (1ull << 16) | (1ull << 29);

/// Memory of words, and pages handed out upwards; knows what is still out.
class PlainTables final : public TableMemory {
public:
    std::optional<PhysAddr> alloc_table(std::uint64_t bytes) override {
        if (left == 0) return std::nullopt;
        --left;
        next_ = align_up(next_, bytes);
        const std::uint64_t page = next_;
        next_ += bytes;
        for (std::uint64_t at = page; at < page + bytes; at += 8) words[at] = 0;
        out[page] = bytes;
        return PhysAddr{page};
    }
    void free_table(PhysAddr table, std::uint64_t bytes) override {
        REQUIRE(out.count(table.value) == 1);
        REQUIRE(out[table.value] == bytes);
        out.erase(table.value);
        for (std::uint64_t at = table.value; at < table.value + bytes; at += 8) words[at] = 0xDEADDEADDEADDEAD;
    }
    void store(PhysAddr at, const std::uint64_t* data, std::size_t count, unsigned word_bytes) override {
        REQUIRE(word_bytes == 8);
        ++writes;
        for (std::size_t i = 0; i < count; ++i) words[at.value + 8 * i] = data[i];
    }
    std::uint64_t read(std::uint64_t at) const {
        const auto word = words.find(at);
        return word == words.end() ? 0 : word->second;
    }

    std::map<std::uint64_t, std::uint64_t> words;
    std::map<std::uint64_t, std::uint64_t> out;
    std::uint64_t left = 1000;
    std::uint64_t writes = 0;

private:
    std::uint64_t next_ = 0x83000000;
};

class LoggedFlush final : public TlbFlush {
public:
    void tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t) override {
        walks.push_back({iova, size});
    }
    void tlb_sync_gather(const IotlbGather& gather) override { gathers.push_back(gather); }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> walks;
    std::vector<IotlbGather> gathers;
};

struct Tables {
    explicit Tables(std::uint64_t cpu_page = 4096, unsigned ias = 48)
        : pgtable(memory, flush, IoPgtableConfig{kAllSizes, ias, 48, true, cpu_page}) {
        REQUIRE(pgtable.init() == 0);
    }
    Stage1Registers registers() const { return pgtable.format().registers(pgtable.root()); }
    std::optional<test::Walk> walk(std::uint64_t va) const {
        const Stage1Registers regs = registers();
        return test::walk([this](std::uint64_t at) { return memory.read(at); }, regs.ttbr, regs.t0sz,
                          iommu::smmuv3::page_bits(pgtable.format().granule()), va);
    }
    PlainTables memory;
    LoggedFlush flush;
    Stage1Pgtable pgtable;
};

}  // namespace

TEST_CASE("pgtable: descriptors are those of the worked vectors", "[kernel-model][pgtable]") {
    Tables t;
    REQUIRE(t.pgtable.map(Iova{0x1000}, PhysAddr{0x456789000}, 0x1000, {}) == 0);
    PageProt read_only;
    read_only.write = false;
    REQUIRE(t.pgtable.map(Iova{0x2000}, PhysAddr{0x456789000}, 0x1000, read_only) == 0);
    REQUIRE(t.pgtable.map(Iova{0x200000}, PhysAddr{0x400000000}, 0x200000, {}) == 0);
    PageProt no_execute;
    no_execute.no_execute = true;
    REQUIRE(t.pgtable.map(Iova{0x3000}, PhysAddr{0x456789000}, 0x1000, no_execute) == 0);
    CHECK(t.walk(0x1000)->descriptor == 0x0000000456789F47);
    CHECK(t.walk(0x2000)->descriptor == 0x0000000456789FC7);
    CHECK(t.walk(0x3000)->descriptor == 0x0060000456789F47);
    CHECK(t.walk(0x200000)->descriptor == 0x0000000400000F45);
    CHECK(t.walk(0x200000)->level == 2);
    CHECK(t.memory.read(t.registers().ttbr) == 0x83001003);  // a table descriptor
}

TEST_CASE("pgtable: the registers follow granule and size", "[kernel-model][pgtable]") {
    SECTION("4K") {
        Tables t{4096};
        CHECK(t.pgtable.pgsize_bitmap() == ((1ull << 12) | (1ull << 21) | (1ull << 30)));
        const Stage1Registers regs = t.registers();
        CHECK(regs.t0sz == 16);
        CHECK(regs.tg0 == 0);
        CHECK(regs.ips == 5);
        CHECK(regs.mair == 0xF404FF44);
        CHECK(regs.sh0 == 3);
        CHECK(t.memory.out.at(regs.ttbr) == 4096);
    }
    SECTION("16K, a root of two entries") {
        Tables t{16384};
        CHECK(t.registers().tg0 == 2);
        CHECK(t.memory.out.at(t.registers().ttbr) == 64);  // the smallest alignment of a root
    }
    SECTION("64K") {
        Tables t{65536};
        CHECK(t.registers().tg0 == 1);
        CHECK(t.memory.out.at(t.registers().ttbr) == 512);
    }
    SECTION("hardware without the kernel's page size uses a smaller one, else a larger one") {
        CHECK(restrict_pgsizes((1ull << 12) | (1ull << 21), 65536) == ((1ull << 12) | (1ull << 21)));
        CHECK(restrict_pgsizes((1ull << 16) | (1ull << 29), 4096) == ((1ull << 16) | (1ull << 29)));
        CHECK(restrict_pgsizes(0, 4096) == 0);
    }
}

TEST_CASE("pgtable: the largest pages that fit are used, up to the next boundary", "[kernel-model][pgtable]") {
    const std::uint64_t sizes = (1ull << 12) | (1ull << 21) | (1ull << 30);
    CHECK(iommu_pgsize(sizes, 0x1000, 0x1000, 0x1000).pgsize == 0x1000);
    const PageRun to_boundary = iommu_pgsize(sizes, 0x1FF000, 0x3FF000, 0x400000);
    CHECK(to_boundary.pgsize == 0x1000);
    CHECK(to_boundary.count == 1);
    const PageRun no_alignment = iommu_pgsize(sizes, 0x1FF000, 0x3FE000, 0x400000);
    CHECK(no_alignment.pgsize == 0x1000);
    CHECK(no_alignment.count == 0x400);
    CHECK(iommu_pgsize(sizes, 0x200000, 0x400000, 0x600000).count == 3);
    CHECK(iommu_pgsize(sizes, 0x200800, 0x400000, 0x600000).pgsize == 0);

    Tables t;
    REQUIRE(t.pgtable.map(Iova{0x3FFFF000}, PhysAddr{0x13FFFF000}, 0x40000000 + 0x201000, {}) == 0);
    CHECK(t.walk(0x3FFFF123)->level == 3);
    CHECK(t.walk(0x40000123)->level == 1);
    CHECK(t.walk(0x80000123)->level == 2);
    CHECK(t.walk(0x80000123)->address == 0x180000123);
    CHECK_FALSE(t.walk(0x80200000));
}

TEST_CASE("pgtable: every granule maps and unmaps, and memory says the same as the driver", "[kernel-model][pgtable]") {
    const std::uint64_t page = GENERATE(4096u, 16384u, 65536u);
    const unsigned ias = GENERATE(32u, 39u, 44u, 48u);
    CAPTURE(page, ias);
    Tables t{page, ias};
    Rng random{7, "test.pgtable"};
    std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> live;  // iova -> paddr, size
    const std::uint64_t top = 1ull << ias;
    for (int step = 0; step < 150; ++step) {
        if (live.size() < 20 || random.chance(1, 2)) {
            const std::uint64_t size = page * (1 + random.below(random.chance(1, 5) ? 3000 : 20));
            std::uint64_t iova = align_down(random.below(random.chance(1, 2) ? top : top / 1024), page);
            std::uint64_t paddr = align_down(random.below(1ull << 36), page);
            if (random.chance(1, 3)) {
                iova = align_down(iova, 1ull << 25);
                paddr = align_down(paddr, 1ull << 25);
            }
            if (iova + size > top) continue;
            auto next = live.lower_bound(iova);
            bool clash = next != live.end() && next->first < iova + size;
            if (next != live.begin()) {
                --next;
                clash = clash || next->first + next->second.second > iova;
            }
            const int err = t.pgtable.map(Iova{iova}, PhysAddr{paddr}, size, {});
            REQUIRE(err == (clash ? -kEEXIST : 0));
            if (!clash) live[iova] = {paddr, size};
        } else {
            auto victim = live.begin();
            std::advance(victim, static_cast<std::ptrdiff_t>(random.below(live.size())));
            IotlbGather gather;
            REQUIRE(t.pgtable.unmap(Iova{victim->first}, victim->second.second, gather) == victim->second.second);
            REQUIRE_FALSE(t.walk(victim->first));
            REQUIRE_FALSE(t.walk(victim->first + victim->second.second - 1));
            live.erase(victim);
        }
        for (const auto& [iova, mapping] : live) {
            for (const std::uint64_t at : {std::uint64_t{0}, mapping.second / 2, mapping.second - 1}) {
                const auto found = t.walk(iova + at);
                REQUIRE(found);
                REQUIRE(found->address == mapping.first + at);
                REQUIRE(t.pgtable.iova_to_phys(Iova{iova + at})->value == mapping.first + at);
            }
        }
    }
    t.pgtable.free_tables();
    CHECK(t.memory.out.empty());
}

TEST_CASE("pgtable: an unmapped range is gathered whole, another page size flushes what was gathered",
          "[kernel-model][pgtable]") {
    Tables t;
    REQUIRE(t.pgtable.map(Iova{0x1FE000}, PhysAddr{0x3FE000}, 0x2000 + 0x200000, {}) == 0);
    IotlbGather gather;
    CHECK(t.pgtable.unmap(Iova{0x1FE000}, 0x202000, gather) == 0x202000);
    REQUIRE(t.flush.gathers.size() == 1);
    CHECK(t.flush.gathers[0].start == 0x1FE000);
    CHECK(t.flush.gathers[0].end == 0x1FFFFF);
    CHECK(t.flush.gathers[0].pgsize == 0x1000);
    CHECK(gather.start == 0x200000);
    CHECK(gather.end == 0x3FFFFF);
    CHECK(gather.pgsize == 0x200000);
}

TEST_CASE("pgtable: a queued unmap gathers nothing", "[kernel-model][pgtable]") {
    Tables t;
    REQUIRE(t.pgtable.map(Iova{0x1000}, PhysAddr{0x1000}, 0x1000, {}) == 0);
    IotlbGather gather;
    gather.queued = true;
    CHECK(t.pgtable.unmap(Iova{0x1000}, 0x1000, gather) == 0x1000);
    CHECK(gather.pgsize == 0);
}

TEST_CASE("pgtable: a table goes back only when a whole block over it is unmapped, after its walk is flushed",
          "[kernel-model][pgtable]") {
    Tables t;
    REQUIRE(t.pgtable.map(Iova{0x200000}, PhysAddr{0x1000}, 0x200000, {}) == 0);  // misaligned memory: 512 pages
    CHECK(t.walk(0x200000)->level == 3);
    CHECK(t.pgtable.table_count() == 4);
    IotlbGather gather;
    SECTION("page by page the empty table stays") {
        for (std::uint64_t at = 0x200000; at < 0x400000; at += 0x1000) {
            IotlbGather one;
            CHECK(t.pgtable.unmap(Iova{at}, 0x1000, one) == 0x1000);
        }
        CHECK(t.pgtable.table_count() == 4);
        CHECK(t.flush.walks.empty());
    }
    SECTION("at once it is freed") {
        CHECK(t.pgtable.unmap(Iova{0x200000}, 0x200000, gather) == 0x200000);
        CHECK(t.pgtable.table_count() == 3);
        REQUIRE(t.flush.walks.size() == 1);
        CHECK(t.flush.walks[0] == std::make_pair(std::uint64_t{0x200000}, std::uint64_t{0x200000}));
        CHECK(gather.pgsize == 0);
    }
}

TEST_CASE("pgtable: unmapping a part of a block leaves the rest mapped", "[kernel-model][pgtable]") {
    Tables t;
    REQUIRE(t.pgtable.map(Iova{0x40000000}, PhysAddr{0x140000000}, 0x40000000, {}) == 0);
    REQUIRE(t.walk(0x40000000)->level == 1);
    IotlbGather gather;
    CHECK(t.pgtable.unmap(Iova{0x40201000}, 0x2000, gather) == 0x2000);
    CHECK_FALSE(t.walk(0x40201000));
    CHECK_FALSE(t.walk(0x40202FFF));
    CHECK(t.walk(0x40200FFF)->address == 0x140200FFF);
    CHECK(t.walk(0x40203000)->address == 0x140203000);
    CHECK(t.walk(0x40400000)->level == 2);
    CHECK(t.walk(0x7FFFFFFF)->address == 0x17FFFFFFF);
}

TEST_CASE("pgtable: bad requests are refused, and without memory nothing stays behind", "[kernel-model][pgtable]") {
    Tables t{4096, 39};
    CHECK(t.pgtable.map(Iova{0x1000}, PhysAddr{0x1800}, 0x1000, {}) == -kEINVAL);
    CHECK(t.pgtable.map(Iova{0x1000}, PhysAddr{0x1000}, 0x800, {}) == -kEINVAL);
    CHECK(t.pgtable.map(Iova{0x1000}, PhysAddr{0x1000}, 0, {}) == -kEINVAL);
    CHECK(t.pgtable.map(Iova{1ull << 39}, PhysAddr{0x1000}, 0x1000, {}) == -kERANGE);
    CHECK(t.pgtable.map(Iova{0x1000}, PhysAddr{1ull << 48}, 0x1000, {}) == -kERANGE);
    REQUIRE(t.pgtable.map(Iova{0x5000}, PhysAddr{0x1000}, 0x1000, {}) == 0);
    CHECK(t.pgtable.map(Iova{0x4000}, PhysAddr{0x1000}, 0x3000, {}) == -kEEXIST);
    CHECK_FALSE(t.walk(0x4000));  // taken back
    CHECK(t.walk(0x5000));
    t.memory.left = 1;
    CHECK(t.pgtable.map(Iova{0x3FFFF000}, PhysAddr{0x1000}, 0x2000, {}) == -kENOMEM);
    CHECK_FALSE(t.walk(0x3FFFF000));
    IotlbGather gather;
    CHECK(t.pgtable.unmap(Iova{0x7000}, 0x1000, gather) == 0);
    t.memory.left = 0;
    Stage1Pgtable none{t.memory, t.flush, IoPgtableConfig{kAllSizes, 48, 48, true, 4096}};
    CHECK(none.init() == -kENOMEM);
}
