// The IOMMU drivers that this kernel has, and those that an IOMMU driver waits for: one list. A driver needs registers
// (Machine), page tables, pages, interrupts and runtime power management; nothing of soc/ or explore/. Source:
// families.md section 4; docs/spec/kernel-probe.md section 5.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/span.hpp"
#include "firmware/description.hpp"
#include "kernel-model/boot.hpp"

namespace xlate::kernel {

class PageAllocator;
class RuntimePm;
struct MessageDomain;

/// What a driver is made of besides the boot. All of it outlives the boot.
struct IommuDriverParts {
    PageAllocator& pages;
    RuntimePm& power;
    Mistakes mistakes;
    /// A device asks for a page (PRI) and its client may provide it. Empty: refused.
    std::function<bool(Device& dev, Iova address, bool write)> on_page_request;
    /// Where a driver that remaps interrupts says so; nullptr: nobody asks.
    MessageDomain* messages = nullptr;
};

/// Who makes the driver's devices.
enum class DriverHome : std::uint8_t {
    platform,  ///< the firmware's nodes
    virtio,    ///< the virtio bus, behind a transport
    initcall   ///< no device: an initcall finds the units in a table of firmware
};

struct IommuDriver {
    std::string_view name;    ///< as iommu_ops and logs have it: "arm-smmu-v3"
    std::string_view module;  ///< as modprobe takes it; '-' and '_' are the same
    DriverHome home = DriverHome::platform;
    Span<std::string_view> compatibles;  ///< its match table; initcall: none
    /// Properties of suppliers that its probe asks for itself ("clocks"): it is deferred for as long as one of them is
    /// absent, whatever fw_devlink says, and has no timeout. Source: devm_clk_*() and devm_reset_control_get() in the
    /// drivers' probe functions, and which errors these return.
    Span<std::string_view> takes;
    std::unique_ptr<Driver> (*make)(LinuxBoot& boot, const IommuDriverParts& parts) = nullptr;
    bool needs_iommu_cells = false;  ///< nodes of its compatibles are IOMMUs only with #iommu-cells (virtio,mmio)
    unsigned first_release = 0;      ///< of Linux that has it, as Variant::release; 0: every one that is modelled
    /// Why its of_xlate answers -ENODEV for a device of that name, for people; empty: it does not. nullptr: never.
    std::string (*turns_away)(const firmware::Description& description, std::string_view device, bool pci,
                              unsigned release) = nullptr;
    std::string_view without_clocks{};  ///< printed when a supplier of `takes` is absent; empty: it says nothing

    bool binds_to(const firmware::Node& node) const;
};

/// In Linux's link order.
Span<IommuDriver> iommu_drivers();
/// The driver that binds to this node; nullptr: this kernel has none.
const IommuDriver* iommu_driver_of(const firmware::Node& node);

/// For BootConfig::drivers: those that the firmware has a use for. A driver that matches nothing is left out, as a
/// kernel's module that nothing loads. `not_built`: IOMMUs that this kernel is to have no driver for.
std::vector<DriverSource> iommu_driver_sources(const firmware::Description& description, const IommuDriverParts& parts,
                                               const std::vector<firmware::NodeIndex>& not_built = {});

}  // namespace xlate::kernel
