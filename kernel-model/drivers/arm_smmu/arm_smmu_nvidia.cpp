// NVIDIA's SMMUs: two or three MMU-500 that interleave, programmed as one; Tegra194's and Tegra234's walk caches miss
// invalidations of large pages, so that there are none.
// Source: docs/spec/linux-findings.md, NVIDIA and Marvell SMMU-500, facts 15 and 16; Linux drivers/iommu/arm/arm-smmu/
// arm-smmu-nvidia.c. Not modelled: stream id overrides of the memory controller.
#include "base/bits.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_impl.hpp"

namespace xlate::kernel::arm_smmu {

namespace gr0 = iommu::smmuv2::gr0;

namespace {

constexpr unsigned kFilesMax = 2;

/// One register file.
class NvidiaSingleImpl : public ArmSmmuImpl {
public:
    void init_context(ArmSmmuDevice& device, ContextConfig&, PgtableRequest& request, Device&) override {
        const firmware::Node& node = device.node;
        if (!node.is_compatible("nvidia,tegra234-smmu") && !node.is_compatible("nvidia,tegra194-smmu")) return;
        device.pgsize_bitmap &= low_mask(13);  // PAGE_SIZE and less
        request.pgsize_bitmap = device.pgsize_bitmap;
    }
};

/// Several: reads from the first, writes to all.
class NvidiaImpl final : public NvidiaSingleImpl {
public:
    void write_reg(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset, std::uint32_t value) override {
        for (unsigned file = 0; file < device.files(); ++file) {
            device.machine().mmio_write(device.at(page, offset, file), 4, value);
        }
    }
    void write_reg64(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset, std::uint64_t value) override {
        for (unsigned file = 0; file < device.files(); ++file) {
            device.machine().mmio_write(device.at(page, offset, file), 8, value);
        }
    }
    void reset(ArmSmmuDevice& device) override {
        for (unsigned file = 0; file < device.files(); ++file) {
            const PhysAddr status = device.at(0, gr0::sGFSR, file);
            device.machine().mmio_write(status, 4, device.machine().mmio_read(status, 4));
        }
    }
    std::uint32_t sync_operand() const override { return 0; }
    std::uint32_t sync_status(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset) override {
        std::uint64_t status = 0;
        for (unsigned file = 0; file < device.files(); ++file) {
            status |= device.machine().mmio_read(device.at(page, offset, file), 4);
        }
        return static_cast<std::uint32_t>(status);
    }
    unsigned fault_files(const ArmSmmuDevice& device) const override { return device.files(); }
};

/// The memory controller that `nvidia,memory-controller` names. 0, -ENOENT (none named), -ENODEV, -EPROBE_DEFER.
int find_memory_controller(const ArmSmmuDevice& device, DriverCore& drivers) {
    const auto phandle = device.node.u32("nvidia,memory-controller");
    if (!phandle) return -kENOENT;
    const auto node = device.firmware.find_phandle(*phandle);
    if (!node) return -kENOENT;
    for (BusType* const bus : drivers.buses()) {
        const Device* const controller = drivers.bus_find_device_by_fwnode(*bus, node, "NV1");
        if (controller == nullptr) continue;
        return controller->bound.read_once("NV2") ? 0 : -kEPROBE_DEFER;
    }
    return -kENODEV;
}

}  // namespace

int nvidia_smmu_impl_init(ArmSmmuDevice& device, DriverCore& drivers) {
    if (const int err = find_memory_controller(device, drivers); err != 0) return err;
    for (std::size_t i = 1; i < std::min<std::size_t>(kFilesMax, device.node.regs.size()); ++i) {
        if (const auto file = device.node.regs[i].cpu_address) device.add_file(PhysAddr{*file});
    }
    if (device.files() == 1) {
        device.impl = std::make_unique<NvidiaSingleImpl>();
    } else {
        device.impl = std::make_unique<NvidiaImpl>();
    }
    return 0;
}

}  // namespace xlate::kernel::arm_smmu
