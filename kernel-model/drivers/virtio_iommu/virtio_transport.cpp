#include "kernel-model/drivers/virtio_iommu/virtio_transport.hpp"

#include "base/bits.hpp"
#include "iommu/virtio/layout.hpp"

namespace xlate::kernel {
namespace {

namespace virtio = iommu::virtio;
namespace reg = iommu::virtio::reg;
namespace common = iommu::virtio::pci::common;

class VirtioMmio final : public VirtioTransport {
public:
    VirtioMmio(Machine& machine, PhysAddr regs) : machine_(machine), regs_(regs) {}

    bool is_iommu() override {
        return read(reg::MagicValue) == virtio::kMagic && read(reg::Version) == virtio::kTransportVersion &&
               read(reg::DeviceID) == virtio::kDeviceId;
    }
    std::uint32_t status() override { return static_cast<std::uint32_t>(read(reg::Status)); }
    void set_status(std::uint32_t status) override { write(reg::Status, status); }
    std::uint64_t features() override {
        std::uint64_t all = 0;
        for (std::uint32_t half = 0; half < 2; ++half) {
            write(reg::DeviceFeaturesSel, half);
            all |= read(reg::DeviceFeatures) << (32 * half);
        }
        return all;
    }
    void finalize_features(std::uint64_t features) override {
        for (std::uint32_t half = 0; half < 2; ++half) {
            write(reg::DriverFeaturesSel, half);
            write(reg::DriverFeatures, features >> (32 * half) & low_mask(32));
        }
    }
    std::uint64_t config(std::uint32_t offset, unsigned size) override {
        return machine_.mmio_read(regs_ + reg::Config + offset, size);
    }

    // Linux vm_setup_vq().
    std::optional<std::uint32_t> select_queue(unsigned index) override {
        write(reg::QueueSel, index);
        if (read(reg::QueueReady) != 0) return std::nullopt;
        const auto most = static_cast<std::uint32_t>(read(reg::QueueNumMax));
        return most == 0 ? std::nullopt : std::optional(most);
    }
    void enable_queue(unsigned, const Rings& rings, bool) override {
        write(reg::QueueNum, rings.entries);
        write64(reg::QueueDescLow, rings.descriptors);
        write64(reg::QueueDriverLow, rings.driver);
        write64(reg::QueueDeviceLow, rings.device);
        write(reg::QueueReady, 1);
    }
    void notify(unsigned index) override { write(reg::QueueNotify, index); }
    void acknowledge() override { write(reg::InterruptACK, read(reg::InterruptStatus)); }

private:
    std::uint64_t read(std::uint32_t offset) { return machine_.mmio_read(regs_ + offset, 4); }
    void write(std::uint32_t offset, std::uint64_t value) { machine_.mmio_write(regs_ + offset, 4, value); }
    void write64(std::uint32_t low, PhysAddr address) {
        write(low, address.value & low_mask(32));
        write(low + 4, address.value >> 32);
    }

    Machine& machine_;
    PhysAddr regs_;
};

class VirtioPci final : public VirtioTransport {
public:
    VirtioPci(Machine& machine, PhysAddr bar) : machine_(machine), bar_(bar) {}

    bool is_iommu() override { return read(common::num_queues, 2) >= virtio::kQueues; }  // the function's id said so
    std::uint32_t status() override { return static_cast<std::uint32_t>(read(common::device_status, 1)); }
    void set_status(std::uint32_t status) override { write(common::device_status, 1, status); }
    std::uint64_t features() override {
        std::uint64_t all = 0;
        for (std::uint32_t half = 0; half < 2; ++half) {
            write(common::device_feature_select, 4, half);
            all |= read(common::device_feature, 4) << (32 * half);
        }
        return all;
    }
    void finalize_features(std::uint64_t features) override {
        for (std::uint32_t half = 0; half < 2; ++half) {
            write(common::driver_feature_select, 4, half);
            write(common::driver_feature, 4, features >> (32 * half) & low_mask(32));
        }
    }
    std::uint64_t config(std::uint32_t offset, unsigned size) override {
        // Linux vp_get(): 64 bits in two reads.
        if (size == 8) return config(offset, 4) | config(offset + 4, 4) << 32;
        return machine_.mmio_read(bar_ + virtio::pci::kConfig + offset, size);
    }

    // Linux setup_vq(), vp_active_vq().
    std::optional<std::uint32_t> select_queue(unsigned index) override {
        write(common::queue_select, 2, index);
        const auto most = static_cast<std::uint32_t>(read(common::queue_size, 2));
        if (most == 0 || read(common::queue_enable, 2) != 0) return std::nullopt;
        return most;
    }
    void enable_queue(unsigned index, const Rings& rings, bool interrupts) override {
        doorbell_[index] = virtio::pci::kNotify +
                           static_cast<std::uint32_t>(read(common::queue_notify_off, 2)) * virtio::pci::kNotifyStep;
        write(common::queue_size, 2, rings.entries);
        write64(common::queue_desc, rings.descriptors);
        write64(common::queue_driver, rings.driver);
        write64(common::queue_device, rings.device);
        // Message 0 is the configuration's.
        if (index == 0) write(common::config_msix_vector, 2, 0);
        if (interrupts) write(common::queue_msix_vector, 2, 1);
        write(common::queue_enable, 2, 1);
    }
    void notify(unsigned index) override { machine_.mmio_write(bar_ + doorbell_[index], 2, index); }
    void acknowledge() override {}  // a message says it by itself

private:
    std::uint64_t read(std::uint32_t offset, unsigned size) {
        return machine_.mmio_read(bar_ + virtio::pci::kCommon + offset, size);
    }
    void write(std::uint32_t offset, unsigned size, std::uint64_t value) {
        machine_.mmio_write(bar_ + virtio::pci::kCommon + offset, size, value);
    }
    void write64(std::uint32_t offset, PhysAddr address) {
        write(offset, 4, address.value & low_mask(32));
        write(offset + 4, 4, address.value >> 32);
    }

    Machine& machine_;
    PhysAddr bar_;
    std::uint32_t doorbell_[virtio::kQueues] = {};
};

}  // namespace

std::unique_ptr<VirtioTransport> virtio_mmio(Machine& machine, PhysAddr regs) {
    return std::make_unique<VirtioMmio>(machine, regs);
}
std::unique_ptr<VirtioTransport> virtio_pci(Machine& machine, PhysAddr bar) {
    return std::make_unique<VirtioPci>(machine, bar);
}

}  // namespace xlate::kernel
