// Qualcomm's first IOMMU: registers as iommu/qcom/layout_msm.hpp has them, short descriptors as Arm DDI 0406C B3.5.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "iommu/qcom/msm.hpp"
#include "iommu/untimed.hpp"
#include "tests/iommu/vmsa_flat_walker.hpp"

using namespace xlate;
using namespace xlate::iommu;
namespace msm = xlate::iommu::msm;
namespace cb = xlate::iommu::msm::cb;
namespace global = xlate::iommu::msm::global;

namespace {

constexpr std::uint32_t kRoot = 0x83000000, kTable = 0x83004000;

struct World {
    explicit World(bool caches = true)
        : mmu([caches] {
              msm::Parameters parameters;
              parameters.banks = 3;
              if (!caches) parameters.tlb.enabled = parameters.level1.enabled = false;
              return parameters;
          }()),
          owner(mmu, memory) {
        owner.on_wire = [this](const WireSpec& wire) { wires.push_back(wire.index); };
        owner.on_resumed = [this](std::uint64_t, const Step& step) { resumed.push_back(step.kind); };
    }
    void write(std::uint32_t offset, std::uint32_t value) { owner.write_register(offset, 4, value); }
    std::uint32_t read(std::uint32_t offset) { return static_cast<std::uint32_t>(owner.read_register(offset, 4)); }
    /// One page at 0xC0201000, by a table; one section at 0xD0000000.
    void map() {
        memory.store(kRoot + 4 * 0xC02, kTable | 1, 4);
        memory.store(kTable + 4 * 1, 0x45678000 | 0x32, 4);      // small page, AP[1:0] 3
        memory.store(kRoot + 4 * 0xD00, 0x56700000 | 0xC02, 4);  // section, AP[1:0] 3
    }
    void enable(unsigned bank, bool stalls) {
        const std::uint32_t at = bank * msm::kBankBytes;
        write(at + cb::TTBCR, 0);
        write(at + cb::TTBR0, kRoot);
        write(at + cb::CONTEXTIDR, bank);
        write(at + cb::ACTLR, 1U << 1 | (stalls ? 1U << 14 : 1U << 0));
        write(at + cb::SCTLR, 1);
    }
    Step access(std::uint32_t mid, std::uint64_t address, bool is_write = false) {
        Request request;
        request.sid = StreamId{mid};
        request.address = address;
        request.write = is_write;
        request.id = ++last;
        return owner.translate(request);
    }
    SparseMemory memory;
    msm::MsmIommu mmu;
    Untimed owner;
    std::vector<unsigned> wires;
    std::vector<StepKind> resumed;
    std::uint64_t last = 0;
};

}  // namespace

TEST_CASE("msm: M2VCBR leads an id to its bank, and a bank that is off passes", "[iommu][msm]") {
    World world;
    world.map();
    CHECK(world.access(5, 0xC0201040).result.pa.value == 0xC0201040);
    world.write(global::M2VCBR(5), 2U << 8);
    world.enable(2, false);
    CHECK(world.access(5, 0xC0201040).result.pa.value == 0x45678040);
    CHECK(world.access(5, 0xD0012340, true).result.pa.value == 0x56712340);
    CHECK(world.access(6, 0xC0201040).result.pa.value == 0xC0201040);  // bank 0, which is off
    world.write(global::M2VCBR(5), 9U << 8);                           // no such bank
    CHECK(world.access(5, 0xC0201040).result.pa.value == 0xC0201040);
    world.write(global::M2VCBR(5), 2U << 8);
    world.write(global::CR, 1U << 4);
    CHECK(world.access(5, 0xC0201040).result.pa.value == 0xC0201040);
    CHECK(world.read(global::M2VCBR(5)) == 2U << 8);
    CHECK((world.read(global::IDR) >> 16 & 0xFF) == 2);
}

TEST_CASE("msm: a fault is latched, and says who it was of", "[iommu][msm]") {
    World world;
    world.map();
    world.write(global::M2VCBR(5), 1U << 8);
    world.enable(1, false);
    CHECK(world.access(5, 0xC0202040, true).kind == StepKind::fault);
    CHECK(world.wires == std::vector<unsigned>{0});
    const std::uint32_t at = msm::kBankBytes;
    CHECK((world.read(at + cb::FSR) & 0xFE) == 2);
    CHECK(world.read(at + cb::FAR) == 0xC0202040);
    CHECK(world.read(at + cb::FSYNR0) == 5);
    CHECK(world.read(at + cb::FSYNR1) == 1U << 8);
    world.write(at + cb::FSR, msm::fsr::kTaken);
    CHECK(world.read(at + cb::FSR) == 0);
    world.memory.abort_from = kTable;
    world.memory.abort_to = kTable + 0x400;
    CHECK(world.access(5, 0xC0202040).kind == StepKind::fault);
    CHECK((world.read(at + cb::FSR) & 0xFE) == 1U << 6);  // external abort of a walk
}

TEST_CASE("msm: an access that waits ends when FSR.SS is cleared, or goes on by RESUME", "[iommu][msm]") {
    const bool retry = GENERATE(true, false);
    World world;
    world.map();
    world.write(global::M2VCBR(5), 1U << 8);
    world.enable(1, true);
    CHECK(world.access(5, 0xC0202040).kind == StepKind::stalled);
    const std::uint32_t at = msm::kBankBytes;
    CHECK((world.read(at + cb::FSR) >> 30 & 1) == 1);
    if (retry) {
        world.memory.store(kTable + 4 * 2, 0x77777000 | 0x32, 4);
        world.write(at + cb::FSR, 0xF);
        world.write(at + cb::RESUME, 0);
    } else {
        world.write(at + cb::FSR, msm::fsr::kTaken);
    }
    REQUIRE(world.resumed.size() == 1);
    CHECK(world.resumed.front() == (retry ? StepKind::done : StepKind::fault));
}

TEST_CASE("msm: a look-up's PAR is an address or a cause", "[iommu][msm]") {
    World world;
    world.map();
    world.enable(0, false);
    world.write(cb::V2PPR, 0xC0201000);
    CHECK(msm::par::page(world.read(cb::PAR)) == 0x45678000);
    CHECK_FALSE(msm::par::FAULT.test(world.read(cb::PAR)));
    world.write(cb::V2PPR, 0xC0202000);
    CHECK(msm::par::FAULT.test(world.read(cb::PAR)));
    CHECK((world.read(cb::PAR) >> 1 & 1) == 1);
    CHECK(world.wires.empty());
}

TEST_CASE("msm: TLB entries stay until a TLBI names them", "[iommu][msm]") {
    World world;
    world.map();
    world.write(global::M2VCBR(5), 1U << 8);
    world.enable(1, false);
    const std::uint32_t at = msm::kBankBytes;
    CHECK(world.access(5, 0xC0201040).result.pa.value == 0x45678040);
    world.memory.store(kTable + 4 * 1, 0x99999000 | 0x832, 4);
    CHECK(world.access(5, 0xC0201040).result.pa.value == 0x45678040);
    world.write(at + cb::TLBIVA, 0xC0200000 | 1);  // another page
    CHECK(world.access(5, 0xC0201040).result.pa.value == 0x45678040);
    world.write(at + cb::TLBIALL, 0);
    CHECK(world.access(5, 0xC0201040).result.pa.value == 0x99999040);
    world.memory.store(kTable + 4 * 1, 0x11111000 | 0x832, 4);
    world.write(at + cb::TLBIVA, 0xC0201000 | 1);
    CHECK(world.access(5, 0xC0201040).result.pa.value == 0x11111040);
    world.memory.store(kTable + 4 * 1, 0x22222000 | 0x832, 4);
    world.write(global::TLBIALL, 0);
    CHECK(world.access(5, 0xC0201040).result.pa.value == 0x22222040);
}

TEST_CASE("msm: a million accesses go as a walker from the architecture says", "[iommu][msm][differential]") {
    const bool caches = GENERATE(true, false);
#ifdef NDEBUG
    constexpr int kAccesses = 500'000;
#else
    constexpr int kAccesses = 20'000;
#endif
    World world(caches);
    Rng rng{5, caches ? "msm.caches" : "msm.none"};
    const auto root_at = [](unsigned bank) { return kRoot + bank * 0x4000; };
    constexpr std::uint32_t kTables = 0x83100000;
    // Inputs: four sections of each of four quarters, four pages of each of four groups of 16 of a section.
    const auto section_of = [](unsigned i) { return (i / 4) << 10 | i % 4; };
    const auto page_of = [](unsigned i) { return (i / 4) << 4 | i % 4; };
    // nG, or TLBIASID would leave them.
    const auto word = [&](std::uint32_t page_bits) {
        return static_cast<std::uint32_t>(rng.below(1U << 20) << 12) | page_bits | 1U << 11 |
               static_cast<std::uint32_t>(rng.below(4)) << 4;  // AP[1:0] of a page
    };
    // What stands 16 times is written 16 times: nothing else is legal.
    const auto change = [&] {
        const auto i = static_cast<unsigned>(rng.below(16));
        if (rng.below(2) == 0) {
            const std::uint32_t table = kTables + static_cast<std::uint32_t>(rng.below(8)) * 0x400;
            const std::uint32_t group = (page_of(i) & ~15U) * 4;
            const bool large = rng.below(4) == 0;
            const std::uint32_t one = (word(1) & ~0xF000U);
            for (std::uint32_t at = 0; at < 16; ++at)
                world.memory.store(table + group + 4 * at, large ? one : rng.below(8) == 0 ? 0 : word(2), 4);
        } else {
            const std::uint32_t root = root_at(1 + static_cast<unsigned>(rng.below(2)));
            std::uint32_t first = 0;
            const std::uint64_t kind = rng.below(8);
            if (kind < 4) first = (kTables + static_cast<std::uint32_t>(rng.below(8)) * 0x400) | 1;
            if (kind >= 4 && kind < 7)
                first = static_cast<std::uint32_t>(rng.below(1U << 12) << 20 | rng.below(4) << 10 | 1U << 17 | 2);
            world.memory.store(root + 4 * section_of(i), first, 4);
        }
    };
    for (const unsigned bank : {1U, 2U}) {
        world.write(global::M2VCBR(4 + bank), bank << 8);
        world.enable(bank, false);
        world.write(bank * msm::kBankBytes + cb::TTBR0, root_at(bank));
    }
    for (int i = 0; i < 200; ++i) change();
    tests::vmsa::Machine machine;
    machine.read = [&](std::uint64_t at, unsigned bytes) { return world.memory.load(at, bytes); };
    machine.ias_bits = machine.oas_bits = 32;
    int done = 0;
    for (int i = 0; i < kAccesses; ++i) {
        if (rng.below(16) == 0) {
            change();
            if (rng.below(2) == 0) {
                world.write(global::TLBIALL, 0);
            } else {
                for (const unsigned bank : {1U, 2U}) world.write(bank * msm::kBankBytes + cb::TLBIASID, bank);
            }
        }
        const auto bank = 1 + static_cast<unsigned>(rng.below(2));
        tests::vmsa::Access access;
        access.va = std::uint64_t{section_of(static_cast<unsigned>(rng.below(16)))} << 20 |
                    std::uint64_t{page_of(static_cast<unsigned>(rng.below(16)))} << 12 | rng.below(64) * 64;
        access.write = rng.below(2) == 0;
        tests::vmsa::BankWords words;
        words.sctlr = 1;
        words.ttbr0 = root_at(bank);
        const tests::vmsa::Outcome expected = tests::vmsa::translate(machine, &words, nullptr, access);
        const Step step = world.access(4 + bank, access.va, access.write);
        INFO("access " << i << " of " << std::hex << access.va << " code " << expected.code);
        if ((step.kind == StepKind::done) != expected.ok) REQUIRE(expected.ok == (step.kind == StepKind::done));
        if (expected.ok && step.result.pa.value != expected.pa) REQUIRE(step.result.pa.value == expected.pa);
        done += expected.ok ? 1 : 0;
        if (expected.ok) continue;
        const std::uint32_t at = bank * msm::kBankBytes;
        if (world.read(at + cb::FSR) != 1U << expected.code) REQUIRE(world.read(at + cb::FSR) == 1U << expected.code);
        world.write(at + cb::FSR, ~0U);
    }
    CHECK(done > kAccesses / 20);
    CHECK(kAccesses - done > kAccesses / 20);
}
