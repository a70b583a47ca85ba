// Kernels with pages of 16 KiB and 64 KiB: granule, blocks and IOVAs follow. Source: Linux arm_lpae_restrict_pgsizes();
// docs/spec/iommu-hardware.md 1.6 (TG0) and 1.9 (blocks of each granule).
#include <catch2/catch.hpp>

#include "tests/kernel-model/smmu_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

TEST_CASE("page size: granule, blocks, IOVAs and queues are the kernel's", "[kernel-model][dma]") {
    struct Row {
        std::uint64_t page;
        std::uint64_t bitmap;  ///< of the domain: pages and the blocks of that granule
        std::uint64_t tg0;     ///< in the CD
    };
    const Row row = GENERATE(values<Row>({{0x1000, 0x40201000, 0}, {0x4000, 0x2004000, 2}, {0x10000, 0x20010000, 1}}));
    CAPTURE(row.page);
    SmmuIds ids;
    ids.idr5 |= 0x70;  // all three granules
    SmmuWorld world(smmu_board(2), ids, "linux-6.12", {}, {}, {}, row.page);
    REQUIRE(world.probe_smmu() == 0);
    const Ptr<Device> dev = world.make_device("a000000.dma", 2);
    REQUIRE(world.add_master(dev, {0x10}) == 0);
    const auto domain = world.domain_of(dev);
    CHECK(domain->pgsize_bitmap == row.bitmap);
    CHECK(world.dma.iova_domain(domain)->granule() == row.page);
    CHECK((world.machine.word(domain->cd_table()->cd_address(0).value) >> 6 & 3) == row.tg0);
    world.run([&] {
        const auto first = world.dma.dma_map_single(*dev, PhysAddr{0x50000000}, 4096, DmaDirection::bidirectional);
        REQUIRE(first);
        CHECK(first->value == 0x100000000 - row.page);
        CHECK(domain->iova_to_phys(Iova{first->value + 100})->value == 0x50000000 + 100);
        // A page of the kernel is mapped whole, whatever part of it is asked for.
        const auto part = world.dma.dma_map_single(*dev, PhysAddr{0x50000800}, 16, DmaDirection::to_device);
        CHECK(part->value == 0x100000000 - 2 * row.page + 0x800);
        CHECK(domain->iova_to_phys(Iova{0x100000000 - row.page - 1})->value == 0x50000000 + row.page - 1);
        CHECK(world.pages.alloc(1)->value % row.page == 0);
    });
}
