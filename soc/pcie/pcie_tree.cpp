#include "soc/pcie/pcie_tree.hpp"

#include <algorithm>
#include <utility>

namespace xlate::soc {

namespace {
/// Each is a hop of a transaction's way.
constexpr std::size_t kMostLinks = 4;
}  // namespace

std::vector<std::string> PcieTree::Link::names() const {
    std::vector<std::string> names;
    for (const Endpoint& endpoint : endpoints) names.push_back(endpoint.name);
    return names;
}

std::vector<std::size_t> PcieTree::Link::exit_of() const {
    std::vector<std::size_t> all;
    for (const Endpoint& endpoint : endpoints) {
        const auto at = std::lower_bound(exits.begin(), exits.end(), endpoint.exit);
        all.push_back(static_cast<std::size_t>(at - exits.begin()));
    }
    return all;
}

PcieTree::PcieTree(const SocConfig& config, const PcieSite& site) {
    for (std::size_t i = 0; i < site.exits.size(); ++i) host.exits.push_back(i);
    for (std::size_t i = 0; i < site.masters.size(); ++i) {
        const MasterConfig& master = config.masters[site.masters[i]];
        Endpoint endpoint;
        endpoint.name = master.device;
        endpoint.exit = site.exit_of[i];
        endpoint.master = site.masters[i];
        Link& link = master.pcie_link ? below[*master.pcie_link] : host;
        link.endpoints.push_back(std::move(endpoint));
        // The links above it are there, even if nothing else hangs on them.
        for (auto at = master.pcie_link; at; at = config.pcie_links[*at].above) {
            std::vector<std::size_t>& exits = below[*at].exits;
            if (std::find(exits.begin(), exits.end(), site.exit_of[i]) == exits.end()) exits.push_back(site.exit_of[i]);
        }
    }
    for (auto& [number, link] : below) std::sort(link.exits.begin(), link.exits.end());
    for (const auto& [number, link] : below) {
        const PcieLinkParams& params = config.pcie_links[number];
        Link& above = params.above ? below[*params.above] : host;
        for (std::size_t i = 0; i < link.exits.size(); ++i) {
            Endpoint endpoint;
            endpoint.name = link.exits.size() == 1 ? params.name : params.name + "_" + std::to_string(i);
            endpoint.exit = link.exits[i];
            endpoint.link = number;
            endpoint.exit_below = i;
            above.endpoints.push_back(std::move(endpoint));
        }
    }
}

std::vector<Diagnostic> check_pcie_links(const SocConfig& config) {
    std::vector<Diagnostic> findings;
    const auto add = [&](const std::string& name, std::string what, std::string expected) {
        Diagnostic finding;
        finding.path = "soc.pci";
        finding.what = name + ": " + std::move(what);
        finding.expected = std::move(expected);
        findings.push_back(std::move(finding));
    };
    for (std::size_t i = 0; i < config.pcie_links.size(); ++i) {
        const PcieLinkParams& link = config.pcie_links[i];
        std::size_t depth = 1;
        for (auto at = link.above; at; at = config.pcie_links[*at].above) {
            if (*at >= i) {
                add(link.name, "its link hangs on one that comes behind it", "links in the order of the tree");
                return findings;
            }
            ++depth;
        }
        if (depth > kMostLinks) {
            add(link.name, std::to_string(depth) + " links lie between it and the host bridge",
                std::to_string(kMostLinks) + " or less");
        }
    }
    for (const MasterConfig& master : config.masters) {
        if (!master.pcie_link) continue;
        if (!master.requester_id) add(master.device, "it hangs on no PCI bus", "a device behind a PCI host bridge");
        if (*master.pcie_link >= config.pcie_links.size()) add(master.device, "its link is not there", "one that is");
    }
    return findings;
}

}  // namespace xlate::soc
