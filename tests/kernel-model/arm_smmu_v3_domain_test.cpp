#include <catch2/catch.hpp>

#include <algorithm>

#include "base/random.hpp"
#include "tests/kernel-model/smmu_test_world.hpp"
#include "tests/kernel-model/table_walker.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace r = xlate::iommu::smmuv3::reg;
using iommu::smmuv3::CommandWords;
using iommu::smmuv3::Opcode;

namespace {

/// The address of the STE of a SID, from what stands in registers and memory; 0: no table.
std::uint64_t ste_of(SmmuWorld& world, std::uint32_t sid) {
    const std::uint64_t base = world.machine.reg(r::STRTAB_BASE) & 0x000FFFFFFFFFFFC0;
    if ((world.machine.reg(r::STRTAB_BASE_CFG) >> 16) == 0) return base + sid * 64ull;
    const std::uint64_t descriptor = world.machine.word(base + (sid >> 8) * 8ull);
    if ((descriptor & 31) != 9) return 0;
    return (descriptor & 0x000FFFFFFFFFFFC0) + (sid & 0xFF) * 64ull;
}

/// Follows STE, CD and tables as the hardware would.
std::optional<std::uint64_t> resolve(SmmuWorld& world, std::uint32_t sid, std::uint64_t iova) {
    const std::uint64_t ste = ste_of(world, sid);
    const std::uint64_t dw0 = world.machine.word(ste);
    if ((dw0 & 0xF) == 0x9) return iova;
    if ((dw0 & 0xF) != 0xB) return std::nullopt;
    const std::uint64_t cd = dw0 & 0x000FFFFFFFFFFFC0;
    const std::uint64_t cd0 = world.machine.word(cd);
    if ((cd0 >> 31 & 1) == 0) return std::nullopt;
    static constexpr unsigned kGranules[] = {12, 16, 14};
    const auto walked =
        xlate::test::walk([&](std::uint64_t at) { return world.machine.word(at); },
                          world.machine.word(cd + 8) & 0x000FFFFFFFFFFFF0, cd0 & 63, kGranules[cd0 >> 6 & 3], iova);
    if (!walked) return std::nullopt;
    return walked->address;
}

struct OneMaster {
    explicit OneMaster(SmmuIds ids = {}, const std::string& variant = "base", IommuParameters parameters = {},
                       ArmSmmuParams smmu = {})
        : world(smmu_board(2), ids, variant, smmu, parameters, {}, (ids.idr5 & 1U << 4) != 0 ? 0x1000 : 0x10000) {
        REQUIRE(world.probe_smmu() == 0);
        dev = world.make_device("a000000.dma", 2);
        dev->dma_mask = ~std::uint64_t{0};
        first_command = world.machine.commands.size();
    }
    SmmuWorld world;
    Ptr<Device> dev;
    std::size_t first_command = 0;
};

}  // namespace

TEST_CASE("arm-smmu-v3: attaching writes STE and CD as the worked vectors say", "[kernel-model][smmuv3]") {
    OneMaster one;
    REQUIRE(one.world.add_master(one.dev, {0x1234}) == 0);
    SmmuWorld& world = one.world;
    const std::uint64_t ste = ste_of(world, 0x1234);
    REQUIRE(ste != 0);
    const auto domain = world.domain_of(one.dev);
    REQUIRE(domain);
    const std::uint64_t cd = domain->cd_table()->address();
    CHECK(world.machine.word(ste) == (0x000000000000000B | cd));
    CHECK(world.machine.word(ste + 8) == 0xD6);  // S1DSS 2, CIR 1, COR 1, CSH 3; this hardware has no stall
    // 48-bit input, 4K, write-back inner shareable, EPD1, valid, 44-bit output, AA64, R, A, ASET, ASID 1.
    CHECK(world.machine.word(cd) == 0x0001E204C0003510);
    CHECK(world.machine.word(cd + 8) == domain->pgtable()->root());
    CHECK(world.machine.word(cd + 24) == 0xF404FF44);
    // Its neighbours in the fresh table abort.
    CHECK(world.machine.word(ste + 64) == 0x1);
    CHECK(world.machine.word(ste + 72) == 0x0000100000000000);
    CHECK(ste_of(world, 0x1334) == 0);
    INFO(one.world.console());
    CHECK(one.world.k.reports.empty());
}

TEST_CASE("arm-smmu-v3: words behind the first, CFGI, SYNC, the first word, CFGI, SYNC, prefetch",
          "[kernel-model][smmuv3]") {
    OneMaster one;
    SmmuWorld& world = one.world;
    world.run([&] { world.smmu().strtab.prepare(0x10); });
    const std::uint64_t ste = ste_of(world, 0x10);
    std::vector<std::string> order;
    world.machine.on_memory_write = [&](PhysAddr at, std::size_t size) {
        if (at.value >= ste && at.value < ste + 64) {
            order.push_back("STE+" + std::to_string(at.value - ste) + ":" + std::to_string(size));
        }
    };
    world.machine.on_command = [&](const CommandWords& command) {
        order.emplace_back(name(static_cast<Opcode>(command[0] & 0xFF)));
        if ((command[0] & 0xFF) == 0x03) CHECK(command == CommandWords{0x0000001000000003, 0x1});
    };
    world.run([&] {
        world.drivers.device_add(one.dev, false);
        world.configure(one.dev, {0x10});
    });
    CHECK(order == std::vector<std::string>{"CMD_SYNC", "CMD_SYNC",  // no stream uses the new CD yet
                                            "STE+8:56", "CMD_CFGI_STE", "CMD_SYNC", "STE+0:8", "CMD_CFGI_STE",
                                            "CMD_SYNC", "CMD_PREFETCH_CONFIG"});
}

TEST_CASE("arm-smmu-v3: context descriptors as the worked vectors say", "[kernel-model][smmuv3]") {
    Stage1Registers tables;
    tables.ttbr = 0x82000000;
    tables.mair = 0xFF;
    tables.t0sz = 16;
    tables.ips = 5;
    tables.sh0 = 3;
    tables.ir0 = 1;
    tables.or0 = 1;
    CHECK(make_cd(tables, 0x12, false)[0] == 0x0012E205C0003510);
    CHECK(make_cd(tables, 0x12, true)[0] == 0x0012F205C0003510);
    CHECK(make_cd(tables, 0x12, false)[1] == 0x0000000082000000);
    CHECK(make_cd(tables, 0x12, false)[3] == 0xFF);
}

TEST_CASE("arm-smmu-v3: many contexts stand in 64 KiB leaves, made when they are needed", "[kernel-model][smmuv3]") {
    SmmuWorld world;
    world.run([&] {
        ArmSmmuCdTable contexts{world.k, world.pages};
        const std::uint64_t before = world.pages.bytes_in_use();
        int syncs = 0;
        REQUIRE(contexts.init(20, true) == 0);
        CHECK(contexts.format() == iommu::smmuv3::ste::S1FMT_64K_L2);
        CHECK(contexts.address() % 8192 == 0);
        REQUIRE(contexts.write_ctx_desc(0x12345, make_cd({}, 7, false), [&] { ++syncs; }) == 0);
        const std::uint64_t l1 = world.machine.word(contexts.address() + 0x48 * 8);
        CHECK((l1 & 0xFFF) == 1);
        CHECK(contexts.cd_address(0x12345).value == (l1 & ~0xFFFull) + 0xD140);
        CHECK(world.machine.word((l1 & ~0xFFFull) + 0xD140) >> 48 == 7);
        CHECK(syncs == 3);  // the new leaf, and twice for the descriptor
        contexts.free();
        CHECK(world.pages.bytes_in_use() == before);
        REQUIRE(contexts.init(10, true) == 0);
        CHECK(contexts.format() == iommu::smmuv3::ste::S1FMT_LINEAR);
    });
}

TEST_CASE("arm-smmu-v3: range invalidation as the worked vectors say", "[kernel-model][smmuv3]") {
    const auto commands = [](std::uint64_t pages, bool leaf) {
        return tlb_range_commands(Opcode::TLBI_NH_VA, 0x12, 0x10000000, pages << 12, 4096, 12, leaf, true);
    };
    CHECK(commands(32, true) == std::vector<CommandWords>{{0x0012000000500012, 0x0000000010000701}});
    CHECK(commands(33, true) == std::vector<CommandWords>{{0x0012000000000012, 0x0000000010000701},
                                                          {0x0012000000500012, 0x0000000010001701}});
    CHECK(commands(33, false) == std::vector<CommandWords>{{0x0012000000110012, 0x0000000010000400}});
    CHECK(commands(96, false) == std::vector<CommandWords>{{0x0012000000502012, 0x0000000010000400}});
    CHECK(tlb_range_commands(Opcode::TLBI_NH_VA, 0x12, 0x40000000, 32ull << 20, 32ull << 20, 14, true, true) ==
          std::vector<CommandWords>{{0x0012000000B00012, 0x0000000040000A01}});
    SECTION("without range invalidation a command a page") {
        const auto each = tlb_range_commands(Opcode::TLBI_NH_VA, 0x12, 0x10000000, 3 << 12, 4096, 12, true, false);
        CHECK(each.size() == 3);
        CHECK(each[2] == CommandWords{0x0012000000000012, 0x0000000010002001});
    }
    SECTION("every size is covered exactly, and no command is illegal") {
        for (std::uint64_t pages = 1; pages < 3000; ++pages) {
            for (const bool leaf : {true, false}) {
                std::uint64_t at = 0x10000000;
                for (const CommandWords& command : commands(pages, leaf)) {
                    const std::uint64_t num = command[0] >> 12 & 31, scale = command[0] >> 20 & 31;
                    REQUIRE((command[1] & ~0xFFFull) == at);
                    REQUIRE((num != 0 || scale != 0 || (command[1] >> 8 & 3) != 0));
                    at += ((num + 1) << scale) << 12;
                }
                const std::uint64_t covered = (at - 0x10000000) >> 12;
                REQUIRE(covered >= pages);
                REQUIRE(covered <= pages + (leaf ? 0 : 1));
            }
        }
    }
}

TEST_CASE("arm-smmu-v3: probe_device refuses in the order of the specification", "[kernel-model][smmuv3]") {
    OneMaster one;
    SmmuWorld& world = one.world;
    SECTION("no fwspec: -ENODEV") {
        world.run([&] { CHECK(world.driver.ops().probe_device(*one.dev).err == -kENODEV); });
    }
    SECTION("an id beyond the stream table: -ERANGE") { CHECK(world.add_master(one.dev, {0x10000}) == -kERANGE); }
    SECTION("an id of another master: -EINVAL, and the ids before it are given back") {
        REQUIRE(world.add_master(one.dev, {0x30}) == 0);
        const Ptr<Device> second = world.make_device("a001000.dma", 3);
        CHECK(world.add_master(second, {0x208, 0x30}) == -kEINVAL);
        CHECK(world.said("stream 48 already in tree"));
        CHECK_FALSE(world.said("from dev"));
        CHECK(world.smmu().streams.count(0x208) == 0);
        CHECK(world.smmu().streams.size() == 1);
    }
    SECTION("the same id twice: -EINVAL, and nothing of it stays") {
        CHECK(world.add_master(one.dev, {0x2000, 0x2000}) == -kEINVAL);
        CHECK(world.said("stream 8192 already in tree"));
        CHECK(world.smmu().streams.empty());
    }
    CHECK(world.k.heap.live("arm_smmu_master") == world.smmu().streams.size());
}

// Linux b00d24997a11 (6.15; Greg Kroah-Hartman's announcements of 6.1.138 and 6.12.28 have it, too).
TEST_CASE("arm-smmu-v3: an id that a master names twice is one stream from the fix on", "[kernel-model][smmuv3]") {
    const auto [variant, takes] = GENERATE(table<std::string, bool>({{"murphy-6.7", false},
                                                                     {"mainline-6.8", false},
                                                                     {"mainline-6.11", false},
                                                                     {"linux-6.1", true},
                                                                     {"linux-6.12", true},
                                                                     {"mainline-6.15", true},
                                                                     {"linux-7.3", true}}));
    CAPTURE(variant);
    OneMaster one{{}, variant};
    SmmuWorld& world = one.world;
    CHECK(world.add_master(one.dev, {0x2000, 0x2000}) == (takes ? 0 : -kEINVAL));
    CHECK(world.smmu().streams.size() == (takes ? 1U : 0U));
    CHECK(world.said("stream 8192 already in tree") == !takes);
    const auto names = world.command_names(one.first_command);
    CHECK(std::count(names.begin(), names.end(), "CMD_PREFETCH_CONFIG") == (takes ? 1 : 0));
    const Ptr<Device> second = world.make_device("a001000.dma", 3);
    if (!takes) return;
    const bool newer = world.k.variant.release >= 615;
    CHECK(world.add_master(second, {0x2000}) == (newer ? -kENODEV : -kEINVAL));
    CHECK(world.said(newer ? "Aliasing StreamID 0x2000 (from a000000.dma) unsupported, expect DMA to be broken"
                           : "stream 8192 already in tree from dev a000000.dma"));
}

TEST_CASE("arm-smmu-v3: identity passes, and without an owner the parameter decides", "[kernel-model][smmuv3]") {
    const bool abort = GENERATE(true, false);
    ArmSmmuParams params;
    params.disable_bypass = abort;
    IommuParameters passthrough;
    passthrough.passthrough = true;
    OneMaster one{{}, "base", passthrough, params};
    REQUIRE(one.world.add_master(one.dev, {0x10}) == 0);
    const std::uint64_t ste = ste_of(one.world, 0x10);
    CHECK(one.world.machine.word(ste) == 0x9);
    CHECK(one.world.machine.word(ste + 8) == 0x0000100000000000);
    CHECK(one.dev->dma_ops.peek() == DmaOps::direct);
    one.world.run([&] { one.world.iommu.iommu_release_device(*one.dev); });
    CHECK(one.world.machine.word(ste) == (abort ? 0x1 : 0x9));
}

TEST_CASE("arm-smmu-v3: every mapping of the DMA API resolves in memory, and none after its unmap",
          "[kernel-model][smmuv3][dma]") {
    const auto idr5 = GENERATE(4u | (1u << 4), 4u | (1u << 6), 4u | (7u << 4));
    SmmuIds ids;
    ids.idr5 = idr5;
    OneMaster one{ids};
    REQUIRE(one.world.add_master(one.dev, {0x10}) == 0);
    SmmuWorld& world = one.world;
    Rng random{3, "test.smmu.maps"};
    struct Live {
        PhysAddr memory;
        std::uint64_t size;
    };
    std::map<std::uint64_t, Live> live;
    world.run([&] {
        for (int step = 0; step < 300; ++step) {
            if (live.size() < 8 || random.chance(1, 2)) {
                const std::uint64_t size = 1 + random.below(random.chance(1, 8) ? 3u << 20 : 20000);
                const PhysAddr memory{0x50000000 + random.below(0x8000000)};
                const auto iova = world.dma.dma_map_single(*one.dev, memory, size, DmaDirection::bidirectional);
                REQUIRE(iova);
                live[iova->value] = {memory, size};
            } else {
                auto victim = live.begin();
                std::advance(victim, static_cast<std::ptrdiff_t>(random.below(live.size())));
                world.dma.dma_unmap_single(*one.dev, Iova{victim->first}, victim->second.size);
                REQUIRE_FALSE(resolve(world, 0x10, victim->first));
                live.erase(victim);
            }
            for (const auto& [iova, mapping] : live) {
                REQUIRE(resolve(world, 0x10, iova) == mapping.memory.value);
                REQUIRE(resolve(world, 0x10, iova + mapping.size - 1) == mapping.memory.value + mapping.size - 1);
            }
        }
    });
    INFO(world.console());
    CHECK(world.k.reports.empty());
}

TEST_CASE("arm-smmu-v3: strict mode invalidates at each unmap, lazy mode when a queue is full or old",
          "[kernel-model][smmuv3][dma]") {
    const auto tlbi = [](const SmmuWorld& world, std::size_t from) {
        std::vector<std::string> names;
        for (const std::string& command : world.command_names(from)) {
            if (command.find("TLBI") != std::string::npos) names.push_back(command);
        }
        return names;
    };
    const auto cycle = [](OneMaster& one, int times) {
        for (int i = 0; i < times; ++i) {
            const auto iova =
                one.world.dma.dma_map_single(*one.dev, PhysAddr{0x50000000}, 4096, DmaDirection::to_device);
            REQUIRE(iova);
            one.world.dma.dma_unmap_single(*one.dev, *iova, 4096);
        }
    };
    SECTION("strict") {
        OneMaster one;
        REQUIRE(one.world.add_master(one.dev, {0x10}) == 0);
        const std::size_t before = one.world.machine.commands.size();
        one.world.run([&] { cycle(one, 3); });
        CHECK(tlbi(one.world, before) == std::vector<std::string>(3, "CMD_TLBI_NH_VA"));
        CHECK(one.world.machine.commands[before][0] == 0x0001000000000012);
    }
    SECTION("lazy: after 10 ms") {
        IommuParameters lazy;
        lazy.strict = false;
        OneMaster one{{}, "base", lazy};
        REQUIRE(one.world.add_master(one.dev, {0x10}) == 0);
        const std::size_t before = one.world.machine.commands.size();
        one.world.machine.fire_timers = false;
        one.world.run([&] { cycle(one, 3); });
        CHECK(tlbi(one.world, before).empty());
        const SimTime unmapped = one.world.k.now();
        one.world.machine.fire_timers = true;
        one.world.machine.run(one.world.k.sched);
        CHECK(tlbi(one.world, before) == std::vector<std::string>{"CMD_TLBI_NH_ASID"});
        CHECK(one.world.k.now() - unmapped < ms(11));
    }
    SECTION("lazy: when 256 entries do not fit") {
        IommuParameters lazy;
        lazy.strict = false;
        OneMaster one{{}, "base", lazy};
        REQUIRE(one.world.add_master(one.dev, {0x10}) == 0);
        const std::size_t before = one.world.machine.commands.size();
        one.world.machine.fire_timers = false;
        one.world.run([&] { cycle(one, 255); });
        CHECK(tlbi(one.world, before).empty());
        one.world.run([&] { cycle(one, 1); });
        CHECK(tlbi(one.world, before).size() == 1);
    }
}

TEST_CASE("arm-smmu-v3: a domain that goes gives back its tables, its CD and its ASID", "[kernel-model][smmuv3]") {
    OneMaster one;
    const std::uint64_t before = one.world.pages.bytes_in_use();
    REQUIRE(one.world.add_master(one.dev, {0x10}) == 0);
    CHECK(one.world.domain_of(one.dev)->asid() == 1);
    one.world.run([&] { one.world.iommu.iommu_release_device(*one.dev); });
    CHECK(one.world.pages.bytes_in_use() == before + 16384);  // the second-level stream table stays
    CHECK(one.world.k.heap.live("arm_smmu_master") == 0);
    REQUIRE(one.world.add_master(one.dev, {0x10}) == 0);
    CHECK(one.world.domain_of(one.dev)->asid() == 1);
}

TEST_CASE("arm-smmu-v3: CPUs share the command queue, and no command is lost or torn", "[kernel-model][smmuv3]") {
    OneMaster one;
    SmmuWorld& world = one.world;
    const std::size_t before = world.machine.commands.size();
    constexpr int kTasks = 6, kRounds = 40;
    // Every pass of time lets another task go on: reservations and publications interleave.
    world.machine.on_point = [&](Task& task, const Point&) {
        world.machine.task_ready(task);
        world.k.sched.suspend();
    };
    for (int t = 0; t < kTasks; ++t) {
        world.k.spawn("issuer", static_cast<unsigned>(t), [&world, t] {
            for (int i = 0; i < kRounds; ++i) {
                std::vector<CommandWords> batch;
                for (int c = 0; c < 1 + (t + i) % 5; ++c) {
                    batch.push_back(iommu::smmuv3::command::cfgi_ste(StreamId{static_cast<std::uint32_t>(t)}, true));
                }
                REQUIRE(world.smmu().cmdq.issue(batch, true) == 0);
            }
        });
    }
    world.machine.run(world.k.sched);
    std::map<std::uint64_t, int> by_task;
    int syncs = 0;
    for (std::size_t i = before; i < world.machine.commands.size(); ++i) {
        const CommandWords& command = world.machine.commands[i];
        if ((command[0] & 0xFF) == 0x46) {
            ++syncs;
        } else {
            REQUIRE((command[0] & 0xFF) == 0x03);
            ++by_task[command[0] >> 32];
        }
    }
    CHECK(syncs == kTasks * kRounds);
    for (int t = 0; t < kTasks; ++t) {
        int expected = 0;
        for (int i = 0; i < kRounds; ++i) expected += 1 + (t + i) % 5;
        CHECK(by_task[static_cast<std::uint64_t>(t)] == expected);
    }
}

TEST_CASE("arm-smmu-v3: an unmap of 16 pages is one range, 16 single TLBIs, or all of the ASID, as asked",
          "[kernel-model][smmuv3][dma]") {
    struct Row {
        bool range;
        std::uint64_t all_from;
        const char* command;
        std::ptrdiff_t count;
    };
    const Row row = GENERATE(Row{true, ~std::uint64_t{0}, "CMD_TLBI_NH_VA", 1},
                             Row{false, ~std::uint64_t{0}, "CMD_TLBI_NH_VA", 16}, Row{true, 1, "CMD_TLBI_NH_ASID", 1},
                             Row{false, 17, "CMD_TLBI_NH_VA", 16}, Row{true, 16, "CMD_TLBI_NH_ASID", 1});
    ArmSmmuParams params;
    params.range_invalidation = row.range;
    params.all_from_pages = row.all_from;
    OneMaster one{{}, "base", {}, params};
    REQUIRE(one.world.add_master(one.dev, {0x10}) == 0);
    std::size_t from = 0;
    one.world.run([&] {
        const auto iova =
            one.world.dma.dma_map_single(*one.dev, PhysAddr{0x50000000}, 16 * 4096, DmaDirection::to_device);
        REQUIRE(iova);
        from = one.world.machine.commands.size();
        one.world.dma.dma_unmap_single(*one.dev, *iova, 16 * 4096);
    });
    const auto names = one.world.command_names(from);
    CHECK(std::count(names.begin(), names.end(), row.command) == row.count);
    CHECK(names.size() == static_cast<std::size_t>(row.count) + 1);
    CHECK(names.back() == "CMD_SYNC");
}
