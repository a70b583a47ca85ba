// What firmware says about devices besides who is behind which IOMMU, in sentences: memory that is theirs since
// firmware, and what they wait for. For inspect, and for the warnings of a run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "kernel-model/boot.hpp"

namespace xlate::study {

struct FirmwareFact {
    std::string path;  ///< whose
    std::string what;
};

/// One for each kernel parameter of /chosen that a run takes over or does not model.
std::vector<FirmwareFact> boot_argument_facts(const firmware::Description& description);
/// One for each reservation: addresses, whether memory is mapped there, and where it stands. `release`: what that
/// release of Linux makes of it (as Variant::release); none: from which on.
std::vector<FirmwareFact> reservation_facts(const firmware::Description& description,
                                            std::optional<unsigned> release = std::nullopt);
/// One for each IOMMU and supplier that Linux makes it wait for.
std::vector<FirmwareFact> supplier_facts(const firmware::Description& description);

/// What a run does not do about them, a sentence each. `modules`: as configured. `release`: of the kernel that is run;
/// none: nothing that depends on it.
std::vector<std::string> firmware_warnings(const firmware::Description& description,
                                           const std::vector<kernel::ModuleLoad>& modules,
                                           std::optional<unsigned> release = std::nullopt);

}  // namespace xlate::study
