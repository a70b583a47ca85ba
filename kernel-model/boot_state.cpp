#include "kernel-model/boot_state.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/bits.hpp"
#include "firmware/default_bus.hpp"
#include "firmware/pci_hosts.hpp"
#include "firmware/remote_processors.hpp"

namespace xlate::kernel {

namespace {

DriverCoreParameters driver_core_parameters(const BootConfig& config) {
    DriverCoreParameters parameters;
    parameters.modules = config.parameters.modules;
    parameters.deferred_probe_timeout_s =
        config.parameters.deferred_probe_timeout_s.value_or(config.parameters.modules ? 10 : 0);
    parameters.cpus = config.cpus;
    parameters.rechecks_trigger = config.parameters.deferral_rechecks_trigger;
    return parameters;
}

bool is_strict(const BootConfig& config) { return config.parameters.iommu_strict.value_or(config.arch != Arch::x86); }

IommuParameters iommu_parameters(const BootConfig& config) {
    IommuParameters parameters;
    parameters.passthrough = config.parameters.iommu_passthrough;
    parameters.strict = is_strict(config);
    parameters.arch = config.arch;
    parameters.not_built = config.not_built;
    return parameters;
}

}  // namespace

BootState::BootState(LinuxBoot& the_boot, Kernel& kernel, const firmware::Description& firmware_description,
                     BootConfig the_config)
    : boot(the_boot),
      k(kernel),
      description(firmware_description),
      config(std::move(the_config)),
      drivers(kernel, driver_core_parameters(config)),
      iommu(kernel, firmware_description, drivers, config.dma, iommu_parameters(config)),
      of(kernel, firmware_description, drivers, iommu),
      platform(kernel, "platform", of, iommu),
      amba(kernel, "amba", of, iommu),
      pci_bus(kernel, of, iommu),
      pci_express(kernel, "pci_express"),
      pci(kernel, drivers, iommu, pci_bus, config.parameters.acs),
      roots_(config.pci),
      root_used_(config.pci.size(), false) {
    of.set_pci(&pci);
    for (BusType* const bus : std::initializer_list<BusType*>{&platform, &pci_bus, &amba, &pci_express})
        drivers.bus_register(*bus);
    for (BusType* const bus : std::initializer_list<BusType*>{&platform, &pci_bus, &amba}) iommu.bus_register(*bus);
    find_suppliers();
}

int BootState::client_probe(Device& dev) {
    return config.client != nullptr ? config.client->probe(dev, boot.traffic_of(dev)) : 0;
}

void BootState::client_remove(Device& dev) {
    if (config.client != nullptr) config.client->remove(dev);
}

bool BootState::has_own_driver(const Device& dev, const Driver& except) const {
    return std::any_of(known.begin(), known.end(), [&](const KnownDriver& row) {
        const Driver& driver = *row.driver;
        return &driver.bus == dev.bus && &driver != &except && driver.name != "generic-client" &&
               driver.name != "generic-pci-host" && driver.match(dev);
    });
}

bool BootState::has_hidden_consumers(firmware::NodeIndex at) const {
    const firmware::Node& node = description.node(at);
    if (firmware::is_default_bus(node)) return false;
    const firmware::Property* const type = node.property("device_type");
    if (type != nullptr && std::string(type->bytes.begin(), type->bytes.end()).rfind("pci", 0) == 0) return false;
    return std::any_of(node.children.begin(), node.children.end(), [&](firmware::NodeIndex child) {
        const firmware::Node& below = description.node(child);
        if (!below.available) return false;
        if (below.compatible.empty()) return has_hidden_consumers(child);
        return below.has_iommus || below.iommu_map || has_hidden_consumers(child);
    });
}

void BootState::populate_hidden(Device& dev) {
    if (!has_hidden_consumers(*dev.of_node)) return;
    if (!remote_booted_ && firmware::remote_channel(description, *dev.of_node)) {
        remote_.emplace_back(&dev);
    } else {
        of.of_platform_populate(dev, true);
    }
}

void BootState::boot_remote_processors(std::vector<Task*> modules) {
    bool any = false;
    for (std::size_t i = 0; i < description.nodes.size() && !any; ++i)
        any = firmware::remote_channel(description, static_cast<firmware::NodeIndex>(i)).has_value();
    if (!any) return;
    ++modules_left;
    k.spawn("remoteproc", 0, [this, modules = std::move(modules)] {
        for (Task* const module : modules) k.sched.join(*module, "rproc_boot");
        remote_booted_ = true;
        for (const Ptr<Device>& processor : std::exchange(remote_, {})) of.of_platform_populate(*processor, true);
        module_done();
    });
}

const PciRoot& BootState::root_of(Device& host) {
    const firmware::Node& node = description.node(*host.of_node);
    std::optional<unsigned> domain;
    for (const firmware::PciHost& one : firmware::pci_hosts(description))
        if (one.node == *host.of_node) domain = one.domain;
    const unsigned last_bus = firmware::last_bus_of(node);
    std::optional<std::size_t> chosen;
    for (std::size_t i = 0; i < roots_.size() && !chosen; ++i)
        if (roots_[i].host == host.name || roots_[i].host == node.path) chosen = i;
    for (std::size_t i = 0; i < roots_.size() && !chosen; ++i)
        if (roots_[i].host.empty() && !root_used_[i] && roots_[i].domain == domain) chosen = i;
    for (std::size_t i = 0; i < roots_.size() && !chosen; ++i)
        if (roots_[i].host.empty() && !root_used_[i] && roots_[i].domain == 0) chosen = i;
    PciRoot root;
    if (chosen) {
        root = roots_[*chosen];
        root_used_[*chosen] = true;
    }
    if (const firmware::Property* const range = node.property("bus-range");
        range != nullptr && range->bytes.size() >= 4)
        root.bus = static_cast<unsigned>(load_be(range->bytes.data(), 4));
    root.domain = domain.value_or(next_domain_);
    root.last_bus = last_bus;
    next_domain_ = std::max(next_domain_, root.domain + 1);
    return given_[host.name] = root;
}

/// acpi_pci_root_add: PCI is scanned before any driver of it is there, and before N1 is.
void BootState::acpi_scan_pci_roots() {
    for (const firmware::PciRootNode& root : description.pci_roots) {
        const firmware::Node& node = description.node(root.node);
        const Ptr<Device> host = k.heap.make<Device>("acpi_pci_root_add", node.linux_name, nullptr, Ptr<Device>{},
                                                     std::optional<firmware::NodeIndex>(root.node));
        if (!host) continue;
        k.heap.set_immortal(*host.get());
        PciRoot configured;
        for (const PciRoot& one : roots_) {
            const bool named = one.host == node.linux_name || one.host == node.path;
            if (named || (one.host.empty() && one.domain == root.segment && one.bus == root.bus)) configured = one;
        }
        configured.domain = root.segment;
        configured.bus = root.bus;
        configured.last_bus = firmware::last_bus_of(node);
        pci.pci_host_probe(*host, given_[host->name] = configured);
    }
}

std::vector<ModuleLoad> BootState::module_list() const {
    if (config.modules) return *config.modules;
    std::vector<ModuleLoad> list;
    std::set<std::string> named;
    for (const KnownDriver& row : known)
        if (row.level == DriverLevel::module && row.by_default && named.insert(row.module).second)
            list.push_back({row.module, {}, !list.empty(), config.cpus > 1 ? 1U : 0U});
    return list;
}

void BootState::register_level(DriverLevel level) {
    std::set<std::string> loaded_later;
    for (const ModuleLoad& load : module_list()) loaded_later.insert(module_name(load.name));
    for (const KnownDriver& row : known) {
        // A module that nobody loads is as good as built in if the configuration lists modules itself.
        const bool here = row.level == level || (config.modules && row.level == DriverLevel::module && row.by_default &&
                                                 level == DriverLevel::device);
        if (here && loaded_later.count(row.module) == 0) drivers.driver_register(*row.driver);
    }
}

/// x86: IOMMUs that a table of firmware names.
void BootState::pci_iommu_init() {
    for (const KnownDriver& row : known) {
        if (row.level != DriverLevel::rootfs) continue;
        Frame frame{k, "pci_iommu_init"};
        static_cast<InitcallDriver&>(*row.driver).init();
    }
}

void BootState::load_module(const std::string& name) {
    const std::vector<std::string>& refused = config.parameters.module_blacklist;
    if (std::any_of(refused.begin(), refused.end(),
                    [&](const std::string& one) { return module_name(one) == module_name(name); })) {
        k.console.warn("", "Module {} is blacklisted", module_name(name));
        return;
    }
    Frame frame{k, "do_init_module"};
    for (const KnownDriver& row : known)
        if (row.module == module_name(name)) drivers.driver_register(*row.driver);
    drivers.async_synchronize_full("do_init_module");
}

void BootState::module_done() {
    if (--modules_left == 0) end = k.now();
}

void BootState::init() {
    Frame frame{k, "kernel_init"};
    k.console.info("iommu", "Default domain type: {}{}",
                   config.parameters.iommu_passthrough ? "Passthrough" : "Translated",
                   config.parameters.iommu_passthrough ? " (set via kernel command line)" : "");
    if (!config.parameters.iommu_passthrough)
        k.console.info("iommu", "DMA domain TLB invalidation policy: {} mode", is_strict(config) ? "strict" : "lazy");
    register_level(DriverLevel::arch);  // arch
    if (description.acs_early) pci.pci_request_acs();
    of.of_platform_default_populate(platform, amba);  // DT: arch_sync; ACPI: subsys, of the tables
    acpi_scan_pci_roots();                            // subsys
    iommu.install_notifiers();                        // subsys, after pci and acpi
    pci_iommu_init();                                 // rootfs
    register_level(DriverLevel::device);              // device
    drivers.deferred_probe_initcall();                // late
    drivers.async_synchronize_full("kernel_init");

    const std::vector<ModuleLoad> modules = module_list();
    modules_left = modules.size() + config.extra_tasks.size();
    std::vector<Task*> loads;
    Task* previous = nullptr;
    for (const ModuleLoad& load : modules) {
        Task* const before = load.after_previous ? previous : nullptr;
        previous = &k.spawn("insmod", load.cpu, [this, load, before] {
            if (before != nullptr) k.sched.join(*before, "insmod");
            if (load.at.fs != 0) k.machine.sleep(load.at);
            load_module(load.name);
            module_done();
        });
        loads.push_back(previous);
    }
    boot_remote_processors(std::move(loads));
    if (modules_left == 0) end = k.now();
    for (const ExtraTask& extra : config.extra_tasks)
        k.spawn(extra.name, extra.cpu, [this, &extra] {
            if (extra.at.fs != 0) k.machine.sleep(extra.at);
            extra.body(boot);
            module_done();
        });
}

}  // namespace xlate::kernel
