// A domain of Qualcomm's msm-iommu: long-descriptor tables of 32 bits, in every bank that its first device names.
// Source: as qcom_iommu_device.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "kernel-model/drivers/qcom/qcom_iommu_device.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/vmsav8_stage1.hpp"

namespace xlate::kernel {

/// Linux struct qcom_iommu_domain, or the driver's one identity domain.
class QcomIommuDomain final : public IommuDomain, public TlbFlush {
public:
    QcomIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory);

    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

    void tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) override;
    void tlb_sync_gather(const IotlbGather& gather) override;

    void visit_pointers(PointerVisitor& visitor) const override {
        IommuDomain::visit_pointers(visitor);
        visitor.visit(iommu_.get());
        visitor.visit(fwspec_.get());
        visitor.visit(first_device_.get());
    }

private:
    int qcom_iommu_identity_attach(Device& dev);
    int qcom_iommu_init_domain(const Ptr<QcomIommuDev>& iommu, Device& dev);
    void program(QcomIommuCtx& ctx);
    void qcom_iommu_tlb_sync();
    void annotate_other_banks(Iova iova, std::uint64_t size);
    void qcom_iommu_tlb_inv_range_nosync(std::uint64_t iova, std::uint64_t size, std::uint64_t granule, bool leaf);

    template <typename Body>
    void for_each_ctx(Body body);

    IommuCore& core_;
    TableMemory& memory_;
    Mutex init_mutex_;
    SpinLock pgtbl_lock_;
    Ptr<QcomIommuDev> iommu_;
    Ptr<IommuFwspec> fwspec_;  ///< the first device's: its ids are the banks
    Ptr<Device> first_device_;
    std::unique_ptr<Stage1Pgtable> tables_;
};

}  // namespace xlate::kernel
