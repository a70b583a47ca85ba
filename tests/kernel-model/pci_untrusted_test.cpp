// What is behind a port that faces the outside: translated, strictly, without ATS, and with bounce buffers for what is
// not whole pages. Expected: Linux drivers/pci/probe.c set_pcie_untrusted(), drivers/iommu/iommu.c
// iommu_get_default_domain_type(), dma-iommu.c dev_use_swiotlb() and iommu_dma_map_page().
#include <catch2/catch.hpp>

#include "tests/kernel-model/amd_boot.hpp"
#include "tests/kernel-model/smmu_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

/// 00:02.0 faces the outside; 00:03.0 does not. Both have PASIDs and ATS below or in them.
void facing(BootConfig& config) {
    for (PciFunction& function : config.pci.front().functions) {
        if (function.device == 2) {
            function.external_facing = true;
            function.below.front().pasid = function.below.front().ats = true;
        }
        if (function.device == 3) function.pasid = function.ats = true;
    }
}

}  // namespace

TEST_CASE("pci: a function behind a port that faces the outside is translated, strictly",
          "[kernel-model][pci][untrusted]") {
    for (const char* const release : {"linux-6.1", "linux-6.12", "linux-6.18"}) {
        CAPTURE(release);
        for (const bool passthrough : {false, true}) {
            KernelParameters parameters;
            parameters.iommu_passthrough = passthrough;
            const amd_boot::Boot run(release, parameters, amd_boot::usual_ivrs(), "qemu", facing);
            INFO(run.k->console.text());
            CHECK(run.device("0000:01:00.0").domain == DomainType::dma);
            CHECK(run.device("0000:00:03.0").domain != DomainType::dma);
            CHECK(run.device("0000:00:02.0").domain == (passthrough ? DomainType::identity : DomainType::dma_fq));
            CHECK(run.boot->find_device("0000:01:00.0")->untrusted);
            CHECK_FALSE(run.boot->find_device("0000:00:02.0")->untrusted);
            for (const Report& report : run.k->reports.all()) FAIL_CHECK(report.text());
        }
    }
}

TEST_CASE("dma: of an untrusted device what is not whole pages bounces", "[kernel-model][dma][untrusted]") {
    firmware::Description board = smmu_board(3);
    board.memory.push_back({0x800000000, 0x40000000});
    SmmuWorld world(board, {}, "linux-6.12");
    REQUIRE(world.probe_smmu() == 0);
    const Ptr<Device> dev = world.make_device("a000000.dma", 2);
    REQUIRE(world.add_master(dev, {0x10}) == 0);
    world.run([&] {
        const auto where = [&](Iova at) { return dev->iommu_group.peek()->domain.peek()->iova_to_phys(at)->value; };
        const SwiotlbStats& stats = world.dma.swiotlb().stats();
        const auto trusted = world.dma.dma_map_single(*dev, PhysAddr{0x50000123}, 1500, DmaDirection::to_device);
        REQUIRE(trusted);
        CHECK(where(*trusted) == 0x50000123);
        dev->untrusted = true;
        const auto whole = world.dma.dma_map_single(*dev, PhysAddr{0x50002000}, 0x2000, DmaDirection::to_device);
        REQUIRE(whole);
        CHECK(where(*whole) == 0x50002000);
        CHECK(stats.bounces == 0);
        const auto part = world.dma.dma_map_single(*dev, PhysAddr{0x50004923}, 1500, DmaDirection::from_device);
        REQUIRE(part);
        CHECK(stats.bounces == 1);
        CHECK(stats.most_slots == 2);  // a page: nothing else is in it
        CHECK(world.dma.swiotlb().is_bounce(PhysAddr{where(*part)}));
        CHECK((where(*part) & 0xFFF) == 0x923);  // the offset in its page
        world.dma.dma_unmap_single(*dev, *part, 1500);
        CHECK(stats.bytes_copied == 3000);
        CHECK_FALSE(dev->iommu_group.peek()->domain.peek()->iova_to_phys(*part));
        // The place is free again, and pieces of a list are mapped one by one.
        const std::vector<DmaBuffer> list = world.dma.dma_map_sg(
            *dev, {{PhysAddr{0x50006000}, 0x1000}, {PhysAddr{0x50007000}, 0x800}}, DmaDirection::to_device);
        REQUIRE(list.size() == 2);
        CHECK(where(list[0].iova) == 0x50006000);
        CHECK(world.dma.swiotlb().is_bounce(PhysAddr{where(list[1].iova)}));
        world.dma.dma_unmap_sg(*dev, list);
        CHECK(stats.bounces == 2);
        CHECK(world.dma.dma_max_mapping_size(*dev) == 256 * 1024);
    });
}

TEST_CASE("dma: without bounce buffers an untrusted device gets whole pages alone", "[kernel-model][dma][untrusted]") {
    SmmuWorld world(smmu_board(3), {}, "linux-6.12");
    REQUIRE(world.probe_smmu() == 0);
    const Ptr<Device> dev = world.make_device("a000000.dma", 2);
    REQUIRE(world.add_master(dev, {0x10}) == 0);
    dev->untrusted = true;
    world.run([&] {
        CHECK(world.dma.dma_map_single(*dev, PhysAddr{0x50002000}, 0x2000, DmaDirection::to_device));
        CHECK_FALSE(world.dma.dma_map_single(*dev, PhysAddr{0x50002000}, 0x200, DmaDirection::to_device));
    });
    CHECK(world.said("DMA bounce buffers are inactive, unable to map unaligned transaction."));
}
