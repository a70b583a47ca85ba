// Which host bridge each entry of soc.pci hangs below, and in which domain its functions are.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// Names the host bridge of each entry of soc.pci where the firmware has several, and writes the domain and root bus
/// that Linux gives it into slots that say neither: "00:01.0" becomes "0001:00:01.0" below a bridge with
/// `linux,pci-domain = <1>`. A slot without domain and host is below the first bridge. ACPI: adds to `description` the
/// root buses that only the config knows of.
/// Returns a sentence for each entry that Linux will not find. Errors: InputError (usage) for a domain that no host
/// bridge has, or that contradicts `host`, and for two functions of one address. An unknown `host` is left to the
/// assembly.
std::vector<std::string> settle_pci_roots(Config& config, firmware::Description& description);

}  // namespace xlate::study
