// Qualcomm's msm-iommu against docs/spec/iommu-hardware.md section 16.5 and the register logs of
// docs/spec/linux-findings.md 31a and 37: banks by number, windows, faults that stall, illegal programming.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/qcom/qcom.hpp"
#include "iommu/untimed.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::qcom;
namespace cb = xlate::iommu::smmuv2::cb;

namespace {

constexpr std::uint64_t kRoot = 0x83000000, kSecond = 0x83001000, kThird = 0x83002000;
constexpr std::uint64_t kIova = 0xC0201040, kPa = 0x45678040;
constexpr unsigned kLocal = 0, kBank1 = 1, kBank2 = 2, kBank9 = 3, kSecured = 4;

Parameters four_banks() {
    Parameters parameters;
    parameters.local_bytes = {0x4000};
    parameters.banks = {{1, false}, {2, false}, {9, false}, {5, true}};
    parameters.name = "test";
    return parameters;
}

struct World {
    explicit World(const Parameters& parameters = four_banks()) : mmu(parameters), owner(mmu, memory) {
        mmu.reset();
        owner.on_wire = [this](const WireSpec& wire) { wires.push_back(wire.index); };
        owner.on_resumed = [this](std::uint64_t, const Step& step) { resumed.push_back(step); };
    }
    void write(unsigned bank, std::uint32_t offset, std::uint64_t value, unsigned size = 4) {
        owner.write_register(offset, size, value, bank);
    }
    std::uint64_t read(unsigned bank, std::uint32_t offset, unsigned size = 4) {
        return owner.read_register(offset, size, bank);
    }
    /// As the log has it.
    void enable(unsigned bank, std::uint32_t asid, std::uint64_t root = kRoot) {
        write(bank, cb::SCTLR, 0);
        write(bank, cb::FAR, 0);
        write(bank, cb::FSR, 0xC00001FE);
        write(bank, cb::TTBR0, std::uint64_t{asid} << 48 | root, 8);
        write(bank, cb::TTBR1, 0, 8);
        write(bank, cb::TCR2, 0x38002);
        write(bank, cb::TCR, 0x80802020);
        write(bank, cb::MAIR0, 0xF404FF44);
        write(bank, cb::MAIR1, 0xFFFFFFFF);
        write(bank, cb::SCTLR, 0x10E7);
    }
    void map(std::uint64_t page = 0x45678000, std::uint64_t attributes = 0xF47) {
        memory.store(kRoot + 3 * 8, kSecond | 3);
        memory.store(kSecond + 8, kThird | 3);
        memory.store(kThird + 8, page | attributes);
    }
    Step translate(std::uint32_t id, std::uint64_t address, bool is_write = false) {
        Request request;
        request.sid = StreamId{id};
        request.address = address;
        request.write = is_write;
        request.id = next++;
        return owner.translate(request);
    }
    SparseMemory memory;
    QcomIommu mmu;
    Untimed owner;
    std::vector<unsigned> wires;
    std::vector<Step> resumed;
    std::uint64_t next = 1;
};

}  // namespace

TEST_CASE("msm-iommu: one that was never reset has its streams mapped, as firmware leaves them", "[iommu][qcom]") {
    SparseMemory memory;
    QcomIommu mmu(four_banks());
    Untimed owner(mmu, memory);
    owner.write_register(cb::TTBR0, 8, std::uint64_t{1} << 48 | kRoot, kBank1);
    owner.write_register(cb::TCR, 4, 0x80802020, kBank1);
    owner.write_register(cb::SCTLR, 4, 0x1067, kBank1);
    Request request;
    request.sid = StreamId{1};
    request.address = kIova;
    CHECK(owner.translate(request).kind == StepKind::fault);  // no tables: what passes would be done
}

TEST_CASE("msm-iommu: a master's id is its bank, and the bank's number its place or what firmware gives",
          "[iommu][qcom]") {
    CHECK(asid_of(0x1000, {}) == 1);
    CHECK(asid_of(0x3000, 9) == 9);
    World world;
    world.map();
    CHECK(world.translate(1, kIova).result.pa.value == kIova);  // off
    world.enable(kBank1, 1);
    CHECK(world.translate(1, kIova).result.pa.value == kPa);
    CHECK(world.translate(2, kIova).result.pa.value == kIova);
    world.enable(kBank9, 9);
    CHECK(world.translate(9, kIova).result.pa.value == kPa);
    // Banks that are not there, and one that the secure world has.
    CHECK(world.translate(3, kIova).result.pa.value == kIova);
    CHECK(world.translate(200, kIova).result.pa.value == kIova);
    world.enable(kSecured, 5);
    CHECK(world.read(kSecured, cb::SCTLR) == 0);
    CHECK(world.translate(5, kIova).result.pa.value == kIova);
}

TEST_CASE("msm-iommu: registers of each window are its own", "[iommu][qcom]") {
    World world;
    CHECK(world.mmu.register_banks() == 5);
    CHECK(world.mmu.register_bytes(kLocal) == 0x4000);
    CHECK(world.mmu.register_bytes(kBank1) == 0x1000);
    world.write(kLocal, SMMU_INTR_SEL_NS, 0xFFFFFFFF);
    CHECK(world.read(kLocal, SMMU_INTR_SEL_NS) == 0xFFFFFFFF);
    world.write(kLocal, 0, 0x12345678);
    CHECK(world.read(kLocal, 0) == 0);
    for (const unsigned bank : {kBank1, kBank2, kBank9}) {
        world.write(bank, cb::MAIR0, 0x11110000 + bank);
        world.write(bank, cb::TTBR0, 0x1000043669000 + (std::uint64_t{bank} << 16), 8);
        world.write(bank, cb::TCR, 0x80802020);
    }
    for (const unsigned bank : {kBank1, kBank2, kBank9}) {
        CHECK(world.read(bank, cb::MAIR0) == 0x11110000 + bank);
        CHECK(world.read(bank, cb::TTBR0, 8) == 0x1000043669000 + (std::uint64_t{bank} << 16));
        CHECK(world.read(bank, cb::TCR) == 0x80802020);
    }
    world.mmu.reset();
    CHECK(world.read(kBank1, cb::TCR) == 0);
    CHECK(world.read(kLocal, SMMU_INTR_SEL_NS) == 0);
    // No window of its own: the banks come first.
    Parameters bare = four_banks();
    bare.local_bytes.clear();
    World other(bare);
    other.write(0, cb::MAIR0, 0x77);
    CHECK(other.read(0, cb::MAIR0) == 0x77);
    CHECK(other.mmu.register_banks() == 4);
}

TEST_CASE("msm-iommu: a fault stalls its access until RESUME, and raises its bank's interrupt", "[iommu][qcom]") {
    World world;
    world.map();
    world.enable(kBank2, 2);
    const Step fault = world.translate(2, 0x40001000, true);
    CHECK(fault.kind == StepKind::stalled);
    REQUIRE(world.wires.size() == 1);
    CHECK(world.wires.front() == 1);                  // the second child's
    CHECK((world.read(kBank2, cb::FSR) & 0x2) != 0);  // TF
    CHECK(world.read(kBank2, cb::FAR, 8) == 0x40001000);
    CHECK((world.read(kBank2, cb::FSYNR0) & 0x10) != 0);  // a write
    world.write(kBank2, cb::FSR, world.read(kBank2, cb::FSR));
    world.write(kBank2, cb::RESUME, 1);
    REQUIRE(world.resumed.size() == 1);
    CHECK(world.resumed.front().kind == StepKind::fault);
    CHECK(world.read(kBank2, cb::FSR) == 0);
    CHECK(world.translate(2, kIova).result.pa.value == kPa);
}

TEST_CASE("msm-iommu: rights and the access flag are the tables'", "[iommu][qcom]") {
    World world;
    world.enable(kBank1, 1);
    world.map(0x45678000, 0xFC7);  // AP[2]: read only
    CHECK(world.translate(1, kIova).result.pa.value == kPa);
    CHECK(world.translate(1, kIova, true).kind == StepKind::stalled);
    CHECK((world.read(kBank1, cb::FSR) & 0x8) != 0);  // PF
    world.write(kBank1, cb::FSR, world.read(kBank1, cb::FSR));
    world.write(kBank1, cb::RESUME, 1);
    world.map(0x45678000, 0xB47);  // no access flag
    world.write(kBank1, cb::TLBIASID, 1);
    world.write(kBank1, cb::TLBSYNC, 0);
    CHECK(world.translate(1, kIova).kind == StepKind::stalled);
    CHECK((world.read(kBank1, cb::FSR) & 0x4) != 0);  // AFF
}

TEST_CASE("msm-iommu: translations stay until a TLBI of their bank names them", "[iommu][qcom]") {
    World world;
    world.map();
    world.enable(kBank1, 1);
    world.enable(kBank2, 2);
    CHECK(world.translate(1, kIova).result.pa.value == kPa);
    CHECK(world.translate(2, kIova).result.pa.value == kPa);
    world.map(0x55555000);
    world.write(kBank1, cb::TLBIVAL, 0xC0202000 | 1);  // the page behind
    CHECK(world.translate(1, kIova).result.pa.value == kPa);
    world.write(kBank1, cb::TLBIVAL, 0xC0201000 | 1);
    world.write(kBank1, cb::TLBSYNC, 0);
    CHECK(world.read(kBank1, cb::TLBSTATUS) == 0);
    CHECK(world.translate(1, kIova).result.pa.value == 0x55555040);
    CHECK(world.translate(2, kIova).result.pa.value == kPa);  // another ASID
    world.write(kBank2, cb::TLBIASID, 2);
    CHECK(world.translate(2, kIova).result.pa.value == 0x55555040);
}

TEST_CASE("msm-iommu: a million accesses go as a walker from the specification says", "[iommu][qcom]") {
    const bool caches = GENERATE(true, false);
    Parameters parameters = four_banks();
    parameters.tlb = {caches, 16, 4};
    parameters.level1 = parameters.level2 = {caches, 8, 4};
    World world(parameters);
    Rng rng{5, "qcom differential"};
    constexpr unsigned kTables = 12;
    const auto table_at = [](std::uint64_t i) { return 0x80000000 + i * 0x1000; };
    const auto change = [&] {
        std::uint64_t word = 0;
        if (rng.below(12) != 0) {
            word = rng.below(2) == 0 ? table_at(rng.below(kTables)) | 3 : rng.below(1U << 28) << 12 | 0xF45;
            if (rng.below(4) != 0) word |= 2;
            if (rng.below(6) == 0) word ^= std::uint64_t{1} << (6 + rng.below(2));
            if (rng.below(12) == 0) word &= ~std::uint64_t{0x400};
        }
        world.memory.store(table_at(rng.below(kTables)) + rng.below(8) * 8, word);
    };
    const unsigned banks[] = {kBank1, kBank9};
    const std::uint32_t ids[] = {1, 9};
    for (unsigned n = 0; n < 2; ++n) {
        world.enable(banks[n], ids[n], table_at(n));
        world.write(banks[n], cb::SCTLR, 0x1067);  // no stall
    }
    for (int i = 0; i < 200; ++i) change();
#ifdef NDEBUG
    constexpr int kAccesses = 500'000;
#else
    constexpr int kAccesses = 25'000;
#endif
    // FSR: 0 none, 2 TF, 4 AFF, 8 PF.
    const auto walk = [&](std::uint64_t table, std::uint64_t iova, bool write, std::uint64_t& pa) -> unsigned {
        bool no_user = false, no_write = false;
        for (unsigned level = 1;; ++level) {
            const unsigned shift = 12 + 9 * (3 - level);
            const std::uint64_t word = world.memory.load(table + (iova >> shift & (level == 1 ? 3 : 511)) * 8);
            if ((word & 1) == 0 || (level == 3 && (word & 2) == 0)) return 2;
            if (level < 3 && (word & 2) != 0) {
                no_user |= (word >> 61 & 1) != 0;
                no_write |= (word >> 62 & 1) != 0;
                table = word & 0xFFFFFFF000;
                continue;
            }
            if ((word & 0x400) == 0) return 4;
            if ((word & 0x40) == 0 || no_user || (write && ((word & 0x80) != 0 || no_write))) return 8;
            const std::uint64_t offset = (std::uint64_t{1} << shift) - 1;
            pa = (word & 0xFFFFFFF000 & ~offset) | (iova & offset);
            return 0;
        }
    };
    unsigned done = 0, faults = 0;
    for (int i = 0; i < kAccesses; ++i) {
        if (rng.below(16) == 0) {
            change();
            for (unsigned n = 0; n < 2; ++n) {
                world.write(banks[n], cb::TLBIASID, ids[n]);
                world.write(banks[n], cb::TLBSYNC, 0);
            }
        }
        const auto n = static_cast<unsigned>(rng.below(2));
        const std::uint64_t iova = rng.below(64) * 64 | rng.below(8) << 12 | rng.below(8) << 21 | rng.below(4) << 30;
        const bool write = rng.below(2) == 0;
        std::uint64_t pa = 0;
        const unsigned expected = walk(table_at(n), iova, write, pa);
        const Step step = world.translate(ids[n], iova, write);
        const auto fsr = static_cast<unsigned>(world.read(banks[n], cb::FSR)) & 0xFE;
        INFO("access " << i << " of " << std::hex << iova);
        if (fsr != expected || (step.kind == StepKind::done) != (expected == 0)) REQUIRE(fsr == expected);
        if (expected == 0 && step.result.pa.value != pa) REQUIRE(step.result.pa.value == pa);
        ++(expected == 0 ? done : faults);
        if (expected != 0) world.write(banks[n], cb::FSR, fsr);
    }
    CHECK(done > kAccesses / 20);
    CHECK(faults > kAccesses / 20);
}
