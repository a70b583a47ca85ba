// The Linux drivers of MediaTek's SMI: the common that joins local arbiters (larbs), and the larbs, at which a master's
// port is switched to the M4U. A larb writes its switches each time it is resumed: a master whose driver never uses
// runtime PM is never switched over.
// Function names are Linux's. Not modelled: limits of outstanding requests per port (ostd), the secure world's copy of
// the switches (mt8188), clocks beyond their names.
// Source: Linux drivers/memory/mtk-smi.c; docs/spec/linux-findings.md 39, second part 7 (clocks), 36.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"

namespace xlate::kernel {

/// Linux struct mtk_smi_larb_iommu: what the M4U's driver wants of a larb. In the M4U's data; mmu by port.
struct MtkLarbIommu {
    Device* dev = nullptr;  ///< null: no such larb
    std::uint32_t mmu = 0;
    std::array<std::uint8_t, 32> bank{};
};

/// Linux struct mtk_smi: a common or sub-common. driver_data of its device.
class MtkSmiCommon final : public HeapObject {
public:
    MtkSmiCommon(Kernel& the_kernel, Device& the_dev) : HeapObject(the_kernel, "mtk_smi"), dev(the_dev) {}
    Device& dev;
    PhysAddr base{};
    bool writes = false;  ///< generation 2: BUS_SEL and more at each resume
    std::uint32_t bus_sel = 0;
    int mtk_smi_common_resume();
};

/// Linux struct mtk_smi_larb. driver_data of its device.
class MtkSmiLarb final : public HeapObject {
public:
    MtkSmiLarb(Kernel& the_kernel, Device& the_dev) : HeapObject(the_kernel, "mtk_smi_larb"), dev(the_dev) {}
    Device& dev;
    PhysAddr base{};
    const MtkLarbIommu* mmu = nullptr;  ///< Linux mtk_smi_larb_bind(): the M4U's
    unsigned larbid = 0;
    MtkSmiCommon* common = nullptr;

    int mtk_smi_larb_resume();
    void mtk_smi_larb_suspend();

    enum class Config : std::uint8_t { gen1, mask_mt8167, mask_mt8173, general };
    Config config = Config::general;
    std::uint32_t direct_to_common = 0;  ///< larbs that are not switched, one bit each
    bool sleep_control = false;
    bool throttle_update = false;  ///< CMD_THRT_CON and SW_FLAG are written
};

/// Ids of mt2701's ports: where each larb's begin.
inline constexpr std::array<unsigned, 4> kMt2701PortOffsets{0, 11, 21, 44};

class MtkSmiCommonDriver final : public Driver {
public:
    MtkSmiCommonDriver(DriverCore& core, const firmware::Description& description, BusType& platform, RuntimePm& power);
    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

private:
    DriverCore& core_;
    const firmware::Description& description_;
    RuntimePm& power_;
};

class MtkSmiLarbDriver final : public Driver {
public:
    MtkSmiLarbDriver(DriverCore& core, const firmware::Description& description, BusType& platform, RuntimePm& power);
    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

private:
    DriverCore& core_;
    const firmware::Description& description_;
    RuntimePm& power_;
};

/// Their rows of iommu_drivers().
std::unique_ptr<Driver> make_mtk_smi_common(LinuxBoot& boot, const IommuDriverParts& parts);
std::unique_ptr<Driver> make_mtk_smi_larb(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
