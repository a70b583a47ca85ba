// Allwinner's IOMMU against docs/spec/iommu-hardware.md sections 16.6 and 17, and a walker written from it alone.
#include <catch2/catch.hpp>

#include <map>

#include "base/random.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/simple/sun50i.hpp"
#include "iommu/untimed.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::sun50i;

namespace {

class Words : public MemoryPort {
public:
    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        store_le(bytes, size, words[address.value]);
        return true;
    }
    bool write(PhysAddr, const std::uint8_t*, std::uint32_t) override { return false; }
    std::map<std::uint64_t, std::uint32_t> words;
};

struct World {
    explicit World(const Parameters& parameters = {}) : mmu(parameters), owner(mmu, memory) {
        owner.on_wire = [this](const WireSpec&) { ++pulses; };
    }
    void write(std::uint32_t offset, std::uint32_t value) { owner.write_register(offset, 4, value); }
    std::uint32_t read(std::uint32_t offset) const {
        return static_cast<std::uint32_t>(owner.read_register(offset, 4));
    }
    /// As Linux programs it (section 16.6).
    void enable() {
        write(reg::TTB, 0x83000000);
        write(reg::BYPASS, 0);
        write(reg::INT_ENABLE, interrupt::kAll);
        write(0xB0, 0x0FFF0000);
        write(0xB4, 0x05550AAA);
        write(reg::ENABLE, 1);
    }
    /// IOVA 0x12345000 to 0x45678000.
    void map(std::uint32_t pte) {
        memory.words[0x83000000 + 0x123 * 4] = 0x83005401;
        memory.words[0x83005400 + 0x45 * 4] = pte;
    }
    Step access(unsigned master, std::uint64_t address, bool is_write = false) {
        Request request;
        request.sid = StreamId{master};
        request.address = address;
        request.write = is_write;
        return owner.translate(request);
    }
    Fault fault(unsigned master, std::uint64_t address, bool is_write = false) {
        const Step step = access(master, address, is_write);
        return step.kind == StepKind::fault ? static_cast<Fault>(step.result.fault) : Fault::none;
    }
    Words memory;
    Sun50i mmu;
    Untimed owner;
    unsigned pulses = 0;
};

}  // namespace

TEST_CASE("sun50i: off and bypassed masters pass, a channel in reset is refused", "[iommu][sun50i]") {
    World world;
    CHECK(world.access(3, 0x12345678).result.pa.value == 0x12345678);
    world.enable();
    world.map(0x45678042);
    const Step done = world.access(3, 0x12345678);
    REQUIRE(done.kind == StepKind::done);
    CHECK(done.result.pa.value == 0x45678678);
    world.write(reg::BYPASS, 1 << 3);
    CHECK(world.access(3, 0x12345678).result.pa.value == 0x12345678);
    world.write(reg::BYPASS, 0);
    world.write(reg::RESET, 0xFFFFFFF7);
    CHECK(world.fault(3, 0x12345678) == Fault::channel_reset);
    CHECK(world.fault(2, 0x12345678) == Fault::none);
    world.write(reg::RESET, 0xFFFFFFFF);
    CHECK(world.fault(3, 0x12345678) == Fault::none);
    CHECK(world.fault(6, 0x12345678) == Fault::out_of_range);
    CHECK(world.fault(0, std::uint64_t{1} << 32) == Fault::out_of_range);
}

TEST_CASE("sun50i: a walk is counted when it starts, whatever it finds", "[iommu][sun50i]") {
    World world;
    world.enable();
    world.map(0x45678042);
    CHECK(world.fault(3, 0x12345678) == Fault::none);        // directory and table
    CHECK(world.fault(3, 0x12345678) == Fault::none);        // the TLB has it
    CHECK(world.fault(3, 0x22345678) == Fault::l1_invalid);  // directory alone
    const auto values = world.mmu.counter_values();
    std::map<std::string_view, std::uint64_t> counters;
    for (std::size_t i = 0; i < values.size(); ++i) counters[kSpec.counters[i].name] = values[i];
    CHECK(counters["walks"] == 2);
    CHECK(counters["walk_reads"] == 3);
}

TEST_CASE("sun50i: faults are recorded by kind and master, and cleared by INT_CLR", "[iommu][sun50i]") {
    World world;
    world.enable();
    world.map(0);
    CHECK(world.fault(3, 0x12345678) == Fault::l2_invalid);
    CHECK(world.read(reg::INT_STA) == 0x00020000);  // section 17
    CHECK(world.read(reg::L2PG_INT) == 0x8);
    CHECK(world.read(reg::INT_ERR_ADDR_L2) == 0x12345678);
    CHECK(world.pulses == 1);
    world.write(reg::INT_CLR, world.read(reg::INT_STA));
    CHECK(world.read(reg::INT_STA) == 0);
    CHECK(world.read(reg::L2PG_INT) == 0);
    CHECK(world.fault(1, 0x22345678) == Fault::l1_invalid);
    CHECK(world.read(reg::INT_STA) == 0x00010000);
    CHECK(world.read(reg::L1PG_INT) == 0x2);
    CHECK(world.read(reg::INT_ERR_ADDR_L1) == 0x22345678);
    world.write(reg::INT_CLR, 0x00010000);
    world.map(0x45678022);  // read only: domain 2
    CHECK(world.fault(2, 0x12345678) == Fault::none);
    CHECK(world.fault(2, 0x12345678, true) == Fault::write_denied);
    CHECK(world.read(reg::INT_STA) == 0x4);
    CHECK(world.read(reg::err_addr(2)) == 0x12345678);
    CHECK(world.pulses == 3);
}

TEST_CASE("sun50i: the rights of a domain are the register's, as Linux leaves it too", "[iommu][sun50i]") {
    struct Row {
        std::uint32_t pte, dm_aut1;
        bool reads, writes;
    };
    const Row row = GENERATE(Row{0x45678042, 0x05550AAA, true, true}, Row{0x45678022, 0x05550AAA, true, false},
                             Row{0x45678032, 0x05550AAA, false, true}, Row{0x45678012, 0x05550AAA, false, false},
                             // The second write of 0xB4 wins: read-only pages are writable.
                             Row{0x45678022, 0x05550000, true, true});
    World world;
    world.enable();
    world.write(0xB4, row.dm_aut1);
    world.map(row.pte);
    for (unsigned master = 0; master < kMasters; ++master) {
        CHECK((world.fault(master, 0x12345678) == Fault::none) == row.reads);
        CHECK((world.fault(master, 0x12345678, true) == Fault::none) == row.writes);
    }
}

TEST_CASE("sun50i: what is cached goes by flush, by line and by directory word", "[iommu][sun50i]") {
    World world;
    world.enable();
    world.map(0x45678042);
    CHECK(world.fault(0, 0x12345678) == Fault::none);
    world.memory.words[0x83005400 + 0x45 * 4] = 0;
    CHECK(world.fault(0, 0x12345678) == Fault::none);  // stale
    SECTION("flush") {
        world.write(reg::TLB_FLUSH, flush::kAll);
        SUCCEED("chosen");
    }
    SECTION("line") {
        world.write(reg::TLB_IVLD_ADDR, 0x12346000);
        world.write(reg::TLB_IVLD_ADDR_MASK, 0xFFFFF000);
        world.write(reg::TLB_IVLD_ENABLE, 1);
        CHECK(world.fault(0, 0x12345678) == Fault::none);
        world.write(reg::TLB_IVLD_ADDR, 0x12345000);
        world.write(reg::TLB_IVLD_ENABLE, 1);
    }
    CHECK(world.fault(0, 0x12345678) == Fault::l2_invalid);
    CHECK(world.read(reg::TLB_FLUSH) == 0);
    CHECK(world.read(reg::TLB_IVLD_ENABLE) == 0);
    // The directory word has a cache of its own.
    world.memory.words[0x83000000 + 0x123 * 4] = 0;
    CHECK(world.fault(0, 0x12345678) == Fault::l2_invalid);
    world.write(reg::PC_IVLD_ADDR, 0x12300000);
    world.write(reg::PC_IVLD_ENABLE, 1);
    CHECK(world.fault(0, 0x12345678) == Fault::l1_invalid);
    CHECK(world.read(reg::PC_IVLD_ENABLE) == 0);
}

TEST_CASE("sun50i: a flush reads as busy until older translations are done", "[iommu][sun50i]") {
    Sun50i mmu{Parameters{}};
    mmu.write_register(reg::TLB_FLUSH, 4, 0x3003F);
    CHECK(mmu.read_register(reg::TLB_FLUSH, 4) == 0x3003F);
    REQUIRE(mmu.machine_pending(0));
    CHECK(mmu.step_machine(0, {}).kind == StepKind::sync);
    CHECK(mmu.step_machine(0, {}).kind == StepKind::idle);
    CHECK(mmu.read_register(reg::TLB_FLUSH, 4) == 0);
}

TEST_CASE("sun50i: random tables and accesses go as a walker from the specification says", "[iommu][sun50i]") {
    const bool caches = GENERATE(true, false);
    Parameters parameters;
    parameters.tlb = {caches, 16, 4};
    parameters.directory = {caches, 4, 4};
    World world(parameters);
    world.enable();
    Rng rng{3, "sun50i differential"};
    std::uint32_t dm[8] = {0x0FFF0000, 0x05550AAA};
    const auto change = [&] {
        const auto directory = static_cast<std::uint32_t>(rng.below(6)),
                   page = static_cast<std::uint32_t>(rng.below(8));
        const auto table = static_cast<std::uint32_t>(0x83005400 + rng.below(4) * 0x400);
        world.memory.words[0x83000000 + directory * 4] = table | static_cast<std::uint32_t>(rng.below(8) != 0 ? 1 : 2);
        world.memory.words[table + page * 4] = static_cast<std::uint32_t>(rng.below(1U << 16) << 12) |
                                               static_cast<std::uint32_t>(rng.below(16) << 4) |
                                               (rng.below(8) != 0 ? 2U : 0U);
        const auto domain = static_cast<unsigned>(rng.below(8));
        if (rng.below(8) == 0)
            world.write(0xB0 + 4 * domain, dm[domain] = static_cast<std::uint32_t>(rng.below(1U << 28)));
        world.write(reg::TLB_FLUSH, 0x3003F);
    };
    for (int i = 0; i < 200; ++i) change();
#ifdef NDEBUG
    constexpr int kAccesses = 500'000;
#else
    constexpr int kAccesses = 20'000;
#endif
    int done = 0;
    for (int i = 0; i < kAccesses; ++i) {
        if (rng.below(16) == 0) change();
        const auto master = static_cast<unsigned>(rng.below(6));
        const std::uint64_t iova = rng.below(6) << 20 | rng.below(8) << 12 | rng.below(64) * 64;
        const bool write = rng.below(2) == 0;
        Fault expected = Fault::none;
        std::uint64_t pa = 0;
        const std::uint32_t l1 = world.memory.words[0x83000000 + (iova >> 20) * 4];
        if ((l1 & 3) != 1) {
            expected = Fault::l1_invalid;
        } else {
            const std::uint32_t l2 = world.memory.words[(l1 & 0xFFFFFC00) + (iova >> 12 & 0xFF) * 4];
            const unsigned domain = l2 >> 4 & 15;
            const std::uint32_t half = dm[domain / 2] >> (domain % 2 * 16);
            pa = (l2 & 0xFFFFF000) | (iova & 0xFFF);
            if ((l2 & 2) == 0) {
                expected = Fault::l2_invalid;
            } else if ((half >> (2 * master + (write ? 1 : 0)) & 1) != 0) {
                expected = write ? Fault::write_denied : Fault::read_denied;
            }
        }
        const Step step = world.access(master, iova, write);
        const Fault fault = step.kind == StepKind::fault ? static_cast<Fault>(step.result.fault) : Fault::none;
        if (fault != expected || (fault == Fault::none && step.result.pa.value != pa)) {
            INFO("access " << i << " master " << master << " iova " << std::hex << iova << " write " << write);
            CHECK(name(fault) == name(expected));
            CHECK(step.result.pa.value == pa);
            return;
        }
        done += fault == Fault::none ? 1 : 0;
    }
    CHECK(done > kAccesses / 10);
}
