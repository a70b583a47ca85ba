// A VT-d unit's invalidation queue: descriptors, waits, errors, what goes and what stays: expected values are the
// specification's (docs/spec/iommu-hardware.md sections 3, 13, 17).
#include <catch2/catch.hpp>

#include "tests/iommu/vtd_world.hpp"

namespace xlate::iommu::vtd {
namespace {

constexpr std::uint32_t kDevice = 0xF8;  // 00:1f.0

}  // namespace

TEST_CASE("vt-d: what an invalidation takes, and what IH leaves", "[iommu][vtd]") {
    World world;
    world.on(false);
    const std::uint64_t table = world.page(), other = world.page();
    world.context(kDevice, table, 4, 5);
    world.context(0x10, other, 4, 6);
    const std::uint64_t at = 0x10000000;
    world.map_second(table, 4, at, 0x30000000);
    world.map_second(table, 4, at + 0x1000, 0x30001000);
    world.map_second(other, 4, at, 0x31000000);
    REQUIRE(world.reach(kDevice, at) == 0x30000000);
    REQUIRE(world.reach(0x10, at) == 0x31000000);
    CHECK(world.reads_of_next(kDevice, at) == 0);
    // The page beside it: the leaf alone is read.
    CHECK(world.reads_of_next(kDevice, at + 0x1000) == 1);
    SECTION("a page, leaf only: upper levels stay") {
        world.flush_iotlb(qi::PAGE, 5, at, 0, true);
        CHECK(world.reads_of_next(kDevice, at) == 1);
    }
    SECTION("a page: its upper levels go") {
        world.flush_iotlb(qi::PAGE, 5, at);
        CHECK(world.reads_of_next(kDevice, at) == 4);
        CHECK(world.reads_of_next(0x10, at) == 0);
    }
    SECTION("an aligned range of pages") {
        world.flush_iotlb(qi::PAGE, 5, at, 1, true);
        CHECK(world.reads_of_next(kDevice, at) == 1);
        CHECK(world.reads_of_next(kDevice, at + 0x1000) == 1);
    }
    SECTION("a page of another domain takes nothing") {
        world.flush_iotlb(qi::PAGE, 6, at);
        CHECK(world.reads_of_next(kDevice, at) == 0);
        CHECK(world.reads_of_next(0x10, at) == 4);
    }
    SECTION("a domain") {
        world.flush_iotlb(qi::DOMAIN, 5);
        CHECK(world.reads_of_next(kDevice, at) == 4);
        CHECK(world.reads_of_next(0x10, at) == 0);
    }
    SECTION("all of them") {
        world.flush_iotlb(qi::GLOBAL);
        CHECK(world.reads_of_next(kDevice, at) == 4);
        CHECK(world.reads_of_next(0x10, at) == 4);
    }
    SECTION("a device's context; what ports keep of it goes too") {
        world.told.clear();
        world.flush_context(qi::DEVICE, 5, kDevice);
        REQUIRE(world.told.size() == 1);
        CHECK(world.told.front().covers_stream(stream_tag(StreamId{kDevice}, std::nullopt)));
        CHECK_FALSE(world.told.front().covers_stream(stream_tag(StreamId{0x10}, std::nullopt)));
        CHECK(world.reads_of_next(kDevice, at) == 2);
        CHECK(world.reads_of_next(0x10, at) == 0);
    }
    SECTION("the contexts of a domain") {
        world.flush_context(qi::DOMAIN, 6);
        world.accesses.clear();
        world.access(0x10, at);
        CHECK(world.accesses.size() == 2 + 4);
        CHECK(world.reads_of_next(kDevice, at) == 0);
    }
    SECTION("registers do the same") {
        World old;
        old.root(World::kRoot);
        old.command(gcmd::TE.mask());
        const std::uint64_t own = old.page();
        old.context(kDevice, own, 4, 5);
        old.map_second(own, 4, at, 0x30000000);
        REQUIRE(old.reach(kDevice, at) == 0x30000000);
        const std::uint32_t iotlb_at = old.unit.params().iotlb_offset();
        old.write(iotlb_at + reg::kIva, at | 1, 8);
        old.write(iotlb_at + reg::kIotlb, iotlb::IVT.of(1) | iotlb::IIRG.of(3) | iotlb::DID.of(5), 8);
        CHECK_FALSE(iotlb::IVT.test(old.read(iotlb_at + reg::kIotlb, 8)));
        CHECK(iotlb::IAIG.get(old.read(iotlb_at + reg::kIotlb, 8)) == 3);
        CHECK(old.reads_of_next(kDevice, at) == 4);
        old.write(reg::CCMD, ccmd::ICC.of(1) | ccmd::CIRG.of(1), 8);
        CHECK_FALSE(ccmd::ICC.test(old.read(reg::CCMD, 8)));
        CHECK(ccmd::CAIG.get(old.read(reg::CCMD, 8)) == 1);
        CHECK(old.reads_of_next(kDevice, at) == 2);
        // While the queue is on they do nothing, and say so.
        old.queue_on();
        old.write(reg::CCMD, ccmd::ICC.of(1) | ccmd::CIRG.of(1), 8);
        CHECK(ccmd::CAIG.get(old.read(reg::CCMD, 8)) == 0);
        CHECK(old.reads_of_next(kDevice, at) == 0);
    }
}

TEST_CASE("vt-d: hardware may ignore IH", "[iommu][vtd]") {
    VtdParams params = world_params();
    params.leaf_hint = false;
    World world(params);
    world.on(false);
    const std::uint64_t table = world.page(), at = 0x10000000;
    world.context(kDevice, table, 4, 5);
    world.map_second(table, 4, at, 0x30000000);
    REQUIRE(world.reach(kDevice, at) == 0x30000000);
    world.flush_iotlb(qi::PAGE, 5, at, 0, true);
    CHECK(world.reads_of_next(kDevice, at) == 4);
}

TEST_CASE("vt-d: wait descriptors, and errors of the queue", "[iommu][vtd]") {
    World world;
    world.on(false);
    world.write(reg::IEADDR, 0xFEE00000);
    world.write(reg::IECTL, 0);
    world.queue({qi::TYPE.of(5) | qi::SW.of(1) | qi::STATUS.of(0x1234), 0x700000, 0, 0});
    CHECK(world.memory.ram.load(0x700000, 4) == 0x1234);
    CHECK(world.read(reg::ICS) == 0);
    world.queue({qi::TYPE.of(5) | qi::IF.of(1), 0, 0, 0});
    CHECK(world.read(reg::ICS) == 1);
    CHECK(world.pulses == std::vector<unsigned>{1});
    world.queue({qi::TYPE.of(5) | qi::IF.of(1), 0, 0, 0});
    CHECK(world.pulses.size() == 1);
    world.write(reg::ICS, 1);
    CHECK(world.read(reg::ICS) == 0);
    SECTION("a bad descriptor stops the queue at it") {
        const std::uint64_t head = world.read(reg::IQH, 8);
        world.queue({0xA, 0, 0, 0});
        CHECK(world.read(reg::FSTS) == fsts::IQE.mask());
        CHECK(world.read(reg::IQH, 8) == head);
        world.queue({qi::TYPE.of(5) | qi::SW.of(1) | qi::STATUS.of(7), 0x700000, 0, 0});
        CHECK(world.memory.ram.load(0x700000, 4) == 0x1234);
        world.put(world.unit.queue_address(world.unit.queue_head), 0x11);
        world.write(reg::FSTS, fsts::IQE.mask());
        CHECK(world.read(reg::FSTS) == 0);
        CHECK(world.memory.ram.load(0x700000, 4) == 7);
    }
    SECTION("a tail outside of the queue") {
        world.write(reg::IQT, 0x1000 * 2, 8);
        CHECK(world.read(reg::FSTS) == fsts::IQE.mask());
    }
    SECTION("a device TLB that does not answer: the wait is given up") {
        world.endpoint_silent = true;
        world.queue({qi::TYPE.of(3) | qi::SID.of(kDevice), 0x1000, 0, 0});
        world.queue({qi::TYPE.of(5) | qi::SW.of(1) | qi::STATUS.of(9), 0x700000, 0, 0});
        CHECK(world.read(reg::FSTS) == fsts::ITE.mask());
        CHECK(world.memory.ram.load(0x700000, 4) == 0x1234);
        CHECK(world.read(reg::IQH, 8) == world.read(reg::IQT, 8));
        world.endpoint_silent = false;
        world.write(reg::FSTS, fsts::ITE.mask());
        world.queue({qi::TYPE.of(5) | qi::SW.of(1) | qi::STATUS.of(9), 0x700000, 0, 0});
        CHECK(world.memory.ram.load(0x700000, 4) == 9);
    }
    SECTION("off, its head is at the beginning again") {
        world.command(0);
        world.write(reg::GCMD, 0);
        CHECK(world.read(reg::IQH, 8) == 0);
    }
}

TEST_CASE("vt-d: a device TLB's range, as descriptors code it", "[iommu][vtd]") {
    World world;
    world.on(false);
    const auto told = [&](std::uint64_t low, std::uint64_t high) {
        world.told.clear();
        world.queue({low, high, 0, 0});
        REQUIRE(world.told.size() == 1);
        CHECK(world.told.front().is_endpoint());
        return std::pair{world.told.front().first, world.told.front().last};
    };
    const std::uint64_t low = 0x000000F8001F0003;
    CHECK(told(low, 0x10000000) == std::pair<std::uint64_t, std::uint64_t>{0x10000000, 0x10000FFF});
    CHECK(told(low, 0x10000001) == std::pair<std::uint64_t, std::uint64_t>{0x10000000, 0x10001FFF});
    CHECK(told(low, 0x10001001) == std::pair<std::uint64_t, std::uint64_t>{0x10000000, 0x10003FFF});
    CHECK(told(low, 0x100FF001) == std::pair<std::uint64_t, std::uint64_t>{0x10000000, 0x101FFFFF});
    CHECK(told(low, ~std::uint64_t{0xFFE}) == std::pair<std::uint64_t, std::uint64_t>{0, ~std::uint64_t{0}});
}

}  // namespace xlate::iommu::vtd
