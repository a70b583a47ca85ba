// The driver of AMD-Vi with the hardware behind its registers, without time: what it writes to bring it up, in order;
// device table entries; groups by ACS, alias and IVRS's alias; unity ranges; parameters; what was mapped is translated,
// and nothing else; events. Expected words are the specification's and Linux 6.1's
// (docs/spec/iommu-hardware.md section 4, kernel-probe.md section 5). Page tables: amd_tables_test.cpp.
#include <catch2/catch.hpp>

#include "kernel-model/drivers/amd/ivrs.hpp"
#include "tests/kernel-model/amd_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using namespace xlate::kernel::tests::amd_boot;

TEST_CASE("amd_iommu and its hardware: what brings it up, in Linux's order", "[kernel-model][amd]") {
    Boot run;
    INFO(run.k->console.text());
    using namespace amd::reg;
    const amd::Registers& registers = run.machine.unit.registers;
    const std::vector<Write> expected{
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},  // all off
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},
        {CONTROL, 0},      // HTTUN, PASSPW, RESPASSPW, ISOC: IVHD says no
        {CONTROL, 0x400},  // COH
        {CONTROL, 0x480},  // INVTO 1 s
        {DEVTAB, registers.devtab},
        {CMDBUF, registers.commands.base},
        {CONTROL, 0x480},
        {CMD_HEAD, 0},
        {CMD_TAIL, 0},
        {CONTROL, 0x1480},
        {EVTLOG, registers.events.base},
        {EVT_HEAD, 0},
        {EVT_TAIL, 0},
        {CONTROL, 0x1484},
        {CONTROL, 0x1485},
        {CMD_TAIL, 0x10},
        {CMD_TAIL, 0x20},
    };
    REQUIRE(run.machine.writes.size() > expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(run.machine.writes[i] == expected[i]);
    }
    // 0x500 devices: 40 KiB, a power of two is 64 KiB.
    CHECK(amd::devtab::SIZE.get(registers.devtab) == 15);
    CHECK(amd::ring::LENGTH.get(registers.commands.base) == 9);
    REQUIRE(run.machine.commands.size() > 2);
    CHECK(run.machine.commands[0] == amd::EntryWords{0x8000000000000000, 0});
    CHECK(run.machine.commands[1][0] >> 60 == 1);
    CHECK((run.machine.commands[1][0] & 7) == 1);
    CHECK(run.machine.commands[1][1] == 1);
    CHECK(registers.on(amd::control::EVTINT));
    for (const Report& report : run.k->reports.all()) FAIL_CHECK(report.text());
}

TEST_CASE("amd_iommu: groups by ACS, alias and IVRS's alias, its own function stays out", "[kernel-model][amd]") {
    for (const char* const release : {"linux-6.1", "linux-6.12", "base"}) {
        INFO(release);
        const Boot run(release);
        INFO(run.k->console.text());
        CHECK_FALSE(run.group("0000:00:00.2"));
        CHECK(run.device("0000:00:00.2").iommu.empty());
        CHECK(run.group("0000:00:00.0"));
        CHECK(run.group("0000:01:00.0"));
        CHECK(run.group("0000:01:00.0") != run.group("0000:00:02.0"));  // ACS was asked for early
        // Behind a conventional bridge all are one, the bridge included.
        CHECK(run.group("0000:02:01.0") == run.group("0000:00:04.0"));
        CHECK(run.group("0000:02:02.0") == run.group("0000:00:04.0"));
        // IVRS: 00:05.0 sends under the id of 00:05.1.
        CHECK(run.group("0000:00:05.0"));
        CHECK(run.group("0000:00:05.0") == run.group("0000:00:05.1"));
        CHECK(run.device("0000:00:03.0").iommu == "ivhd0");
        CHECK(run.device("0000:00:03.0").domain == DomainType::dma_fq);
        for (const Report& report : run.k->reports.all()) FAIL_CHECK(report.text());
    }
}

TEST_CASE("amd_iommu: entries of the device table", "[kernel-model][amd]") {
    Boot run;
    const amd::DteWords nic = run.machine.dte(devid(0, 3));
    CHECK((nic[0] & ~amd::dte::ROOT.mask()) == (kAttached | amd::dte::MODE.of(3)));
    CHECK(amd::dte::DOMAIN_ID.get(nic[1]) != 0);
    CHECK(nic[2] == 0);
    // A device that is not there: nothing of it passes.
    CHECK(run.machine.dte(devid(0, 9)) == amd::DteWords{3, 0, 0, 0});
    CHECK(run.machine.dte(devid(0, 0, 2)) == amd::DteWords{3, 0, 0, 0});
    // Aliases have copies: IVRS's, and the bridge's.
    CHECK(run.machine.dte(devid(0, 5)) == run.machine.dte(devid(0, 5, 1)));
    CHECK(run.machine.dte(devid(2, 1)) == run.machine.dte(devid(0, 4)));
    // Two groups, two domains.
    CHECK(amd::dte::DOMAIN_ID.get(run.machine.dte(devid(0, 3))[1]) !=
          amd::dte::DOMAIN_ID.get(run.machine.dte(devid(1, 0))[1]));
}

TEST_CASE("amd_iommu: what was mapped is translated, and nothing else", "[kernel-model][amd]") {
    const char* like = "qemu";
    SECTION("as QEMU's") { SUCCEED("chosen"); }
    SECTION("as the first chips") {
        like = "v1";
        SUCCEED("chosen");
    }
    SECTION("all that is modelled") {
        like = "full";
        SUCCEED("chosen");
    }
    Boot run("linux-6.12", {}, usual_ivrs(), like);
    INFO(run.k->console.text());
    REQUIRE(run.machine.masters.size() == 2);
    for (const auto& [name, plan] : run.machine.masters) {
        const std::uint16_t id = name == "0000:01:00.0" ? devid(1, 0) : devid(0, 3);
        REQUIRE(plan.buffers.size() == 1);
        const DmaBuffer& buffer = plan.buffers.front();
        for (std::uint64_t at = 0; at < buffer.size; at += 0x3100) {
            const iommu::Step step = run.translate(id, buffer.iova.value + at, at % 2 == 0);
            REQUIRE(step.kind == StepKind::done);
            CHECK(run.domain(name)->iova_to_phys(Iova{buffer.iova.value + at}) == step.result.pa);
        }
        CHECK(run.translate(id, buffer.iova.value + buffer.size).kind == StepKind::fault);
    }
    CHECK(run.machine.unit.counters.faults == 2);
    CHECK(run.k->console.text().find("0000:00:03.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x") !=
          std::string::npos);
    CHECK(run.k->console.text().find("flags=0x0000]") != std::string::npos);
}

TEST_CASE("amd_iommu: unity ranges are mapped one to one, and reserved with MSIs and HyperTransport",
          "[kernel-model][amd]") {
    Boot run;
    INFO(run.k->console.text());
    CHECK(run.translate(devid(0, 6), 0x7FE01008, true).result.pa.value == 0x7FE01008);
    CHECK(run.translate(devid(0, 3), 0x7FE01008, true).kind == StepKind::fault);
    std::vector<std::string> regions;
    for (const GroupResult& group : run.boot->groups()) {
        if (group.devices.front() != "0000:00:06.0") continue;
        for (const ReservedRegion& one : group.reserved_regions) {
            regions.push_back(fmt::format("{:x}+{:x} {}", one.start, one.length, name(one.kind)));
        }
    }
    CHECK(regions ==
          std::vector<std::string>{"7fe00000+2000 direct", "fee00000+100000 msi", "fd00000000+300000000 reserved"});
}

TEST_CASE("amd_iommu: parameters of the kernel", "[kernel-model][amd]") {
    KernelParameters parameters;
    SECTION("iommu=pt: identity, no tables") {
        parameters.iommu_passthrough = true;
        Boot run("linux-6.12", parameters);
        CHECK(run.device("0000:00:03.0").domain == DomainType::identity);
        CHECK(run.machine.dte(devid(0, 3))[0] == kAttached);
        CHECK(run.translate(devid(0, 3), 0x12345678, true).result.pa.value == 0x12345678);
    }
    SECTION("amd_iommu=off: the hardware is left alone") {
        parameters.x86.amd = false;
        Boot run("linux-6.12", parameters);
        CHECK(run.machine.writes.empty());
        CHECK_FALSE(run.group("0000:00:03.0"));
        CHECK(run.device("0000:00:03.0").state == "bound");
    }
    SECTION("iommu=off") {
        parameters.x86.iommu = false;
        Boot run("linux-6.12", parameters);
        CHECK(run.machine.writes.empty());
    }
}

TEST_CASE("amd_iommu: mistakes leave behind what the right driver drops", "[kernel-model][amd]") {
    const auto boot_with = [](const std::optional<Mistake>& mistake) {
        KernelParameters strict;
        strict.iommu_strict = true;
        return std::make_unique<Boot>("linux-6.12", strict, usual_ivrs(), "qemu", [&](BootConfig& config) {
            if (mistake) config.mistakes.add(*mistake);
        });
    };
    SECTION("of an unmap") {
        const auto stale = [&](const std::optional<Mistake>& mistake) {
            const std::unique_ptr<Boot> run = boot_with(mistake);
            const Ptr<IommuDomain> domain = run->domain("0000:00:03.0");
            run->task([&] { CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x4000, true, true) == 0); });
            for (unsigned i = 0; i < 4; ++i)
                REQUIRE(run->translate(devid(0, 3), 0x10000000 + i * 0x1000).kind == StepKind::done);
            run->task([&] {
                CHECK(domain->unmap(Iova{0x10000000}, 0x4000) == 0x4000);
                domain->iotlb_sync(Iova{0x10000000}, 0x4000);
            });
            return run->translate(devid(0, 3), 0x10003000).kind == StepKind::done;
        };
        CHECK_FALSE(stale(std::nullopt));
        CHECK(stale(Mistake::unmap_without_tlbi));
        CHECK(stale(Mistake::wrong_asid));
    }
    SECTION("of an entry of the device table") {
        const auto stale = [&](const std::optional<Mistake>& mistake) {
            const std::unique_ptr<Boot> run = boot_with(mistake);
            run->translate(devid(0, 3), 0x1000);
            run->task([&] { run->boot->iommu().iommu_release_device(*run->boot->find_device("0000:00:03.0")); });
            run->machine.unit.logs.clear();
            // The entry in memory says blocked; the cached one still names tables.
            iommu::Request request;
            request.sid = StreamId{devid(0, 3)};
            request.address = 0x1000;
            const std::uint64_t reads = run->machine.unit.counters.dte_misses;
            run->machine.untimed.translate(request);
            return run->machine.unit.counters.dte_misses == reads;
        };
        CHECK_FALSE(stale(std::nullopt));
        CHECK(stale(Mistake::ste_without_cfgi));
    }
    SECTION("of a domain id") {
        const auto stale = [&](const std::optional<Mistake>& mistake) {
            const std::unique_ptr<Boot> run = boot_with(mistake);
            Ptr<IommuDomain> domain = run->domain("0000:00:03.0");
            run->task([&] { CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x1000, true, true) == 0); });
            REQUIRE(run->translate(devid(0, 3), 0x10000000).kind == StepKind::done);
            // The domain goes with its device, mapped as it is; the next one gets its id.
            Device& dev = *run->boot->find_device("0000:00:03.0");
            run->task([&] {
                run->boot->iommu().iommu_release_device(dev);
                CHECK(run->boot->iommu().iommu_probe_device(dev, "test") == 0);
            });
            return run->translate(devid(0, 3), 0x10000000).kind == StepKind::done;
        };
        CHECK_FALSE(stale(std::nullopt));
        CHECK(stale(Mistake::reused_domain_id));
    }
    SECTION("of a wait") {
        for (const bool wrong : {false, true}) {
            const std::unique_ptr<Boot> run =
                boot_with(wrong ? std::optional(Mistake::tlbi_without_sync) : std::nullopt);
            const Ptr<IommuDomain> domain = run->domain("0000:00:03.0");
            run->task([&] { CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x1000, true, true) == 0); });
            run->machine.commands.clear();
            run->task([&] {
                domain->unmap(Iova{0x10000000}, 0x1000);
                domain->iotlb_sync(Iova{0x10000000}, 0x1000);
            });
            CHECK(run->machine.commands.size() == (wrong ? 1 : 2));
        }
    }
}

TEST_CASE("amd_iommu: a device leaves and comes back", "[kernel-model][amd]") {
    Boot run;
    Device* dev = run.boot->find_device("0000:00:03.0");
    const std::uint64_t before = amd::dte::DOMAIN_ID.get(run.machine.dte(devid(0, 3))[1]);
    run.task([&] { run.boot->iommu().iommu_release_device(*dev); });
    CHECK(run.machine.dte(devid(0, 3)) == amd::DteWords{3, 0, 0, 0});
    CHECK(run.translate(devid(0, 3), 0x1000).kind == StepKind::fault);
    run.task([&] { CHECK(run.boot->iommu().iommu_probe_device(*dev, "test") == 0); });
    // The id was free again.
    CHECK(amd::dte::DOMAIN_ID.get(run.machine.dte(devid(0, 3))[1]) == before);
    CHECK((run.machine.dte(devid(0, 3))[0] & 0x6000000000000003) == kAttached);
}

TEST_CASE("ivrs: which unit serves whom", "[kernel-model][amd]") {
    const firmware::Description description = board_of(usual_ivrs());
    const IvrsTables tables = read_ivrs_tables(description);
    REQUIRE(tables.units.size() == 1);
    CHECK(tables.units[0].name == "ivhd0");
    const IvrsSegment& segment = tables.segments.at(0);
    CHECK(segment.last_bdf == devid(kLastBus, 31, 7));
    CHECK(segment.rlookup.count(devid(0, 0, 2)) == 0);
    CHECK(segment.rlookup.count(devid(0, 3)) == 1);
    CHECK(segment.alias_of(devid(0, 5)) == devid(0, 5, 1));
    CHECK(segment.alias_of(devid(3, 9, 1)) == devid(0, 4));
    CHECK(segment.alias_of(devid(0, 3)) == devid(0, 3));
    REQUIRE(tables.unity_maps.size() == 1);
    CHECK(tables.unity_maps[0].start == 0x7FE00000);
    CHECK(tables.unity_maps[0].end == 0x7FE02000);
    CHECK(tables.unity_maps[0].first == devid(0, 6));
}
