// Bounce buffers: who bounces, what it costs, and a full pool. Field case 16.
#include "kernel-model/dma/swiotlb.hpp"

#include <catch2/catch.hpp>

#include "tests/kernel-model/smmu_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

constexpr std::uint64_t kHigh = 0x800000000;

/// 1 GiB low, 1 GiB above 32 bits; a master without an IOMMU, with a mask of 32 bits.
struct BounceWorld {
    explicit BounceWorld(SwiotlbParams params = {}) : world(board(), {}, "linux-6.12", {}, {}, dma(params)) {
        dev = world.make_device("a000000.dma", 2);
    }
    static firmware::Description board() {
        firmware::Description made = smmu_board(2);
        made.memory.push_back({kHigh, 0x40000000});
        return made;
    }
    static DmaParams dma(const SwiotlbParams& params) {
        DmaParams made;
        made.swiotlb = params;
        return made;
    }
    std::optional<Iova> map(std::uint64_t at, std::uint64_t size,
                            DmaDirection direction = DmaDirection::bidirectional) {
        return world.dma.dma_map_single(*dev, PhysAddr{at}, size, direction);
    }
    const SwiotlbStats& stats() const { return world.dma.swiotlb().stats(); }
    SmmuWorld world;
    Ptr<Device> dev;
};

}  // namespace

TEST_CASE("swiotlb: a buffer above the mask bounces to low memory, at the cost of its copies", "[kernel-model][dma]") {
    BounceWorld one;
    one.world.run([&] {
        CHECK(one.map(0x50000000, 4096)->value == 0x50000000);
        CHECK(one.stats().bounces == 0);
        const auto bounced = one.map(kHigh + 0x123, 1000, DmaDirection::from_device);
        REQUIRE(bounced);
        CHECK(bounced->value < 0x100000000);
        CHECK((bounced->value & 0x7FF) == 0x123);  // the offset in a slot is kept
        CHECK(one.stats().bounces == 1);
        CHECK(one.stats().bytes_copied == 1000);  // also in for what the device writes
        one.world.dma.dma_unmap_single(*one.dev, *bounced, 1000);
        CHECK(one.stats().bytes_copied == 2000);
        const auto read = one.map(kHigh, 4096, DmaDirection::to_device);
        one.world.dma.dma_unmap_single(*one.dev, *read, 4096);
        CHECK(one.stats().bytes_copied == 2000 + 4096);  // nothing to bring back
        const SimTime before = one.world.k.now();
        const auto large = one.map(kHigh, 256 * 1024);
        CHECK(one.world.k.now() - before >= SimTime{SwiotlbParams{}.copy_per_kib.fs * 256});
        one.world.dma.dma_unmap_single(*one.dev, *large, 256 * 1024);
    });
}

TEST_CASE("swiotlb: a mapping lies in one segment of 256 KiB, and a full pool is said", "[kernel-model][dma]") {
    SwiotlbParams params;
    params.slots = 512;  // 1 MiB
    BounceWorld one(params);
    one.world.run([&] {
        CHECK_FALSE(one.map(kHigh, 256 * 1024 + 1));
        CHECK(one.world.dma.dma_max_mapping_size(*one.dev) == 256 * 1024);
        std::vector<Iova> all;
        for (int i = 0; i < 4; ++i) all.push_back(one.map(kHigh + 0x40000 * i, 256 * 1024).value());
        for (const Iova at : all) CHECK(at.value / 0x40000 * 0x40000 == at.value);
        CHECK_FALSE(one.map(kHigh, 64));
        CHECK(one.stats().full == 2);
        CHECK(one.stats().most_slots == 512);
        one.world.dma.dma_unmap_single(*one.dev, all[2], 256 * 1024);
        CHECK(one.map(kHigh, 64) == all[2]);
    });
    CHECK(one.world.said("swiotlb buffer is full (sz: 64 bytes), total 512 (slots), used 512 (slots)"));
}

TEST_CASE("swiotlb: forced, everything bounces, not allowed, or no memory above 32 bits, nothing does",
          "[kernel-model][dma]") {
    SwiotlbParams params;
    SECTION("force") {
        params.mode = SwiotlbParams::Mode::force;
        BounceWorld one(params);
        one.world.run([&] { CHECK(one.map(0x50000000, 64)->value != 0x50000000); });
        CHECK(one.stats().bounces == 1);
    }
    SECTION("noforce") {
        params.mode = SwiotlbParams::Mode::noforce;
        BounceWorld one(params);
        one.world.run([&] { CHECK_FALSE(one.map(kHigh, 64)); });
        CHECK(one.world.said("overflow"));
    }
    SECTION("all memory is low") {
        SmmuWorld world(smmu_board(2), {}, "linux-6.12");
        CHECK_FALSE(world.dma.swiotlb().active());
    }
}

TEST_CASE("swiotlb: pieces of a list that do not all fit leave nothing behind", "[kernel-model][dma]") {
    SwiotlbParams params;
    params.slots = 128;
    BounceWorld one(params);
    one.world.run([&] {
        const std::vector<DmaSegment> pieces{{PhysAddr{kHigh}, 0x20000}, {PhysAddr{kHigh + 0x40000}, 0x40000}};
        CHECK(one.world.dma.dma_map_sg(*one.dev, pieces, DmaDirection::to_device).empty());
        CHECK(one.map(kHigh, 0x40000).has_value());
    });
}
