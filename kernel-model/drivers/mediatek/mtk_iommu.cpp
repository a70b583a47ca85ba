#include "kernel-model/drivers/mediatek/mtk_iommu.hpp"

#include "base/bits.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace mtk = iommu::mediatek;
namespace reg = iommu::mediatek::reg;

namespace {

constexpr std::uint64_t kCpeTimeoutUs = 1000;
constexpr unsigned kRelease64 = 604;

/// An interrupt controller of Arm takes shared interrupts that rise, or are high.
bool refused_by_gic(const firmware::Description& description, const firmware::Interrupt& interrupt) {
    if (!interrupt.controller || interrupt.cells.size() < 3 || interrupt.cells[0] != 0) return false;
    const firmware::Node& controller = description.node(*interrupt.controller);
    bool gic = false;
    for (const char* one :
         {"arm,gic-v3", "arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a9-gic", "arm,cortex-a7-gic"})
        gic = gic || controller.is_compatible(one);
    const std::uint32_t type = interrupt.cells[2] & 0xF;
    return gic && type != 0 && type != 1 && type != 4;
}

}  // namespace

std::optional<PhysAddr> MtkTableMemory::alloc_table(std::uint64_t bytes) {
    const std::optional<PhysAddr> table = memory_.alloc_table(bytes);
    if (table && (table->value + bytes - 1) >> bits_ != 0) {
        memory_.free_table(*table, bytes);
        return std::nullopt;
    }
    return table;
}

MtkIommu::MtkIommu(Kernel& the_kernel, IommuCore& the_core, Device& the_dev, RuntimePm& the_power,
                   const MtkPlatform& the_platform, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "mtk_iommu_data"),
      core(the_core),
      dev(the_dev),
      power(the_power),
      platform(the_platform),
      mistakes(the_mistakes),
      prefix("mtk-iommu " + the_dev.name),
      mutex(the_kernel, "data->mutex"),
      m4u_group(8) {
    for (unsigned i = 0; i < the_platform.soc->banks; ++i) {
        banks.push_back(std::make_unique<MtkBank>(the_kernel, the_dev.name, *this, i));
    }
}

void MtkIommu::visit_pointers(PointerVisitor& visitor) const {
    visitor.visit(iommu.get());
    visitor.visit(share_dom.get());
    for (const Ptr<IommuGroup> group : m4u_group) visitor.visit(group.get());
    for (const std::unique_ptr<MtkBank>& bank : banks) visitor.visit(bank->m4u_dom.get());
}

std::uint32_t MtkIommu::read(unsigned bank, std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(regs + bank * mtk::kBankBytes + offset, 4));
}
void MtkIommu::write(unsigned bank, std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(regs + bank * mtk::kBankBytes + offset, 4, value);
}
void MtkIommu::write_pt_base(unsigned bank, std::uint64_t root) { write(bank, reg::PT_BASE, mtk::pt_base(root)); }

// Of everything, always by bank 0.
void MtkIommu::mtk_iommu_tlb_flush_all() {
    Frame frame{kernel(), "mtk_iommu_tlb_flush_all"};
    SpinLock& lock = banks.front()->tlb_lock;
    lock.lock("MTA1");
    write(0, platform.soc->inv_sel, 3);
    write(0, reg::INVALIDATE, mtk::invalidate::kAll);
    lock.unlock("MTA2");
}

// What is suspended has nothing to forget: it flushes everything when it is resumed.
void MtkIommu::mtk_iommu_tlb_flush_range_sync(std::uint64_t iova, std::uint64_t size, unsigned bank) {
    Frame frame{kernel(), "mtk_iommu_tlb_flush_range_sync"};
    for (MtkIommu* const data : *hw_list) {
        if (!data->awake() || bank >= data->banks.size()) continue;
        SpinLock& lock = data->banks[bank]->tlb_lock;
        lock.lock("MTR1");
        data->write(bank, data->platform.soc->inv_sel, 3);
        data->write(bank, reg::INVLD_START, mtk::invld_word(iova));
        data->write(bank, reg::INVLD_END, mtk::invld_word(iova + size - 1));
        data->write(bank, reg::INVALIDATE, mtk::invalidate::kRange);
        Machine& machine = kernel().machine;
        const SimTime limit = machine.now() + us(kCpeTimeoutUs);
        bool done = true;
        while (data->read(bank, reg::CPE_DONE) == 0) {
            done = machine.now() <= limit;
            if (!done) break;
            machine.pass(us(10));
        }
        data->write(bank, reg::CPE_DONE, 0);
        lock.unlock("MTR2");
        if (!done) {
            kernel().console.warn(data->prefix, "Partial TLB flush timed out, falling back to full flush");
            data->mtk_iommu_tlb_flush_all();
        }
    }
}

// Settings of all banks stand in bank 0, and are written anew for each bank that starts.
int MtkIommu::mtk_iommu_hw_init(unsigned bank) {
    Frame frame{kernel(), "mtk_iommu_hw_init"};
    std::uint32_t value = mtk::ctrl::kPrefetchReplaceMt8173 | mtk::ctrl::kProtectMt8173;
    if (!platform.soc->ctrl_mt8173) value = read(0, reg::CTRL) | mtk::ctrl::kProtect;
    write(0, reg::CTRL, value);
    if (enable_4gb && platform.has_vld_pa_rng) {
        write(0, reg::VLD_PA_RNG,
              static_cast<std::uint32_t>(mtk::vld_pa_rng::START.of(4) | mtk::vld_pa_rng::END.of(7)));
    }
    write(0, reg::DCM_DIS, platform.dcm_disable ? mtk::dcm_dis::kDcm : 0);
    if (platform.write_throttle) {
        write(0, reg::WR_LEN_CTRL, read(0, reg::WR_LEN_CTRL) & ~mtk::wr_len_ctrl::kThrottleDisable);
    }
    value = 0;
    if (!platform.reset_axi) {
        value = read(0, reg::MISC_CTRL);
        if (!platform.std_axi_mode) value &= ~mtk::misc_ctrl::kStandardAxi;
        if (platform.out_order_write) value &= ~mtk::misc_ctrl::kInOrderWrite;
    }
    write(0, reg::MISC_CTRL, value);
    write(bank, reg::INT_CONTROL0, mtk::int_control::kEnableAll);
    write(bank, reg::INT_MAIN, mtk::int_main::kEnableAll);
    const auto low = static_cast<std::uint32_t>(protect_base);
    if (platform.soc->legacy_ivrp) {
        value = static_cast<std::uint32_t>(protect_base >> 1) | (enable_4gb ? 1U << 31 : 0);
    } else {
        value = low | static_cast<std::uint32_t>(protect_base >> 32);
    }
    write(bank, reg::IVRP_PADDR, value);
    return request_irq(*banks[bank]);
}

int MtkIommu::request_irq(MtkBank& bank) {
    if (bank.irq_requested) return 0;
    const firmware::Description& description = core.description;
    const firmware::Node& node = description.node(*dev.of_node);
    const std::size_t index = bank.id;
    if (index < node.interrupts.size() && refused_by_gic(description, node.interrupts[index])) {
        write(bank.id, reg::PT_BASE, 0);
        kernel().console.err(prefix, "Failed @ IRQ-{} Request", node.interrupts[index].cells[1]);
        return -kENODEV;
    }
    kernel().machine.connect_interrupt(*dev.of_node, std::to_string(index),
                                       bank.irq.entry([this, &bank] { mtk_iommu_isr(bank); }));
    bank.irq_requested = true;
    return 0;
}

void MtkIommu::mtk_iommu_isr(MtkBank& bank) {
    Frame frame{kernel(), "mtk_iommu_isr"};
    const mtk::Soc& soc = *platform.soc;
    const std::uint32_t state = read(bank.id, reg::FAULT_ST1);
    const bool first = (state & mtk::int_main::kMmu0) != 0;
    const std::uint32_t id = read(bank.id, first ? reg::MMU0_INT_ID : reg::MMU1_INT_ID);
    const std::uint32_t va = read(bank.id, first ? reg::MMU0_FAULT_VA : reg::MMU1_FAULT_VA);
    std::uint64_t pa = read(bank.id, first ? reg::MMU0_INVLD_PA : reg::MMU1_INVLD_PA);
    std::uint64_t iova = va;
    if (soc.input_bits > 32) iova = keep(va, 31, mtk::kPageBits) | mtk::fault_va::VA34_32.get(va) << 32;
    pa |= mtk::fault_va::PA34_32.get(va) << 32;
    unsigned port = 0, larb = mtk::kNoLarb;
    if (platform.is_mm()) {
        port = id >> 2 & 0x1F;
        switch (soc.int_id) {
            case mtk::IntId::larb:
                larb = soc.larbs[id >> 7 & 7][0];
                break;
            case mtk::IntId::larb_port6:
                port = id >> 2 & 0x3F;
                larb = soc.larbs[id >> 8 & 7][0];
                break;
            case mtk::IntId::sub_2bits:
                larb = soc.larbs[id >> 9 & 7][id >> 7 & 3];
                break;
            case mtk::IntId::sub_3bits:
                larb = soc.larbs[id >> 10 & 7][id >> 7 & 7];
                break;
        }
    }
    kernel().console.err(prefix, "fault type={:#x} iova={:#x} pa={:#x} master={:#x}(larb={} port={}) layer={} {}",
                         state, iova, pa, id, larb, port, mtk::fault_va::LAYER.get(va),
                         mtk::fault_va::WRITE.test(va) ? "write" : "read");
    write(bank.id, reg::INT_CONTROL0,
          read(bank.id, reg::INT_CONTROL0) | static_cast<std::uint32_t>(mtk::int_control::CLR.mask()));
    mtk_iommu_tlb_flush_all();
}

// A zero that was saved is taken for registers that were never written: then nothing is restored, nothing flushed.
int MtkIommu::mtk_iommu_runtime_resume() {
    Frame frame{kernel(), "mtk_iommu_runtime_resume"};
    if (reg_.wr_len_ctrl == 0) return 0;
    write(0, reg::WR_LEN_CTRL, reg_.wr_len_ctrl);
    write(0, reg::MISC_CTRL, reg_.misc_ctrl);
    write(0, reg::DCM_DIS, reg_.dcm_dis);
    write(0, reg::CTRL, reg_.ctrl_reg);
    write(0, reg::VLD_PA_RNG, reg_.vld_pa_rng);
    for (unsigned i = 0; i < banks.size(); ++i) {
        if (!bank_used(i) || !banks[i]->m4u_dom) continue;
        write(i, reg::INT_CONTROL0, reg_.int_control[i]);
        write(i, reg::INT_MAIN, reg_.int_main_control[i]);
        write(i, reg::IVRP_PADDR, reg_.ivrp_paddr[i]);
        write_pt_base(i, banks[i]->m4u_dom.deref("MRR1")->root());
    }
    mtk_iommu_tlb_flush_all();
    return 0;
}

void MtkIommu::mtk_iommu_runtime_suspend() {
    Frame frame{kernel(), "mtk_iommu_runtime_suspend"};
    reg_.wr_len_ctrl = read(0, reg::WR_LEN_CTRL);
    reg_.misc_ctrl = read(0, reg::MISC_CTRL);
    reg_.dcm_dis = read(0, reg::DCM_DIS);
    reg_.ctrl_reg = read(0, reg::CTRL);
    reg_.vld_pa_rng = read(0, reg::VLD_PA_RNG);
    for (unsigned i = 0; i < banks.size(); ++i) {
        if (!bank_used(i)) continue;
        reg_.int_control[i] = read(i, reg::INT_CONTROL0);
        reg_.int_main_control[i] = read(i, reg::INT_MAIN);
        reg_.ivrp_paddr[i] = read(i, reg::IVRP_PADDR);
    }
}

MtkIommu& MtkIommu::frst_data(const char* step) const {
    if (hw_list == nullptr || hw_list->empty()) followed_bad_pointer(nullptr, step);
    return *hw_list->front();
}

std::vector<std::uint32_t> MtkIommu::ids_of(Device& client, const char* step) const {
    const Ptr<IommuFwspec> fwspec = core.dev_iommu_fwspec_get(client, step);
    std::vector<std::uint32_t> ids;
    for (unsigned i = 0; i < fwspec.deref(step)->num_ids(step); ++i) ids.push_back(fwspec->id(i, step));
    return ids;
}

unsigned MtkIommu::bank_id(const std::vector<std::uint32_t>& ids) const {
    std::uint32_t ports = 0;
    for (const std::uint32_t id : ids) ports |= std::uint32_t{1} << mtk::port_of(id);
    return platform.soc->bank_of_ports(ports);
}

// Up to 6.3 the bus' dma-ranges say it; later larb and port.
int MtkIommu::iova_region_id(Device& client, const std::vector<std::uint32_t>& ids) const {
    const unsigned release = kernel().variant.release;
    if (platform.region_count() == 1) return 0;
    if (release < kRelease64) {
        if (client.dma_range_map.empty()) return 0;
        const firmware::DmaWindow& window = client.dma_range_map.front();
        const std::uint64_t last = window.bus + window.size - 1;
        int candidate = -kEINVAL;
        for (unsigned i = 0; i < platform.region_count(); ++i) {
            const MtkRegion region = platform.region(i, release);
            const std::uint64_t end = region.base + region.size - 1;
            if (window.bus == region.base && last == end) return static_cast<int>(i);
            if (window.bus >= region.base && last <= end) candidate = static_cast<int>(i);
        }
        if (candidate < 0) {
            kernel().console.err(client.prefix(), "Can NOT find the iommu domain id({:#x} {:#x}).", window.bus,
                                 window.size);
        }
        return candidate;
    }
    std::uint32_t ports = 0;
    for (const std::uint32_t id : ids) ports |= std::uint32_t{1} << mtk::port_of(id);
    const unsigned larb = ids.empty() ? 0 : mtk::larb_of(ids.front());
    for (unsigned i = 0; i < platform.region_count(); ++i) {
        if (larb < mtk::kLarbs && platform.larb_in_region(i, larb, ports)) return static_cast<int>(i);
    }
    kernel().console.err(client.prefix(), "Can NOT find the region for larb({}-{:x}).", larb, ports);
    return -kEINVAL;
}

// A larb only notes it: the registers are written when it is resumed.
int MtkIommu::mtk_iommu_config(Device& client, bool enable, unsigned region) {
    Frame frame{kernel(), "mtk_iommu_config"};
    const std::vector<std::uint32_t> ids = ids_of(client, "MTC1");
    std::uint32_t ports = 0;
    for (const std::uint32_t id : ids) ports |= std::uint32_t{1} << mtk::port_of(id);
    if (platform.is_mm()) {
        MtkLarbIommu& larb = larb_imu[mtk::larb_of(ids.empty() ? 0 : ids.front()) % mtk::kLarbs];
        const std::uint64_t base = platform.region(region, kernel().variant.release).base;
        for (unsigned port = 0; port < 32; ++port) {
            if ((ports >> port & 1) != 0) larb.bank[port] = static_cast<std::uint8_t>(base >> 32);
        }
        const bool is_new = enable && (ports & ~larb.mmu) != 0;
        larb.mmu = enable ? larb.mmu | ports : larb.mmu & ~ports;
        if (is_new) power.set_up(client);  // mtk_smi_larb_resume() writes it
        return 0;
    }
    if (!pericfg) return 0;  // the secure world is asked
    // A PCIe port has an id for reads and the next one for writes.
    if (client.bus != nullptr && client.bus->name == "pci") {
        if (ids.size() != 1) {
            kernel().console.err(client.prefix(), "PCI dev can only have one port.");
            return -kENODEV;
        }
        ports |= std::uint32_t{1} << (mtk::port_of(ids.front()) + 1) % 32;
    }
    const PhysAddr at = *pericfg + mtk::pericfg::IOMMU_1;
    const auto word = static_cast<std::uint32_t>(kernel().machine.mmio_read(at, 4));
    const std::uint32_t wanted = enable ? word | ports : word & ~ports;
    if (wanted != word) kernel().machine.mmio_write(at, 4, wanted);
    return 0;
}

}  // namespace xlate::kernel
