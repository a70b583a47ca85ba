// The Linux driver of Qualcomm's msm-iommu, versions 1 and 2: binds to its nodes, makes a device of each context bank
// and binds to those too, and is the IOMMU core's driver for the masters behind. Function names are Linux's.
// Source: docs/spec/kernel-probe.md section 5.2, row qcom; docs/spec/linux-findings.md 31a.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/qcom/qcom_iommu_domain.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// Linux qcom_iommu_ops. One for all instances.
class QcomIommuOps final : public IommuOps {
public:
    QcomIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    bool capable_deferred_flush() const override { return false; }

private:
    IommuCore& core_;
    BusType& platform_;
    PageAllocator& pages_;
    Ptr<IommuDomain> identity_;
};

/// The platform driver of context banks.
class QcomIommuCtxDriver final : public Driver {
public:
    QcomIommuCtxDriver(IommuCore& core, BusType& platform);
    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

private:
    IommuCore& core_;
};

/// The platform driver of IOMMUs. `populate`: makes devices of a device's child nodes (devm_of_platform_populate).
class QcomIommuDriver final : public Driver {
public:
    QcomIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                    std::function<void(Device&)> populate);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

    QcomIommuOps& ops() { return ops_; }

private:
    int qcom_iommu_device_probe(Device& dev, QcomIommuDev& iommu, const firmware::Node& node);

    IommuCore& core_;
    RuntimePm& power_;
    const Mistakes mistakes_;
    std::function<void(Device&)> populate_;
    QcomIommuOps ops_;
    QcomIommuCtxDriver ctx_driver_;
    bool ctx_registered_ = false;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_qcom_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
