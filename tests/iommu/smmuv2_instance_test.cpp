// An SMMUv2 as any owner sees an IOMMU: its data sheet, the untimed owner, and several programmed as one.
#include <catch2/catch.hpp>

#include "iommu/smmuv2/register_files.hpp"
#include "iommu/untimed.hpp"
#include "tests/iommu/smmuv2_bench.hpp"

using namespace xlate;
using namespace xlate::tests::v2;

TEST_CASE("smmuv2 sheet: counters, structures and wires are those of an instance", "[iommu][smmuv2]") {
    Bench bench;
    const InstanceSpec& spec = bench.smmu.spec();
    CHECK(spec.arch == "smmuv2");
    CHECK(bench.smmu.counter_values().size() == spec.counters.size());
    for (std::size_t row = 0; row < spec.structures.size(); ++row) {
        CHECK(bench.smmu.structure_counters(row).lookups == 0);
    }
    CHECK(bench.smmu.wires() == 1 + 8);
    CHECK(bench.smmu.wire(3).index == 3);
    CHECK(bench.smmu.wire(0).name == "global");
    CHECK(bench.smmu.wire(3).name == "context2");
    SmmuParams many = Bench::params(full_features());
    many.global_interrupts = 2;
    const Smmu large(many);
    CHECK(large.wire(1).name == "global");
    CHECK(large.wire(2 + 107).name == "context107");
    CHECK(bench.smmu.machines() == spec.machines.size());
    CHECK(spec.fault_name(2) == "AFF");
    CHECK(spec.fault_name(0x101) == "USF");
    for (std::size_t i = 0; i < spec.counters.size(); ++i) CHECK_FALSE(spec.counters[i].sentence.empty());
}

TEST_CASE("smmuv2 untimed: registers, drains, interrupts and stalls by the generic owner", "[iommu][smmuv2]") {
    Bench bench;
    Untimed owner(bench.smmu, bench.memory);
    std::vector<unsigned> wires;
    owner.on_wire = [&](const WireSpec& wire) { wires.push_back(wire.index); };
    std::vector<std::pair<std::uint64_t, StepKind>> resumed;
    owner.on_resumed = [&](std::uint64_t id, const Step& step) { resumed.emplace_back(id, step.kind); };
    bench.enable();
    bench.stage1(1, Bench::kRoot, 0x10E7);
    bench.stream(0, 0x10, 0, 1);
    bench.wires.clear();
    owner.write_register(bench.bank(1, cb::TLBSYNC), 4, 0xFFFFFFFF);
    CHECK(owner.read_register(bench.bank(1, cb::TLBSTATUS), 4) == 0);
    Request request = Bench::write_of(0x5000);
    request.id = 42;
    CHECK(owner.translate(request).kind == StepKind::stalled);
    CHECK(wires == std::vector<unsigned>{2});
    bench.map(Bench::kRoot, 0x5000, 0x456789000 | kPage);
    owner.write_register(bench.bank(1, cb::FSR), 4, 0x402);
    owner.write_register(bench.bank(1, cb::RESUME), 4, 0);
    CHECK(resumed == std::vector<std::pair<std::uint64_t, StepKind>>{{42, StepKind::done}});
    CHECK(owner.stalled() == 0);
    CHECK(owner.translate(request).kind == StepKind::done);
    owner.write_register(bench.bank(1, cb::ATS1PR), 8, 0x5000);
    CHECK(par::address(owner.read_register(bench.bank(1, cb::PAR), 8)) == 0x456789000);
}

TEST_CASE("smmuv2 register files: software writes all alike, an access goes to one", "[iommu][smmuv2]") {
    Bench tables;
    SmmuParams p = Bench::params(small_features());
    RegisterFiles files(p, 2);
    Untimed owner(files, tables.memory);
    tables.map(Bench::kRoot, 0x5000, 0x456789000 | kPage);
    tables.map(Bench::kRoot, 0x6000, 0x45678A000 | kPage);
    CHECK(files.register_banks() == 2);
    CHECK_FALSE(files.translates());
    const auto both = [&](std::uint64_t offset, std::uint64_t value, unsigned size = 4) {
        for (unsigned file = 0; file < 2; ++file) owner.write_register(offset, size, value, file);
    };
    const SpaceLayout space = p.features.space();
    both(gr0::sCR0, 0x1C36);
    CHECK(files.translates());
    both(gr0::S2CR(0), 1);
    both(gr0::SMR(0), 0x80000010);
    both(space.gr1() + gr1::CBA2R(1), 1);
    both(space.gr1() + gr1::CBAR(1), 0x0001F300);
    both(space.bank(1) + cb::TCR2, 0x00038015);
    both(space.bank(1) + cb::TCR, 0x00803510);
    both(space.bank(1) + cb::TTBR0, 0x0012000000000000 | Bench::kRoot, 8);
    both(space.bank(1) + cb::SCTLR, 0x1067);
    CHECK(owner.translate(Bench::read_of(0x5000)).result.pa.value == 0x456789000);
    CHECK(owner.translate(Bench::read_of(0x6000)).result.pa.value == 0x45678A000);
    CHECK(owner.translate(Bench::read_of(0x6000)).result.epoch == files.epoch());
    CHECK(files.file(0).counters.translations == 2);
    CHECK(files.file(1).counters.translations == 1);
    CHECK(files.counter_values()[0] == 3);
    // An access that met a file of another state shows it: a fault in one file alone.
    CHECK(owner.translate(Bench::read_of(0x7000)).kind == StepKind::fault);
    CHECK(owner.read_register(space.bank(1) + cb::FSR, 4, 1) == 0x402);
    CHECK(owner.read_register(space.bank(1) + cb::FSR, 4, 0) == 0);
    struct Port : InvalidationSink {
        unsigned heard = 0;
        void invalidate(const Invalidation&) override { ++heard; }
    } port;
    files.add_sink(port);
    const std::uint32_t epoch = files.epoch();
    both(gr0::TLBIALLNSNH, 0);
    CHECK(port.heard == 2);
    CHECK(files.epoch() == epoch + 2);
    both(gr0::sTLBGSYNC, 0);
    for (unsigned file = 0; file < 2; ++file) CHECK(owner.read_register(gr0::sTLBGSTATUS, 4, file) == 0);
    files.reset();
    CHECK_FALSE(files.translates());
}
