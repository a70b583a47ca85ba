#include "explore/catalogue/series_rows.hpp"

#include <fmt/format.h>

#include "kernel-model/drivers/standalone_drivers.hpp"

namespace xlate::explore {

namespace {

constexpr std::string_view kNoFwspec = "a probed device has no fwspec";
constexpr std::string_view kFreedFwspec = "the fwspec of a probed device is freed";
constexpr std::string_view kDirect = "DMA operations are direct though the domain translates";
constexpr std::string_view kReleaseNull = "null-dereference: NULL pointer at RL2 in release_device";
constexpr std::string_view kR1 = "null-dereference: NULL pointer at FI4 in iommu_fwspec_init";
constexpr std::string_view kUntranslated = "it is bound without";
constexpr std::string_view kLeftover = "with a half-parsed fwspec left behind";
constexpr std::string_view kNoDomain = "DMA starts while the device's group has no domain";
constexpr std::string_view kLegacy = "domain=identity ops=direct iommu=smmu0 instances=smmu0 ids=1,2,";
constexpr std::string_view kLegacyZero = "domain=identity ops=direct iommu=smmu0 instances=smmu0 ids=0,0,";  // D-5a
constexpr std::string_view kRemoved = "dev0: removed";
constexpr std::string_view kArm = "dev0: bound group{dev0} domain=unmanaged ops=arm-mapping";
constexpr std::string_view kGeneric = "dev0: bound group{dev0} domain=DMA ops=iommu";
constexpr std::string_view kCoherencyOnly = "dev0: bound group{dev0} domain=identity ops=direct";

/// Patch 17 for one driver: its release_device no longer stores NULL in priv.
SeriesRow stale_priv(std::string_view driver, std::string_view scenario) {
    return {driver,
            17,
            "release_device stores no NULL in priv: it dangles until the container goes, and nobody reads it",
            scenario,
            {{"base", "", kRemoved}, {"series-v1@16", "", kRemoved}, {"series-v1@17", "", kRemoved}}};
}

/// Patch 1 for an architecture that ignores IOMMUs.
SeriesRow signature_only(std::string_view arch, std::string_view scenario) {
    return {arch,
            1,
            "the signature of arch_setup_dma_ops; coherency as before",
            scenario,
            {{"base", "", kCoherencyOnly}, {"series-v1@1", "", kCoherencyOnly}, {"series-v1@17", "", kCoherencyOnly}}};
}

std::vector<SeriesRow> driver_rows() {
    return {
        {"arm-smmu-v3",
         15,
         "parses into the fwspec alone (of_xlate_fwspec): no second parse takes the fwspec of a probed device",
         "d-8a-smmu",
         {{"base", "", kRemoved},
          {"series-v1@14", kReleaseNull, ""},
          {"series-v1@15", "", kRemoved},
          {"series-v1@17", "", kRemoved}}},
        stale_priv("arm-smmu-v3", "removed-smmu-v3"),
        {"arm-smmu",
         14,
         "probe_device's error path leaves the fwspec to the core: freed once before and after",
         "smmu-refused",
         {{"base", "", "dev1: bound no group; smmu0"},
          {"series-v1@13", "", "dev1: bound no group; smmu0"},
          {"series-v1@14", "", "dev1: bound no group; smmu0"},
          {"series-v1@17", "", "dev1: bound no group; smmu0"}}},
        {"arm-smmu",
         15,
         "parses into the fwspec alone, as arm-smmu-v3",
         "smmu-again",
         {{"base", "", kRemoved},
          {"series-v1@14", kReleaseNull, ""},
          {"series-v1@15", "", kRemoved},
          {"series-v1@17", "", kRemoved}}},
        stale_priv("arm-smmu", "removed-smmu"),
        stale_priv("apple-dart", "removed-dart"),
        {"omap",
         1,
         "on ARM32 the architecture attaches a mapping for the group that probe_device made: D-1",
         "d-1",
         {{"base", "", "domain=unmanaged ops=direct iommu=omap0 instances=omap0 own attach;"},
          {"series-v1@1", "its driver's own attach is refused (-EBUSY)", "dev0: unbound"},
          {"series-v1@17", "its driver's own attach is refused (-EBUSY)", "dev0: unbound"}}},
        stale_priv("omap", "removed-omap"),
        {"tegra-smmu",
         8,
         "its own parse has probed the client before the client is configured: D-8a at the first configure",
         "tegra",
         {{"base", "", "dev0: bound group{dev0}"},
          {"series-v1@7", "", "dev0: bound group{dev0}"},
          {"series-v1@8", kNoFwspec, ""},
          {"series-v1@17", kNoFwspec, ""}}},
        {"tegra-smmu",
         6,
         "no marker stays after a deferral: its own parse no longer meets one, which made the registration fail",
         "tegra-register",
         {{"base", "", "dev0: deferred no group; tegra0: not registered"},
          {"series-v1@5", "", "dev0: deferred no group; tegra0: not registered"},
          {"series-v1@6", "", "dev0: bound group{dev0}"},
          {"series-v1@17", kNoFwspec, ""}}},
        {"tegra-smmu",
         14,
         "leaves the fwspec to the core if of_xlate fails; nothing to see otherwise",
         "tegra",
         {{"base", "", "dev0: bound group{dev0}"},
          {"series-v1-fixed@13", "", "dev0: bound group{dev0}"},
          {"series-v1-fixed@14", "", "dev0: bound group{dev0}"},
          {"series-v1@17", kNoFwspec, ""}}},
        {"virtio-iommu",
         15,
         "parses into the fwspec alone, as arm-smmu-v3",
         "virtio-again",
         {{"base", "", kGeneric},
          {"series-v1@14", kNoFwspec, ""},
          {"series-v1@15", "", kGeneric},
          {"series-v1@17", "", kGeneric}}},
        stale_priv("Intel", "removed-vt-d"),
        stale_priv("AMD", "removed-amd-vi"),
    };
}

std::vector<SeriesRow> parser_rows() {
    return {
        {"OF",
         3,
         "errors surface, and the test for a bus is gone: D-3, until the fwspec brings the driver (patch 7)",
         "d-3",
         {{"base", "", "dev0: unbound no group"},
          {"series-v1@3", "null-dereference: NULL pointer at PD1", ""},
          {"series-v1@7", "", "group{dev0}"},
          {"series-v1@17", "", "group{dev0}"}}},
        {"OF",
         5,
         "more ids than one stand in an array of their own, and the fwspec stays where it is; D-5a writes zeros there",
         "d-5",
         {{"base", "", kGeneric},
          {"series-v1@4", "", kGeneric},
          {"series-v1@5", "firmware gives the ids [1, 2], the device has [0, 0] (wrong)", ""},
          {"series-v1-fixed@5", "", kGeneric},
          {"series-v1@17", "firmware gives the ids [1, 2], the device has [0, 0] (wrong)", ""}}},
        {"OF",
         5,
         "the array is freed with the fwspec: not in the series as posted (D-5b)",
         "d-5b",
         {{"base", "", kRemoved},
          {"series-v1@5", "leak: fwspec ids", ""},
          {"series-v1-fixed@5", "", kRemoved},
          {"series-v1@17", "leak: fwspec ids", ""}}},
        {"OF",
         6,
         "no marker stays after a deferral: R7 ends",
         "r7",
         {{"base", "at FF in iommu_fwspec_free", ""},
          {"series-v1-fixed@5", "at FF in iommu_fwspec_free", ""},
          {"series-v1-fixed@6", kR1, ""},
          {"series-v1@17", kUntranslated, "dev0: bound no group"}}},
        {"OF",
         8,
         "each attempt parses anew into a private fwspec: R9 ends",
         "r9",
         {{"base", kLeftover, ""}, {"series-v1@8", "", "no group"}, {"series-v1@17", "", "no group"}}},
        {"OF",
         11,
         "the probe lock is held around of_xlate: the cover letter's races end",
         "r2a",
         {{"base", "null-dereference: NULL pointer at OX3", ""},
          {"series-v1-fixed@10", "null-dereference", ""},
          {"series-v1-fixed@11", "", kGeneric},
          {"series-v1@17", "an outcome that no sequential order gives", ""}}},
        {"IORT",
         10,
         "the parse fills a private fwspec: the races end; D-10a frees it after the probe has taken it",
         "acpi-one",
         {{"base", kR1, ""},
          {"series-v1-fixed@9", kR1, ""},
          {"series-v1-fixed@10", "", kGeneric},
          {"series-v1@10", kFreedFwspec, ""},
          {"series-v1@17", kFreedFwspec, ""}}},
        {"VIOT",
         10,
         "as IORT: the parse fills a private fwspec",
         "viot",
         {{"base", kUntranslated, ""},
          {"series-v1-fixed@9", kUntranslated, ""},
          {"series-v1-fixed@10", "", kGeneric},
          {"series-v1@10", kFreedFwspec, ""},
          {"series-v1@17", kFreedFwspec, ""}}},
        {"VIOT",
         10,
         "asked only when the IORT says -ENODEV, with the fwspec that the IORT began (D-10c)",
         "d-10c",
         {{"base", "", "dev0: deferred no group ids=1,;"},
          {"series-v1-fixed@10", "", "dev0: deferred no group;"},
          {"series-v1@10", "", "dev0: bound no group;"},
          {"series-v1@17", "", "dev0: bound no group;"}}},
        {"ACPI scan",
         4,
         "acpi_iommu_configure_id returns an error number; every error but a deferral still means: no IOMMU",
         "d-10a",
         {{"base", "", kGeneric},
          {"series-v1@4", "", kGeneric},
          {"series-v1@9", "", kGeneric},
          {"series-v1-fixed@17", "", kGeneric},
          {"series-v1@17", kFreedFwspec, ""}}},
        {"ACPI scan",
         10,
         "waiting for an IOMMU obeys the deferral timeout (D-10b)",
         "acpi-timeout",
         {{"base", "", "dev0: deferred"},
          {"series-v1@9", "", "dev0: deferred"},
          {"series-v1@10", "", "dev0: bound no group"},
          {"series-v1@17", "", "dev0: bound no group"}}},
        {"Hyper-V",
         1,
         "a device that is in no group: nothing",
         "hyper-v",
         {{"base", "", "dev0: bound no group coherent"},
          {"series-v1@1", "", "dev0: bound no group coherent"},
          {"series-v1@17", "", "dev0: bound no group coherent"}}},
        {"Hyper-V",
         1,
         "a device in a group (what if the core knew the VMBus) gets IOMMU operations, with the whole range",
         "hyper-v-group",
         {{"base", kDirect, "ops=direct"},
          {"series-v1@1", "", "ops=iommu window=0x0..0xffffffffffffffff"},
          {"series-v1@17", "", "ops=iommu window=0x0..0xffffffffffffffff"}}},
        {"Hyper-V",
         7,
         "the driver comes from the fwspec, not from the bus: an open-coded parse puts the device into a group",
         "hyper-v-parsed",
         {{"base", kLeftover, "dev0: bound no group"},
          {"series-v1@6", kLeftover, "dev0: bound no group"},
          {"series-v1@7", "", "group{dev0}"},
          {"series-v1@17", "", "group{dev0}"}}},
    };
}

std::vector<SeriesRow> arch_rows_of_series() {
    return {
        {"arm",
         1,
         "asks for a group instead of the driver: the same for a client that was parsed (else D-1, see omap)",
         "arch-arm",
         {{"base", "", kArm}, {"series-v1@1", "", kArm}, {"series-v1@17", "", kArm}}},
        signature_only("arm nommu", "arch-arm-nommu"),
        {"arm64",
         1,
         "asks for a group instead of the driver: the same for a client that was parsed",
         "arch-arm64",
         {{"base", "", kGeneric}, {"series-v1@1", "", kGeneric}, {"series-v1@17", "", kGeneric}}},
        {"arm64",
         1,
         "a group that probe_device made without any parse counts as behind an IOMMU",
         "omap-arm64",
         {{"base", kDirect, ""},
          {"series-v1@1", "", "domain=DMA ops=iommu"},
          {"series-v1@17", "", "domain=DMA ops=iommu"}}},
        {"arm64",
         1,
         "a legacy master (mmu-masters) counts as behind an IOMMU: harmless, its domain is identity (R17 stays)",
         "mmu-masters",
         {{"base", kNoDomain, kLegacy}, {"series-v1@1", kNoDomain, kLegacy}, {"series-v1@17", kNoDomain, kLegacyZero}}},
        signature_only("arc", "arch-arc"),
        signature_only("mips", "arch-mips"),
        signature_only("riscv", "arch-riscv"),
    };
}

/// A row has the name that the cover letter uses.
std::string_view driver_of(std::string_view row) {
    if (row == "omap") return "omap-iommu";
    if (row == "Intel") return "intel-iommu";
    return row == "AMD" ? "amd-iommu" : row;
}

std::string cell(const SeriesPoint& point) {
    if (!point.sign.empty()) return fmt::format("{}: **{}**", point.variant, point.sign);
    return point.outcome.empty() ? fmt::format("{}: verified", point.variant)
                                 : fmt::format("{}: verified, `{}`", point.variant, point.outcome);
}

}  // namespace

const std::vector<SeriesRow>& series_rows() {
    static const std::vector<SeriesRow> all = [] {
        std::vector<SeriesRow> rows = driver_rows();
        for (const auto& more : {parser_rows(), arch_rows_of_series()})
            rows.insert(rows.end(), more.begin(), more.end());
        return rows;
    }();
    return all;
}

const std::vector<std::string_view>& series_row_names() {
    static const std::vector<std::string_view> names{
        "arm-smmu-v3", "arm-smmu",  "apple-dart", "omap", "tegra-smmu", "virtio-iommu", "Intel", "AMD",  "OF",   "IORT",
        "VIOT",        "ACPI scan", "Hyper-V",    "arm",  "arm nommu",  "arm64",        "arc",   "mips", "riscv"};
    return names;
}

std::string series_rows_text() {
    std::string text =
        "| row | patch | what it changes for it | file | what a closed search says |\n|---|---|---|---|---|\n";
    for (const SeriesRow& row : series_rows()) {
        std::vector<std::string> cells;
        for (const SeriesPoint& point : row.points) cells.push_back(cell(point));
        const std::string_view driver = driver_of(row.row);
        const char* form = kernel::find_standalone_driver(driver) != nullptr ? " (also: real driver)" : "";
        text += fmt::format("| {}{} | {} | {} | {}.yaml | {} |\n", row.row, form, row.patch, row.what, row.scenario,
                            fmt::join(cells, "<br>"));
    }
    return text;
}

}  // namespace xlate::explore
