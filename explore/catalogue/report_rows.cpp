// The reports of docs/spec/probe-reports.md section 2.
#include "explore/catalogue/race_index.hpp"

namespace xlate::explore {

std::vector<RaceRow> report_rows() {
    constexpr std::string_view kLate = "late IOMMU probe at driver bind";
    constexpr std::string_view kDd7 = "null-dereference: NULL pointer at DD7 in platform_dma_configure";
    return {
        {"X1",
         "rockchip's of_xlate runs in the registration, before a global of the driver is set",
         "x1",
         "null-dereference: NULL pointer at OX2 in of_xlate",
         {"x1/mainline-6.15//9c32"},
         {{"x1", "linux-6.12", 0}, {"x1", "mainline-6.15.1", 7}, {"x1", "linux-7.3", 0}}},
        {"X2",
         "ipmmu registers before its driver data are set: its clients are probed late",
         "x2",
         kLate,
         {"x2/mainline-6.15//6fa9"},
         {{"x2", "linux-6.12", 0}, {"x2", "mainline-6.15.1", 7}, {"x2", "linux-7.3", 0}}},
        {"X6",
         "dev->driver is read twice while it is being set; repaired on every bus but AMBA",
         "x6-amba",
         kDd7,
         {"x6-amba/linux-7.3/cpu0@DD5,cpu1@DD7#3/be55"},
         {{"x6-amba", "linux-6.12", 0}, {"x6-amba", "linux-7.3+amba_driver_read_once", 1225}, {"r22", "linux-7.3", 0}}},
        {"X7",
         "virtio-iommu looks for itself before its probe has returned: no groups under ACPI",
         "x7",
         "it is bound without",
         {"x7/mainline-6.15//4f3c"},
         {{"x7", "linux-6.12", 0}, {"x7", "mainline-6.15.1", 7}, {"x7", "linux-7.3", 0}}},
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
         "an entry that is not written yet (C_BAD_STE)",
         {"x15/linux-7.3/cpu1@DMA>store of hotplug.3/7f3d"},
         {{"x15", "linux-7.3+l2_before_l1", 80}}},
        {"X17",
         "one device's bad entry takes the IOMMU away from all others",
         "x17",
         "its IOMMU is not there, since another device's entry is refused",
         {"x17/linux-7.3//dfee"},
         {{"x17", "linux-6.12", 49}, {"x17", "linux-7.3+walk_skips_device", 49}}},
    };
}

const std::vector<UnshownReport>& unshown_reports() {
    static const std::vector<UnshownReport> all{
        {"X3",
         "the model tests for a late probe where 73d2f10957f5 put it, behind the driver's filter (findings.md F8)"},
        {"X4", "fix-up phases of PCI quirks are not modelled"},
        {"X5", "its cause was not traced"},
        {"X9", "a NIC that hangs behind a switch: access control has no effect on traffic here"},
        {"X11", "references of providers' devices are not counted"},
        {"X12", "error paths inside of drivers' probes are not modelled, but the registration's"},
        {"X13", "tegra241-cmdqv is not modelled"},
        {"X14", "device resets are not modelled"},
        {"X16", "PCI groups are formed in boots: `xlate diff-kernels linux-6.12.74 linux-6.12.75 BOARD`"},
        {"X18", "device links are not in scenarios"},
    };
    return all;
}

}  // namespace xlate::explore
