#include "kernel-model/clients/virtio_rng.hpp"

#include <fmt/format.h>

#include "base/bits.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {
namespace {

constexpr std::uint64_t kQueueEntries = 1024;  // QueueNumMax of QEMU's virtio-mmio
constexpr std::uint64_t kBufferBytes = 64;     // a cache line

/// Linux vring_size() with the page size as its alignment.
std::uint64_t vring_bytes(std::uint64_t page) {
    constexpr std::uint64_t kDescriptors = 16 * kQueueEntries, kAvail = 6 + 2 * kQueueEntries;
    constexpr std::uint64_t kUsed = 6 + 8 * kQueueEntries;
    return align_up(kDescriptors + kAvail, page) + kUsed;
}

}  // namespace

struct VirtioRng::Slot {
    Ptr<Device> virtio;
    unsigned number = 0;
    std::optional<DmaIommu::Coherent> queue;
};

class VirtioRng::Bus final : public BusType {
public:
    explicit Bus(Kernel& kernel) : BusType(kernel, "virtio") {}
};

class VirtioRng::RngDriver final : public Driver {
public:
    RngDriver(BusType& virtio, VirtioRng& client) : Driver("virtio_rng", virtio), client_(client) {}
    bool match(const Device&) const override { return true; }
    int probe(Device& dev) override { return client_.probe_rng(dev); }
    void remove(Device& dev) override { client_.remove_rng(dev); }

private:
    VirtioRng& client_;
};

VirtioRng::VirtioRng(Kernel& kernel, DmaIommu& dma, std::vector<std::string> slots)
    : kernel_(kernel), dma_(dma), slots_(slots.begin(), slots.end()) {}
VirtioRng::~VirtioRng() = default;

DriverSource VirtioRng::driver() {
    return {"virtio_rng", [this](LinuxBoot& boot) {
                boot_ = &boot;
                bus_ = std::make_unique<Bus>(kernel_);
                boot.drivers().bus_register(*bus_);
                return std::make_unique<RngDriver>(*bus_, *this);
            }};
}

int VirtioRng::probe(Device& dev, const TrafficPlan*) {
    Frame frame{kernel_, "virtio_mmio_probe"};
    if (slots_.count(dev.name) == 0) return -kENODEV;
    dev.dma_mask = ~std::uint64_t{0};
    dev.coherent_dma_mask = dev.dma_mask;
    std::set<unsigned> taken;
    for (const auto& [name, slot] : bound_) taken.insert(slot.number);
    unsigned number = 0;
    while (taken.count(number) != 0) ++number;
    const Ptr<Device> virtio = kernel_.heap.make<Device>("register_virtio_device", fmt::format("virtio{}", number),
                                                         bus_.get(), Ptr<Device>(&dev), dev.of_node);
    if (!virtio) return -kENOMEM;
    kernel_.heap.set_immortal(*virtio.get());
    bound_[dev.name] = {virtio, number, {}};
    boot_->drivers().device_add(virtio);
    return 0;
}

void VirtioRng::remove(Device& dev) {
    Frame frame{kernel_, "virtio_mmio_remove"};
    const auto slot = bound_.find(dev.name);
    if (slot == bound_.end()) return;
    boot_->drivers().device_del(*slot->second.virtio.get());
    bound_.erase(dev.name);
}

int VirtioRng::probe_rng(Device& virtio) {
    Frame frame{kernel_, "virtrng_probe"};
    Device& dev = *virtio.parent.get();
    const std::uint64_t bytes = vring_bytes(dma_.pages().page_bytes());
    const auto queue = dma_.dma_alloc_coherent(dev, bytes);
    if (!queue) return -kENOMEM;
    bound_[dev.name].queue = queue;
    const std::uint64_t granule = dma_.mapping_granule(dev);
    mappings_.push_back({dev.name, false, queue->address, queue->memory, align_up(queue->size, granule), false});
    if (!slab_) slab_ = dma_.pages().alloc(dma_.pages().page_bytes());
    if (!slab_) return -kENOMEM;
    const auto buffer = dma_.dma_map_single(dev, *slab_, kBufferBytes, DmaDirection::from_device);
    if (!buffer) return -kENOMEM;
    mappings_.push_back({dev.name, false, *buffer, *slab_, granule, true});
    return 0;
}

void VirtioRng::remove_rng(Device& virtio) {
    Frame frame{kernel_, "virtrng_remove"};
    Device& dev = *virtio.parent.get();
    Slot& slot = bound_[dev.name];
    if (!slot.queue) return;
    dma_.dma_free_coherent(dev, *slot.queue);
    const std::uint64_t mapped = align_up(slot.queue->size, dma_.mapping_granule(dev));
    mappings_.push_back({dev.name, true, slot.queue->address, {}, mapped, false});
    slot.queue.reset();
}

}  // namespace xlate::kernel
