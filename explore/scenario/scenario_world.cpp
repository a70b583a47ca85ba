#include "explore/scenario/scenario_world.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "firmware/iommu_families.hpp"
#include "iommu/small_instances.hpp"
#include "kernel-model/drivers/module.hpp"

namespace xlate::explore {

using kernel::Device;
using kernel::Ptr;

namespace {

/// As many bits as the ids of the scenario need.
unsigned id_bits(const Scenario& scenario) {
    constexpr unsigned kFew = 5, kMost = 16;
    for (const DeviceSpec& device : scenario.devices) {
        for (const EntrySpec& entry : device.iommus) {
            for (const std::uint32_t id : entry.args) {
                if (id >> kFew != 0) return kMost;
            }
        }
    }
    return kFew;
}

std::unique_ptr<iommu::Instance> make_instance(const Scenario& scenario, const IommuSpec& spec,
                                               const firmware::Node& node) {
    iommu::SmallInstance wanted;
    wanted.name = spec.name;
    wanted.compatible = node.compatible.front();
    for (const firmware::Reg& bank : node.regs) wanted.register_bytes.push_back(bank.size);
    wanted.interrupts = static_cast<unsigned>(node.interrupts.size());
    wanted.id_bits = id_bits(scenario);
    wanted.entries = spec.hardware.entries;
    wanted.matches_streams = spec.hardware.stream_matching;
    wanted.large_pages = spec.hardware.large_pages;
    wanted.bypass = spec.hardware.bypass;
    return iommu::find_small_family(firmware::iommu_kind(node).family)->make(wanted);
}

/// Whether somebody takes this driver's module out.
bool unloads(const Scenario& scenario, const std::string& driver) {
    const auto does = [&](const std::vector<Action>& actions) {
        return std::any_of(actions.begin(), actions.end(), [&](const Action& action) {
            return action.kind == ActionKind::unload_driver && iommu_named(scenario, action.target).driver == driver;
        });
    };
    return does(scenario.before) || std::any_of(scenario.tasks.begin(), scenario.tasks.end(),
                                                [&](const TaskSpec& task) { return does(task.actions); });
}

}  // namespace

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
    const bool real = world_.behind_real(client);
    if (real) {
        if (const int err = world_.map_buffer(client); err != 0) return err;
    }
    const std::size_t reports = dev.k.reports.all().size();
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
    if (real && dev.k.reports.all().size() == reports) world_.first_access(client);
    return 0;
}

void ClientModel::remove(Device& dev) {
    ScenarioWorld::Client& client = *world_.client(dev.name);
    world_.unmap_buffer(client);
    world_.detach_own_domain(client);
}

int ScenarioWorld::attach_own_domain(Client& client) {
    Device& dev = *client.dev;
    // From 6.13 on such drivers take the architecture's mapping off before they attach theirs.
    constexpr unsigned kReleaseDropsMapping = 613;
    if (k_.variant.release >= kReleaseDropsMapping) {
        if (const auto mapping = of_.arch().arm_iommu_detach_device(dev)) {
            of_.arch().arm_iommu_release_mapping(mapping, "own");
        }
    }
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
      real_(program.real() ? std::make_unique<RealParts>(kernel, program.description()) : nullptr),
      iommu_(kernel, program.description(), drivers_, real_ ? &real_->dma : nullptr, program.parameters()),
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
    for (const IommuSpec& spec : scenario.iommus) add_iommu_driver(spec);
}

void ScenarioWorld::add_iommu_driver(const IommuSpec& spec) {
    const auto known = std::find_if(iommu_drivers_.begin(), iommu_drivers_.end(),
                                    [&](const IommuDriver& one) { return one.row == spec.driver; });
    if (spec.real) {
        if (known != iommu_drivers_.end()) return;
        kernel::StandaloneDriver made =
            kernel::find_standalone_driver(spec.driver)
                ->make({iommu_, platform_, of_.arch(), real_->pages, real_->power, spec.mistakes,
                        [this](Device& dev) { return group_of_functions(dev); },
                        [this](Device& dev) {
                            const kernel::ModelPolicy::OfDevice* wish = policy_.find(dev.name);
                            return wish != nullptr ? wish->wanted : kernel::DomainType::none;
                        },
                        [this](Device& dev) { populate(dev); }});
        iommu_drivers_.push_back({std::move(made.driver), made.ops, nullptr, spec.driver});
        return;
    }
    kernel::ModelIommuDriver* model = known != iommu_drivers_.end() ? known->model : nullptr;
    if (model == nullptr) {
        auto made = std::make_unique<kernel::ModelIommuDriver>(iommu_, of_, platform_,
                                                               *kernel::find_model_driver(spec.driver), policy_);
        model = made.get();
        iommu_drivers_.push_back({std::move(made), &model->ops(), model, spec.driver});
    }
    policy_.hardware.emplace_back(spec.name, spec.hardware);
    if (spec.registration_fails) model->failing.push_back(spec.name);
}

/// Linux devm_of_platform_populate(): context banks of an IOMMU.
void ScenarioWorld::populate(Device& dev) {
    kernel::Frame frame{k_, "of_platform_populate"};
    const firmware::Description& all = program_.description();
    for (const firmware::NodeIndex child : all.node(*dev.of_node).children) {
        const auto made =
            k_.heap.make<Device>("of_platform", all.node(child).name, &platform_, Ptr<Device>(&dev), child);
        if (!made) continue;
        k_.heap.set_immortal(*made);
        drivers_.device_add(made);
    }
}

/// Linux pci_device_group(), as far as a scenario goes: the group of the function that it names, if that has one.
kernel::PtrOrErr<kernel::IommuGroup> ScenarioWorld::group_of_functions(Device& dev) {
    kernel::Frame frame{k_, "pci_device_group"};
    const kernel::ModelPolicy::OfDevice* wish = policy_.find(dev.name);
    if (wish != nullptr && !wish->shares_group_of.empty()) {
        for (const Ptr<Device> other : dev.bus->devices) {
            if (!other || other->name != wish->shares_group_of) continue;
            const Ptr<kernel::IommuGroup> group = iommu_.iommu_group_get(*other, "ID6");
            if (group) return {group, 0};
        }
    }
    return iommu_.generic_device_group(dev);
}

void ScenarioWorld::connect(Hardware& hardware) {
    hardware_ = &hardware;
    const Scenario& scenario = program_.scenario();
    for (const IommuSpec& spec : scenario.iommus) {
        if (!spec.real) continue;
        const firmware::NodeIndex node = program_.node_of(spec.name);
        hardware.add(node, program_.description().node(node),
                     make_instance(scenario, spec, program_.description().node(node)));
    }
    for (const DeviceSpec& device : scenario.devices) {
        for (const EntrySpec& entry : device.iommus) {
            if (entry.iommu.empty() || !iommu_named(scenario, entry.iommu).real) continue;
            hardware.add_master(device.name, program_.node_of(entry.iommu), StreamId{id_of(device, entry)});
        }
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
    } else if (spec.bus == "pci") {
        pci_ = std::make_unique<kernel::OfDmaBus>(k_, "pci", of_, iommu_);
        bus = pci_.get();
    } else if (spec.bus == "amba") {
        amba_ = std::make_unique<kernel::OfDmaBus>(k_, "amba", of_, iommu_);
        bus = amba_.get();
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
    if (spec.bus == "pci") return pci_.get();
    if (spec.bus == "amba") return amba_.get();
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
    for (const IommuDriver& one : iommu_drivers_) {
        if (unloads(scenario, one.row)) kernel::module_init(iommu_, *one.ops);
        drivers_.driver_register(*one.driver);
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
        if (real_) client.buffer = real_->pages.alloc(real_->pages.page_bytes());
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

ScenarioWorld::IommuDriver& ScenarioWorld::iommu_driver(const std::string& name) {
    return *std::find_if(iommu_drivers_.begin(), iommu_drivers_.end(),
                         [&](const IommuDriver& one) { return one.row == name; });
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
                if (id_bus(*context->spec)->configure_context(dev)) {
                    // Its creator hands it out, and its DMA begins.
                    if (behind_real(*context) && map_buffer(*context) == 0) first_access(*context);
                    break;
                }
                drivers_.device_del(dev);
                context->removed = true;
                break;
            }
            of_.dma_configure(dev, dev.of_node);
            break;
        case ActionKind::unload_driver: {
            const IommuDriver& one = iommu_driver(iommu_named(program_.scenario(), action.target).driver);
            kernel::delete_module(iommu_, *one.driver, *one.ops);
            break;
        }
        case ActionKind::access:
            access_of_device(action.target);
            break;
        case ActionKind::notify_add:
            iommu_.iommu_probe_device(dev, "iommu_bus_notifier");
            break;
    }
}

}  // namespace xlate::explore
