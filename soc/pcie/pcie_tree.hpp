// What hangs on which PCIe link of one host bridge: masters, and links below it (ports of their own). No SystemC.
// Transactions leave a host bridge by one of several exits (topology.hpp); a link has an exit for each of those that
// something below it takes, and each is an endpoint of the link above.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "soc/config.hpp"
#include "soc/topology.hpp"

namespace xlate::soc {

struct PcieTree {
    struct Endpoint {
        std::string name;
        std::size_t exit = 0;               ///< of the host bridge
        std::optional<std::size_t> master;  ///< in SocConfig::masters; or
        std::optional<std::size_t> link;    ///< in SocConfig::pcie_links,
        std::size_t exit_below = 0;         ///< and which of its exits
    };
    struct Link {
        std::vector<Endpoint> endpoints;
        std::vector<std::size_t> exits;  ///< of the host bridge, rising

        std::vector<std::string> names() const;
        std::vector<std::size_t> exit_of() const;  ///< of each endpoint, as an index of `exits`
    };
    PcieTree(const SocConfig& config, const PcieSite& site);

    Link host;
    std::map<std::size_t, Link> below;  ///< of SocConfig::pcie_links those with traffic
};

/// Links that hang on one behind them, or nowhere, or too deep.
std::vector<Diagnostic> check_pcie_links(const SocConfig& config);

}  // namespace xlate::soc
