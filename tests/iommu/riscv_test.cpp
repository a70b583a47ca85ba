// The RISC-V IOMMU: layout, registers, queues, interrupts, faults, caches. Expected values are the specification's;
// what corpus/vectors covers (riscv_vector_test.cpp) is not repeated.
#include <catch2/catch.hpp>

#include "iommu/families.hpp"
#include "tests/iommu/riscv_world.hpp"

namespace xlate::iommu::riscv {
namespace {

RiscvParams full(bool caches = true) { return bench_params(capabilities_by_name("full"), caches); }
RiscvParams base(bool caches = true) { return bench_params(capabilities_by_name("base"), caches); }

constexpr std::uint32_t kIe = 2;  // of a queue's csr

/// Device 1 has Sv39 tables with a page at 0x1000.
struct Simple : World {
    explicit Simple(const RiscvParams& params) : World(params), root(new_page()) {
        map(root, Mode::sv39, false, 0x1000, 0x90001000);
        set_dc(1, 1, 0, ta::PSCID.of(7), atp_of(atp::SV39, root));
    }
    std::uint64_t root;
};

}  // namespace

// docs/spec/iommu-hardware.md, test vectors.
TEST_CASE("riscv: words are those of the specification's examples", "[iommu][riscv]") {
    CHECK(device_index(2, false).of(0x012345) == 0x1);
    CHECK(device_index(1, false).of(0x012345) == 0x46);
    CHECK(device_index(0, false).of(0x012345) == 0x45);
    CHECK(device_index(2, true).of(0x012345) == 0x2);
    CHECK(device_index(1, true).of(0x012345) == 0x8D);
    CHECK(device_index(0, true).of(0x012345) == 0x5);
    CHECK(ddtp::MODE.get(0x0000000020000004) == ddtp::LVL3);
    CHECK(atp::MODE.get(0x8000000000082000) == atp::SV39);
    CHECK(atp::PPN.get(0x8000000000082000) << 12 == 0x82000000);
    CHECK(ta::PSCID.get(0x12000) == 0x12);
    const CommandWords vma{0x0000000100012401, 0x10080400};
    const auto invalidation = decode_invalidation(vma);
    REQUIRE(invalidation);
    CHECK(invalidation->first == 0x40201000);
    CHECK(invalidation->last == 0x40201FFF);
    CHECK(describe(*invalidation) == "IOTINVAL.VMA PSCID 18 0x40201000");
    CHECK(cmd::ADDR_WORD.get(0x20008004) << 2 == 0x80020010);
    CHECK((pte::PPN.get(0x00000001159E24D7) << 12) == 0x456789000);
    CHECK(msipte::M.get(0x000000000A000007) == msipte::BASIC);
    CHECK(msipte::PPN.get(0x000000000A000007) << 12 == 0x28000000);
}

TEST_CASE("riscv: every register reads back by its row, and nothing is beside them", "[iommu][riscv]") {
    Bench bench(full());
    unsigned there = 0;
    for (std::uint32_t offset = 0; offset < kRegisterBytes; offset += 4) {
        const RegRow* row = find_row(offset);
        if (row == nullptr) {
            bench.write(offset, 0xFFFFFFFF, 4);
            CHECK(bench.read(offset, 4) == 0);
            continue;
        }
        ++there;
        if (row->first.access != Access::ro) continue;
        const std::uint64_t before = bench.read(offset, 4);
        bench.write(offset, ~before & 0xFFFFFFFF, 4);
        CHECK(bench.read(offset, 4) == before);
    }
    CHECK(there == 2 * (6 + 1 + 31 + 31 + 3 + 1 + 16) - 2 + 2 * 16 + 14);
    CHECK(bench.read(reg::CAPABILITIES, 4) == (bench.read(reg::CAPABILITIES) & 0xFFFFFFFF));
    CHECK(bench.read(reg::CAPABILITIES + 4, 4) == bench.read(reg::CAPABILITIES) >> 32);
    CHECK(bench.read(reg::CQB + 2, 4) == 0);  // not aligned
}

TEST_CASE("riscv: ddtp is busy until it is in effect, and keeps only the levels that there are", "[iommu][riscv]") {
    RiscvParams params = full();
    params.max_ddt_levels = 2;
    Bench bench(params);
    bench.unit.write_register(reg::DDTP, 8, ddtp::MODE.of(ddtp::LVL2) | ddtp::PPN.of(5));
    CHECK(ddtp::BUSY.test(bench.read(reg::DDTP)));
    CHECK_FALSE(bench.unit.translates());
    bench.settle();
    CHECK(bench.read(reg::DDTP) == (ddtp::MODE.of(ddtp::LVL2) | ddtp::PPN.of(5)));
    CHECK(bench.unit.translates());
    bench.write(reg::DDTP, ddtp::MODE.of(ddtp::LVL3) | ddtp::PPN.of(6));
    CHECK(bench.read(reg::DDTP) == (ddtp::MODE.of(ddtp::LVL2) | ddtp::PPN.of(5)));
    bench.write(reg::DDTP, ddtp::MODE.of(ddtp::BARE));
    CHECK_FALSE(bench.unit.translates());
}

TEST_CASE("riscv: a queue that goes off loses its indices and errors, and is busy while a fence waits",
          "[iommu][riscv]") {
    Bench bench(full());
    bench.queues_on();
    CHECK(bench.read(reg::CQCSR, 4) == (queue_csr::EN.mask() | queue_csr::ON.mask()));
    bench.hold_fences = true;
    bench.command(cmd::OPCODE.of(4) | cmd::RID.of(3), 0x1000);  // ATS.INVAL: an endpoint has to answer
    bench.fence_waits();
    CHECK(bench.read(reg::CQH, 4) == 1);
    bench.write(reg::CQCSR, 0, 4);
    CHECK(queue_csr::BUSY.test(bench.read(reg::CQCSR, 4)));
    CHECK(queue_csr::ON.test(bench.read(reg::CQCSR, 4)));
    bench.hold_fences = false;
    bench.settle();
    CHECK(bench.read(reg::CQCSR, 4) == 0);
    CHECK(bench.read(reg::CQH, 4) == 0);
    CHECK(bench.read(reg::CQT, 4) == 0);
}

TEST_CASE("riscv: lines follow the vectors of their sources, and pulse again for what is left", "[iommu][riscv]") {
    RiscvParams params = full();
    params.wired = true;
    Simple world(params);
    world.write(reg::ICVEC, icvec::CIV.of(0) | icvec::FIV.of(1));
    world.write(reg::FQCSR, 1 | kIe, 4);
    world.write(reg::CQCSR, 1 | kIe, 4);
    world.access(2, 0x1000);
    CHECK(world.pulses == std::vector<unsigned>{1});
    CHECK(world.read(reg::IPSR, 4) == ipsr::FIP.mask());
    world.access(2, 0x1000);
    CHECK(world.pulses.size() == 1);  // pending already
    world.write(reg::IPSR, ipsr::FIP.mask(), 4);
    CHECK(world.read(reg::IPSR, 4) == 0);
    world.command(0x7F, 0);  // no such command
    CHECK(world.pulses == std::vector<unsigned>{1, 0});
    world.write(reg::IPSR, ipsr::CIP.mask(), 4);  // the error is still there
    CHECK(world.pulses == std::vector<unsigned>{1, 0, 0});
    CHECK(world.read(reg::IPSR, 4) == ipsr::CIP.mask());
    world.write(reg::CQT, 0, 4);
    world.write(reg::CQCSR, 1 | kIe | queue_csr::CMD_ILL.mask(), 4);
    world.write(reg::IPSR, ipsr::CIP.mask(), 4);
    CHECK(world.read(reg::IPSR, 4) == 0);
}

TEST_CASE("riscv: messages go where their vector says, wait while it is masked, and report a bad address",
          "[iommu][riscv]") {
    Simple world(full());
    world.write(reg::ICVEC, icvec::FIV.of(2));
    world.write(reg::msi_addr(2), 0x28000000);
    world.write(reg::msi_data(2), 0x55, 4);
    world.write(reg::msi_vec_ctl(2), 1, 4);
    world.write(reg::FQCSR, 1 | kIe, 4);
    world.access(2, 0x1000);
    CHECK(world.messages.empty());
    CHECK(world.read(reg::IPSR, 4) == ipsr::FIP.mask());
    world.write(reg::msi_vec_ctl(2), 0, 4);
    REQUIRE(world.messages.size() == 1);
    CHECK(world.messages[0] == World::Write{0x28000000, 0x55, 4});
    world.write(reg::IPSR, ipsr::FIP.mask(), 4);
    world.memory.limit = 0x100000000;
    world.write(reg::msi_addr(2), 0x200000000);
    world.take_faults();
    world.access(2, 0x1000);
    const auto faults = world.take_faults();
    REQUIRE(faults.size() == 2);
    CHECK(fault::CAUSE.get(faults[1][0]) == static_cast<std::uint64_t>(Cause::msi_write));
    CHECK(faults[1][2] == 0x200000000);
}

TEST_CASE("riscv: accesses that nothing allows end by the cause of the specification", "[iommu][riscv]") {
    Simple world(full());
    const auto cause = [](Cause code) { return -static_cast<std::int64_t>(code); };
    CHECK(world.access(1, 0x1008) == 0x90001008);
    CHECK(world.access(3, 0x1000) == cause(Cause::ddt_invalid));
    CHECK(world.access(64, 0x1000) == cause(Cause::type_disallowed));  // one level
    CHECK(world.access(1, 0x2000) == cause(Cause::read_page));
    CHECK(world.access(1, 0x2000, true) == cause(Cause::write_page));
    CHECK(world.access(1, 0x4000000000) == cause(Cause::read_page));  // not canonical
    Request request = world.request(1, 0x2000);
    request.instruction = true;
    CHECK(world.translate(request).result.fault == 12);
    request = world.request(1, 0x1000);
    request.ssid = SubstreamId{0};
    CHECK(world.translate(request).result.fault == 260);  // no process directory
    request = world.request(1, 0x1000);
    request.ats = AtsType::translation_request;
    CHECK(world.translate(request).result.fault == 260);
    world.memory.store(world.dc_address(4), 1 | std::uint64_t{1} << 40);
    CHECK(world.access(4, 0x1000) == cause(Cause::ddt_misconfigured));
    world.write(reg::DDTP, ddtp::MODE.of(ddtp::LVL1) | ddtp::PPN.of(std::uint64_t{1} << 41));
    CHECK(world.access(5, 0x1000) == cause(Cause::ddt_load));
    world.write(reg::DDTP, 0);
    CHECK(world.access(1, 0x1000) == cause(Cause::disallowed));
    // Record: device 1, read.
    const auto faults = world.take_faults();
    REQUIRE(faults.size() > 2);
    CHECK(faults[2] == FaultWords{0x000001080000000D, 0, 0x2000, 0});
}

TEST_CASE("riscv: DTF silences the faults of tables, not those of the directory", "[iommu][riscv]") {
    Simple world(full());
    world.set_dc(2, 1 | tc::DTF.of(1), 0, ta::PSCID.of(8), atp_of(atp::SV39, world.root));
    world.access(2, 0x5000);
    CHECK(world.take_faults().empty());
    world.access(3, 0x5000);
    CHECK(world.take_faults().size() == 1);
}

TEST_CASE("riscv: records that wait for memory hold their accesses back, and none is lost", "[iommu][riscv]") {
    Simple world(full());
    // No record is written meanwhile: more accesses than there is room for inside.
    std::vector<std::unique_ptr<Translation>> slots;
    unsigned stalled = 0;
    for (std::uint64_t i = 0; i < Outputs::kCapacity + 8; ++i) {
        slots.push_back(std::make_unique<Translation>(world.unit));
        Request request = world.request(2, i << 12);
        request.id = i;
        slots.back()->start(request);
        const Step& step =
            run([&](const Reply& reply) -> const Step& { return slots.back()->step(reply); }, world.memory);
        stalled += step.kind == StepKind::stalled ? 1 : 0;
    }
    CHECK(stalled == 8);
    world.settle();
    unsigned ended = 0;
    while (const auto id = world.unit.take_resumed()) {
        const Step& step =
            run([&](const Reply& reply) -> const Step& { return slots[*id]->step(reply); }, world.memory);
        ended += step.kind == StepKind::fault ? 1 : 0;
    }
    world.settle();
    CHECK(ended == 8);
    CHECK(world.take_faults().size() == Outputs::kCapacity + 8);
}

TEST_CASE("riscv: what is cached stays until the command that drops it", "[iommu][riscv]") {
    Simple world(full());
    CHECK(world.access(1, 0x1000) == 0x90001000);
    world.map(world.root, Mode::sv39, false, 0x1000, 0x90005000);
    CHECK(world.access(1, 0x1000) == 0x90001000);
    SECTION("by address, and the page beside it stays") {
        world.map(world.root, Mode::sv39, false, 0x2000, 0x90002000);
        CHECK(world.access(1, 0x2000) == 0x90002000);
        world.map(world.root, Mode::sv39, false, 0x2000, 0x90006000);
        world.command(0x1 | cmd::AV.of(1) | cmd::PSCV.of(1) | cmd::PSCID.of(7), cmd::ADDR_PAGE.of(1));
        CHECK(world.access(1, 0x1000) == 0x90005000);
        CHECK(world.access(1, 0x2000) == 0x90002000);
    }
    SECTION("by address space, not another's") {
        world.command(0x1 | cmd::PSCV.of(1) | cmd::PSCID.of(8), 0);
        CHECK(world.access(1, 0x1000) == 0x90001000);
        world.command(0x1 | cmd::GV.of(1) | cmd::GSCID.of(0), 0);  // of guests
        CHECK(world.access(1, 0x1000) == 0x90001000);
        world.command(0x1 | cmd::PSCV.of(1) | cmd::PSCID.of(7), 0);
        CHECK(world.access(1, 0x1000) == 0x90005000);
    }
    SECTION("the device's context, which is another matter") {
        world.command(0x3 | cmd::DV.of(1) | cmd::DID.of(1), 0);
        CHECK(world.access(1, 0x1000) == 0x90001000);
        world.memory.store(world.dc_address(1), 0);
        CHECK(world.access(1, 0x1000) == 0x90001000);
        world.command(0x3 | cmd::DV.of(1) | cmd::DID.of(1), 0);
        CHECK(world.access(1, 0x1000) == -258);
    }
    SECTION("a global page stays when its address space goes") {
        world.map(world.root, Mode::sv39, false, 0x3000, 0x90003000, kLeaf | pte::G.of(1));
        CHECK(world.access(1, 0x3000) == 0x90003000);
        world.map(world.root, Mode::sv39, false, 0x3000, 0x90007000, kLeaf | pte::G.of(1));
        world.command(0x1 | cmd::PSCV.of(1) | cmd::PSCID.of(7), 0);
        CHECK(world.access(1, 0x3000) == 0x90003000);
        world.command(0x1, 0);
        CHECK(world.access(1, 0x3000) == 0x90007000);
    }
    SECTION("by a range of pages (S)") {
        world.map(world.root, Mode::sv39, false, 0x2000, 0x90002000);
        CHECK(world.access(1, 0x2000) == 0x90002000);
        world.map(world.root, Mode::sv39, false, 0x2000, 0x90006000);
        // 16 KiB from 0: page number 0b01 says four pages.
        world.command(0x1 | cmd::AV.of(1) | cmd::PSCV.of(1) | cmd::PSCID.of(7), cmd::ADDR_PAGE.of(1) | cmd::S.of(1));
        CHECK(world.access(1, 0x1000) == 0x90005000);
        CHECK(world.access(1, 0x2000) == 0x90006000);
    }
}

TEST_CASE("riscv: an invalidation by address leaves tables cached, unless it says that they go too", "[iommu][riscv]") {
    Simple world(full());
    CHECK(world.access(1, 0x1000) == 0x90001000);
    // The whole tree is another one, the root stays.
    const std::uint64_t other = world.new_page();
    world.map(other, Mode::sv39, false, 0x1000, 0x90009000);
    world.memory.store(world.root, world.memory.load(other));
    const std::uint64_t by_address = 0x1 | cmd::AV.of(1) | cmd::PSCV.of(1) | cmd::PSCID.of(7);
    world.command(by_address, cmd::ADDR_PAGE.of(1));
    CHECK(world.access(1, 0x1000) == 0x90001000);
    world.command(by_address | cmd::NL.of(1), cmd::ADDR_PAGE.of(1));
    CHECK(world.access(1, 0x1000) == 0x90009000);
}

TEST_CASE("riscv: both stages, a guest's invalidation drops what went through its tables", "[iommu][riscv]") {
    World world(full());
    const std::uint64_t guest = world.new_page(4), root = 0x40000000;
    world.set_dc(1, 1, atp_of(atp::SV39, guest, 5), ta::PSCID.of(7), atp_of(atp::SV48, root));
    for (std::uint64_t page = 0; page < 8; ++page) {  // guest tables live at 0x70000000 in the machine
        world.map(guest, Mode::sv39, true, root + page * 0x1000, 0x70000000 + page * 0x1000);
    }
    world.map(guest, Mode::sv39, true, 0x50000000, 0xA0000000);
    for (std::uint64_t level = 0; level < 3; ++level) {
        world.memory.store(0x70000000 + level * 0x1000, 1 | pte::PPN.of((root + (level + 1) * 0x1000) >> 12));
    }
    world.memory.store(0x70003000 + 8, kLeaf | pte::PPN.of(0x50000000 >> 12));
    CHECK(world.access(1, 0x1234) == 0xA0000234);
    CHECK(world.slot->outcome().bare == false);
    world.map(guest, Mode::sv39, true, 0x50000000, 0xB0000000);
    world.command(0x1 | cmd::PSCV.of(1) | cmd::PSCID.of(7), 0);  // of the host: not this one
    CHECK(world.access(1, 0x1234) == 0xA0000234);
    world.command(0x81 | cmd::GV.of(1) | cmd::GSCID.of(6), 0);
    CHECK(world.access(1, 0x1234) == 0xA0000234);
    world.command(0x81 | cmd::GV.of(1) | cmd::GSCID.of(5), 0);
    CHECK(world.access(1, 0x1234) == 0xB0000234);
}

TEST_CASE("riscv: a large page with a virtual interrupt file in it does not hide the file", "[iommu][riscv]") {
    World world(full());
    const std::uint64_t guest = world.new_page(4), msi = world.new_page();
    world.set_dc(1, 1, atp_of(atp::SV39, guest, 5), 0, 0);
    world.memory.store(world.dc_address(1) + 32, atp_of(atp::MSI_FLAT, msi));
    world.memory.store(world.dc_address(1) + 40, 0x1);
    world.memory.store(world.dc_address(1) + 48, 0x40004);
    world.memory.store(msi, msipte::V.of(1) | msipte::M.of(msipte::BASIC) | msipte::PPN.of(0x28000));
    world.memory.store(msi + 16, msipte::V.of(1) | msipte::M.of(msipte::MRIF) | msipte::MRIF_ADDR.of(0x77000 >> 9));
    world.memory.store(msi + 24, msipte::NID_LOW.of(3) | msipte::NPPN.of(0x29000));
    world.map(guest, Mode::sv39, true, 0x40000000, 0x80000000, kLeaf, 1);  // 2 MiB
    CHECK(world.access(1, 0x40000010, true) == 0x80000010);
    CHECK(world.access(1, 0x40004010, true) == 0x28000010);
    CHECK(world.access(1, 0x40005010, true) == 0x29000010);
    CHECK(world.slot->outcome().mrif);
    CHECK(world.slot->outcome().mrif_address == 0x77000);
    CHECK(world.slot->outcome().mrif_nid == 3);
    CHECK(world.access(1, 0x40006010, true) == 0x80006010);
    CHECK(world.access(1, 0x40004010, true) == 0x28000010);
}

TEST_CASE("riscv: a message is pending in its memory-resident file, and a notice is due if it is enabled",
          "[iommu][riscv]") {
    World world(full());
    const std::uint64_t guest = world.new_page(4), msi = world.new_page(), file = world.new_page();
    world.set_dc(1, 1, atp_of(atp::SV39, guest, 5), 0, 0);
    world.memory.store(world.dc_address(1) + 32, atp_of(atp::MSI_FLAT, msi));
    world.memory.store(world.dc_address(1) + 40, 0x1);
    world.memory.store(world.dc_address(1) + 48, 0x40004);
    world.memory.store(msi, msipte::V.of(1) | msipte::M.of(msipte::MRIF) | msipte::MRIF_ADDR.of(file >> 9));
    world.memory.store(msi + 8, msipte::NID_LOW.of(3) | msipte::NPPN.of(0x29000));
    const auto send = [&](std::uint64_t address, std::uint32_t data) {
        world.slot->start_message(world.request(1, address, true), data);
        const Step& step = run([&](const Reply& reply) -> const Step& { return world.slot->step(reply); }, world.memory,
                               [](const MemoryAccess&) {});
        return step.kind == StepKind::done ? static_cast<std::int64_t>(step.result.pa.value)
                                           : -std::int64_t{step.result.fault};
    };
    CHECK(send(0x40004000, 67) == 0x29000000);
    CHECK(world.memory.load(file + 16) == 1U << 3);  // identities 64 to 127
    CHECK(world.slot->outcome().mrif_stored);
    CHECK_FALSE(world.slot->outcome().mrif_notice);
    world.memory.store(file + 16 + 8, 1U << 5);
    CHECK(send(0x40004004, 69U << 24) == 0x29000000);  // big-endian
    CHECK(world.memory.load(file + 16) == (1U << 3 | 1U << 5));
    CHECK(world.slot->outcome().mrif_notice);
    CHECK(world.slot->outcome().mrif_nid == 3);
    for (const std::uint32_t nothing : {0U, 2048U, 0x10001U}) {
        send(0x40004000, nothing);
        CHECK_FALSE(world.slot->outcome().mrif_stored);
    }
    send(0x40004008, 70);  // no register of an interrupt file
    CHECK_FALSE(world.slot->outcome().mrif_stored);
    CHECK(world.memory.load(file + 16) == (1U << 3 | 1U << 5));
    CHECK(world.access(1, 0x40004000, true) == 0x29000000);  // without its data: nothing is stored
    CHECK_FALSE(world.slot->outcome().mrif_stored);
    world.memory.abort_from = file;
    world.memory.abort_to = file + 512;
    CHECK(send(0x40004000, 71) == -264);
}

TEST_CASE("riscv: A and D are set once, by compare-and-swap, and a changed word is read again", "[iommu][riscv]") {
    Simple world(full());
    world.map(world.root, Mode::sv39, false, 0x1000, 0x90001000, kLeaf & ~(pte::A.mask() | pte::D.mask()));
    CHECK(world.access(1, 0x1000) == -13);  // SADE is off
    world.set_dc(2, 1 | tc::SADE.of(1), 0, ta::PSCID.of(9), atp_of(atp::SV39, world.root));
    CHECK(world.access(2, 0x1000) == 0x90001000);
    REQUIRE(world.updates.size() == 1);
    CHECK(pte::A.test(world.updates[0].value));
    CHECK_FALSE(pte::D.test(world.updates[0].value));
    CHECK(world.access(2, 0x1000, true) == 0x90001000);  // the cached entry gives no right to write yet
    REQUIRE(world.updates.size() == 2);
    CHECK(pte::D.test(world.updates[1].value));
    CHECK(world.access(2, 0x1000, true) == 0x90001000);
    CHECK(world.updates.size() == 2);

    // Software maps another page between the read and the swap.
    world.map(world.root, Mode::sv39, false, 0x3000, 0x90003000, kLeaf & ~pte::A.mask());
    world.slot->start(world.request(2, 0x3000));
    Reply reply;
    const Step* step = nullptr;
    unsigned swaps = 0;
    for (;;) {
        step = &world.slot->step(reply);
        if (step->kind != StepKind::access && step->kind != StepKind::lookup) break;
        if (step->kind == StepKind::lookup) continue;
        if (step->access.kind == AccessKind::compare_and_swap && swaps++ == 0) {
            world.map(world.root, Mode::sv39, false, 0x3000, 0x90004000);
        }
        serve(step->access, world.memory, reply);
    }
    CHECK(step->result.pa.value == 0x90004000);
    CHECK(swaps == 1);
}

TEST_CASE("riscv: counters count what their selectors let pass, and say when they overflow", "[iommu][riscv]") {
    Simple world(full(false));
    world.set_dc(2, 1, 0, ta::PSCID.of(9), atp_of(atp::SV39, world.root));
    const auto select = [&](unsigned counter, HpmEvent event, std::uint64_t more = 0) {
        world.write(reg::iohpmevt(counter), static_cast<std::uint64_t>(event) | more);
    };
    namespace sel = iohpmevt;
    select(0, HpmEvent::untranslated_requests);
    select(1, HpmEvent::first_stage_walks, sel::DV_GSCV.of(1) | sel::DID_GSCID.of(2));
    select(2, HpmEvent::untranslated_requests, sel::DV_GSCV.of(1) | sel::DMASK.of(1) | sel::DID_GSCID.of(1));
    select(3, HpmEvent::first_stage_walks, sel::IDT.of(1) | sel::PV_PSCV.of(1) | sel::PID_PSCID.of(7));
    select(4, HpmEvent::ddt_walks);
    select(5, HpmEvent::untranslated_requests);
    world.write(reg::IOCNTINH, 1U << 6, 4);  // of counter 6
    world.write(reg::iohpmctr(4), ~std::uint64_t{0});
    world.access(1, 0x1000);
    world.access(2, 0x1000);
    world.access(2, 0x1000);
    CHECK(world.read(reg::iohpmctr(0)) == 3);
    CHECK(world.read(reg::iohpmctr(1)) == 6);  // three levels each
    CHECK(world.read(reg::iohpmctr(2)) == 3);  // ids 0 to 3
    CHECK(world.read(reg::iohpmctr(3)) == 3);
    CHECK(world.read(reg::iohpmctr(4)) == 2);
    CHECK(world.read(reg::iohpmctr(5)) == 0);
    CHECK(world.read(reg::IOCNTOVF, 4) == 1U << 5);
    CHECK(world.read(reg::IPSR, 4) == ipsr::PMIP.mask());
}

TEST_CASE("riscv: a small one has contexts of 32 bytes and no ATS", "[iommu][riscv]") {
    Simple world(base());
    CHECK(world.access(1, 0x1000) == 0x90001000);
    CHECK(world.unit.page_requests() == nullptr);
    world.command(0x4, 0);
    CHECK(queue_csr::CMD_ILL.test(world.read(reg::CQCSR, 4)));
    world.set_dc(2, 1 | tc::SADE.of(1), 0, 0, 0);
    CHECK(world.access(2, 0x1000) == -259);
    CHECK(world.access(127, 0x1000) == -258);
}

TEST_CASE("riscv: tables and queues may be big-endian", "[iommu][riscv]") {
    Bench bench(full());
    bench.write(reg::FCTL, fctl::BE.mask(), 4);
    CHECK(bench.read(reg::FCTL, 4) == fctl::BE.mask());
    bench.queues_on();
    bench.write(reg::DDTP, ddtp::MODE.of(ddtp::LVL1) | ddtp::PPN.of(0x100));
    const auto store = [&](std::uint64_t at, std::uint64_t word) {
        std::uint8_t bytes[8];
        store_be(bytes, 8, word);
        bench.memory.write(PhysAddr{at}, bytes, 8);
    };
    store(0x100040, 1 | tc::SBE.of(1));
    store(0x100058, atp_of(atp::SV39, 0x200000));
    store(0x200000, kLeaf | pte::PPN.of(0x40000000 >> 12));  // 1 GiB
    Request request;
    request.sid = StreamId{1};
    request.address = 0x12345678;
    CHECK(bench.translate(request).result.pa.value == 0x52345678);
    store(0x80000000, 0x3002);
    bench.write(reg::CQT, 1, 4);
    CHECK(bench.read(reg::CQH, 4) == 1);
    request.sid = StreamId{2};
    bench.translate(request);
    std::uint8_t bytes[8];
    bench.memory.read(PhysAddr{0x80001000}, bytes, 8);
    CHECK(load_be(bytes, 8) == 0x0000020800000102);
}

TEST_CASE("riscv: the family makes instances by name, lines and caches as asked", "[iommu][riscv]") {
    const Family* family = find_family("riscv");
    REQUIRE(family != nullptr);
    InstanceParams params;
    params.facts.interrupts = 2;
    const auto instance = family->make(params);
    CHECK(instance->wires() == 2);
    CHECK(instance->spec().arch == "riscv");
    CHECK(instance->read_register(reg::CAPABILITIES, 8) == capabilities_by_name("qemu"));
    CHECK(instance->counter_values().size() == instance->spec().counters.size());
    for (std::size_t i = 0; i < instance->spec().structures.size(); ++i) {
        CHECK(instance->structure_counters(i).lookups == 0);
    }
    params.hardware.options["riscv.like"] = 2;
    CHECK(family->make(params)->read_register(reg::CAPABILITIES, 8) == capabilities_by_name("base"));
}

}  // namespace xlate::iommu::riscv
