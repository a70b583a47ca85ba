// Broadcom's IOMMU of BCM2712 against iommu/simple/layout_bcm2712.hpp's sentences, and a walker written from them
// alone.
#include <catch2/catch.hpp>

#include <map>

#include "base/random.hpp"
#include "iommu/simple/bcm2712.hpp"
#include "iommu/untimed.hpp"

using namespace xlate;
using namespace xlate::iommu;
namespace bcm = xlate::iommu::bcm2712;

namespace {

constexpr std::uint64_t kAperture = std::uint64_t{40} << 30, kDirectory = 0x80001000, kTable = 0x80002000,
                        kIllegal = 0x80009000;
constexpr std::uint32_t kOn = 1 | 1U << 1 | 1U << 11 | 1U << 19 | 1U << 26;

struct World {
    explicit World(bool caches = true)
        : mmu([&] {
              bcm::Parameters parameters;
              parameters.tlb.enabled = parameters.directory.enabled = caches;
              parameters.shared_cache_bytes = 0x80;
              return parameters;
          }()),
          owner(mmu, memory) {
        owner.on_access = [this](const MemoryAccess&) { ++reads; };
        memory.store(kDirectory + 4 * 3, 1U << 28 | kTable >> 12, 4);
    }
    void write(std::uint32_t offset, std::uint32_t value, unsigned bank = 0) {
        owner.write_register(offset, 4, value, bank);
    }
    std::uint32_t read(std::uint32_t offset) { return static_cast<std::uint32_t>(owner.read_register(offset, 4)); }
    /// As Raspberry Pi's driver does: 2 GiB from 40 GiB up.
    void enable() {
        write(bcm::reg::CTRL, 0x8101000 | 1U << 3 | 1U << 2);
        write(bcm::reg::ADDR_CAP, 1U << 31 | 167);
        write(bcm::reg::BYPASS_START, 3U << 30 | 159);
        write(bcm::reg::BYPASS_END, 1U << 31 | 168);
        write(bcm::reg::PT_PA_BASE, static_cast<std::uint32_t>((kDirectory >> 12) - (kAperture >> 32)));
        write(bcm::reg::ILLEGAL_ADR, static_cast<std::uint32_t>(1U << 31 | kIllegal >> 12));
        write(bcm::reg::CTRL, kOn);
    }
    Step access(std::uint64_t address, bool is_write = false) {
        Request request;
        request.address = address;
        request.write = is_write;
        return owner.translate(request);
    }
    SparseMemory memory;
    bcm::Bcm2712 mmu;
    Untimed owner;
    unsigned reads = 0;
};

}  // namespace

TEST_CASE("bcm2712: a window is translated, what lies below it passes", "[iommu][bcm2712]") {
    World world;
    CHECK(world.read(bcm::reg::DEBUG_INFO) == 0x20804774);
    CHECK(world.access(kAperture + 0xC05678).result.pa.value == kAperture + 0xC05678);  // off
    world.enable();
    world.memory.store(kTable + 4 * 5, 0x1234567 | 3U << 28, 4);
    CHECK(world.access(kAperture + 0xC05678).result.pa.value == 0x1234567678);
    CHECK(world.reads == 2);
    CHECK(world.access(kAperture + 0xC05000, true).result.pa.value == 0x1234567000);
    CHECK(world.reads == 2);
    CHECK(world.access(0x81234567).result.pa.value == 0x81234567);
    CHECK(world.access(kAperture - 1).result.pa.value == kAperture - 1);
    CHECK(world.read(bcm::reg::HIT) == 1);
    CHECK(world.read(bcm::reg::MISS) == 1);
    // As the series of July 2026 has the limits: below the end, without a start.
    world.write(bcm::reg::BYPASS_START, 0);
    world.write(bcm::reg::BYPASS_END, 1U << 31 | 160);
    CHECK(world.access(kAperture - 1).result.pa.value == kAperture - 1);
    CHECK(world.access(kAperture + 0xC05678).result.pa.value == 0x1234567678);
}

TEST_CASE("bcm2712: what is refused leaves its cause, and ends in an error or in the illegal page",
          "[iommu][bcm2712]") {
    World world;
    world.enable();
    world.memory.store(kTable + 4 * 5, 0x80123 | 1U << 28, 4);
    CHECK(world.access(kAperture + 0xC05000).kind == StepKind::done);
    CHECK(world.access(kAperture + 0xC05000, true).result.fault == static_cast<unsigned>(bcm::Fault::write_violation));
    CHECK(world.read(bcm::reg::CTRL) == (kOn | 1U << 12));
    CHECK(world.access(kAperture + 0xC06000).result.fault == static_cast<unsigned>(bcm::Fault::pt_invalid));
    CHECK(world.access(kAperture + 0x1000000).kind == StepKind::fault);  // no table
    CHECK(world.access(kAperture + (std::uint64_t{2} << 30)).result.fault ==
          static_cast<unsigned>(bcm::Fault::cap_exceeded));
    CHECK(world.read(bcm::reg::CTRL) == (kOn | 1U << 12 | 1U << 20 | 1U << 27));
    world.write(bcm::reg::CTRL, kOn | 1U << 20);
    CHECK(world.read(bcm::reg::CTRL) == (kOn | 1U << 12 | 1U << 27));
    world.write(bcm::reg::CTRL, 1 | 1U << 12 | 1U << 27);  // no aborts
    CHECK(world.access(kAperture + 0xC06678).result.pa.value == kIllegal + 0x678);
    CHECK(world.read(bcm::reg::CTRL) == (1 | 1U << 20));
    world.write(bcm::reg::ILLEGAL_ADR, 0);
    CHECK(world.access(kAperture + 0xC06678).kind == StepKind::fault);
}

TEST_CASE("bcm2712: a shoot-down drops a line of four pages, a clear everything", "[iommu][bcm2712]") {
    World world;
    world.enable();
    for (unsigned i = 3; i < 9; ++i) {
        world.memory.store(kTable + 4 * i, (0x80100 + i) | 1U << 28, 4);
        world.access(kAperture + 0xC00000 + i * 0x1000);
        world.memory.store(kTable + 4 * i, (0x80200 + i) | 1U << 28, 4);
    }
    world.write(bcm::reg::SHOOT_DOWN, static_cast<std::uint32_t>(1U << 30 | (kAperture + 0xC05000) >> 12));
    CHECK((world.read(bcm::reg::SHOOT_DOWN) & 1U << 31) == 0);
    for (unsigned i = 3; i < 9; ++i) {
        CHECK(world.access(kAperture + 0xC00000 + i * 0x1000).result.pa.value ==
              (i >= 4 && i < 8 ? 0x80200000 : 0x80100000) + i * 0x1000);
    }
    world.write(bcm::reg::CTRL, kOn | 1U << 2);
    CHECK(world.read(bcm::reg::CTRL) == kOn);
    CHECK(world.access(kAperture + 0xC03000).result.pa.value == 0x80203000);
    world.write(bcm::shared_cache::CONTROL, 3, 1);
    CHECK(world.owner.read_register(bcm::shared_cache::CONTROL, 4, 1) == 1);
    CHECK(world.mmu.counter_values().back() == 1);
}

TEST_CASE("bcm2712: random tables of all sizes, with and without caches, against the layout's sentences",
          "[iommu][bcm2712]") {
#ifdef NDEBUG
    constexpr unsigned kAccesses = 500'000;  // of each, a million together
#else
    constexpr unsigned kAccesses = 20'000;
#endif
    for (const bool caches : {false, true}) {
        World world(caches);
        world.enable();
        Rng random(7, caches ? "bcm2712.caches" : "bcm2712.none");
        std::map<std::uint64_t, std::uint32_t> words;  // by page of the input, from the aperture on
        for (unsigned table = 0; table < 8; ++table) {
            world.memory.store(kDirectory + 4 * table, (table == 5 ? 0 : 1U << 28) | (0x80010 + table), 4);
            if (table == 5) continue;
            for (std::uint32_t page = 0; page < 1024;) {
                const unsigned size = static_cast<unsigned>(random.below(4));
                const std::uint32_t pages[] = {1, 16, 256, 1024};
                const std::uint32_t count = page % pages[size] == 0 ? pages[size] : 1;
                const std::uint32_t number = static_cast<std::uint32_t>(random.below(1U << 28)) & ~(count - 1);
                const bool valid = random.below(8) != 0, writable = random.below(2) != 0;
                for (std::uint32_t i = 0; i < count; ++i, ++page) {
                    const std::uint32_t word = (number + i) | (valid ? 1U << 28 : 0) | (writable ? 1U << 29 : 0) |
                                               (count == 1 ? 0 : size << 30);
                    words[table * 1024 + page] = word;
                    world.memory.store((0x80010 + table) * 0x1000ULL + 4 * page, word, 4);
                }
            }
        }
        for (unsigned i = 0; i < kAccesses; ++i) {
            const std::uint64_t offset = random.below(8 << 22);
            const bool write = random.below(2) != 0;
            const Step step = world.access(kAperture + offset, write);
            const auto found = words.find(offset >> 12);
            const std::uint32_t word = found == words.end() ? 0 : found->second;
            const bool allowed = (word >> 28 & 1) != 0 && (!write || (word >> 29 & 1) != 0);
            REQUIRE((step.kind == StepKind::done) == allowed);
            if (!allowed) continue;
            REQUIRE(step.result.pa.value == ((std::uint64_t{word & 0xFFFFFFF} << 12) | (offset & 0xFFF)));
        }
    }
}
