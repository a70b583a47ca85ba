#include <optional>

#include "iommu/example_boards.hpp"
#include "iommu/exynos/sysmmu.hpp"
#include "iommu/families.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

struct Row {
    std::string_view name;
    exynos::Version version;
    bool vm;
};
constexpr Row kRows[] = {
    {"5.2", exynos::make_version(5, 2), false},   {"1.0", exynos::make_version(1, 0), false},
    {"2.0", exynos::make_version(2, 0), false},   {"3.1", exynos::make_version(3, 1), false},
    {"3.2", exynos::make_version(3, 2), false},   {"3.3", exynos::make_version(3, 3), false},
    {"5.0", exynos::make_version(5, 0), false},   {"7.4", exynos::make_version(7, 4), false},
    {"7.4-vm", exynos::make_version(7, 4), true},
};
constexpr std::string_view kVersions[] = {kRows[0].name, kRows[1].name, kRows[2].name, kRows[3].name, kRows[4].name,
                                          kRows[5].name, kRows[6].name, kRows[7].name, kRows[8].name};

/// The newest row that is no newer: between two rows nothing differs that is modelled.
std::optional<std::uint64_t> version_of_registers(const std::vector<RegisterWord>& words) {
    std::optional<exynos::Version> version;
    bool capa1 = false, vm = false;
    for (const RegisterWord& one : words) {
        if (one.offset == exynos::reg::VERSION) version = exynos::version_of(one.word);
        if (one.offset == exynos::reg::CAPA0) capa1 = exynos::capa::CAPA1_EXISTS.test(one.word);
        if (one.offset == exynos::reg::CAPA1) vm = exynos::capa::VM_REGISTERS.test(one.word);
    }
    if (!version) return std::nullopt;
    std::optional<std::uint64_t> best;
    for (std::uint64_t i = 0; i < std::size(kRows); ++i) {
        const Row& row = kRows[i];
        if (row.version.raw > version->raw || (row.vm && !(capa1 && vm))) continue;
        if (!best || kRows[*best].version.raw < row.version.raw ||
            (kRows[*best].version.raw == row.version.raw && row.vm))
            best = i;
    }
    return best;
}

constexpr OptionSpec kOptions[] = {
    {"exynos",
     "Samsung's Exynos SysMMU only.",
     "version",
     "VERSION; -vm: with the registers of virtual machines (CAPA0, CAPA1). Firmware does not say it.",
     {kVersions, std::size(kVersions)},
     0,
     0,
     0,
     &version_of_registers}};

const InstanceSpec& sheet() { return exynos::kSpec; }

std::unique_ptr<Instance> make(const InstanceParams& params) {
    const Row& row = kRows[params.hardware.option(kOptions[0])];
    exynos::Parameters own;
    own.version = row.version;
    own.vm = row.vm;
    own.tlb = params.caches.tlb;
    own.flpd = params.caches.walk(2);
    own.seed = params.seed;
    own.name = params.name;
    return std::make_unique<exynos::SysMmu>(own);
}

/// One TLB at its master's bus, and one walk at a time.
constexpr TimingPreset kTiming{
    "exynos-like", "estimate",        {false, 16, 0, 1, 1}, {false, 64, 0, 1, 1}, {true, 64, 4, 1, 1}, 1, 16, 1,
    {0, 0, 16, 0}, {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"exynos", &kTiming, &sheet, &make, {kOptions, std::size(kOptions)}}};

std::unique_ptr<Instance> make_small(const SmallInstance&) {
    exynos::Parameters parameters;
    parameters.tlb.entries = parameters.flpd.entries = kSmallCache;
    parameters.tlb.ways = 0;
    return std::make_unique<exynos::SysMmu>(parameters);
}

}  // namespace

Span<Family> exynos_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily exynos_small() { return {"exynos", &make_small}; }
ExampleBoard exynos_example() { return {"exynos", "an Exynos SysMMU", "exynos.dtb", "13800000.display"}; }

}  // namespace xlate::iommu
