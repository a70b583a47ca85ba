// Device TLBs behind VT-d: whom firmware lets use them, context entries, and flushes that reach the device.
// Expected: Linux drivers/iommu/intel/iommu.c, dmar_ats_supported(), iommu_flush_dev_iotlb(); VT-d 4.1, 6.5.2.5.
#include <catch2/catch.hpp>

#include "kernel-model/iommu-core/iommu_core.hpp"
#include "tests/kernel-model/intel_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

constexpr const char* kIntegrated = "0000:00:01.0";
constexpr const char* kBelowPort = "0000:01:00.0";
constexpr std::uint32_t kIntegratedId = 0x08, kBelowPortId = 0x100;

/// The usual board, and one structure more: `type` (ATSR 2, SATC 5) with `flags` and a scope of `scope_type` for
/// `device`; 0: no scope.
firmware::Description board_with(unsigned type, unsigned flags, unsigned scope_type, unsigned device) {
    TableWriter dmar("DMAR", 1);
    dmar.u8(38).u8(1).zeros(10);
    dmar.u16(0).u16(32).u8(0).u8(0).u16(0).u64(kUnits[0]);
    scope(dmar, 1, 2);
    scope(dmar, 2, 0x1C);
    dmar.u16(0).u16(16).u8(1).u8(0).u16(0).u64(kUnits[1]);
    if (type != 0) {
        dmar.u16(type).u16(scope_type == 0 ? 8 : 16).u8(flags).u8(0).u16(0);
        if (scope_type != 0) scope(dmar, scope_type, device);
    }
    TableWriter mcfg("MCFG", 1);
    mcfg.u64(0).u64(0xE0000000).u16(0).u8(0).u8(255).u32(0);
    firmware::Description made = firmware::acpi::read_acpi({{"dmar", dmar.finish()}, {"mcfg", mcfg.finish()}});
    made.memory = {{0x40000000, 0x40000000}};
    return made;
}

std::vector<PciFunction> functions_with_ats() {
    std::vector<PciFunction> all = usual_functions();
    for (PciFunction& function : all) {
        if (function.device == 1) function.ats = true;
        for (PciFunction& below : function.below) below.ats = below.kind == PciKind::endpoint;
    }
    return all;
}

struct Allowed {
    bool integrated = false, below_port = false;
    friend bool operator==(const Allowed& a, const Allowed& b) {
        return a.integrated == b.integrated && a.below_port == b.below_port;
    }
};

Allowed allowed(const firmware::Description& board, KernelParameters parameters = {}, const char* like = "server") {
    Boot run("linux-6.12", parameters, params_of(like), board, functions_with_ats());
    INFO(run.k->console.text());
    for (const Report& report : run.k->reports.all()) FAIL_CHECK(report.text());
    const auto type = [&](std::size_t unit, std::uint32_t id) {
        return vt::context::TT.get(run.context(unit, id).first) == vt::context::DEVICE_TLB;
    };
    return {type(1, kIntegratedId), type(0, kBelowPortId)};
}

}  // namespace

TEST_CASE("intel-iommu: which functions may use a device TLB", "[kernel-model][vtd][ats]") {
    // Without a word of firmware: what is integrated.
    CHECK(allowed(board_with(0, 0, 0, 0)) == Allowed{true, false});
    CHECK(allowed(board_with(2, 0, 2, 0x1C)) == Allowed{true, true});
    CHECK(allowed(board_with(2, 0, 2, 0x1D)) == Allowed{true, false});
    CHECK(allowed(board_with(2, 1, 0, 0)) == Allowed{true, true});  // ALL_PORTS
    // SATC: the hardware does it by itself in legacy mode where the device needs its ATC.
    CHECK(allowed(board_with(5, 1, 1, 1)) == Allowed{false, false});
    CHECK(allowed(board_with(5, 0, 1, 1)) == Allowed{true, false});
    // ECAP.DT is 0.
    CHECK(allowed(board_with(2, 1, 0, 0), {}, "qemu") == Allowed{false, false});
    // What passes untranslated has none in legacy mode.
    KernelParameters passing;
    passing.iommu_passthrough = true;
    CHECK(allowed(board_with(2, 1, 0, 0), passing) == Allowed{false, false});
}

TEST_CASE("intel-iommu: an unmap reaches the device TLBs of its domain, behind the unit's own",
          "[kernel-model][vtd][ats]") {
    KernelParameters parameters;
    parameters.iommu_strict = true;
    Boot run("linux-6.12", parameters, params_of("server"), board_with(2, 1, 0, 0), functions_with_ats());
    auto& descriptors = run.machine.units[0]->descriptors;
    const Ptr<IommuDomain> domain = run.domain(kBelowPort);
    using Words = std::pair<std::uint64_t, std::uint64_t>;
    const auto round = [&](std::uint64_t iova, std::uint64_t bytes) {
        run.task([&] { CHECK(domain->map(Iova{iova}, PhysAddr{0x50000000}, bytes, true, true) == 0); });
        descriptors.clear();
        run.task([&] {
            CHECK(domain->unmap(Iova{iova}, bytes) == bytes);
            domain->iotlb_sync(Iova{iova}, bytes);
        });
        REQUIRE(descriptors.size() == 2);
        CHECK((descriptors.front().first & 0xF) == 2);
        return descriptors.back();
    };
    const std::uint64_t low = 3 | std::uint64_t{kBelowPortId} << 32;  // queue depth 0: 32 requests
    CHECK(round(0x10000000, 0x1000) == Words{low, 0x10000000});
    // S, and the lowest zero from bit 12 up says how much: 8 KiB, 16 KiB, 2 MiB.
    CHECK(round(0x10000000, 0x2000) == Words{low, 0x10000001});
    CHECK(round(0x10000000, 0x4000) == Words{low, 0x10001001});
    CHECK(round(0x10000000, 0x200000) == Words{low, 0x100FF001});
    descriptors.clear();
    run.task([&] { domain->flush_iotlb_all(); });
    REQUIRE(descriptors.size() == 2);
    CHECK(descriptors.back() == Words{low, 0x7FFFFFFFFFFFF001});
    // Released, it is told nothing more.
    Device* const dev = run.boot->find_device(kBelowPort);
    run.task([&] { run.boot->iommu().iommu_release_device(*dev); });
    CHECK(run.context(0, kBelowPortId) == Words{0, 0});
}

TEST_CASE("intel-iommu: in scalable mode the context entry lets requests for translations in",
          "[kernel-model][vtd][ats]") {
    KernelParameters parameters;
    parameters.x86.intel_scalable = true;
    for (const bool passes : {false, true}) {
        parameters.iommu_passthrough = passes;
        Boot run("linux-6.12", parameters, params_of("scalable"), board_with(2, 1, 0, 0), functions_with_ats());
        const std::uint64_t root = run.machine.load(run.unit(0).root_table() + 16 * (kBelowPortId >> 8));
        const std::uint64_t entry = run.machine.load(vt::root::table(root) + 32 * (kBelowPortId & 0x7F));
        CHECK(vt::scalable_context::P.test(entry));
        CHECK(vt::scalable_context::DTE.test(entry));
    }
}
