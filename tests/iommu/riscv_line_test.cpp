// Walks that read lines of last-level words (RiscvParams::reads_lines): what they answer beside what was asked, and
// what they leave alone.
#include <catch2/catch.hpp>

#include <map>

#include "tests/iommu/riscv_world.hpp"

namespace xlate::iommu::riscv {
namespace {

RiscvParams lines(const char* like, bool tlb = false) {
    RiscvParams params = bench_params(capabilities_by_name(like), false);
    params.tlb.enabled = tlb;
    params.reads_lines = true;
    return params;
}

/// Pages that the last translation has answered besides, and where they lie.
std::map<std::uint64_t, std::uint64_t> beside(const World& world) {
    std::map<std::uint64_t, std::uint64_t> pages;
    for (const CachedTranslation& one : world.slot->beside()) {
        CHECK(one.log2_bytes == 12);
        pages[one.va >> 12] = one.pa;
    }
    return pages;
}

/// The words of the last level that the next walk reads, as one access: their first address and its bytes.
struct LastRead {
    std::uint64_t address = 0;
    std::uint32_t size = 0;
};
LastRead last_read(World& world, const Request& request) {
    LastRead last;
    world.slot->start(request);
    Reply reply;
    for (;;) {
        const Step& step = world.slot->step(reply);
        if (step.kind == StepKind::done || step.kind == StepKind::fault) return last;
        if (step.kind != StepKind::access) continue;
        if (step.access.purpose == walk_purpose(1, 0)) last = {step.access.address.value, step.access.size};
        serve(step.access, world.memory, reply);
    }
}

}  // namespace

TEST_CASE("riscv: a line of the last level answers for its neighbours, as far as their words say", "[iommu][riscv]") {
    World world(lines("base", true));
    const std::uint64_t root = world.new_page();
    // Pages 8 to 15 of one line, all over memory; what lies beside the line is another one's.
    for (std::uint64_t page = 7; page <= 16; ++page) {
        std::uint64_t bits = kLeaf;
        if (page == 11) continue;                // not mapped
        if (page == 12) bits &= ~pte::W.mask();  // read-only
        if (page == 13) bits &= ~pte::A.mask();  // its A would have to be set: a walk of its own
        if (page == 14) bits &= ~pte::D.mask();  // a write would fault
        world.map(root, Mode::sv39, false, page << 12, 0x90000000 + (page * 37 % 64 << 12), bits);
    }
    world.set_dc(1, 1, 0, ta::PSCID.of(7), atp_of(atp::SV39, root));
    const std::uint64_t leaf_table = [&] {
        std::uint64_t table = root;
        for (unsigned i = 0; i < 2; ++i) table = riscv_table::table_address(world.memory.load(table), Mode::sv39);
        return table;
    }();
    const LastRead read = last_read(world, world.request(1, 10 << 12));
    CHECK(read.address == leaf_table + 8 * 8);
    CHECK(read.size == 64);

    const auto pages = beside(world);
    CHECK(pages.size() == 5);
    for (const std::uint64_t page : {8, 9, 12, 14, 15}) {
        REQUIRE(pages.count(page) == 1);
        CHECK(pages.at(page) == 0x90000000 + (page * 37 % 64 << 12));
    }
    // They are in the TLB: no more reads. The others are not.
    const std::uint64_t before = world.unit.counters.walk_reads;
    CHECK(world.access(1, 9 << 12) == 0x90000000 + (9 * 37 % 64 << 12));
    CHECK(world.access(1, 12 << 12) == 0x90000000 + (12 * 37 % 64 << 12));
    CHECK(world.unit.counters.walk_reads == before);
    CHECK(world.access(1, 12 << 12, true) == -15);  // a write to a read-only page: its tables say so
    CHECK(world.access(1, 14 << 12, true) == -15);
    CHECK(world.access(1, 11 << 12) == -13);
    CHECK(world.unit.counters.walk_reads == before + 9);
    world.access(1, 16 << 12);
    CHECK(world.unit.counters.walk_reads == before + 12);

    // A command drops a neighbour like any other entry.
    world.command(cmd::OPCODE.of(1) | cmd::AV.of(1) | cmd::PSCV.of(1) | cmd::PSCID.of(7), cmd::ADDR_PAGE.of(9));
    world.access(1, 8 << 12);
    CHECK(world.unit.counters.walk_reads == before + 12);
    world.access(1, 9 << 12);
    CHECK(world.unit.counters.walk_reads == before + 15);
}

TEST_CASE("riscv: a walk that reads words answers for nobody else", "[iommu][riscv]") {
    RiscvParams params = lines("base");
    params.reads_lines = false;
    World world(params);
    const std::uint64_t root = world.new_page();
    for (std::uint64_t page = 0; page < 8; ++page) world.map(root, Mode::sv39, false, page << 12, 0x90000000);
    world.set_dc(1, 1, 0, 0, atp_of(atp::SV39, root));
    const LastRead read = last_read(world, world.request(1, 3 << 12));
    CHECK(read.address % 64 == 3 * 8);
    CHECK(read.size == 8);
    CHECK(world.slot->beside().empty());
    CHECK(log2_answered(world.unit) == 12);
    CHECK(log2_answered(World(lines("base")).unit) == 15);
}

// docs/spec/published-figures.md, section D: a nested walk without caches is 15 reads.
TEST_CASE("riscv: below a second stage both lines have to say it", "[iommu][riscv]") {
    World world(lines("nested"));
    const std::uint64_t root = world.new_page(), second = world.new_page(4);
    // Guest-physical pages: 4 of the line follow one another in a line of the second stage; two lie elsewhere, one of
    // them in a block of 2 MiB; one is not mapped by the second stage.
    const auto guest = [](std::uint64_t page) -> std::uint64_t {
        if (page < 4) return 0x40000000 + (page << 12);
        if (page == 4) return 0x40010000;        // another line
        if (page == 5) return 0x50001000;        // a block
        return 0x40004000 + ((page - 6) << 12);  // this line: 6 is mapped, 7 is not
    };
    for (std::uint64_t page = 0; page < 8; ++page) world.map(root, Mode::sv39, false, page << 12, guest(page));
    for (const std::uint64_t gpa : {guest(0), guest(1), guest(2), guest(3), guest(4), guest(6)})
        world.map(second, Mode::sv39, true, gpa, 0x90000000 + (gpa & 0xFFFFF));
    world.map(second, Mode::sv39, true, 0x50000000, 0xA0000000, kLeaf, 1);
    for (std::uint64_t at = 0x200000; at < 0x240000; at += 4096) world.map(second, Mode::sv39, true, at, at);
    world.set_dc(1, 1, atp_of(atp::SV39, second, 3), ta::PSCID.of(7), atp_of(atp::SV39, root));

    CHECK(world.access(1, 1 << 12) == 0x90001000);
    CHECK(world.unit.counters.walk_reads == 15);
    const std::map<std::uint64_t, std::uint64_t> expected{
        {0, 0x90000000}, {2, 0x90002000}, {3, 0x90003000}, {6, 0x90004000}};
    CHECK(beside(world) == expected);
    // From the block: what else lies in it, of which there is nothing.
    CHECK(world.access(1, 5 << 12) == 0xA0001000);
    CHECK(beside(world).empty());
    // No neighbour is there that the second stage does not map.
    CHECK(world.access(1, 7 << 12) == -21);
}

}  // namespace xlate::iommu::riscv
