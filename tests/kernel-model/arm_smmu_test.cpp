// Kinds of Arm SMMUv1 and v2 and odd programmings of their driver, over registers in RAM. Values and return codes are
// those of real boots, docs/spec/linux-findings.md (the fact is named), or of iommu-hardware.md section 2.
#include <catch2/catch.hpp>

#include "tests/kernel-model/arm_smmu_board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using arm_smmu::ArmSmmuDomain;

namespace {

constexpr std::uint32_t kSmr = 0x800, kS2cr = 0xC00, kCbar = 0x1000, kCba2r = 0x1800, kBank = 0x10000;
constexpr std::uint32_t kSctlr = 0x00, kTcr2 = 0x10, kTtbr0 = 0x20, kTcr = 0x30;

}  // namespace

TEST_CASE("arm-smmu: an MMU-400 on a 64-bit kernel has AArch32 tables, and its interrupts go round",
          "[kernel][smmuv2]") {  // fact 27
    ArmSmmuBoard board;
    const auto smmu = board.smmu({"arm,mmu-400"});
    const std::string first = board.master(smmu, {{1}});
    const std::string second = board.master(smmu, {{2}});
    ArmSmmuRamBoot run(board, {});
    CHECK(run.said("arm-smmu 7f000000.iommu: SMMUv1 with:"));
    CHECK(run.reg(kBank + kTcr) == 0x80803520);
    CHECK((run.reg(kCbar) >> 24) == 1);
    CHECK((run.reg(kCbar + 4) >> 24) == 2);
    CHECK_FALSE(run.written(kCba2r));
    CHECK_FALSE(run.written(kBank + kTcr2));
    CHECK(run.group_id(first) != run.group_id(second));
}

TEST_CASE("arm-smmu: extended ids have no valid bit in SMR", "[kernel][smmuv2]") {  // fact 25
    ArmSmmuBoard board;
    board.master(board.smmu({"arm,mmu-500"}, 2), {{0xFFFE, 1}});
    ArmSmmuIds ids;
    ids.id0 |= 0x100;
    ArmSmmuRamBoot run(board, ids);
    CHECK(run.reg(kSmr) == 0x0001FFFE);
    CHECK(run.reg(kS2cr) == 0x400);
    CHECK(run.reg(0) == 0x1C3E);
}

TEST_CASE("arm-smmu: banks of stage 2 only are left out, and a device without a bank gives its entry back",
          "[kernel][smmuv2]") {  // fact 24
    ArmSmmuBoard board;
    const auto smmu = board.smmu({"arm,mmu-500"});
    std::vector<std::string> masters;
    for (std::uint32_t i = 0; i < 8; ++i) masters.push_back(board.master(smmu, {{0x10 + i}}));
    ArmSmmuIds ids;
    ids.id1 = 0x30020008;
    ArmSmmuRamBoot run(board, ids);
    CHECK(run.said("\t8 context banks (2 stage-2 only)"));
    for (unsigned i = 0; i < 6; ++i) {
        CHECK(run.probed(masters[i]) == 0);
        CHECK(run.reg(kS2cr + 4 * i) == i + 2);
    }
    for (unsigned i = 6; i < 8; ++i) {
        CHECK(run.probed(masters[i]) == -28);
        CHECK(run.group_of(masters[i]) == nullptr);
        CHECK(run.boot.find_device(masters[i])->driver.peek() != nullptr);
    }
    CHECK(run.reg(kSmr + 4 * 6) == 0x17);  // invalid, its last id in it
    CHECK(run.reg(kS2cr + 4 * 6) == 0x20000);
}

TEST_CASE("arm-smmu: no entry left is -28, and the ids that had one give it back", "[kernel][smmuv2]") {
    ArmSmmuBoard board;
    const auto smmu = board.smmu({"arm,mmu-500"});
    const std::string most = board.master(smmu, {{0}, {1}, {2}});
    const std::string more = board.master(smmu, {{3}, {4}});
    const std::string last = board.master(smmu, {{5}});
    ArmSmmuIds ids;
    ids.id0 = (ids.id0 & ~0xFFu) | 4;
    ArmSmmuRamBoot run(board, ids);
    CHECK(run.probed(most) == 0);
    CHECK(run.probed(more) == -28);
    CHECK(run.probed(last) == 0);
    CHECK(run.reg(kSmr + 4 * 3) == 0x80000005);
}

TEST_CASE("arm-smmu: ids that an entry covers share it, others that overlap are refused", "[kernel][smmuv2]") {
    ArmSmmuBoard board;  // facts 6 and 20
    const auto smmu = board.smmu({"arm,mmu-500"}, 2);
    const std::string wide = board.master(smmu, {{0x40, 0x3F}});
    const std::string inside = board.master(smmu, {{0x45, 0}});
    const std::string half = board.master(smmu, {{0x60, 0x7F}});
    const std::string both = board.master(smmu, {{0x200, 0}, {0x7F, 0x3F}});
    ArmSmmuRamBoot run(board, {});
    CHECK(run.probed(wide) == 0);
    CHECK(run.probed(inside) == 0);
    CHECK(run.group_id(inside) == run.group_id(wide));
    CHECK(run.probed(half) == -22);
    CHECK(run.probed(both) == 0);
    CHECK(run.reg(kSmr) == 0x803F0040);
}

TEST_CASE("arm-smmu: ids and masks wider than the hardware's are -22", "[kernel][smmuv2]") {  // fact 20
    ArmSmmuBoard board;
    const auto smmu = board.smmu({"arm,mmu-500"}, 2);
    const std::string id = board.master(smmu, {{0x100, 0}});
    const std::string mask = board.master(smmu, {{0, 0x100}});
    ArmSmmuIds ids;
    ids.id0 = (ids.id0 & ~0x1E00u) | (8u << 9);
    ArmSmmuRamBoot run(board, ids);
    CHECK(run.probed(id) == -22);
    CHECK(run.probed(mask) == -22);
    CHECK(run.said("stream ID 0x100 out of range for SMMU (0xff)"));
    CHECK(run.said("SMR mask 0x100 out of range for SMMU (0xff)"));
}

TEST_CASE("arm-smmu: without stream matching the id is the index", "[kernel][smmuv2]") {  // fact 30a
    ArmSmmuBoard board;
    const auto smmu = board.smmu({"arm,smmu-v2"});
    const std::string first = board.master(smmu, {{5}});
    const std::string same = board.master(smmu, {{5}});
    const std::string outside = board.master(smmu, {{0x40}});
    ArmSmmuIds ids;
    ids.id0 = (ids.id0 & ~0x08001E00u) | (6u << 9);
    ArmSmmuRamBoot run(board, ids);
    CHECK(run.reg(kS2cr + 4 * 5) == 0);
    CHECK(run.reg(kS2cr + 4 * 6) == 0x20000);
    CHECK_FALSE(run.written(kSmr));
    CHECK(run.group_id(first) == run.group_id(same));
    CHECK(run.probed(outside) == -22);
}

TEST_CASE("arm-smmu: Marvell's has no 64-bit accesses and no 64-bit tables", "[kernel][smmuv2]") {  // fact 18
    ArmSmmuBoard board;
    board.master(board.smmu({"marvell,ap806-smmu-500", "arm,mmu-500"}), {{1}});
    ArmSmmuRamBoot run(board, {});
    CHECK(run.written(kCba2r));
    CHECK(run.reg(kCba2r) == 0);
    CHECK(run.reg(kBank + kTcr2) == 0x38002);
    CHECK(run.reg(kBank + kTcr) == 0x80803520);
    std::vector<std::uint64_t> halves;
    for (const RegisterLogEntry& entry : run.machine.log) {
        CHECK(entry.bits == 32);
        const std::uint64_t offset = entry.address - kArmSmmuBase - kBank;
        if (offset == kTtbr0 || offset == kTtbr0 + 4) halves.push_back(offset);
    }
    CHECK(halves == std::vector<std::uint64_t>{kTtbr0 + 4, kTtbr0});
    CHECK((run.reg(0x10) & 0x500) == 0x500);  // an MMU-500 all the same
}

namespace {

void add_scm(ArmSmmuBoard& board) {
    firmware::Node node;
    node.name = "scm";
    node.path = "/scm";
    node.compatible = {"qcom,scm-sm8250", "qcom,scm"};
    board.add(node);
}

}  // namespace

TEST_CASE("arm-smmu: in front of an Adreno bank 0 is the GPU's, and hits go on under a fault",
          "[kernel][smmuv2]") {  // fact 14
    ArmSmmuBoard board;
    add_scm(board);
    board.master(board.smmu({"qcom,sm8250-smmu-500", "qcom,adreno-smmu", "qcom,smmu-500", "arm,mmu-500"}), {{7}});
    ArmSmmuRamBoot run(board, {});
    CHECK(run.reg(kS2cr) == 1);
    CHECK(run.reg(kBank + 0x1000 + kSctlr) == 0x1167);
    CHECK((run.reg(0x10) & 0x500) == 0x500);
    CHECK_FALSE(run.reg(kBank + kSctlr) != 0);
}

TEST_CASE("arm-smmu: sdm845 asks its firmware at reset, msm8998 keeps a bank to itself", "[kernel][smmuv2]") {
    ArmSmmuBoard board;  // fact 14a
    add_scm(board);
    board.smmu({"qcom,sdm845-smmu-500", "arm,mmu-500"}, 1, 0x20000, 13);
    board.smmu({"qcom,msm8998-smmu-v2", "qcom,smmu-v2"}, 1, 0x20000, 13);
    ArmSmmuIds ids;
    ids.id1 = 0x3000000D;
    ArmSmmuRamBoot run(board, ids);
    CHECK(run.said("arm-smmu 7f000000.iommu: Failed to turn off SAFE logic"));
    CHECK(run.said("arm-smmu 7f200000.iommu: \t13 context banks (0 stage-2 only)"));
    CHECK((run.reg(0x10) & 0x500) == 0x500);
    CHECK_FALSE(run.written(kArmSmmuStride + 0x10));
    CHECK(run.written(kArmSmmuStride + kBank + 11 * 0x1000));
    CHECK_FALSE(run.written(kArmSmmuStride + kBank + 12 * 0x1000));
    CHECK(run.written(kBank + 12 * 0x1000));
}

TEST_CASE("arm-smmu: Cavium's give each context of the system a tag of its own", "[kernel][smmuv2]") {
    ArmSmmuBoard board;
    const auto first = board.smmu({"cavium,smmu-v2"});
    const auto second = board.smmu({"cavium,smmu-v2"});
    const std::string one = board.master(first, {{1}});
    const std::string other = board.master(second, {{1}});
    ArmSmmuRamBoot run(board, {});
    CHECK(run.domain_of(one)->cfg().asid == 0);
    CHECK(run.domain_of(other)->cfg().asid == 8);
    CHECK(run.machine.word(kArmSmmuBase + kArmSmmuStride + kBank + kTtbr0 + 4) >> 16 == 8);
}

TEST_CASE("arm-smmu: pages of 64 KiB move the second global page and the banks", "[kernel][smmuv2]") {
    ArmSmmuBoard board;  // second part, fact 2
    board.master(board.smmu({"arm,mmu-500"}, 1, 0x200000), {{1}});
    ArmSmmuIds ids;
    ids.id1 = 0xB0000008;
    ArmSmmuRamBoot run(board, ids);
    CHECK(run.reg(0x10000) == 0x1F300);
    CHECK(run.reg(0x100000) == 0x1067);
    CHECK_FALSE(run.said("differs from mapped region size"));
}

TEST_CASE("arm-smmu: a register window that firmware makes too small is said, and what lies behind it is an Oops",
          "[kernel][smmuv2]") {
    const std::uint64_t window = GENERATE(0x10000, 0x17001, 0x18000);  // eight banks from 0x10000 on
    ArmSmmuBoard board;
    board.smmu({"arm,mmu-500"}, 1, window);
    ArmSmmuRamBoot run(board, {});
    CHECK(run.said(fmt::format("SMMU address space size (0x20000) differs from mapped region size ({:#x})!", window)));
    // 0x17001 ends in the page of the last bank.
    CHECK(run.k.reports.crashed() == (window == 0x10000));
    if (!run.k.reports.crashed()) return;
    const Report& oops = run.k.reports.all().front();
    CHECK(oops.headline().find("a register behind its mapping: 0x10000 of 0x10000 bytes") != std::string::npos);
    CHECK(run.reg(0x10000) == 0);
}

TEST_CASE("arm-smmu: an SMMU that cannot be used fails to probe, and its masters stay untranslated",
          "[kernel][smmuv2]") {
    ArmSmmuBoard board;
    ArmSmmuIds ids;
    std::string text;
    unsigned contexts = 8;
    SECTION("no stage") {
        ids.id0 &= ~0x70000000u;
        text = "\tno translation support!";
        SUCCEED("chosen");
    }
    SECTION("no entries") {
        ids.id0 &= ~0xFFu;
        text = "stream-matching supported, but no SMRs present!";
        SUCCEED("chosen");
    }
    SECTION("more banks of stage 2 than banks") {
        ids.id1 = 0x30090008;
        text = "impossible number of S2 context banks!";
        SUCCEED("chosen");
    }
    SECTION("fewer interrupts than banks") {
        contexts = 7;
        text = "found only 7 context irq(s) but 8 required";
        SUCCEED("chosen");
    }
    SECTION("no interrupts of contexts") {
        contexts = 0;
        text = "found 1 interrupts but expected at least 2";
        SUCCEED("chosen");
    }
    const std::string master = board.master(board.smmu({"arm,mmu-500"}, 1, 0x20000, contexts), {{1}});
    ArmSmmuRamBoot run(board, ids);
    INFO(run.k.console.text());
    CHECK(run.said(text));
    CHECK(run.boot.find_device("7f000000.iommu")->driver.peek() == nullptr);
    CHECK(run.group_of(master) == nullptr);
    CHECK(run.boot.find_device(master)->driver.peek() != nullptr);
}

TEST_CASE("arm-smmu: the command line lets unowned streams pass, or forces a stage", "[kernel][smmuv2]") {
    ArmSmmuBoard board;
    board.master(board.smmu({"arm,mmu-500"}), {{1}});
    BootConfig config;
    SECTION("disable_bypass=0") {
        config.parameters.arm_smmu_disable_bypass = false;
        ArmSmmuRamBoot run(board, {}, config);
        CHECK(run.reg(0) == 0x1836);
        CHECK(run.reg(kS2cr + 4) == 0x10000);
    }
    SECTION("force_stage=2") {
        config.parameters.arm_smmu_force_stage = 2;
        ArmSmmuRamBoot run(board, {}, config);
        CHECK(run.reg(kBank + kSctlr) == 0x67);
        CHECK(run.reg(kCbar) == 1);
        CHECK_FALSE(run.said("stage 1 translation"));
    }
}

TEST_CASE("arm-smmu: a 32-bit kernel without LPAE uses short descriptors", "[kernel][smmuv2]") {
    ArmSmmuBoard board;  // registers: Arm DDI 0406C B4.1.154 (TTBR0), B4.1.127 (PRRR), B4.1.120 (NMRR)
    board.master(board.smmu({"arm,mmu-500"}), {{1}});
    BootConfig config;
    config.arch = Arch::arm;
    ArmSmmuRamBoot run(board, {}, config);
    CHECK(run.reg(kCba2r) == 0);
    CHECK(run.reg(kBank + kTcr) == 0);
    CHECK((run.reg(kBank + kTtbr0) & 0x3FFF) == 0x6A);  // shareable, write-back, write-allocate
    CHECK(run.reg(kBank + 0x38) == 0x800B8204);
    CHECK(run.reg(kBank + 0x3C) == 0x40004000);
    CHECK(run.reg(kBank + kSctlr) == 0x1067);
    CHECK(run.written(kBank + 0x34));
    CHECK(run.domain_of("a0000000.dma")->pgsize_bitmap == 0x01111000);
}

TEST_CASE("arm-smmu: a SYNC that never ends is given up with a line", "[kernel][smmuv2]") {
    ArmSmmuBoard board;
    board.smmu({"arm,mmu-500"});
    ArmSmmuRamBoot run(board, {}, {}, "linux-6.12", false);
    run.machine.set_word(kArmSmmuBase + 0x74, 1);
    run.run();
    CHECK(run.said("arm-smmu 7f000000.iommu: TLB sync timed out -- SMMU may be deadlocked"));
    CHECK(run.reg(0) == 0x1C36);  // and it goes on
}

TEST_CASE("arm-smmu: faults are printed as Linux prints them, and acknowledged", "[kernel][smmuv2]") {
    ArmSmmuBoard board;
    const auto smmu = board.smmu({"arm,mmu-500"});
    board.master(smmu, {{0x10}});
    const std::string variant = GENERATE(as<std::string>{}, "linux-6.1", "linux-6.12");
    ArmSmmuRamBoot run(board, {}, {}, variant);
    const auto raise = [&](const std::string& wire) {
        run.machine.interrupts.at({smmu, wire})();
        run.machine.run(run.k.sched);
    };
    SECTION("a context's") {
        run.machine.set_word(kArmSmmuBase + kBank + 0x58, 0x402);
        run.machine.set_word(kArmSmmuBase + kBank + 0x60, 0x12345678, 8);
        run.machine.set_word(kArmSmmuBase + kBank + 0x68, 0x10011);
        run.machine.set_word(kArmSmmuBase + kCbar + 0x400, 0x10);
        run.machine.log.clear();
        raise("context0");
        CHECK(
            run.said("arm-smmu 7f000000.iommu: Unhandled context fault: fsr=0x402, iova=0x12345678, fsynr=0x10011, "
                     "cbfrsynra=0x10, cb=0"));
        CHECK(run.said("FSR    = 00000402 [Format=2 TF], SID=0x10") == (variant == "linux-6.12"));
        CHECK(run.said("FSYNR0 = 00010011 [S1CBNDX=1 WNR PLVL=1]") == (variant == "linux-6.12"));
        REQUIRE(run.machine.log.back().write);
        CHECK(run.machine.log.back().address == kArmSmmuBase + kBank + 0x58);
        CHECK(run.machine.log.back().value == 0x402);
    }
    SECTION("of a stream that nothing matches") {
        run.machine.set_word(kArmSmmuBase + 0x48, 2);
        run.machine.set_word(kArmSmmuBase + 0x54, 0x77);
        raise("global");
        CHECK(
            run.said("arm-smmu 7f000000.iommu: Blocked unknown Stream ID 0x77; boot with "
                     "\"arm-smmu.disable_bypass=0\" to allow, but this may have security implications"));
        CHECK(run.said("\tGFSR 0x00000002, GFSYNR0 0x00000000, GFSYNR1 0x00000077, GFSYNR2 0x00000000"));
    }
    SECTION("another global one") {
        run.machine.set_word(kArmSmmuBase + 0x48, 4);
        raise("global");
        CHECK(run.said("Unexpected global fault, this could be serious"));
    }
    SECTION("none") {
        run.machine.set_word(kArmSmmuBase + kBank + 0x58, 0);
        const std::size_t before = run.k.console.lines().size();
        raise("global");
        raise("context0");
        CHECK(run.k.console.lines().size() == before);
    }
}

TEST_CASE("arm-smmu: masters of mmu-masters are found by the walk of a later SMMU, and stay in identity",
          "[kernel][smmuv2]") {  // fact 30c: the SMMU's own walk comes too early
    ArmSmmuBoard board;
    const auto first = board.smmu({"arm,mmu-500"});
    const auto second = board.smmu({"arm,mmu-500"});
    const std::string master = board.master(first, {});
    firmware::LegacyMaster legacy;
    legacy.master = static_cast<firmware::NodeIndex>(board.description.nodes.size() - 1);
    legacy.stream_ids = {5, 6};
    board.description.nodes[firmware::index(first)].mmu_masters = {legacy};
    for (const auto smmu : {first, second}) {
        board.u32(smmu, "mmu-masters", 0);
        board.description.nodes[firmware::index(smmu)].iommu_cells.reset();
    }
    BootConfig config;
    config.parameters.arm_smmu_legacy_bindings = true;
    ArmSmmuRamBoot run(board, {}, config);
    CHECK(run.said("arm-smmu: deprecated \"mmu-masters\" DT property in use; DMA API support unavailable"));
    REQUIRE(run.group_of(master) != nullptr);
    CHECK(run.group_of(master)->type == DomainType::identity);
    CHECK(run.reg(kSmr) == 0x80000005);
    CHECK(run.reg(kSmr + 4) == 0x80000006);
    CHECK(run.reg(kS2cr) == 0x10000);
}

TEST_CASE("arm-smmu: the two bindings do not go together", "[kernel][smmuv2]") {
    ArmSmmuBoard board;
    board.smmu({"arm,mmu-500"});
    board.u32(board.smmu({"arm,mmu-500"}), "mmu-masters", 0);
    ArmSmmuRamBoot run(board, {});
    CHECK(run.said("arm-smmu 7f200000.iommu: not probing due to mismatched DT properties"));
    CHECK(run.boot.find_device("7f000000.iommu")->driver.peek() != nullptr);
    CHECK(run.boot.find_device("7f200000.iommu")->driver.peek() == nullptr);
}

TEST_CASE("arm-smmu: TLBIs by stage, before the SYNC that waits for them", "[kernel][smmuv2]") {  // fact 19
    ArmSmmuBoard board;
    board.master(board.smmu({"arm,mmu-500"}), {{1}});
    BootConfig config;
    const bool stage2 = GENERATE(false, true);
    config.parameters.arm_smmu_force_stage = stage2 ? 2 : 1;
    ArmSmmuRamBoot run(board, {}, config);
    const Ptr<ArmSmmuDomain> domain = run.domain_of("a0000000.dma");
    std::vector<std::string> writes;
    run.task([&] {
        REQUIRE(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x2000, true, true) == 0);
        run.machine.log.clear();
        REQUIRE(domain->unmap(Iova{0x10000000}, 0x2000) == 0x2000);
        domain->iotlb_sync(Iova{0x10000000}, 0x2000);
    });
    for (const RegisterLogEntry& entry : run.machine.log) {
        if (entry.write) writes.push_back(fmt::format("{:x} {:x}", entry.address - kArmSmmuBase - kBank, entry.value));
    }
    const std::string offset = stage2 ? "638" : "620";
    CHECK(writes == std::vector<std::string>{offset + " 10000", offset + " 10001", "7f0 ffffffff"});
}
