// AMD-Vi's page tables as its driver writes them and its hardware walks them: pages of any power of two, v2 tables,
// what a strict unmap invalidates, what maps and unmaps cost. Expected words: docs/spec/iommu-hardware.md section 4.
#include <catch2/catch.hpp>

#include "kernel-model/pgtable/amd_format.hpp"
#include "tests/kernel-model/amd_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using namespace xlate::kernel::tests::amd_boot;

TEST_CASE("amd_iommu: a strict unmap is one invalidation of a block around it, tables included, and a wait",
          "[kernel-model][amd]") {
    KernelParameters strict;
    strict.iommu_strict = true;
    Boot run("linux-6.12", strict);
    const Ptr<IommuDomain> domain = run.domain("0000:00:03.0");
    CHECK(domain->type == DomainType::dma);
    const std::uint64_t id = amd::dte::DOMAIN_ID.get(run.machine.dte(devid(0, 3))[1]);
    run.task([&] {
        CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x10000, true, true) == 0);
        run.machine.commands.clear();
        CHECK(domain->unmap(Iova{0x10000000}, 0x10000) == 0x10000);
        CHECK(run.machine.commands.empty());
        domain->iotlb_sync(Iova{0x10000000}, 0x10000);
    });
    REQUIRE(run.machine.commands.size() == 2);
    // Section 17: 64 KiB at 0x10000000; PDE besides.
    CHECK(run.machine.commands[0] == amd::EntryWords{0x3000000000000000 | id << 32, 0x10007003});
    CHECK(run.machine.commands[1][0] >> 60 == 1);
    CHECK(run.translate(devid(0, 3), 0x10000000).kind == StepKind::fault);
}

TEST_CASE("amd_iommu: pages of any power of two, and one level more when an address asks for it",
          "[kernel-model][amd]") {
    Boot run;
    const Ptr<IommuDomain> domain = run.domain("0000:00:03.0");
    run.task([&] {
        CHECK(domain->map(Iova{0x20000000}, PhysAddr{0x50000000}, 0x8000, true, false) == 0);
        CHECK(domain->map(Iova{0x8000000000}, PhysAddr{0x50010000}, 0x1000, true, true) == 0);
    });
    CHECK(amd::dte::MODE.get(run.machine.dte(devid(0, 3))[0]) == 4);
    CHECK(run.translate(devid(0, 3), 0x20007010, true).result.pa.value == 0x50007010);
    CHECK(run.translate(devid(0, 3), 0x20007010, false).kind == StepKind::fault);
    const iommu::Step step = run.translate(devid(0, 3), 0x20001000, true);
    CHECK(step.result.entry.log2_bytes == 15);
    CHECK(run.translate(devid(0, 3), 0x8000000ABC).result.pa.value == 0x50010ABC);
    CHECK(domain->iova_to_phys(Iova{0x8000000ABC}) == PhysAddr{0x50010ABC});
    CHECK_FALSE(domain->iova_to_phys(Iova{0x800000000000}));
    run.task([&] {
        CHECK(domain->unmap(Iova{0x20000000}, 0x8000) == 0x8000);
        domain->flush_iotlb_all();
    });
    CHECK(run.translate(devid(0, 3), 0x20007010, true).kind == StepKind::fault);
}

// Words: docs/spec/iommu-hardware.md section 4 (GV, GIOV, GLX, the GCR3 address in three pieces; x86-64 tables).
TEST_CASE("amd_iommu: v2 tables behind a GCR3 table of one entry", "[kernel-model][amd]") {
    KernelParameters parameters;
    parameters.iommu_strict = true;
    const bool asked = GENERATE(true, false);  // asked for; by default from 6.13 on
    if (asked) parameters.x86.amd_v2 = true;
    Boot run(asked ? "linux-6.12" : "linux-6.16", parameters, usual_ivrs(), "full");
    INFO(run.k->console.text());
    const std::uint16_t id = devid(0, 3);
    const amd::DteWords words = run.machine.dte(id);
    CHECK((words[0] & 0x3) == 3);      // V, TV
    CHECK((words[0] >> 9 & 7) == 0);   // no host tables
    CHECK((words[0] >> 54 & 3) == 3);  // GIOV, GV
    CHECK((words[0] >> 56 & 3) == 0);  // one level of GCR3 table
    CHECK((words[0] >> 61 & 3) == 3);  // IR, IW
    const std::uint64_t gcr3 =
        (words[0] >> 58 & 7) << 12 | (words[1] >> 16 & 0xFFFF) << 15 | (words[1] >> 43 & 0x1FFFFF) << 31;
    const std::uint64_t root = run.machine.load(gcr3);
    CHECK((root & 1) == 1);
    const Ptr<IommuDomain> domain = run.domain("0000:00:03.0");
    run.task([&] { CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x2000, true, true) == 0); });
    // Of four levels the index of each: 0, 0, 0x80, 0.
    std::uint64_t table = root & ~std::uint64_t{0xFFF};
    for (const unsigned index : {0U, 0U, 0x80U}) {
        const std::uint64_t word = run.machine.load(table + 8 * index);
        CHECK((word & 0xFFF) == 0x007);  // P, RW, US
        table = word & ~std::uint64_t{0xFFF};
    }
    CHECK(run.machine.load(table + 8) == 0x50001067);  // P, RW, US, A, D
    REQUIRE(run.translate(id, 0x10001000).kind == StepKind::done);
    CHECK(run.translate(id, 0x10001234).result.pa.value == 0x50001234);
    run.machine.commands.clear();
    run.task([&] {
        CHECK(domain->unmap(Iova{0x10000000}, 0x2000) == 0x2000);
        domain->iotlb_sync(Iova{0x10000000}, 0x2000);
    });
    REQUIRE(run.machine.commands.size() == 2);
    CHECK((run.machine.commands[0][0] >> 60) == 3);      // INVALIDATE_IOMMU_PAGES
    CHECK((run.machine.commands[0][0] & 0xFFFFF) == 0);  // PASID 0
    CHECK((run.machine.commands[0][1] & 7) == 7);        // a block, PDEs too, GN
    CHECK(run.translate(id, 0x10001000).kind != StepKind::done);
}

TEST_CASE("amd_iommu: without guest tables in every unit v2 falls back to v1, and says so", "[kernel-model][amd]") {
    KernelParameters parameters;
    parameters.x86.amd_v2 = true;
    Boot run("linux-6.12", parameters);
    CHECK(run.k->console.text().find("Cannot enable v2 page table for DMA-API. Fallback to v1.") != std::string::npos);
    CHECK((run.machine.dte(devid(0, 3))[0] >> 9 & 7) != 0);
}

TEST_CASE("amd format: words are the specification's", "[kernel-model][amd]") {
    const AmdV1Format format;
    CHECK(format.leaf(PhysAddr{0x456789000}, {}, 5, 0x1000) == (0x7000000000000001 | 0x456789000));
    CHECK(format.leaf(PhysAddr{0x456780000}, {}, 5, 0x10000) == (0x7000000000000001 | 0xE00 | 0x456787000));
    CHECK(format.leaf(PhysAddr{0x40000000}, {}, 4, 0x200000) == (0x7000000000000001 | 0x40000000));
    CHECK(format.table(PhysAddr{0x83000000}, 3) == (0x6000000000000001 | 0x400 | 0x83000000));
    CHECK(format.leaf_bytes(0x456787E01, 5) == 0x10000);
    CHECK(format.leaf_address(0x456787E01, 5).value == 0x456780000);
}

// docs/spec/published-figures.md section C, column "AMD v1", new and old code; within 20 %.
TEST_CASE("amd-iommu: maps and unmaps take the CPU time that was measured for them", "[kernel-model][amd]") {
    struct Row {
        const char* variant;
        double map_1, map_256, unmap_1, unmap_256;
    };
    const Row row = GENERATE(Row{"linux-6.12", 66, 1909, 88, 6498}, Row{"linux-6.19", 53, 386, 69, 353});
    Boot run(row.variant);
    const auto domain = run.boot->find_device("0000:01:00.0")->iommu_group.peek()->domain.peek();
    const auto took = [&](const std::function<void()>& body) {
        SimTime spent{};
        run.k->spawn("test", 0, [&] {
            const SimTime since = run.k->now();
            body();
            spent = run.k->now() - since;
        });
        run.machine.run(run.k->sched);
        return static_cast<double>(spent.fs) / 1e6;
    };
    const Iova at{0x10000000};
    // A first page has the tables made.
    took([&] { REQUIRE(domain->map(Iova{at.value + 0x1FF000}, PhysAddr{0x50000000}, 0x1000, true, true) == 0); });
    for (unsigned pages : {1U, 256U}) {
        const std::uint64_t bytes = pages * 4096;
        // Not aligned to a larger page, which AMD's tables would take in place of 256.
        const PhysAddr memory{0x60001000};
        CHECK(took([&] { domain->map(Iova{at.value + 0x2000}, memory, bytes, true, true); }) ==
              Approx(pages == 1 ? row.map_1 : row.map_256).epsilon(0.2));
        CHECK(took([&] { domain->unmap(Iova{at.value + 0x2000}, bytes); }) ==
              Approx(pages == 1 ? row.unmap_1 : row.unmap_256).epsilon(0.2));
    }
}
