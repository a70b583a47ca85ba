// The Linux driver of Qualcomm's first IOMMU (msm_iommu): a device's ids get a context bank when it is attached; one
// device an instance. Function names are Linux's (of_xlate's is qcom_iommu_of_xlate there).
// Source: docs/spec/kernel-probe.md section 5.2, row msm; Linux drivers/iommu/msm_iommu.c, 6.1 to 6.12. Not modelled:
// clocks beyond their names; that a domain's tables are made anew and lost when it is attached a second time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/qcom/layout_msm.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/vmsav7_short.hpp"

namespace xlate::kernel {

class MsmIommuDomain;

/// Linux struct msm_iommu_ctx_dev: the ids of one device on one instance, and their bank.
class MsmIommuMaster final : public HeapObject {
public:
    MsmIommuMaster(Kernel& the_kernel, firmware::NodeIndex the_node)
        : HeapObject(the_kernel, "msm_iommu_ctx_dev"), of_node(the_node) {}
    const firmware::NodeIndex of_node;
    unsigned num = 0;
    std::vector<std::uint32_t> mids;
};

/// Linux struct msm_iommu_dev. driver_data of its device.
class MsmIommuDev final : public HeapObject {
public:
    MsmIommuDev(Kernel& the_kernel, Device& the_dev, const Mistakes& the_mistakes);

    Device& dev;
    const Mistakes mistakes;
    PhysAddr base{};
    unsigned ncb = 0;
    std::vector<bool> context_map;
    Ptr<MsmIommuMaster> master;  ///< Linux's ctx_list, which never has a second one; null: nobody's
    Ptr<IommuDevice> iommu;

    std::uint32_t get(std::uint32_t offset);
    void set(std::uint32_t offset, std::uint32_t value);
    std::uint32_t get_ctx(unsigned bank, std::uint32_t offset) { return get(bank * iommu::msm::kBankBytes + offset); }
    void set_ctx(unsigned bank, std::uint32_t offset, std::uint32_t value) {
        set(bank * iommu::msm::kBankBytes + offset, value);
    }
    /// Linux's SET_FIELD: reads, and writes the field anew.
    void set_field(std::uint32_t offset, const Field& field, std::uint32_t value);
    void set_ctx_field(unsigned bank, std::uint32_t offset, const Field& field, std::uint32_t value) {
        set_field(bank * iommu::msm::kBankBytes + offset, field, value);
    }

    void msm_iommu_reset();
    void reset_context(unsigned ctx);
    void config_mids(const MsmIommuMaster& of);
    void program_context(unsigned ctx, const Vmsav7Short::Registers& registers);
    /// The look-up's answer, as soon as the hardware has it.
    std::uint32_t v2p(unsigned ctx, std::uint64_t va);
    void request_irq(const firmware::Node& node);
    void visit_pointers(PointerVisitor& visitor) const override { visitor.visit(master.get()); }

private:
    void msm_iommu_fault_handler();
    void print_ctx_regs(unsigned ctx);
    IrqThread irq_;
};

class MsmIommuOps;

/// Linux struct msm_priv, or the driver's one identity domain.
class MsmIommuDomain final : public IommuDomain, public TlbFlush {
public:
    MsmIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, MsmIommuOps& ops, TableMemory& memory);

    int attach_dev(Device& dev) override;
    void detach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova, std::uint64_t) override {
    }  // Linux has none: the client's next register write is barrier enough
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

    void tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) override;
    void tlb_sync_gather(const IotlbGather& gather) override;

private:
    int msm_iommu_identity_attach(Device& dev);
    void flush_iotlb_range(std::uint64_t iova, std::uint64_t size, std::uint64_t granule);

    IommuCore& core_;
    MsmIommuOps& ops_;
    TableMemory& memory_;
    SpinLock pgtlock_;
    std::unique_ptr<PgtableOf<Vmsav7Short>> tables_;
    std::vector<MsmIommuDev*> list_attached_;
};

/// Linux msm_iommu_ops, and the driver's list of instances.
class MsmIommuOps final : public IommuOps {
public:
    MsmIommuOps(IommuCore& core, PageAllocator& pages);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device&) override {}
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    bool capable_deferred_flush() const override { return false; }

    SpinLock msm_iommu_lock;
    std::vector<MsmIommuDev*> qcom_iommu_devices;  ///< newest first, as list_add has it
    /// Whose (first) master this device is.
    static bool is_master(const MsmIommuDev& iommu, const Device& dev);

private:
    int insert_iommu_master(Device& dev, MsmIommuDev& iommu, std::uint32_t mid);

    IommuCore& core_;
    PageAllocator& pages_;
    Ptr<IommuDomain> identity_;
};

/// The platform driver.
class MsmIommuDriver final : public Driver {
public:
    MsmIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device&) override {}  // built in
    MsmIommuOps& ops() { return ops_; }

private:
    IommuCore& core_;
    const Mistakes mistakes_;
    MsmIommuOps ops_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_msm_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
