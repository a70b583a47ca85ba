// The driver's side of one split virtqueue: rings in pages of the machine, a kick through the transport.
// Source: Linux drivers/virtio/virtio_ring.c; VIRTIO 1.2 section 2.7.
// Not modelled: indirect descriptors, event indices, DMA mapping of the rings (the IOMMU itself is behind none).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "iommu/virtio/layout.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/drivers/virtio_iommu/virtio_transport.hpp"

namespace xlate::kernel {

class Virtqueue {
public:
    Virtqueue(Kernel& kernel, PageAllocator& pages, VirtioTransport& transport, unsigned index)
        : kernel_(kernel), pages_(pages), transport_(transport), index_(index) {}

    /// Makes the rings and tells the device. `quiet`: no interrupts are wanted for used buffers. 0 or an errno.
    int setup(bool quiet);
    std::uint32_t entries() const { return entries_; }

    /// A buffer that the device reads, and one that it writes; either may have no bytes. Descriptors 2 * slot and the
    /// next are used: slot < entries() / 2.
    void add(std::uint32_t slot, PhysAddr readable, std::uint32_t readable_bytes, PhysAddr writable,
             std::uint32_t writable_bytes);
    void kick();
    /// The slot of the oldest buffer that the device has given back, and the bytes that it wrote.
    struct Used {
        std::uint32_t slot = 0;
        std::uint32_t bytes = 0;
    };
    std::optional<Used> get();

private:
    Kernel& kernel_;
    PageAllocator& pages_;
    VirtioTransport& transport_;
    unsigned index_;
    std::uint32_t entries_ = 0;
    PhysAddr descriptors_{}, driver_{}, device_{};
    std::uint16_t posted_ = 0, seen_ = 0;
    std::vector<std::uint64_t> driver_words_;  ///< what the driver's ring holds, as it is stored in whole words
};

}  // namespace xlate::kernel
