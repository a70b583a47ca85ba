// The Tegra SMMU against docs/spec/iommu-hardware.md section 7 and the worked words of section 17.
#include <catch2/catch.hpp>

#include "tests/iommu/tegra_bench.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::tests;
using tg::Fault;

namespace {

constexpr unsigned kDc = 1, kHda = 5, kSata = 9, kGpu = 19, kVi = 25, kAbsent = 100;

/// Section 17: VA 0x12345678, indices 0x48 and 0x345, to 0x345678678.
struct World : TegraBench {
    using TegraBench::TegraBench;
    void start() {
        enable();
        memory.store(kDirectory + 0x48 * 4, 0xF0083005, 4);
        memory.store(0x83005000 + 0x345 * 4, 0xE0345678, 4);
        directory(5, kDirectory);
        attach(kHda, 5);
    }
};

}  // namespace

TEST_CASE("tegra: an access is translated if the SMMU, the swgroup and the client are enabled, else it passes",
          "[iommu][tegra]") {
    World world;
    CHECK(world.access(kHda, 0x12345678).result.pa.value == 0x12345678);
    world.start();
    CHECK(world.access(kHda, 0x12345678).result.pa.value == 0x345678678);
    CHECK(world.access(kHda, 0x12345678, true).result.pa.value == 0x345678678);
    CHECK(world.access(kSata, 0x12345678).result.pa.value == 0x12345678);
    CHECK(world.access(kAbsent, 0x12345678).result.pa.value == 0x12345678);
    CHECK(world.access(kGpu, 0x12345678).result.pa.value == 0x12345678);
    CHECK(world.counter("translations") == 2);
    CHECK(world.counter("passed") == 3);

    SECTION("the client that reads is not the one that writes: hdar 0x15, hdaw 0x35") {
        world.write(0x22C, world.read(0x22C) & ~(1U << 0x15));
        CHECK(world.access(kHda, 0x12345678).result.pa.value == 0x345678678);
        CHECK(world.access(kHda, 0x12345678, true).result.pa.value == 0x12345678);
    }
    SECTION("the swgroup's ENABLE") {
        world.write(0x254, 5);
        CHECK(world.access(kHda, 0x12345678).result.pa.value == 0x12345678);
    }
    SECTION("CONFIG") {
        world.write(0x10, 0);
        CHECK(world.access(kHda, 0x12345678).result.pa.value == 0x12345678);
        CHECK_FALSE(world.smmu.translates());
    }
}

TEST_CASE("tegra: PTB_DATA is of the ASID that PTB_ASID selects", "[iommu][tegra]") {
    World world;
    world.start();
    CHECK(world.read(0x20) == 0xE0083004);
    world.directory(7, 0x84000000);
    CHECK(world.read(0x20) == 0xE0084000);
    world.write(0x1C, 5);
    CHECK(world.read(0x20) == 0xE0083004);
    world.write(0x1C, 0xFFFFFF05);
    CHECK(world.read(0x1C) == 5);
}

TEST_CASE("tegra: a directory word without NEXT is a page of 4 MiB", "[iommu][tegra]") {
    World world;
    world.start();
    world.memory.store(TegraBench::kDirectory + 0x10 * 4, 0xE0345400, 4);
    CHECK(world.access(kHda, 0x04123456).result.pa.value == 0x345400000 + 0x123456);
    const Step step = world.access(kHda, 0x04123456);
    CHECK(step.result.entry.log2_bytes == 22);
}

TEST_CASE("tegra: only 34 or 32 bits of a page's number count", "[iommu][tegra]") {
    TegraBench world("nvidia,tegra30-mc");
    world.enable();
    world.directory(1, TegraBench::kDirectory);
    world.attach(kDc, 1);
    world.memory.store(TegraBench::kDirectory + 0x48 * 4, 0xF0083005, 4);
    world.memory.store(0x83005000 + 0x345 * 4, 0xE0345678, 4);
    CHECK(world.access(kDc, 0x12345678).result.pa.value == 0x45678678);
}

TEST_CASE("tegra: faults latch client, direction, rights and address", "[iommu][tegra]") {
    World world;
    world.start();
    world.write(0x04, 0x13D40);
    world.memory.store(0x83005000 + 0x346 * 4, 0xA0345679, 4);
    world.memory.store(0x83005000 + 0x347 * 4, 0x60345679, 4);
    world.memory.store(0x83005000 + 0x348 * 4, 0x20345679, 4);
    struct Row {
        std::uint64_t address;
        bool write;
        Fault fault;
        std::uint32_t status;
    };
    // hdar 0x15, hdaw 0x35; RW16, NS25, W26, R27, TYPE 6.
    constexpr Row kRows[] = {
        {0x12346000, true, Fault::write_denied, 0x6A010035},
        {0x12347000, false, Fault::read_denied, 0x66000015},
        {0x12348000, false, Fault::no_table_word, 0x62000015},
        {0x12349ABC, true, Fault::no_table_word, 0x62010035},
        {0x40000000, false, Fault::no_directory_word, 0x62000015},
        {0x1'00000000, false, Fault::out_of_range, 0x62100015},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.address, row.write);
        const unsigned before = world.pulses;
        const Step step = world.access(kHda, row.address, row.write);
        REQUIRE(step.kind == StepKind::fault);
        CHECK(static_cast<Fault>(step.result.fault) == row.fault);
        CHECK(step.result.response == Response::read_zero_write_ignored);
        CHECK(step.result.recorded);
        CHECK(world.pulses == before + 1);
        CHECK(world.read(0x00) == 0x400);
        CHECK(world.read(0x08) == row.status);
        CHECK(world.read(0x0C) == static_cast<std::uint32_t>(row.address));
        world.write(0x00, 0x400);
        CHECK(world.read(0x00) == 0);
    }
}

TEST_CASE("tegra: Tegra124's afir, as in section 17", "[iommu][tegra]") {
    World world;
    world.start();
    world.attach(3, 5);
    // Client 0x0E reads; the worked words are of a write, which afiw (0x31) makes.
    world.access(3, 0x12349000, false);
    CHECK(world.read(0x08) == (0x6201000E & ~0x10000U));
}

TEST_CASE("tegra: the first fault stays until INTSTATUS is cleared", "[iommu][tegra]") {
    World world;
    world.start();
    world.write(0x04, 0x400);
    world.access(kHda, 0x40000000);
    const Step second = world.access(kHda, 0x50000000, true);
    CHECK(second.kind == StepKind::fault);
    CHECK_FALSE(second.result.recorded);
    CHECK(world.read(0x0C) == 0x40000000);
    CHECK(world.pulses == 1);
    CHECK(world.counter("faults") == 2);
    CHECK(world.counter("faults_lost") == 1);
    world.write(0x08, 0);
    CHECK(world.read(0x08) != 0);  // read only
    world.write(0x00, 0x400);
    world.access(kHda, 0x50000000, true);
    CHECK(world.read(0x0C) == 0x50000000);
    CHECK(world.pulses == 2);
}

TEST_CASE("tegra: a masked fault interrupts when it is unmasked", "[iommu][tegra]") {
    World world;
    world.start();
    world.access(kHda, 0x40000000);
    CHECK(world.pulses == 0);
    world.write(0x04, 0x400);
    CHECK(world.pulses == 1);
}

TEST_CASE("tegra: a table that memory refuses is an EMEM decode error of the table's reader", "[iommu][tegra]") {
    World world;
    world.start();
    world.memory.abort_from = 0x83005000;
    world.memory.abort_to = 0x83006000;
    CHECK(world.fault(kHda, 0x12345678) == Fault::decode_error);
    CHECK(world.read(0x00) == 0x40);
    CHECK((world.read(0x08) & 0x7000007F) == 0x20000000);
    CHECK(world.read(0x0C) == 0x83005000 + 0x345 * 4);
}

TEST_CASE("tegra: the rights of directory and PTB_DATA bound those of a page", "[iommu][tegra]") {
    World world;
    world.start();
    world.memory.store(TegraBench::kDirectory + 0x48 * 4, 0xB0083005, 4);  // not writable
    CHECK(world.fault(kHda, 0x12345678) == Fault::none);
    CHECK(world.fault(kHda, 0x12345678, true) == Fault::write_denied);
    world.write(0x30, 0);
    world.write(0x34, 0);
    world.directory(5, TegraBench::kDirectory, 0x60000000);  // not readable
    CHECK(world.fault(kHda, 0x12345678) == Fault::read_denied);
    world.directory(5, TegraBench::kDirectory, 0);
    CHECK(world.fault(kHda, 0x12345678) == Fault::no_directory_word);
}

TEST_CASE("tegra: TLB_FLUSH drops all, an ASID's, a section's or a group's", "[iommu][tegra]") {
    World world;
    world.start();
    world.directory(6, TegraBench::kDirectory);
    world.attach(kSata, 6);
    const auto is_old = [&](unsigned swgroup) {
        return world.access(swgroup, 0x12345678).result.pa.value == 0x345678678;
    };
    CHECK(is_old(kHda));
    CHECK(is_old(kSata));
    world.memory.store(0x83005000 + 0x345 * 4, 0xE0345679, 4);
    world.write(0x34, 0);  // the PTC is not what this is about
    CHECK(is_old(kHda));
    SECTION("another group, section or ASID leaves it") {
        world.write(0x30, 0x85000003 | 0x12348000 >> 12);
        world.write(0x30, 0x85000002 | 0x12400000 >> 12);
        world.write(0x30, 0x87000000);
        CHECK(is_old(kHda));
        CHECK(is_old(kSata));
    }
    SECTION("the group of section 17") {
        world.write(0x30, 0x85012347);
        CHECK_FALSE(is_old(kHda));
        CHECK(is_old(kSata));
    }
    SECTION("the section of section 17") {
        world.write(0x30, 0x85012002);
        CHECK_FALSE(is_old(kHda));
        CHECK(is_old(kSata));
    }
    SECTION("the ASID") {
        world.write(0x30, 0x85000000);
        CHECK_FALSE(is_old(kHda));
        CHECK(is_old(kSata));
    }
    SECTION("everything") {
        world.write(0x30, 0);
        CHECK_FALSE(is_old(kHda));
        CHECK_FALSE(is_old(kSata));
    }
}

TEST_CASE("tegra: with four ASIDs TLB_FLUSH has them two bits higher", "[iommu][tegra]") {
    TegraBench world("nvidia,tegra30-mc");
    world.enable();
    world.memory.store(TegraBench::kDirectory, 0xF0083005, 4);
    world.memory.store(0x83005000, 0xE0080000, 4);
    world.directory(2, TegraBench::kDirectory);
    world.attach(kDc, 2);
    CHECK(world.access(kDc, 0x10).result.pa.value == 0x80000010);
    world.memory.store(0x83005000, 0xE0080001, 4);
    world.write(0x34, 0);
    world.write(0x30, 0x82000000);  // ASID 0
    CHECK(world.access(kDc, 0x10).result.pa.value == 0x80000010);
    world.write(0x30, 0xC0000000);  // section 17: ASID 2
    CHECK(world.access(kDc, 0x10).result.pa.value == 0x80001010);
}

TEST_CASE("tegra: the PTC keeps an atom of table memory, invalid words too, until PTC_FLUSH", "[iommu][tegra]") {
    World world;
    world.start();
    CHECK(world.fault(kHda, 0x12346000) == Fault::no_table_word);
    world.memory.store(0x83005000 + 0x346 * 4, 0xE0345679, 4);
    world.write(0x30, 0);
    CHECK(world.fault(kHda, 0x12346000) == Fault::no_table_word);
    world.write(0x34, 0x83005D41);  // the neighbour: words 0x350 to 0x357
    CHECK(world.fault(kHda, 0x12346000) == Fault::no_table_word);
    world.write(0x34, 0x83005D01);  // words 0x340 to 0x347
    CHECK(world.fault(kHda, 0x12346000) == Fault::none);
    const unsigned before = world.accesses;
    CHECK(world.access(kHda, 0x12345678).result.pa.value == 0x345678678);  // the same atom
    CHECK(world.accesses == before);
    world.write(0x18, 0);  // the PTC is off: word by word
    world.write(0x30, 0);
    CHECK(world.access(kHda, 0x12345678).result.pa.value == 0x345678678);
    CHECK(world.accesses == before + 2);
}

TEST_CASE("tegra: a TLB keeps no translation over a flush that came while it was walked", "[iommu][tegra]") {
    World world;
    world.start();
    const auto slot = world.smmu.make_translation();
    Request request;
    request.sid = StreamId{kHda};
    request.address = 0x12345678;
    slot->start(request);
    Reply reply;
    const Step* step = &slot->step(reply);
    while (step->kind != StepKind::access) step = &slot->step(reply);
    serve(step->access, world.memory, reply);
    world.write(0x30, 0);
    while (step->kind != StepKind::done) {
        step = &slot->step(reply);
        if (step->kind == StepKind::access) serve(step->access, world.memory, reply);
    }
    CHECK(world.smmu.structure_counters(0).fills == 0);
    CHECK(world.smmu.structure_counters(1).fills == 0);
}

TEST_CASE("tegra: the clients and swgroups of each SoC are consistent", "[iommu][tegra]") {
    for (const char* compatible : {"nvidia,tegra30-mc", "nvidia,tegra114-mc", "nvidia,tegra124-mc",
                                   "nvidia,tegra132-mc", "nvidia,tegra210-mc"}) {
        CAPTURE(compatible);
        const tg::Soc* const soc = tg::soc_of(compatible);
        REQUIRE(soc != nullptr);
        std::uint8_t last = 0;
        for (const tg::Client& client : soc->clients) {
            CAPTURE(client.name);
            CHECK((client.id > last || client.id == 0));
            last = client.id;
            CHECK((client.id & ~soc->client_id_mask) == 0);
            if (client.smmu) CHECK(tg::find_swgroup(*soc, client.swgroup) != nullptr);
        }
        for (const tg::GroupSoc& group : soc->groups) {
            for (const std::uint16_t swgroup : group.swgroups) CHECK(tg::find_swgroup(*soc, swgroup) != nullptr);
        }
    }
    CHECK(tg::soc_of("nvidia,tegra186-mc") == nullptr);
}

TEST_CASE("tegra: registers that nothing acts on keep what is written, others read zero", "[iommu][tegra]") {
    World world;
    world.write(0x2E8, 0x5000C2);
    CHECK(world.read(0x2E8) == 0x5000C2);
    world.write(0x228, 0xFFFFFFFF);
    CHECK((world.read(0x228) & 1) == 0);  // ptcr has no enable
    world.owner.write_register(0x1000, 4, 1);
    CHECK(world.owner.read_register(0x1000, 4) == 0);
    CHECK(world.owner.read_register(0x2E8, 8) == 0);
    world.smmu.reset();
    CHECK(world.read(0x2E8) == 0);
}
