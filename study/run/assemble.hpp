// Config and firmware, put together: what the SoC builder and the kernel need to know, with every name resolved.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "kernel-model/boot.hpp"
#include "soc/config.hpp"
#include "study/config/config.hpp"
#include "study/config/pci_config.hpp"

namespace xlate::study {

struct Assembly {
    soc::SocConfig soc;
    kernel::BootConfig boot;  ///< without drivers, client and DMA layer: those are made with the kernel
    std::map<std::string, std::shared_ptr<bool>> enough;  ///< by device: TrafficPlan::enough, where it has one
    std::vector<std::string> assumptions;                 ///< what nobody wrote and was filled in, a sentence each
    std::vector<std::string> warnings;  ///< what firmware or config say and the run does not do, a sentence each
};

/// Fills in what `config` leaves to us (PCI functions, traffic) and resolves names against `description`.
/// Errors: InputError (status 2) with places in the config for everything that does not fit the firmware.
Assembly assemble(Config& config, const firmware::Description& description);

/// A board whose boot loader fills memory in has none in its device tree, and no ACPI table names it. Puts `size` bytes
/// at `base`; 0: at the lowest multiple of 1 GiB from 1 GiB up where no register is. Says so; nothing if the firmware
/// names memory.
std::optional<std::string> assume_memory(firmware::Description& description,
                                         std::uint64_t size = std::uint64_t{1} << 30, std::uint64_t base = 0);

}  // namespace xlate::study
