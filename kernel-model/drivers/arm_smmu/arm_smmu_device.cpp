#include "kernel-model/drivers/arm_smmu/arm_smmu_device.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_impl.hpp"

namespace xlate::kernel::arm_smmu {

namespace smmu = iommu::smmuv2;
namespace gr0 = iommu::smmuv2::gr0;
namespace cr0 = iommu::smmuv2::cr0;

namespace {

/// What the driver writes to a TLB operation without operand: Qualcomm's hardware wants all ones.
constexpr std::uint32_t kDummyOperand = 0xFFFFFFFF;
constexpr SimTime kPrintWindow = ms(5000);
constexpr unsigned kPrintBurst = 10;

}  // namespace

std::string context_wire(unsigned index) { return "context" + std::to_string(index); }

ArmSmmuDevice::ArmSmmuDevice(Kernel& the_kernel, Device& the_dev, PageAllocator& the_pages,
                             const firmware::Description& the_firmware, const ArmSmmuParams& the_params)
    : HeapObject(the_kernel, "arm_smmu_device"),
      dev(the_dev),
      pages(the_pages),
      firmware(the_firmware),
      node(the_firmware.node(*the_dev.of_node)),
      params(the_params),
      prefix("arm-smmu " + the_dev.name),
      impl(std::make_unique<ArmSmmuImpl>()),
      stream_map_mutex(the_kernel, "smmu->stream_map_mutex"),
      global_sync_lock_(the_kernel, "smmu->global_sync_lock") {}

ArmSmmuDevice::~ArmSmmuDevice() = default;

PhysAddr ArmSmmuDevice::at(std::uint64_t page, std::uint32_t offset, unsigned file) const {
    const std::uint64_t from_base = (page << pgshift) + offset;
    if (from_base >= mapped_bytes) access_unmapped(from_base);
    return PhysAddr{files_[file].value + from_base};
}

// Behind a mapping of ioremap() there is a page of nothing.
void ArmSmmuDevice::access_unmapped(std::uint64_t from_base) const {
    Report report;
    report.kind = ReportKind::bug;
    report.what = fmt::format("at a register behind its mapping: {:#x} of {:#x} bytes, {} (paging request)", from_base,
                              mapped_bytes, prefix);
    report.place = place_of(kernel().sched.current_or_null(), "SI5");
    kernel().reports.oops(std::move(report));
}

std::uint32_t ArmSmmuDevice::gr0_read(std::uint32_t offset) { return impl->read_reg(*this, 0, offset); }
void ArmSmmuDevice::gr0_write(std::uint32_t offset, std::uint32_t value) { impl->write_reg(*this, 0, offset, value); }
std::uint32_t ArmSmmuDevice::gr1_read(std::uint32_t offset) { return impl->read_reg(*this, 1, offset); }
void ArmSmmuDevice::gr1_write(std::uint32_t offset, std::uint32_t value) { impl->write_reg(*this, 1, offset, value); }
std::uint32_t ArmSmmuDevice::cb_read(unsigned bank, std::uint32_t offset) {
    return impl->read_reg(*this, numpage + bank, offset);
}
void ArmSmmuDevice::cb_write(unsigned bank, std::uint32_t offset, std::uint32_t value) {
    impl->write_reg(*this, numpage + bank, offset, value);
}
std::uint64_t ArmSmmuDevice::cb_readq(unsigned bank, std::uint32_t offset) {
    return impl->read_reg64(*this, numpage + bank, offset);
}
void ArmSmmuDevice::cb_writeq(unsigned bank, std::uint32_t offset, std::uint64_t value) {
    impl->write_reg64(*this, numpage + bank, offset, value);
}

int ArmSmmuDevice::firmware_probe() {
    Frame frame{kernel(), "arm_smmu_device_dt_probe"};
    Console& console = kernel().console;
    // A device tree counts its global interrupts, which come first; IORT names them.
    const auto named = static_cast<unsigned>(
        std::count_if(node.interrupts.begin(), node.interrupts.end(),
                      [](const firmware::Interrupt& interrupt) { return interrupt.name == "global"; }));
    const auto counted = node.u32("#global-interrupts");
    if (!counted && named == 0) {
        console.err(prefix, "missing #global-interrupts property");
        return -kENODEV;
    }
    global_irqs_ = counted.value_or(named);
    if (node.dma_coherent) features |= feature::kCoherentWalk;
    if (node.regs.empty() || !node.regs.front().cpu_address) return -kEINVAL;
    base_ = PhysAddr{*node.regs.front().cpu_address};
    files_ = {base_};
    numpage = node.regs.front().size;  // bytes, until the ID registers say how large the space is
    mapped_bytes = align_up(numpage, pages.page_bytes());
    return 0;
}

int ArmSmmuDevice::check_context_irqs() {
    if (version != Version::v2) return 0;
    if (num_context_banks > num_context_irqs) {
        kernel().console.err(prefix, "found only {} context irq(s) but {} required", num_context_irqs,
                             num_context_banks);
        return -kENODEV;
    }
    num_context_irqs = num_context_banks;  // the others are superfluous
    return 0;
}

int ArmSmmuDevice::get_global_irqs() {
    const auto all = static_cast<unsigned>(node.interrupts.size());
    if (all <= global_irqs_) {
        kernel().console.err(prefix, "found {} interrupts but expected at least {}", all, global_irqs_ + 1);
        return -kENODEV;
    }
    num_context_irqs = all - global_irqs_;
    return 0;
}

void ArmSmmuDevice::request_global_irqs() {
    if (global_irqs_ == 0 || !dev.of_node) return;
    const auto [irq, added] = irqs_.try_emplace("global", kernel(), "irq/arm-smmu global fault", 0U);
    if (added) machine().connect_interrupt(*dev.of_node, "global", irq->second.entry([this] { global_fault(); }));
}

// The line of a bank is requested when a domain takes the bank; the handler asks the bank itself.
void ArmSmmuDevice::request_context_irq(const ContextConfig& cfg) {
    if (!dev.of_node) return;
    const std::string wire = context_wire(cfg.irptndx);
    const auto [irq, added] = irqs_.try_emplace(wire, kernel(), "irq/arm-smmu-context-fault", 0U);
    if (!added) return;
    machine().connect_interrupt(*dev.of_node, wire, irq->second.entry([this, line = cfg.irptndx] {
        for (unsigned bank = 0; bank < cbs.size(); ++bank) {
            if (cbs[bank].cfg != nullptr && cbs[bank].cfg->irptndx == line) context_fault(bank);
        }
    }));
}

void ArmSmmuDevice::install_boot_mappings() {
    Frame frame{kernel(), "arm_smmu_rmr_install_bypass_smr"};
    // Streams that firmware left running pass until the reset is through.
    const std::uint32_t value = gr0_read(gr0::sCR0);
    gr0_write(gr0::sCR0, value | static_cast<std::uint32_t>(cr0::CLIENTPD.mask()));
    kernel().console.print(LogLevel::notice, prefix, "\tpreserved 0 boot mappings");
}

void ArmSmmuDevice::reset() {
    Frame frame{kernel(), "arm_smmu_device_reset"};
    gr0_write(gr0::sGFSR, gr0_read(gr0::sGFSR));
    for (unsigned i = 0; i < num_mapping_groups; ++i) write_sme(i);
    for (unsigned i = 0; i < num_context_banks; ++i) {
        write_context_bank(i);
        cb_write(i, smmu::cb::FSR, static_cast<std::uint32_t>(smmu::fsr::kClearAll));
    }
    // Nothing that was cached before counts.
    gr0_write(gr0::TLBIALLH, kDummyOperand);
    gr0_write(gr0::TLBIALLNSNH, kDummyOperand);

    std::uint64_t control = gr0_read(gr0::sCR0);
    for (const Field on : {cr0::GFRE, cr0::GFIE, cr0::GCFGFRE, cr0::GCFGFIE, cr0::VMIDPNE, cr0::PTM}) {
        control = on.set(control, 1);
    }
    control = cr0::USFCFG.set(control, params.disable_bypass ? 1 : 0);
    for (const Field off : {cr0::CLIENTPD, cr0::FB, cr0::BSU}) control = off.set(control, 0);
    if (has(feature::kVmid16)) control = cr0::VMID16EN.set(control, 1);
    if (has(feature::kExids)) control = cr0::EXIDENABLE.set(control, 1);
    impl->reset(*this);
    tlb_sync_global();
    gr0_write(gr0::sCR0, static_cast<std::uint32_t>(control));
}

// The field of an SMR is what reads back of all ones. The test needs an entry that matches nothing, and leaves it as it
// is: invalid, with a full mask.
void ArmSmmuDevice::test_smr_masks() {
    Frame frame{kernel(), "arm_smmu_test_smr_masks"};
    const auto free = std::find_if(smrs.begin(), smrs.end(), [](const Smr& entry) { return !entry.valid; });
    if (free == smrs.end()) return;
    const std::uint32_t offset = gr0::SMR(static_cast<unsigned>(free - smrs.begin()));
    gr0_write(offset, static_cast<std::uint32_t>(smmu::smr::EXID.of(streamid_mask)));
    streamid_mask = static_cast<std::uint16_t>(smmu::smr::EXID.get(gr0_read(offset)));
    gr0_write(offset, static_cast<std::uint32_t>(smmu::smr::EXMASK.of(streamid_mask)));
    smr_mask_mask = static_cast<std::uint16_t>(smmu::smr::EXMASK.get(gr0_read(offset)));
}

void ArmSmmuDevice::disable() {
    Frame frame{kernel(), "arm_smmu_device_shutdown"};
    if (std::find(context_map.begin(), context_map.end(), true) != context_map.end()) {
        kernel().console.print(LogLevel::notice, prefix, "disabling translation");
    }
    gr0_write(gr0::sCR0, static_cast<std::uint32_t>(cr0::CLIENTPD.mask()));
}

bool ArmSmmuDevice::print_allowed() {
    if (kernel().now() - print_window_start_ >= kPrintWindow) {
        if (prints_suppressed_ != 0) {
            kernel().console.warn("", "arm_smmu_context_fault: {} callbacks suppressed", prints_suppressed_);
        }
        print_window_start_ = kernel().now();
        printed_in_window_ = 0;
        prints_suppressed_ = 0;
    }
    if (printed_in_window_ < kPrintBurst) {
        ++printed_in_window_;
        return true;
    }
    ++prints_suppressed_;
    return false;
}

}  // namespace xlate::kernel::arm_smmu
