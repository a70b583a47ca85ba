// MediaTek's first M4U against iommu/mediatek/layout_v1.hpp's sentences, and a walker written from them alone.
#include <catch2/catch.hpp>

#include <map>

#include "base/random.hpp"
#include "iommu/mediatek/m4u_v1.hpp"
#include "iommu/untimed.hpp"

using namespace xlate;
using namespace xlate::iommu;
namespace m4u = xlate::iommu::mediatek_v1;

namespace {

constexpr std::uint32_t kTable = 0x84000000;

struct World {
    explicit World(bool tlb = true)
        : mmu([&] {
              m4u::Parameters parameters;
              parameters.satellites = {{false, 0x1000}, {true, 0x1000}};  // a larb, the SMI common
              parameters.tlb.enabled = tlb;
              return parameters;
          }()),
          owner(mmu, memory) {
        owner.on_wire = [this](const WireSpec&) { ++interrupts; };
    }
    void write(std::uint32_t offset, std::uint32_t value, unsigned bank = 0) {
        owner.write_register(offset, 4, value, bank);
    }
    std::uint32_t read(std::uint32_t offset, unsigned bank = 0) {
        return static_cast<std::uint32_t>(owner.read_register(offset, 4, bank));
    }
    void enable() {
        write(m4u::reg::INT_CONTROL, 0xFF);
        write(m4u::reg::PT_BASE, kTable);
        write(m4u::smi_secure::CON, 0x0000000E, 2);       // port 0
        write(m4u::smi_secure::CON + 4, 0x000E0000, 2);   // port 12
        write(m4u::smi_secure::CON + 16, 0x0000000E, 2);  // port 32
    }
    Step access(std::uint32_t port, std::uint64_t address, bool is_write = false) {
        Request request;
        request.sid = StreamId{port};
        request.address = address;
        request.write = is_write;
        return owner.translate(request);
    }
    SparseMemory memory;
    m4u::M4uV1 mmu;
    Untimed owner;
    unsigned interrupts = 0;
};

}  // namespace

TEST_CASE("m4u v1: ports are numbered over all larbs", "[iommu][mediatek]") {
    CHECK(m4u::larb_of(0) == 0);
    CHECK(m4u::larb_of(10) == 0);
    CHECK(m4u::larb_of(11) == 1);
    CHECK(m4u::port_of(12) == 1);
    CHECK(m4u::larb_of(43) == 2);
    CHECK(m4u::larb_of(44) == m4u::kLarbs);  // beyond the last
}

TEST_CASE("m4u v1: a port passes until the SMI common switches it over", "[iommu][mediatek]") {
    World world;
    CHECK_FALSE(world.mmu.translates());
    CHECK(world.access(0, 0x01234567).result.pa.value == 0x01234567);
    world.enable();
    CHECK(world.mmu.translates());
    world.memory.store(kTable + 4 * 0x1234, 0x45678000 | 0xA, 4);
    CHECK(world.access(0, 0x01234567).result.pa.value == 0x45678567);
    CHECK(world.access(12, 0x01234567, true).result.pa.value == 0x45678567);
    CHECK(world.access(1, 0x01234567).result.pa.value == 0x01234567);  // not switched over
    world.write(m4u::smi_secure::CON, 0x00000006, 2);                  // domain alone
    CHECK(world.access(0, 0x01234567).result.pa.value == 0x01234567);
    world.write(m4u::smi_secure::CON, 0x0000000E, 1);  // the same offset of a larb is nothing
    CHECK(world.access(0, 0x01234567).result.pa.value == 0x01234567);
}

TEST_CASE("m4u v1: the first fault is kept until it is cleared", "[iommu][mediatek]") {
    World world;
    world.enable();
    world.memory.store(kTable + 4 * 0x1234, 0x45678000 | 0x8, 4);  // not valid
    const Step first = world.access(32, 0x01234567);
    CHECK(first.kind == StepKind::fault);
    CHECK(first.result.response == Response::read_zero_write_ignored);
    CHECK(world.interrupts == 1);
    CHECK(world.read(m4u::reg::FAULT_ST) == 1);
    CHECK(world.read(m4u::reg::FAULT_VA) == 0x01234000);
    CHECK(world.read(m4u::reg::INT_ID) == ((6U - 2) << 13 | 11 << 8));  // larb 2, its port 11
    CHECK(world.access(0, 0x02000000).kind == StepKind::fault);
    CHECK(world.read(m4u::reg::FAULT_VA) == 0x01234000);
    CHECK(world.mmu.counter_values()[5] == 1);
    world.write(m4u::reg::INT_CONTROL, 0xFF | 1U << 12);
    CHECK(world.read(m4u::reg::FAULT_ST) == 0);
    CHECK(world.read(m4u::reg::INT_CONTROL) == 0xFF);
    world.memory.abort_from = kTable;
    world.memory.abort_to = kTable + 0x1000;
    CHECK(world.access(0, 0x1000).kind == StepKind::fault);
    CHECK(world.read(m4u::reg::FAULT_ST) == 1U << 4);
    CHECK(world.interrupts == 2);
    CHECK(world.access(0, 0x1'0000'0000).kind == StepKind::fault);
}

TEST_CASE("m4u v1: invalidations drop what they cover, and a range says when it is done", "[iommu][mediatek]") {
    World world;
    world.enable();
    const auto put = [&](unsigned page, std::uint32_t to) { world.memory.store(kTable + 4 * page, to << 12 | 2, 4); };
    for (unsigned page = 0; page < 3; ++page) put(page, 0x100 + page);
    for (unsigned page = 0; page < 3; ++page) world.access(0, page << 12);
    for (unsigned page = 0; page < 3; ++page) put(page, 0x200 + page);
    world.write(m4u::reg::INVLD_START, 0x1000);
    world.write(m4u::reg::INVLD_END, 0x1000);
    world.write(m4u::reg::INVALIDATE, 1);
    CHECK(world.read(m4u::reg::CPE_DONE) == 0);  // INV_SEL is 0
    CHECK(world.access(0, 0x1000).result.pa.value == 0x101000);
    world.write(m4u::reg::INV_SEL, 3);
    world.write(m4u::reg::INVALIDATE, 1);
    CHECK(world.read(m4u::reg::CPE_DONE) == 1);
    world.write(m4u::reg::CPE_DONE, 0);
    CHECK(world.read(m4u::reg::CPE_DONE) == 0);
    CHECK(world.access(0, 0x0000).result.pa.value == 0x100000);
    CHECK(world.access(0, 0x1000).result.pa.value == 0x201000);
    CHECK(world.access(0, 0x2000).result.pa.value == 0x102000);
    world.write(m4u::reg::INVALIDATE, 2);
    CHECK(world.access(0, 0x0000).result.pa.value == 0x200000);
    CHECK(world.access(0, 0x2000).result.pa.value == 0x202000);
}

TEST_CASE("m4u v1: random tables, with and without a TLB, against the layout's sentence", "[iommu][mediatek]") {
#ifdef NDEBUG
    constexpr unsigned kAccesses = 500'000;  // of each, a million together
#else
    constexpr unsigned kAccesses = 20'000;
#endif
    for (const bool tlb : {true, false}) {
        World world(tlb);
        world.enable();
        world.write(m4u::reg::INV_SEL, 3);
        std::map<std::uint32_t, std::uint32_t> table;
        Rng random(11, tlb ? "m4u.tlb" : "m4u.none");
        unsigned wrong = 0;
        for (unsigned i = 0; i < kAccesses; ++i) {
            const auto number = static_cast<std::uint32_t>(random.below(300));
            if (random.below(8) == 0) {
                const auto word =
                    static_cast<std::uint32_t>(random.below(0x100000) << 12 | (random.below(3) == 0 ? 8 : 10));
                world.memory.store(kTable + 4 * number, word, 4);
                table[number] = word;
                world.write(m4u::reg::INVLD_START, number << 12);
                world.write(m4u::reg::INVLD_END, number << 12);
                world.write(m4u::reg::INVALIDATE, 1);
            }
            const std::uint64_t address = std::uint64_t{number} << 12 | random.below(64) * 64;
            const Step step = world.access(0, address, random.below(2) == 0);
            const bool valid = (table[number] & 2) != 0;
            const bool right = valid ? step.kind == StepKind::done &&
                                           step.result.pa.value == ((table[number] & 0xFFFFF000) | (address & 0xFFF))
                                     : step.kind == StepKind::fault;
            wrong += right ? 0 : 1;
        }
        CHECK(wrong == 0);
    }
}
