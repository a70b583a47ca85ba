// A boot without SystemC and without traffic: firmware, config and a variant in; what came of every device out.
// Tasks run first come, first served, each until it waits; registers reach the IOMMUs' engines at once; time passes by
// what tasks spend and by timers, so that time-outs are those of Linux. Any number of boots a process, some
// milliseconds each.
//   functional   the probe path, drivers, registers, tables and queues of IOMMUs, interrupts
//   absent       the time of bus and hardware; races (a task is never interrupted: `xlate explore`); DMA
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "firmware/iommu_families.hpp"
#include "kernel-model/boot.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// A board ready to boot: config and firmware put together once, for every variant.
struct BootBoard {
    std::string name;
    firmware::Description description;
    soc::SocConfig soc;
    kernel::BootConfig boot;         ///< without traffic
    std::vector<std::string> notes;  ///< what was assumed, and what the boots do not do
};
/// Errors: InputError, as `run` has them.
BootBoard board_for_boots(Config& config);

/// An error of the probe function, or of a walk.
struct ProbeError {
    int ret = 0;         ///< -errno
    std::string caller;  ///< "of_iommu_configure", ...
};

/// What came of one device. Lists without a device of that name: nothing came of it.
struct BootedDevice {
    std::string name;                ///< Linux's
    std::string driver;              ///< empty: none
    std::string state;               ///< "bound", "deferred", "failed", "unbound"
    std::string why;                 ///< of a deferral, or of a failed probe: "-34 of a001a00.virtio_mmio"
    std::vector<std::uint32_t> ids;  ///< of the last parse that found some
    firmware::IdCells id_cells = firmware::IdCells::id;  ///< how its IOMMU's driver reads them
    std::optional<unsigned> group;
    std::vector<std::string> peers;  ///< the others of its group, by name
    kernel::DomainType domain = kernel::DomainType::none;
    std::vector<ProbeError> errors;     ///< each once
    std::string acs;                    ///< PCI functions with access control: "on", "off", or its bits
    std::optional<std::size_t> joined;  ///< when it joined its group: its place among all joins
};
struct BootFacts {
    std::vector<BootedDevice> devices;  ///< as the kernel made them
    std::size_t groups = 0;
    std::map<unsigned, kernel::DomainType> group_types;  ///< as sysfs has them: of the default domain
    std::map<std::string, std::string> untranslated;     ///< masters without a group and why, as a run's result has it
    std::vector<std::string> reports;                    ///< crashes, warnings, leaks: a line each
    bool crashed = false;

    const BootedDevice* find(const std::string& device) const;
    std::size_t grouped() const;  ///< devices in groups
};

/// Boots once. Errors: InputError (limit) for a boot that does not come to an end.
BootFacts boot_untimed(const BootBoard& board, const kernel::Variant& variant);

}  // namespace xlate::study
