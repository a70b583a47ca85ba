// What the parts of assemble() work on. Each part is a file: PCI, the SoC, the kernel, traffic.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "firmware/description.hpp"
#include "firmware/pci_hosts.hpp"
#include "study/config/pci_config.hpp"
#include "study/config/yaml/read.hpp"
#include "study/run/assemble.hpp"

namespace xlate::study {

struct AssemblyWork {
    Config& config;
    const firmware::Description& description;
    Assembly wiring;  ///< what becomes of them
    std::vector<PciOrigin> pci_origins;
    std::vector<PciSeat> seats;
    std::vector<std::optional<std::size_t>> link_of_seat;  ///< the link below it, or that it sits at
    yaml::Findings findings;
};

/// One part. The work outlives it.
class AssemblyPart {
public:
    explicit AssemblyPart(AssemblyWork& work)
        : config_(work.config),
          description_(work.description),
          wiring_(work.wiring),
          pci_origins_(work.pci_origins),
          seats_(work.seats),
          link_of_seat_(work.link_of_seat),
          findings_(work.findings) {}

protected:
    void add(const std::string& path, std::string what, std::string expected = {}, std::string nearest = {}) {
        findings_.add(Diagnostic{config_.where(path), path, std::move(what), std::move(expected), std::move(nearest)});
    }
    std::optional<firmware::NodeIndex> find_host(const std::string& host) const {
        const auto found = firmware::find_pci_host(description_, host);
        return found ? std::optional(found->node) : std::nullopt;
    }

    Config& config_;
    const firmware::Description& description_;
    Assembly& wiring_;
    std::vector<PciOrigin>& pci_origins_;
    std::vector<PciSeat>& seats_;
    std::vector<std::optional<std::size_t>>& link_of_seat_;
    yaml::Findings& findings_;
};

// In this order.
void assemble_pci(AssemblyWork& work);    ///< functions that are not given, host bridges, seats
void assume_traffic(AssemblyWork& work);  ///< if none is given
void assemble_soc(AssemblyWork& work);
void assemble_pcie_links(AssemblyWork& work);  ///< the part of the SoC that PCI knows
void assemble_kernel(AssemblyWork& work);
void assemble_traffic(AssemblyWork& work);
void check_translation_caches(AssemblyWork& work);  ///< endpoints with one that nobody would answer for

}  // namespace xlate::study
