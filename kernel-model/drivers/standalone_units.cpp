#include "kernel-model/drivers/standalone_parts.hpp"

#include <string>
#include <utility>

#include "kernel-model/drivers/amd/amd_iommu_ops.hpp"
#include "kernel-model/drivers/intel/intel_iommu.hpp"

namespace xlate::kernel {

namespace {

/// Stands for the devices that the scenario makes of the units: the first that is bound runs the initcall.
template <class Initcall>
class UnitsDriver final : public Driver {
public:
    UnitsDriver(std::unique_ptr<Initcall> driver, IommuCore& core, BusType& platform, std::string compatible)
        : Driver(driver->name, platform), driver_(std::move(driver)), core_(core), compatible_(std::move(compatible)) {}

    bool match(const Device& device) const override {
        return device.of_node && core_.description.node(*device.of_node).is_compatible(compatible_);
    }
    int probe(Device& /*dev*/) override {
        if (std::exchange(ran_, true)) return 0;
        return driver_->init();
    }
    void remove(Device& /*dev*/) override {}
    IommuOps& ops() { return driver_->ops(); }

private:
    std::unique_ptr<Initcall> driver_;
    IommuCore& core_;
    const std::string compatible_;
    bool ran_ = false;
};

template <class Initcall>
StandaloneDriver units(std::unique_ptr<Initcall> initcall, const StandaloneParts& parts, const char* compatible) {
    auto driver = std::make_unique<UnitsDriver<Initcall>>(std::move(initcall), parts.core, parts.platform, compatible);
    IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

/// Interrupt remapping stays off: its table of a mebibyte would be copied for every schedule.
KernelParameters::X86 parameters() {
    KernelParameters::X86 x86;
    x86.intremap = false;
    return x86;
}

}  // namespace

StandaloneDriver make_standalone_intel(const StandaloneParts& parts) {
    return units(std::make_unique<IntelIommuDriver>(
                     IntelIommuParts{parts.core, parts.platform, parts.platform, parts.pages, parts.mistakes,
                                     parameters(), parts.core.parameters.not_built, parts.pci_device_group}),
                 parts, "intel,vt-d");
}

StandaloneDriver make_standalone_amd(const StandaloneParts& parts) {
    return units(
        std::make_unique<AmdIommuDriver>(AmdIommuParts{
            parts.core, parts.platform, parts.pages, parts.mistakes, parameters(), parts.pci_device_group, {}}),
        parts, "amd,iommu");
}

}  // namespace xlate::kernel
