// What a virtio-iommu and its driver share: registers of both transports, the split virtqueue, requests, their answers,
// events. All little-endian. Source: Virtual I/O Device (VIRTIO) 1.2, sections 2.7 (split virtqueues), 4.1 (virtio over
// PCI), 4.2 (virtio over MMIO), 5.13 (IOMMU device); docs/spec/iommu-hardware.md section 8.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::virtio {

inline constexpr std::uint64_t kRegisterBytes = 0x200;  ///< of a slot; configuration space included
inline constexpr unsigned kQueues = 2;
inline constexpr unsigned kRequestQueue = 0, kEventQueue = 1;
inline constexpr std::uint32_t kQueueMost = 1024;
inline constexpr std::uint32_t kMagic = 0x74726976, kTransportVersion = 2, kDeviceId = 23;

namespace reg {
inline constexpr std::uint32_t MagicValue = 0x000, Version = 0x004, DeviceID = 0x008, VendorID = 0x00C,
                               DeviceFeatures = 0x010, DeviceFeaturesSel = 0x014, DriverFeatures = 0x020,
                               DriverFeaturesSel = 0x024, QueueSel = 0x030, QueueNumMax = 0x034, QueueNum = 0x038,
                               QueueReady = 0x044, QueueNotify = 0x050, InterruptStatus = 0x060, InterruptACK = 0x064,
                               Status = 0x070, QueueDescLow = 0x080, QueueDescHigh = 0x084, QueueDriverLow = 0x090,
                               QueueDriverHigh = 0x094, QueueDeviceLow = 0x0A0, QueueDeviceHigh = 0x0A4,
                               ConfigGeneration = 0x0FC, Config = 0x100;
}  // namespace reg

/// Virtio over PCI: one BAR with four structures. A driver finds them by capabilities; these are where QEMU has them.
namespace pci {
inline constexpr std::uint64_t kBarBytes = 0x4000;
inline constexpr std::uint32_t kCommon = 0x0000, kIsr = 0x1000, kConfig = 0x2000, kNotify = 0x3000;
inline constexpr std::uint32_t kNotifyStep = 4;  ///< from the doorbell of one queue to the next one's
inline constexpr std::uint32_t kNoVector = 0xFFFF;

/// Offsets in the common structure. Their sizes are those of the fields: 1, 2, 4, or 8 in two halves.
namespace common {
inline constexpr std::uint32_t device_feature_select = 0x00, device_feature = 0x04, driver_feature_select = 0x08,
                               driver_feature = 0x0C, config_msix_vector = 0x10, num_queues = 0x12,
                               device_status = 0x14, config_generation = 0x15, queue_select = 0x16, queue_size = 0x18,
                               queue_msix_vector = 0x1A, queue_enable = 0x1C, queue_notify_off = 0x1E,
                               queue_desc = 0x20, queue_driver = 0x28, queue_device = 0x30, kBytes = 0x38;
}  // namespace common
}  // namespace pci

namespace status {
inline constexpr std::uint32_t ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 0x40,
                               FAILED = 0x80;
}  // namespace status

namespace interrupt {
inline constexpr std::uint32_t kUsedBuffer = 1, kConfigChange = 2;
}  // namespace interrupt

/// Bit numbers.
namespace feature {
inline constexpr unsigned INPUT_RANGE = 0, DOMAIN_RANGE = 1, MAP_UNMAP = 2, BYPASS = 3, PROBE = 4, MMIO = 5,
                          BYPASS_CONFIG = 6, VERSION_1 = 32, ACCESS_PLATFORM = 33;
}  // namespace feature

/// Offsets in the configuration space.
namespace config {
inline constexpr std::uint32_t page_size_mask = 0, input_start = 8, input_end = 16, domain_start = 24, domain_end = 28,
                               probe_size = 32, bypass = 36, kBytes = 40;
}  // namespace config

enum class RequestType : std::uint8_t { attach = 1, detach = 2, map = 3, unmap = 4, probe = 5 };
/// Of the part that the device reads.
inline constexpr std::uint32_t kHeadBytes = 4, kAttachBytes = 20, kDetachBytes = 20, kMapBytes = 36, kUnmapBytes = 28,
                               kProbeBytes = 72, kTailBytes = 4, kMostRequestBytes = kProbeBytes;

namespace attach_flag {
inline constexpr std::uint32_t BYPASS = 1;
}
namespace map_flag {
inline constexpr std::uint32_t READ = 1, WRITE = 2, MMIO = 4, kAll = 7;
}

enum class RequestStatus : std::uint8_t { ok, ioerr, unsupp, deverr, inval, range, noent, fault, nomem };

namespace property {
inline constexpr std::uint16_t RESV_MEM = 1;
inline constexpr std::uint8_t kReserved = 0, kMsi = 1;  ///< subtypes
inline constexpr std::uint32_t kHeadBytes = 4, kResvMemBytes = 20;
}  // namespace property

/// A record of an access that was refused, in a buffer that the driver gave.
namespace event {
inline constexpr std::uint32_t kBytes = 24;
inline constexpr std::uint8_t kUnknown = 0, kDomain = 1, kMapping = 2;  ///< reasons
inline constexpr std::uint32_t READ = 1, WRITE = 2, EXEC = 4, ADDRESS = 0x100;
}  // namespace event

/// The split virtqueue: a table of descriptors, a ring that the driver writes, one that the device writes.
namespace ring {
inline constexpr std::uint32_t kDescriptorBytes = 16, kUsedBytes = 8, kHeadBytes = 4;
inline constexpr std::uint16_t NEXT = 1, WRITE = 2, INDIRECT = 4;  ///< flags of a descriptor
inline constexpr std::uint16_t NO_INTERRUPT = 1;                   ///< flag of the driver's ring
}  // namespace ring

}  // namespace xlate::iommu::virtio
