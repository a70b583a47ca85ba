#include "soc/parts.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/huge_pages.hpp"
#include "soc/iommu/partitions.hpp"
#include "soc/unit.hpp"

namespace xlate::soc {

namespace {

/// Before the first SystemC object: the resolution is frozen by the first sc_time. Returns the first name.
const char* prepare_systemc() {
    static bool used = false;
    XLATE_CHECK(!used, "SystemC elaborates once per process: a second Soc needs a process of its own");
    used = true;
    sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
    // Reports about the library itself would go to stdout, which is for results.
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
    return "agenda";
}

/// About as much as the modules of a SoC will take on the host: with many masters most of it is theirs.
std::size_t expected_bytes(const SocConfig& config, const Topology& topology) {
    constexpr std::size_t kBytesOfMaster = 24 << 10, kBytesOfEntry = 128;
    std::size_t bytes = config.masters.size() * kBytesOfMaster;
    for (const IommuSite& site : topology.iommus) {
        const IommuParams& params = params_of(config, site);
        for (const std::string& name : site.tbus) {
            const PortParams& tbu = params.tbu_of(name);
            for (const CacheTiming* tlb : {&tbu.micro_tlb, &tbu.main_tlb}) bytes += tlb->shape.entries * kBytesOfEntry;
        }
    }
    return bytes;
}

/// What went up a PCIe link, if it counts.
void add_link(std::vector<LinkStats>& links, const PcieRoot& link) {
    if (auto stats = link.stats()) {
        stats->name = link.component_name();
        links.push_back(*stats);
    }
}

}  // namespace

/// Collects who is connected to which crossbar before they are made: SystemC wants all ports then.
class Soc::Parts::Connections {
public:
    explicit Connections(const SocConfig& config) : config_(config) {}
    /// `places`: its names in SocConfig::placement, the first that is there counts.
    void add(std::string name, InitiatorPort& port, const std::vector<std::string>& places) {
        names.push_back(std::move(name));
        ports.push_back(&port);
        subnets.push_back(place_of(config_, places));
        all_places.push_back(places);
    }
    std::vector<std::string> names;
    std::vector<InitiatorPort*> ports;
    std::vector<std::string> subnets;  ///< empty: the SoC's crossbar
    std::vector<std::vector<std::string>> all_places;

private:
    const SocConfig& config_;
};

/// The same for targets. The place of one is its number.
struct Soc::Parts::Destinations {
    std::vector<std::string> names;
    std::vector<TargetPort*> ports;
    AddressMap map;

    unsigned add(std::string name, TargetPort& port) {
        names.push_back(std::move(name));
        ports.push_back(&port);
        return static_cast<unsigned>(ports.size() - 1);
    }
};

Soc::Parts::Parts(const firmware::Description& from, const SocConfig& with)
    : description(from),
      config(with),
      topology(make_topology(from, with)),
      warnings(topology.warnings),
      bytes(from.memory),
      agenda(prepare_systemc()),
      joints(with.check_protocol) {
    if (ForeignParts::in(config)) foreign = std::make_unique<ForeignParts>(config, agenda, pool, stream);
    expect_heap(expected_bytes(config, topology));
    build();
    agenda.rank_components();
    if (config.sanitizer) watch();
    if (foreign == nullptr) agenda.run_ahead();
    agenda.limit(config.limits.max_time, config.limits.max_events);
}

Soc::Parts::~Parts() = default;

const IommuParams& Soc::Parts::params_of(const IommuSite& site) const { return soc::params_of(config, site); }

bool Soc::Parts::in_registers(std::uint64_t address) const {
    return std::any_of(iommus.begin(), iommus.end(), [&](const auto& iommu) { return iommu->in_banks(address); });
}

void Soc::Parts::build() {
    Connections initiators(config);
    machine = std::make_unique<TimedMachine>(
        "cpus", agenda, pool, bytes, config.cpu,
        [this](const std::string& device, unsigned port) { return find_master(device, port); },
        [this](const std::string& device, bool enable) { enable_ats(device, enable); },
        [this](firmware::NodeIndex iommu, unsigned offset) -> std::uint32_t {
            for (std::size_t i = 0; i < topology.iommus.size(); ++i) {
                if (topology.iommus[i].node == iommu) return iommus[i]->unit().pci_capability(offset);
            }
            return 0;
        });
    const std::vector<std::string> cpus = TimedMachine::cpu_names(config.cpu);
    for (std::size_t i = 0; i < cpus.size(); ++i) initiators.add(cpus[i], machine->port(i), {"cpus"});

    const IommuDevice::Context iommu_context{agenda, pool, stream, *machine, trace};
    for (const IommuSite& site : topology.iommus) {
        const IommuParams& params = params_of(site);
        iommus.push_back(std::make_unique<IommuDevice>(systemc_name(site.name).c_str(), iommu_context, site, params,
                                                       config.seed, make_unit(config, site)));
        if (params.inert)
            warnings.push_back(site.path + ": inert: its registers are memory, and it does not translate");
        for (const std::string& lost : iommus.back()->lost_presets())
            warnings.push_back(site.path + ": register " + lost + ": this hardware has no such value");
        const auto names = IommuDevice::bus_port_names(params, site.tbus);
        for (std::size_t i = 0; i < names.size(); ++i) {
            const std::vector<std::string> places = places_of(site, i);
            initiators.add(site.name + "_" + names[i], regulated(places.front(), iommus.back()->bus_port(i).port),
                           places);
        }
    }
    for (std::size_t i = 0; i < iommus.size(); ++i) {
        const IommuSite& site = topology.iommus[i];
        const iommu::Family* family = site.main ? iommu::find_family(site.family) : nullptr;
        if (site.main && (params_of(site).inert || params_of(topology.iommus[*site.main]).inert)) continue;
        if (family != nullptr && family->connect != nullptr && config.engines.count(site.family) == 0) {
            family->connect(iommus[i]->unit(), iommus[*site.main]->unit());
        }
    }
    partition_caches();
    if (!topology.msi_frames.empty()) {
        msi =
            std::make_unique<MsiTarget>("msi", agenda, stream, *machine, config.cpu.msi_delivery, topology.msi_frames);
    }

    build_masters(initiators);
    build_pcie(initiators);
    Destinations targets;
    build_memory(targets);
    build_targets(targets);
    build_interconnects(initiators, targets);
    if (config.fidelity == Fidelity::fast) plan_ahead(initiators.ports);
}

void Soc::Parts::partition_caches() {
    for (std::size_t i = 0; i < iommus.size(); ++i) {
        const IommuParams& params = params_of(topology.iommus[i]);
        if (params.partitions.empty()) continue;
        const auto partitions = partitions_of(params, config, topology, i);
        if (partitions == nullptr) continue;
        if (!iommus[i]->unit().partition(partitions)) {
            warnings.push_back(topology.iommus[i].path +
                               ": the shared caches of this family cannot be partitioned: whoever comes fills them");
        }
        for (const std::size_t port : shared_ports(params, config, topology, i))
            iommus[i]->tbu(port).partition(partitions);
    }
}

InitiatorPort& Soc::Parts::regulated(const std::string& place, InitiatorPort& port) {
    const auto at = config.regulators.find(place);
    if (at == config.regulators.end()) return port;
    const std::string name = "regulator." + place;
    regulators.push_back(std::make_unique<Regulator>(systemc_name(name).c_str(), name, agenda, at->second, place));
    joints.join(port, regulators.back()->from);
    return regulators.back()->to;
}

void Soc::Parts::build_masters(Connections& initiators) {
    const DmaMaster::Context master_context{agenda, pool, stream, *this, trace};
    for (std::size_t i = 0; i < config.masters.size(); ++i) {
        const MasterConfig& master = config.masters[i];
        const std::string name = "master." + master.device;
        const Attachment& attachment = topology.masters[i];
        if (master.foreign.factory.empty()) {
            masters.push_back(std::make_unique<DmaMaster>(systemc_name(name).c_str(), name, master_context, master,
                                                          config.seed, config.payload));
        } else {
            masters.push_back(foreign->add_master(i, name, master_context, attachment.stream));
        }
        masters.back()->set_stream(attachment.stream);
        if (topology.pcie_of[i]) continue;
        InitiatorPort& port = regulated(master.device, masters.back()->port);
        if (attachment.iommu) {
            IommuPort& tbu = iommus[*attachment.iommu]->tbu(topology.tbu_of[i]);
            joints.join(port, tbu.port);
            masters.back()->stands_before(tbu);
        } else {
            initiators.add(name, port, {master.device});
        }
    }
}

void Soc::Parts::build_pcie(Connections& initiators) {
    for (const PcieSite& site : topology.pcie) {
        const std::string name = "pcie." + site.name;
        const PcieTree tree(config, site);
        const auto make = [&](const std::string& own, const PcieParams& params, const PcieTree::Link& link) {
            auto made = std::make_unique<PcieRoot>(systemc_name(own).c_str(), own, agenda, params, link.names(),
                                                   link.exit_of(), link.exits.size());
            if (!tree.below.empty()) made->keep_stats();
            return made;
        };
        pcie.push_back(make(name, config.pcie, tree.host));
        for (const auto& [number, link] : tree.below) {
            const PcieLinkParams& params = config.pcie_links[number];
            pcie_links[number] = make("pcie." + params.name, params.params, link);
        }
        hang_on(*pcie.back(), tree.host, name);
        for (const auto& [number, link] : tree.below)
            hang_on(*pcie_links[number], link, "pcie." + config.pcie_links[number].name);
        for (std::size_t i = 0; i < site.exits.size(); ++i) {
            const PcieSite::Exit& exit = site.exits[i];
            if (exit.iommu) {
                joints.join(pcie.back()->exit(i), iommus[*exit.iommu]->tbu(exit.tbu).port);
            } else {
                initiators.add(name, regulated(site.name, pcie.back()->exit(i)), {site.name});
            }
        }
    }
}

/// The masters and the links that hang on one link.
void Soc::Parts::hang_on(PcieRoot& root, const PcieTree::Link& link, const std::string& name) {
    for (std::size_t i = 0; i < link.endpoints.size(); ++i) {
        const PcieTree::Endpoint& endpoint = link.endpoints[i];
        if (endpoint.link) {
            PcieRoot& below = *pcie_links.at(*endpoint.link);
            root.hang(i, below);
            joints.join(below.exit(endpoint.exit_below), root.endpoint(i));
            continue;
        }
        const std::size_t number = *endpoint.master;
        const MasterConfig& master = config.masters[number];
        joints.join(regulated(master.device, masters[number]->port), root.endpoint(i));
        if (!master.atc) continue;
        root.add_atc(i, pool, name + "." + master.device, *master.atc, config.seed);
        atcs[number] = root.atc(i);
        const Attachment& attachment = topology.masters[number];
        if (!attachment.iommu) continue;
        const PcieSite& site = topology.pcie[*topology.pcie_of[number]];
        iommus[*attachment.iommu]->connect_atc(
            attachment.stream, site.exits[endpoint.exit].tbu,
            [&root, i](const iommu::Invalidation& invalidation, std::function<void()> done) {
                root.invalidate_atc(i, invalidation, std::move(done));
            },
            [&root, i](const iommu::PageResponse& response) { root.answer_page(i, response); });
        root.set_page_requests(i, [&iommu = *iommus[*attachment.iommu]](const iommu::PageRequest& request) {
            iommu.page_request(request);
        });
    }
}

void Soc::Parts::build_memory(Destinations& targets) {
    for (std::uint32_t i = 0; i < config.memory.channels; ++i) {
        const std::string name = i == 0 ? "memory" : "memory_" + std::to_string(i);
        TargetPort* port = nullptr;
        if (!config.foreign_memory.factory.empty()) {
            port = &foreign->add_memory(i, bytes);
        } else if (config.memory.dram) {
            drams.push_back(std::make_unique<Dram>(name.c_str(), name, agenda, config.memory, bytes));
            drams.back()->listen(trace);
            port = &drams.back()->port;
        } else {
            memories.push_back(std::make_unique<Memory>(name.c_str(), name, agenda, config.memory, bytes));
            memories.back()->listen(trace);
            port = &memories.back()->port;
        }
        if (config.system_cache.bytes != 0) {
            const std::string slice = "system_cache" + name.substr(std::string("memory").size());
            caches.push_back(std::make_unique<SystemCache>(slice.c_str(), slice, agenda, pool, config.clock,
                                                           config.system_cache, config.memory, bytes));
            joints.join(caches.back()->lower, *port);
            port = &caches.back()->upper;
        }
        targets.add(name, *port);
    }
}

/// Registers, messages, and which addresses are whose. Memory is there already.
void Soc::Parts::build_targets(Destinations& targets) {
    for (const auto& iommu : iommus) {
        const unsigned number = targets.add(iommu->component_name(), iommu->registers);
        for (const IommuSite::Bank& bank : iommu->banks()) targets.map.map(bank.base, bank.bytes, number);
    }
    for (std::size_t i = 0; i < iommus.size(); ++i) {
        if (iommus[i]->counters() == nullptr) continue;
        const unsigned number = targets.add(topology.iommus[i].name + "_counters", *iommus[i]->counters());
        for (const CounterSite& site : topology.iommus[i].counters) {
            for (const auto& page : {std::optional(site.page0), site.page1}) {
                if (page && !in_registers(*page)) targets.map.map(*page, CounterSite::kPageBytes, number);
            }
        }
    }
    if (msi) {
        const unsigned number = targets.add("msi", msi->port);
        for (const MsiFrame& frame : topology.msi_frames) targets.map.map(frame.base, frame.size, number);
    }
    if (description.memory.empty()) {
        // There is no way to spread what is left over among channels: check() has refused several.
        warnings.push_back("the firmware names no memory: every address that is no register is memory");
        targets.map.map_rest(0);
    }
    // Test boards place register files in memory: it goes on behind them.
    const std::vector<AddressMap::Range> registers = targets.map.ranges();
    for (const firmware::MemoryRange& range : bytes.ranges()) {
        std::uint64_t at = range.base;
        const auto map_up_to = [&](std::uint64_t end) {
            if (at >= end) return;
            targets.map.map_channels(at, end - at, 0, config.memory.channels, config.memory.channel_bytes);
        };
        const std::uint64_t end = range.base + range.size;
        for (const AddressMap::Range& other : registers) {
            if (other.last < at || other.base >= end) continue;
            map_up_to(other.base);
            at = other.last + 1;
        }
        map_up_to(end);
    }
}

/// The SoC's crossbar, those below it, and what hangs on each.
void Soc::Parts::build_interconnects(const Connections& initiators, const Destinations& targets) {
    struct Net {
        std::vector<std::string> names;
        std::vector<InitiatorPort*> ports;
        std::vector<std::vector<std::string>> places;
    };
    std::map<std::string, Net> nets;
    for (std::size_t i = 0; i < initiators.ports.size(); ++i) {
        Net& net = nets[initiators.subnets[i]];
        net.names.push_back(initiators.names[i]);
        net.ports.push_back(initiators.ports[i]);
        net.places.push_back(initiators.all_places[i]);
    }
    const auto clock_of = [&](const std::string& name) {
        return name.empty() ? config.clock : config.subnets.at(name).clock;
    };
    for (const auto& [name, subnet] : config.subnets) {
        const std::string own = "bridge." + name;
        bridges.push_back(std::make_unique<Bridge>(systemc_name(own).c_str(), own, agenda, subnet.clock,
                                                   clock_of(subnet.parent), subnet.bridge, subnet.outstanding));
        Net& net = nets[subnet.parent];
        net.names.push_back(own);
        net.ports.push_back(&bridges.back()->upper);
        net.places.push_back({name});
    }
    const auto bind = [this](Crossbar& to, const Net& net) {
        for (std::size_t i = 0; i < net.ports.size(); ++i) joints.join(*net.ports[i], to.initiator(i));
    };
    const Net& root = nets[""];
    if (!config.foreign_interconnect.factory.empty()) {
        const ForeignParts::Ways ways = foreign->add_interconnect(root.names, targets.names, targets.map);
        for (std::size_t i = 0; i < root.ports.size(); ++i) joints.join(*root.ports[i], *ways.initiators[i]);
        for (std::size_t i = 0; i < targets.ports.size(); ++i) joints.join(*ways.targets[i], *targets.ports[i]);
    } else if (config.network.kind != NetworkParams::Kind::crossbar) {
        const NetworkPlan plan(config.network);
        std::size_t next_node = 0;
        const auto site = [&](const std::string& name, const std::vector<std::string>& places) {
            for (const std::string& place : places) {
                const auto own = config.network.nodes.find(place);
                if (own != config.network.nodes.end()) return Network::Site{name, *plan.find(own->second)};
            }
            return Network::Site{name, next_node++ % plan.nodes()};
        };
        std::vector<Network::Site> from, to;
        for (std::size_t i = 0; i < root.names.size(); ++i) from.push_back(site(root.names[i], root.places[i]));
        for (const std::string& name : targets.names) to.push_back(site(name, {name}));
        network = std::make_unique<Network>("network", "network", agenda, config.clock, config.interconnect,
                                            config.network, from, to, targets.map);
        for (std::size_t i = 0; i < root.ports.size(); ++i) joints.join(*root.ports[i], network->initiator(i));
        for (std::size_t i = 0; i < targets.ports.size(); ++i) joints.join(network->target(i), *targets.ports[i]);
    } else {
        crossbar = std::make_unique<Crossbar>("crossbar", "crossbar", agenda, config.clock, config.interconnect,
                                              root.names, targets.names);
        bind(*crossbar, root);
        for (std::size_t i = 0; i < targets.ports.size(); ++i) joints.join(crossbar->target(i), *targets.ports[i]);
        crossbar->set_map(targets.map);
    }
    std::size_t next_bridge = 0;
    for (const auto& [name, subnet] : config.subnets) {
        const std::string own = "crossbar." + name;
        const Net& net = nets[name];
        subnets.push_back(std::make_unique<Crossbar>(systemc_name(own).c_str(), own, agenda, subnet.clock,
                                                     subnet.crossbar, net.names, std::vector<std::string>{"up"}));
        bind(*subnets.back(), net);
        joints.join(subnets.back()->target(0), bridges[next_bridge++]->lower);
        subnets.back()->map_rest(0);
    }
}

/// `initiators`: the crossbar's, in its order.
void Soc::Parts::plan_ahead(const std::vector<InitiatorPort*>& initiators) {
    crossbar->plan_ahead(*memories[0], 0);
    const auto other = std::find_if(config.masters.begin(), config.masters.end(), [&](const MasterConfig& master) {
        return master.traffic.priority != config.masters.front().traffic.priority;
    });
    if (other != config.masters.end()) {
        warnings.push_back("fidelity: fast gives the crossbar to whoever reserves it first: the priorities of " +
                           config.masters.front().device + " and " + other->device +
                           " do not act there; use fidelity: exact if they matter");
    }
    const auto way_of = [&](const InitiatorPort& port) {
        const auto at = std::find(initiators.begin(), initiators.end(), &port);
        return at == initiators.end() ? nullptr : &crossbar->way_of(static_cast<std::size_t>(at - initiators.begin()));
    };
    for (const auto& iommu : iommus) {
        std::vector<PlannedWay*> ways;
        for (std::size_t i = 0; i < iommu->bus_ports(); ++i) ways.push_back(way_of(iommu->bus_port(i).port));
        iommu->plan_ahead(ways, bytes);
    }
    for (std::size_t i = 0; i < masters.size(); ++i) {
        if (topology.pcie_of[i]) continue;
        const Attachment& attachment = topology.masters[i];
        if (!attachment.iommu) {
            masters[i]->plan_ahead(*way_of(masters[i]->port));
            continue;
        }
        IommuPort& tbu = iommus[*attachment.iommu]->tbu(topology.tbu_of[i]);
        masters[i]->plan_ahead(tbu);
        tbu.serve(*masters[i]);
    }
}

void Soc::Parts::watch() {
    sanitizer = std::make_unique<Sanitizer>(agenda, bytes, topology, [this](std::uint32_t rank) {
        for (const auto& master : masters) {
            if (master->rank() == rank) return master->device();
        }
        return std::string("?");
    });
    for (std::size_t i = 0; i < iommus.size(); ++i) {
        TranslationObserver* observer = sanitizer->watch(i, *iommus[i], params_of(topology.iommus[i]).hardware);
        if (observer == nullptr)
            warnings.push_back(topology.iommus[i].path + ": the sanitizer knows no rules of this family yet");
        iommus[i]->set_watch(observer);
    }
    machine->set_watch(sanitizer.get());
    trace = &sanitizer->ledger();
}

Outcome Soc::Parts::run() {
    XLATE_CHECK(!ran, "a Soc runs once");
    ran = true;
    if (foreign == nullptr) {
        sc_core::sc_start();
    } else {
        foreign->run([this] { return agenda.empty() && pool.outstanding() == 0; });
    }
    switch (agenda.stopped()) {
        case Agenda::Stop::time:
            return Outcome::time_limit;
        case Agenda::Stop::entries:
            return Outcome::event_limit;
        case Agenda::Stop::requested:
            return Outcome::interrupted;
        case Agenda::Stop::none:
            break;
    }
    return Outcome::finished;
}

std::vector<ResourceUse> Soc::Parts::uses() const {
    std::vector<ResourceUse> all;
    all.reserve(uses_before_);
    for (const auto& memory : memories) memory->add_uses(all);
    for (const auto& dram : drams) dram->add_uses(all);
    for (const auto& cache : caches) cache->add_uses(all);
    if (crossbar != nullptr) crossbar->add_uses(all);
    if (network != nullptr) network->add_uses(all);
    for (const auto& subnet : subnets) subnet->add_uses(all);
    for (const auto& bridge : bridges) bridge->add_uses(all);
    for (const auto& regulator : regulators) regulator->add_uses(all);
    for (const auto& root : pcie) root->add_uses(all);
    for (const auto& [number, link] : pcie_links) link->add_uses(all);
    for (const auto& iommu : iommus) iommu->add_uses(all);
    machine->add_uses(all);
    uses_before_ = all.size();
    // What runs ahead may have begun later than now: an integral is then a little less than nothing.
    const auto at_least_nothing = [](std::uint64_t& fs) {
        if (static_cast<std::int64_t>(fs) < 0) fs = 0;
    };
    for (ResourceUse& one : all) {
        at_least_nothing(one.busy_fs);
        at_least_nothing(one.full_fs);
        at_least_nothing(one.waited_fs);
    }
    return all;
}

SocStats Soc::Parts::stats() const {
    SocStats result;
    result.end = agenda.now();
    result.events = agenda.fired();
    result.digest = stream.value();
    for (const auto& iommu : iommus) result.iommus.push_back(iommu->stats());
    for (std::size_t i = 0; i < masters.size(); ++i) {
        MasterStats& one = result.masters.emplace_back(masters[i]->stats());
        std::optional<std::size_t> iommu = topology.masters[i].iommu;
        std::size_t tbu = topology.tbu_of[i];
        if (topology.pcie_of[i]) {
            const PcieSite& site = topology.pcie[*topology.pcie_of[i]];
            const auto place = std::find(site.masters.begin(), site.masters.end(), i) - site.masters.begin();
            const PcieSite::Exit& exit = site.exits[site.exit_of[static_cast<std::size_t>(place)]];
            one.link = pcie[*topology.pcie_of[i]]->component_name();
            for (auto at = config.masters[i].pcie_link; at; at = config.pcie_links[*at].above)
                one.port_links.push_back(pcie_links.at(*at)->component_name());
            iommu = exit.iommu;
            tbu = exit.tbu;
        }
        if (!iommu) continue;
        one.iommu = topology.iommus[*iommu].name;
        one.port = topology.iommus[*iommu].tbus[tbu];
    }
    for (const auto& [number, atc] : atcs) result.masters[number].atc = atc->stats();
    if (network != nullptr) result.links = network->links();
    for (const auto& root : pcie) add_link(result.links, *root);
    for (const auto& [number, link] : pcie_links) add_link(result.links, *link);
    for (const auto& regulator : regulators) result.regulators.push_back(regulator->stats());
    for (const auto& cache : caches) {
        if (!result.system_cache) result.system_cache.emplace();
        result.system_cache->add(cache->stats());
    }
    if (foreign != nullptr) result.foreign = foreign->stats();
    result.protocol = joints.stats();
    result.faults = faults;
    result.faults_total = faults_total;
    result.transactions_lost = pool.outstanding();
    return result;
}

DmaMaster* Soc::Parts::find_master(const std::string& device, unsigned port) {
    for (std::size_t i = 0; i < masters.size(); ++i) {
        const bool its = port == 0 ? config.masters[i].device == device : config.masters[i].part_of == device;
        if (its && (port <= 1 || --port == 0)) return masters[i].get();
    }
    return nullptr;
}

bool Soc::Parts::enable_ats(const std::string& device, bool enable) {
    for (const auto& [number, atc] : atcs) {
        if (config.masters[number].device != device) continue;
        atc->enable(enable);
        return true;
    }
    return false;
}

IommuDevice* Soc::Parts::find_iommu(PhysAddr address) {
    const auto at = std::find_if(iommus.begin(), iommus.end(),
                                 [&](const auto& iommu) { return iommu->has_register(address.value); });
    return at == iommus.end() ? nullptr : at->get();
}

/// As the family of the IOMMU of that name has it.
std::string Soc::Parts::fault_name(const std::string& iommu, std::uint16_t code) const {
    const auto at =
        std::find_if(iommus.begin(), iommus.end(), [&](const auto& one) { return one->component_name() == iommu; });
    return at == iommus.end() ? std::to_string(code) : (*at)->spec().fault_name(code);
}

void Soc::Parts::on_fault(const std::string& device, const Transaction& transaction) {
    ++faults_total;
    if (faults.size() >= kMaxFaultRecords) return;
    FaultRecord record;
    record.time = agenda.now();
    record.id = value(transaction.stream);
    record.iova = transaction.iova;
    record.device = device;
    record.reason = "DECODE_ERROR";
    if (transaction.refused_by != nullptr) {
        record.iommu = *transaction.refused_by;
        record.reason = transaction.fault == 0 ? "ABORT" : fault_name(*transaction.refused_by, transaction.fault);
    }
    faults.push_back(std::move(record));
}

}  // namespace xlate::soc
