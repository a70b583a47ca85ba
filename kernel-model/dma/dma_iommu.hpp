// The DMA API of the simulated kernel: bus addresses for buffers, through the IOMMU or straight.
// Modes: direct (no IOMMU, or passthrough: the physical address through dma-ranges), strict, lazy (flush queue).
// ARM32's own mappings (arch/) take their addresses from the bottom, first fit, as its bitmap does.
// A buffer that a device without translation cannot reach is bounced (swiotlb.hpp). Not modelled: cache maintenance.
// Source: docs/spec/kernel-probe.md sections 2.8 and 11.4 (Linux drivers/iommu/dma-iommu.c, kernel/dma/direct.c).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "kernel-model/core/machine.hpp"
#include "kernel-model/dma/iova.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/dma/swiotlb.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

/// Who moves data: seen from the device, `to_device` is a read.
enum class DmaDirection : std::uint8_t { bidirectional, to_device, from_device };

struct DmaParams {
    unsigned cpus = 1;
    std::uint32_t flush_queue_entries = 256;  ///< lazy: per CPU
    SimTime flush_queue_delay = ms(10);
    bool single_flush_queue = false;  ///< lazy: one queue of 32768 entries and 1 s for all CPUs
    bool forcedac = false;            ///< iommu.forcedac: no attempt below 4 GiB first
    SwiotlbParams swiotlb{};
    // Costs: assumptions, see kernel-probe.md section 7.
    SimTime call = ns(60);           ///< of each map or unmap, besides everything below
    SimTime iova_cached = ns(20);    ///< magazine hit
    SimTime iova_tree_node = ns(8);  ///< per tree node passed
};

/// Statistics. Law: maps - unmaps = mappings in use.
struct DmaStats {
    std::uint64_t maps = 0;
    std::uint64_t map_failures = 0;
    std::uint64_t unmaps = 0;
    std::uint64_t bytes_mapped = 0;
    std::uint64_t queue_flushes = 0;  ///< lazy: whole-TLB flushes
    // Through an IOMMU, waiting for locks included; what their last stores cost is paid after them.
    SimTime alloc_iova{}, free_iova{};  ///< addresses
    SimTime map{}, unmap{};             ///< iommu_map, iommu_unmap
    SimTime sync{};                     ///< strict: iommu_iotlb_sync
    std::uint64_t map_calls = 0, unmap_calls = 0, syncs = 0;
};

/// One piece of physical memory of a scatter list.
struct DmaSegment {
    PhysAddr address;
    std::uint64_t size = 0;
};

class DmaCookie;

/// One for a kernel; implements what the IOMMU core asks of the DMA layer. Task side only.
class DmaIommu final : public DmaLayer {
public:
    /// `pages` and `description` outlive this.
    DmaIommu(Kernel& kernel, PageAllocator& pages, const firmware::Description& description, const DmaParams& params);
    ~DmaIommu() override;

    int get_dma_cookie(Ptr<IommuDomain> domain) override;
    void put_dma_cookie(Ptr<IommuDomain> domain) override;
    int init_domain(Ptr<IommuDomain> domain, std::uint64_t base, std::uint64_t limit, Device& dev) override;

    /// Linux dma_map_single(): nothing is DMA_MAPPING_ERROR. Any offset in a page and any size > 0.
    std::optional<Iova> dma_map_single(Device& dev, PhysAddr buffer, std::uint64_t size, DmaDirection direction);
    void dma_unmap_single(Device& dev, Iova address, std::uint64_t size);
    /// Linux dma_map_sg(): through an IOMMU one contiguous range, mapped piece by piece; pieces that continue each
    /// other come back merged. Empty: failed.
    std::vector<DmaBuffer> dma_map_sg(Device& dev, const std::vector<DmaSegment>& segments, DmaDirection direction);
    void dma_unmap_sg(Device& dev, const std::vector<DmaBuffer>& mapped);

    struct Coherent {
        PhysAddr memory;
        Iova address;
        std::uint64_t size = 0;
    };
    /// Memory for a buffer of a driver. Of a device that cannot reach all memory it is as likely as any other beyond
    /// it.
    std::optional<PhysAddr> alloc_buffer(Device& dev, std::uint64_t size);
    /// dma_max_mapping_size: of one piece.
    std::uint64_t dma_max_mapping_size(Device& dev);

    /// What mappings of this device are multiples of: the smallest page of its domain; without one the CPU's page.
    std::uint64_t mapping_granule(const Device& dev) const;
    std::optional<Coherent> dma_alloc_coherent(Device& dev, std::uint64_t size);
    void dma_free_coherent(Device& dev, const Coherent& allocation);

    /// Addresses without memory behind them, which appears as the device asks for it. Nothing: no IOMMU, or none left.
    /// Not the DMA API's: it stands for an address space that is shared with a process (Linux iommu_sva_bind_device()).
    std::optional<Iova> reserve(Device& dev, std::uint64_t size);
    /// Memory for a page of them. 0 or -errno of the table.
    int populate(Device& dev, Iova page, PhysAddr memory, std::uint64_t size);
    /// Takes them back, with those of their pages that have memory.
    void release(Device& dev, Iova address, std::uint64_t size, const std::vector<Iova>& populated);

    PageAllocator& pages() { return pages_; }
    const DmaParams& params() const { return params_; }
    const DmaStats& stats() const { return stats_; }
    const Swiotlb& swiotlb() const { return swiotlb_; }
    /// The allocator behind a domain; nullptr before its first device. For tests and reports.
    const IovaDomain* iova_domain(Ptr<IommuDomain> domain) const;

private:
    std::vector<DmaBuffer> map_segments(Device& dev, const std::vector<DmaSegment>& segments, DmaDirection direction,
                                        std::uint64_t mask);
    std::vector<DmaBuffer> map_plain(Device& dev, const std::vector<DmaSegment>& segments, DmaDirection direction,
                                     std::uint64_t mask);
    std::vector<DmaBuffer> map_bounced(Device& dev, const std::vector<DmaSegment>& segments, DmaDirection direction,
                                       std::uint64_t mask);
    void unmap_range(Ptr<IommuDomain> domain, Iova from, std::uint64_t to);
    Ptr<IommuDomain> iommu_get_dma_domain(Device& dev, DmaOps ops = DmaOps::iommu);
    Ptr<DmaCookie> cookie_of(Ptr<IommuDomain> domain);
    std::optional<std::uint64_t> iommu_dma_alloc_iova(DmaCookie& cookie, Ptr<IommuDomain> domain, std::uint64_t size,
                                                      std::uint64_t limit, Device& dev);
    void iommu_dma_free_iova(DmaCookie& cookie, std::uint64_t iova, std::uint64_t size);
    void iommu_dma_unmap(Ptr<IommuDomain> domain, std::uint64_t iova, std::uint64_t size);
    std::optional<Iova> dma_direct_map(Device& dev, PhysAddr buffer, std::uint64_t size, std::uint64_t mask,
                                       DmaDirection direction);
    std::optional<std::uint64_t> phys_to_dma(const Device& dev, PhysAddr buffer) const;
    PhysAddr dma_to_phys(const Device& dev, Iova address) const;
    bool addressing_limited(Device& dev);
    void reserve_regions(IovaDomain& iovas, Device& dev);
    unsigned cpu() const;

    Kernel& kernel_;
    PageAllocator& pages_;
    const firmware::Description& description_;
    DmaParams params_;
    DmaStats stats_;
    Swiotlb swiotlb_;
    bool said_inactive_ = false;        ///< that there are no bounce buffers
    std::set<Resource> gave_up_32bit_;  ///< devices for which the attempt below 4 GiB failed once
};

}  // namespace xlate::kernel
