#include "kernel-model/dma/dma_iommu.hpp"

#include <catch2/catch.hpp>

#include "kernel-model/dma/reserved_regions.hpp"
#include "tests/kernel-model/smmu_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

/// An SMMU and one master that is behind it, or (ids empty) is not.
struct DmaWorld {
    explicit DmaWorld(const std::vector<std::uint32_t>& ids = {0x10}, const std::string& variant = "base",
                      IommuParameters parameters = {})
        : world(smmu_board(3), {}, variant, {}, parameters) {
        REQUIRE(world.probe_smmu() == 0);
        dev = world.make_device("a000000.dma", 2);
        if (!ids.empty()) REQUIRE(world.add_master(dev, ids) == 0);
    }
    std::optional<Iova> map(std::uint64_t memory, std::uint64_t size) {
        return world.dma.dma_map_single(*dev, PhysAddr{memory}, size, DmaDirection::bidirectional);
    }
    SmmuWorld world;
    Ptr<Device> dev;
};

}  // namespace

TEST_CASE("dma: the first mapping of a fresh domain is the last page below the mask", "[kernel-model][dma]") {
    DmaWorld one;
    one.world.run([&] {
        CHECK(one.map(0x50000000, 4096)->value == 0xFFFFF000);
        CHECK(one.map(0x50001000, 4096)->value == 0xFFFFE000);
        CHECK(one.map(0x50002123, 100)->value == 0xFFFFD123);  // the offset in the page is kept
        CHECK(one.map(0x50003FFF, 2)->value == 0xFFFFAFFF);    // two pages, aligned to two
    });
}

TEST_CASE("dma: a burst mapped, unmapped and mapped again gets the same pages, newest free first",
          "[kernel-model][dma]") {
    DmaWorld one;
    one.world.run([&] {
        std::vector<std::uint64_t> first;
        for (int i = 0; i < 7; ++i) first.push_back(one.map(0x50000000, 4096)->value);
        for (const std::uint64_t iova : first) one.world.dma.dma_unmap_single(*one.dev, Iova{iova}, 4096);
        for (std::size_t i = 0; i < 7; ++i) CHECK(one.map(0x50000000, 4096)->value == first[6 - i]);
    });
    CHECK(one.world.dma.stats().maps == 14);
    CHECK(one.world.dma.stats().unmaps == 7);
}

TEST_CASE("dma: a scatter list is one range, mapped piece by piece, unmapped whole", "[kernel-model][dma]") {
    // dt-smmuv3-dma-6.1, the nvme read of 16 KiB: four pages anywhere, one range of 16 KiB.
    DmaWorld one;
    one.world.run([&] {
        const std::vector<DmaSegment> pieces{{PhysAddr{0x43e4e000}, 4096},
                                             {PhysAddr{0x43dec000}, 4096},
                                             {PhysAddr{0x43e53000}, 4096},
                                             {PhysAddr{0x43e52000}, 4096}};
        const auto mapped = one.world.dma.dma_map_sg(*one.dev, pieces, DmaDirection::from_device);
        REQUIRE(mapped.size() == 1);
        CHECK(mapped[0].iova.value == 0xFFFFC000);
        CHECK(mapped[0].size == 16384);
        const auto domain = one.world.domain_of(one.dev);
        CHECK(domain->iova_to_phys(Iova{0xFFFFD000})->value == 0x43dec000);
        CHECK(domain->iova_to_phys(Iova{0xFFFFF123})->value == 0x43e52123);
        one.world.dma.dma_unmap_sg(*one.dev, mapped);
        for (std::uint64_t at = 0xFFFFC000; at < 0x100000000; at += 4096) CHECK_FALSE(domain->iova_to_phys(Iova{at}));
    });
    SECTION("pieces that do not fill their pages come back apart") {
        one.world.run([&] {
            const auto mapped = one.world.dma.dma_map_sg(
                *one.dev, {{PhysAddr{0x50000000}, 512}, {PhysAddr{0x50002000}, 512}}, DmaDirection::to_device);
            REQUIRE(mapped.size() == 2);
            CHECK(mapped[1].iova.value == mapped[0].iova.value + 4096);
        });
    }
}

TEST_CASE("dma: without an IOMMU, and in passthrough, the bus address is the physical one", "[kernel-model][dma]") {
    IommuParameters passthrough;
    passthrough.passthrough = true;
    const bool behind = GENERATE(true, false);
    DmaWorld one{behind ? std::vector<std::uint32_t>{0x10} : std::vector<std::uint32_t>{}, "base", passthrough};
    one.world.run([&] {
        CHECK(one.map(0x50000123, 4096)->value == 0x50000123);
        one.dev->dma_range_map = {{0x0, 0x40000000, 0x20000000, std::nullopt}};
        CHECK(one.map(0x50000123, 4096)->value == 0x10000123);
        CHECK_FALSE(one.map(0x60000000, 4096));  // no window
        one.dev->dma_mask = 0xFFFFFFF;
        CHECK_FALSE(one.map(0x50000000, 4096));  // a bounce buffer would be needed
    });
    CHECK(one.world.machine.commands.size() <= 7);  // nothing was invalidated
}

TEST_CASE("dma: mask, bus limit and aperture bound the addresses", "[kernel-model][dma]") {
    DmaWorld one;
    one.world.run([&] {
        one.dev->dma_mask = 0xFFFFFF;
        CHECK(one.map(0x50000000, 4096)->value == 0xFFF000);
        one.dev->bus_dma_limit = 0x7FFFFF;
        CHECK(one.map(0x50000000, 4096)->value == 0x7FF000);
        one.dev->bus_dma_limit.reset();
        one.dev->dma_mask = ~std::uint64_t{0};
        CHECK(one.map(0x50000000, 4096)->value == 0xFFFFFFFFF000);  // 48 bits of input
    });
}

TEST_CASE("dma: a failed mapping leaves nothing behind", "[kernel-model][dma]") {
    DmaWorld one;
    one.world.run([&] {
        const auto mapped = one.world.dma.dma_map_sg(
            *one.dev, {{PhysAddr{0x50000000}, 4096}, {PhysAddr{1ull << 50}, 4096}}, DmaDirection::to_device);
        CHECK(mapped.empty());
        const auto domain = one.world.domain_of(one.dev);
        CHECK_FALSE(domain->iova_to_phys(Iova{0xFFFFE000}));
        CHECK(one.map(0x50000000, 8192)->value == 0xFFFFE000);  // the same range again
    });
    CHECK(one.world.dma.stats().map_failures == 1);
}

TEST_CASE("dma: the first device of a domain fixes its lower end", "[kernel-model][dma]") {
    DmaWorld one;
    one.world.run([&] {
        const auto domain = one.world.domain_of(one.dev);
        CHECK(one.world.dma.init_domain(domain, 0, ~std::uint64_t{0}, *one.dev) == 0);
        CHECK(one.world.dma.init_domain(domain, 0x80000000, ~std::uint64_t{0}, *one.dev) == -kEFAULT);
        CHECK(one.world.dma.init_domain(domain, 1ull << 49, ~std::uint64_t{0}, *one.dev) == -kEFAULT);
    });
    CHECK(one.world.said("Incompatible range for DMA domain"));
    CHECK(one.world.said("specified DMA range outside IOMMU capability"));
}

TEST_CASE("dma: coherent memory is zeroed, mapped, and given back", "[kernel-model][dma]") {
    DmaWorld one;
    one.world.run([&] {
        const std::uint64_t before = one.world.pages.bytes_in_use();
        const auto dirty = one.world.pages.alloc(4096);
        one.world.pages.write_u64(*dirty, 0xDEAD);
        one.world.pages.free(*dirty, 4096);
        const auto memory = one.world.dma.dma_alloc_coherent(*one.dev, 100);
        REQUIRE(memory);
        CHECK(memory->memory == *dirty);
        CHECK(one.world.pages.read_u64(memory->memory) == 0);
        CHECK(one.world.domain_of(one.dev)->iova_to_phys(memory->address)->value == memory->memory.value);
        one.world.dma.dma_free_coherent(*one.dev, *memory);
        CHECK_FALSE(one.world.domain_of(one.dev)->iova_to_phys(memory->address));
        CHECK(one.world.pages.bytes_in_use() == before + 3 * 4096);  // the tables stay
    });
}

TEST_CASE("dma: pages come from free memory only, aligned to their size", "[kernel-model][dma]") {
    firmware::Description board = smmu_board(0);
    board.memory = {{0x80000000, 0x10000000}, {0x40000000, 0x8000000}};
    board.reservations = {{0x42000000, 0x1000}};
    SmmuWorld world{board};
    world.run([&] {
        const auto first = world.pages.alloc(4096);
        CHECK(first->value == 0x42001000);  // a quarter of the lower range is left to the kernel image, then a hole
        const auto big = world.pages.alloc(3 << 20);
        CHECK(big->value == 0x42400000);
        CHECK(world.pages.alloc(4096)->value < 0x42400000);  // what alignment skipped is used
        CHECK(world.pages.alloc(0x8000000)->value == 0x80000000);
        CHECK_FALSE(world.pages.alloc(1ull << 40));
    });
}

TEST_CASE("dma: host bridge windows and holes between inbound ranges are not given out", "[kernel-model][dma]") {
    firmware::Description board = smmu_board(1);
    firmware::Node& host = board.nodes[2];
    host.address_cells = 3;
    host.size_cells = 2;
    const std::uint32_t cells[] = {0x01000000, 0,    0,          0,    0x3eff0000, 0,    0x10000,     // I/O
                                   0x02000000, 0,    0x10000000, 0,    0x10000000, 0,    0x2eff0000,  // 32-bit memory
                                   0x03000000, 0x80, 0,          0x80, 0,          0x80, 0};          // 64-bit memory
    std::vector<std::uint8_t> bytes;
    for (const std::uint32_t cell : cells) {
        bytes.resize(bytes.size() + 4);
        store_be(&bytes[bytes.size() - 4], 4, cell);
    }
    const std::vector<firmware::Property> properties = {{"ranges", bytes, 0}};
    host.properties = properties;
    const auto windows = pci_memory_windows(board, firmware::NodeIndex{2});
    REQUIRE(windows.size() == 2);
    CHECK(windows[0].first == 0x10000000);
    CHECK(windows[0].last == 0x3EFEFFFF);
    CHECK(windows[1].first == 0x8000000000);
    CHECK(windows[1].last == 0xFFFFFFFFFF);

    CHECK(inbound_holes(host).empty());
    firmware::DmaRanges inbound;
    inbound.kind = firmware::DmaRanges::Kind::list;
    inbound.windows = {{0x80000000, 0x80000000, 0x40000000, std::nullopt}, {0x1000, 0x1000, 0x1000, std::nullopt}};
    host.dma_ranges = inbound;
    const auto holes = inbound_holes(host);
    REQUIRE(holes.size() == 3);
    CHECK(holes[0].last == 0xFFF);
    CHECK(holes[1].first == 0x2000);
    CHECK(holes[1].last == 0x7FFFFFFF);
    CHECK(holes[2].first == 0xC0000000);
}
