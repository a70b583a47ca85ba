// Verisilicon's IOMMU against iommu/simple/layout_verisilicon.hpp's sentences, and a walker written from them alone.
#include <catch2/catch.hpp>

#include <map>

#include "base/random.hpp"
#include "iommu/simple/verisilicon.hpp"
#include "iommu/untimed.hpp"

using namespace xlate;
using namespace xlate::iommu;
namespace vsi = xlate::iommu::verisilicon;

namespace {

constexpr std::uint32_t kArray = 0x80000000, kDirectory = 0x80001000, kTable = 0x80002000;

struct World {
    explicit World(bool caches = true)
        : mmu([&] {
              vsi::Parameters parameters;
              parameters.tlb.enabled = parameters.directory.enabled = caches;
              return parameters;
          }()),
          owner(mmu, memory) {
        owner.on_wire = [this](const WireSpec&) { ++interrupts; };
        owner.on_access = [this](const MemoryAccess&) { ++reads; };
        memory.store(kArray, kDirectory, 8);
        memory.store(kDirectory + 4 * 3, kTable | 1, 4);
    }
    void write(std::uint32_t offset, std::uint32_t value) { owner.write_register(offset, 4, value); }
    std::uint32_t read(std::uint32_t offset) { return static_cast<std::uint32_t>(owner.read_register(offset, 4)); }
    /// As Linux does.
    void enable() {
        write(vsi::reg::ARRAY_BASE, kArray);
        write(vsi::reg::CONFIG1, 1U << 28);
        write(vsi::reg::EXCEPTION, 1);
        write(vsi::reg::CONTROL, 1);
    }
    Step access(std::uint64_t address, bool is_write = false) {
        Request request;
        request.address = address;
        request.write = is_write;
        return owner.translate(request);
    }
    SparseMemory memory;
    vsi::Verisilicon mmu;
    Untimed owner;
    unsigned interrupts = 0, reads = 0;
};

}  // namespace

TEST_CASE("verisilicon: three words lead to a page of 40 bits", "[iommu][verisilicon]") {
    World world;
    CHECK(world.access(0x00C05678).result.pa.value == 0x00C05678);  // off
    world.enable();
    world.memory.store(kTable + 4 * 5, 0x45678000 | 0x12 << 4 | 5, 4);
    CHECK(world.access(0x00C05678).result.pa.value == 0x1245678678);
    CHECK(world.reads == 3);
    CHECK(world.access(0x00C05000, true).result.pa.value == 0x1245678000);
    CHECK(world.reads == 3);
    world.memory.store(kTable + 4 * 6, 0x11111000 | 1, 4);
    CHECK(world.access(0x00C06000).result.pa.value == 0x11111000);
    CHECK(world.reads == 4);  // the directory's word is kept
}

TEST_CASE("verisilicon: what is refused is latched, the first until STATUS is written", "[iommu][verisilicon]") {
    World world;
    world.enable();
    world.memory.store(kTable + 4 * 6, 0x11111000 | 1, 4);
    CHECK(world.access(0x00C06123, true).kind == StepKind::fault);  // not writable
    CHECK(world.interrupts == 1);
    CHECK(world.read(vsi::reg::STATUS) == 3);
    CHECK(world.read(vsi::reg::FAULT_ADDR) == 0x00C06123);
    CHECK(world.access(0x00C07000).kind == StepKind::fault);
    CHECK(world.read(vsi::reg::STATUS) == 3);
    world.write(vsi::reg::STATUS, 0);
    CHECK(world.read(vsi::reg::STATUS) == 0);
    CHECK(world.access(0x00C07000).kind == StepKind::fault);
    CHECK(world.read(vsi::reg::STATUS) == 2);
    world.write(vsi::reg::STATUS, 0);
    CHECK(world.access(0x10000000).kind == StepKind::fault);
    CHECK(world.read(vsi::reg::STATUS) == 1);
    world.write(vsi::reg::STATUS, 0);
    CHECK(world.access(0x1'0000'0000).kind == StepKind::fault);
    CHECK(world.read(vsi::reg::STATUS) == 4);
    CHECK(world.interrupts == 4);
}

TEST_CASE("verisilicon: FLUSH drops everything, by its bit alone", "[iommu][verisilicon]") {
    World world;
    world.enable();
    world.memory.store(kTable + 4 * 5, 0x45678000 | 5, 4);
    world.access(0x00C05000);
    world.memory.store(kTable + 4 * 5, 0x55555000 | 5, 4);
    world.write(vsi::reg::FLUSH, 0);
    CHECK(world.access(0x00C05000).result.pa.value == 0x45678000);
    world.write(vsi::reg::FLUSH, 1U << 4);
    CHECK(world.access(0x00C05000).result.pa.value == 0x55555000);
    CHECK(world.reads == 6);  // the array's word as well
    CHECK(world.read(vsi::reg::FLUSH) == 0);
}

TEST_CASE("verisilicon: random tables, with and without caches, against the layout's sentences",
          "[iommu][verisilicon]") {
#ifdef NDEBUG
    constexpr unsigned kAccesses = 500'000;  // of each, a million together
#else
    constexpr unsigned kAccesses = 20'000;
#endif
    for (const bool caches : {true, false}) {
        World world(caches);
        world.enable();
        std::map<std::uint32_t, std::uint32_t> table;
        Rng random(13, caches ? "vsi.caches" : "vsi.none");
        unsigned wrong = 0;
        for (unsigned i = 0; i < kAccesses; ++i) {
            const auto number = static_cast<std::uint32_t>(random.below(300));
            if (random.below(8) == 0) {
                const auto word = static_cast<std::uint32_t>(random.below(0x1'0000'0000));
                world.memory.store(kTable + 4 * number, word, 4);
                table[number] = word;
                world.write(vsi::reg::FLUSH, 1U << 4);
                world.write(vsi::reg::STATUS, 0);
            }
            const std::uint64_t offset = random.below(64) * 64;
            const bool is_write = random.below(2) == 0;
            const Step step = world.access(0x00C00000 | std::uint64_t{number} << 12 | offset, is_write);
            const std::uint32_t word = table[number];
            const bool allowed = (word & 1) != 0 && (!is_write || (word & 4) != 0);
            const std::uint64_t pa = (word & 0xFFFFF000) | std::uint64_t{word >> 4 & 0xFF} << 32 | offset;
            const bool right =
                allowed ? step.kind == StepKind::done && step.result.pa.value == pa : step.kind == StepKind::fault;
            wrong += right ? 0 : 1;
        }
        CHECK(wrong == 0);
    }
}
