// One Arm SMMU of version 1 or 2 as its driver sees it: what the hardware can do, its registers, stream map entries and
// context banks.
// Source: docs/spec/iommu-hardware.md section 2, linux-findings.md (SMMUv2, Qualcomm, NVIDIA and Marvell); Linux
// drivers/iommu/arm/arm-smmu/arm-smmu.c.
// Not modelled: runtime power management, clocks, performance monitors, TTBR1 for a GPU's own tables, RMR nodes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "iommu/smmuv2/layout.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel::arm_smmu {

class ArmSmmuDomain;
class ArmSmmuImpl;

enum class Version : std::uint8_t { v1, v1_64k, v2 };  ///< v1_64k: MMU-401, which also has 64 KiB pages
enum class Model : std::uint8_t { generic, mmu500, cavium, qcom };

struct ArmSmmuParams {
    bool disable_bypass = true;    ///< arm-smmu.disable_bypass: streams without a domain fault
    unsigned force_stage = 0;      ///< arm-smmu.force_stage: 1 or 2; 0: the driver's choice
    bool legacy_bindings = false;  ///< CONFIG_ARM_SMMU_LEGACY_DT_BINDINGS: masters of `mmu-masters` are looked up
    bool cpu_64bit = true;         ///< CONFIG_64BIT
    bool cpu_lpae = true;          ///< CONFIG_ARM_LPAE: a 32-bit kernel that prefers long descriptors
    Mistakes mistakes;
};

/// Linux ARM_SMMU_FEAT_*.
namespace feature {
inline constexpr std::uint32_t kCoherentWalk = 1u << 0, kStreamMatch = 1u << 1, kTransS1 = 1u << 2, kTransS2 = 1u << 3,
                               kTransNested = 1u << 4, kTransOps = 1u << 5, kVmid16 = 1u << 6, kFmtAarch64_4k = 1u << 7,
                               kFmtAarch64_16k = 1u << 8, kFmtAarch64_64k = 1u << 9, kFmtAarch32L = 1u << 10,
                               kFmtAarch32S = 1u << 11, kExids = 1u << 12;
inline constexpr std::uint32_t kFmtAarch64 = kFmtAarch64_4k | kFmtAarch64_16k | kFmtAarch64_64k;
}  // namespace feature

/// Linux struct arm_smmu_smr: what SMR(n) holds, or would hold.
struct Smr {
    std::uint16_t mask = 0;
    std::uint16_t id = 0;
    bool valid = false;
};

/// Linux struct arm_smmu_s2cr.
struct S2cr {
    Ptr<IommuGroup> group{};  ///< of the devices that share the entry
    unsigned count = 0;       ///< ids that use it
    std::uint64_t type = 0;
    std::uint64_t privcfg = 0;
    unsigned cbndx = 0;
};

enum class ContextFormat : std::uint8_t { none, aarch32_s, aarch32_l, aarch64 };

/// Linux struct arm_smmu_cfg: of one domain that translates.
struct ContextConfig {
    unsigned cbndx = 0;
    unsigned irptndx = 0;
    std::uint16_t asid = 0;  ///< stage 1
    std::uint16_t vmid = 0;  ///< stage 2
    std::uint64_t cbar = 0;
    ContextFormat format = ContextFormat::none;
    bool flush_walk_prefer_tlbiasid = false;
    bool stage1() const { return cbar != iommu::smmuv2::cbar::TYPE_S2_TRANS; }
};

/// Linux struct arm_smmu_cb: a bank's registers as they are to be.
struct ContextBank {
    const ContextConfig* cfg = nullptr;  ///< none: the bank is off
    ArmSmmuDomain* domain = nullptr;     ///< whose faults the bank's interrupt reports
    std::array<std::uint32_t, 2> tcr{};
    std::array<std::uint64_t, 2> ttbr{};
    std::array<std::uint32_t, 2> mair{};
};

/// Linux struct arm_smmu_context_fault_info.
struct ContextFaultInfo {
    std::uint64_t iova = 0;
    std::uint32_t fsr = 0;
    std::uint32_t fsynr0 = 0;
    std::uint32_t cbfrsynra = 0;
};

/// Statistics.
struct ArmSmmuStats {
    std::uint64_t context_faults = 0;
    std::uint64_t global_faults = 0;
    std::uint64_t sync_timeouts = 0;
};

/// Linux struct arm_smmu_device. Task side only; the fault handlers are called by IrqThread.
class ArmSmmuDevice final : public HeapObject {
public:
    ArmSmmuDevice(Kernel& the_kernel, Device& the_dev, PageAllocator& the_pages,
                  const firmware::Description& the_firmware, const ArmSmmuParams& the_params);
    ~ArmSmmuDevice() override;

    Device& dev;
    PageAllocator& pages;
    const firmware::Description& firmware;
    const firmware::Node& node;
    const ArmSmmuParams params;
    const std::string prefix;  ///< "arm-smmu 7f000000.iommu"
    std::unique_ptr<ArmSmmuImpl> impl;

    Version version = Version::v2;
    Model model = Model::generic;
    std::uint32_t features = 0;
    std::uint64_t numpage = 0;       ///< pages before the first context bank
    std::uint64_t mapped_bytes = 0;  ///< of each register file: whole pages of what firmware gives
    unsigned pgshift = 12;
    unsigned num_context_banks = 0;
    unsigned num_s2_context_banks = 0;
    unsigned num_mapping_groups = 0;
    unsigned num_context_irqs = 0;
    std::uint16_t streamid_mask = 0;
    std::uint16_t smr_mask_mask = 0;
    unsigned va_size = 0;
    unsigned ipa_size = 0;
    unsigned pa_size = 0;
    std::uint64_t pgsize_bitmap = 0;

    Mutex stream_map_mutex;
    std::vector<Smr> smrs;    ///< empty: stream ids are indices
    std::vector<S2cr> s2crs;  ///< as many as mapping groups
    std::vector<ContextBank> cbs;
    std::vector<bool> context_map;        ///< banks in use
    unsigned next_irptndx = 0;            ///< version 1: interrupts go round
    unsigned* cavium_contexts = nullptr;  ///< of the driver: tags that Cavium's SMMUs before this one have
    Ptr<IommuDevice> iommu;
    ArmSmmuStats stats;

    bool has(std::uint32_t feature) const { return (features & feature) != 0; }
    PhysAddr base() const { return base_; }
    Machine& machine() { return kernel().machine; }

    // Registers: page 0 and 1 are global, bank n is page numpage + n.
    std::uint32_t gr0_read(std::uint32_t offset);
    void gr0_write(std::uint32_t offset, std::uint32_t value);
    std::uint32_t gr1_read(std::uint32_t offset);
    void gr1_write(std::uint32_t offset, std::uint32_t value);
    std::uint32_t cb_read(unsigned bank, std::uint32_t offset);
    void cb_write(unsigned bank, std::uint32_t offset, std::uint32_t value);
    std::uint64_t cb_readq(unsigned bank, std::uint32_t offset);
    void cb_writeq(unsigned bank, std::uint32_t offset, std::uint64_t value);
    /// In the register file at `file` (NVIDIA: 0 or 1).
    /// Behind what is mapped: an Oops.
    PhysAddr at(std::uint64_t page, std::uint32_t offset, unsigned file = 0) const;
    [[noreturn]] void access_unmapped(std::uint64_t from_base) const;
    unsigned files() const { return static_cast<unsigned>(files_.size()); }
    void add_file(PhysAddr file) { files_.push_back(file); }

    /// Linux arm_smmu_device_dt_probe(), and what stands in IORT: interrupts and coherency. 0 or -ENODEV.
    int firmware_probe();
    /// Linux arm_smmu_device_cfg_probe(). 0 or -ENODEV (not usable by this driver).
    int cfg_probe();
    /// 0; -ENODEV: version 2 with fewer interrupts than banks.
    int check_context_irqs();
    /// Linux arm_smmu_device_reset().
    void reset();
    /// Linux arm_smmu_rmr_install_bypass_smr(), with no RMR node.
    void install_boot_mappings();
    /// Linux arm_smmu_test_smr_masks(): how many bits of id and mask there are.
    void test_smr_masks();
    void request_global_irqs();
    /// Linux arm_smmu_device_shutdown(): all streams pass.
    void disable();

    // Stream map (arm_smmu_stream_map.cpp), stream_map_mutex held where an entry changes.
    /// An entry for these, or -EINVAL (overlap), -ENOSPC. Without SMRs the id itself.
    int find_sme(std::uint16_t id, std::uint16_t mask) const;
    /// True: nothing uses it any more.
    bool free_sme(unsigned index);
    void write_smr(unsigned index);
    void write_s2cr(unsigned index);
    void write_sme(unsigned index);
    S2cr s2cr_init() const;

    // Context banks (arm_smmu_context.cpp).
    /// Linux __arm_smmu_alloc_bitmap(): the first free bank of [first, last), or -ENOSPC.
    int alloc_bank(unsigned first, unsigned last);
    void write_context_bank(unsigned index);
    void request_context_irq(const ContextConfig& cfg);

    // TLB (arm_smmu_tlb.cpp).
    /// Linux __arm_smmu_tlb_sync(): writes `sync` and polls `status` for at most about two seconds.
    void tlb_sync(std::uint64_t page, std::uint32_t sync, std::uint32_t status);
    void tlb_sync_global();

    // Faults (arm_smmu_faults.cpp).
    void global_fault();
    void context_fault(unsigned bank);
    /// Linux's default rate limit: ten lines in five seconds.
    bool print_allowed();

private:
    int get_global_irqs();
    void probe_stream_mapping(std::uint32_t id0);
    int probe_banks(std::uint32_t id1);
    void probe_sizes(std::uint32_t id2);
    void probe_page_sizes();
    void print_context_fault(unsigned bank, const ContextFaultInfo& fault);

    PhysAddr base_{};
    std::vector<PhysAddr> files_;
    unsigned global_irqs_ = 0;
    SpinLock global_sync_lock_;
    std::map<std::string, IrqThread> irqs_;  ///< by name; those that were asked for
    SimTime print_window_start_{};
    unsigned printed_in_window_ = 0;
    std::uint64_t prints_suppressed_ = 0;
};

/// The wires as the hardware names them: "global", "context0", "context1", ...
std::string context_wire(unsigned index);

}  // namespace xlate::kernel::arm_smmu
