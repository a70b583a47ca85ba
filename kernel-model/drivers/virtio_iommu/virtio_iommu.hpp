// The Linux driver of virtio-iommu, behind virtio over MMIO or over PCI. Function names are Linux's.
//   requests    written to queue 0 under request_lock, and waited for there; from 6.8 on MAP and UNMAP only queue, and
//               iotlb_sync_map, iotlb_sync and flush_iotlb_all wait
//   events      queue 1 is full of buffers; the interrupt prints what came and gives them back
//   probe       one PROBE of the first id: its status is the answer, its properties the reserved regions
//   MMIO        one driver of platform devices stands for virtio_mmio and virtio_iommu: the virtio device between them
//   is
//               not made
//   PCI         virtio-pci makes the virtio device when it takes the function; this driver may come later
// Not modelled: identity by mappings, freeze and restore.
// Source: docs/spec/kernel-probe.md section 5.1, row virtio-iommu; docs/spec/iommu-hardware.md section 8; VIRTIO 1.2.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/drivers/virtio_iommu/virtio_transport.hpp"
#include "kernel-model/drivers/virtio_iommu/virtqueue.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// A request as 64-bit words, and how many bytes of them it has.
struct ViommuRequest {
    std::vector<std::uint64_t> words;
    std::uint32_t bytes = 0;
};

/// Linux struct viommu_dev.
class ViommuDev final : public HeapObject {
public:
    ViommuDev(Kernel& the_kernel, PageAllocator& the_pages, Device& the_dev,
              std::unique_ptr<VirtioTransport> the_transport, PhysAddr registers, const Mistakes& the_mistakes);

    PageAllocator& pages;
    Device& dev;
    const std::unique_ptr<VirtioTransport> transport;
    const PhysAddr regs;  ///< for claims
    const Mistakes mistakes;
    const std::string prefix;  ///< "virtio_iommu virtio0"
    Ptr<IommuDevice> iommu;
    std::uint64_t page_size_mask = 0, input_first = 0, input_last = 0;
    std::uint32_t domain_first = 0, domain_last = 0, probe_bytes = 0;
    bool bypass_config = false;

    /// Status, features, configuration, queues. 0 or an errno.
    int start();
    /// The last lines of viommu_probe().
    void announce();
    void request_irq(const firmware::Node& node);
    /// Sends it and waits for its answer: 0 or the errno that its status means. `properties`: of a PROBE.
    int viommu_send_req_sync(const ViommuRequest& request, std::vector<std::uint64_t>* properties = nullptr);
    /// Sends it; a later viommu_sync_req() waits. `kick`: the device is told of it.
    void viommu_add_req(const ViommuRequest& request, bool kick = false);
    void viommu_sync_req();
    std::optional<std::uint32_t> take_domain();
    void give_domain(std::uint32_t number) { free_domains_.push_back(number); }

private:
    void post(const ViommuRequest& request, std::uint32_t writable_bytes);
    void drain();
    [[noreturn]] void report_lockup();
    void viommu_event_handler();
    void viommu_fault_handler(PhysAddr record);

    Virtqueue requests_, events_;
    SpinLock request_lock_;
    IrqThread irq_;
    PhysAddr buffers_{}, event_buffers_{};
    std::uint32_t in_flight_ = 0, next_slot_ = 0;
    std::uint32_t next_domain_ = 0;
    std::vector<std::uint32_t> free_domains_;
};

/// Linux struct viommu_endpoint.
class ViommuEndpoint final : public HeapObject {
public:
    ViommuEndpoint(Kernel& kernel, Device& the_dev, Ptr<ViommuDev> unit)
        : HeapObject(kernel, "viommu_endpoint"), dev(the_dev), viommu(unit) {}
    Device& dev;
    Ptr<ViommuDev> viommu;
    std::vector<ReservedRegion> reserved;
    class ViommuDomain* domain = nullptr;
};

/// Linux struct viommu_domain.
class ViommuDomain final : public IommuDomain {
public:
    ViommuDomain(Kernel& kernel, DomainType domain_type, IommuCore& core);

    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

private:
    friend class ViommuOps;
    struct Mapping {
        std::uint64_t last = 0, target = 0;
        std::uint32_t flags = 0;
    };
    bool queues_only() const;
    ViommuRequest map_request(std::uint64_t first, const Mapping& mapping) const;
    int viommu_replay_mappings();
    int send_map(std::uint64_t first, const Mapping& mapping);
    void claim_mapped(std::uint64_t first, std::uint64_t bytes) const;

    IommuCore& core_;
    SpinLock mappings_lock_;
    std::map<std::uint64_t, Mapping> mappings_;  ///< by first address
    Ptr<ViommuDev> viommu_;
    std::uint32_t number_ = 0;
    unsigned endpoints_ = 0;
};

/// Linux viommu_ops. One for all instances.
class ViommuOps final : public IommuOps {
public:
    using PciGroup = std::function<PtrOrErr<IommuGroup>(Device&)>;
    ViommuOps(IommuCore& core, Driver& driver, PciGroup pci_device_group);

    bool has_of_xlate() const override { return !core_.variant.has(Cap::xlate_fwspec_op); }
    bool has_of_xlate_fwspec() const override { return core_.variant.has(Cap::xlate_fwspec_op); }
    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    int of_xlate_fwspec(Ptr<IommuFwspec> fwspec, Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void probe_finalize(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    std::vector<ReservedRegion> get_resv_regions(Device& dev) override;
    bool capable_deferred_flush() const override;

private:
    int viommu_probe_endpoint(ViommuEndpoint& endpoint);

    IommuCore& core_;
    Driver& driver_;
    const PciGroup pci_device_group_;
};

/// Of platform devices: transports with registers in a window.
class ViommuMmioDriver final : public Driver {
public:
    ViommuMmioDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                     ViommuOps::PciGroup pci_device_group);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device&) override {}

    ViommuOps& ops() { return ops_; }

private:
    IommuCore& core_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    ViommuOps ops_;
};

/// Of the virtio bus, whose devices virtio-pci makes. `the_bus` is its own.
class ViommuPciDriver final : public Driver {
public:
    ViommuPciDriver(LinuxBoot& boot, const IommuDriverParts& parts, std::unique_ptr<BusType> the_bus);

    bool match(const Device&) const override { return true; }
    int probe(Device& dev) override;
    void remove(Device&) override {}

private:
    std::optional<int> register_virtio_device(Device& function);

    LinuxBoot& boot_;
    IommuCore& core_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    std::unique_ptr<BusType> bus_;
    ViommuOps ops_;
    unsigned next_number_ = 0;
};

/// Their rows of iommu_drivers().
std::unique_ptr<Driver> make_virtio_iommu_mmio(LinuxBoot& boot, const IommuDriverParts& parts);
std::unique_ptr<Driver> make_virtio_iommu_pci(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
