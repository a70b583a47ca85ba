// The register file, swept by its own table, and the rules for when a write counts.
#include <catch2/catch.hpp>

#include <string>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr std::uint64_t kOnes = ~std::uint64_t{0};

/// Software-visible bits of each writable register while everything is off (full features).
std::uint64_t writable_bits(std::string_view name) {
    struct Row {
        std::string_view name;
        std::uint64_t bits;
    };
    constexpr Row rows[] = {
        {"SMMU_CR0", 0x1DF},
        {"SMMU_CR1", 0xFFF},
        {"SMMU_CR2", 0xB},
        {"SMMU_AGBPA", 0},
        {"SMMU_IRQ_CTRL", 0x7},
        {"SMMU_GERRORN", 0x1FD},
        {"SMMU_GERROR_IRQ_CFG0", 0x000FFFFFFFFFFFFC},
        {"SMMU_GERROR_IRQ_CFG1", 0xFFFFFFFF},
        {"SMMU_GERROR_IRQ_CFG2", 0x3F},
        {"SMMU_STRTAB_BASE", 0x400FFFFFFFFFFFC0},
        {"SMMU_STRTAB_BASE_CFG", 0x307FF},
        {"SMMU_CMDQ_BASE", 0x400FFFFFFFFFFFFF},
        {"SMMU_EVENTQ_BASE", 0x400FFFFFFFFFFFFF},
        {"SMMU_EVENTQ_IRQ_CFG0", 0x000FFFFFFFFFFFFC},
        {"SMMU_EVENTQ_IRQ_CFG1", 0xFFFFFFFF},
        {"SMMU_EVENTQ_IRQ_CFG2", 0x3F},
        {"SMMU_PRIQ_BASE", 0x400FFFFFFFFFFFFF},
        {"SMMU_PRIQ_IRQ_CFG0", 0x000FFFFFFFFFFFFC},
        {"SMMU_PRIQ_IRQ_CFG1", 0xFFFFFFFF},
        {"SMMU_PRIQ_IRQ_CFG2", 0x8000003F},
        {"SMMU_GATOS_CTRL", 0},
        {"SMMU_GATOS_SID", 0x001FFFFFFFFFFFFF},
        {"SMMU_GATOS_ADDR", 0xFFFFFFFFFFFFFFC0},
    };
    for (const Row& row : rows) {
        if (row.name == name) return row.bits;
    }
    return kOnes;
}

}  // namespace

TEST_CASE("smmuv3 registers: every register resets, keeps what it may and ignores the rest", "[iommu][smmuv3]") {
    const SmmuParams params = Bench::params(full_features());
    for (const RegSpec& row : kRegisters) {
        CAPTURE(std::string(row.name));
        Smmu smmu(params);
        const std::uint64_t all = low_mask(8U * row.size);
        const bool id = row.offset <= reg::AIDR;
        const std::uint64_t reset = smmu.read_register(row.offset, row.size);
        if (!id) CHECK(reset == row.reset);

        if (row.access == Access::ro) {
            smmu.write_register(row.offset, row.size, all);
            CHECK(smmu.read_register(row.offset, row.size) == reset);
            continue;
        }
        // Pointers need LOG2SIZE; GBPA has a protocol of its own; both are tested below.
        const bool pointer =
            row.name.find("_PROD") != std::string_view::npos || row.name.find("_CONS") != std::string_view::npos;
        if (row.offset == reg::GBPA || (pointer && row.name.find("_S_") == std::string_view::npos)) continue;
        std::uint64_t expected = all & writable_bits(row.name);
        if (row.offset >= kSecureOffset && row.offset < kPage1) expected = 0;  // without secure state
        smmu.write_register(row.offset, row.size, all);
        CHECK(smmu.read_register(row.offset, row.size) == expected);
        smmu.write_register(row.offset, row.size, 0);
        if (row.offset != reg::CR0 && row.offset != reg::IRQ_CTRL) CHECK(smmu.read_register(row.offset, row.size) == 0);

        if (row.size == 8) {
            // Two 4-byte accesses do the same.
            smmu.write_register(row.offset + 4, 4, 0xFFFFFFFF);
            CHECK(smmu.read_register(row.offset, 8) == (expected & 0xFFFFFFFF00000000));
            smmu.write_register(row.offset, 4, 0xFFFFFFFF);
            CHECK(smmu.read_register(row.offset, 8) == expected);
            CHECK(smmu.read_register(row.offset + 4, 4) == expected >> 32);
        }
    }
}

TEST_CASE("smmuv3 registers: accesses that hit no register read zero and do nothing", "[iommu][smmuv3]") {
    Smmu smmu(Bench::params(full_features()));
    for (const std::uint32_t offset : {0x30U, 0x3CU, 0x200U, 0x7FFCU, 0x10000U, 0x1FFFCU}) {
        smmu.write_register(offset, 4, 0xFFFFFFFF);
        CHECK(smmu.read_register(offset, 4) == 0);
    }
    CHECK(smmu.read_register(reg::IDR0, 8) == 0);  // two registers at once
    CHECK(smmu.read_register(reg::IDR0 + 2, 4) == 0);
    CHECK(smmu.read_register(reg::IDR0, 2) == 0);
    CHECK(smmu.registers.ignored_writes >= 6);
}

TEST_CASE("smmuv3 registers: the event queue's pointers are also reached in page 0", "[iommu][smmuv3]") {
    Smmu smmu(Bench::params(full_features()));
    smmu.write_register(reg::EVENTQ_BASE, 8, 5);
    smmu.write_register(0xA8, 4, 3);
    CHECK(smmu.read_register(reg::EVENTQ_PROD, 4) == 3);
    smmu.write_register(reg::EVENTQ_CONS, 4, 2);
    CHECK(smmu.read_register(0xAC, 4) == 2);
}

TEST_CASE("smmuv3 registers: pointers show index, wrap and flags, and nothing above", "[iommu][smmuv3]") {
    Smmu smmu(Bench::params(full_features()));
    smmu.write_register(reg::CMDQ_BASE, 8, 4);
    smmu.write_register(reg::CMDQ_PROD, 4, 0xFFFFFFFF);
    CHECK(smmu.read_register(reg::CMDQ_PROD, 4) == 0x1F);
    smmu.write_register(reg::CMDQ_CONS, 4, 0xFFFFFFFF);
    CHECK(smmu.read_register(reg::CMDQ_CONS, 4) == 0x7F00001F);
    smmu.write_register(reg::EVENTQ_BASE, 8, 4);
    smmu.write_register(reg::EVENTQ_CONS, 4, 0xFFFFFFFF);
    CHECK(smmu.read_register(reg::EVENTQ_CONS, 4) == 0x8000001F);
    // A size above IDR1's acts as IDR1's.
    smmu.write_register(reg::CMDQ_BASE, 8, 31);
    smmu.write_register(reg::CMDQ_PROD, 4, 0xFFFFFFFF);
    CHECK(smmu.read_register(reg::CMDQ_PROD, 4) == 0xFFFFF);
}

TEST_CASE("smmuv3 registers: what is in use does not change", "[iommu][smmuv3]") {
    Bench bench;
    const std::uint64_t ignored = bench.smmu.registers.ignored_writes;
    for (const std::uint32_t offset : {reg::STRTAB_BASE, reg::STRTAB_BASE_CFG, reg::CMDQ_BASE, reg::CMDQ_CONS,
                                       reg::EVENTQ_BASE, reg::EVENTQ_PROD, reg::PRIQ_BASE, reg::PRIQ_PROD, reg::CR1,
                                       reg::CR2, reg::EVENTQ_IRQ_CFG0, reg::GERROR_IRQ_CFG0, reg::PRIQ_IRQ_CFG0}) {
        CAPTURE(offset);
        const std::uint64_t before = bench.read(offset, 4);
        bench.write(offset, ~before & 0xFFFFFFFF);
        CHECK(bench.read(offset, 4) == before);
    }
    CHECK(bench.smmu.registers.ignored_writes == ignored + 13);
}

TEST_CASE("smmuv3 registers: a change takes effect with its acknowledgement, and a rewrite before that is lost",
          "[iommu][smmuv3]") {
    Smmu smmu(Bench::params(full_features()));
    smmu.write_register(reg::CR0, 4, cr0::CMDQEN.mask());
    CHECK(smmu.ack_pending());
    CHECK(smmu.read_register(reg::CR0ACK, 4) == 0);
    smmu.write_register(reg::CR0, 4, cr0::EVENTQEN.mask());  // CMDQEN is under way: it stays
    CHECK(smmu.read_register(reg::CR0, 4) == (cr0::CMDQEN.mask() | cr0::EVENTQEN.mask()));
    smmu.apply_acks();
    CHECK_FALSE(smmu.ack_pending());
    CHECK(smmu.read_register(reg::CR0ACK, 4) == (cr0::CMDQEN.mask() | cr0::EVENTQEN.mask()));
    // Queue registers stay closed until the acknowledgement of 0, too.
    smmu.write_register(reg::CR0, 4, 0);
    smmu.write_register(reg::CMDQ_BASE, 8, 7);
    CHECK(smmu.read_register(reg::CMDQ_BASE, 8) == 0);
    smmu.apply_acks();
    smmu.write_register(reg::CMDQ_BASE, 8, 7);
    CHECK(smmu.read_register(reg::CMDQ_BASE, 8) == 7);
}

TEST_CASE("smmuv3 registers: bits of features that are off are not acknowledged and not kept", "[iommu][smmuv3]") {
    Smmu smmu(Bench::params(qemu_like()));
    smmu.write_register(reg::CR0, 4, 0xFFFFFFFF);
    smmu.apply_acks();
    CHECK(smmu.read_register(reg::CR0ACK, 4) == 0xD);
    smmu.write_register(reg::IRQ_CTRL, 4, 0xFFFFFFFF);
    smmu.apply_acks();
    CHECK(smmu.read_register(reg::IRQ_CTRLACK, 4) == 0x5);
    for (const std::uint32_t offset : {reg::PRIQ_CONS, reg::GATOS_CTRL, reg::GATOS_PAR}) {
        smmu.write_register(offset, 4, 0xFFFFFFFF);
        CHECK(smmu.read_register(offset, 4) == 0);
    }
}

TEST_CASE("smmuv3 registers: the QEMU preset reads as Linux saw it", "[iommu][smmuv3]") {
    // boot.log of the corpus: 16-bit SIDs, two-level tables, coherent, stage 1, 44-bit, range invalidation, no stall.
    const Smmu smmu(Bench::params(qemu_like()));
    const std::uint64_t idr0 = smmu.read_register(reg::IDR0, 4);
    CHECK(idr0::S1P.get(idr0) == 1);
    CHECK(idr0::S2P.get(idr0) == 0);
    CHECK(idr0::TTF.get(idr0) == 2);
    CHECK(idr0::COHACC.get(idr0) == 1);
    CHECK(idr0::ASID16.get(idr0) == 1);
    CHECK(idr0::TTENDIAN.get(idr0) == 2);
    CHECK(idr0::STALL_MODEL.get(idr0) == 1);
    CHECK(idr0::ST_LEVEL.get(idr0) == 1);
    CHECK(idr0::MSI.get(idr0) == 0);
    const std::uint64_t idr1 = smmu.read_register(reg::IDR1, 4);
    CHECK(idr1::SIDSIZE.get(idr1) == 16);
    CHECK(idr1::CMDQS.get(idr1) == 19);
    CHECK(idr1::EVENTQS.get(idr1) == 19);
    CHECK(idr3::RIL.get(smmu.read_register(reg::IDR3, 4)) == 1);
    CHECK(idr5::OAS.get(smmu.read_register(reg::IDR5, 4)) == 4);
    const std::uint8_t ids[] = {0x04, 0, 0, 0, 0x84, 0xB4, 0xF0, 0x10, 0x0D, 0xF0, 0x05, 0xB1};
    for (std::uint32_t i = 0; i < 12; ++i) CHECK(smmu.read_register(0xFD0 + 4 * i, 4) == ids[i]);
}

TEST_CASE("smmuv3 registers: feature sets are found by name", "[iommu][smmuv3]") {
    CHECK(features_by_name("qemu").s2p == 0);
    CHECK(features_by_name("full").s2p == 1);
    CHECK(features_by_name("mmu-600-like").oas == 5);
    try {
        features_by_name("mmu-600-lik");
        FAIL("accepted");
    } catch (const InputError& error) {
        CHECK(error.findings().front().text().find("did you mean 'mmu-600-like'?") != std::string::npos);
    }
}

TEST_CASE("smmuv3 registers: Linux's bring-up works with delayed and with immediate acknowledgements",
          "[iommu][smmuv3]") {
    for (const bool delayed : {false, true}) {
        CAPTURE(delayed);
        Bench bench(Bench::params(full_features()), false);
        Smmu& smmu = bench.smmu;
        unsigned polls = 0;
        const auto write = [&](std::uint32_t offset, std::uint64_t value, unsigned size = 4) {
            smmu.write_register(offset, size, value);
            if (!delayed) bench.settle();
        };
        const auto poll = [&](std::uint32_t offset, std::uint64_t value) {
            for (polls = 0; polls < 10 && smmu.read_register(offset, 4) != value; ++polls) {
                if (polls == 3) bench.settle();
            }
            CHECK(smmu.read_register(offset, 4) == value);
            CHECK((polls > 0) == (delayed && polls > 0));
        };
        write(reg::CR0, 0);
        poll(reg::CR0ACK, 0);
        write(reg::CR1, 0xD75);
        CHECK(smmu.read_register(reg::CR1, 4) == 0xD75);
        write(reg::CR2, 7);
        write(reg::STRTAB_BASE, Bench::kStrtab | strtab_base::RA.mask(), 8);
        write(reg::STRTAB_BASE_CFG, 0x10210);
        write(reg::CMDQ_BASE, Bench::kCmdq | 8 | queue_base::RA.mask(), 8);
        write(reg::CMDQ_PROD, 0);
        write(reg::CMDQ_CONS, 0);
        write(reg::CR0, cr0::CMDQEN.mask());
        poll(reg::CR0ACK, cr0::CMDQEN.mask());
        const CommandWords commands[] = {command::cfgi_all(), command::sync(cmd::CS_SEV),
                                         command::tlbi(Opcode::TLBI_EL2_ALL), command::tlbi(Opcode::TLBI_NSNH_ALL),
                                         command::sync(cmd::CS_SEV)};
        for (std::uint32_t i = 0; i < 5; ++i) {
            bench.memory.store(Bench::kCmdq + 16 * i, commands[i][0]);
            bench.memory.store(Bench::kCmdq + 16 * i + 8, commands[i][1]);
        }
        write(reg::CMDQ_PROD, 5);
        poll(reg::CMDQ_CONS, 5);
        write(reg::EVENTQ_BASE, Bench::kEvtq | 5 | queue_base::WA.mask(), 8);
        write(reg::EVENTQ_PROD, 0);
        write(reg::EVENTQ_CONS, 0);
        std::uint64_t enables = cr0::CMDQEN.mask() | cr0::EVENTQEN.mask();
        write(reg::CR0, enables);
        poll(reg::CR0ACK, enables);
        write(reg::IRQ_CTRL, 0);
        poll(reg::IRQ_CTRLACK, 0);
        write(reg::IRQ_CTRL, 5);
        poll(reg::IRQ_CTRLACK, 5);
        enables |= cr0::SMMUEN.mask();
        write(reg::CR0, enables);
        poll(reg::CR0ACK, enables);
        CHECK(smmu.read_register(reg::GERROR, 4) == 0);
    }
}

TEST_CASE("smmuv3 registers: disabling the command queue waits for the command that runs", "[iommu][smmuv3]") {
    Bench bench;
    bench.memory.store(Bench::kCmdq, 0x46);
    bench.smmu.write_register(reg::CMDQ_PROD, 4, 1);
    Reply reply;
    serve(bench.smmu.step_commands(reply).access, bench.memory, reply);
    CHECK(bench.smmu.step_commands(reply).kind == StepKind::sync);
    bench.smmu.write_register(reg::CR0, 4, bench.read(reg::CR0) & ~cr0::CMDQEN.mask());
    bench.smmu.apply_acks();
    CHECK(cr0::CMDQEN.test(bench.read(reg::CR0ACK)));
    CHECK(bench.smmu.ack_pending());
    reply.abort = false;
    CHECK(bench.smmu.step_commands(reply).kind == StepKind::idle);
    bench.smmu.apply_acks();
    CHECK_FALSE(cr0::CMDQEN.test(bench.read(reg::CR0ACK)));
    CHECK(bench.read(reg::CMDQ_CONS) == 1);
}
