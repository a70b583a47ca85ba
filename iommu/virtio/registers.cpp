// Registers of both transports, over one state.
#include <algorithm>

#include "iommu/virtio/virtio_iommu.hpp"

namespace xlate::iommu::virtio {

namespace {

constexpr std::uint32_t kVendor = 0x554D4551;  // as QEMU's

void set_low(std::uint64_t& to, std::uint64_t value) { to = (to & ~low_mask(32)) | (value & low_mask(32)); }
void set_high(std::uint64_t& to, std::uint64_t value) { to = (to & low_mask(32)) | (value << 32); }

}  // namespace

std::uint64_t VirtioIommu::register_bytes(unsigned) const {
    return parameters_.transport == Transport::pci ? pci::kBarBytes : kRegisterBytes;
}

std::uint64_t VirtioIommu::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || offset + size > register_bytes()) return 0;
    return parameters_.transport == Transport::pci ? read_pci(offset, size) : read_mmio(offset, size);
}

void VirtioIommu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || offset + size > register_bytes()) return;
    if (parameters_.transport == Transport::pci) return write_pci(offset, size, value);
    write_mmio(offset, size, value);
}

std::uint64_t VirtioIommu::read_config(std::uint64_t offset, unsigned size) const {
    const auto bytes = config_space();
    std::uint8_t out[8] = {};
    for (unsigned i = 0; i < size && i < 8; ++i) out[i] = offset + i < bytes.size() ? bytes[offset + i] : 0;
    return load_le(out, std::min(size, 8U));
}

void VirtioIommu::write_config(std::uint64_t offset, unsigned size, std::uint64_t value) {
    // 0 and 1 alone are values; the driver may write this byte only.
    if (offset != config::bypass || size != 1 || value > 1) return;
    domains_.set_bypass(value != 0);
    forget({Forgotten::What::domain, 0, 0, 0, 0});
}

std::uint64_t VirtioIommu::offered(std::uint32_t selector) const {
    return selector < 2 ? (features() >> (32 * selector)) & low_mask(32) : 0;
}

void VirtioIommu::accept(std::uint32_t selector, std::uint64_t half) {
    if (selector == 0) set_low(driver_features_, half);
    if (selector == 1) set_high(driver_features_, half);
}

std::uint64_t VirtioIommu::read_mmio(std::uint64_t offset, unsigned size) const {
    if (offset >= reg::Config) return read_config(offset - reg::Config, size);
    if (size != 4) return 0;
    const bool queue = queue_sel_ < kQueues;
    switch (offset) {
        case reg::MagicValue:
            return kMagic;
        case reg::Version:
            return kTransportVersion;
        case reg::DeviceID:
            return kDeviceId;
        case reg::VendorID:
            return kVendor;
        case reg::DeviceFeatures:
            return offered(device_features_sel_);
        case reg::QueueNumMax:
            return queue ? kQueueMost : 0;
        case reg::QueueReady:
            return queue && queues_[queue_sel_].place.ready ? 1 : 0;
        case reg::InterruptStatus:
            return interrupt_status_;
        case reg::Status:
            return status_;
        default:
            return 0;
    }
}

void VirtioIommu::write_mmio(std::uint64_t offset, unsigned size, std::uint64_t value) {
    if (offset >= reg::Config) return write_config(offset - reg::Config, size, value);
    if (size != 4) return;
    QueuePlace spare;
    QueuePlace& place = queue_sel_ < kQueues ? queues_[queue_sel_].place : spare;
    switch (offset) {
        case reg::DeviceFeaturesSel:
            device_features_sel_ = static_cast<std::uint32_t>(value);
            return;
        case reg::DriverFeaturesSel:
            driver_features_sel_ = static_cast<std::uint32_t>(value);
            return;
        case reg::DriverFeatures:
            return accept(driver_features_sel_, value);
        case reg::QueueSel:
            queue_sel_ = static_cast<std::uint32_t>(value);
            return;
        case reg::QueueNum:
            if (!place.ready && is_power_of_two(value) && value <= kQueueMost)
                place.entries = static_cast<std::uint32_t>(value);
            return;
        case reg::QueueReady:
            place.ready = value == 1 && place.entries != 0;
            return;
        case reg::QueueDescLow:
            return set_low(place.descriptors, value);
        case reg::QueueDescHigh:
            return set_high(place.descriptors, value);
        case reg::QueueDriverLow:
            return set_low(place.driver, value);
        case reg::QueueDriverHigh:
            return set_high(place.driver, value);
        case reg::QueueDeviceLow:
            return set_low(place.device, value);
        case reg::QueueDeviceHigh:
            return set_high(place.device, value);
        case reg::QueueNotify:
            notified_ = notified_ || value == kRequestQueue;
            return;
        case reg::InterruptACK:
            interrupt_status_ &= ~static_cast<std::uint32_t>(value);
            pulse_ = pulse_ || interrupt_status_ != 0;
            return;
        case reg::Status:
            return write_status(static_cast<std::uint32_t>(value));
        default:
            return;
    }
}

// 4.1.4.3. A field is read and written with its own size, 64 bits in two halves.
std::uint64_t VirtioIommu::read_common(std::uint64_t offset, unsigned size) const {
    using namespace pci::common;
    const bool queue = queue_sel_ < kQueues;
    QueuePlace spare;
    const QueuePlace& place = queue ? queues_[queue_sel_].place : spare;
    if (size == 1) return offset == device_status ? status_ : 0;
    if (size == 2) {
        switch (offset) {
            case config_msix_vector:
                return vectors_[kQueues];
            case num_queues:
                return kQueues;
            case queue_select:
                return queue_sel_;
            case queue_size:
                // Until the driver says less: the most.
                return !queue ? 0 : place.entries == 0 ? kQueueMost : place.entries;
            case queue_msix_vector:
                return queue ? vectors_[queue_sel_] : pci::kNoVector;
            case queue_enable:
                return place.ready ? 1 : 0;
            case queue_notify_off:
                return queue ? queue_sel_ : 0;
            default:
                return 0;
        }
    }
    if (size != 4) return 0;
    switch (offset) {
        case device_feature_select:
            return device_features_sel_;
        case device_feature:
            return offered(device_features_sel_);
        case driver_feature_select:
            return driver_features_sel_;
        case driver_feature:
            return driver_features_sel_ < 2 ? (driver_features_ >> (32 * driver_features_sel_)) & low_mask(32) : 0;
        case queue_desc:
            return place.descriptors & low_mask(32);
        case queue_desc + 4:
            return place.descriptors >> 32;
        case queue_driver:
            return place.driver & low_mask(32);
        case queue_driver + 4:
            return place.driver >> 32;
        case queue_device:
            return place.device & low_mask(32);
        case queue_device + 4:
            return place.device >> 32;
        default:
            return 0;
    }
}

void VirtioIommu::write_common(std::uint64_t offset, unsigned size, std::uint64_t value) {
    using namespace pci::common;
    const bool queue = queue_sel_ < kQueues;
    QueuePlace spare;
    QueuePlace& place = queue ? queues_[queue_sel_].place : spare;
    const auto word = static_cast<std::uint32_t>(value);
    if (size == 1) {
        if (offset == device_status) write_status(word);
        return;
    }
    if (size == 2) {
        switch (offset) {
            case config_msix_vector:
                vectors_[kQueues] = word;
                return;
            case queue_select:
                queue_sel_ = word;
                return;
            case queue_size:
                if (!place.ready && is_power_of_two(value) && value <= kQueueMost) place.entries = word;
                return;
            case queue_msix_vector:
                if (queue) vectors_[queue_sel_] = word;
                return;
            case queue_enable:
                // 1 alone is a value; a reset of the device takes it back.
                if (value != 1) return;
                if (place.entries == 0) place.entries = kQueueMost;
                place.ready = true;
                return;
            default:
                return;
        }
    }
    if (size != 4) return;
    switch (offset) {
        case device_feature_select:
            device_features_sel_ = word;
            return;
        case driver_feature_select:
            driver_features_sel_ = word;
            return;
        case driver_feature:
            return accept(driver_features_sel_, value);
        case queue_desc:
            return set_low(place.descriptors, value);
        case queue_desc + 4:
            return set_high(place.descriptors, value);
        case queue_driver:
            return set_low(place.driver, value);
        case queue_driver + 4:
            return set_high(place.driver, value);
        case queue_device:
            return set_low(place.device, value);
        case queue_device + 4:
            return set_high(place.device, value);
        default:
            return;
    }
}

std::uint64_t VirtioIommu::read_pci(std::uint64_t offset, unsigned size) const {
    if (offset < pci::common::kBytes) return read_common(offset, size);
    if (offset >= pci::kConfig && offset < pci::kNotify) return read_config(offset - pci::kConfig, size);
    return 0;  // ISR status: messages have no use for it
}

void VirtioIommu::write_pci(std::uint64_t offset, unsigned size, std::uint64_t value) {
    if (offset < pci::common::kBytes) return write_common(offset, size, value);
    if (offset >= pci::kNotify) {
        // By the place of the doorbell; the value is the queue's number once more.
        notified_ = notified_ || (offset - pci::kNotify) / pci::kNotifyStep == kRequestQueue;
        return;
    }
    if (offset >= pci::kConfig) write_config(offset - pci::kConfig, size, value);
}

}  // namespace xlate::iommu::virtio
