// The IPMMU against docs/spec/iommu-hardware.md section 16.4 and the register logs of docs/spec/linux-findings.md 33 to
// 37: registers of three generations, contexts, micro-TLBs, flushes, every fault, illegal programming by name.
#include "tests/iommu/ipmmu_bench.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::ipmmu;
using xlate::iommu::ipmmu::tests::Bench;
using xlate::iommu::ipmmu::tests::kLeaf;
using xlate::iommu::ipmmu::tests::kTable;

namespace {

constexpr std::uint64_t kRoot = 0x83000000, kSecond = 0x83001000, kThird = 0x83002000;

/// IOVA 0xC0201000 to 0x45678000, by three levels.
void map(Bench& bench, std::uint64_t leaf = kLeaf) {
    bench.word(kRoot, 3, kTable | kSecond);
    bench.word(kSecond, 1, kTable | kThird);
    bench.word(kThird, 1, leaf | 0x45678002);
}
constexpr std::uint64_t kIova = 0xC0201040, kPa = 0x45678040;

}  // namespace

TEST_CASE("ipmmu: registers are where each generation has them", "[iommu][ipmmu]") {
    const Shape gen2 = shape(Generation::gen2), gen3 = shape(Generation::gen3), gen4 = shape(Generation::gen4);
    // From the logs: Gen2 through the non-secure alias, Gen3 as is, Gen4 contexts far behind.
    CHECK(context_register(gen2, 0, reg::IMTTBCR) == 0x808);
    CHECK(utlb_register(gen2, 5, reg::IMUCTR) == 0xB50);
    CHECK(utlb_register(gen2, 5, reg::IMUASID) == 0xB58);
    CHECK(context_register(gen3, 1, reg::IMTTLBR0) == 0x50);
    CHECK(utlb_register(gen3, 0, reg::IMUASID) == 0x308);
    CHECK(utlb_register(gen3, 33, reg::IMUCTR) == 0x610);
    CHECK(context_register(gen4, 1, 0) == 0x11040);
    CHECK(context_register(gen4, 8, 0) == 0x18800);
    CHECK(utlb_register(gen4, 0, reg::IMUCTR) == 0x3300);
    CHECK(gen2.contexts == 1);
    CHECK(gen3.contexts == 8);
    CHECK(gen4.contexts == 16);
    CHECK(generation_of("renesas,ipmmu-vmsa") == Generation::gen2);
    CHECK(generation_of("renesas,ipmmu-r8a7795") == Generation::gen3);
    CHECK(generation_of("renesas,ipmmu-r8a779a0") == Generation::gen4);
    CHECK(generation_of("renesas,rcar-gen4-ipmmu-vmsa") == Generation::gen4);
}

TEST_CASE("ipmmu: every register holds what it is for, and no other offset does", "[iommu][ipmmu]") {
    const Generation generation = GENERATE(Generation::gen2, Generation::gen3, Generation::gen4);
    Bench bench(generation);
    const Shape& s = bench.shape;
    for (unsigned n = 0; n < s.contexts; ++n) {
        for (const std::uint32_t reg :
             {reg::IMTTBCR, reg::IMBUSCR, reg::IMTTLBR0, reg::IMTTLBR1, reg::IMMAIR0, reg::IMMAIR1}) {
            bench.context(n, reg, 0xA5000000 + n * 0x100 + reg);
        }
        bench.context(n, reg::IMTTUBR0, 0xFFFFFFFF);
        bench.context(n, reg::IMCTR, 0xFFFFFFFF);
    }
    for (unsigned n = 0; n < s.contexts; ++n) {
        for (const std::uint32_t reg :
             {reg::IMTTBCR, reg::IMBUSCR, reg::IMTTLBR0, reg::IMTTLBR1, reg::IMMAIR0, reg::IMMAIR1}) {
            CHECK(bench.context(n, reg) == 0xA5000000 + n * 0x100 + reg);
        }
        CHECK(bench.context(n, reg::IMTTUBR0) == 0xFF);  // 40 bits of address
        CHECK(bench.context(n, reg::IMCTR) == 5);        // FLUSH has cleared itself
        CHECK(bench.context(n, reg::IMSTR) == 0);
    }
    for (unsigned n = 0; n < s.utlbs; ++n) {
        bench.at_root.write_register(utlb_register(s, n, reg::IMUCTR), 4, 0xFFFFFFFF);
        CHECK(bench.at_root.read_register(utlb_register(s, n, reg::IMUCTR), 4) == 0xF1);
    }
    CHECK(bench.at_root.read_register(s.alias + s.base + 4, 4) == 0);
    CHECK(bench.at_root.read_register(context_register(s, 0, reg::IMTTBCR), 8) == 0);
    bench.root.reset();
    CHECK(bench.context(0, reg::IMTTBCR) == 0);
    CHECK_FALSE(bench.root.translates());
}

TEST_CASE("ipmmu: a root's tables translate what its cache's micro-TLBs take", "[iommu][ipmmu]") {
    const Generation generation = GENERATE(Generation::gen2, Generation::gen3, Generation::gen4);
    Bench bench(generation);
    map(bench);
    const unsigned context = generation == Generation::gen2 ? 0 : 1;
    // Off: the address as it was.
    CHECK(bench.translate(5, kIova).result.pa.value == kIova);
    bench.enable(context, kRoot, 5);
    const Step done = bench.translate(5, kIova, true);
    REQUIRE(done.kind == StepKind::done);
    CHECK(done.result.pa.value == kPa);
    CHECK(done.result.attributes.mair == 0xFF);  // index 1 of F404FF44
    CHECK(done.result.attributes.shareability == 3);
    CHECK(done.result.cacheable);
    // Another micro-TLB is off, and one that is not there has nothing to switch on.
    CHECK(bench.translate(6, kIova).result.pa.value == kIova);
    CHECK(bench.translate(bench.shape.utlbs, kIova).result.pa.value == kIova);
    // The context goes off.
    bench.imctr(context, 0);
    CHECK(bench.translate(5, kIova).result.pa.value == kIova);
}

TEST_CASE("ipmmu: blocks of levels 1 and 2 are leaves", "[iommu][ipmmu]") {
    Bench bench;
    bench.enable(1, kRoot, 0);
    bench.word(kRoot, 1, (kLeaf & ~2ULL) | 0x240000000);
    bench.word(kRoot, 2, kTable | kSecond);
    bench.word(kSecond, 7, (kLeaf & ~2ULL) | 0xFF00600000);
    const Step giga = bench.translate(0, 0x7FFFFFC0);
    CHECK(giga.result.pa.value == 0x27FFFFFC0);
    CHECK(giga.result.entry.log2_bytes == 30);
    const Step mega = bench.translate(0, 0x80E12340);
    CHECK(mega.result.pa.value == 0xFF00612340);
    CHECK(mega.result.entry.log2_bytes == 21);
}

TEST_CASE("ipmmu: what is not there or not allowed faults, by its cause", "[iommu][ipmmu]") {
    Bench bench;
    bench.enable(1, kRoot, 0);
    unsigned pulses = 0;
    bench.at_root.on_wire = [&](const WireSpec&) { ++pulses; };
    const auto status = [&] { return bench.context(1, reg::IMSTR); };
    const auto clear = [&] { bench.context(1, reg::IMSTR, 0); };

    SECTION("no table at any of three levels; a reserved word at the last") {
        CHECK(bench.fault(0, kIova) == "TF");
        CHECK(status() == 1);
        CHECK(bench.context(1, reg::IMELAR) == kIova);
        bench.word(kRoot, 3, kTable | kSecond);
        CHECK(bench.fault(0, kIova) == "TF");
        bench.word(kSecond, 1, kTable | kThird);
        CHECK(bench.fault(0, kIova) == "TF");
        bench.word(kThird, 1, 0x45678F65);  // type 1
        CHECK(bench.fault(0, kIova) == "TF");
    }
    SECTION("more than 32 bits of address") { CHECK(bench.fault(0, 0x100000000) == "TF"); }
    SECTION("rights, access flag, secure words") {
        map(bench, kLeaf | 0x80);  // AP[2]: read only
        CHECK(bench.fault(0, kIova) == "no fault");
        CHECK(bench.fault(0, kIova, true) == "PF");
        CHECK(status() == 2);
        map(bench, kLeaf & ~0x40ULL);  // AP[1]: privileged only
        bench.imctr(1, 7);
        CHECK(bench.fault(0, kIova) == "PF");
        CHECK(bench.translate(0, kIova, false, true).kind == StepKind::done);
        map(bench, kLeaf & ~0x400ULL);  // AF
        bench.imctr(1, 7);
        CHECK(bench.fault(0, kIova) == "PF");
        map(bench, kLeaf & ~0x20ULL);  // NS
        CHECK(bench.fault(0, kIova) == "PF");
        map(bench);
        bench.word(kSecond, 1, 3 | kThird);  // NSTable
        bench.imctr(1, 7);
        CHECK(bench.fault(0, kIova) == "PF");
    }
    SECTION("a table that memory refuses") {
        bench.memory.abort_from = kSecond;
        bench.memory.abort_to = kSecond + 0x1000;
        bench.word(kRoot, 3, kTable | kSecond);
        CHECK(bench.fault(0, kIova) == "ABORT");
        CHECK(status() == 4);
    }
    bench.at_root.settle();
    const unsigned before = pulses;
    clear();
    CHECK(status() == 0);
    CHECK(bench.context(1, reg::IMELAR) == 0);
    CHECK(pulses == before);
}

TEST_CASE("ipmmu: the first fault's address stays, its cause is gathered, zeroes clear both", "[iommu][ipmmu]") {
    Bench bench;
    bench.enable(1, kRoot, 0);
    map(bench, kLeaf | 0x80);
    unsigned pulses = 0;
    bench.at_root.on_wire = [&](const WireSpec&) { ++pulses; };
    CHECK(bench.fault(0, 0x1000) == "TF");
    CHECK(bench.fault(0, kIova, true) == "PF");
    bench.at_root.settle();
    CHECK(bench.context(1, reg::IMSTR) == 3);
    CHECK(bench.context(1, reg::IMELAR) == 0x1000);
    CHECK(pulses == 1);
    // As at an attach: written back as read, nothing changes.
    bench.context(1, reg::IMSTR, 3);
    CHECK(bench.context(1, reg::IMSTR) == 3);
    CHECK(bench.context(1, reg::IMELAR) == 0x1000);
    bench.context(1, reg::IMSTR, 0);
    CHECK(bench.context(1, reg::IMSTR) == 0);
    CHECK(bench.context(1, reg::IMELAR) == 0);
    // No INTEN: no interrupt.
    pulses = 0;
    bench.imctr(1, 1);
    CHECK(bench.fault(0, 0x2000) == "TF");
    bench.at_root.settle();
    CHECK(pulses == 0);
}

TEST_CASE("ipmmu: illegal programming is refused by name", "[iommu][ipmmu]") {
    Bench bench;
    map(bench);
    bench.enable(1, kRoot, 0);
    SECTION("short descriptors") {
        bench.context(1, reg::IMTTBCR, 0x80);
        CHECK(bench.fault(0, kIova) == "SHORT_DESCRIPTORS_NOT_MODELLED");
    }
    SECTION("a context that is not there") {
        bench.utlb(0, 8 << 4 | 1);
        CHECK(bench.fault(0, kIova) == "NO_CONTEXT");
    }
    SECTION("levels that cannot start a table") {
        bench.context(1, reg::IMTTBCR, 0x80000000);
        CHECK(bench.fault(0, kIova) == "TF");
        bench.context(1, reg::IMTTBCR, 0x800000C0);
        CHECK(bench.fault(0, kIova) == "TF");
    }
    SECTION("a cache without a root") {
        Ipmmu alone(Bench::parameters(Generation::gen3, {}, {}, "alone"));
        Untimed owner(alone, bench.memory);
        owner.write_register(context_register(bench.shape, 1, reg::IMCTR), 4, 7);
        owner.write_register(utlb_register(bench.shape, 0, reg::IMUCTR), 4, 0x13);
        Request request;
        request.sid = StreamId{0};
        CHECK(owner.translate(request).result.fault == static_cast<std::uint16_t>(Fault::no_root));
    }
    SECTION("ATS") {
        Request request;
        request.sid = StreamId{0};
        request.ats = AtsType::translation_request;
        CHECK(bench.at_leaf.translate(request).result.fault == static_cast<std::uint16_t>(Fault::unsupported));
    }
    CHECK(bench.context(1, reg::IMSTR) <= 1);  // none but TF is recorded
}

TEST_CASE("ipmmu: a table of level 2 as root, and a shorter input", "[iommu][ipmmu]") {
    Bench bench;
    bench.enable(1, kSecond, 0);
    // TSZ0 2: 30 bits of input; level 2 has 512 entries.
    bench.context(1, reg::IMTTBCR, 0x80000042);
    bench.word(kSecond, 1, kTable | kThird);
    bench.word(kThird, 1, kLeaf | 0x45678002);
    CHECK(bench.translate(0, 0x201040).result.pa.value == kPa);
    CHECK(bench.fault(0, 0x40201040) == "TF");
    // 32 bits from level 2 on: four tables behind each other.
    bench.context(1, reg::IMTTBCR, 0x80000040);
    bench.context(1, reg::IMTTLBR0, 0x83004000);
    bench.word(0x83004000, 3 * 512 + 1, kTable | kThird);
    bench.imctr(1, 7);
    CHECK(bench.translate(0, kIova).result.pa.value == kPa);
}

TEST_CASE("ipmmu: what is cached stays until it is flushed, and the flush must reach the root", "[iommu][ipmmu]") {
    Bench bench;
    map(bench);
    bench.enable(1, kRoot, 0);
    CHECK(bench.translate(0, kIova).result.pa.value == kPa);
    bench.word(kThird, 1, kLeaf | 0x55555002);
    CHECK(bench.translate(0, kIova).result.pa.value == kPa);
    // The cache's own FLUSH drops what ports keep; the TLB is the root's.
    const std::uint32_t epoch = bench.leaf.epoch();
    bench.at_leaf.write_register(context_register(bench.shape, 1, reg::IMCTR), 4, 7);
    CHECK(bench.leaf.epoch() != epoch);
    CHECK(bench.translate(0, kIova).result.pa.value == kPa);
    bench.context(1, reg::IMCTR, 7);
    CHECK(bench.translate(0, kIova).result.pa.value == 0x55555040);
    // Another context's flush is not this one's.
    bench.word(kThird, 1, kLeaf | 0x66666002);
    bench.context(2, reg::IMCTR, 7);
    CHECK(bench.translate(0, kIova).result.pa.value == 0x55555040);
    // Nor is that of a micro-TLB, which drops what the port keeps.
    bench.utlb(0, 0x13);
    CHECK(bench.translate(0, kIova).result.pa.value == 0x55555040);
    // An ASID of its own sees the tables anew.
    bench.utlb(0, 0x13, 7);
    CHECK(bench.translate(0, kIova).result.pa.value == 0x66666040);
}

TEST_CASE("ipmmu: FLUSH reads 1 until older translations are done, the root's until its caches' are too",
          "[iommu][ipmmu]") {
    Bench bench;
    bench.imctr(1, 1);
    const std::uint32_t at = context_register(bench.shape, 1, reg::IMCTR);
    bench.leaf.write_register(at, 4, 3, 0);
    bench.root.write_register(at, 4, 3, 0);
    CHECK(bench.leaf.read_register(at, 4) == 3);
    CHECK(bench.root.read_register(at, 4) == 3);
    REQUIRE(bench.root.machine_pending(0));
    CHECK(bench.root.step_machine(0, {}).kind == StepKind::sync);
    CHECK(bench.root.step_machine(0, {}).kind == StepKind::idle);
    CHECK_FALSE(bench.root.machine_pending(0));
    CHECK(bench.root.read_register(at, 4) == 3);  // the cache is at it still
    CHECK(bench.leaf.step_machine(0, {}).kind == StepKind::sync);
    // One more while the drain is under way: it is waited for again.
    bench.leaf.write_register(at, 4, 3, 0);
    CHECK(bench.leaf.step_machine(0, {}).kind == StepKind::sync);
    CHECK(bench.leaf.step_machine(0, {}).kind == StepKind::idle);
    CHECK(bench.leaf.read_register(at, 4) == 1);
    CHECK(bench.root.read_register(at, 4) == 1);
}

TEST_CASE("ipmmu: two caches before one root have contexts of their own", "[iommu][ipmmu]") {
    Bench bench;
    Ipmmu second(Bench::parameters(Generation::gen3, {}, {}, "second"));
    second.reset();
    second.connect(bench.root);
    Untimed at_second(second, bench.memory);
    map(bench);
    bench.enable(1, kRoot, 0);
    bench.word(0x84000000, 3, (kLeaf & ~2ULL) | 0x100000000);
    bench.context(2, reg::IMTTLBR0, 0x84000000);
    bench.context(2, reg::IMTTBCR, 0x80000080);
    at_second.write_register(context_register(bench.shape, 2, reg::IMCTR), 4, 7);
    bench.context(2, reg::IMCTR, 7);
    at_second.write_register(utlb_register(bench.shape, 0, reg::IMUCTR), 4, 0x23);
    Request request;
    request.sid = StreamId{0};
    request.address = kIova;
    CHECK(at_second.translate(request).result.pa.value == 0x100201040);
    CHECK(bench.translate(0, kIova).result.pa.value == kPa);
    // A fault of either is the root's to tell.
    request.address = 0x40000000;
    CHECK(at_second.translate(request).kind == StepKind::fault);
    CHECK(bench.context(2, reg::IMSTR) == 1);
    CHECK(bench.context(1, reg::IMSTR) == 0);
}
