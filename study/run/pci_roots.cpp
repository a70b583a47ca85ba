#include "study/run/pci_roots.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "firmware/acpi/describe.hpp"
#include "firmware/pci_hosts.hpp"
#include "study/config/pci_config.hpp"
#include "study/config/yaml/read.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::PciHost;

class Settler {
public:
    Settler(Config& config, Description& description) : config_(config), description_(description) {}

    std::vector<std::string> settle() {
        for (std::size_t i = 0; i < config_.soc.pci.size(); ++i) {
            PciConfig& entry = config_.soc.pci[i];
            const Parsed<PciAddress> at = parse_pci_address(entry.slot);
            if (!at) continue;  // what is wrong with the slot is said elsewhere
            const std::string path = fmt::format("soc.pci[{}]", i);
            if (description_.origin == Description::Origin::acpi) {
                acpi(entry, at.value(), path);
            } else {
                tree(entry, at.value(), path);
            }
        }
        findings_.throw_if_any();
        clashes();
        findings_.throw_if_any();
        return std::move(notes_);
    }

private:
    /// Functions that Linux would find at one address: a root bus of its own, and the one behind a bridge of another
    /// host bridge, may have one number.
    void clashes() {
        const std::vector<PciHost> hosts = firmware::pci_hosts(description_);
        if (hosts.empty()) return;
        yaml::Findings elsewhere;  // what else is wrong with the functions is said where they are put together
        std::vector<PciOrigin> origins;
        std::map<std::string, const std::string*> places;
        const std::vector<PciSeat> seats = seat_pci_functions(make_pci_roots(config_, elsewhere, &origins));
        for (const PciSeat& seat : seats) {
            if (!seat.host.empty() && !firmware::find_pci_host(description_, seat.host)) continue;
            const std::string& path = origins[seat.function.origin].path;
            const auto [first, fresh] = places.emplace(seat.name, &path);
            if (fresh) continue;
            findings_.add(Diagnostic{config_.where(path + ".slot"), path + ".slot",
                                     fmt::format("the function is {}, and {} ({}) is that, too", seat.name,
                                                 *first->second, config_.where(*first->second).text()),
                                     "each function once: another slot, or another bus", ""});
        }
    }

    bool contradicts(const PciConfig& entry, const PciAddress& at, const PciHost& host, const std::string& path) {
        if (!at.has_domain || at.domain == host.domain) return false;
        findings_.add(Diagnostic{config_.where(path + ".slot"), path + ".slot",
                                 fmt::format("'{}' is in domain {:04x}, but {} is domain {:04x}", entry.slot, at.domain,
                                             description_.node(host.node).path, host.domain),
                                 fmt::format("'{}'", written(at, host.domain, at.bus)), ""});
        return true;
    }

    static std::string written(const PciAddress& at, unsigned domain, unsigned bus) {
        return firmware::pci_name(domain, bus << 8 | at.device << 3 | at.function);
    }

    void put(PciConfig& entry, const PciAddress& at, const PciHost& host, unsigned bus) {
        if (host.domain != at.domain || bus != at.bus) entry.slot = written(at, host.domain, bus);
        entry.host = description_.node(host.node).path;
    }

    void tree(PciConfig& entry, const PciAddress& at, const std::string& path) {
        const std::vector<PciHost> hosts = firmware::pci_hosts(description_);
        if (hosts.empty()) return;
        std::optional<PciHost> host;
        if (!entry.host.empty()) {
            host = firmware::find_pci_host(description_, entry.host);
            if (!host || contradicts(entry, at, *host, path)) return;
        } else if (at.has_domain) {
            for (const PciHost& one : hosts) {
                if (!host && one.domain == at.domain) host = one;
            }
            if (!host) return no_domain(entry, at, hosts, path);
        } else {
            host = hosts.front();
        }
        const bool elsewhere = at.has_bus && at.bus != 0 && at.bus != host->first_bus;
        const unsigned bus = elsewhere ? at.bus : host->first_bus;
        if (elsewhere) {
            notes_.push_back(fmt::format(
                "{}: {} is on no bus that Linux scans: a device tree's host bridge has one root "
                "bus, and that of {} is {:02x}",
                path, written(at, host->domain, at.bus), description_.node(host->node).path, host->first_bus));
        }
        if (hosts.size() > 1 || !entry.host.empty() || host->domain != 0 || bus != at.bus) put(entry, at, *host, bus);
    }

    void no_domain(const PciConfig& entry, const PciAddress& at, const std::vector<PciHost>& hosts,
                   const std::string& path) {
        std::string known;
        for (const PciHost& one : hosts) {
            known +=
                fmt::format("{}{:04x} ({})", known.empty() ? "" : ", ", one.domain, description_.node(one.node).path);
        }
        findings_.add(
            Diagnostic{config_.where(path + ".slot"), path + ".slot",
                       fmt::format("'{}': no PCI host bridge of the firmware is domain {:04x}", entry.slot, at.domain),
                       "one of the domains " + known, written(at, hosts.front().domain, at.bus)});
    }

    void acpi(PciConfig& entry, const PciAddress& at, const std::string& path) {
        if (!entry.host.empty()) {
            if (const auto host = firmware::find_pci_host(description_, entry.host)) {
                if (contradicts(entry, at, *host, path)) return;
                put(entry, at, *host, at.has_bus && at.bus != 0 ? at.bus : host->first_bus);
                return;
            }
            const std::string own = firmware::acpi::pci_root_name(at.domain, at.bus);
            if (entry.host != own && entry.host != "/" + own) return;
        }
        unsigned domain = at.domain;
        const std::vector<PciHost> hosts = firmware::pci_hosts(description_);
        if (!at.has_domain && !hosts.empty()) {
            domain = std::min_element(hosts.begin(), hosts.end(), [](const PciHost& a, const PciHost& b) {
                         return a.domain < b.domain;
                     })->domain;
        }
        const firmware::NodeIndex node = firmware::acpi::ensure_pci_root(description_, domain, at.bus);
        put(entry, at, {node, domain, at.bus}, at.bus);
    }

    Config& config_;
    Description& description_;
    yaml::Findings findings_;
    std::vector<std::string> notes_;
};

}  // namespace

std::vector<std::string> settle_pci_roots(Config& config, Description& description) {
    return Settler(config, description).settle();
}

}  // namespace xlate::study
