// A domain of the IPMMU: long-descriptor tables of 32 bits, a context of a root, micro-TLBs that name it. The first
// device that is attached decides whose it is. Source: as ipmmu_vmsa_device.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kernel-model/drivers/ipmmu/ipmmu_vmsa_device.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/vmsav8_stage1.hpp"

namespace xlate::kernel {

/// Linux struct ipmmu_vmsa_domain, or the driver's one identity domain.
class IpmmuVmsaDomain final : public IommuDomain, public TlbFlush {
public:
    IpmmuVmsaDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory);

    unsigned context_id() const { return context_id_; }
    const std::string& device_prefix() const { return mmu_.get()->prefix; }

    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

    void tlb_flush_walk(std::uint64_t, std::uint64_t, std::uint64_t) override { ipmmu_tlb_flush_all(); }
    void tlb_sync_gather(const IotlbGather&) override {}

    void visit_pointers(PointerVisitor& visitor) const override {
        IommuDomain::visit_pointers(visitor);
        visitor.visit(mmu_.get());
        visitor.visit(first_device_.get());
    }

private:
    IpmmuVmsaDevice& root() const { return *mmu_.get()->root.get(); }
    int ipmmu_iommu_identity_attach(Device& dev);
    int ipmmu_domain_init_context();
    void ipmmu_domain_setup_context();
    void ipmmu_domain_destroy_context();
    void ipmmu_ctx_write_all(std::uint32_t reg, std::uint32_t value, bool cache_only = false);
    void ipmmu_utlb_enable(unsigned utlb);
    void ipmmu_utlb_disable(unsigned utlb);
    void ipmmu_tlb_invalidate();
    void ipmmu_tlb_sync();
    void ipmmu_tlb_flush_all();

    IommuCore& core_;
    TableMemory& memory_;
    Mutex mutex_;
    Ptr<IpmmuVmsaDevice> mmu_;
    Ptr<Device> first_device_;
    unsigned context_id_ = 0;
    std::unique_ptr<Stage1Pgtable> tables_;
};

}  // namespace xlate::kernel
