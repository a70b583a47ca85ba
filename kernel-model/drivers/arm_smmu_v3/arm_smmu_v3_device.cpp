#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_device.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace reg = iommu::smmuv3::reg;
namespace cr0 = iommu::smmuv3::cr0;
namespace cr1 = iommu::smmuv3::cr1;
namespace cr2 = iommu::smmuv3::cr2;

namespace {

constexpr SimTime kPollTimeout = ms(1000);
constexpr SimTime kPollInterval = us(1);
/// Looks at an untimed machine's register before we believe that it never changes.
constexpr std::uint64_t kMaxLooks = 1'000'000;
constexpr std::uint64_t kMsiAddressMask = low_mask(52) & ~low_mask(2);
constexpr std::uint64_t kWindowBytes = 0x20000;

}  // namespace

ArmSmmuDevice::ArmSmmuDevice(Kernel& the_kernel, Device& the_dev, PageAllocator& the_pages,
                             const ArmSmmuParams& the_params)
    : HeapObject(the_kernel, "arm_smmu_device"),
      dev(the_dev),
      pages(the_pages),
      params(the_params),
      prefix("arm-smmu-v3 " + the_dev.name),
      cmdq(the_kernel, the_pages, prefix),
      strtab(the_kernel, the_pages, cmdq, prefix, the_params.mistakes),
      streams_mutex(the_kernel, "smmu->streams_mutex"),
      evtq_irq_(the_kernel, "irq/arm-smmu-v3-evtq", 0),
      gerror_irq_(the_kernel, "irq/arm-smmu-v3-gerror", 0),
      priq_irq_(the_kernel, "irq/arm-smmu-v3-priq", 0),
      combined_irq_(the_kernel, "irq/arm-smmu-v3-combined-irq", 0) {}

int ArmSmmuDevice::find_resources(const firmware::Node& node) {
    if (node.regs.empty() || !node.regs.front().cpu_address) return -kEINVAL;
    if (node.regs.front().size < kWindowBytes) {
        kernel().console.err(prefix, "MMIO region too small ({:#x} bytes)", node.regs.front().size);
        return -kEINVAL;
    }
    base_ = PhysAddr{*node.regs.front().cpu_address};
    window_bytes_ = node.regs.front().size;
    return 0;
}

int ArmSmmuDevice::poll(std::uint32_t offset, std::uint32_t mask, std::uint32_t wanted) {
    const SimTime since = kernel().now();
    for (std::uint64_t looks = 0;; ++looks) {
        if ((read(offset) & mask) == wanted) return 0;
        if (looks >= kMaxLooks || kernel().now() - since >= kPollTimeout) return -kETIMEDOUT;
        machine().sleep(kPollInterval);
    }
}

int ArmSmmuDevice::write_reg_sync(std::uint32_t value, std::uint32_t offset, std::uint32_t ack_offset) {
    write(offset, value);
    return poll(ack_offset, ~std::uint32_t{0}, value);
}

int ArmSmmuDevice::update_gbpa(std::uint32_t set, std::uint32_t clear) {
    constexpr auto kUpdate = static_cast<std::uint32_t>(smmu::gbpa::UPDATE.mask());
    if (const int err = poll(reg::GBPA, kUpdate, 0); err != 0) return err;
    const std::uint32_t value = (read(reg::GBPA) & ~clear) | set;
    write(reg::GBPA, value | kUpdate);
    const int err = poll(reg::GBPA, kUpdate, 0);
    if (err != 0) kernel().console.err(prefix, "GBPA not responding to update");
    return err;
}

int ArmSmmuDevice::init_in_queue(InQueue& queue, unsigned max_log2, std::uint32_t entry_bytes, const char* name) {
    for (queue.log2_entries = max_log2;; --queue.log2_entries) {
        const std::uint64_t bytes = std::uint64_t{entry_bytes} << queue.log2_entries;
        if (const auto memory = pages.alloc_zeroed(bytes)) {
            queue.base = *memory;
            break;
        }
        if (bytes <= pages.page_bytes() || queue.log2_entries == 0) {
            kernel().console.err(prefix, "failed to allocate queue ({:#x} bytes) for {}", bytes, name);
            return -kENOMEM;
        }
    }
    kernel().console.info(prefix, "allocated {} entries for {}", std::uint64_t{1} << queue.log2_entries, name);
    return 0;
}

std::uint64_t ArmSmmuDevice::in_queue_register(const InQueue& queue) {
    return smmu::queue_base::WA.of(1) | (queue.base.value & smmu::queue_base::ADDR.mask()) |
           smmu::queue_base::LOG2SIZE.of(queue.log2_entries);
}

int ArmSmmuDevice::init_structures() {
    Frame frame{kernel(), "arm_smmu_init_structures"};
    if (const int err = cmdq.init(base_, cmdq_max_log2_); err != 0) return err;
    if (const int err = init_ecmdqs(); err != 0) return err;
    if (const int err = init_in_queue(evtq_, evtq_max_log2_, smmu::kEventBytes, "evtq"); err != 0) return err;
    if (has(smmu_feature::kPri)) {
        if (const int err = init_in_queue(priq_, priq_max_log2_, smmu::kPageRequestBytes, "priq"); err != 0) return err;
    }
    return strtab.init(sid_bits, has(smmu_feature::kTwoLevelStrtab), params.disable_bypass);
}

int ArmSmmuDevice::disable() {
    for (const auto& queue : ecmdqs) queue->disable_ecmdq();
    const int err = write_reg_sync(0, reg::CR0, reg::CR0ACK);
    if (err != 0) kernel().console.err(prefix, "failed to clear cr0");
    return err;
}

// The order of docs/spec/iommu-hardware.md 1.2; each CR0 bit is acknowledged before the next step.
int ArmSmmuDevice::reset(const firmware::Node& node, bool bypass, PlatformMsi& msi) {
    Frame frame{kernel(), "arm_smmu_device_reset"};
    Console& console = kernel().console;

    // Step 2: whoever left it on may still have masters running.
    if (cr0::SMMUEN.test(read(reg::CR0))) {
        console.warn(prefix, "SMMU currently enabled! Resetting...");
        update_gbpa(static_cast<std::uint32_t>(smmu::gbpa::ABORT.mask()), 0);
    }
    // Step 3.
    if (const int err = disable(); err != 0) return err;
    write(reg::CR1, static_cast<std::uint32_t>(cr1::TABLE_SH.of(cr1::SH_ISH) | cr1::TABLE_OC.of(cr1::CACHE_WB) |
                                               cr1::TABLE_IC.of(cr1::CACHE_WB) | cr1::QUEUE_SH.of(cr1::SH_ISH) |
                                               cr1::QUEUE_OC.of(cr1::CACHE_WB) | cr1::QUEUE_IC.of(cr1::CACHE_WB)));
    std::uint64_t control2 = cr2::PTM.of(1) | cr2::RECINVSID.of(1);
    if (has(smmu_feature::kHyp) && params.e2h) control2 |= cr2::E2H.of(1);
    write(reg::CR2, static_cast<std::uint32_t>(control2));

    // Step 4.
    write64(reg::STRTAB_BASE, strtab.base_register());
    write(reg::STRTAB_BASE_CFG, strtab.config_register());
    std::uint64_t enables = cr0::CMDQEN.mask();
    const auto enable = [&](const char* what) {
        const int err = write_reg_sync(static_cast<std::uint32_t>(enables), reg::CR0, reg::CR0ACK);
        if (err != 0) console.err(prefix, "failed to enable {}", what);
        return err;
    };
    if (params.mistakes.has(Mistake::cmdq_before_base)) enable("command queue");
    cmdq.restart();
    write64(reg::CMDQ_BASE, cmdq.base_register());
    write(reg::CMDQ_PROD, 0);
    write(reg::CMDQ_CONS, 0);
    if (const int err = enable("command queue"); err != 0) return err;

    // Step 5: nothing that was cached before counts.
    cmdq.issue_cmd_with_sync(smmu::command::cfgi_all());
    if (has(smmu_feature::kHyp)) cmdq.issue_cmd_with_sync(smmu::command::make(smmu::Opcode::TLBI_EL2_ALL));
    cmdq.issue_cmd_with_sync(smmu::command::make(smmu::Opcode::TLBI_NSNH_ALL));

    if (const int err = enable_ecmdqs(); err != 0) return err;

    // Step 6.
    write64(reg::EVENTQ_BASE, in_queue_register(evtq_));
    write(reg::EVENTQ_PROD, 0);
    write(reg::EVENTQ_CONS, 0);
    evtq_.cons = 0;
    enables |= cr0::EVENTQEN.mask();
    if (const int err = enable("event queue"); err != 0) return err;
    if (has(smmu_feature::kPri)) {
        write64(reg::PRIQ_BASE, in_queue_register(priq_));
        write(reg::PRIQ_PROD, 0);
        write(reg::PRIQ_CONS, 0);
        priq_.cons = 0;
        enables |= cr0::PRIQEN.mask();
        if (const int err = enable("PRI queue"); err != 0) return err;
    }
    if (has(smmu_feature::kAts)) {
        enables |= cr0::ATSCHK.mask();
        if (const int err = enable("ATS check"); err != 0) return err;
    }

    // Step 7.
    if (const int err = setup_irqs(node, msi); err != 0) {
        console.err(prefix, "failed to setup irqs");
        return err;
    }

    // Step 8. Entries exist for every stream; unowned ones abort or pass as the parameter says.
    if (bypass && !params.disable_bypass) {
        if (const int err = update_gbpa(0, static_cast<std::uint32_t>(smmu::gbpa::ABORT.mask())); err != 0) return err;
    } else {
        enables |= cr0::SMMUEN.mask();
    }
    return enable("SMMU interface");
}

// Linux arm_smmu_setup_msis(): the addresses are cleared first; without a controller the wires are used.
bool ArmSmmuDevice::setup_msis(const firmware::Node& node, PlatformMsi& msi) {
    write64(reg::GERROR_IRQ_CFG0, 0);
    write64(reg::EVENTQ_IRQ_CFG0, 0);
    if (has(smmu_feature::kPri)) write64(reg::PRIQ_IRQ_CFG0, 0);
    if (!has(smmu_feature::kMsi)) return false;
    const std::optional<MsiMessage> eventq = msi.alloc(node);
    if (!eventq) {
        kernel().console.info(prefix, "msi_domain absent - falling back to wired irqs");
        return false;
    }
    setup_msi(*eventq, reg::EVENTQ_IRQ_CFG0, evtq_irq_, [this] { evtq_thread(); });
    setup_msi(*msi.alloc(node), reg::GERROR_IRQ_CFG0, gerror_irq_, [this] { gerror_handler(); });
    if (has(smmu_feature::kPri)) setup_msi(*msi.alloc(node), reg::PRIQ_IRQ_CFG0, priq_irq_, [this] { priq_thread(); });
    return true;
}

void ArmSmmuDevice::setup_msi(const MsiMessage& message, std::uint32_t cfg0, IrqThread& thread,
                              std::function<void()> handler) {
    constexpr std::uint32_t kDeviceMemory = 1;  // nGnRE
    write64(cfg0, message.doorbell.value & kMsiAddressMask);
    write(cfg0 + 8, message.data);
    write(cfg0 + 12, kDeviceMemory);
    machine().connect_interrupt(message.controller, message.name(), thread.entry(std::move(handler)));
}

int ArmSmmuDevice::setup_irqs(const firmware::Node& node, PlatformMsi& msi) {
    if (const int err = write_reg_sync(0, reg::IRQ_CTRL, reg::IRQ_CTRLACK); err != 0) {
        kernel().console.err(prefix, "failed to disable irqs");
        return err;
    }
    bool combined = false;
    bool eventq = false;
    bool gerror = false;
    bool priq = false;
    for (const firmware::Interrupt& interrupt : node.interrupts) {
        combined = combined || interrupt.name == "combined";
        eventq = eventq || interrupt.name == "eventq";
        gerror = gerror || interrupt.name == "gerror";
        priq = priq || interrupt.name == "priq";
    }
    const bool connect = !irqs_connected_ && dev.of_node.has_value();
    if (combined) {
        if (connect) {
            machine().connect_interrupt(*dev.of_node, "combined", combined_irq_.entry([this] {
                gerror_handler();
                evtq_thread();
                if (has(smmu_feature::kPri)) priq_thread();
            }));
        }
    } else if (!setup_msis(node, msi)) {
        if (!eventq) kernel().console.warn(prefix, "no evtq irq - events will not be reported!");
        if (!gerror) kernel().console.warn(prefix, "no gerr irq - errors will not be reported!");
        if (has(smmu_feature::kPri) && !priq) kernel().console.warn(prefix, "no priq irq - PRI will be broken");
        if (connect && eventq) {
            machine().connect_interrupt(*dev.of_node, "eventq", evtq_irq_.entry([this] { evtq_thread(); }));
        }
        if (connect && gerror) {
            machine().connect_interrupt(*dev.of_node, "gerror", gerror_irq_.entry([this] { gerror_handler(); }));
        }
        if (connect && priq && has(smmu_feature::kPri)) {
            machine().connect_interrupt(*dev.of_node, "priq", priq_irq_.entry([this] { priq_thread(); }));
        }
    }
    irqs_connected_ = true;
    std::uint64_t enables = smmu::irq_ctrl::EVENTQ_IRQEN.mask() | smmu::irq_ctrl::GERROR_IRQEN.mask();
    if (has(smmu_feature::kPri)) enables |= smmu::irq_ctrl::PRIQ_IRQEN.mask();
    if (write_reg_sync(static_cast<std::uint32_t>(enables), reg::IRQ_CTRL, reg::IRQ_CTRLACK) != 0) {
        kernel().console.warn(prefix, "failed to enable irqs");
    }
    return 0;
}

}  // namespace xlate::kernel
