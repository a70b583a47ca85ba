#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/kernel-model/smmu_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace r = xlate::iommu::smmuv3::reg;

namespace {

using RegWrite = std::pair<std::uint32_t, std::uint64_t>;

/// What was written, except the command queue's PROD after it was enabled.
std::vector<RegWrite> writes(const SmmuTestMachine& machine) {
    std::vector<RegWrite> all;
    bool queue_on = false;
    for (const RegisterAccess& access : machine.accesses) {
        if (!access.write || (queue_on && access.offset == r::CMDQ_PROD)) continue;
        if (access.offset == r::CR0 && (access.value & 8) != 0) queue_on = true;
        all.emplace_back(access.offset, access.value);
    }
    return all;
}

}  // namespace

TEST_CASE("arm-smmu-v3: the console says what a real kernel said on the same hardware", "[kernel-model][smmuv3]") {
    // corpus dt-smmuv3-dma-6.1, boot.log
    SmmuWorld world;
    REQUIRE(world.probe_smmu() == 0);
    CHECK(world.said("arm-smmu-v3 9050000.smmuv3: ias 44-bit, oas 44-bit (features 0x00008305)"));
    CHECK(world.said("arm-smmu-v3 9050000.smmuv3: allocated 65536 entries for cmdq"));
    CHECK(world.said("arm-smmu-v3 9050000.smmuv3: allocated 32768 entries for evtq"));
    REQUIRE(world.iommu.registered().size() == 1);
    CHECK(world.iommu.registered().front()->sysfs_name == "smmu3.0x0000000009050000");
    CHECK(world.k.reports.empty());
}

TEST_CASE("arm-smmu-v3: registers are written in the order of the bring-up script", "[kernel-model][smmuv3]") {
    SmmuWorld world;
    REQUIRE(world.probe_smmu() == 0);
    const std::uint64_t strtab = world.machine.reg(r::STRTAB_BASE);
    const std::uint64_t cmdq = world.machine.reg(r::CMDQ_BASE);
    const std::uint64_t evtq = world.machine.reg(r::EVENTQ_BASE);
    const std::vector<RegWrite> expected{
        {r::CR0, 0},
        {r::CR1, 0xD75},
        {r::CR2, 0x6},
        {r::STRTAB_BASE, strtab},
        {r::STRTAB_BASE_CFG, 0x10210},
        {r::CMDQ_BASE, cmdq},
        {r::CMDQ_PROD, 0},
        {r::CMDQ_CONS, 0},
        {r::CR0, 0x8},
        {r::EVENTQ_BASE, evtq},
        {r::EVENTQ_PROD, 0},
        {r::EVENTQ_CONS, 0},
        {r::CR0, 0xC},
        {r::IRQ_CTRL, 0},
        {r::GERROR_IRQ_CFG0, 0},
        {r::EVENTQ_IRQ_CFG0, 0},
        {r::IRQ_CTRL, 0x5},
        {r::CR0, 0xD},
    };
    CHECK(writes(world.machine) == expected);
    CHECK((strtab >> 62) == 1);
    CHECK((strtab & 0xFFF) == 0);
    CHECK((cmdq & 31) == 16);
    CHECK((evtq & 31) == 15);
    CHECK(world.command_names() ==
          std::vector<std::string>{"CMD_CFGI_STE_RANGE", "CMD_SYNC", "CMD_TLBI_NSNH_ALL", "CMD_SYNC"});
    CHECK(world.machine.commands[0] == iommu::smmuv3::CommandWords{0x4, 0x1F});
    CHECK(world.machine.commands[1] == iommu::smmuv3::CommandWords{0x0FC02046, 0});
    // ID registers first, and CR0 is looked at before it is cleared.
    std::vector<std::uint32_t> first_reads;
    for (const RegisterAccess& access : world.machine.accesses) {
        if (access.write) break;
        first_reads.push_back(access.offset);
    }
    CHECK(first_reads == std::vector<std::uint32_t>{r::IDR0, r::IDR1, r::IDR3, r::IDR5, r::CR0});
}

TEST_CASE("arm-smmu-v3: PRI and ATS add their steps, a hypervisor-capable SMMU is told to forget EL2",
          "[kernel-model][smmuv3]") {
    SmmuIds ids;
    ids.idr0 |= (1u << 16) | (1u << 10) | (1u << 9);
    ids.idr1 |= 10u << 11;
    SmmuWorld world{smmu_board(1), ids};
    REQUIRE(world.probe_smmu() == 0);
    CHECK(world.said("allocated 1024 entries for priq"));
    CHECK(world.machine.reg(r::CR0) == 0x1F);
    CHECK(world.machine.reg(r::IRQ_CTRL) == 0x7);
    const auto names = world.command_names();
    CHECK(std::find(names.begin(), names.end(), "CMD_TLBI_EL2_ALL") != names.end());
    const auto all = writes(world.machine);
    const auto at = [&all](std::uint32_t offset, std::uint64_t value) {
        return std::find(all.begin(), all.end(), RegWrite{offset, value}) - all.begin();
    };
    CHECK(at(r::CR0, 0xC) < at(r::PRIQ_PROD, 0));
    CHECK(at(r::PRIQ_PROD, 0) < at(r::CR0, 0xE));
    CHECK(at(r::CR0, 0xE) < at(r::CR0, 0x1E));
    CHECK(at(r::CR0, 0x1E) < at(r::IRQ_CTRL, 0x7));
}

TEST_CASE("arm-smmu-v3: with msi-parent and IDR0.MSI the three interrupts are messages of that controller, else wires",
          "[kernel-model][smmuv3]") {
    static const std::uint8_t kPhandle[4] = {0, 0, 0, 9};
    static const std::uint8_t kBase[4] = {0, 0, 0, 96};
    static const std::vector<firmware::Property> kParent{{"msi-parent", {kPhandle, 4}, 0}};
    static const std::vector<firmware::Property> kFrame{{"arm,msi-base-spi", {kBase, 4}, 0}};
    struct Row {
        bool msi, parent;
        const char* controller;
    };
    for (const Row& row :
         {Row{true, true, "arm,gic-v3-its"}, Row{true, true, "arm,gic-v2m-frame"}, Row{true, true, "acme,intc"},
          Row{true, false, "arm,gic-v3-its"}, Row{false, true, "arm,gic-v3-its"}}) {
        CAPTURE(row.msi, row.parent, row.controller);
        firmware::Description board = smmu_board(0);
        firmware::Node controller;
        controller.path = "/msi";
        controller.parent = firmware::NodeIndex{0};
        controller.phandle = 9;
        controller.compatible = {row.controller};
        controller.regs.push_back({0x8080000, 0x20000, 0x8080000, ""});
        controller.properties = kFrame;
        board.nodes.push_back(controller);
        if (row.parent) board.nodes[1].properties = kParent;
        SmmuIds ids;
        ids.idr0 |= 1u << 16;  // PRI
        if (row.msi) ids.idr0 |= 1u << 13;
        ids.idr1 |= 10u << 11;
        SmmuWorld world{board, ids};
        REQUIRE(world.probe_smmu() == 0);
        const bool v2m = std::string(row.controller) == "arm,gic-v2m-frame";
        const bool messages = row.msi && row.parent && std::string(row.controller) != "acme,intc";
        const std::uint64_t doorbell = !messages ? 0 : v2m ? 0x8080040 : 0x8090040;
        const std::uint64_t first = !messages ? 0 : v2m ? 96 : 0;
        CHECK(world.machine.reg(r::EVENTQ_IRQ_CFG0) == doorbell);
        CHECK(world.machine.reg(r::GERROR_IRQ_CFG0) == doorbell);
        CHECK(world.machine.reg(r::PRIQ_IRQ_CFG0) == doorbell);
        CHECK(world.machine.reg(r::EVENTQ_IRQ_CFG1) == first);
        CHECK(world.machine.reg(r::GERROR_IRQ_CFG1) == (messages ? first + 1 : 0));
        CHECK(world.machine.reg(r::PRIQ_IRQ_CFG1) == (messages ? first + 2 : 0));
        CHECK(world.machine.reg(r::EVENTQ_IRQ_CFG2) == (messages ? 1 : 0));
        CHECK(world.said("msi_domain absent - falling back to wired irqs") == (row.msi && !messages));
        CHECK(world.machine.reg(r::IRQ_CTRL) == 0x7);
    }
}

TEST_CASE("arm-smmu-v3: an SMMU that was left on is made to abort before it is reset", "[kernel-model][smmuv3]") {
    SmmuWorld world;
    world.machine.set_reg(r::CR0, 1);
    world.machine.set_reg(r::GBPA, 0x1000);
    REQUIRE(world.probe_smmu() == 0);
    CHECK(world.said("SMMU currently enabled! Resetting..."));
    const auto all = writes(world.machine);
    CHECK(all[0] == RegWrite{r::GBPA, 0x80101000});
    CHECK(all[1] == RegWrite{r::CR0, 0});
}

TEST_CASE("arm-smmu-v3: hardware that the driver cannot use is refused, and says why", "[kernel-model][smmuv3]") {
    struct Row {
        const char* what;
        std::uint32_t idr0_clear, idr0_set, idr1_clear, idr1_set;
        const char* why;
    };
    const auto [what, idr0_clear, idr0_set, idr1_clear, idr1_set, why] =
        GENERATE(Row{"no stage", 3, 0, 0, 0, "no translation support!"},
                 Row{"no AArch64 tables", 3u << 2, 1u << 2, 0, 0, "AArch64 table format not supported!"},
                 Row{"big-endian walks", 0, 3u << 21, 0, 0, "unknown/unsupported TT endianness!"},
                 Row{"preset tables", 0, 0, 0, 1u << 30, "embedded implementation not supported"},
                 Row{"a command queue without room for a batch", 0, 0, 31u << 21, 6u << 21,
                     "command queue size <= 64 entries not supported"});
    INFO(what);
    SmmuIds ids;
    ids.idr0 = (ids.idr0 & ~idr0_clear) | idr0_set;
    ids.idr1 = (ids.idr1 & ~idr1_clear) | idr1_set;
    SmmuWorld world{smmu_board(1), ids};
    CHECK(world.probe_smmu() != 0);
    CHECK(world.said(why));
    CHECK(world.smmu_dev->driver.peek() == nullptr);
    CHECK(world.iommu.registered().empty());
    CHECK(writes(world.machine).empty());
}

TEST_CASE("arm-smmu-v3: a register that is never acknowledged ends the probe after a second",
          "[kernel-model][smmuv3]") {
    SmmuWorld world;
    world.machine.set_reg(r::CR0ACK, 1);
    world.machine.never_acknowledge = true;
    CHECK(world.probe_smmu() != 0);
    CHECK(world.said("failed to clear cr0"));
    CHECK(world.k.now() > ms(1000));
    CHECK(world.k.now() < ms(1100));
}

TEST_CASE("arm-smmu-v3: a command queue that stands still is reported and survived", "[kernel-model][smmuv3]") {
    SmmuWorld world;
    world.machine.consume = false;
    CHECK(world.probe_smmu() == 0);  // Linux goes on too
    CHECK(world.said("CMD_SYNC timeout at 0x00000001 [hwprod 0x00000002, hwcons 0x00000000]"));
    CHECK(world.smmu().cmdq.stats().timeouts == 2);
}

TEST_CASE("arm-smmu-v3: few stream ids mean a linear table, all entries written", "[kernel-model][smmuv3]") {
    const bool abort = GENERATE(true, false);
    SmmuIds ids;
    const bool two_level = GENERATE(true, false);
    INFO((two_level ? "8 bits" : "no two-level support"));
    ids.idr1 = (ids.idr1 & ~63u) | (two_level ? 8 : 10);
    if (!two_level) ids.idr0 &= ~(3u << 27);
    ArmSmmuParams params;
    params.disable_bypass = abort;
    SmmuWorld world{smmu_board(1), ids, "base", params};
    REQUIRE(world.probe_smmu() == 0);
    const unsigned bits = ids.idr1 & 63;
    CHECK(world.machine.reg(r::STRTAB_BASE_CFG) == bits);
    const std::uint64_t base = world.machine.reg(r::STRTAB_BASE) & 0x000FFFFFFFFFFFC0;
    CHECK(base % (64ull << bits) == 0);
    for (std::uint64_t sid = 0; sid < (1ull << bits); ++sid) {
        REQUIRE(world.machine.word(base + sid * 64) == (abort ? 0x1 : 0x9));
        REQUIRE(world.machine.word(base + sid * 64 + 8) == 0x0000100000000000);
    }
}

TEST_CASE("arm-smmu-v3: firmware's word on coherency wins over the hardware's", "[kernel-model][smmuv3]") {
    SmmuWorld world{smmu_board(1, false)};
    REQUIRE(world.probe_smmu() == 0);
    CHECK(world.said("IDR0.COHACC overridden by FW configuration (false)"));
    CHECK(world.said("(features 0x00008205)"));
}

TEST_CASE("arm-smmu-v3: SYNC completes by a message into its own slot where hardware and memory allow it",
          "[kernel-model][smmuv3]") {
    SmmuIds ids;
    ids.idr0 |= 1u << 13;
    SmmuWorld world{smmu_board(1), ids};
    REQUIRE(world.probe_smmu() == 0);
    const std::uint64_t queue = world.machine.reg(r::CMDQ_BASE) & 0x000FFFFFFFFFFFE0;
    CHECK(world.machine.commands[1] == iommu::smmuv3::CommandWords{0x000000000FC01046, queue + 16});
    CHECK(world.smmu().cmdq.stats().timeouts == 0);
    // Nobody read CONS.
    CHECK(std::none_of(world.machine.accesses.begin(), world.machine.accesses.end(),
                       [](const RegisterAccess& a) { return !a.write && a.offset == r::CMDQ_CONS; }));
}

TEST_CASE("arm-smmu-v3: missing interrupts are said, a combined one serves all", "[kernel-model][smmuv3]") {
    firmware::Description board = smmu_board(1);
    SECTION("none") {
        board.nodes[1].interrupts.clear();
        SmmuWorld world{board};
        REQUIRE(world.probe_smmu() == 0);
        CHECK(world.said("no evtq irq - events will not be reported!"));
        CHECK(world.said("no gerr irq - errors will not be reported!"));
        CHECK(world.machine.interrupts.empty());
    }
    SECTION("combined") {
        board.nodes[1].interrupts.resize(1);
        board.nodes[1].interrupts[0].name = "combined";
        SmmuWorld world{board};
        REQUIRE(world.probe_smmu() == 0);
        CHECK(world.machine.interrupts.size() == 1);
        CHECK(world.machine.interrupts.count({firmware::NodeIndex{1}, "combined"}) == 1);
    }
    SECTION("wires by name") {
        SmmuWorld world{board};
        REQUIRE(world.probe_smmu() == 0);
        CHECK(world.machine.interrupts.count({firmware::NodeIndex{1}, "eventq"}) == 1);
        CHECK(world.machine.interrupts.count({firmware::NodeIndex{1}, "gerror"}) == 1);
    }
}

TEST_CASE("arm-smmu-v3: fault records are drained, counted and printed as Linux prints them",
          "[kernel-model][smmuv3]") {
    SmmuWorld world;
    REQUIRE(world.probe_smmu() == 0);
    const auto interrupt = world.machine.interrupts.at({firmware::NodeIndex{1}, "eventq"});
    world.machine.put_event({0x0000001000000010, 0x0000020800000000, 0xDEADB000, 0});
    world.machine.put_event({0x0000001000000010, 0x0000020800000000, 0xDEADC000, 0});
    interrupt();
    world.machine.run(world.k.sched);
    CHECK(world.smmu().stats.events.at(0x10) == 2);
    CHECK(world.machine.reg(r::EVENTQ_CONS) == 2);
    CHECK(world.said("arm-smmu-v3 9050000.smmuv3: event 0x10 received:"));
    CHECK(world.said("arm-smmu-v3 9050000.smmuv3: \t0x0000001000000010"));
    CHECK(world.said("arm-smmu-v3 9050000.smmuv3: \t0x0000020800000000"));
    CHECK(world.said("arm-smmu-v3 9050000.smmuv3: \t0x00000000deadb000"));
    CHECK(world.said("arm-smmu-v3 9050000.smmuv3: \t0x0000000000000000"));

    SECTION("ten in five seconds are printed, all are counted") {
        for (int i = 0; i < 20; ++i) world.machine.put_event({0x10, 0, 0x1000, 0});
        interrupt();
        world.machine.run(world.k.sched);
        CHECK(world.smmu().stats.events.at(0x10) == 22);
        const std::string text = world.console();
        std::size_t printed = 0;
        for (std::size_t at = 0; (at = text.find("received:", at)) != std::string::npos; ++at) ++printed;
        CHECK(printed == 10);
    }
    SECTION("an overflow is acknowledged") {
        world.machine.set_reg(r::EVENTQ_PROD, 0x80000002);
        interrupt();
        world.machine.run(world.k.sched);
        CHECK(world.said("EVTQ overflow detected -- events lost"));
        CHECK(world.machine.reg(r::EVENTQ_CONS) == 0x80000002);
        CHECK(world.smmu().stats.events_lost == 1);
    }
}

TEST_CASE("arm-smmu-v3: an illegal command is stepped over by a SYNC, then the error is acknowledged",
          "[kernel-model][smmuv3]") {
    SmmuWorld world;
    REQUIRE(world.probe_smmu() == 0);
    const std::uint64_t queue = world.machine.reg(r::CMDQ_BASE) & 0x000FFFFFFFFFFFE0;
    world.run([&] { world.pages.write_u64(PhysAddr{queue + 3 * 16}, 0x7F); });
    const std::uint32_t error = GENERATE(1u, 2u, 3u);
    world.machine.set_reg(r::CMDQ_CONS, 3u | (error << 24));
    world.machine.set_reg(r::GERROR, 1);
    world.machine.interrupts.at({firmware::NodeIndex{1}, "gerror"})();
    world.machine.run(world.k.sched);
    CHECK(world.said("unexpected global error reported (0x00000001), this could be serious"));
    CHECK(world.machine.reg(r::GERRORN) == 1);
    if (error == 1) {
        CHECK(world.said("CMDQ error (cons 0x01000003): Illegal command"));
        CHECK(world.said("skipping command in error state:"));
        CHECK(world.machine.word(queue + 3 * 16) == 0x000000000FC02046);
    } else {
        CHECK(world.machine.word(queue + 3 * 16) == 0x7F);
        CHECK(world.said("retrying command fetch") == (error == 2));
    }
}
