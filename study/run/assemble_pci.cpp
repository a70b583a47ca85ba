#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "firmware/id_path.hpp"
#include "firmware/pci_hosts.hpp"
#include "firmware/pci_iommus.hpp"
#include "study/config/families/smmuv3_needs.hpp"
#include "study/config/pcie_bandwidth.hpp"
#include "study/run/assembly_part.hpp"
#include "study/run/pci_facts.hpp"

namespace xlate::study {
namespace {

class PciPart : AssemblyPart {
public:
    using AssemblyPart::AssemblyPart;

    void assemble() {
        assume_pci();
        for (std::string& one : add_pci_iommus(config_, description_)) wiring_.assumptions.push_back(std::move(one));
        for (std::string& one : derive_smmuv3(config_, description_)) wiring_.warnings.push_back(std::move(one));
        wiring_.boot.pci = make_pci_roots(config_, findings_, &pci_origins_);
        seats_ = seat_pci_functions(wiring_.boot.pci);
        check_hosts();
        check_buses();
    }

    void assemble_links() {
        read_pcie();
        wiring_.soc.pcie = config_.soc.pcie;
        read_pcie_links();
    }

    /// Its driver would wait for completions that nobody sends.
    void check_translation_caches() {
        for (const PciSeat& seat : seats_) {
            if (!seat.function.ats) continue;
            for (std::string& one : idle_atc(description_, seat, wiring_.soc))
                wiring_.warnings.push_back(std::move(one));
            const auto has_traffic = [&](const TrafficConfig& traffic) { return traffic.device == seat.name; };
            if (std::any_of(config_.traffic.begin(), config_.traffic.end(), has_traffic)) continue;
            add(pci_origins_[seat.function.origin].path + ".atc",
                fmt::format("'{}' has no traffic, and only masters with traffic are built", seat.name),
                "a device of the list 'traffic'");
        }
    }

private:
    void assume_pci() {
        if (config_.given("soc.pci")) return;
        const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(description_);
        const auto host = std::find_if(hosts.begin(), hosts.end(), [&](const firmware::PciHost& at) {
            return description_.node(at.node).iommu_map || description_.node(at.node).viot_map;
        });
        if (host == hosts.end()) return;
        const std::uint32_t bus = host->first_bus << 8;
        const auto free_slot = [&](std::uint32_t from) {
            while (from < 31 &&
                   firmware::find_pci_iommu(description_, firmware::pci_name(host->domain, bus | from << 3)))
                ++from;
            return from;
        };
        const std::uint32_t first = free_slot(1), second = free_slot(first + 1);
        if (!is_mapped(*host, bus | first << 3) && is_mapped(*host, bus + 0x100)) return assume_port(*host);
        PciConfig nvme;
        nvme.slot = firmware::pci_name(host->domain, bus | first << 3);
        nvme.driver = "nvme";
        nvme.host = description_.node(host->node).path;
        PciConfig nic = nvme;
        nic.slot = firmware::pci_name(host->domain, bus | second << 3);
        nic.driver = "e1000e";
        config_.soc.pci = {nvme, nic};
        wiring_.assumptions.push_back(fmt::format("soc.pci is not given: an NVMe drive at {} and a NIC at {} of {}",
                                                  nvme.slot, nic.slot, nvme.host));
    }

    /// Whether firmware puts an IOMMU before this requester id.
    bool is_mapped(const firmware::PciHost& host, std::uint32_t id) const {
        const std::vector<std::uint32_t> own{id};
        return firmware::id_path_of_function(description_, host.node, own).end == firmware::PathEnd::behind;
    }

    /// A host bridge whose map has ids of the bus behind a root port, and none of further slots beside it.
    void assume_port(const firmware::PciHost& host) {
        PciConfig drive;
        drive.slot = "00.0";
        drive.driver = "nvme";
        PciConfig port;
        port.slot = firmware::pci_name(host.domain, host.first_bus << 8);
        port.kind = PciConfig::Kind::root_port;
        port.host = description_.node(host.node).path;
        port.below = {drive};
        config_.soc.pci = {port};
        wiring_.assumptions.push_back(
            fmt::format("soc.pci is not given: an NVMe drive behind a root port at {} of {}, whose map of ids has none "
                        "for {}",
                        port.slot, port.host, firmware::pci_name(host.domain, host.first_bus << 8 | 1U << 3)));
    }

    void check_hosts() {
        const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(description_);
        for (const kernel::PciRoot& root : wiring_.boot.pci) {
            if (hosts.empty()) {
                add("soc.pci", "the firmware has no PCI host bridge");
                return;
            }
            if (root.host.empty() || find_host(root.host)) continue;
            std::vector<std::string> names;
            for (const firmware::PciHost& host : hosts) names.push_back(description_.node(host.node).path);
            add("soc.pci", fmt::format("the firmware has no PCI host bridge '{}'", root.host),
                fmt::format("one of {}", fmt::join(names, ", ")), nearest_name(root.host, names).value_or(""));
        }
    }

    /// Functions whose bus would have a number that their host bridge does not have.
    void check_buses() {
        const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(description_);
        for (const PciSeat& seat : seats_) {
            for (const firmware::PciHost& host : hosts) {
                const bool own =
                    seat.host.empty() ? host.domain == seat.domain : description_.node(host.node).path == seat.host;
                if (!own || (seat.own_id >> 8) <= host.last_bus) continue;
                wiring_.warnings.push_back(
                    fmt::format("{} ({}) is on a bus beyond {:02x}, the last of {} ({}): Linux does not scan it",
                                seat.name, config_.where(pci_origins_[seat.function.origin].path).text(), host.last_bus,
                                description_.node(host.node).path,
                                firmware::ecam_buses(description_.node(host.node)) ? "bus-range and the size of reg"
                                                                                   : "bus-range"));
                break;
            }
        }
    }

    /// Of the key `path`. `given`: a bandwidth is written, too.
    std::uint64_t pcie_bandwidth(std::uint32_t generation, std::uint32_t lanes, std::uint64_t bandwidth, bool given,
                                 const std::string& path) {
        if (generation == 0) {
            if (config_.given(path + ".lanes")) add(path + ".lanes", "lanes of no generation", path + ".generation");
            return bandwidth;
        }
        if ((lanes & (lanes - 1)) != 0) add(path + ".lanes", fmt::format("found {}", lanes), "1, 2, 4, 8 or 16");
        const std::uint64_t made = pcie_link_bandwidth(generation, lanes);
        if (given && bandwidth != made)
            add(path + ".bandwidth", path + ".generation and lanes say it", "one of the two");
        return made;
    }

    void read_pcie() {
        std::uint64_t& bandwidth = config_.soc.pcie.bandwidth_bytes_per_s;
        bandwidth = pcie_bandwidth(config_.soc.pcie_generation, config_.soc.pcie_lanes, bandwidth,
                                   config_.given("soc.pcie.bandwidth"), "soc.pcie");
    }

    /// Links of ports, in the order of the scan: those above come first.
    void read_pcie_links() {
        for (const PciSeat& seat : seats_) {
            const std::optional<std::size_t> above = seat.bridge ? link_of_seat_[*seat.bridge] : std::nullopt;
            link_of_seat_.push_back(above);
            const PciOrigin& origin = pci_origins_[seat.function.origin];
            const PciLinkConfig& link = origin.config->link;
            if (!link.given()) continue;
            const std::string path = origin.path + ".link";
            if (origin.config->kind != PciConfig::Kind::root_port &&
                origin.config->kind != PciConfig::Kind::switch_downstream) {
                add(path, "only root ports and downstream ports of switches have a link below them",
                    "the port above this one");
                continue;
            }
            soc::PcieLinkParams params;
            params.name = seat.name;
            params.above = above;
            params.params = config_.soc.pcie;
            params.params.link_latency = link.latency;
            params.params.posted_credits = link.posted_credits;
            params.params.nonposted_credits = link.nonposted_credits;
            params.params.bandwidth_bytes_per_s = pcie_bandwidth(
                link.generation, link.lanes, link.bandwidth_bytes_per_s, link.bandwidth_bytes_per_s != 0, path);
            link_of_seat_.back() = wiring_.soc.pcie_links.size();
            wiring_.soc.pcie_links.push_back(std::move(params));
        }
    }
};

}  // namespace

void assemble_pci(AssemblyWork& work) { PciPart(work).assemble(); }
void assemble_pcie_links(AssemblyWork& work) { PciPart(work).assemble_links(); }
void check_translation_caches(AssemblyWork& work) { PciPart(work).check_translation_caches(); }

}  // namespace xlate::study
