#include "iommu/virtio/page.hpp"

#include "iommu/page_rows.hpp"
#include "iommu/virtio/virtio_iommu.hpp"

namespace xlate::iommu::virtio {
namespace {

constexpr PageRow kFeatures[] = {
    {"INPUT_RANGE", feature::INPUT_RANGE, "functional", ""},
    {"DOMAIN_RANGE", feature::DOMAIN_RANGE, "functional", ""},
    {"MAP_UNMAP", feature::MAP_UNMAP, "functional", "must be accepted"},
    {"BYPASS", feature::BYPASS, "absent", "BYPASS_CONFIG is there instead"},
    {"PROBE", feature::PROBE, "functional", ""},
    {"MMIO", feature::MMIO, "functional", "the flag of a MAP is taken, and says nothing"},
    {"BYPASS_CONFIG", feature::BYPASS_CONFIG, "functional", "config.bypass: what an unattached endpoint does"},
    {"VERSION_1", feature::VERSION_1, "functional", "must be accepted: no legacy interface"},
    {"ACCESS_PLATFORM", feature::ACCESS_PLATFORM, "absent", "the device reads its rings by physical addresses"},
};
constexpr PageRow kRequests[] = {
    {"ATTACH", 1, "functional", "flag BYPASS; an endpoint that does not exist is NOENT"},
    {"DETACH", 2, "functional", ""},
    {"MAP", 3, "functional", "overlap, alignment and range are looked at: INVAL, RANGE"},
    {"UNMAP", 4, "functional", "whole mappings; a part of one is RANGE"},
    {"PROBE", 5, "functional", "RESV_MEM of the endpoint's windows, the MSI window as such"},
};
constexpr PageRow kEvents[] = {
    {"UNKNOWN", event::kUnknown, "functional", "not attached, and unattached endpoints do not pass"},
    {"DOMAIN", event::kDomain, "functional", "beyond the input range"},
    {"MAPPING", event::kMapping, "functional", "nothing mapped, or no right"},
};
constexpr PageRow kMmio[] = {
    {"MagicValue, Version, DeviceID, VendorID", reg::MagicValue, "functional", "2: no legacy interface"},
    {"DeviceFeatures, DriverFeatures and their selectors", reg::DeviceFeatures, "functional", ""},
    {"QueueSel, QueueNumMax, QueueNum, QueueReady", reg::QueueSel, "functional", "two queues of at most 1024 entries"},
    {"QueueDesc, QueueDriver, QueueDevice", reg::QueueDescLow, "functional", "low and high halves"},
    {"QueueNotify", reg::QueueNotify, "functional", "queue 0 is taken from until it is empty"},
    {"InterruptStatus, InterruptACK", reg::InterruptStatus, "functional", "used buffers, configuration change"},
    {"Status", reg::Status, "functional", "0 resets; broken rings end in NEEDS_RESET"},
    {"ConfigGeneration, Config", reg::ConfigGeneration, "functional", "bypass can be written, the rest is read only"},
    {"shared memory, QueueReset", 0x0B0, "absent", ""},
};
constexpr PageRow kPci[] = {
    {"common structure", pci::kCommon, "functional", "features, status, queues, vectors"},
    {"ISR status", pci::kIsr, "absent", "no INTx: interrupts are messages"},
    {"configuration space", pci::kConfig, "functional", "as over MMIO"},
    {"notification", pci::kNotify, "functional", "a doorbell of 4 bytes a queue"},
};

}  // namespace

std::string virtio_page() {
    std::string page = page_head("virtio-iommu", "virtio_page", "iommu/virtio/",
                                 "VIRTIO 1.2 section 5.13, `docs/spec/iommu-hardware.md` 8,");
    page += R"(
A paravirtualised IOMMU behind virtio over MMIO (`virtio,mmio`) or PCI (`virtio,pci-iommu`). Its mappings come by requests through a split
virtqueue, and no table lies in memory: the `mappings` of a domain are what the backend keeps.
`soc.iommu.virtio` has the page size, the input range and what an unattached endpoint does.

Requests without room for an answer and broken rings end in NEEDS_RESET, as the specification asks; without a buffer in the event queue
a record is dropped, and counted.

Not modelled: the legacy interface, indirect descriptors, event indices, shared memory, PCI's configuration space beyond what
enumeration needs.
)";
    page_table(page, "Registers over MMIO", "Register | Offset", {kMmio, std::size(kMmio)}, "0x{:03x}");
    page_table(page, "Structures of the BAR over PCI", "Structure | Offset", {kPci, std::size(kPci)}, "0x{:04x}");
    page_table(page, "Features", "Feature | Bit", {kFeatures, std::size(kFeatures)}, "{}");
    page_table(page, "Requests", "Request | Type", {kRequests, std::size(kRequests)}, "{}");
    page_table(page, "Events", "Reason | Code", {kEvents, std::size(kEvents)}, "{}");
    page_faults(page, kSpec, static_cast<std::uint16_t>(Fault::permission));
    const Parameters parameters;
    page_structures(page, kSpec, {&parameters.tlb, 1});
    page_counters(page, kSpec);
    return page;
}

}  // namespace xlate::iommu::virtio
