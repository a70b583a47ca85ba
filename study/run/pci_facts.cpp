#include "study/run/pci_facts.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "firmware/id_path.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_hosts.hpp"
#include "firmware/pci_iommus.hpp"
#include "iommu/families.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::Node;
using firmware::NodeIndex;

/// "0000:00:0b.0" of an entry of soc.pci; empty if it has no host bridge or no slot.
std::string name_of(const Description& description, const PciConfig& entry) {
    const auto host = firmware::find_pci_host(description, entry.host);
    const Parsed<PciAddress> slot = parse_pci_address(entry.slot);
    if (!host || !slot) return {};
    return firmware::pci_name(host->domain, host->first_bus << 8 | slot.value().device << 3 | slot.value().function);
}

/// The way of what a function sends.
firmware::IdPath path_of(const Description& description, const PciSeat& seat) {
    const auto host = firmware::find_pci_host(description, seat.host);
    if (!host) return {};
    const std::vector<std::uint32_t> sent{seat.wire_id};
    return firmware::id_path_of_function(description, host->node, sent);
}

}  // namespace

std::vector<std::string> add_pci_iommus(Config& config, const Description& description) {
    std::vector<std::string> said;
    for (const NodeIndex at : description.providers()) {
        const Node& node = description.node(at);
        if (!node.reachable || !firmware::is_pci_iommu(node) || node.linux_name.empty()) continue;
        const auto is_it = [&](const PciConfig& one) { return name_of(description, one) == node.linux_name; };
        if (std::any_of(config.soc.pci.begin(), config.soc.pci.end(), is_it)) continue;
        PciConfig function;
        function.slot = node.linux_name;
        function.id = std::string(firmware::pci_iommu_kind(node)->id);
        function.host = node.parent ? description.node(*node.parent).path : "";
        said.push_back(fmt::format("soc.pci has no function at {}: the {} of {} is there", function.slot,
                                   firmware::iommu_kind(node).title, node.path));
        config.soc.pci.push_back(std::move(function));
    }
    return said;
}

void name_endpoints(const Description& description, const std::vector<PciSeat>& seats, soc::SocConfig& soc) {
    const auto add_all = [&](const firmware::IdPath& path) {
        if (path.end != firmware::PathEnd::behind || !path.provider) return;
        const Node& provider = description.node(*path.provider);
        const iommu::Family* const family = iommu::find_family(firmware::iommu_kind(provider).family);
        if (family == nullptr || !family->knows_endpoints) return;
        auto& known = soc.iommus[provider.path].hardware.endpoints;
        if (!known) known.emplace();
        for (const firmware::StreamMatch& one : path.ids) known->push_back(one.id);
    };
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const Node& node = description.nodes[i];
        if (node.has_iommus && !node.iommu_map && !node.viot_map)
            add_all(firmware::id_path(description, static_cast<NodeIndex>(i)));
    }
    for (const PciSeat& seat : seats) add_all(path_of(description, seat));
}

std::vector<std::string> idle_atc(const Description& description, const PciSeat& seat, const soc::SocConfig& soc) {
    std::vector<std::string> said;
    const firmware::IdPath path = path_of(description, seat);
    if (path.end != firmware::PathEnd::behind || !path.provider) return said;
    const Node& iommu = description.node(*path.provider);
    if (firmware::iommu_kind(iommu).family != "smmuv3") return said;
    const auto own = soc.iommus.find(iommu.path);
    const soc::IommuParams& params = own == soc.iommus.end() ? soc.iommu : own->second;
    const auto idle = [&](const std::string& why) {
        said.push_back(fmt::format("{}: its atc is not used: {}", seat.name, why));
    };
    if (!params.hardware.smmuv3.ats) idle(fmt::format("IDR0.ATS of {} is 0 (features.ats)", iommu.path));
    const Node& host = description.node(firmware::find_pci_host(description, seat.host)->node);
    if (host.property("ats-supported") == nullptr) {
        idle(fmt::format(
            "firmware does not say that {} supports ATS ({})", host.path,
            description.origin == Description::Origin::acpi ? "ATS attribute of its IORT node" : "ats-supported"));
    }
    if (seat.function.no_ats) idle("a quirk (no-ats) says that Linux leaves it alone");
    return said;
}

}  // namespace xlate::study
