#include "explore/scenario/real_x86.hpp"

#include <string>
#include <utility>

#include "iommu/amd/iommu.hpp"
#include "iommu/intel/vtd.hpp"
#include "kernel-model/drivers/amd/amd_iommu_ops.hpp"
#include "kernel-model/drivers/intel/intel_iommu.hpp"

namespace xlate::explore {

namespace {

/// Stands for the devices that the scenario makes of the units: the first that is bound runs the initcall.
template <class Initcall>
class UnitsDriver final : public kernel::Driver {
public:
    UnitsDriver(std::unique_ptr<Initcall> driver, kernel::IommuCore& core, kernel::BusType& platform,
                std::string compatible)
        : Driver(driver->name, platform), driver_(std::move(driver)), core_(core), compatible_(std::move(compatible)) {}

    bool match(const kernel::Device& device) const override {
        return device.of_node && core_.description.node(*device.of_node).is_compatible(compatible_);
    }
    int probe(kernel::Device& /*dev*/) override {
        if (std::exchange(ran_, true)) return 0;
        return driver_->init();
    }
    void remove(kernel::Device& /*dev*/) override {}
    kernel::IommuOps& ops() { return driver_->ops(); }

private:
    std::unique_ptr<Initcall> driver_;
    kernel::IommuCore& core_;
    const std::string compatible_;
    bool ran_ = false;
};

template <class Initcall>
RealDriver units(std::unique_ptr<Initcall> initcall, const RealDriverParts& parts, const char* compatible) {
    auto driver = std::make_unique<UnitsDriver<Initcall>>(std::move(initcall), parts.core, parts.platform, compatible);
    kernel::IommuOps* const ops = &driver->ops();
    return {std::move(driver), ops};
}

/// Interrupt remapping stays off: its table of a mebibyte would be copied for every schedule.
kernel::KernelParameters::X86 parameters() {
    kernel::KernelParameters::X86 x86;
    x86.intremap = false;
    return x86;
}

void make_small(iommu::CacheParams& cache) {
    cache.entries = 8;
    cache.ways = 0;
}

}  // namespace

RealDriver make_intel_driver(const RealDriverParts& parts) {
    return units(std::make_unique<kernel::IntelIommuDriver>(
                     kernel::IntelIommuParts{parts.core, parts.platform, parts.platform, parts.pages, parts.mistakes,
                                             parameters(), parts.core.parameters.not_built, parts.pci_device_group}),
                 parts, "intel,vt-d");
}

RealDriver make_amd_driver(const RealDriverParts& parts) {
    return units(
        std::make_unique<kernel::AmdIommuDriver>(kernel::AmdIommuParts{
            parts.core, parts.platform, parts.pages, parts.mistakes, parameters(), parts.pci_device_group, {}}),
        parts, "amd,iommu");
}

std::unique_ptr<iommu::Instance> make_vtd(const Scenario&, const IommuSpec&) {
    const iommu::vtd::Capabilities like = iommu::vtd::capabilities_by_name("server");
    iommu::vtd::VtdParams params;
    params.version = like.version;
    params.cap = like.cap;
    params.ecap = like.ecap;
    for (iommu::CacheParams* cache :
         {&params.context_cache, &params.pasid_cache, &params.interrupt_cache, &params.tlb, &params.nested_cache})
        make_small(*cache);
    for (iommu::CacheParams& cache : params.walk_s1) make_small(cache);
    for (iommu::CacheParams& cache : params.walk_s2) make_small(cache);
    return std::make_unique<iommu::vtd::Vtd>(params);
}

std::unique_ptr<iommu::Instance> make_amd_vi(const Scenario&, const IommuSpec&) {
    iommu::amd::AmdParams params;
    params.ext_feat = iommu::amd::ext_feat_by_name("qemu");
    for (iommu::CacheParams* cache : {&params.dte_cache, &params.irte_cache, &params.tlb}) make_small(*cache);
    for (iommu::CacheParams& cache : params.walk_host) make_small(cache);
    for (iommu::CacheParams& cache : params.walk_guest) make_small(cache);
    return std::make_unique<iommu::amd::Iommu>(params);
}

}  // namespace xlate::explore
