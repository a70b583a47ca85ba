// One Qualcomm msm-iommu as its driver sees it: the IOMMU's node, and a device for each of its context banks, made by
// the driver of the first and bound by a driver of their own. Function names are Linux's.
// Source: docs/spec/iommu-hardware.md section 16.5, docs/spec/linux-findings.md 31a and 37 (register logs of 6.12.107);
// Linux drivers/iommu/arm/arm-smmu/qcom_iommu.c. Not modelled: clocks; the secure world's answers (it always says yes).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

class QcomIommuDomain;

/// Linux struct qcom_iommu_ctx. qcom_iommu_fault is called by IrqThread.
class QcomIommuCtx final : public HeapObject {
public:
    QcomIommuCtx(Kernel& the_kernel, Device& the_dev);

    Device& dev;
    const std::string prefix;  ///< "qcom-iommu-ctx 1e21000.iommu-ctx"
    PhysAddr base{};
    bool secure_init = false;  ///< the secure world was asked to restore it
    bool secured_ctx = false;  ///< of version 2: registers are the secure world's
    std::uint32_t asid = 0;

    std::uint32_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);
    void writeq(std::uint32_t offset, std::uint64_t value);
    void request_irq(const firmware::Node& node);

private:
    void qcom_iommu_fault();
    IrqThread irq_;
};

/// Linux struct qcom_iommu_dev.
class QcomIommuDev final : public HeapObject {
public:
    QcomIommuDev(Kernel& the_kernel, Device& the_dev, RuntimePm& the_power, const Mistakes& the_mistakes);

    Device& dev;
    RuntimePm& power;
    const Mistakes mistakes;
    const std::string prefix;  ///< "qcom-iommu 1e20000.iommu"
    Ptr<IommuDevice> iommu;
    std::optional<PhysAddr> local_base;
    std::uint32_t sec_id = 0;
    std::uint32_t max_asid = 0;
    std::map<std::uint32_t, Ptr<QcomIommuCtx>> ctxs;  ///< by ASID

    /// nullptr: there is none of that number.
    QcomIommuCtx* ctx(std::uint32_t asid) const;

    void visit_pointers(PointerVisitor& visitor) const override {
        for (const auto& one : ctxs) visitor.visit(one.second.get());
    }
};

/// Linux get_asid(). 6.1 knows no qcom,ctx-asid.
std::optional<std::uint32_t> qcom_get_asid(const firmware::Node& context, unsigned release);

}  // namespace xlate::kernel
