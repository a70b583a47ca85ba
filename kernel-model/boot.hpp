// Linux boots: firmware in, probed devices out. The one door to this room for soc, explore and study.
// Source: docs/spec/kernel-probe.md (all of it, section 11.5 for the order).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "firmware/description.hpp"
#include "kernel-model/arch/arch.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/dma/traffic_plan.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/objects.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "kernel-model/pci/topology.hpp"

namespace xlate::kernel {

struct BootState;
class DriverCore;
class IommuCore;
class LinuxBoot;
class OfCore;
class PciCore;

/// Who loads which module, when. Each is a task of its own, named `insmod`.
struct ModuleLoad {
    std::string name;             ///< "arm-smmu-v3", "nvme", "virtio_mmio": - and _ are the same
    SimTime at{};                 ///< counted from the end of the initcalls (the start of user space)
    bool after_previous = false;  ///< waits for the module before it in the list, as an init script does
    unsigned cpu = 0;
    /// It is the driver of this device (node path or Linux name) that consumers wait for (fw_devlink). Empty: one of
    /// the drivers that the model has.
    std::string device{};
};

/// 734554fdfce6: from here on arm-smmu-v3 has no disable_bypass, and streams without a domain abort.
inline constexpr unsigned kFirstReleaseWithoutDisableBypass = 610;

struct KernelParameters {
    bool iommu_passthrough = false;  ///< iommu.passthrough
    /// iommu.strict; none: strict (CONFIG_IOMMU_DEFAULT_DMA_STRICT), on x86 lazy (CONFIG_IOMMU_DEFAULT_DMA_LAZY).
    std::optional<bool> iommu_strict;
    std::optional<unsigned> deferred_probe_timeout_s;  ///< none: 10; 0: no waiting
    bool smmu_v3_disable_bypass = true;                ///< arm-smmu-v3.disable_bypass; counts before 6.10
    /// Which TLBIs an unmap gives. linux: by range where the SMMU can (IDR3.RIL), else one a page; the others are ours.
    enum class Invalidation : std::uint8_t { linux_choice, single, all };
    Invalidation smmu_v3_invalidation = Invalidation::linux_choice;  ///< arm-smmu-v3.invalidation
    std::uint64_t smmu_v3_all_from_pages = 0;  ///< arm-smmu-v3.all_from_pages: unmaps this large drop the ASID; 0: none
    bool arm_smmu_disable_bypass = true;       ///< arm-smmu.disable_bypass
    unsigned arm_smmu_force_stage = 0;         ///< arm-smmu.force_stage: 1 or 2; 0: the driver's choice
    bool arm_smmu_legacy_bindings = false;     ///< CONFIG_ARM_SMMU_LEGACY_DT_BINDINGS: `mmu-masters` are looked up
    bool arm_lpae = false;                     ///< arch arm: CONFIG_ARM_LPAE
    AcsParameters acs;                         ///< pci=config_acs=, pci=disable_acs_redir=, pcie_acs_override=
    /// fw_devlink: off and permissive wait for nothing, on and rpm for suppliers; strict: for IOMMUs as well.
    bool fw_devlink = true;
    bool fw_devlink_strict = false;
    enum class Swiotlb : std::uint8_t { as_needed, force, noforce };
    Swiotlb swiotlb = Swiotlb::as_needed;        ///< swiotlb=force, swiotlb=noforce
    std::optional<std::uint64_t> swiotlb_slots;  ///< swiotlb=N: of 2 KiB; none: 64 MiB
    std::optional<std::uint64_t> swiotlb_areas;  ///< swiotlb=N,AREAS; none: one a CPU
    /// Of x86's IOMMUs, which firmware's tables name.
    struct X86 {
        bool iommu = true;                 ///< iommu=off: none is used
        bool intel = true;                 ///< intel_iommu=on, off
        bool intel_scalable = false;       ///< intel_iommu=sm_on
        bool intel_superpages = true;      ///< intel_iommu=sp_off: 4 KiB alone
        bool intel_graphics = true;        ///< intel_iommu=igfx_off: graphics pass
        bool amd = true;                   ///< amd_iommu=off
        bool amd_force_isolation = false;  ///< amd_iommu=force_isolation
        std::optional<bool> amd_v2;        ///< amd_iommu=pgtbl_v1, pgtbl_v2; none: v1, from 6.13 on v2
        bool intremap = true;              ///< intremap=off: interrupts are not remapped
    };
    X86 x86;
    std::vector<std::string> module_blacklist;  ///< module_blacklist=: the kernel refuses to load them
    bool modules = true;                        ///< false: a kernel without module support
    bool deferral_rechecks_trigger = true;      ///< false only to show what the second half of DD13 is for
};

/// What a DMA client does beyond probing; implemented in drivers/ (client).
class ClientDriver {
public:
    virtual ~ClientDriver() = default;
    /// On the probing task, device_lock held, IOMMU configured. `plan`: nullptr if none is configured for the device.
    /// Returns 0 or -errno as the driver's own probe does (-EPROBE_DEFER: the driver defers itself).
    virtual int probe(Device& dev, const TrafficPlan* plan) = 0;
    virtual void remove(Device& dev) = 0;
};

/// A driver that this boot has besides the table of known ones. Made at the start, registered at device initcall
/// level, or when its module is loaded if `BootConfig::modules` names it.
struct DriverSource {
    std::string name;
    std::function<std::unique_ptr<Driver>(LinuxBoot&)> make;
};

/// A task of its own beside the boot, for races: an open-coded caller of of_dma_configure, a removal, an unregister.
struct ExtraTask {
    std::string name;
    unsigned cpu = 0;
    SimTime at{};  ///< from the end of the initcalls
    std::function<void(LinuxBoot&)> body;
};

/// Plain, validated values. Everything has a default.
struct BootConfig {
    unsigned cpus = 2;
    Arch arch = Arch::arm64;                         ///< whose DMA set-up the kernel has
    std::uint64_t page_bytes = 4096;                 ///< PAGE_SIZE
    std::optional<std::vector<ModuleLoad>> modules;  ///< none: what Debian's initramfs loads, one after the other
    KernelParameters parameters;
    std::vector<PciRoot> pci;
    std::vector<TrafficPlan> traffic;
    std::vector<DriverSource> drivers;
    Mistakes mistakes;  ///< that the drivers make
    std::vector<ExtraTask> extra_tasks;
    std::vector<firmware::NodeIndex> not_built;  ///< IOMMUs whose driver this kernel lacks: ACPI does not wait for them
    ClientDriver* client = nullptr;              ///< outlives the boot; nullptr: clients only bind
    DmaLayer* dma = nullptr;                     ///< outlives the boot; nullptr: DMA domains have no IOVA allocator
};

/// Results, in Linux's names. State: "bound", "deferred", "failed", "unbound".
struct DeviceResult {
    std::string name;
    std::string path;    ///< firmware node; empty for PCI functions
    std::string bus;     ///< "platform", "amba", "pci", "pci_express"
    std::string driver;  ///< empty: none
    std::string state;
    std::string iommu;               ///< device name of its IOMMU; empty: none
    std::vector<std::uint32_t> ids;  ///< of its fwspec now
    std::optional<unsigned> group;
    DomainType domain = DomainType::none;
    std::optional<firmware::NodeIndex> pci_host;  ///< PCI functions: their host bridge's node
    std::vector<std::uint32_t> requesters;        ///< PCI functions: own id and aliases, in Linux's order
    std::string deferred_reason;                  ///< as debugfs' devices_deferred has it; may be empty
    std::optional<SimTime> probe_start;           ///< of the last attempt
    std::optional<SimTime> probe_end;
};
struct GroupResult {
    unsigned id = 0;
    DomainType type = DomainType::none;
    std::vector<std::string> devices;              ///< in order of joining
    std::vector<ReservedRegion> reserved_regions;  ///< as sysfs lists them
};
struct IommuResult {
    std::string name;  ///< sysfs name
    std::string device;
    std::string path;
    std::string driver;
    std::vector<std::string> members;
};

/// One boot. Keeps references to kernel and description; both outlive it.
class LinuxBoot {
public:
    LinuxBoot(Kernel& kernel, const firmware::Description& description, BootConfig config);
    ~LinuxBoot();
    LinuxBoot(const LinuxBoot&) = delete;
    LinuxBoot& operator=(const LinuxBoot&) = delete;

    /// Spawns the init task (`swapper/0`) and returns. The machine runs tasks until none is left.
    void start();

    Kernel& kernel();
    const firmware::Description& description() const;
    const BootConfig& config() const;
    DriverCore& drivers();
    IommuCore& iommu();
    OfCore& of();
    PciCore& pci();
    /// The device of this Linux name, or nullptr.
    Device* find_device(std::string_view name) const;
    const TrafficPlan* traffic_of(const Device& dev) const;
    bool finished() const;                    ///< initcalls and modules are through
    std::optional<SimTime> boot_end() const;  ///< when that was

    /// What stands at the moment; for oracles and reports, outside of tasks.
    std::vector<DeviceResult> devices() const;
    std::vector<GroupResult> groups() const;
    std::vector<IommuResult> iommus() const;

    /// The parts, for drivers of this room.
    BootState& state() const { return *state_; }

private:
    std::unique_ptr<BootState> state_;
};

}  // namespace xlate::kernel
