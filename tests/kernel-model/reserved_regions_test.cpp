// Memory that devices use since firmware: regions, one-to-one mappings, IOVAs kept free, bypass entries at reset.
#include "kernel-model/dma/reserved_regions.hpp"

#include <fstream>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

#include "tests/corpus.hpp"
#include "tests/kernel-model/corpus_boot.hpp"
#include "tests/kernel-model/smmu_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using Kind = ReservedRegion::Kind;

namespace {

constexpr std::uint64_t kBuffer = 0x7e000000, kBufferBytes = 0x800000;
constexpr std::uint64_t kBypassSte = 0x9, kAbortSte = 0x1, kStage1Ste = 0xB;

firmware::DeviceReservation of_node(unsigned node, std::uint64_t base, std::uint64_t size, bool memory) {
    firmware::DeviceReservation one;
    one.base = base;
    one.size = size;
    if (memory) one.memory = firmware::MemoryRange{base, size};
    one.master = static_cast<firmware::NodeIndex>(node);
    return one;
}

/// An SMMU and masters of which node 2 has a buffer of 8 MiB since firmware, and the top 16 MiB to leave alone.
firmware::Description board_with_buffer() {
    firmware::Description board = smmu_board(3);
    board.reservations = {{kBuffer, kBufferBytes}};
    board.device_reservations = {of_node(2, kBuffer, kBufferBytes, true), of_node(2, 0xFF000000, 0x1000000, false)};
    return board;
}

/// The same by an IORT: ids 0x10 and 0x11 at the SMMU.
firmware::Description board_with_rmr(bool relaxable) {
    firmware::Description board = smmu_board(3);
    board.reservations = {{kBuffer, kBufferBytes}};
    firmware::DeviceReservation one;
    one.base = kBuffer;
    one.size = kBufferBytes;
    one.memory = firmware::MemoryRange{kBuffer, kBufferBytes};
    one.relaxable = relaxable;
    one.provider = static_cast<firmware::NodeIndex>(1);
    one.first_id = 0x10;
    one.last_id = 0x11;
    board.device_reservations = {one};
    return board;
}

std::uint64_t ste_config(SmmuWorld& world, std::uint32_t sid) {
    namespace r = iommu::smmuv3::reg;
    const std::uint64_t base = world.machine.reg(r::STRTAB_BASE) & 0x000FFFFFFFFFFFC0;
    if ((world.machine.reg(r::STRTAB_BASE_CFG) >> 16) == 0) return world.machine.word(base + sid * 64ull) & 0xF;
    const std::uint64_t descriptor = world.machine.word(base + (sid >> 8) * 8ull);
    return world.machine.word((descriptor & 0x000FFFFFFFFFFFC0) + (sid & 0xFF) * 64ull) & 0xF;
}

std::string text_of(const std::vector<ReservedRegion>& regions) {
    std::string text;
    for (const ReservedRegion& region : regions) {
        text += fmt::format("{:#x}-{:#x} {}; ", region.start, region.start + region.length - 1, name(region.kind));
    }
    return text;
}

/// What a master of this tree has reserved once it has a fwspec.
std::vector<ReservedRegion> regions_of(const firmware::Description& description, firmware::NodeIndex node) {
    World world("linux-6.12");
    std::vector<ReservedRegion> regions;
    world.k.spawn("test", 0, [&] {
        const Ptr<Device> dev = world.k.heap.make<Device>("test", "dev", nullptr, Ptr<Device>{}, std::optional(node));
        const Ptr<DevIommu> container = world.k.heap.make<DevIommu>("test");
        for (const Ptr<HeapObject> object : {Ptr<HeapObject>(dev), Ptr<HeapObject>(container)}) {
            world.k.heap.set_immortal(*object);
        }
        const Ptr<IommuFwspec> fwspec = world.k.heap.make<IommuFwspec>("test", 1);
        world.k.heap.set_immortal(*fwspec);
        container->fwspec.write(fwspec, "test");
        dev->iommu.write(container, "test");
        regions = iommu_dma_get_resv_regions(description, *dev, world.variant.release);
    });
    world.run();
    return regions;
}

}  // namespace

TEST_CASE("reserved regions: a tree's iommu-addresses become the regions that real kernels list", "[kernel][corpus]") {
    if (xlate::tests::skip_without("linux-boot-families")) return;
    unsigned compared = 0;
    const std::filesystem::path folder = *xlate::tests::corpus() / "linux-boot-families";
    std::set<std::filesystem::path> cases;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) cases.insert(entry.path());
    for (const std::filesystem::path& one : cases) {
        if (!std::filesystem::exists(one / "truth.json") || !std::filesystem::exists(one / "board.dtb")) continue;
        std::ifstream file(one / "truth.json");
        const Json truth = Json::parse(file);
        std::map<std::string, std::string> nodes;
        for (const Json& device : truth["devices"]) {
            if (device.contains("of_node") && device["of_node"].is_string()) {
                nodes[device["name"]] = device["of_node"].get<std::string>();
            }
        }
        const firmware::Description description =
            firmware::read_device_tree(firmware::read_file((one / "board.dtb").string()), "board.dtb");
        for (const Json& group : truth["groups"]) {
            if (!group.contains("reserved_regions") || !group["reserved_regions"].is_array()) continue;
            std::string expected;
            for (const Json& region : group["reserved_regions"]) {
                if (region["type"] == "msi") continue;
                expected += fmt::format("{}-{} {}; ", region["start"].get<std::string>(),
                                        region["end"].get<std::string>(), region["type"].get<std::string>());
            }
            std::vector<ReservedRegion> all;
            for (const Json& device : group["devices"]) {
                const auto node = description.find_path(nodes[device]);
                if (!node) continue;
                const std::vector<ReservedRegion> ours = regions_of(description, *node);
                all.insert(all.end(), ours.begin(), ours.end());
            }
            // Some drivers have reserved regions of their own besides.
            if (expected.empty() && all.empty()) continue;
            INFO(one.filename().string());
            CHECK(text_of(merged_regions(all)) == expected);
            ++compared;
        }
    }
    xlate::tests::went_over(compared, "boot whose groups have reserved regions");
}

TEST_CASE("reserved regions: neighbours of one type are joined, others are not", "[kernel-model][dma]") {
    const std::vector<ReservedRegion> merged = merged_regions({{Kind::reserved, 0x3000, 0x1000, {}},
                                                               {Kind::direct, 0x1000, 0x1000, {}},
                                                               {Kind::reserved, 0x2000, 0x1000, {}},
                                                               {Kind::direct_relaxable, 0x1800, 0x2000, {}},
                                                               {Kind::reserved, 0x4001, 0x10, {}},
                                                               {Kind::direct, 0x1800, 0x2000, {}}});
    CHECK(text_of(merged) ==
          "0x1000-0x37ff direct; 0x1800-0x37ff direct-relaxable; 0x2000-0x3fff reserved; 0x4001-0x4010 reserved; ");
}

TEST_CASE("reserved regions: memory of a device is mapped one to one in its default domain, by blocks",
          "[kernel-model][dma]") {
    const std::string variant = GENERATE(as<std::string>{}, "base", "linux-6.12", "mainline-6.8", "mainline-6.11");
    CAPTURE(variant);
    SmmuWorld world(board_with_buffer(), {}, variant);
    REQUIRE(world.probe_smmu() == 0);
    const Ptr<Device> dev = world.make_device("a000000.dma", 2);
    REQUIRE(world.add_master(dev, {0x10}) == 0);
    const auto domain = world.domain_of(dev);
    world.run([&] {
        CHECK(domain->iova_to_phys(Iova{kBuffer})->value == kBuffer);
        CHECK(domain->iova_to_phys(Iova{kBuffer + kBufferBytes - 1})->value == kBuffer + kBufferBytes - 1);
        CHECK_FALSE(domain->iova_to_phys(Iova{kBuffer - 1}));
        CHECK_FALSE(domain->iova_to_phys(Iova{kBuffer + kBufferBytes}));
    });
    CHECK(domain->pgtable()->table_count() == 3);  // blocks of 2 MiB need no table of pages
    CHECK(text_of(world.iommu.iommu_get_group_resv_regions(*dev->iommu_group.peek())) ==
          "0x8000000-0x80fffff msi; 0x7e000000-0x7e7fffff direct; 0xff000000-0xffffffff reserved; ");
    // Neither is ever given out.
    world.run([&] {
        const auto first = world.dma.dma_map_single(*dev, PhysAddr{0x50000000}, 4096, DmaDirection::bidirectional);
        REQUIRE(first);
        CHECK(first->value == 0xFEFFF000);
        dev->dma_mask = kBuffer + kBufferBytes - 1;
        const auto below = world.dma.dma_map_single(*dev, PhysAddr{0x50000000}, 4096, DmaDirection::bidirectional);
        REQUIRE(below);
        CHECK(below->value == kBuffer - 0x1000);
    });
    // Before 6.9 the tables are made at the attach: the first try fails and is said, the second one works.
    const bool late = world.variant.release < 609;
    CHECK(world.said("IOMMU driver was not able to establish FW requested direct mapping.") == late);
}

TEST_CASE("reserved regions: an older kernel does not know iommu-addresses", "[kernel-model][dma]") {
    SmmuWorld world(board_with_buffer(), {}, "linux-6.1");
    REQUIRE(world.probe_smmu() == 0);
    const Ptr<Device> dev = world.make_device("a000000.dma", 2);
    REQUIRE(world.add_master(dev, {0x10}) == 0);
    world.run([&] { CHECK_FALSE(world.domain_of(dev)->iova_to_phys(Iova{kBuffer})); });
}

TEST_CASE("reserved regions: another master maps nothing, and identity domains have nothing to map",
          "[kernel-model][dma]") {
    SECTION("another master") {
        SmmuWorld world(board_with_buffer(), {}, "linux-6.12");
        REQUIRE(world.probe_smmu() == 0);
        const Ptr<Device> dev = world.make_device("a001000.dma", 3);
        REQUIRE(world.add_master(dev, {0x12}) == 0);
        world.run([&] { CHECK_FALSE(world.domain_of(dev)->iova_to_phys(Iova{kBuffer})); });
    }
    SECTION("passthrough") {
        IommuParameters parameters;
        parameters.passthrough = true;
        SmmuWorld world(board_with_buffer(), {}, "linux-6.12", {}, parameters);
        REQUIRE(world.probe_smmu() == 0);
        const Ptr<Device> dev = world.make_device("a000000.dma", 2);
        REQUIRE(world.add_master(dev, {0x10}) == 0);
        CHECK(ste_config(world, 0x10) == kBypassSte);
        CHECK_FALSE(world.said("direct mapping"));
    }
}

TEST_CASE("reserved regions: a region whose memory lies elsewhere is only kept free, and that is said",
          "[kernel-model][dma]") {
    firmware::Description board = smmu_board(3);
    board.device_reservations = {of_node(2, 0x10000000, 0x200000, true)};
    board.device_reservations.front().memory = firmware::MemoryRange{kBuffer, 0x200000};
    SmmuWorld world(board, {}, "linux-6.12");
    REQUIRE(world.probe_smmu() == 0);
    const Ptr<Device> dev = world.make_device("a000000.dma", 2);
    REQUIRE(world.add_master(dev, {0x10}) == 0);
    world.run([&] { CHECK_FALSE(world.domain_of(dev)->iova_to_phys(Iova{0x10000000})); });
    CHECK(world.said("treating non-direct mapping"));
}

TEST_CASE("reserved regions: an IORT's streams bypass from the SMMU's reset on, and are mapped then",
          "[kernel-model][smmuv3]") {
    const std::string variant = GENERATE(as<std::string>{}, "linux-6.1", "base", "linux-6.12");
    const bool relaxable = GENERATE(false, true);
    CAPTURE(variant, relaxable);
    SmmuWorld world(board_with_rmr(relaxable), {}, variant);
    REQUIRE(world.probe_smmu() == 0);
    CHECK(ste_config(world, 0x10) == kBypassSte);
    CHECK(ste_config(world, 0x11) == kBypassSte);
    CHECK(ste_config(world, 0x12) == kAbortSte);
    const Ptr<Device> dev = world.make_device("a000000.dma", 2);
    REQUIRE(world.add_master(dev, {0x10}) == 0);
    CHECK(ste_config(world, 0x10) == kStage1Ste);
    CHECK(ste_config(world, 0x11) == kBypassSte);
    world.run([&] { CHECK(world.domain_of(dev)->iova_to_phys(Iova{kBuffer + 0x1234})->value == kBuffer + 0x1234); });
    CHECK(text_of(world.iommu.iommu_get_group_resv_regions(*dev->iommu_group.peek())) ==
          std::string("0x8000000-0x80fffff msi; 0x7e000000-0x7e7fffff ") +
              (relaxable ? "direct-relaxable; " : "direct; "));
    // Released: what must stay reachable does, from 6.9 on.
    world.run([&] { world.iommu.iommu_release_device(*dev); });
    CHECK(ste_config(world, 0x10) == (world.variant.release >= 609 && !relaxable ? kBypassSte : kAbortSte));
}

TEST_CASE("reserved regions: ids that the SMMU does not have are said once", "[kernel-model][smmuv3]") {
    firmware::Description board = board_with_rmr(false);
    board.device_reservations.front().first_id = 0xFFFF'FFF0;
    board.device_reservations.front().last_id = 0xFFFF'FFFF;
    SmmuWorld world(board, {}, "linux-6.12");
    REQUIRE(world.probe_smmu() == 0);
    CHECK(world.said("RMR SID(0xfffffff0) bypass failed"));
    CHECK_FALSE(world.said("RMR SID(0xfffffff1) bypass failed"));
}
