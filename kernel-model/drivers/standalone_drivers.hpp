// IOMMU drivers without a boot around them, for exploration: what firmware says of an instance there, and how the
// driver is made. One list, as iommu_drivers.hpp is for boots. A scenario may put them in place of the driver's row
// (drivers/model): the driver then probes registers.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/span.hpp"
#include "firmware/description.hpp"
#include "kernel-model/arch/arch_dma.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// What a driver is made of. All of it outlives the driver.
struct StandaloneParts {
    IommuCore& core;
    BusType& platform;
    ArchDma& arch;
    PageAllocator& pages;
    RuntimePm& power;
    Mistakes mistakes;
    std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group;
    std::function<DomainType(Device&)> def_domain_type;
    std::function<void(Device&)> populate;  ///< makes devices of a device's child nodes
};

struct StandaloneDriver {
    std::unique_ptr<Driver> driver;
    IommuOps* ops = nullptr;  ///< the driver's
};

struct StandaloneFamily {
    std::string_view driver;  ///< of a row, and its name in kernel-model
    std::uint64_t register_bytes = 0;
    /// What firmware says of an instance besides what its row has: interrupts and the like.
    void (*describe)(firmware::Node& node) = nullptr;
    StandaloneDriver (*make)(const StandaloneParts& parts) = nullptr;
    /// Nodes besides the instance's own, such as context banks below it; nullptr: there are none. May move the nodes.
    void (*surround)(firmware::Description& description, firmware::NodeIndex node) = nullptr;
    /// Units that a table of firmware names: Linux calls them by this and their number. Empty: devices of firmware.
    std::string_view units{};
    unsigned dma_bits = 32;  ///< that its clients' drivers ask for
};

Span<StandaloneFamily> standalone_drivers();
/// nullptr: there is no such driver.
const StandaloneFamily* find_standalone_driver(std::string_view driver);

}  // namespace xlate::kernel
