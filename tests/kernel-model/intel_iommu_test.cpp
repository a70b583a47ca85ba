// Linux's VT-d driver with the hardware behind its registers, without time: units by the DMAR table, devices by its
// scopes, what brings a unit up, contexts, mappings, flushes, reserved regions, faults. Expected words are the
// specification's and Linux's (docs/spec/iommu-hardware.md section 3, "Linux probe").
#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <memory>
#include <tuple>

#include "kernel-model/drivers/intel/dmar_scope.hpp"
#include "tests/kernel-model/intel_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using iommu::StepKind;

TEST_CASE("intel-iommu: units by the DMAR table, every PCI function in a group, driver or not", "[kernel-model][vtd]") {
    const std::string variant = GENERATE("base", "linux-6.1", "linux-6.12", "mainline-6.15.1");
    INFO(variant);
    Boot run(variant);
    INFO(run.k->console.text());
    CHECK(run.device("0000:00:01.0").iommu == "dmar1");
    CHECK(run.device("0000:00:02.0").iommu == "dmar0");
    // A bridge's scope takes the bridge and what is behind it.
    CHECK(run.device("0000:00:1c.0").iommu == "dmar0");
    CHECK(run.device("0000:01:00.0").iommu == "dmar0");
    CHECK(run.device("0000:00:1f.0").iommu == "dmar1");
    CHECK(run.device("0000:00:1f.0").driver.empty());
    for (const DeviceResult& one : run.boot->devices()) {
        if (one.bus != "pci") continue;
        INFO(one.name);
        CHECK(one.group.has_value());
        CHECK(one.ids.empty());  // no fwspec
        CHECK(one.domain == DomainType::dma_fq);
    }
    // Behind a conventional bridge all are one to the unit.
    CHECK(run.device("0000:02:01.0").group == run.device("0000:02:02.0").group);
    CHECK(run.device("0000:00:1e.0").group == run.device("0000:02:01.0").group);
    CHECK(run.device("0000:01:00.0").group != run.device("0000:00:1c.0").group);
    // Units are no platform devices.
    CHECK(run.boot->find_device("dmar0") == nullptr);
    REQUIRE(run.boot->iommus().size() == 2);
    CHECK(run.boot->iommus()[0].name == "dmar0");
    for (const Report& report : run.k->reports.all()) FAIL_CHECK(report.text());
}

TEST_CASE("intel-iommu: what brings a unit up, in Linux's order", "[kernel-model][vtd]") {
    using namespace vt::reg;
    const bool remapping = GENERATE(false, true);
    KernelParameters parameters;
    parameters.x86.intremap = remapping;
    Boot run("linux-6.12", parameters);
    INFO(run.k->console.text());
    vt::Vtd& unit = run.unit(1);
    const std::uint64_t queue = unit.registers.get(IQA), root = unit.registers.get(RTADDR);
    constexpr std::uint64_t kQie = 0x4000000, kIre = 0x2000000, kSirtp = 0x1000000, kSrtp = 0x40000000;
    std::vector<Write> expected{{IQT, 0}, {IQA, queue}, {GCMD, kQie}};
    std::uint64_t on = kQie, tail = 0;
    if (remapping) {
        expected.insert(
            expected.end(),
            {{IRTA, unit.registers.get(IRTA)}, {GCMD, on | kSirtp}, {IQT, tail += 0x20}, {GCMD, on |= kIre}});
    }
    expected.insert(expected.end(), {{RTADDR, root},
                                     {GCMD, on | kSrtp},
                                     {IQT, tail += 0x20},
                                     {IQT, tail += 0x20},
                                     {FEDATA, 0x21},
                                     {FEADDR, 0xFEE00000},
                                     {FEUADDR, 0},
                                     {FECTL, 0}});
    const std::vector<Write>& writes = run.machine.units[1]->writes;
    REQUIRE(writes.size() > expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(writes[i] == expected[i]);
    }
    CHECK(writes.back() == Write{GCMD, on | 0x80000000});
    CHECK((queue & 0xFFF) == 0);
    const auto& descriptors = run.machine.units[1]->descriptors;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> first{{0x11, 0}, {0xD2, 0}};
    if (remapping) first.insert(first.begin(), {4, 0});
    REQUIRE(descriptors.size() >= first.size());
    for (std::size_t i = 0; i < first.size(); ++i) CHECK(descriptors[i] == first[i]);
    CHECK(vt::gcmd::IRE.test(unit.status()) == remapping);
    if (remapping) CHECK((unit.registers.get(IRTA) & 0xFFF) == 0xF);
    CHECK(run.k->console.text().find("DMAR: Intel(R) Virtualization Technology for Directed I/O") != std::string::npos);
}

TEST_CASE("intel-iommu: contexts by domain and alias", "[kernel-model][vtd]") {
    Boot run;
    const auto [low, high] = run.context(1, 0x08);
    CHECK((low & 0xFFF) == vt::context::P.of(1));
    CHECK(vt::context::AW.get(high) == 2);
    CHECK(vt::context::DID.get(high) != 0);
    CHECK(run.context(1, 0x10).first == 0);  // another unit's
    CHECK(run.context(0, 0x10).first != 0);
    CHECK(run.context(0, 0x100).first != 0);
    // Behind a conventional bridge the bridge's own id is used, too.
    CHECK(run.context(1, 0x208).second == run.context(1, 0x210).second);
    CHECK(run.context(1, 0x1E << 3).second == run.context(1, 0x208).second);
    // Domain ids are a unit's own: both begin at 1.
    CHECK(vt::context::DID.get(run.context(0, 0x10).second) == 1);
}

TEST_CASE("intel-iommu: what was mapped is translated, what was unmapped is not", "[kernel-model][vtd]") {
    vt::VtdParams params = params_of("server");
    KernelParameters parameters;
    parameters.iommu_strict = true;
    SECTION("server") { SUCCEED("chosen"); }
    SECTION("QEMU's") {
        params = params_of("qemu");
        params.host_bits = 0;
        SUCCEED("chosen");
    }
    SECTION("five levels") {
        params = params_of("scalable");
        SUCCEED("chosen");
    }
    SECTION("three levels, 4 KiB alone") {
        params.cap = vt::cap::SLLPS.set(vt::cap::SAGAW.set(params.cap, 2), 0);
        SUCCEED("chosen");
    }
    SECTION("scalable mode, first level") {
        params = params_of("scalable");
        parameters.x86.intel_scalable = true;
        SUCCEED("chosen");
    }
    SECTION("scalable mode, second level") {
        params = params_of("scalable");
        params.ecap = vt::ecap::FLTS.set(params.ecap, 0);
        parameters.x86.intel_scalable = true;
        SUCCEED("chosen");
    }
    SECTION("caching mode") {
        params.cap |= vt::cap::CM.of(1);
        SUCCEED("chosen");
    }
    Boot run("linux-6.12", parameters, params);
    INFO(run.k->console.text());
    const Ptr<IommuDomain> domain = run.domain("0000:00:01.0");
    REQUIRE(domain->type == DomainType::dma);
    REQUIRE(run.machine.masters.size() == 1);
    for (const DmaBuffer& buffer : run.machine.masters.front().second.buffers) {
        for (std::uint64_t at = 0; at < buffer.size; at += 0x11000) {
            const iommu::Step step = run.translate(1, 8, buffer.iova.value + at + 8, at % 2 == 0);
            REQUIRE(step.kind == StepKind::done);
            CHECK(domain->iova_to_phys(Iova{buffer.iova.value + at + 8}) == step.result.pa);
        }
    }
    CHECK(run.unit(1).counters.faults == 0);
    const DmaBuffer buffer = run.machine.masters.front().second.buffers.front();
    run.task([&] {
        CHECK(domain->unmap(buffer.iova, buffer.size) == buffer.size);
        domain->iotlb_sync(buffer.iova, buffer.size);
    });
    CHECK(run.translate(1, 8, buffer.iova.value).kind == StepKind::fault);
    CHECK(run.translate(1, 8, buffer.iova.value + buffer.size - 8).kind == StepKind::fault);
    for (const Report& report : run.k->reports.all()) FAIL_CHECK(report.text());
}

TEST_CASE("intel-iommu: which flush an unmap gives", "[kernel-model][vtd]") {
    KernelParameters parameters;
    parameters.iommu_strict = true;
    Boot run("linux-6.12", parameters);
    const Ptr<IommuDomain> domain = run.domain("0000:00:01.0");
    const std::uint64_t did = vt::context::DID.get(run.context(1, 8).second);
    auto& descriptors = run.machine.units[1]->descriptors;
    const auto round = [&](std::uint64_t iova, std::uint64_t bytes) {
        run.task([&] { CHECK(domain->map(Iova{iova}, PhysAddr{0x50000000}, bytes, true, true) == 0); });
        descriptors.clear();
        run.task([&] {
            CHECK(domain->unmap(Iova{iova}, bytes) == bytes);
            domain->iotlb_sync(Iova{iova}, bytes);
        });
        REQUIRE(descriptors.size() == 1);
        return descriptors.front();
    };
    const std::uint64_t low = 0xF2 | did << 16;  // page-selective, both drains
    using Words = std::pair<std::uint64_t, std::uint64_t>;
    CHECK(round(0x10000000, 0x1000) == Words{low, 0x10000000 | 0x40});
    CHECK(round(0x10000000, 0x4000) == Words{low, 0x10000000 | 0x40 | 2});
    // Not aligned to itself: the next size that holds it.
    CHECK(round(0x10001000, 0x2000) == Words{low, 0x10000000 | 0x40 | 2});
    CHECK(round(0x10000000, 0x200000) == Words{low, 0x10000000 | 0x40 | 9});
    SECTION("more than a mask can say") {
        vt::VtdParams small = params_of("server");
        small.cap = vt::cap::MAMV.set(small.cap, 3);
        Boot other("linux-6.12", parameters, small);
        const Ptr<IommuDomain> its = other.domain("0000:00:01.0");
        other.task([&] { CHECK(its->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x10000, true, true) == 0); });
        other.machine.units[1]->descriptors.clear();
        other.task([&] {
            its->unmap(Iova{0x10000000}, 0x10000);
            its->iotlb_sync(Iova{0x10000000}, 0x10000);
        });
        REQUIRE(other.machine.units[1]->descriptors.size() == 1);
        CHECK((other.machine.units[1]->descriptors.front().first & 0x3F) == 0x22);
    }
}

TEST_CASE("intel-iommu: reserved regions, and memory that firmware goes on using", "[kernel-model][vtd]") {
    Boot run;
    const auto regions = [&](const std::string& device) {
        const unsigned group = *run.device(device).group;
        for (const GroupResult& one : run.boot->groups())
            if (one.id == group) return one.reserved_regions;
        return std::vector<ReservedRegion>{};
    };
    using Kind = ReservedRegion::Kind;
    const auto usb = regions("0000:00:14.0");
    REQUIRE(usb.size() == 2);
    CHECK(usb[0].kind == Kind::direct_relaxable);  // USB
    CHECK(usb[0].start == kReserved);
    CHECK(usb[0].length == 0x100000);
    CHECK(usb[1].kind == Kind::msi);
    CHECK(usb[1].start == 0xFEE00000);
    CHECK(usb[1].length == 0x100000);
    const auto other = regions("0000:00:1d.0");
    REQUIRE(other.size() == 2);
    CHECK(other[0].kind == Kind::direct);
    const auto isa = regions("0000:00:1f.0");
    REQUIRE(isa.size() == 2);
    CHECK(isa[0].kind == Kind::direct_relaxable);
    CHECK(isa[0].length == 16 << 20);
    CHECK(regions("0000:00:01.0").size() == 1);
    // One to one, before anything else.
    CHECK(run.translate(1, 0x14 << 3, kReserved + 0x1234, true).result.pa.value == kReserved + 0x1234);
    CHECK(run.translate(1, 0x1D << 3, kReserved + 0x200000).result.pa.value == kReserved + 0x200000);
    CHECK(run.translate(1, 0x1F << 3, 0xFFF000).result.pa.value == 0xFFF000);
    CHECK(run.translate(1, 0x1D << 3, kReserved).kind == StepKind::fault);
}

TEST_CASE("intel-iommu: kernel parameters", "[kernel-model][vtd]") {
    KernelParameters parameters;
    SECTION("iommu=pt: contexts that pass") {
        parameters.iommu_passthrough = true;
        Boot run("linux-6.12", parameters);
        CHECK(run.device("0000:00:01.0").domain == DomainType::identity);
        CHECK(vt::context::TT.get(run.context(1, 8).first) == vt::context::PASS_THROUGH);
        CHECK(run.translate(1, 8, 0x12345678).result.pa.value == 0x12345678);
    }
    SECTION("intel_iommu=off") {
        parameters.x86.intel = false;
        Boot run("linux-6.12", parameters);
        CHECK_FALSE(run.device("0000:00:01.0").group);
        CHECK(run.device("0000:00:01.0").state == "bound");
        CHECK_FALSE(vt::gcmd::TE.test(run.unit(1).status()));
    }
    SECTION("sp_off: no large pages") {
        parameters.x86.intel_superpages = false;
        Boot run("linux-6.12", parameters);
        CHECK(run.domain("0000:00:01.0")->pgsize_bitmap == 4096);
    }
    SECTION("strict") {
        parameters.iommu_strict = true;
        Boot run("linux-6.12", parameters);
        CHECK(run.device("0000:00:01.0").domain == DomainType::dma);
    }
}

TEST_CASE("intel-iommu: scalable mode's entries", "[kernel-model][vtd]") {
    KernelParameters parameters;
    parameters.x86.intel_scalable = true;
    Boot run("linux-6.12", parameters, params_of("scalable"));
    INFO(run.k->console.text());
    CHECK(run.unit(1).scalable());
    CHECK((run.unit(1).registers.get(vt::reg::IQA) & 0xFFF) == 0x801);
    const std::uint64_t root = run.machine.load(run.unit(1).root_table());
    const std::uint64_t context = run.machine.load(vt::root::table(root) + 8 * 32);
    CHECK((context & 0xFFF) == 1);
    const std::uint64_t directory = run.machine.load(vt::scalable_context::directory(context));
    const std::uint64_t entry = vt::pasid_directory::table(directory);
    CHECK(vt::pasid::PGTT.get(run.machine.load(entry)) == vt::pasid::FIRST_LEVEL);
    CHECK(vt::pasid::DID.get(run.machine.load(entry + 8)) > 1);
    CHECK(vt::pasid::FLPM.get(run.machine.load(entry + 16)) == 1);
}

TEST_CASE("intel-iommu: faults as Linux prints them", "[kernel-model][vtd]") {
    Boot run;
    CHECK(run.translate(1, 8, 0xDEADB000).kind == StepKind::fault);
    CHECK(run.translate(1, 0x55, 0x1000, true).kind == StepKind::fault);
    const std::string log = run.k->console.text();
    INFO(log);
    CHECK(log.find("DMAR: DRHD: handling fault status reg 2") != std::string::npos);
    CHECK(log.find("DMAR: [DMA Read NO_PASID] Request device [00:01.0] fault addr 0xdeadb000 [fault reason 0x06] PTE "
                   "Read access is not set") != std::string::npos);
    CHECK(log.find("DMAR: [DMA Write NO_PASID] Request device [00:0a.5] fault addr 0x1000 [fault reason 0x02] Present "
                   "bit in context entry is clear") != std::string::npos);
    CHECK(run.unit(1).outputs.fault_status() == 0);
    for (unsigned i = 0; i < 40; ++i) run.translate(1, 8, 0xDEADB000);
    CHECK(run.unit(1).outputs.fault_status() == 0);
}

TEST_CASE("intel-iommu: a unit whose registers say nothing is left out, with its devices", "[kernel-model][vtd]") {
    firmware::Description board = dmar_board();
    vt::VtdParams params = params_of("server");
    params.ecap &= ~vt::ecap::QI.mask();
    Boot run("linux-6.12", {}, params, std::move(board));
    INFO(run.k->console.text());
    CHECK_FALSE(run.device("0000:00:01.0").group);
    CHECK(run.device("0000:00:01.0").state == "bound");
}

// docs/spec/published-figures.md section C, column "VT-d second stage", new and old code; within 20 %.
TEST_CASE("intel-iommu: maps and unmaps take the CPU time that was measured for them", "[kernel-model][vtd]") {
    struct Row {
        const char* variant;
        double map_1, map_256, unmap_1, unmap_256;
    };
    const Row row = GENERATE(Row{"linux-6.12", 65, 518, 87, 321}, Row{"linux-6.19", 55, 391, 69, 210});
    KernelParameters parameters;
    parameters.iommu_strict = true;
    Boot run(row.variant, parameters);
    const auto domain = run.domain("0000:00:01.0");
    const auto took = [&](const std::function<void()>& body) {
        SimTime spent{};
        run.task([&] {
            const SimTime since = run.k->now();
            body();
            spent = run.k->now() - since;
        });
        return static_cast<double>(spent.fs) / 1e6;
    };
    const Iova at{0x10000000};
    // A first page has the tables made.
    run.task([&] { REQUIRE(domain->map(Iova{at.value + 0x1FF000}, PhysAddr{0x50000000}, 0x1000, true, true) == 0); });
    for (const auto& [pages, map, unmap] :
         {std::tuple{1U, row.map_1, row.unmap_1}, std::tuple{256U, row.map_256, row.unmap_256}}) {
        const std::uint64_t bytes = pages * 4096;
        // Two uses of the cache_lock stand beside the table work.
        const double locks = 2 * static_cast<double>(run.k->costs.lock.fs) / 1e6;
        CHECK(took([&] { domain->map(at, PhysAddr{0x60000000}, bytes, true, true); }) - locks ==
              Approx(map).epsilon(0.2));
        CHECK(took([&] { domain->unmap(at, bytes); }) == Approx(unmap).epsilon(0.2));
        run.task([&] { domain->iotlb_sync(at, bytes); });
    }
}

TEST_CASE("intel-iommu: flushes of a second level have IH from 6.12.63 and 6.19 on", "[kernel-model][vtd]") {
    const auto [variant, hint] = GENERATE(table<const char*, unsigned>(
        {{"linux-6.1", 0}, {"linux-6.17", 0}, {"linux-6.12", 1}, {"linux-6.18", 1}, {"linux-6.19", 1}}));
    KernelParameters parameters;
    parameters.iommu_strict = true;
    Boot run(variant, parameters);
    const auto domain = run.domain("0000:00:01.0");
    auto& descriptors = run.machine.units[1]->descriptors;
    run.task([&] {
        domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x1000, true, true);
        descriptors.clear();
        domain->unmap(Iova{0x10000000}, 0x1000);
        domain->iotlb_sync(Iova{0x10000000}, 0x1000);
    });
    REQUIRE(descriptors.size() == 1);
    CHECK((descriptors.front().second >> 6 & 1) == hint);
}
