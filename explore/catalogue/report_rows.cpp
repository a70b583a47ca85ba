// The reports of docs/spec/probe-reports.md section 2.
#include <algorithm>

#include "explore/catalogue/race_index.hpp"

namespace xlate::explore {

namespace {

constexpr std::string_view kLate = "late IOMMU probe at driver bind";
constexpr std::string_view kOx2 = "null-dereference: NULL pointer at OX2 in of_xlate";
constexpr std::string_view kDd7 = "null-dereference: NULL pointer at DD7 in platform_dma_configure";
constexpr std::string_view kWithout = "it is bound without";
constexpr std::string_view kBadSte = "an entry that is not written yet (C_BAD_STE)";
constexpr std::string_view kBadCd = "an entry that is not written yet (C_BAD_CD)";
constexpr std::string_view kDisabled = "its IOMMU is not there, since another device's entry is refused";
constexpr std::string_view kForEver = "deferred for ever, also after the timeout";

}  // namespace

const std::vector<std::string_view>& report_kernels() {
    static const std::vector<std::string_view> all{
        "linux-6.1",  "linux-6.12", "bcb81ac6ae3c", "mainline-6.15", "mainline-6.15.1", "linux-6.16", "linux-6.17",
        "linux-6.18", "linux-6.19", "linux-7.0",    "linux-7.1",     "linux-7.2",       "linux-7.3"};
    return all;
}

const std::vector<ReportVerdicts>& report_verdicts() {
    static const std::vector<ReportVerdicts> all{
        {"X1", "x1", kOx2, "bcb81ac6ae3c", "bcb81ac6ae3c"},
        {"X2", "x2", kLate, "bcb81ac6ae3c", "bcb81ac6ae3c"},
        {"X3", "x3", kLate, "bcb81ac6ae3c", "bcb81ac6ae3c"},
        {"X6", "x6-amba", kDd7, "bcb81ac6ae3c", "linux-7.3"},
        {"X7", "x7", kWithout, "bcb81ac6ae3c", "mainline-6.15.1"},
        {"X8", "r22", kLate, "bcb81ac6ae3c", "linux-7.3"},
        {"X10", "x10", kLate, "bcb81ac6ae3c", "linux-7.3"},
        {"X15", "x15", kBadSte, "linux-6.1", "linux-7.3"},
        {"X15, second half", "x15-ste", kBadCd, "linux-6.1", "linux-7.0"},
        {"X17", "x17", kDisabled, "bcb81ac6ae3c", "linux-7.3"},
        {"X18", "x18", kForEver, "bcb81ac6ae3c", "linux-7.3"},
    };
    return all;
}

bool ReportVerdicts::found_in(std::string_view kernel) const {
    const std::vector<std::string_view>& kernels = report_kernels();
    const auto place = [&](std::string_view name) { return std::find(kernels.begin(), kernels.end(), name); };
    return place(first) <= place(kernel) && place(kernel) <= place(last);
}

std::vector<RaceRow> report_rows() {
    return {
        {"X1",
         "rockchip's of_xlate runs in the registration, before a global of the driver is set",
         "x1",
         kOx2,
         {"x1/bcb81ac6ae3c//00d6"},
         {{"x1", "linux-6.12", 0}, {"x1", "mainline-6.15", 7}, {"x1", "linux-7.3", 0}}},
        {"X2",
         "ipmmu registers before its driver data are set: its clients are probed late",
         "x2",
         kLate,
         {"x2/bcb81ac6ae3c//87d3"},
         {{"x2", "linux-6.12", 0}, {"x2", "mainline-6.15", 7}, {"x2", "linux-7.3", 0}}},
        {"X3",
         "a unit's walk warns at a bound device that it does not cover",
         "x3",
         kLate,
         {"x3/bcb81ac6ae3c//8c4c"},
         {{"x3", "linux-6.12", 1}, {"x3", "mainline-6.15", 1}, {"x3", "linux-7.3", 1}}},
        {"X6",
         "dev->driver is read twice while it is being set; repaired on every bus but AMBA",
         "x6-amba",
         kDd7,
         {"x6-amba/linux-7.3/cpu0@DD5,cpu1@DD7#3/be55"},
         {{"x6-amba", "linux-6.12", 0}, {"x6-amba", "linux-7.3+amba_driver_read_once", 1225}, {"r22", "linux-7.3", 0}}},
        {"X7",
         "virtio-iommu looks for itself before its probe has returned: no groups under ACPI",
         "x7",
         kWithout,
         {"x7/mainline-6.15//4f3c", "x7/mainline-6.15.1//8eaf"},
         {{"x7", "linux-6.12", 0}, {"x7", "linux-6.16", 7}, {"x7", "linux-7.3", 0}}},
        {"X8",
         "R22: a client beside its IOMMU's walk is probed late",
         "r22",
         kLate,
         {"r22/mainline-6.15/cpu0@OIC1/2e7b", "r22/mainline-6.15.1/cpu0@DD12/9685"},
         {{"r22", "linux-6.12", 0}}},
        {"X10",
         "a client of two SysMMUs is bound beside the second one's registration: probed late",
         "x10",
         kLate,
         {"x10/linux-7.3/cpu0@OIC1/6355"},
         {{"x10", "linux-6.12", 1068}}},
        {"X15",
         "level 1 of a stream table is seen before level 2: an entry that is not written yet",
         "x15",
         kBadSte,
         {"x15/linux-7.3/cpu1@DMA>store of hotplug.3/7f3d"},
         {{"x15", "linux-7.3+l2_before_l1", 84}}},
        {"X15, second half",
         "a stream table entry is seen before the descriptor that it names, where no command comes between them",
         "x15-ste",
         kBadCd,
         {"x15-ste/linux-7.0/cpu1@DMA,cpu1@DMA,cpu1@DMA,store of hotplug.3@MEM/c3d6"},
         {{"x15-ste", "linux-7.1", 368}, {"x15-ste", "linux-7.0+ste_barrier", 368}}},
        {"X17",
         "one device's bad entry takes the IOMMU away from all others",
         "x17",
         kDisabled,
         {"x17/linux-7.3//dfee"},
         {{"x17", "linux-6.12", 49}, {"x17", "linux-7.3+walk_skips_device", 49}}},
        {"X18",
         "SMMUv2: a client that was grouped before its SMMU's registration failed is never bound again",
         "x18",
         kForEver,
         {"x18/linux-7.3//7905"},
         {{"x18", "linux-6.12", 196}, {"x18", "linux-7.3+link_ends_with_client", 0}}},
    };
}

const std::vector<UnshownReport>& unshown_reports() {
    static const std::vector<UnshownReport> all{
        {"X4", "fix-up phases of PCI quirks are not modelled"},
        {"X5", "its cause was not traced"},
        {"X9",
         "it shows in boots, not in schedules: `xlate diff-kernels linux-6.12 linux-7.3 BOARD` says which ports' "
         "access "
         "control is on now, also on a board without any IOMMU; that a NIC then hangs is the NIC's"},
        {"X11", "references of providers' devices are not counted"},
        {"X12", "error paths inside of drivers' probes are not modelled, but the registration's"},
        {"X13", "tegra241-cmdqv is not modelled"},
        {"X14", "device resets are not modelled"},
        {"X16",
         "it shows in boots, not in schedules: `xlate diff-kernels linux-6.12.74 linux-6.12.75 configs/x86-amd.yaml` "
         "says "
         "which groups merge"},
    };
    return all;
}

}  // namespace xlate::explore
