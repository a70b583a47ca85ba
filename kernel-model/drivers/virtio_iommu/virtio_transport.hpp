// How a driver reaches its virtio device: registers in a window (virtio_mmio) or in the BAR of a PCI function
// (virtio_pci, modern).
//   PCI     the structures are where the layout has them: reading the capabilities that say so is not modelled; one
//           message for the event queue, none for the other (Linux asks for none without a callback)
// Source: Linux drivers/virtio/virtio_mmio.c, virtio_pci_modern.c; VIRTIO 1.2 sections 4.1 and 4.2.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/ids.hpp"
#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

class VirtioTransport {
public:
    virtual ~VirtioTransport() = default;

    /// Something of this transport answers, and it is an IOMMU.
    virtual bool is_iommu() = 0;
    virtual std::uint32_t status() = 0;
    virtual void set_status(std::uint32_t status) = 0;
    virtual std::uint64_t features() = 0;
    virtual void finalize_features(std::uint64_t features) = 0;
    virtual std::uint64_t config(std::uint32_t offset, unsigned size) = 0;

    /// Chooses the queue: how many entries it may have; nothing: there is none, or it is in use.
    virtual std::optional<std::uint32_t> select_queue(unsigned index) = 0;
    struct Rings {
        std::uint32_t entries = 0;
        PhysAddr descriptors{}, driver{}, device{};
    };
    /// The chosen queue. `interrupts`: its used buffers are to be told of.
    virtual void enable_queue(unsigned index, const Rings& rings, bool interrupts) = 0;
    virtual void notify(unsigned index) = 0;
    /// In the interrupt handler: takes back what caused it.
    virtual void acknowledge() = 0;
};

std::unique_ptr<VirtioTransport> virtio_mmio(Machine& machine, PhysAddr regs);
std::unique_ptr<VirtioTransport> virtio_pci(Machine& machine, PhysAddr bar);

}  // namespace xlate::kernel
