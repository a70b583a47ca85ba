// virtio-rng behind virtio-mmio, with VIRTIO_F_ACCESS_PLATFORM: what maps what, in which order. Loading its module is a
// step of its own, as in the boots of corpus/linux-boot-families: virtio_mmio makes a device of each slot, virtio_rng
// then takes them in order; of a slot that is bound later at once.
//   a device     its virtqueue (vring_size of 1024 entries: 32 KiB with 4 KiB pages), coherent, both ways; then a
//                buffer for the device to write to, a part of a page that all of them share (a slab)
//   its removal  frees the virtqueue; the buffer stays mapped for ever: the device never gave it back
// Not modelled: the queue's protocol, the random numbers.
// Source: corpus/linux-boot-families/README.md; Linux drivers/char/hw_random/virtio-rng.c, drivers/virtio/.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernel-model/boot.hpp"
#include "kernel-model/dma/dma_iommu.hpp"

namespace xlate::kernel {

/// One map or unmap of a client, as a trace of iommu:map and iommu:unmap has it.
struct ClientMapping {
    std::string device;
    bool unmap = false;
    Iova iova;
    PhysAddr memory;  ///< map only
    std::uint64_t size = 0;
    bool device_writes_only = false;
};

/// One for a kernel; outlives the boot. For BootConfig::client.
class VirtioRng final : public ClientDriver {
public:
    /// `slots`: Linux names of the virtio-mmio devices that have one behind; the others are empty (-ENODEV).
    VirtioRng(Kernel& kernel, DmaIommu& dma, std::vector<std::string> slots);
    ~VirtioRng() override;

    /// virtio_mmio_probe(), virtio_mmio_remove().
    int probe(Device& dev, const TrafficPlan* plan) override;
    void remove(Device& dev) override;
    /// For BootConfig::drivers: the driver of the virtio bus, of the module "virtio_rng".
    DriverSource driver();

    /// In order. IOVAs are those that the device was given.
    const std::vector<ClientMapping>& mappings() const { return mappings_; }

private:
    class Bus;
    class RngDriver;
    struct Slot;

    int probe_rng(Device& virtio);
    void remove_rng(Device& virtio);

    Kernel& kernel_;
    DmaIommu& dma_;
    const std::set<std::string> slots_;
    LinuxBoot* boot_ = nullptr;
    std::unique_ptr<BusType> bus_;
    std::map<std::string, Slot> bound_;  ///< by the name of the transport's device
    std::optional<PhysAddr> slab_;
    std::vector<ClientMapping> mappings_;
};

}  // namespace xlate::kernel
