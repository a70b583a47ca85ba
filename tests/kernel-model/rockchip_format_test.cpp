// The Rockchip tables as IoPgtable writes them, and the driver against the row of kernel-probe.md 5.2.
#include <catch2/catch.hpp>

#include <map>

#include "base/random.hpp"
#include "kernel-model/drivers/model/model_driver.hpp"
#include "kernel-model/drivers/rockchip/rockchip_iommu.hpp"
#include "kernel-model/pgtable/rockchip_format.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

using namespace xlate;
using namespace xlate::kernel;
namespace rk = xlate::iommu::rockchip;

namespace {

/// Words of 32 bits, pages handed out upwards.
class Words final : public TableMemory {
public:
    std::optional<PhysAddr> alloc_table(std::uint64_t bytes) override {
        if (left-- == 0) return std::nullopt;
        REQUIRE(bytes == 4096);
        next += bytes;
        in_use += bytes;
        for (std::uint64_t at = next; at < next + bytes; at += 4) words.erase(at);
        return PhysAddr{next};
    }
    void free_table(PhysAddr, std::uint64_t bytes) override { in_use -= bytes; }
    void store(PhysAddr at, const std::uint64_t* data, std::size_t count, unsigned word_bytes) override {
        REQUIRE(word_bytes == 4);
        stores.push_back({at.value, count});
        for (std::size_t i = 0; i < count; ++i) words[at.value + 4 * i] = static_cast<std::uint32_t>(data[i]);
    }
    std::uint32_t read(std::uint64_t at) const {
        const auto word = words.find(at);
        return word == words.end() ? 0 : word->second;
    }
    std::map<std::uint64_t, std::uint32_t> words;
    std::vector<std::pair<std::uint64_t, std::size_t>> stores;
    std::uint64_t next = 0x48000000;
    std::uint64_t in_use = 0;
    unsigned left = 1000;
};
class NoFlush final : public TlbFlush {
public:
    void tlb_flush_walk(std::uint64_t, std::uint64_t, std::uint64_t) override { FAIL("no tables go"); }
    void tlb_sync_gather(const IotlbGather&) override {}
};

struct Tables {
    explicit Tables(rk::Version the_version) : version(the_version), pgtable(memory, flush, the_version) {
        REQUIRE(pgtable.init() == 0);
        memory.stores.clear();
    }
    /// By the specification: directory word, then table word.
    std::uint32_t pte(std::uint32_t iova) const {
        const std::uint32_t dte = memory.read(pgtable.root() + (iova >> 22) * 4ull);
        return (dte & 1) == 0 ? 0 : memory.read(rk::address(dte, version) + (iova >> 12 & 0x3FF) * 4ull);
    }
    rk::Version version;
    Words memory;
    NoFlush flush;
    RockchipPgtable pgtable;
};

}  // namespace

TEST_CASE("rockchip tables: words are those of the real driver", "[kernel-model][pgtable][rockchip]") {
    Tables t(rk::Version::v1);
    REQUIRE(t.pgtable.map(Iova{0xFFFF8000}, PhysAddr{0x45110000}, 0x8000, {}) == 0);
    PageProt write_only;
    write_only.read = false;
    REQUIRE(t.pgtable.map(Iova{0xFFFF7000}, PhysAddr{0x43387000}, 0x1000, write_only) == 0);
    // corpus/linux-boot-families/dt-rockchip-dma-6.12/tables.json
    CHECK(t.pte(0xFFFF7000) == 0x43387005);
    CHECK(t.pte(0xFFFF8000) == 0x45110007);
    CHECK(t.pte(0xFFFFF000) == 0x45117007);
    CHECK(t.pgtable.format().dte_addr(0x48073000) == 0x48073001);
    // The table's word, then eight words at once, then one.
    REQUIRE(t.memory.stores.size() == 3);
    CHECK(t.memory.stores[0].second == 1);
    CHECK(t.memory.stores[1].second == 8);
    IotlbGather gather;
    CHECK(t.pgtable.unmap(Iova{0xFFFF8000}, 0x8000, gather) == 0x8000);
    CHECK(t.pte(0xFFFF8000) == 0x45110006);  // not valid, and otherwise as it was
    CHECK_FALSE(t.pgtable.iova_to_phys(Iova{0xFFFF8000}));
    CHECK(t.pgtable.iova_to_phys(Iova{0xFFFF7123}) == PhysAddr{0x43387123});
    REQUIRE(t.pgtable.map(Iova{0xFFFF8000}, PhysAddr{0x46000000}, 0x1000, {}) == 0);
    t.pgtable.free_tables();
    CHECK(t.memory.in_use == 0);
}

TEST_CASE("rockchip tables: version 2 holds 40 bits, version 1 refuses what it cannot hold",
          "[kernel-model][pgtable][rockchip]") {
    Tables v2(rk::Version::v2);
    v2.memory.next = 0xAB'48000000;
    REQUIRE(v2.pgtable.map(Iova{0x1000}, PhysAddr{0xCD'45110000}, 0x1000, {}) == 0);
    // PA[35:32] at [11:8], PA[39:36] at [7:4].
    CHECK(v2.memory.read(v2.pgtable.root()) == 0x48001BA1);
    CHECK(v2.pte(0x1000) == 0x45110DC7);
    CHECK(v2.pgtable.iova_to_phys(Iova{0x1234}) == PhysAddr{0xCD'45110234});
    CHECK(v2.pgtable.map(Iova{0x2000}, PhysAddr{0x100'00000000}, 0x1000, {}) == -kERANGE);
    Tables v1(rk::Version::v1);
    CHECK(v1.pgtable.map(Iova{0x2000}, PhysAddr{0x1'00000000}, 0x1000, {}) == -kERANGE);
    CHECK(v1.pgtable.map(Iova{0x1'00000000}, PhysAddr{0x1000}, 0x1000, {}) == -kERANGE);
}

TEST_CASE("rockchip tables: what is mapped is not mapped again, and the attempt leaves no trace",
          "[kernel-model][pgtable][rockchip]") {
    Tables t(rk::Version::v1);
    REQUIRE(t.pgtable.map(Iova{0x5000}, PhysAddr{0x1000}, 0x1000, {}) == 0);
    CHECK(t.pgtable.map(Iova{0x4000}, PhysAddr{0x8000}, 0x3000, {}) == -kEADDRINUSE);
    CHECK_FALSE(t.pgtable.iova_to_phys(Iova{0x4000}));
    CHECK(t.pgtable.iova_to_phys(Iova{0x5000}) == PhysAddr{0x1000});
    t.memory.left = 0;
    CHECK(t.pgtable.map(Iova{0x40000000}, PhysAddr{0x8000}, 0x1000, {}) == -kENOMEM);
}

TEST_CASE("rockchip tables: random maps and unmaps agree with a list", "[kernel-model][pgtable][rockchip]") {
    const auto version = GENERATE(rk::Version::v1, rk::Version::v2);
    Tables t(version);
    Rng rng(7, "rockchip.tables");
    std::map<std::uint64_t, std::uint64_t> pages;
    for (unsigned i = 0; i < 3000; ++i) {
        const std::uint64_t iova = (0x3FC + rng.below(4)) << 12 | rng.below(4) << 22;
        const std::uint64_t count = 1 + rng.below(6);
        if (rng.below(2) == 0) {
            const std::uint64_t page = rng.below(1 << 16) << 12;
            bool free = true;
            for (std::uint64_t at = 0; at < count; ++at) free = free && pages.count(iova + at * 4096) == 0;
            CHECK(t.pgtable.map(Iova{iova}, PhysAddr{page}, count * 4096, {}) == (free ? 0 : -kEADDRINUSE));
            for (std::uint64_t at = 0; free && at < count; ++at) pages[iova + at * 4096] = page + at * 4096;
        } else {
            std::uint64_t expected = 0;
            while (expected < count && pages.erase(iova + expected * 4096) == 1) ++expected;
            IotlbGather gather;
            gather.queued = true;
            CHECK(t.pgtable.unmap(Iova{iova}, count * 4096, gather) == expected * 4096);
        }
        for (std::uint64_t at = 0; at < 12; ++at) {
            const std::uint64_t where = (iova & ~0x3FFFull) + at * 4096;
            const auto page = pages.find(where);
            const std::uint32_t word = t.pte(static_cast<std::uint32_t>(where));
            REQUIRE((word & 1) == (page != pages.end() ? 1 : 0));
            if (page != pages.end()) REQUIRE(rk::address(word, version) == page->second);
        }
    }
}

TEST_CASE("rockchip driver: its row of the table of drivers says what it does", "[kernel-model][rockchip]") {
    const ModelDriverRow* row = find_model_driver("rockchip-iommu");
    REQUIRE(row != nullptr);
    tests::ImmediateMachine machine;
    const Variant variant = find_variant("base");
    Kernel k(machine, variant);
    firmware::Description description;
    description.nodes.emplace_back();
    description.memory = {{0x40000000, 0x40000000}};
    KernelSystem system(k, description, {});
    LinuxBoot boot(k, description, system.boot_config());
    RkIommuOps ops(boot.iommu(), *boot.drivers().buses().front(), system.pages);
    CHECK(ops.name == row->name);
    CHECK(ops.properties.checks_fwspec == row->checks_fwspec);
    CHECK(ops.properties.checks_priv == row->checks_priv);
    CHECK(ops.properties.instance_lookup == row->lookup);
    CHECK(ops.properties.converted_by_series == row->converted);
    CHECK(ops.properties.xlate_sets_priv == (row->xlate_priv != ModelDriverRow::Priv::none));
    CHECK(ops.properties.uses_ids_after_probe == row->attach_reads_ids);
    CHECK(ops.has_of_xlate() == (row->of_xlate_since == 0));
    CHECK(row->group == ModelDriverRow::Group::single);
    CHECK_FALSE(row->xlate_ids);
    firmware::Node node;
    node.compatible = {std::string(row->compatible)};
    REQUIRE(iommu_driver_of(node) != nullptr);
    CHECK(iommu_driver_of(node)->name == row->name);
}
