#include "study/run/mmio_clients.hpp"

#include <algorithm>

namespace xlate::study {

std::vector<std::string> rng_transports(const Config& config) {
    std::vector<std::string> slots;
    for (const VirtioMmioConfig& one : config.soc.virtio_mmio) {
        if (one.model == "virtio-rng" && one.access_platform) slots.push_back(one.slot);
    }
    return slots;
}

MmioClients::MmioClients(const Config& config, const firmware::Description& description, kernel::Kernel& kernel,
                         kernel::KernelSystem& system)
    : description_(description), kernel_(kernel), others_(*system.boot_config().client), power_(system.power) {
    if (!config.given("soc.virtio_mmio")) return;
    for (const VirtioMmioConfig& one : config.soc.virtio_mmio) populated_.insert(one.slot);
    const std::vector<std::string> slots = rng_transports(config);
    rng_slots_ = {slots.begin(), slots.end()};
    rng_ = std::make_unique<kernel::VirtioRng>(kernel, system.dma, slots);
    system.boot_config().client = this;
    system.boot_config().drivers.push_back(rng_->driver());
}

bool MmioClients::is_transport(const kernel::Device& dev) const {
    return dev.of_node && description_.node(*dev.of_node).is_compatible("virtio,mmio");
}

int MmioClients::probe(kernel::Device& dev, const kernel::TrafficPlan* plan) {
    if (!is_transport(dev)) return others_.probe(dev, plan);
    if (populated_.count(dev.name) == 0) return -kernel::kENODEV;
    return rng_slots_.count(dev.name) != 0 ? rng_->probe(dev, plan) : others_.probe(dev, plan);
}

void MmioClients::remove(kernel::Device& dev) {
    if (is_transport(dev) && rng_slots_.count(dev.name) != 0) return rng_->remove(dev);
    others_.remove(dev);
}

void MmioClients::start_masters(const kernel::LinuxBoot& boot) {
    for (const std::string& slot : rng_slots_) {
        const kernel::Device* dev = boot.find_device(slot);
        if (dev == nullptr || boot.traffic_of(*dev) == nullptr) continue;
        kernel::DmaPlan plan;
        for (const kernel::ClientMapping& one : rng_->mappings()) {
            if (one.device == slot && !one.unmap && !one.device_writes_only) plan.buffers = {{one.iova, one.size}};
        }
        if (plan.buffers.empty()) continue;
        unpowered_[slot] = power_.never_resumed(slot);
        kernel_.machine.start_master(slot, plan);
    }
}

std::vector<std::string> MmioClients::unpowered_at_start(const std::string& device) const {
    const auto found = unpowered_.find(device);
    return found == unpowered_.end() ? std::vector<std::string>{} : found->second;
}

}  // namespace xlate::study
