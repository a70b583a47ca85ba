#include "kernel-model/boot.hpp"

#include <algorithm>

#include "kernel-model/boot_state.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

LinuxBoot::LinuxBoot(Kernel& kernel, const firmware::Description& description, BootConfig config)
    : state_(std::make_unique<BootState>(*this, kernel, description, std::move(config))) {
    state_->known = make_known_drivers(*this);
}

LinuxBoot::~LinuxBoot() = default;

void LinuxBoot::start() {
    state_->started = true;
    state_->k.spawn("swapper/0", 0, [state = state_.get()] { state->init(); });
}

Kernel& LinuxBoot::kernel() { return state_->k; }
const firmware::Description& LinuxBoot::description() const { return state_->description; }
const BootConfig& LinuxBoot::config() const { return state_->config; }
DriverCore& LinuxBoot::drivers() { return state_->drivers; }
IommuCore& LinuxBoot::iommu() { return state_->iommu; }
OfCore& LinuxBoot::of() { return state_->of; }
PciCore& LinuxBoot::pci() { return state_->pci; }
bool LinuxBoot::finished() const { return state_->end.has_value(); }
std::optional<SimTime> LinuxBoot::boot_end() const { return state_->end; }

Device* LinuxBoot::find_device(std::string_view name) const {
    for (const BusType* const bus : state_->drivers.buses())
        for (const Ptr<Device> dev : bus->devices)
            if (dev && dev.get()->name == name) return dev.get();
    return nullptr;
}

const TrafficPlan* LinuxBoot::traffic_of(const Device& dev) const {
    for (const TrafficPlan& plan : state_->config.traffic)
        if (plan.device == dev.name) return &plan;
    return nullptr;
}

std::vector<DeviceResult> LinuxBoot::devices() const {
    std::vector<DeviceResult> results;
    for (const BusType* const bus : state_->drivers.buses())
        for (const Ptr<Device> pointer : bus->devices) {
            if (!pointer) continue;
            const Device& dev = *pointer.get();
            DeviceResult result;
            result.name = dev.name;
            if (dev.of_node) result.path = state_->description.node(*dev.of_node).path;
            result.bus = bus->name;
            const Driver* const driver = dev.driver.peek();
            if (driver != nullptr) result.driver = driver->name;
            result.state = driver != nullptr                 ? "bound"
                           : dev.on_pending || dev.on_active ? "deferred"
                           : dev.probe_count > 0             ? "failed"
                                                             : "unbound";
            if (const DevIommu* const container = dev.iommu.peek().get()) {
                if (const IommuFwspec* const fwspec = container->fwspec.peek().get()) result.ids = fwspec->peek_ids();
                const IommuDevice* const iommu = container->iommu_dev.peek().get();
                if (iommu != nullptr) result.iommu = iommu->dev ? iommu->dev.get()->name : iommu->sysfs_name;
            }
            if (const IommuGroup* const group = dev.iommu_group.peek().get()) {
                result.group = group->id;
                if (const IommuDomain* const domain = group->domain.peek().get()) result.domain = domain->type;
            }
            if (auto* const function = dynamic_cast<PciDevice*>(pointer.get())) {
                const Device* const host = function->pci_bus.host;
                if (host != nullptr) result.pci_host = host->of_node;
                pci_for_each_dma_alias(*function, [&](PciDevice&, std::uint16_t id) {
                    result.requesters.push_back(id);
                    return 0;
                });
            }
            result.deferred_reason = dev.deferred_reason;
            result.probe_start = dev.probe_start;
            result.probe_end = dev.probe_end;
            results.push_back(std::move(result));
        }
    return results;
}

std::vector<GroupResult> LinuxBoot::groups() const {
    std::map<unsigned, GroupResult> groups;
    for (const BusType* const bus : state_->drivers.buses())
        for (const Ptr<Device> dev : bus->devices) {
            const IommuGroup* const group = dev ? dev.get()->iommu_group.peek().get() : nullptr;
            if (group == nullptr) continue;
            GroupResult& result = groups[group->id];
            if (!result.devices.empty()) continue;
            result.id = group->id;
            if (const IommuDomain* const domain = group->default_domain.peek().get()) result.type = domain->type;
            for (const Ptr<GroupDevice> member : group->devices)
                result.devices.push_back(member.get()->dev.get()->name);
            result.reserved_regions = state_->iommu.iommu_get_group_resv_regions(*group);
        }
    std::vector<GroupResult> list;
    for (auto& [id, group] : groups) list.push_back(std::move(group));
    return list;
}

std::vector<IommuResult> LinuxBoot::iommus() const {
    std::vector<IommuResult> results;
    for (const Ptr<IommuDevice> pointer : state_->iommu.registered()) {
        const IommuDevice& iommu = *pointer.get();
        IommuResult result;
        result.name = iommu.sysfs_name;
        if (iommu.dev) {
            const Device& dev = *iommu.dev.get();
            result.device = dev.name;
            if (dev.of_node) result.path = state_->description.node(*dev.of_node).path;
            if (const Driver* const driver = dev.driver.peek()) result.driver = driver->name;
        } else {  // x86: no device stands for a unit
            result.device = iommu.sysfs_name;
            if (const IommuOps* const ops = iommu.ops.peek()) result.driver = ops->name;
        }
        for (const BusType* const bus : state_->drivers.buses())
            for (const Ptr<Device> dev : bus->devices) {
                const DevIommu* const container = dev ? dev.get()->iommu.peek().get() : nullptr;
                if (container != nullptr && container->iommu_dev.peek() == pointer && dev.get()->iommu_group.peek())
                    result.members.push_back(dev.get()->name);
            }
        results.push_back(std::move(result));
    }
    return results;
}

}  // namespace xlate::kernel
