// One SMMUv3 as its driver sees it: what the hardware can do, its registers, queues and tables.
// Source: docs/spec/iommu-hardware.md sections 1.1..1.3 (Linux drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c).
// Not modelled: stage 2, SVA, PMCG, secure state, errata.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_cmdq.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_contexts.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_stream_table.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/drivers/platform_msi.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

/// The feature word that the driver prints at probe.
namespace smmu_feature {
inline constexpr std::uint32_t kTwoLevelStrtab = 1u << 0, kTwoLevelCdtab = 1u << 1, kLittleEndian = 1u << 2,
                               kBigEndian = 1u << 3, kPri = 1u << 4, kAts = 1u << 5, kSev = 1u << 6, kMsi = 1u << 7,
                               kCoherency = 1u << 8, kStage1 = 1u << 9, kStage2 = 1u << 10, kStalls = 1u << 11,
                               kHyp = 1u << 12, kStallForce = 1u << 13, kVax = 1u << 14, kRangeInv = 1u << 15;
}

struct ArmSmmuParams {
    bool disable_bypass = true;       ///< arm-smmu-v3.disable_bypass: unowned streams abort
    bool disable_msipolling = false;  ///< arm-smmu-v3.disable_msipolling
    unsigned va_bits = 48;            ///< of the CPU's kernel
    bool e2h = false;                 ///< the kernel runs in EL2 with VHE
    unsigned cpus = 1;                ///< each gets an enhanced command queue, as far as the SMMU has them
    /// A page request of a device: maps the page, and says whether it did. None: every request fails, as in Linux up to
    /// 6.15, which knows stalls only.
    std::function<bool(Device& dev, Iova address, bool write)> on_page_request;
    /// Single devices' wish for a default domain (Linux: HiSilicon's trace unit wants identity). None: no wishes.
    std::function<DomainType(Device& dev)> def_domain_type;
    Mistakes mistakes;
    // What an unmap invalidates with; not parameters of Linux's driver.
    bool range_invalidation = true;                    ///< by range if the SMMU can; false: one TLBI for each page
    std::uint64_t all_from_pages = ~std::uint64_t{0};  ///< unmaps of so many pages drop all of the ASID instead
};

class ArmSmmuMaster;

/// Statistics.
struct ArmSmmuStats {
    std::map<std::uint8_t, std::uint64_t> events;  ///< records drained, by type
    std::uint64_t events_lost = 0;                 ///< overflows seen
    std::uint64_t global_errors = 0;
};

/// Linux struct arm_smmu_device. Task side only; the interrupt entries are called by IrqThread.
class ArmSmmuDevice final : public HeapObject {
public:
    ArmSmmuDevice(Kernel& the_kernel, Device& the_dev, PageAllocator& the_pages, const ArmSmmuParams& the_params);

    Device& dev;
    PageAllocator& pages;
    const ArmSmmuParams params;
    const std::string prefix;  ///< "arm-smmu-v3 9050000.smmuv3"

    // hw_probe
    std::uint32_t features = 0;
    unsigned sid_bits = 0;
    unsigned ssid_bits = 0;
    unsigned asid_bits = 8;
    unsigned vmid_bits = 8;
    unsigned ias = 0;
    unsigned oas = 0;
    std::uint64_t pgsize_bitmap = 0;

    ArmSmmuCmdq cmdq;
    /// Enhanced command queues, one a CPU; CPUs share them if there are fewer. Not in Linux up to 6.15, which knows the
    /// one of CMDQ_BASE only; as in openEuler's driver, all but the set-up's commands go by them.
    std::vector<std::unique_ptr<ArmSmmuCmdq>> ecmdqs;
    ArmSmmuStreamTable strtab;
    Mutex streams_mutex;
    std::map<std::uint32_t, Ptr<ArmSmmuMaster>> streams;  ///< who owns a SID
    Ptr<IommuDevice> iommu;
    ArmSmmuStats stats;

    /// The queue that the running task's CPU uses.
    ArmSmmuCmdq& get_cmdq();

    bool has(std::uint32_t feature) const { return (features & feature) != 0; }

    /// Finds the register window in firmware. 0 or -EINVAL.
    int find_resources(const firmware::Node& node);
    /// Reads what the hardware can do. 0 or -ENXIO (not usable by this driver).
    int hw_probe(bool firmware_coherent);
    /// Queues and stream table. 0 or -ENOMEM.
    int init_structures();
    /// Brings the hardware up, from whatever state it is in. 0 or -ETIMEDOUT (a bit is not acknowledged).
    /// `bypass`: firmware was no help; translation stays off if unowned streams may pass.
    /// `msi`: of the kernel's messages; its interrupts come by them if SMMU and firmware can.
    int reset(const firmware::Node& node, bool bypass, PlatformMsi& msi);
    /// CR0 = 0.
    int disable();

    std::uint32_t read(std::uint32_t offset) { return static_cast<std::uint32_t>(machine().mmio_read(at(offset), 4)); }
    void write(std::uint32_t offset, std::uint32_t value) { machine().mmio_write(at(offset), 4, value); }
    void write64(std::uint32_t offset, std::uint64_t value) { machine().mmio_write(at(offset), 8, value); }
    PhysAddr base() const { return base_; }

    /// Drains the event queue and prints what it says. Linux arm_smmu_evtq_thread().
    void evtq_thread();
    void priq_thread();
    /// Linux arm_smmu_gerror_handler().
    void gerror_handler();

private:
    /// An event or page-request queue: the hardware produces.
    struct InQueue {
        PhysAddr base{};
        unsigned log2_entries = 0;
        std::uint32_t cons = 0;  ///< index and wrap, and the overflow acknowledgement
    };

    Machine& machine() { return kernel().machine; }
    PhysAddr at(std::uint32_t offset) const { return base_ + offset; }
    int write_reg_sync(std::uint32_t value, std::uint32_t offset, std::uint32_t ack_offset);
    int poll(std::uint32_t offset, std::uint32_t mask, std::uint32_t wanted);
    int update_gbpa(std::uint32_t set, std::uint32_t clear);
    int init_in_queue(InQueue& queue, unsigned max_log2, std::uint32_t entry_bytes, const char* name);
    static std::uint64_t in_queue_register(const InQueue& queue);
    int setup_irqs(const firmware::Node& node, PlatformMsi& msi);
    bool setup_msis(const firmware::Node& node, PlatformMsi& msi);
    void setup_msi(const MsiMessage& message, std::uint32_t cfg0, IrqThread& thread, std::function<void()> handler);
    void print_event(const iommu::smmuv3::EventWords& words);
    bool print_allowed();
    bool handle_page_request(const iommu::smmuv3::PageRequestWords& words);

    void probe_ecmdqs();
    int init_ecmdqs();
    int enable_ecmdqs();

    PhysAddr base_{};
    std::uint64_t window_bytes_ = 0;
    std::vector<PhysAddr> ecmdq_registers_;
    unsigned cmdq_max_log2_ = 0;
    unsigned evtq_max_log2_ = 0;
    unsigned priq_max_log2_ = 0;
    InQueue evtq_;
    InQueue priq_;
    IrqThread evtq_irq_;
    IrqThread gerror_irq_;
    IrqThread priq_irq_;
    IrqThread combined_irq_;
    bool irqs_connected_ = false;
    SimTime print_window_start_{};
    unsigned printed_in_window_ = 0;
    std::uint64_t prints_suppressed_ = 0;
};

}  // namespace xlate::kernel
