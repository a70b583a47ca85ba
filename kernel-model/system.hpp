// What a booting kernel consists of besides the boot itself: memory, DMA layer, power management, IOMMU drivers, DMA
// clients. Assembled the same way for runs, explorations and tests. Made for one run.
// Source: families.md section 4.
#pragma once

#include "firmware/description.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/clients/client_dma.hpp"
#include "kernel-model/dma/dma_iommu.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/message_domain.hpp"

namespace xlate::kernel {

/// Owns the parts; outlives the LinuxBoot that is made of boot_config(), which names them.
class KernelSystem {
public:
    /// `kernel` and `description` outlive it. What `boot` names already (a client, a DMA layer, drivers) stays.
    KernelSystem(Kernel& kernel, const firmware::Description& description, BootConfig boot);
    KernelSystem(const KernelSystem&) = delete;
    KernelSystem& operator=(const KernelSystem&) = delete;

    const BootConfig& boot_config() const { return boot_; }
    /// Until the boot is made of it.
    BootConfig& boot_config() { return boot_; }

    PageAllocator pages;
    DmaIommu dma;
    RuntimePm power;
    MessageDomain messages;
    ClientDma client;

private:
    BootConfig boot_;
};

}  // namespace xlate::kernel
