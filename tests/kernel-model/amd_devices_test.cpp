// What a function's capabilities and the unit's own say to the driver of AMD-Vi: identity domains of functions with
// PASIDs, device TLBs, flushes behind a hypervisor. Expected: Linux drivers/iommu/amd/iommu.c of 6.1 and 6.12
// (pci_iommuv2_capable(), pdev_get_caps(), amd_iommu_def_domain_type(), domain_flush_np_cache()).
#include <catch2/catch.hpp>

#include "tests/kernel-model/amd_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using namespace xlate::kernel::tests::amd_boot;

namespace {

constexpr const char* kPlain = "0000:00:03.0";
constexpr const char* kBelowPort = "0000:01:00.0";

/// The usual bus, whose plain endpoint is this one.
std::function<void(BootConfig&)> with(bool ats, bool pri, bool pasid) {
    return [=](BootConfig& config) {
        PciFunction& function = config.pci.front().functions[3];
        REQUIRE(function.device == 3);
        function.ats = ats;
        function.pri = pri;
        function.pasid = pasid;
    };
}

/// An IVRS whose unit has device TLBs (IotlbSup).
TableWriter ivrs_with_iotlb() {
    TableWriter table("IVRS", 2);
    table.u32(0x203041).zeros(8);
    table.u8(0x10).u8(0x10).u16(24 + 8).u16(2).u16(0x40).u64(kBase).u16(0).u16(0).u32(0);
    table.u8(3).u16(0).u8(0).u8(4).u16(devid(kLastBus, 31, 7)).u8(0);
    return table;
}

DomainType type_of(const std::string& release, const std::function<void(BootConfig&)>& change,
                   const KernelParameters& parameters = {}, const char* like = "qemu") {
    const Boot run(release, parameters, usual_ivrs(), like, change);
    INFO(run.k->console.text());
    CHECK(run.device(kBelowPort).domain == DomainType::dma_fq);
    return run.device(kPlain).domain;
}

}  // namespace

TEST_CASE("amd_iommu: a function with PASIDs gets an identity domain", "[kernel-model][amd]") {
    CHECK(type_of("linux-6.12", with(false, false, true)) == DomainType::identity);
    CHECK(type_of("linux-6.12", with(true, true, false)) == DomainType::dma_fq);
    // Up to 6.6: with all three capabilities.
    CHECK(type_of("linux-6.1", with(false, false, true)) == DomainType::dma_fq);
    CHECK(type_of("linux-6.1", with(true, true, true)) == DomainType::identity);
    // Neither guest tables nor page requests in the unit.
    CHECK(type_of("linux-6.12", with(true, true, true), {}, "v1") == DomainType::dma_fq);
    CHECK(type_of("linux-6.1", with(true, true, true), {}, "v1") == DomainType::dma_fq);
    KernelParameters isolated;
    isolated.x86.amd_force_isolation = true;
    CHECK(type_of("linux-6.12", with(true, true, true), isolated) == DomainType::dma_fq);
}

TEST_CASE("amd_iommu: a device TLB is used in every domain but a blocking one", "[kernel-model][amd][ats]") {
    const auto iotlb = [](const std::string& release, const char* like, bool pasid, bool isolation = false) {
        KernelParameters parameters;
        parameters.x86.amd_force_isolation = isolation;
        Boot run(release, parameters, ivrs_with_iotlb(), like, with(true, true, pasid));
        INFO(run.k->console.text());
        return amd::dte::IOTLB.test(run.machine.dte(devid(0, 3))[1]);
    };
    for (const char* const release : {"linux-6.1", "linux-6.12"}) {
        CHECK(iotlb(release, "qemu", false));
        CHECK(iotlb(release, "qemu", true));
    }
    // From 6.7 on a function's capabilities are looked at only where the unit has guest tables and page requests.
    CHECK(iotlb("linux-6.1", "v1", false));
    CHECK_FALSE(iotlb("linux-6.12", "v1", false));
    CHECK_FALSE(iotlb("linux-6.12", "qemu", false, true));
    Boot without("linux-6.12", {}, usual_ivrs(), "qemu", with(true, true, false));
    CHECK_FALSE(amd::dte::IOTLB.test(without.machine.dte(devid(0, 3))[1]));
}

TEST_CASE("amd_iommu: an identity domain answers an endpoint's requests for translations", "[kernel-model][amd][ats]") {
    Boot run("linux-6.12", {}, ivrs_with_iotlb(), "qemu", with(true, true, true));
    REQUIRE(run.device(kPlain).domain == DomainType::identity);
    iommu::Request request;
    request.sid = StreamId{devid(0, 3)};
    request.address = 0x50001000;
    request.length = 8;
    request.ats = iommu::AtsType::translation_request;
    const iommu::Step step = run.machine.untimed.translate(request);
    CHECK(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x50001000);
    for (const Report& report : run.k->reports.all()) FAIL_CHECK(report.text());
}

TEST_CASE("amd_iommu: behind a hypervisor Linux is strict, and flushes after a map, too", "[kernel-model][amd]") {
    Boot run("linux-6.12", {}, usual_ivrs(), "qemu", {}, true);
    CHECK(run.k->console.text().find("AMD-Vi: Using strict mode due to virtualization") != std::string::npos);
    CHECK(run.device(kPlain).domain == DomainType::dma);
    const auto flushes_of_a_map = [](Boot& of) {
        const Ptr<IommuDomain> domain = of.domain(kPlain);
        of.machine.commands.clear();
        of.task([&] { CHECK(domain->map(Iova{0x10000000}, PhysAddr{0x50000000}, 0x1000, true, true) == 0); });
        std::size_t flushes = 0;
        for (const amd::EntryWords& command : of.machine.commands) {
            if (static_cast<amd::Opcode>(amd::cmd::OPCODE.get(command[0])) == amd::Opcode::invalidate_iommu_pages &&
                amd::cmd::DOMAIN_ID.get(command[0]) == amd::dte::DOMAIN_ID.get(of.machine.dte(devid(0, 3))[1]))
                ++flushes;
        }
        return flushes;
    };
    CHECK(flushes_of_a_map(run) == 1);
    Boot bare;
    CHECK(bare.device(kPlain).domain == DomainType::dma_fq);
    CHECK(flushes_of_a_map(bare) == 0);
}
