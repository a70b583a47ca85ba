#include "soc/topology.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "firmware/acpi/tables.hpp"
#include "firmware/device_name.hpp"
#include "firmware/id_limits.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/iommu_windows.hpp"
#include "firmware/pci_iommus.hpp"
#include "soc/unit.hpp"

namespace xlate::soc {

namespace {

constexpr std::string_view kCounted = "smmuv3";  ///< whose counter groups firmware has nodes of
constexpr std::string_view kPmcg = "arm,smmu-v3-pmcg";

class Builder {
public:
    Builder(const firmware::Description& description, const SocConfig& config)
        : description_(description), config_(config), masters_(config.masters) {}

    Topology build() {
        find_iommus();
        find_mains();
        for (std::size_t i = 0; i < masters_.size(); ++i) {
            topology_.pcie_of.emplace_back();
            topology_.tbu_of.push_back(0);
            if (masters_[i].requester_id) {
                attach_pci(i);
            } else {
                attach_platform(i);
            }
        }
        find_counters();
        find_msi_frames();
        return std::move(topology_);
    }

private:
    void warn(std::string text) {
        auto& all = topology_.warnings;
        if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(std::move(text));
    }

    void find_iommus() {
        for (std::size_t i = 0; i < description_.nodes.size(); ++i) {
            const firmware::Node& node = description_.nodes[i];
            const auto index = static_cast<firmware::NodeIndex>(i);
            if (!node.reachable) continue;
            const firmware::IommuKind& kind_of = firmware::iommu_kind(node);
            if (!config_.has_engine(kind_of.family)) {
                if (node.iommu_cells) {
                    const std::string kind = node.compatible.empty() ? "" : " (" + node.compatible.front() + ")";
                    warn(node.path + kind +
                         ": there is no model of this IOMMU: it reads as zero and translates nothing");
                }
                continue;
            }
            IommuSite site;
            for (const firmware::Reg& reg : node.regs) {
                if (!reg.cpu_address || reg.size == 0) break;
                site.banks.push_back({*reg.cpu_address, reg.size});
                site.facts.register_bytes.push_back(reg.size);
            }
            for (const firmware::NodeIndex part : firmware::iommu_parts(description_, index)) add_part(site, part);
            if (site.banks.empty()) {
                warn(node.path + ": an IOMMU without registers that the CPU can reach is left out");
                continue;
            }
            for (const firmware::OutsideWindow& window : firmware::outside_windows(description_, index)) {
                if (!claimed_.insert(window.node).second) continue;  // an earlier IOMMU's
                site.banks.push_back({window.address, window.size});
                site.facts.register_bytes.push_back(window.size);
                site.facts.outside.push_back({std::string(window.role), window.number});
            }
            site.node = index;
            site.path = node.path;
            site.name = firmware::linux_device_name(description_, index);
            site.family = kind_of.family;
            const firmware::PciIommuKind* const function = firmware::pci_iommu_kind(node);
            site.narrow_registers = function != nullptr && function->narrow_registers;
            site.facts.compatible = kind_of.compatible;
            site.facts.interrupts = static_cast<unsigned>(node.interrupts.size());
            if (const auto global = node.u32("#global-interrupts")) site.facts.global_interrupts = *global;
            site.facts.stream_matches = firmware::stream_matches(description_, index);
            for (const firmware::Property& property : node.properties) {
                if (const auto cell = node.u32(property.name)) site.facts.cells[std::string(property.name)] = *cell;
            }
            for (const firmware::Interrupt& interrupt : node.interrupts) site.interrupt_names.push_back(interrupt.name);
            topology_.iommus.push_back(std::move(site));
        }
    }

    void add_part(IommuSite& site, firmware::NodeIndex at) {
        const firmware::Node& node = description_.node(at);
        const firmware::Reg& window = node.regs.front();
        if (!window.cpu_address || window.size == 0) {
            warn(node.path + ": a part of an IOMMU whose registers the CPU cannot reach is left out");
            return;
        }
        const firmware::IommuKind& kind = firmware::iommu_kind(description_.node(*node.parent));
        iommu::InstanceFacts::Part part;
        part.compatible = node.compatible.front();
        part.place = window.address;
        part.number = kind.part_number.empty() ? std::nullopt : node.u32(kind.part_number);
        part.bytes = window.size;
        site.facts.parts.push_back(std::move(part));
        site.banks.push_back({*window.cpu_address, window.size});
        site.facts.register_bytes.push_back(window.size);
        site.part_wires.push_back({at, node.interrupts.empty() ? std::string{} : node.interrupts.front().name});
    }

    /// A cache of a cache is left alone.
    void find_mains() {
        for (IommuSite& site : topology_.iommus) {
            const auto named = firmware::main_iommu(description_, site.node);
            if (!named) continue;
            const auto at = iommu_at(*named);
            const bool walks =
                at && topology_.iommus[*at].family == site.family && !firmware::main_iommu(description_, *named);
            if (walks) {
                site.main = at;
            } else {
                warn(site.path + ": the IOMMU that should walk tables for it is not there: what it translates faults");
            }
        }
    }

    void find_counters() {
        for (std::size_t i = 0; i < description_.nodes.size(); ++i) {
            const firmware::Node& node = description_.nodes[i];
            if (!node.reachable || !node.is_compatible(kPmcg) || node.regs.empty()) continue;
            CounterSite site;
            site.node = static_cast<firmware::NodeIndex>(i);
            if (!node.regs.front().cpu_address) continue;
            site.page0 = *node.regs.front().cpu_address;
            if (node.regs.size() > 1) site.page1 = node.regs[1].cpu_address;
            IommuSite* owner = closest(site.page0);
            if (owner == nullptr) {
                warn(node.path + ": a counter group without an SMMU reads as zero");
                continue;
            }
            site.group = owner->counters.size();
            if (site.group > owner->tbus.size()) {
                warn(node.path + ": " + owner->path + " has no TBU left whose counter group this could be");
                continue;
            }
            owner->counters.push_back(site);
        }
    }

    void find_msi_frames() {
        for (std::size_t i = 0; i < description_.nodes.size(); ++i) {
            const firmware::Node& node = description_.nodes[i];
            if (!node.reachable || node.regs.empty() || !node.regs.front().cpu_address) continue;
            const bool v2m = node.is_compatible("arm,gic-v2m-frame");
            if (!v2m && !node.is_compatible("arm,gic-v3-its")) continue;
            MsiFrame frame{static_cast<firmware::NodeIndex>(i), *node.regs.front().cpu_address, node.regs.front().size,
                           v2m ? std::uint64_t{0x40} : std::uint64_t{0x10040}};
            if (frame.size >= frame.doorbell + 4) topology_.msi_frames.push_back(frame);
        }
        // x86: where messages go, remapped or not. What the controller of the CPU does with them is not modelled, so
        // that no address in it is a doorbell. Where firmware says that this is memory, they end there.
        constexpr std::uint64_t kApics = 0xFEE00000, kApicBytes = 0x100000;
        const auto& tables = description_.tables;
        const bool x86 = tables != nullptr && (tables->dmar || tables->ivrs);
        const bool memory = std::any_of(description_.memory.begin(), description_.memory.end(), [](const auto& range) {
            return range.base < kApics + kApicBytes && kApics < range.base + range.size;
        });
        if (x86 && !memory) topology_.msi_frames.push_back({firmware::NodeIndex{}, kApics, kApicBytes, kApicBytes});
    }

    IommuSite* closest(std::uint64_t address) {
        IommuSite* best = nullptr;
        const auto base = [](const IommuSite& site) { return site.banks[0].base; };
        for (IommuSite& site : topology_.iommus) {
            if (site.family != kCounted) continue;
            const bool below = base(site) <= address;
            if (best == nullptr || (below && (base(*best) > address || base(site) > base(*best)))) best = &site;
        }
        return best;
    }

    std::optional<std::size_t> iommu_at(firmware::NodeIndex node) const {
        for (std::size_t i = 0; i < topology_.iommus.size(); ++i) {
            if (topology_.iommus[i].node == node) return i;
        }
        return std::nullopt;
    }

    Attachment attachment(std::optional<firmware::NodeIndex> provider, std::uint32_t id, const std::string& device) {
        Attachment result;
        result.stream = StreamId{id};
        if (!provider) return result;
        result.iommu = iommu_at(*provider);
        if (!result.iommu) {
            warn(device + ": its IOMMU " + description_.node(*provider).path +
                 " is not modelled: its transactions are not translated");
        }
        return result;
    }

    /// The entry whose port a master's traffic takes: the first, unless the config says another. Of a binding whose
    /// driver programs the last provider alone, the last: nothing programs the others for this master.
    std::size_t entry_of(const MasterConfig& master, const std::vector<const firmware::IommuEntry*>& entries) const {
        if (master.specifier) return *master.specifier;
        const bool last = std::all_of(entries.begin(), entries.end(), [&](const firmware::IommuEntry* one) {
            return one->provider && firmware::iommu_kind(description_.node(*one->provider)).last_provider_wins;
        });
        const auto family = [&](const firmware::IommuEntry* one) {
            return firmware::iommu_kind(description_.node(*one->provider)).family;
        };
        if (!last || family(entries.front()) != family(entries.back())) return 0;
        const auto first_of_last = std::find_if(entries.begin(), entries.end(), [&](const firmware::IommuEntry* one) {
            return one->provider == entries.back()->provider;
        });
        return static_cast<std::size_t>(first_of_last - entries.begin());
    }

    /// Another part of the same device takes the port with that IOMMU.
    bool has_port(const MasterConfig& master, std::optional<firmware::NodeIndex> provider) const {
        const std::string& device = master.part_of.empty() ? master.device : master.part_of;
        const auto entries = description_.effective_iommus(master.node).entries;
        return std::any_of(masters_.begin(), masters_.end(), [&](const MasterConfig& other) {
            if (&other == &master || (other.part_of.empty() ? other.device : other.part_of) != device) return false;
            const std::size_t entry = entry_of(other, entries);
            return entry < entries.size() && entries[entry]->provider == provider;
        });
    }

    void attach_platform(std::size_t number) {
        const MasterConfig& master = masters_[number];
        Attachment result;
        if (firmware::index(master.node) < description_.nodes.size()) {
            const auto effective = description_.effective_iommus(master.node);
            if (effective.translated && master.specifier.value_or(0) < effective.entries.size()) {
                const firmware::IommuEntry& entry = *effective.entries[entry_of(master, effective.entries)];
                std::uint32_t id = 0;
                if (entry.provider) {
                    const auto stream = firmware::stream_of(description_.node(*entry.provider), entry.args);
                    if (stream) id = stream->id;
                }
                result = attachment(entry.provider, id, master.device);
                const auto others = std::count_if(
                    effective.entries.begin(), effective.entries.end(), [&](const firmware::IommuEntry* one) {
                        return one->provider && one->provider != entry.provider && !has_port(master, one->provider);
                    });
                if (result.iommu && others != 0) {
                    warn(
                        fmt::format("{}: its traffic takes the port with {}; {} more of its entries name other IOMMUs, "
                                    "which see none of it (ports: all gives it one with each)",
                                    master.device, description_.node(*entry.provider).path, others));
                }
            }
        }
        if (result.iommu) {
            std::vector<std::string>& tbus = topology_.iommus[*result.iommu].tbus;
            topology_.tbu_of[number] = tbus.size();
            tbus.push_back(master.device);
        }
        topology_.masters.push_back(result);
    }

    void attach_pci(std::size_t number) {
        const MasterConfig& master = masters_[number];
        const firmware::Node& host = description_.node(master.node);
        Attachment result;
        result.stream = StreamId{*master.requester_id};
        if (host.iommu_map) {
            const firmware::MapLookup found = description_.map_id(master.node, *master.requester_id);
            if (found.result == firmware::MapResult::ok) result = attachment(found.provider, found.id, master.device);
        } else if (host.viot_map) {
            const firmware::IommuMapRow* const row = host.viot_map->find(*master.requester_id);
            if (row != nullptr && row->provider)
                result = attachment(row->provider, *master.requester_id - row->base + row->out, master.device);
        }
        PcieSite& site = pcie_site(master.node);
        site.masters.push_back(number);
        site.exit_of.push_back(exit_to(site, result.iommu));
        topology_.pcie_of.back() = static_cast<std::size_t>(&site - topology_.pcie.data());
        topology_.masters.push_back(result);
    }

    PcieSite& pcie_site(firmware::NodeIndex host) {
        for (PcieSite& site : topology_.pcie) {
            if (site.node == host) return site;
        }
        PcieSite& site = topology_.pcie.emplace_back();
        site.node = host;
        site.name = firmware::linux_device_name(description_, host);
        return site;
    }

    std::size_t exit_to(PcieSite& site, std::optional<std::size_t> iommu) {
        for (std::size_t i = 0; i < site.exits.size(); ++i) {
            if (site.exits[i].iommu == iommu) return i;
        }
        PcieSite::Exit exit;
        exit.iommu = iommu;
        if (iommu) {
            std::vector<std::string>& tbus = topology_.iommus[*iommu].tbus;
            exit.tbu = tbus.size();
            tbus.push_back(site.name);
        }
        site.exits.push_back(exit);
        return site.exits.size() - 1;
    }

    const firmware::Description& description_;
    const SocConfig& config_;
    const std::vector<MasterConfig>& masters_;
    Topology topology_;
    std::set<firmware::NodeIndex> claimed_;  ///< whose registers an IOMMU has as its own
};

}  // namespace

std::vector<std::string> places_of(const IommuSite& site, std::size_t port) {
    if (port == 0) return {site.name + ".tcu", site.name};
    const std::string& before = site.tbus[port - 1];
    return {site.name + "." + before, before, site.name};
}

std::string place_of(const SocConfig& config, const std::vector<std::string>& places) {
    for (const std::string& place : places) {
        const auto at = config.placement.find(place);
        if (at != config.placement.end()) return at->second;
    }
    return {};
}

std::vector<std::string> all_places(const Topology& topology, const SocConfig& config) {
    std::vector<std::string> all{"cpus"};
    const auto add = [&](const std::string& place) {
        if (std::find(all.begin(), all.end(), place) == all.end()) all.push_back(place);
    };
    for (const IommuSite& site : topology.iommus) {
        for (std::size_t port = 0; port <= site.tbus.size(); ++port) {
            for (const std::string& place : places_of(site, port)) add(place);
        }
    }
    for (const PcieSite& site : topology.pcie) add(site.name);
    for (std::size_t i = 0; i < config.masters.size(); ++i) {
        if (!topology.pcie_of[i]) add(config.masters[i].device);
    }
    return all;
}

std::vector<std::string> regulated_places(const Topology& topology, const SocConfig& config) {
    std::vector<std::string> all;
    for (const MasterConfig& master : config.masters) all.push_back(master.device);
    for (const IommuSite& site : topology.iommus) {
        const std::size_t ports = params_of(config, site).one_port ? 0 : site.tbus.size();
        for (std::size_t port = 0; port <= ports; ++port) all.push_back(places_of(site, port).front());
    }
    for (const PcieSite& site : topology.pcie) {
        for (const PcieSite::Exit& exit : site.exits) {
            if (!exit.iommu) all.push_back(site.name);
        }
    }
    return all;
}

std::vector<std::string> network_places(const Topology& topology, const SocConfig& config) {
    std::vector<std::string> all = all_places(topology, config);
    for (const auto& [name, subnet] : config.subnets) all.push_back(name);
    all.push_back("memory");
    for (std::uint32_t i = 1; i < config.memory.channels; ++i) all.push_back(fmt::format("memory_{}", i));
    if (!topology.msi_frames.empty()) all.push_back("msi");
    return all;
}

Topology make_topology(const firmware::Description& description, const SocConfig& config) {
    return Builder(description, config).build();
}

}  // namespace xlate::soc
