#include "kernel-model/drivers/omap/omap_iommu.hpp"

#include "base/bits.hpp"
#include "kernel-model/drivers/omap/omap_iommu_domain.hpp"

namespace xlate::kernel {

namespace om = iommu::omap;
namespace reg = iommu::omap::reg;

OmapIommu::OmapIommu(Kernel& the_kernel, Device& the_dev, RuntimePm& the_power, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "omap_iommu"),
      dev(the_dev),
      power(the_power),
      mistakes(the_mistakes),
      prefix("omap-iommu " + the_dev.name),
      domain(*this, "obj->domain"),
      iommu_lock(the_kernel, "obj->iommu_lock"),
      page_table_lock(the_kernel, "obj->page_table_lock"),
      irq_(the_kernel, "irq/" + the_dev.name, 0) {}

std::uint32_t OmapIommu::iommu_read_reg(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(regbase + offset, 4));
}
void OmapIommu::iommu_write_reg(std::uint32_t value, std::uint32_t offset) {
    kernel().machine.mmio_write(regbase + offset, 4, value);
}

// Linux regmap_update_bits(): the register is written only if a bit changes.
void OmapIommu::dra7_cfg_dspsys_mmu(bool enable) {
    if (!syscfg) return;
    Machine& machine = kernel().machine;
    const std::uint64_t mask = std::uint64_t{1} << (id * om::dsp::kEnableStride);
    const std::uint64_t was = machine.mmio_read(*syscfg + om::dsp::MMU_CONFIG, 4);
    const std::uint64_t now = enable ? was | mask : was & ~mask;
    if (now != was) machine.mmio_write(*syscfg + om::dsp::MMU_CONFIG, 4, now);
}

// Linux __iommu_set_twl(obj, true).
void OmapIommu::iommu_set_twl() {
    const std::uint32_t control = iommu_read_reg(reg::CNTL);
    iommu_write_reg(om::interrupt::kWalker, reg::IRQENABLE);
    iommu_write_reg(
        static_cast<std::uint32_t>((control & ~om::cntl::kAll) | om::cntl::MMU_EN.of(1) | om::cntl::TWL_EN.of(1)),
        reg::CNTL);
}

int OmapIommu::omap2_iommu_enable() {
    Frame frame{kernel(), "omap2_iommu_enable"};
    if (iopgd_ == nullptr) return -kEINVAL;
    const std::uint32_t revision = iommu_read_reg(reg::REVISION);
    kernel().console.info(prefix, "{}: version {}.{}", dev.name, revision >> 4 & 0xF, revision & 0xF);
    iommu_write_reg(static_cast<std::uint32_t>(iopgd_->iopgd()), reg::TTB);
    dra7_cfg_dspsys_mmu(true);
    if (has_bus_err_back) iommu_write_reg(static_cast<std::uint32_t>(om::gp::BUS_ERR_BACK_EN.of(1)), reg::GP_REG);
    iommu_set_twl();
    return 0;
}

void OmapIommu::omap2_iommu_disable() {
    Frame frame{kernel(), "omap2_iommu_disable"};
    iommu_write_reg(iommu_read_reg(reg::CNTL) & ~om::cntl::kAll, reg::CNTL);
    dra7_cfg_dspsys_mmu(false);
}

// A suspended IOMMU has tables only while it is attached: the entries that were locked come back, the others are gone.
int OmapIommu::runtime_resume() {
    Frame frame{kernel(), "omap_iommu_runtime_resume"};
    if (domain.peek() != nullptr) restore_tlb_entries();
    return omap2_iommu_enable();
}
void OmapIommu::runtime_suspend() {
    Frame frame{kernel(), "omap_iommu_runtime_suspend"};
    if (domain.peek() != nullptr && iopgd_ != nullptr) save_tlb_entries();
    omap2_iommu_disable();
}

void OmapIommu::iotlb_lock_set(unsigned base, unsigned vict) {
    iommu_write_reg(static_cast<std::uint32_t>(om::lock::BASE.of(base) | om::lock::VICT.of(vict)), reg::LOCK);
}

// Linux __iotlb_read_cr(): the victim is moved to the entry, and stays there.
OmapIommu::CrRegs OmapIommu::iotlb_read_cr(unsigned at) {
    const std::uint32_t lock = iommu_read_reg(reg::LOCK);
    iotlb_lock_set(static_cast<unsigned>(om::lock::BASE.get(lock)), at);
    CrRegs cr;
    cr.cam = iommu_read_reg(reg::READ_CAM);
    cr.ram = iommu_read_reg(reg::READ_RAM);
    return cr;
}

void OmapIommu::iotlb_load_cr(const CrRegs& cr) {
    iommu_write_reg(static_cast<std::uint32_t>(om::cam::V.set(cr.cam, 1)), reg::CAM);
    iommu_write_reg(cr.ram, reg::RAM);
    iommu_write_reg(1, reg::FLUSH_ENTRY);
    iommu_write_reg(1, reg::LD_TLB);
}

// The first entry that covers the address goes.
void OmapIommu::flush_iotlb_page(std::uint32_t da) {
    Frame frame{kernel(), "flush_iotlb_page"};
    power.get_sync(dev);
    for (unsigned i = 0; i < nr_tlb_entries; ++i) {
        const CrRegs cr = iotlb_read_cr(i);
        if (!om::cam::V.test(cr.cam)) continue;
        const std::uint64_t start = om::cam::tag(cr.cam), bytes = std::uint64_t{1} << om::cam::log2_bytes(cr.cam);
        if (da < start || da >= start + bytes) continue;
        iotlb_load_cr(cr);
        iommu_write_reg(1, reg::FLUSH_ENTRY);
        break;
    }
    power.put(dev);
}

void OmapIommu::flush_iotlb_all() {
    Frame frame{kernel(), "flush_iotlb_all"};
    power.get_sync(dev);
    iotlb_lock_set(0, 0);
    iommu_write_reg(1, reg::GFLUSH);
    power.put(dev);
}

void OmapIommu::save_tlb_entries() {
    cr_ctx_.clear();
    const auto locked = om::lock::BASE.get(iommu_read_reg(reg::LOCK));
    for (unsigned i = 0; i < locked; ++i) cr_ctx_.push_back(iotlb_read_cr(i));
}
void OmapIommu::restore_tlb_entries() {
    if (cr_ctx_.empty()) return;
    unsigned at = 0;
    for (const CrRegs& cr : cr_ctx_) {
        iotlb_lock_set(0, at++);
        iotlb_load_cr(cr);
    }
    iotlb_lock_set(at, at);
}

int OmapIommu::omap_iommu_attach(Iopgtable& tables) {
    Frame frame{kernel(), "omap_iommu_attach"};
    iommu_lock.lock("OMA1");
    iopgd_ = &tables;
    const int err = power.get_sync(dev);  // resumes: omap2_iommu_enable()
    if (err == 0 && !mistakes.has(Mistake::attach_without_zap)) flush_iotlb_all();
    if (err != 0) {
        power.put(dev);
        iopgd_ = nullptr;
    }
    iommu_lock.unlock("OMA2");
    return err;
}

void OmapIommu::omap_iommu_detach() {
    Frame frame{kernel(), "omap_iommu_detach"};
    iommu_lock.lock("OMD1");
    iopgd_ = nullptr;
    power.put(dev);
    iommu_lock.unlock("OMD2");
}

int OmapIommu::omap_iopgtable_store_entry(std::uint32_t da, std::uint32_t pa, std::uint64_t pgsize) {
    Frame frame{kernel(), "omap_iopgtable_store_entry"};
    flush_iotlb_page(da);
    page_table_lock.lock("OMS1");
    const int err = iopgd_->iopgtable_store_entry_core(da, pa, pgsize);
    page_table_lock.unlock("OMS2");
    return err;
}

std::uint64_t OmapIommu::iopgtable_clear_entry(std::uint32_t da) {
    Frame frame{kernel(), "iopgtable_clear_entry"};
    page_table_lock.lock("OMC1");
    if (mistakes.has(Mistake::zap_before_clear)) flush_iotlb_page(da);
    const std::uint64_t bytes = iopgd_->iopgtable_clear_entry_core(da);
    if (!mistakes.has(Mistake::unmap_without_tlbi) && !mistakes.has(Mistake::zap_before_clear)) flush_iotlb_page(da);
    page_table_lock.unlock("OMC2");
    return bytes;
}

void OmapIommu::iopgtable_clear_entry_all() {
    Frame frame{kernel(), "iopgtable_clear_entry_all"};
    page_table_lock.lock("OMC3");
    iopgd_->iopgtable_clear_entry_all();
    flush_iotlb_all();
    page_table_lock.unlock("OMC4");
}

void OmapIommu::request_irq(const firmware::Node& node) {
    kernel().machine.connect_interrupt(*dev.of_node, node.interrupts.front().name,
                                       irq_.entry([this] { iommu_fault_handler(); }));
}

// With no handler of the domain's owner the first fault switches interrupts off, and what has stalled stays so.
// Linux prints where the words are as hashed pointers; here are their addresses.
void OmapIommu::iommu_fault_handler() {
    Frame frame{kernel(), "iommu_fault_handler"};
    const OmapIommuDomain* const attached = domain.peek();
    if (attached == nullptr || !attached->attached()) return;
    const std::uint32_t errs = iommu_read_reg(reg::IRQSTATUS) & om::interrupt::kAll;
    if (errs == 0) return;
    const std::uint32_t da = iommu_read_reg(reg::FAULT_AD);
    iommu_write_reg(errs, reg::IRQSTATUS);
    iommu_write_reg(0, reg::IRQENABLE);
    if (iopgd_ == nullptr) return;
    Console& console = kernel().console;
    const auto pte = iopgd_->pte(da);
    if (!pte) {
        console.err(prefix, "{}: errs:{:#010x} da:{:#010x} pgd:{:#x} *pgd:px{:08x}", dev.name, errs, da,
                    iopgd_->iopgd_offset(da), iopgd_->pgd(da));
        return;
    }
    console.err(prefix, "{}: errs:{:#010x} da:{:#010x} pgd:{:#x} *pgd:{:#010x} pte:{:#x} *pte:{:#010x}", dev.name, errs,
                da, iopgd_->iopgd_offset(da), iopgd_->pgd(da), iopgd_->iopte_offset(da), *pte);
}

}  // namespace xlate::kernel
