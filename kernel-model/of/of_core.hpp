// The device tree as the kernel uses it: DMA set-up, IOMMU set-up, creation of platform devices.
// Linux drivers/of/device.c, drivers/of/iommu.c, drivers/of/platform.c. Source: kernel-probe.md 2.3, 4.1, 10.2, 10.3.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernel-model/arch/arch_dma.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

class PciCore;
class PciDevice;

/// One per kernel. Functions run on a task; device_lock of `dev` is expected but, as in the kernel, not checked.
class OfCore {
public:
    OfCore(Kernel& kernel, const firmware::Description& description, DriverCore& drivers, IommuCore& iommu);
    void set_pci(PciCore* pci) { pci_ = pci; }
    void pci_enable_acs(PciDevice& pdev) const;  ///< PciCore's

    /// ODC. `np`: the node that describes the device's DMA (its own, or its host bridge's). 0, -EPROBE_DEFER, or the
    /// error of an unusable dma-ranges.
    int of_dma_configure_id(Device& dev, std::optional<firmware::NodeIndex> np, bool force_dma,
                            std::optional<std::uint32_t> id = std::nullopt);

    /// OIC. `ops`: the driver, for kernels that hand it on; nullptr otherwise or if there is none.
    /// 0: behind an IOMMU; -ENODEV: not; -EPROBE_DEFER; other errors only with `of_errors_surface`.
    int of_iommu_configure(Device& dev, std::optional<firmware::NodeIndex> master, std::optional<std::uint32_t> id,
                           IommuOps*& ops);

    /// ADC: the same for a device whose firmware is ACPI. `companion`: its own node, or its root complex'.
    int acpi_dma_configure_id(Device& dev, std::optional<firmware::NodeIndex> companion);
    /// What the bus types call: by the origin of the firmware.
    int dma_configure(Device& dev, std::optional<firmware::NodeIndex> node) {
        if (description_.origin == firmware::Description::Origin::acpi) return acpi_dma_configure_id(dev, node);
        return node ? of_dma_configure_id(dev, node, true) : 0;
    }

    /// of_platform_default_populate: creates platform and AMBA devices for the tree, in tree order.
    void of_platform_default_populate(BusType& platform, BusType& amba);
    /// of_platform_populate of one node's children (glue drivers do that when they probe). `through_plain_nodes`: also
    /// of the children of children without `compatible`, which in Linux some other bus would make.
    void of_platform_populate(Device& parent, bool through_plain_nodes = false);

    /// What the last parse of this device's entries ended with, if an IOMMU's driver refused one of them; else 0.
    int refusal_of(const std::string& device) const {
        const auto found = refusals_.find(device);
        return found == refusals_.end() ? 0 : found->second;
    }

    const firmware::Description& description() const { return description_; }
    ArchDma& arch() { return arch_; }
    const ArchDma& arch() const { return arch_; }

private:
    struct Parse;  ///< what a parse writes to
    bool all_instances_ready(firmware::NodeIndex master);
    int parse_master(Device& dev, firmware::NodeIndex master, std::optional<std::uint32_t> id, Parse& parse);
    int parse_iommus(Device& dev, firmware::NodeIndex master, Parse& parse);
    void of_pci_check_device_ats(Device& dev, firmware::NodeIndex host);
    int parse_map(Device& dev, firmware::NodeIndex master, std::uint32_t id, Parse& parse);
    void say_of_map(firmware::NodeIndex master, bool by_cells, bool malformed);
    int of_iommu_xlate(Device& dev, std::optional<firmware::NodeIndex> np, const std::vector<std::uint32_t>& args,
                       Parse& parse);
    int xlate_entry(Device& dev, firmware::NodeIndex np, const std::vector<std::uint32_t>& args, Parse& parse);
    /// Notes what came of an entry, and hands it on.
    int answered(const Device& dev, int err);
    int xlate_base(Device& dev, std::optional<firmware::NodeIndex> np, const OfPhandleArgs& args);
    int xlate_6_11(Device& dev, std::optional<firmware::NodeIndex> np, const OfPhandleArgs& args);
    int configure_base(Device& dev, std::optional<firmware::NodeIndex> master, std::optional<std::uint32_t> id,
                       IommuOps*& ops);
    int configure_series(Device& dev, std::optional<firmware::NodeIndex> master, std::optional<std::uint32_t> id);
    int configure_6_11(Device& dev, std::optional<firmware::NodeIndex> master, std::optional<std::uint32_t> id);
    /// "no IOMMU": 1 until patch 3, then -ENODEV.
    int no_iommu() const { return variant_.has(Cap::of_errors_surface) ? -kENODEV : 1; }
    int acpi_iommu_configure_id(Device& dev, std::optional<firmware::NodeIndex> companion, IommuOps*& ops);
    int acpi_configure_series(Device& dev, std::optional<firmware::NodeIndex> companion);
    int iort_iommu_configure_id(Device& dev, std::optional<firmware::NodeIndex> companion, Ptr<IommuFwspec> fwspec);
    int viot_iommu_configure(Device& dev, std::optional<firmware::NodeIndex> companion, Ptr<IommuFwspec> fwspec);
    int acpi_iommu_xlate(Device& dev, firmware::NodeIndex provider, std::uint32_t id, Ptr<IommuFwspec> fwspec,
                         const char* step);
    void create(firmware::NodeIndex node, Ptr<Device> parent, bool recurse, bool through_plain_nodes = false);

    Kernel& k_;
    const Variant& variant_;
    const firmware::Description& description_;
    DriverCore& drivers_;
    IommuCore& iommu_;
    ArchDma arch_;
    PciCore* pci_ = nullptr;
    BusType* platform_ = nullptr;
    BusType* amba_ = nullptr;
    std::vector<bool> populated_;          ///< OF_POPULATED, by node
    std::map<std::string, int> refusals_;  ///< by device: errors of of_xlate
    bool said_mismatch_ = false;           ///< a warning of which a boot has one
};

}  // namespace xlate::kernel
