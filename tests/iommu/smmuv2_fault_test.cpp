// Context faults: every code, their registers, stall and RESUME, HUPCF, interrupts.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv2_bench.hpp"

using namespace xlate;
using namespace xlate::tests::v2;

namespace {

constexpr std::uint32_t kTerminate = 0x1067, kStall = 0x10E7, kHupcf = 0x100;

/// Stream 0x10 to bank 1, one page at 0x5000.
struct Ready : Bench {
    explicit Ready(std::uint32_t sctlr = kTerminate) : Bench() {
        enable();
        stage1(1, kRoot, sctlr);
        stream(0, 0x10, 0xF, 1);
        page = map(kRoot, 0x5000, 0x456789000 | kPage);
    }
    std::uint64_t page = 0;
};

}  // namespace

TEST_CASE("smmuv2 faults: a translation fault of section 17", "[iommu][smmuv2]") {
    Ready bench;
    const Step& step = bench.step(Bench::write_of(0x6123, StreamId{0x1A}));
    CHECK(step.kind == StepKind::fault);
    CHECK(step.result.response == Response::abort);
    CHECK(step.result.recorded);
    CHECK(bench.fsr(1) == 0x402);
    CHECK(bench.read_bank(1, cb::FSYNR0) == 0x13);
    CHECK(bench.read_bank(1, cb::FAR, 8) == 0x6123);
    CHECK(bench.read(bench.gr1(gr1::CBFRSYNRA(1))) == 0x1A);
    CHECK(bench.wires == std::vector<unsigned>{1 + 1});
    CHECK(std::string(name(FaultCode::TF)) == "TF");
    // Writing back what was read clears it.
    bench.write_bank(1, cb::FSR, 0x402);
    CHECK(bench.fsr(1) == 0);
}

TEST_CASE("smmuv2 faults: each code of a walk", "[iommu][smmuv2]") {
    struct Row {
        const char* what;
        std::uint64_t descriptor;
        std::uint32_t fsr;
    };
    const Row rows[] = {{"invalid", 0, 0x402},
                        {"no access flag", 0x456789000 | (kPage & ~0x400ULL), 0x404},
                        {"read only", 0x456789000 | kPage | 0x80, 0x408},
                        {"output beyond PASize", 0x456789000 | kPage, 0x480}};
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Ready bench;
        if (row.fsr == 0x480) bench.write_bank(1, cb::TCR2, 0x00038010);  // 32 bits
        bench.memory.store(bench.page, row.descriptor);
        const Step& step = bench.step(Bench::write_of(0x5000));
        CHECK(step.kind == StepKind::fault);
        CHECK(bench.fsr(1) == row.fsr);
        CHECK(bench.read_bank(1, cb::FSYNR0) == 0x13);
    }
    Ready bench;
    bench.memory.abort_from = bench.page;
    bench.memory.abort_to = bench.page + 8;
    bench.step(Bench::read_of(0x5000));
    CHECK(bench.fsr(1) == 0x410);                    // EF
    CHECK(bench.read_bank(1, cb::FSYNR0) == 0x403);  // PTWF, level 3
}

TEST_CASE("smmuv2 faults: the level is that of the descriptor", "[iommu][smmuv2]") {
    for (unsigned level = 0; level < 4; ++level) {
        CAPTURE(level);
        Ready bench;
        const std::uint64_t va = 0x5000 | (level == 0   ? 1ULL << 39
                                           : level == 1 ? 1ULL << 30
                                           : level == 2 ? 1ULL << 21
                                                        : 0);
        bench.step(Bench::read_of(level == 3 ? 0x6000 : va));
        CHECK(bench.read_bank(1, cb::FSYNR0) == level);
    }
}

TEST_CASE("smmuv2 faults: privileged and instruction accesses are told apart", "[iommu][smmuv2]") {
    Ready bench;
    Request request = Bench::read_of(0x5000);
    request.instruction = true;
    request.privileged = true;
    bench.step(request);
    CHECK(bench.fsr(1) == 0x408);
    CHECK(bench.read_bank(1, cb::FSYNR0) == 0x63);
}

TEST_CASE("smmuv2 faults: an unsupported transaction", "[iommu][smmuv2]") {
    Ready bench;
    Request request = Bench::read_of(0x5000);
    request.unsupported = true;
    CHECK(bench.step(request).kind == StepKind::fault);
    CHECK(bench.fsr(1) == 0x500);
    bench.write_bank(1, cb::FSR, 0x500);
    request.unsupported = false;
    request.ats = AtsType::translation_request;
    bench.step(request);
    CHECK(bench.fsr(1) == 0x500);
    bench.stream(0, 0x10, 0xF, 0x10000);
    bench.step(request);
    CHECK(bench.read(gr0::sGFSR) == 0x100);
    CHECK(gfsynr0::ATS.test(bench.read(gr0::sGFSYNR0)));
    // Before the SMMU is on there is no record.
    bench.write(gr0::sGFSR, 0x100);
    bench.write(gr0::sCR0, 1);
    CHECK(bench.step(request).kind == StepKind::fault);
    CHECK(bench.read(gr0::sGFSR) == 0);
}

TEST_CASE("smmuv2 faults: FSRRESTORE sets any of them, and each bit clears alone", "[iommu][smmuv2]") {
    Ready bench;
    for (unsigned bit = 1; bit <= 8; ++bit) {
        CAPTURE(bit);
        bench.wires.clear();
        bench.write_bank(1, cb::FSRRESTORE, 1U << bit | 0x80000000U | 0x400);
        CHECK(bench.fsr(1) == (1U << bit | 0x80000400U));
        CHECK(bench.wires == std::vector<unsigned>{2});
        bench.write_bank(1, cb::FSR, 0x80000000);
        CHECK(bench.fsr(1) == (1U << bit | 0x400U));
        CHECK(bench.wires.size() == 2);  // the line is still high
        bench.write_bank(1, cb::FSR, 1U << bit);
        CHECK(bench.fsr(1) == 0);
        CHECK(bench.wires.size() == 2);
    }
    bench.write(gr0::sGFSRRESTORE, 0x800001FF);
    CHECK(bench.read(gr0::sGFSR) == 0x800001FF);
}

TEST_CASE("smmuv2 faults: a second one sets MULTI and leaves the first one's registers", "[iommu][smmuv2]") {
    Ready bench(kTerminate | kHupcf);
    bench.step(Bench::write_of(0x6000, StreamId{0x1A}));
    bench.step(Bench::read_of(0x7000, StreamId{0x1B}));
    CHECK(bench.fsr(1) == 0x80000402);
    CHECK(bench.read_bank(1, cb::FAR, 8) == 0x6000);
    CHECK(bench.read_bank(1, cb::FSYNR0) == 0x13);
    CHECK(bench.read(bench.gr1(gr1::CBFRSYNRA(1))) == 0x1A);
    CHECK(bench.wires.size() == 1);
    bench.write_bank(1, cb::FSR, 0xC00001FE);
    CHECK(bench.fsr(1) == 0);
}

TEST_CASE("smmuv2 faults: CFRE and CFIE", "[iommu][smmuv2]") {
    Ready bench(0x1007);
    CHECK(bench.step(Bench::read_of(0x6000)).result.response == Response::read_zero_write_ignored);
    CHECK(bench.fsr(1) == 0x402);
    CHECK(bench.wires.empty());
    bench.write_bank(1, cb::SCTLR, kTerminate);
    CHECK(bench.wires == std::vector<unsigned>{2});
}

TEST_CASE("smmuv2 faults: behind one that is outstanding nothing of its context goes on, but with HUPCF",
          "[iommu][smmuv2]") {
    for (const bool hupcf : {false, true}) {
        CAPTURE(hupcf);
        Ready bench(kTerminate | (hupcf ? kHupcf : 0U));
        CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
        bench.step(Bench::read_of(0x6000));
        const Step& step = bench.step(Bench::read_of(0x5000));
        CHECK(step.kind == (hupcf ? StepKind::done : StepKind::fault));
        if (!hupcf) CHECK(step.result.fault == static_cast<std::uint16_t>(FaultCode::held));
        if (!hupcf) CHECK_FALSE(step.result.recorded);
        CHECK(bench.fsr(1) == 0x402);  // it is no fault by itself
        // Another context is not concerned.
        bench.stage1(2, Bench::kRoot, kTerminate, 0x13);
        bench.stream(1, 0x40, 0, 2);
        CHECK(bench.step(Bench::read_of(0x5000, StreamId{0x40})).kind == StepKind::done);
        bench.write_bank(1, cb::FSR, 0x402);
        CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
    }
}

TEST_CASE("smmuv2 faults: ports forget a context whose fault is outstanding", "[iommu][smmuv2]") {
    struct Port : InvalidationSink {
        Tlb tlb{{{true, 8, 0, Replacement::lru}, TlbTagging::stream, 0}, 1, "port"};
        void invalidate(const Invalidation& invalidation) override { tlb.invalidate(invalidation); }
    } port;
    for (const bool hupcf : {false, true}) {
        Ready bench(kTerminate | (hupcf ? kHupcf : 0U));
        bench.smmu.add_sink(port);
        const Step& step = bench.step(Bench::read_of(0x5000));
        REQUIRE(step.result.cacheable);
        port.tlb.fill(step.result.entry);
        bench.step(Bench::read_of(0x6000));
        CHECK((port.tlb.peek(0x10, 0x5000) != nullptr) == hupcf);
        port.tlb.clear();
    }
}

TEST_CASE("smmuv2 stalls: retry after software has mended the table", "[iommu][smmuv2]") {
    Ready bench(kStall);
    Translation slot;
    Request request = Bench::write_of(0x6000);
    request.id = 77;
    CHECK(bench.step(slot, request).kind == StepKind::stalled);
    CHECK(bench.fsr(1) == 0x40000402);
    CHECK(bench.wires == std::vector<unsigned>{2});
    CHECK_FALSE(bench.smmu.take_resumed());
    CHECK(bench.go_on(slot).kind == StepKind::stalled);
    bench.map(Bench::kRoot, 0x6000, 0x456789000 | kPage);
    bench.write_bank(1, cb::FSR, 0x40000402);
    CHECK(bench.fsr(1) == 0x40000000);  // SS goes by RESUME alone
    bench.write_bank(1, cb::RESUME, 0);
    CHECK(bench.fsr(1) == 0);
    CHECK(bench.smmu.take_resumed() == 77);
    const Step& step = bench.go_on(slot);
    CHECK(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x456789000);
    CHECK_FALSE(bench.smmu.take_resumed());
    CHECK(bench.smmu.stalls.held() == 0);
    CHECK(bench.smmu.counters.translations == 1);
    CHECK(bench.smmu.counters.faults == 0);
}

TEST_CASE("smmuv2 stalls: terminate, and a retry that faults again", "[iommu][smmuv2]") {
    Ready bench(kStall);
    Translation slot;
    bench.step(slot, Bench::write_of(0x6000));
    bench.write_bank(1, cb::FSR, 0x402);
    bench.write_bank(1, cb::RESUME, 0);
    bench.smmu.take_resumed();
    bench.wires.clear();
    CHECK(bench.go_on(slot).kind == StepKind::stalled);
    CHECK(bench.fsr(1) == 0x40000402);
    CHECK(bench.wires == std::vector<unsigned>{2});
    bench.write_bank(1, cb::FSR, 0x402);
    bench.write_bank(1, cb::RESUME, 1);
    CHECK(bench.smmu.take_resumed());
    const Step& step = bench.go_on(slot);
    CHECK(step.kind == StepKind::fault);
    CHECK(step.result.response == Response::abort);
    CHECK(bench.smmu.counters.faults == 1);
    // RESUME without a stalled access is nothing.
    bench.write_bank(1, cb::RESUME, 1);
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
}

TEST_CASE("smmuv2 stalls: one access has the registers, others of its context wait", "[iommu][smmuv2]") {
    Ready bench(kStall);
    Translation first;
    Translation second;
    Translation third;
    Request request = Bench::write_of(0x6000);
    request.id = 1;
    bench.step(first, request);
    request.address = 0x7000;
    request.id = 2;
    CHECK(bench.step(second, request).kind == StepKind::stalled);
    request.address = 0x5000;  // this one would go through
    request.id = 3;
    CHECK(bench.step(third, request).kind == StepKind::stalled);
    CHECK(bench.fsr(1) == 0x40000402);
    CHECK(bench.read_bank(1, cb::FAR, 8) == 0x6000);
    bench.write_bank(1, cb::RESUME, 1);
    CHECK(bench.smmu.take_resumed() == 1);
    CHECK_FALSE(bench.smmu.take_resumed());  // the fault is not cleared yet
    CHECK(bench.go_on(first).kind == StepKind::fault);
    bench.write_bank(1, cb::FSR, 0x402);
    CHECK(bench.smmu.take_resumed() == 2);
    CHECK(bench.smmu.take_resumed() == 3);
    CHECK(bench.go_on(second).kind == StepKind::stalled);  // its own fault now
    CHECK(bench.read_bank(1, cb::FAR, 8) == 0x7000);
    CHECK(bench.go_on(third).kind == StepKind::stalled);
    bench.write_bank(1, cb::FSR, 0x402);
    bench.write_bank(1, cb::RESUME, 1);
    CHECK(bench.smmu.take_resumed() == 2);
    CHECK(bench.smmu.take_resumed() == 3);
    CHECK(bench.go_on(second).kind == StepKind::fault);
    CHECK(bench.go_on(third).kind == StepKind::done);
    CHECK(bench.smmu.stalls.held() == 0);
}

TEST_CASE("smmuv2 stalls: with HUPCF hits go on, and what faults waits", "[iommu][smmuv2]") {
    Ready bench(kStall | kHupcf);
    Translation first;
    Translation second;
    bench.step(first, Bench::write_of(0x6000));
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
    CHECK(bench.step(second, Bench::write_of(0x7000)).kind == StepKind::stalled);
    CHECK(bench.fsr(1) == 0x40000402);  // no MULTI: it has no record yet
}

TEST_CASE("smmuv2 stalls: an external abort and STALLD do not stall", "[iommu][smmuv2]") {
    Ready bench(kStall);
    bench.memory.abort_from = bench.page;
    bench.memory.abort_to = bench.page + 8;
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::fault);
    CHECK(bench.fsr(1) == 0x410);
    Ready other(kStall);
    other.enable(1U << 8);
    CHECK(other.step(Bench::read_of(0x6000)).kind == StepKind::fault);
}

TEST_CASE("smmuv2 stalls: reset terminates", "[iommu][smmuv2]") {
    Ready bench(kStall);
    Translation slot;
    Request request = Bench::write_of(0x6000);
    request.id = 9;
    bench.step(slot, request);
    bench.smmu.reset();
    CHECK(bench.smmu.take_resumed() == 9);
    CHECK(bench.go_on(slot).kind == StepKind::fault);
    CHECK(bench.fsr(1) == 0);
}

TEST_CASE("smmuv2 faults: debug accesses leave no trace", "[iommu][smmuv2]") {
    Ready bench(kStall);
    Request request = Bench::write_of(0x6000);
    request.debug = true;
    CHECK(bench.step(request).kind == StepKind::fault);
    CHECK(bench.fsr(1) == 0);
    request.sid = StreamId{0x55};
    CHECK(bench.step(request).kind == StepKind::fault);
    CHECK(bench.read(gr0::sGFSR) == 0);
    CHECK(bench.wires.empty());
    CHECK(bench.smmu.counters.translations == 0);
}

TEST_CASE("smmuv2 faults: stage 2 of a nested context has them in its own bank", "[iommu][smmuv2]") {
    Bench bench;
    bench.enable();
    constexpr std::uint64_t kRoot2 = 0x90000000;
    bench.stage2(5, kRoot2);
    bench.stage1(1, 0x40000000);
    bench.write(bench.gr1(gr1::CBAR(1)), 0x00030500);
    bench.stream(0, 0x10, 0, 1);
    // Stage 1's table at IPA 0x40000000 is one page of stage 2; the next one is not mapped.
    bench.map(kRoot2, 0x40000000, 0x81000000 | kPage2, 3, 1);
    bench.memory.store(0x81000000, 0x40001003);
    bench.step(Bench::write_of(0x5000));
    CHECK(bench.fsr(1) == 0);
    CHECK(bench.fsr(5) == 0x402);
    CHECK(bench.read_bank(5, cb::FSYNR0) == (0x3U | 0x8U | 0x10U | 1U << 16));  // S1PTWF, S1CBNDX 1
    CHECK(bench.read_bank(5, cb::FAR, 8) == 0x5000);
    CHECK(bench.read_bank(5, cb::IPAFAR, 8) == 0x40001000);
    CHECK(bench.read(bench.gr1(gr1::CBFRSYNRA(5))) == 0x10);
    CHECK(bench.wires == std::vector<unsigned>{1 + 5});
}

TEST_CASE("smmuv2 faults: SMMUv1 raises the interrupt that CBAR names, for all banks that share it",
          "[iommu][smmuv2]") {
    Features f = features_by_name("smmu-v1");
    f.s2ts = f.nts = 0;
    SmmuParams p = Bench::params(f);
    p.global_interrupts = 2;
    Bench bench(p);
    bench.enable();
    for (unsigned n = 0; n < 2; ++n) {
        bench.write(bench.gr1(gr1::CBAR(n)), 0x0301F300);
        bench.write_bank(n, cb::TCR, 0x80803520);
        bench.write_bank(n, cb::SCTLR, kTerminate);
        bench.stream(n, 0x10 + n, 0, n);
        bench.step(Bench::read_of(0x1000, StreamId{0x10 + n}));
        CHECK(bench.fsr(n) == 0x202);
    }
    CHECK(bench.wires == std::vector<unsigned>{2 + 3});
    bench.write_bank(0, cb::FSR, 0x202);
    CHECK(bench.wires == std::vector<unsigned>{5, 5});  // the other one still holds the line
    bench.write_bank(1, cb::FSR, 0x202);
    CHECK(bench.wires.size() == 2);
}
