// What a scenario's world looks at when all is quiet: the oracles of single devices, and the outcome as text.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "explore/scenario/scenario_world.hpp"

namespace xlate::explore {

using kernel::Device;
using kernel::Ptr;

namespace {

std::string list_text(const std::vector<std::uint32_t>& list) {
    std::string all;
    for (const std::uint32_t id : list) all += (all.empty() ? "" : ", ") + std::to_string(id);
    return "[" + all + "]";
}

}  // namespace

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
    for (Client& client : clients_) {
        if (real_) judge_dma(client);
        check_client(client);
        check_disabled(client);
        const Device& dev = *client.dev.get();
        if ((dev.on_pending || dev.on_active) && all_iommus_bound(*client.spec)) {
            k_.reports.semantic("deferred for ever though its IOMMU is there", dev.name);
        }
        // X18: the deferred-probe timeout gives up waiting for IOMMUs, not for what a device link names.
        const auto waits_for = std::find_if(dev.supplier_links.begin(), dev.supplier_links.end(),
                                            [](const Ptr<Device>& one) { return one.get()->driver.peek() == nullptr; });
        if (dev.on_pending && program_.scenario().deferral_timeout && waits_for != dev.supplier_links.end()) {
            k_.reports.semantic(
                fmt::format("deferred for ever, also after the timeout: supplier {} not ready", waits_for->get()->name),
                dev.name);
        }
    }
}

/// X17: an IOMMU that does not serve a device whose firmware is in order, since another device's is not.
void ScenarioWorld::check_disabled(const Client& client) {
    const auto& scenario = program_.scenario();
    const auto refused = [](const DeviceSpec& spec) { return spec.refused; };
    if (client.spec->refused || std::none_of(scenario.devices.begin(), scenario.devices.end(), refused)) return;
    for (std::size_t i = 0; i < scenario.iommus.size(); ++i) {
        const Device& iommu = *iommus_[i].get();
        const bool named = std::any_of(client.spec->iommus.begin(), client.spec->iommus.end(),
                                       [&](const EntrySpec& entry) { return entry.iommu == scenario.iommus[i].name; });
        const bool tried = registers(scenario.iommus[i].name);
        if (named && tried && iommu.driver.peek() == nullptr && !iommu.on_pending && !iommu.on_active)
            k_.reports.semantic("its IOMMU is not there, since another device's entry is refused",
                                client.dev.get()->name);
    }
}

/// Whether a task of the race binds this IOMMU.
bool ScenarioWorld::registers(const std::string& iommu) const {
    for (const TaskSpec& task : program_.scenario().tasks) {
        for (const Action& action : task.actions) {
            if (action.kind == ActionKind::register_iommu && action.target == iommu) return true;
        }
    }
    return false;
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

void ScenarioWorld::check_client(Client& client) {
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
    const auto doubled = [&] {
        return ids.size() == 2 * wanted.size() && std::equal(wanted.begin(), wanted.end(), ids.begin()) &&
               std::equal(wanted.rbegin(), wanted.rend(), ids.rbegin());
    };
    if (ids != wanted && !(client.spec->ids_twice && doubled())) {
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
    if (instance->freed()) return;
    const std::vector<std::uint32_t> ids = fwspec->peek_ids();
    const auto& streams = instance->streams;
    const bool all = std::all_of(ids.begin(), ids.end(), [&](std::uint32_t id) {
        return std::any_of(streams.begin(), streams.end(),
                           [&](const auto& stream) { return stream.owner == &dev && stream.id == id; });
    });
    if (all || !kernel::find_model_driver(instance->ops.peek()->name)->owns_streams) return;
    std::vector<std::uint32_t> given;
    for (const auto& stream : streams) {
        if (stream.owner == &dev) given.push_back(stream.id);
    }
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
    } else if (client.spec->does_dma && !behind_real(client) &&
               group.domain.peek().get()->type == kernel::DomainType::dma &&
               dev.dma_ops.peek() == kernel::DmaOps::direct) {
        k_.reports.semantic("DMA operations are direct though the domain translates: every access faults", dev.name);
    }
    if (behind_real(client)) judge_streams(client, group, container.fwspec.peek().get());
    const auto* master = dynamic_cast<const kernel::ModelMaster*>(container.priv.peek().get());
    if (master == nullptr || master->freed() || client.spec->iommus.empty()) return;
    check_streams(client, *master);
    const std::vector<EntrySpec>& entries = client.spec->iommus;
    std::size_t named = 0;
    const EntrySpec* first = nullptr;  // of an IOMMU; ACPI may map an alias to none
    for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
        const auto same = [&](const EntrySpec& other) { return other.iommu == entry->iommu; };
        if (std::none_of(entries.begin(), entry, same)) ++named;
        if (first == nullptr && !entry->iommu.empty()) first = &*entry;
    }
    if (master->instances.size() >= named) return;
    const IommuSpec& spec = iommu_named(program_.scenario(), first->iommu);
    if (kernel::find_model_driver(spec.driver)->xlate_priv != kernel::ModelDriverRow::Priv::data_once) return;
    k_.reports.semantic(
        fmt::format("firmware puts it behind {} IOMMUs, its driver knows {}", named, master->instances.size()),
        dev.name);
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
    if (!client.dma.empty()) text.append(" dma=").append(client.dma);
    if (dev.dma_coherent) text.append(" coherent");
    const kernel::IommuFwspec* fwspec = container != nullptr ? container->fwspec.peek().get() : nullptr;
    if (fwspec != nullptr && !fwspec->freed()) {
        text.append(" ids=");
        for (const std::uint32_t id : fwspec->peek_ids()) text.append(std::to_string(id)).append(",");
    }
}

/// As its driver calls it. Units of a table have numbers of their own.
std::string ScenarioWorld::name_of_unit(std::size_t iommu) const {
    const std::vector<IommuSpec>& specs = program_.scenario().iommus;
    const kernel::StandaloneFamily* const family =
        specs[iommu].real ? kernel::find_standalone_driver(specs[iommu].driver) : nullptr;
    if (family == nullptr || family->units.empty()) return specs[iommu].name;
    const auto number = std::count_if(specs.begin(), specs.begin() + static_cast<std::ptrdiff_t>(iommu),
                                      [&](const IommuSpec& one) { return one.driver == specs[iommu].driver; });
    return fmt::format("{}{}", family->units, number);
}

std::string ScenarioWorld::outcome() const {
    std::string text;
    text.reserve(512);
    for (const Client& client : clients_) {
        if (!text.empty()) text.append("; ");
        add_client(text, client);
    }
    for (std::size_t i = 0; i < iommus_.size(); ++i) {
        const Device& dev = *iommus_[i].get();
        const std::string unit = name_of_unit(i);
        bool registered = false;
        for (const Ptr<kernel::IommuDevice> one : iommu_.registered()) {
            if (one.get()->dev.get() == &dev || one.get()->sysfs_name == unit) registered = true;
        }
        if (!text.empty()) text.append("; ");
        text.append(dev.name).append(registered ? ": registered" : ": not registered");
        text.append(dev.driver.peek() != nullptr ? "" : dev.on_pending || dev.on_active ? ", deferred" : ", unbound");
    }
    return text;
}

}  // namespace xlate::explore
