#include "explore/scenario_world.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate::explore {

using kernel::Device;
using kernel::Ptr;

namespace {

std::string list_text(const std::vector<std::uint32_t>& list) {
    std::string all;
    for (const std::uint32_t id : list) all += (all.empty() ? "" : ", ") + std::to_string(id);
    return "[" + all + "]";
}

const IommuSpec& named(const Scenario& scenario, const std::string& iommu) {
    return *std::find_if(scenario.iommus.begin(), scenario.iommus.end(),
                         [&](const IommuSpec& one) { return one.name == iommu; });
}

/// DMAR, IVRS: no fwspec, the driver knows which unit covers the device.
bool found_by_table(const Scenario& scenario, const EntrySpec& entry) {
    if (entry.iommu.empty()) return false;
    return kernel::find_model_driver(named(scenario, entry.iommu).driver)->lookup ==
           kernel::IommuOps::InstanceLookup::table;
}

/// Whether somebody takes this driver's module out.
bool unloads(const Scenario& scenario, const std::string& driver) {
    const auto does = [&](const std::vector<Action>& actions) {
        return std::any_of(actions.begin(), actions.end(), [&](const Action& action) {
            return action.kind == ActionKind::unload_driver && named(scenario, action.target).driver == driver;
        });
    };
    return does(scenario.before) || std::any_of(scenario.tasks.begin(), scenario.tasks.end(),
                                                [&](const TaskSpec& task) { return does(task.actions); });
}

kernel::IommuParameters parameters_of(const ScenarioProgram& program) {
    const Scenario& scenario = program.scenario();
    kernel::IommuParameters parameters;
    for (const IommuSpec& iommu : scenario.iommus) {
        if (!iommu.driver_built) parameters.not_built.push_back(program.node_of(iommu.name));
    }
    if (!scenario.arch.empty()) {
        parameters.arch = kernel::find_arch(scenario.arch)->arch;
        return parameters;
    }
    for (const DeviceSpec& device : scenario.devices) {
        for (const EntrySpec& entry : device.iommus) {
            if (found_by_table(scenario, entry)) parameters.arch = kernel::Arch::x86;
        }
    }
    return parameters;
}

}  // namespace

ScenarioProgram::ScenarioProgram(Scenario scenario, kernel::Variant variant)
    : scenario_(std::move(scenario)), variant_(std::move(variant)) {
    description_.source = scenario_.name;
    if (scenario_.firmware == Firmware::acpi) description_.origin = firmware::Description::Origin::acpi;
    firmware::Node root;
    root.path = "/";
    description_.nodes.push_back(root);
    const auto add = [&](const std::string& name) -> firmware::Node& {
        firmware::Node node;
        node.name = name;
        node.path = "/" + name;
        node.parent = firmware::NodeIndex{0};
        description_.nodes[0].children.push_back(static_cast<firmware::NodeIndex>(description_.nodes.size()));
        node.phandle = static_cast<std::uint32_t>(description_.nodes.size());
        description_.nodes.push_back(std::move(node));
        return description_.nodes.back();
    };
    for (const IommuSpec& iommu : scenario_.iommus) {
        const kernel::ModelDriverRow& row = *kernel::find_model_driver(iommu.driver);
        firmware::Node& node = add(iommu.name);
        node.compatible = {std::string(row.compatible)};
        node.available = node.reachable = iommu.available;
        node.iommu_cells = row.cells;
    }
    for (const DeviceSpec& device : scenario_.devices) {
        if (device.behind_controller()) {
            map_behind_controller(device, add);
            continue;
        }
        firmware::Node& node = add(device.name);
        node.compatible = {"xlate,client"};
        node.dma_coherent = device.coherent;
        for (const EntrySpec& entry : device.iommus) {
            if (found_by_table(scenario_, entry)) continue;
            firmware::IommuEntry parsed;
            if (entry.iommu.empty()) {
                node.iommus.push_back(std::move(parsed));
                continue;
            }
            parsed.provider = node_of(entry.iommu);
            parsed.phandle = description_.node(*parsed.provider).phandle;
            parsed.args = entry.args;
            if (!description_.node(*parsed.provider).available)
                parsed.result = firmware::EntryResult::provider_disabled;
            if (entry.legacy) {
                firmware::Node& smmu = description_.nodes[firmware::index(*parsed.provider)];
                const auto master = static_cast<firmware::NodeIndex>(description_.nodes.size() - 1);
                smmu.mmu_masters.push_back({node.phandle, master, entry.args});
                continue;
            }
            if (entry.viot) {
                node.viot = std::move(parsed);
                continue;
            }
            node.has_iommus = true;
            node.iommus.push_back(std::move(parsed));
        }
    }
}

/// One controller a bus; its map has a row for each of its devices.
void ScenarioProgram::map_behind_controller(const DeviceSpec& device,
                                            const std::function<firmware::Node&(const std::string&)>& add) {
    const std::string name = device.bus + "-controller";
    const bool known = std::any_of(description_.nodes.begin(), description_.nodes.end(),
                                   [&](const firmware::Node& node) { return node.name == name; });
    if (!known) {
        firmware::Node& node = add(name);
        node.compatible = {"xlate," + device.bus};
        node.iommu_map.emplace();
        node.dma_ranges.emplace();
        node.dma_ranges->kind = firmware::DmaRanges::Kind::list;
        node.dma_ranges->windows = {{0, 0, std::uint64_t{1} << 40, std::nullopt}};
    }
    if (device.iommus.empty()) return;
    const EntrySpec& entry = device.iommus.front();
    firmware::IommuMapRow row;
    row.base = row.out = entry.args.front();
    row.length = 1;
    row.provider = node_of(entry.iommu);
    row.phandle = description_.node(*row.provider).phandle;
    description_.nodes[firmware::index(node_of(name))].iommu_map->rows.push_back(row);
}

firmware::NodeIndex ScenarioProgram::node_of(const std::string& name) const {
    for (std::size_t i = 0; i < description_.nodes.size(); ++i) {
        if (description_.nodes[i].name == name) return static_cast<firmware::NodeIndex>(i);
    }
    XLATE_CHECK(false, name);
    return {};
}

std::unique_ptr<World> ScenarioProgram::make(kernel::Kernel& kernel) const {
    return std::make_unique<ScenarioWorld>(*this, kernel);
}

bool ClientModel::match(const Device& device) const { return world_.client(device.name) != nullptr; }

int ClientModel::probe(Device& dev) {
    kernel::Frame frame{dev.k, "client_probe"};
    ScenarioWorld::Client& client = *world_.client(dev.name);
    if (client.deferred < client.spec->defers) {
        ++client.deferred;
        return -kernel::kEPROBE_DEFER;
    }
    if (client.spec->own_domain) {
        if (const int err = world_.attach_own_domain(client); err != 0) return err;
    }
    if (!client.spec->does_dma) return 0;
    // DMA begins. Whether a domain is there is a question to the hardware, not an access of the kernel's: no data race.
    if (const kernel::IommuGroup* group = dev.iommu_group.peek().get()) {
        dev.k.sched.point({kernel::PointKind::read, "DMA", group->domain.resource(), "group->domain"});
        if (!group->freed() && !group->domain.peek()) {
            dev.k.reports.semantic("DMA starts while the device's group has no domain", dev.name);
        }
    } else if (const kernel::DevIommu* container = dev.iommu.peek().get();
               container != nullptr && !container->freed() && container->fwspec.peek()) {
        // Parsed, and nobody has probed it yet: whether somebody still does shows at the end.
        dev.k.sched.point({kernel::PointKind::read, "DMA", dev.iommu_group.resource(), "dev->iommu_group"});
        client.started_without_group = !dev.iommu_group.peek();
    }
    return 0;
}

void ClientModel::remove(Device& dev) { world_.detach_own_domain(*world_.client(dev.name)); }

int ScenarioWorld::attach_own_domain(Client& client) {
    Device& dev = *client.dev;
    const Ptr<kernel::IommuDomain> domain = iommu_.iommu_domain_alloc(dev, "own");
    client.own_attach = domain ? iommu_.iommu_attach_device(domain, dev) : -kernel::kENODEV;
    if (*client.own_attach == 0) {
        client.own_domain = domain;
        return 0;
    }
    if (domain) iommu_.iommu_domain_free(domain, "own");
    if (all_iommus_bound(*client.spec)) {
        k_.reports.semantic(
            "its driver's own attach is refused (-" + std::string(kernel::errno_name(*client.own_attach)) + "): " +
                (of_.arch().mapping_of(dev) != nullptr ? "the architecture has attached a mapping before"
                                                       : "it is in no group, or not alone in it"),
            dev.name);
    }
    return *client.own_attach;
}

void ScenarioWorld::detach_own_domain(Client& client) {
    if (!client.own_domain) return;
    iommu_.iommu_detach_device(client.own_domain, *client.dev);
    iommu_.iommu_domain_free(client.own_domain, "own");
    client.own_domain = {};
    client.own_attach.reset();
}

ScenarioWorld::ScenarioWorld(const ScenarioProgram& program, kernel::Kernel& kernel)
    : program_(program),
      k_(kernel),
      drivers_(kernel, {10, true, 2, program.scenario().rechecks_trigger}),
      iommu_(kernel, program.description(), drivers_, nullptr, parameters_of(program)),
      of_(kernel, program.description(), drivers_, iommu_),
      platform_(kernel, "platform", of_, iommu_) {
    const Scenario& scenario = program.scenario();
    drivers_.bus_register(platform_);
    iommu_.bus_register(platform_);
    client_drivers_.push_back(std::make_unique<ClientModel>(*this, platform_));
    for (const DeviceSpec& spec : scenario.devices) {
        add_bus_of(spec);
        Client client;
        client.spec = &spec;
        client.firmware_ids = ids_by_firmware(spec);
        clients_.push_back(client);
        kernel::ModelPolicy::OfDevice wish;
        wish.device = spec.name;
        wish.shares_group_of = spec.shares_group_of;
        if (spec.wanted_domain == "identity") wish.wanted = kernel::DomainType::identity;
        if (spec.wanted_domain == "DMA") wish.wanted = kernel::DomainType::dma;
        if (!spec.iommus.empty() && found_by_table(scenario, spec.iommus.front()))
            wish.unit = spec.iommus.front().iommu;
        wish.listed = spec.listed;
        if (!wish.listed || !wish.unit.empty() || !wish.shares_group_of.empty() ||
            wish.wanted != kernel::DomainType::none)
            policy_.devices.push_back(wish);
    }
    for (const IommuSpec& spec : scenario.iommus) {
        kernel::ModelIommuDriver* driver = nullptr;
        for (const auto& known : iommu_drivers_) {
            if (known->name == spec.driver) driver = known.get();
        }
        if (driver == nullptr) {
            iommu_drivers_.push_back(std::make_unique<kernel::ModelIommuDriver>(
                iommu_, of_, platform_, *kernel::find_model_driver(spec.driver), policy_));
            driver = iommu_drivers_.back().get();
        }
        policy_.hardware.emplace_back(spec.name, spec.hardware);
        if (spec.registration_fails) driver->failing.push_back(spec.name);
    }
}

void ScenarioWorld::add_bus_of(const DeviceSpec& spec) {
    using Kind = kernel::IdBus::Kind;
    if (bus_of(spec) != nullptr) return;
    kernel::BusType* bus = nullptr;
    bool known_to_core = true;
    if (spec.bus == "vmbus") {
        vmbus_ = std::make_unique<kernel::VmBus>(k_, "vmbus", of_.arch(), spec.coherent);
        bus = vmbus_.get();
        known_to_core = program_.scenario().iommu_knows_vmbus;
    } else {
        const Kind kind = spec.bus == "cdx" ? Kind::cdx : spec.bus == "host1x" ? Kind::host1x : Kind::fsl_mc;
        id_buses_.push_back(std::make_unique<kernel::IdBus>(k_, kind, of_, iommu_));
        bus = id_buses_.back().get();
    }
    drivers_.bus_register(*bus);
    if (known_to_core) iommu_.bus_register(*bus);
    if (spec.bus != "host1x") client_drivers_.push_back(std::make_unique<ClientModel>(*this, *bus));
}

/// None: no device of this bus has been met yet.
kernel::BusType* ScenarioWorld::bus_of(const DeviceSpec& spec) {
    if (spec.bus == "platform") return &platform_;
    if (spec.bus == "vmbus") return vmbus_.get();
    return id_bus(spec);
}

kernel::IdBus* ScenarioWorld::id_bus(const DeviceSpec& spec) {
    for (const auto& bus : id_buses_) {
        if (bus->name.rfind(spec.bus, 0) == 0) return bus.get();
    }
    return nullptr;
}

Ptr<Device> ScenarioWorld::make_device(const DeviceSpec& spec) {
    if (spec.behind_controller()) {
        const std::uint32_t id = spec.iommus.empty() ? 0 : spec.iommus.front().args.front();
        return k_.heap.make<kernel::IdDevice>("before", spec.name, id_bus(spec),
                                              program_.node_of(spec.bus + "-controller"), id);
    }
    const auto dev =
        k_.heap.make<Device>("before", spec.name, bus_of(spec), Ptr<Device>{}, program_.node_of(spec.name));
    if (!spec.has_bus) dev->bus = nullptr;
    return dev;
}

void ScenarioWorld::before() {
    kernel::Frame frame{k_, "before_the_race"};
    const Scenario& scenario = program_.scenario();
    iommu_.install_notifiers();
    for (const auto& driver : client_drivers_) drivers_.driver_register(*driver);
    for (const auto& driver : iommu_drivers_) {
        if (unloads(scenario, driver->name)) driver->module_init();
        drivers_.driver_register(*driver);
    }
    for (const IommuSpec& spec : scenario.iommus) {
        iommus_.push_back(
            k_.heap.make<Device>("before", spec.name, &platform_, Ptr<Device>{}, program_.node_of(spec.name)));
        k_.heap.set_immortal(*iommus_.back());  // its creator keeps it
        drivers_.device_add(iommus_.back(), false);
    }
    for (Client& client : clients_) {
        client.dev = make_device(*client.spec);
        k_.heap.set_immortal(*client.dev);
        if (client.spec->added) drivers_.device_add(client.dev, false);
    }
    drivers_.deferred_probe_initcall();
    for (std::size_t i = 0; i < iommus_.size(); ++i) {
        if (scenario.iommus[i].registered) drivers_.device_attach(*iommus_[i]);
    }
    for (const Client& client : clients_) {
        if (client.spec->bound) drivers_.device_attach(*client.dev);
    }
    for (const Action& action : scenario.before) act(action);
}

void ScenarioWorld::start() {
    for (const TaskSpec& spec : program_.scenario().tasks) {
        std::string name = spec.name;
        if (name.empty()) name = "task";
        k_.spawn(name, spec.cpu, [this, &spec] {
            for (const Action& action : spec.actions) act(action);
        });
    }
}

kernel::ModelIommuDriver& ScenarioWorld::iommu_driver(const std::string& name) {
    return **std::find_if(iommu_drivers_.begin(), iommu_drivers_.end(),
                          [&](const auto& driver) { return driver->name == name; });
}

Device& ScenarioWorld::device(const std::string& name) {
    const auto& iommus = program_.scenario().iommus;
    for (std::size_t i = 0; i < iommus.size(); ++i) {
        if (iommus[i].name == name) return *iommus_[i].get();
    }
    return *client(name)->dev.get();
}

ScenarioWorld::Client* ScenarioWorld::client(const std::string& name) {
    return const_cast<Client*>(std::as_const(*this).client(name));
}

const ScenarioWorld::Client* ScenarioWorld::client(const std::string& name) const {
    const auto found =
        std::find_if(clients_.begin(), clients_.end(), [&](const Client& one) { return one.spec->name == name; });
    return found != clients_.end() ? &*found : nullptr;
}

void ScenarioWorld::act(const Action& action) {
    Device& dev = device(action.target);
    switch (action.kind) {
        case ActionKind::bind:
        case ActionKind::register_iommu:
        case ActionKind::load_driver:
            if (dev.bus != nullptr) {
                drivers_.device_attach(dev);
            } else {
                of_.dma_configure(dev, dev.of_node);
            }
            break;
        case ActionKind::unbind:
        case ActionKind::unregister_iommu:
            drivers_.device_release_driver(dev);
            break;
        case ActionKind::add:
            drivers_.device_add(Ptr<Device>(&dev));
            break;
        case ActionKind::remove:
            drivers_.device_del(dev);
            client(action.target)->removed = true;
            break;
        case ActionKind::dma_configure:
            if (Client* context = client(action.target); context != nullptr && context->spec->bus == "host1x") {
                if (id_bus(*context->spec)->configure_context(dev)) break;
                drivers_.device_del(dev);
                context->removed = true;
                break;
            }
            of_.dma_configure(dev, dev.of_node);
            break;
        case ActionKind::unload_driver:
            iommu_driver(named(program_.scenario(), action.target).driver).delete_module();
            break;
        case ActionKind::notify_add:
            iommu_.iommu_probe_device(dev, "iommu_bus_notifier");
            break;
    }
}

/// The ids that the firmware gives the device, in order, as the driver of its first IOMMU stores them.
std::vector<std::uint32_t> ScenarioWorld::ids_by_firmware(const DeviceSpec& spec) const {
    std::vector<std::uint32_t> ids;
    for (const EntrySpec& entry : spec.iommus) {
        for (const IommuSpec& iommu : program_.scenario().iommus) {
            if (iommu.name != entry.iommu) continue;
            const kernel::ModelDriverRow& row = *kernel::find_model_driver(iommu.driver);
            if (entry.legacy) {
                ids.insert(ids.end(), entry.args.begin(), entry.args.end());
                continue;
            }
            if ((row.xlate_ids || row.parses_in_probe) && row.cells > 0 && !entry.args.empty()) {
                ids.push_back(kernel::id_of_cells(row, entry.args));
            }
        }
    }
    return ids;
}

void ScenarioWorld::check() {
    if (k_.reports.crashed()) return;  // what a crash leaves half done is no finding of its own
    for (const auto& task : k_.sched.tasks()) {
        if (task->alive() && !task->may_wait_forever) return;
    }
    for (const Client& client : clients_) {
        check_client(client);
        const Device& dev = *client.dev.get();
        if ((dev.on_pending || dev.on_active) && all_iommus_bound(*client.spec)) {
            k_.reports.semantic("deferred for ever though its IOMMU is there", dev.name);
        }
    }
}

bool ScenarioWorld::all_iommus_bound(const DeviceSpec& spec) const {
    const auto& specs = program_.scenario().iommus;
    for (const EntrySpec& entry : spec.iommus) {
        for (std::size_t i = 0; i < specs.size(); ++i) {
            if (specs[i].name == entry.iommu && iommus_[i].get()->driver.peek() == nullptr) return false;
        }
    }
    return !spec.iommus.empty();
}

/// Firmware says IOMMU and the bound device has none: is there a reason?
void ScenarioWorld::check_untranslated(const Client& client, const kernel::IommuFwspec* fwspec) {
    const Device& dev = *client.dev.get();
    if (fwspec != nullptr && !fwspec->freed() && fwspec->ops.peek() != nullptr) {
        k_.reports.semantic("bound without its IOMMU, with a half-parsed fwspec left behind", dev.name);
        return;
    }
    if (client.spec->refused || !all_iommus_bound(*client.spec) || program_.scenario().deferral_timeout) return;
    k_.reports.semantic("firmware puts it behind an IOMMU that is there; it is bound without", dev.name);
}

void ScenarioWorld::check_client(const Client& client) {
    const Device& dev = *client.dev.get();
    const bool in_use = client.spec->bus == "host1x" ? dev.added : dev.driver.peek() != nullptr;
    if (client.removed || !in_use) return;
    const std::vector<std::uint32_t>& wanted = client.firmware_ids;
    const kernel::DevIommu* container = dev.iommu.peek().get();
    const kernel::IommuFwspec* fwspec = container != nullptr ? container->fwspec.peek().get() : nullptr;
    const kernel::IommuGroup* group = dev.iommu_group.peek().get();
    if (group == nullptr) {
        check_untranslated(client, fwspec);
        return;
    }
    if (container == nullptr || container->freed()) {
        k_.reports.semantic("a probed device has no dev->iommu", dev.name);
        return;
    }
    if (client.started_without_group) {
        k_.reports.semantic("DMA started before the device had a group: until then nothing translates it", dev.name);
    }
    check_attached(client, *group, *container);
    if (wanted.empty()) return;
    if (fwspec == nullptr) {
        k_.reports.semantic("a probed device has no fwspec", dev.name);
        return;
    }
    if (fwspec->freed()) {
        k_.reports.semantic("the fwspec of a probed device is freed", dev.name);
        return;
    }
    const std::vector<std::uint32_t> ids = fwspec->peek_ids();
    std::vector<std::uint32_t> doubled = wanted;
    doubled.insert(doubled.end(), wanted.begin(), wanted.end());
    if (ids != wanted && !(client.spec->ids_twice && ids == doubled)) {
        const bool twice = ids.size() > wanted.size();
        k_.reports.semantic("firmware gives the ids " + list_text(wanted) + ", the device has " + list_text(ids) +
                                (twice                        ? " (duplicated)"
                                 : ids.size() < wanted.size() ? " (lost)"
                                                              : " (wrong)"),
                            dev.name);
    }
}

/// R4: the ids that an IOMMU was given when it probed the device, against those that the device has now.
void ScenarioWorld::check_streams(const Client& client, const kernel::ModelMaster& master) {
    const Device& dev = *client.dev.get();
    const kernel::IommuFwspec* fwspec = dev.iommu.peek().get()->fwspec.peek().get();
    if (fwspec == nullptr || fwspec->freed() || master.instances.empty()) return;
    const kernel::ModelIommu* instance = master.instances.front().get();
    if (instance->freed() || !kernel::find_model_driver(instance->ops.peek()->name)->owns_streams) return;
    std::vector<std::uint32_t> given;
    for (const auto& stream : instance->streams) {
        if (stream.owner == &dev) given.push_back(stream.id);
    }
    const std::vector<std::uint32_t> ids = fwspec->peek_ids();
    const bool all = std::all_of(ids.begin(), ids.end(), [&](std::uint32_t id) {
        return std::find(given.begin(), given.end(), id) != given.end();
    });
    if (all) return;
    k_.reports.semantic(
        "its IOMMU was given the ids " + list_text(given) + " of " + list_text(ids) + ": what the others do, faults",
        dev.name);
}

/// The state of a probed device's group, and whether the driver knows every IOMMU that the firmware names.
void ScenarioWorld::check_attached(const Client& client, const kernel::IommuGroup& group,
                                   const kernel::DevIommu& container) {
    const Device& dev = *client.dev.get();
    if (!group.domain.peek()) {
        k_.reports.semantic("a bound device's group has no domain", dev.name);
    } else if (client.spec->does_dma && group.domain.peek().get()->type == kernel::DomainType::dma &&
               dev.dma_ops.peek() == kernel::DmaOps::direct) {
        k_.reports.semantic("DMA operations are direct though the domain translates: every access faults", dev.name);
    }
    const auto* master = dynamic_cast<const kernel::ModelMaster*>(container.priv.peek().get());
    if (master == nullptr || master->freed() || client.spec->iommus.empty()) return;
    check_streams(client, *master);
    const IommuSpec* first = nullptr;
    std::vector<std::string> named;
    for (const EntrySpec& entry : client.spec->iommus) {
        if (std::find(named.begin(), named.end(), entry.iommu) == named.end()) named.push_back(entry.iommu);
        for (const IommuSpec& iommu : program_.scenario().iommus) {
            if (first == nullptr && iommu.name == entry.iommu) first = &iommu;
        }
    }
    const auto keeps = kernel::find_model_driver(first->driver)->xlate_priv;
    if (keeps == kernel::ModelDriverRow::Priv::data_once && master->instances.size() < named.size()) {
        k_.reports.semantic("firmware puts it behind " + std::to_string(named.size()) + " IOMMUs, its driver knows " +
                                std::to_string(master->instances.size()),
                            dev.name);
    }
}

void ScenarioWorld::add_client(std::string& text, const Client& client) const {
    const Device& dev = *client.dev.get();
    text.append(dev.name);
    if (client.removed) {
        text.append(": removed");
        return;
    }
    text.append(dev.driver.peek() != nullptr      ? ": bound"
                : dev.on_pending || dev.on_active ? ": deferred"
                                                  : ": unbound");
    const kernel::DevIommu* container = dev.iommu.peek().get();
    if (container != nullptr && container->freed()) container = nullptr;
    if (const kernel::IommuGroup* group = dev.iommu_group.peek().get()) {
        text.append(" group{");
        bool first = true;
        for (const Ptr<kernel::GroupDevice> member : group->devices) {
            if (!std::exchange(first, false)) text.append(",");
            text.append(member.get()->dev.get()->name);
        }
        const kernel::IommuDomain* domain = group->domain.peek().get();
        text.append("} domain=").append(domain != nullptr ? kernel::name(domain->type) : "none");
        const kernel::DmaOps ops = dev.dma_ops.peek();
        text.append(ops == kernel::DmaOps::iommu         ? " ops=iommu"
                    : ops == kernel::DmaOps::arm_mapping ? " ops=arm-mapping"
                                                         : " ops=direct");
        if (client.spec->bus == "vmbus" && dev.iommu_window) {
            text.append(fmt::format(" window={:#x}..{:#x}", dev.iommu_window->cpu,
                                    dev.iommu_window->cpu + dev.iommu_window->size - 1));
        }
        if (container != nullptr && container->iommu_dev.peek()) {
            text.append(" iommu=").append(container->iommu_dev.peek().get()->sysfs_name);
            if (const auto* master = dynamic_cast<const kernel::ModelMaster*>(container->priv.peek().get())) {
                text.append(" instances=");
                first = true;
                for (const auto& one : master->instances) {
                    if (!std::exchange(first, false)) text.append(",");
                    text.append(one.get()->sysfs_name);
                }
            }
        }
    } else {
        text.append(" no group");
    }
    if (client.own_attach) {
        const int err = *client.own_attach;
        text.append(err == 0 ? " own attach" : " own attach -" + std::string(kernel::errno_name(err)));
    }
    if (dev.dma_coherent) text.append(" coherent");
    const kernel::IommuFwspec* fwspec = container != nullptr ? container->fwspec.peek().get() : nullptr;
    if (fwspec != nullptr && !fwspec->freed()) {
        text.append(" ids=");
        for (const std::uint32_t id : fwspec->peek_ids()) text.append(std::to_string(id)).append(",");
    }
}

std::string ScenarioWorld::outcome() const {
    std::string text;
    text.reserve(512);
    for (const Client& client : clients_) {
        if (!text.empty()) text.append("; ");
        add_client(text, client);
    }
    for (const Ptr<Device> iommu : iommus_) {
        const Device& dev = *iommu.get();
        bool registered = false;
        for (const Ptr<kernel::IommuDevice> one : iommu_.registered()) {
            if (one.get()->dev.get() == &dev || one.get()->sysfs_name == dev.name) registered = true;
        }
        if (!text.empty()) text.append("; ");
        text.append(dev.name).append(registered ? ": registered" : ": not registered");
        text.append(dev.driver.peek() != nullptr ? "" : dev.on_pending || dev.on_active ? ", deferred" : ", unbound");
    }
    return text;
}

}  // namespace xlate::explore
