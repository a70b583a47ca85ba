// IOMMU families of which there are both halves: a driver (kernel-model/drivers) and an engine (iommu/). A scenario may
// put them in place of the driver's row (kernel-model/drivers/model): the driver then probes registers, and DMA is
// translated.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/span.hpp"
#include "explore/scenario/scenario.hpp"
#include "firmware/description.hpp"
#include "iommu/instance.hpp"
#include "kernel-model/arch/arch_dma.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::explore {

/// What a driver is made of. All of it outlives the driver.
struct RealDriverParts {
    kernel::IommuCore& core;
    kernel::BusType& platform;
    kernel::ArchDma& arch;
    kernel::PageAllocator& pages;
    kernel::RuntimePm& power;
    kernel::Mistakes mistakes;
    std::function<kernel::PtrOrErr<kernel::IommuGroup>(kernel::Device&)> pci_device_group;
    std::function<kernel::DomainType(kernel::Device&)> def_domain_type;
    std::function<void(kernel::Device&)> populate;  ///< makes devices of a device's child nodes
};

struct RealDriver {
    std::unique_ptr<kernel::Driver> driver;
    kernel::IommuOps* ops = nullptr;  ///< the driver's
};

struct RealFamily {
    std::string_view driver;  ///< of a row, and its name in kernel-model
    std::uint64_t register_bytes = 0;
    /// What firmware says of an instance besides what its row has: interrupts and the like.
    void (*describe)(firmware::Node& node) = nullptr;
    RealDriver (*make_driver)(const RealDriverParts& parts) = nullptr;
    /// With caches and queues small enough to be copied for every schedule.
    std::unique_ptr<iommu::Instance> (*make_instance)(const Scenario& scenario, const IommuSpec& spec) = nullptr;
    /// Nodes besides the instance's own, such as context banks below it; nullptr: there are none. May move the nodes.
    void (*surround)(firmware::Description& description, firmware::NodeIndex node) = nullptr;
    /// Units that a table of firmware names: Linux calls them by this and their number. Empty: devices of firmware.
    std::string_view units{};
    unsigned dma_bits = 32;  ///< that its clients' drivers ask for
};

Span<RealFamily> real_families();
/// nullptr: there is no driver, or no engine.
const RealFamily* find_real_family(std::string_view driver);

}  // namespace xlate::explore
