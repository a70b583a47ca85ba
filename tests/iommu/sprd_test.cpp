// Spreadtrum's IOMMU against docs/spec/iommu-hardware.md sections 16.7 and 17, and a walker written from it alone.
#include <catch2/catch.hpp>

#include <map>

#include "base/random.hpp"
#include "iommu/simple/sprd.hpp"
#include "iommu/untimed.hpp"

using namespace xlate;
using namespace xlate::iommu;
namespace sp = xlate::iommu::sprd;

namespace {

struct World {
    explicit World(sp::Version version = sp::Version::ex, bool tlb = true)
        : mmu([&] {
              sp::Parameters parameters;
              parameters.version = version;
              parameters.tlb.enabled = tlb;
              return parameters;
          }()),
          owner(mmu, memory),
          at(sp::registers(version)) {
        owner.on_access = [this](const MemoryAccess&) { ++reads; };
    }
    void write(std::uint32_t offset, std::uint32_t value) { owner.write_register(offset, 4, value); }
    std::uint32_t read(std::uint32_t offset) const {
        return static_cast<std::uint32_t>(owner.read_register(offset, 4));
    }
    /// Section 17's registers.
    void enable(std::uint32_t more = 0) {
        write(at.FIRST_PPN, 0x00084000);
        write(at.FIRST_VPN, 0);
        write(at.VPN_RANGE, 0x0000FFFF);
        write(at.DEFAULT_PPN_RD, 0x00085000);
        if (at.DEFAULT_PPN_WR != at.DEFAULT_PPN_RD) write(at.DEFAULT_PPN_WR, 0x00086000);
        write(at.CFG, 3 | more);
    }
    std::uint64_t pa(std::uint64_t address, bool is_write = false) {
        Request request;
        request.address = address;
        request.write = is_write;
        const Step step = owner.translate(request);
        REQUIRE(step.kind == StepKind::done);
        return step.result.pa.value;
    }
    SparseMemory memory;
    sp::Sprd mmu;
    Untimed owner;
    const sp::Registers& at;
    unsigned reads = 0;
};

}  // namespace

TEST_CASE("sprd: one word maps a page", "[iommu][sprd]") {
    const sp::Version version = GENERATE(sp::Version::ex, sp::Version::vau);
    World world(version);
    CHECK(world.pa(0x01234567) == 0x01234567);  // off
    world.enable();
    CHECK(world.read(0) == (version == sp::Version::ex ? 3 : 0x100));
    CHECK(world.read(world.at.CFG) == 3);
    world.memory.store(0x840048D0, 0x00045678, 4);
    CHECK(world.pa(0x01234567) == 0x45678567);
    CHECK(world.pa(0x01234000, true) == 0x45678000);
    CHECK(world.reads == 1);
}

TEST_CASE("sprd: what is not mapped lands in the default page", "[iommu][sprd]") {
    World ex;
    ex.enable();
    CHECK(ex.pa(0x01234567) == 0x85000567);
    CHECK(ex.pa(0x01234567, true) == 0x85000567);
    CHECK(ex.pa(0x10000004) == 0x85000004);  // beyond the range
    CHECK(ex.mmu.counter_values()[4] == 3);
    World vau(sp::Version::vau);
    vau.enable();
    CHECK(vau.pa(0x01234567) == 0x85000567);
    CHECK(vau.pa(0x01234567, true) == 0x86000567);
    World bypass;
    bypass.enable(1 << 4);
    CHECK(bypass.pa(0x10000004) == 0x10000004);
    CHECK(bypass.pa(0x0FFFF004) == 0x85000004);
    World refused;
    refused.enable();
    refused.memory.abort_from = 0x84000000;
    refused.memory.abort_to = 0x84001000;
    CHECK(refused.pa(0x00000008) == 0x85000008);
}

TEST_CASE("sprd: the range begins at FIRST_VPN", "[iommu][sprd]") {
    World world;
    world.enable();
    world.write(world.at.FIRST_VPN, 0x100);
    world.write(world.at.VPN_RANGE, 1);
    world.memory.store(0x84000000, 0x1111, 4);
    world.memory.store(0x84000004, 0x2222, 4);
    CHECK(world.pa(0x00100010) == 0x01111010);
    CHECK(world.pa(0x00101010) == 0x02222010);
    CHECK(world.pa(0x00102010) == 0x85000010);
    CHECK(world.pa(0x000FF010) == 0x85000010);
}

TEST_CASE("sprd: UPDATE drops what was kept, a written word alone does not", "[iommu][sprd]") {
    World world;
    world.enable();
    world.memory.store(0x84000000, 0x1111, 4);
    CHECK(world.pa(0) == 0x01111000);
    world.memory.store(0x84000000, 0x2222, 4);
    CHECK(world.pa(0) == 0x01111000);
    world.write(world.at.UPDATE, 0);
    CHECK(world.pa(0) == 0x02222000);
    CHECK(world.read(world.at.UPDATE) == 0);
    // What was not mapped is not kept.
    CHECK(world.pa(0x1000) == 0x85000000);
    world.memory.store(0x84000004, 0x3333, 4);
    CHECK(world.pa(0x1000) == 0x03333000);
}

TEST_CASE("sprd: registers of the other version are not there", "[iommu][sprd]") {
    World ex;
    ex.write(0x1C, 0x55);
    ex.write(0x20, 0x55);
    CHECK(ex.read(0x1C) == 0);
    CHECK(ex.read(0x20) == 0);
    World vau(sp::Version::vau);
    vau.write(0x0C, 0x55);  // AUTH: storage
    CHECK(vau.read(0x0C) == 0x55);
    CHECK(vau.read(0x00) == 0x100);
    vau.write(0x04, 0xFFFFFFFF);
    CHECK(vau.read(0x04) == 0x13);
    CHECK(vau.owner.read_register(0x04, 8) == 0);
    Request request;
    request.unsupported = true;
    CHECK(vau.owner.translate(request).kind == StepKind::fault);
}

TEST_CASE("sprd: random tables, with and without a TLB, against the specification's sentence", "[iommu][sprd]") {
#ifdef NDEBUG
    constexpr unsigned kAccesses = 500'000;  // of each, a million together
#else
    constexpr unsigned kAccesses = 20'000;
#endif
    for (const bool tlb : {true, false}) {
        World world(tlb ? sp::Version::ex : sp::Version::vau, tlb);
        world.enable();
        std::map<std::uint32_t, std::uint32_t> table;
        Rng random(7, tlb ? "sprd.tlb" : "sprd.none");
        unsigned wrong = 0;
        for (unsigned i = 0; i < kAccesses; ++i) {
            const auto number = static_cast<std::uint32_t>(random.below(300));
            if (random.below(8) == 0) {
                const auto word = random.below(3) == 0 ? 0 : static_cast<std::uint32_t>(1 + random.below(0xFFFFF));
                world.memory.store(0x84000000 + 4 * number, word, 4);
                table[number] = word;
                world.write(world.at.UPDATE, 0xFFFFFFFF);
            }
            const bool is_write = random.below(2) == 0;
            const std::uint64_t offset = random.below(64) * 64;
            const std::uint32_t word = table[number];
            const std::uint64_t fallback = !tlb && is_write ? 0x86000 : 0x85000;
            const std::uint64_t expected = (word != 0 ? word : fallback) << 12 | offset;
            if (world.pa(std::uint64_t{number} << 12 | offset, is_write) != expected) ++wrong;
        }
        CHECK(wrong == 0);
        CHECK(world.reads > 0);
    }
}
