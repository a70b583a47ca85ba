#include "soc/modules/iommu.hpp"

#include <set>

#include "soc/iommu/partitions.hpp"
#include "soc/unit.hpp"

namespace xlate::soc {

namespace {

/// The masters that a partition may name: those whose socket says their stream.
std::vector<StreamOfMaster> known_streams(const IommuSetup& setup) {
    std::vector<StreamOfMaster> masters;
    for (const MasterSocket& master : setup.masters) {
        if (master.stream) masters.push_back({master.name, *master.stream});
    }
    return masters;
}

void report(const std::vector<Diagnostic>& findings) {
    if (findings.empty()) return;
    std::string text;
    for (const Diagnostic& finding : findings) text += (text.empty() ? "" : "\n") + finding.text();
    SC_REPORT_ERROR("xlate", text.c_str());
}

/// What can be wrong with a set-up, by the parameters' own names.
std::vector<Diagnostic> check(const std::string& module, const IommuSetup& setup) {
    std::vector<Diagnostic> findings = check_iommu_params(setup.params, module + ".params");
    const auto say = [&](const std::string& path, const std::string& what, const std::string& expected) {
        Diagnostic finding;
        finding.path = module + "." + path;
        finding.what = what;
        finding.expected = expected;
        findings.push_back(std::move(finding));
    };
    if (iommu::find_family(setup.family) == nullptr) {
        std::vector<std::string> names;
        for (const iommu::Family& family : iommu::families()) names.emplace_back(family.name);
        say("family", "there is no engine of '" + printable(setup.family) + "'",
            "one such as '" + nearest_name(setup.family, names).value_or("smmuv3") + "'");
    }
    if (setup.masters.empty()) say("masters", "no master stands before it", "one or more");
    std::set<std::string> names;
    for (const MasterSocket& master : setup.masters) {
        if (master.name.empty() || !names.insert(master.name).second) {
            say("masters", "'" + printable(master.name) + "' is empty or there twice", "a name of its own");
        }
    }
    for (const auto& [name, tbu] : setup.params.tbus) {
        if (names.count(name) == 0) say("params.tbus." + name, "no master has this name", "the name of a master");
    }
    for (Diagnostic& one : check_partitions(setup.params, module + ".params", known_streams(setup)))
        findings.push_back(std::move(one));
    return findings;
}

}  // namespace

IommuModule::IommuModule(const sc_core::sc_module_name& module_name, World& world, const IommuSetup& setup)
    : sc_core::sc_module(module_name) {
    const std::string own = name();
    report(check(own, setup));
    SocConfig config;
    config.seed = setup.seed;
    config.iommu = setup.params;
    IommuSite site;
    site.path = own;
    site.name = own;
    site.family = setup.family;
    site.facts = setup.facts;
    for (const MasterSocket& master : setup.masters) site.tbus.push_back(master.name);
    if (site.facts.register_bytes.empty()) {
        const auto probe = make_unit(config, site);
        for (unsigned i = 0; i < probe->register_banks(); ++i) {
            site.facts.register_bytes.push_back(probe->register_bytes(i));
        }
    }
    std::uint64_t base = setup.register_base;
    for (const std::uint64_t bytes : site.facts.register_bytes) {
        site.banks.push_back({base, bytes});
        base += bytes;
    }
    const IommuDevice::Context context{world.agenda(), world.pool(), world.stream(), *this, trace_};
    device_ = std::make_unique<IommuDevice>("device", context, site, setup.params, setup.seed, make_unit(config, site));
    const unsigned smallest = std::min<unsigned>(device_->spec().smallest_page_log2, 12);
    for (std::size_t i = 0; i < setup.masters.size(); ++i) {
        const MasterSocket& master = setup.masters[i];
        const Inlet::Shape shape{smallest, 0, false, master.stream, master.stream_of};
        inlets_.push_back(
            std::make_unique<Inlet>(world, own + ".masters." + master.name, "from_" + std::to_string(i), shape));
        inlets_.back()->port.socket.bind(device_->tbu(i).port.socket);
    }
    register_inlet_ =
        std::make_unique<Inlet>(world, own + ".registers", "from_registers", Inlet::Shape{63, 0, true, 0, {}});
    register_inlet_->port.socket.bind(device_->registers.socket);
    for (std::size_t i = 0; i < device_->bus_ports(); ++i) {
        outlets_.push_back(
            std::make_unique<Outlet>(world, own + ".memory." + std::to_string(i), "to_memory_" + std::to_string(i)));
        device_->bus_port(i).port.socket.bind(outlets_.back()->port.socket);
    }
    if (const auto partitions = partitions_of(setup.params, known_streams(setup))) {
        if (!device_->unit().partition(partitions))
            world.note(own + ": the shared caches of this family cannot be partitioned: whoever comes fills them");
    }
    world.uses_time(own, "its clock period", {setup.params.clock.fs});
    world.uses_time(own, "its interrupt_wire", setup.params.tcu.interrupt_wire);
}

IommuModule::~IommuModule() = default;

void IommuModule::on_interrupt(firmware::NodeIndex, std::string_view name, unsigned index) {
    interrupted_.notify(sc_core::SC_ZERO_TIME);
    if (on_interrupt_) on_interrupt_({std::string(name), index});
}

}  // namespace xlate::soc
