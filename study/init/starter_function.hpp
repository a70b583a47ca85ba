// A PCI function as a starter config writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace xlate::study {

struct StarterFunction {
    std::optional<unsigned> domain{};  ///< nothing: that of the host bridge with this root bus
    unsigned bus = 0;                  ///< number of the root bus; below a port: 0, or the number that firmware has set
    unsigned device = 0;
    unsigned function = 0;
    std::string model{};  ///< for a comment: "virtio-net-pci"
    std::string kind{};   ///< as a config spells it: "endpoint", "root-port", ...
    std::string id{};     ///< "1af4:1041"; empty: unknown
    std::uint32_t class_code = 0;
    std::string driver{};  ///< that binds in Linux; empty: that of its kind; "none"
    bool hotplug = true;
    std::optional<bool> acs{};  ///< has an ACS capability; nothing: as usual
    bool ats = false, pri = false, pasid = false;
    bool isolated = false;  ///< without ACS, as Linux knows
    std::vector<StarterFunction> below{};
};

}  // namespace xlate::study
