// One M4U as Linux's mtk-iommu drives it: start of a bank, flushes, interrupt, runtime power management.
// Function names are Linux's. Source: docs/spec/iommu-hardware.md section 16.3, docs/spec/linux-findings.md 39 to 42,
// second part 35 and 36 (register logs of 6.12.107); docs/spec/kernel-probe.md section 5.2, row mediatek.
// Not modelled: clocks beyond their names, system sleep, the secure world.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mediatek/mtk_platform.hpp"
#include "kernel-model/drivers/mediatek/mtk_smi.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/mediatek_format.hpp"

namespace xlate::kernel {

class MtkIommuDomain;
class MtkIommu;

/// Tables that every domain of one list of M4Us shares. Linux never frees them.
struct MtkTables final : public TlbFlush {
    MtkTables(TableMemory& memory, const MediatekFormat& format) : pgtable(memory, *this, format) {}
    void tlb_flush_walk(std::uint64_t, std::uint64_t, std::uint64_t) override {}
    void tlb_sync_gather(const IotlbGather&) override {}
    MediatekPgtable pgtable;
};

/// Memory for tables that the words of the format can name.
class MtkTableMemory final : public TableMemory {
public:
    MtkTableMemory(TableMemory& memory, unsigned address_bits) : memory_(memory), bits_(address_bits) {}
    std::optional<PhysAddr> alloc_table(std::uint64_t bytes) override;
    void free_table(PhysAddr table, std::uint64_t bytes) override { memory_.free_table(table, bytes); }
    void store(PhysAddr at, const std::uint64_t* words, std::size_t count, unsigned word_bytes) override {
        memory_.store(at, words, count, word_bytes);
    }
    void relax() override { memory_.relax(); }

private:
    TableMemory& memory_;
    unsigned bits_;
};

/// Linux struct mtk_iommu_bank_data.
struct MtkBank {
    MtkBank(Kernel& the_kernel, const std::string& device, MtkIommu& the_data, unsigned number)
        : parent_data(the_data),
          id(number),
          tlb_lock(the_kernel, "bank->tlb_lock"),
          irq(the_kernel, "irq/" + device, 0) {}
    MtkIommu& parent_data;
    const unsigned id;
    SpinLock tlb_lock;
    IrqThread irq;
    bool irq_requested = false;
    Ptr<MtkIommuDomain> m4u_dom;  ///< under the M4U's mutex
};

/// Linux struct mtk_iommu_data. Task side only.
class MtkIommu final : public HeapObject {
public:
    MtkIommu(Kernel& the_kernel, IommuCore& the_core, Device& the_dev, RuntimePm& the_power,
             const MtkPlatform& the_platform, const Mistakes& the_mistakes);

    IommuCore& core;
    Device& dev;
    RuntimePm& power;
    const MtkPlatform& platform;
    const Mistakes mistakes;
    const std::string prefix;  ///< "mtk-iommu 10205000.iommu"
    PhysAddr regs{};
    std::uint64_t protect_base = 0;
    bool enable_4gb = false;
    std::optional<PhysAddr> pericfg;
    Device* smicomm_dev = nullptr;
    Ptr<IommuDevice> iommu;
    std::array<MtkLarbIommu, 32> larb_imu{};
    std::vector<std::unique_ptr<MtkBank>> banks;
    std::vector<MtkIommu*>* hw_list = nullptr;  ///< M4Us with the same tables, this one among them
    Mutex mutex;                                ///< m4u_group, m4u_dom, share_dom
    std::vector<Ptr<IommuGroup>> m4u_group;     ///< by region or bank; no reference, never forgotten (F16)
    Ptr<MtkIommuDomain> share_dom;

    /// The first of hw_list; before there is one, it follows a null pointer as Linux does.
    MtkIommu& frst_data(const char* step) const;
    std::vector<std::uint32_t> ids_of(Device& client, const char* step) const;
    unsigned bank_id(const std::vector<std::uint32_t>& ids) const;
    /// -EINVAL: no region has all of these ports.
    int iova_region_id(Device& client, const std::vector<std::uint32_t>& ids) const;
    int mtk_iommu_config(Device& client, bool enable, unsigned region);
    int mtk_iommu_hw_init(unsigned bank);
    void write_pt_base(unsigned bank, std::uint64_t root);
    void mtk_iommu_tlb_flush_all();
    /// Of every M4U of the list that is in use.
    void mtk_iommu_tlb_flush_range_sync(std::uint64_t iova, std::uint64_t size, unsigned bank);
    /// Flushes reach it now.
    bool awake() const { return platform.always_on || power.in_use(dev); }

    int mtk_iommu_runtime_resume();
    void mtk_iommu_runtime_suspend();

    void visit_pointers(PointerVisitor& visitor) const override;

private:
    struct SuspendReg {
        std::uint32_t wr_len_ctrl = 0, misc_ctrl = 0, dcm_dis = 0, ctrl_reg = 0, vld_pa_rng = 0;
        std::array<std::uint32_t, iommu::mediatek::kBanksMax> int_control{}, int_main_control{}, ivrp_paddr{};
    };
    std::uint32_t read(unsigned bank, std::uint32_t offset);
    void write(unsigned bank, std::uint32_t offset, std::uint32_t value);
    bool bank_used(unsigned bank) const { return (platform.soc->banks_used >> bank & 1) != 0; }
    int request_irq(MtkBank& bank);
    void mtk_iommu_isr(MtkBank& bank);

    SuspendReg reg_;
};

/// Linux struct mtk_iommu_domain, or the driver's one identity domain.
class MtkIommuDomain final : public IommuDomain {
public:
    MtkIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, PageAllocator& pages);

    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    std::uint64_t root() const { return tables_ ? tables_->pgtable.root() : 0; }

private:
    int finalise(MtkIommu& frstdata, unsigned region);
    int identity_attach(Device& dev, MtkIommu& data);

    IommuCore& core_;
    PageAllocator& pages_;
    Mutex mutex_;
    MtkBank* bank_ = nullptr;  ///< of the M4U that it was attached to first
    std::shared_ptr<MtkTables> tables_;
    std::shared_ptr<MtkTableMemory> memory_;
};

}  // namespace xlate::kernel
