// Which units Linux's VT-d driver uses, what makes it strict, and when it remaps no interrupts. Expected: Linux
// drivers/iommu/intel/iommu.c (init_no_remapping_devices, intel_iommu_init) and irq_remapping.c.
#include <catch2/catch.hpp>

#include <optional>

#include "tests/kernel-model/intel_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

constexpr unsigned kGraphics = 2, kAbsent = 0x17;
constexpr std::uint8_t kIoApic = 2;

/// Unit 0: the function 00:`device`.0 alone; unit 1: all else, and the I/O APIC if it is in a scope.
firmware::Description board_with(unsigned device, bool scoped = true) {
    TableWriter dmar("DMAR", 1);
    dmar.u8(38).u8(1).zeros(10);
    dmar.u16(0).u16(24).u8(0).u8(0).u16(0).u64(kUnits[0]);
    scope(dmar, 1, device);
    dmar.u16(0).u16(scoped ? 24 : 16).u8(1).u8(0).u16(0).u64(kUnits[1]);
    if (scoped) dmar.u8(3).u8(8).u8(0).u8(0).u8(kIoApic).u8(0xF0).u8(0x1F).u8(0);
    TableWriter mcfg("MCFG", 1);
    mcfg.u64(0).u64(0xE0000000).u16(0).u8(0).u8(255).u32(0);
    TableWriter madt("APIC", 4);
    madt.u32(0xFEE00000).u32(1).u8(1).u8(12).u8(kIoApic).u8(0).u32(0xFEC00000).u32(0);
    firmware::Description description =
        firmware::acpi::read_acpi({{"dmar", dmar.finish()}, {"mcfg", mcfg.finish()}, {"apic", madt.finish()}});
    description.memory = {{0x40000000, 0x40000000}};
    return description;
}

bool says(const Boot& run, const std::string& text) { return run.k->console.text().find(text) != std::string::npos; }

}  // namespace

TEST_CASE("intel-iommu: igfx_off leaves a unit of graphics alone", "[kernel-model][vtd]") {
    const std::string variant = GENERATE("linux-6.1", "linux-6.12", "linux-7.3");
    CAPTURE(variant);
    KernelParameters parameters;
    parameters.x86.intel_graphics = false;
    Boot run(variant, parameters, params_of("server"), board_with(kGraphics));
    CHECK_FALSE(run.device("0000:00:02.0").group);
    CHECK_FALSE(vt::gcmd::TE.test(run.unit(0).status()));
    CHECK(vt::gcmd::TE.test(run.unit(1).status()));
    CHECK(run.device("0000:00:01.0").domain == DomainType::dma_fq);
}

TEST_CASE("intel-iommu: igfx_off where graphics share a unit, before and from 6.10", "[kernel-model][vtd]") {
    KernelParameters parameters;
    parameters.x86.intel_graphics = false;
    CHECK(Boot("linux-6.1", parameters).device("0000:00:02.0").domain == DomainType::identity);
    CHECK(Boot("mainline-6.8", parameters).device("0000:00:02.0").domain == DomainType::identity);
    CHECK(Boot("linux-6.12", parameters).device("0000:00:02.0").domain == DomainType::dma_fq);
}

TEST_CASE("intel-iommu: a unit whose devices are not there is left alone", "[kernel-model][vtd]") {
    const Boot there("linux-6.12", {}, params_of("server"), board_with(kGraphics));
    CHECK(there.boot->iommus().size() == 2);
    Boot absent("linux-6.12", {}, params_of("server"), board_with(kAbsent));
    CHECK(absent.boot->iommus().size() == 1);
    CHECK_FALSE(vt::gcmd::TE.test(absent.unit(0).status()));
    CHECK(absent.device("0000:00:02.0").iommu == "dmar1");
}

TEST_CASE("intel-iommu: a unit with caching mode makes Linux strict", "[kernel-model][vtd]") {
    const char* const line = "DMAR: IOMMU batching disallowed due to virtualization";
    vt::VtdParams virtual_unit = params_of("server");
    virtual_unit.cap |= vt::cap::CM.of(1);
    const Boot strict("linux-6.12", {}, virtual_unit, board_with(kGraphics));
    CHECK(strict.device("0000:00:01.0").domain == DomainType::dma);
    CHECK(says(strict, line));
    const Boot lazy("linux-6.12", {}, params_of("server"), board_with(kGraphics));
    CHECK(lazy.device("0000:00:01.0").domain == DomainType::dma_fq);
    CHECK_FALSE(says(lazy, line));
    // First-level tables need no copy in the hypervisor.
    KernelParameters scalable;
    scalable.x86.intel_scalable = true;
    vt::VtdParams first_level = params_of("scalable");
    first_level.cap |= vt::cap::CM.of(1);
    const Boot batches("linux-6.12", scalable, first_level, board_with(kGraphics));
    CHECK(batches.device("0000:00:01.0").domain == DomainType::dma_fq);
}

TEST_CASE("intel-iommu: an I/O APIC that no unit has means no interrupt remapping", "[kernel-model][vtd]") {
    Boot known("linux-6.12", {}, params_of("server"), board_with(kGraphics));
    CHECK(vt::gcmd::IRE.test(known.unit(1).status()));
    Boot unknown("linux-6.12", {}, params_of("server"), board_with(kGraphics, false));
    CHECK_FALSE(vt::gcmd::IRE.test(unknown.unit(1).status()));
    CHECK(
        says(unknown, "DMAR-IR: [Firmware Bug]: ioapic 2 has no mapping iommu, interrupt remapping will be disabled"));
    CHECK(says(unknown, "DMAR-IR: Not enabling interrupt remapping"));
    CHECK(vt::gcmd::TE.test(unknown.unit(1).status()));
}
