// A race to be explored, in the field's words: devices, IOMMUs, who does what at the same time.
// Plain values: study/ fills it from YAML (format: explore/README.md), explore/scenario/scenarios.hpp has the built-in
// ones.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "explore/machine/program.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/drivers/model/model_hardware.hpp"

namespace xlate::explore {

enum class Firmware : std::uint8_t { device_tree, acpi };

/// One IOMMU instance: a platform device that its driver's probe registers with the core.
struct IommuSpec {
    std::string name;                    ///< "smmu0": also its device's name
    std::string driver = "arm-smmu-v3";  ///< a row of kernel-model/drivers/model/model_driver.hpp
    bool registered = false;             ///< bound before the race starts
    bool available = true;               ///< status = "okay"
    bool driver_built = true;            ///< false: this kernel lacks its driver, and ACPI knows that
    bool registration_fails = false;     ///< its probe undoes the registration and returns -EINVAL (R11a)
    kernel::ModelHardware hardware;      ///< what it has and refuses
    /// The driver of kernel-model/drivers over the engine of iommu/, in place of the row; all IOMMUs of a driver alike.
    bool real = false;
    kernel::Mistakes mistakes;  ///< real: that its driver makes
};

/// One entry of `iommus` (device tree), one ID mapping (IORT named component) or the endpoint in a VIOT.
struct EntrySpec {
    std::string iommu;                ///< empty: ACPI's table maps this alias to nothing
    std::vector<std::uint32_t> args;  ///< #iommu-cells words; the id comes first
    bool legacy = false;              ///< it stands in the IOMMU's own `mmu-masters` (arm-smmu's old binding)
    bool viot = false;                ///< ACPI: it stands in the VIOT, not in the IORT; one a device
};

/// One DMA client.
struct DeviceSpec {
    std::string name;
    std::vector<EntrySpec> iommus;
    bool added = true;    ///< on its bus before the race
    bool bound = false;   ///< bound to its driver before the race
    bool has_bus = true;  ///< false: a bus-less device (D-3)
    unsigned defers = 0;  ///< its driver's own probe answers -EPROBE_DEFER so many times
    std::string
        shares_group_of;  ///< another device: device_group answers that one's group if it has one (as pci aliases)
    std::string wanted_domain;  ///< "", "identity" or "DMA": def_domain_type of the IOMMU driver for it
    bool refused = false;       ///< its IOMMU may rightly refuse it (clashing or too many ids): bound without is no bug
    bool ids_twice = false;     ///< its ids may rightly be stored twice (tegra-smmu)
    bool does_dma = true;       ///< its driver starts DMA when it is bound
    bool listed = true;         ///< on the SoC's allow list (ipmmu-vmsa)
    bool own_domain = false;    ///< its driver attaches a domain of its own when it is bound (OMAP's clients)
    bool coherent = false;      ///< firmware says that its DMA is coherent
    std::string bus = "platform";  ///< a name of bus_names()
    /// It has no node of its own: its bus controller's `iommu-map` says what is behind which IOMMU.
    bool behind_controller() const { return bus == "fsl-mc" || bus == "cdx" || bus == "host1x"; }
};

enum class ActionKind : std::uint8_t {
    bind,              ///< target's driver is loaded or its device attached: device_attach
    unbind,            ///< device_release_driver
    add,               ///< device_add, which tells N1 and then attaches
    remove,            ///< device_del, which tells N2
    register_iommu,    ///< the IOMMU's own device is bound: its driver registers and walks the buses
    unregister_iommu,  ///< iommu_device_unregister
    dma_configure,     ///< an abuser: of_dma_configure without the device's lock; of a host1x context: what its creator
                       ///< does
    notify_add,        ///< N1 alone: iommu_probe_device from the bus notifier
    load_driver,       ///< as register_iommu, of a second driver's instance (R10)
    access,            ///< the device, with a driver or without, accesses memory with each of its ids (real drivers)
    unload_driver,     ///< rmmod of the driver's module: refused while it is in use
};
struct Action {
    ActionKind kind = ActionKind::bind;
    std::string target;
};

/// One task of the race; its actions run one after the other.
struct TaskSpec {
    std::string name;  ///< "modprobe"; empty: made from the first action
    unsigned cpu = 0;
    std::vector<Action> actions;
};

/// Buses that a device may sit on: "platform", "amba", "vmbus" (Hyper-V), "fsl-mc", "cdx", "host1x".
const std::vector<std::string>& bus_names();

struct Scenario {
    std::string name;  ///< in tokens: letters, digits, '-'
    std::string what;  ///< one sentence
    std::string variant = "base";
    Firmware firmware = Firmware::device_tree;
    std::string arch;  ///< a row of kernel-model/arch; empty: x86 if an IOMMU is found by table, else arm64
    bool iommu_knows_vmbus = false;  ///< what if the VMBus were on the IOMMU core's list of buses
    std::vector<IommuSpec> iommus;
    std::vector<DeviceSpec> devices;
    std::vector<Action> before;  ///< done by one task before the race
    std::vector<TaskSpec> tasks;
    bool deferral_timeout = false;  ///< when all is quiet, the deferred-probe timer fires
    bool schedules_mmio = false;    ///< real drivers: another task may come in at each register access
    bool stores_late = false;  ///< real drivers: plain stores to memory may be seen late (machine/late_accesses.hpp)
    bool rechecks_trigger = true;    ///< DD13's second half; false shows what it is for (R14)
    std::vector<std::string> shows;  ///< what it is there for: "R1", "D-8a" (spec names)
};

/// The scenario with real drivers wherever there are some (kernel-model/drivers/standalone_drivers.hpp); its name ends
/// in "+real". What a real driver cannot play (a registration that fails, DMAR and IVRS units) keeps its row. Devices
/// that share a group become PCI functions: no other bus has such a rule. Errors: InputError if nothing becomes real.
Scenario with_real_drivers(Scenario scenario);
bool has_real_form(const Scenario& scenario);

/// Checks names and references. Errors: InputError, all findings at once; positions are the caller's business.
void validate(const Scenario& scenario);

/// The scenario at one variant ("base", "series-v1@17", "series-v1@17~D-8a", ...). Errors: InputError.
std::unique_ptr<Program> make_program(const Scenario& scenario, const std::string& variant);

}  // namespace xlate::explore
