#include "kernel-model/drivers/amd/amd_iommu.hpp"

#include <array>

#include "base/bits.hpp"
#include "kernel-model/core/errno.hpp"
#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

namespace amd = iommu::amd;
namespace reg = iommu::amd::reg;
namespace control = iommu::amd::control;
namespace status = iommu::amd::status;
namespace cmd = iommu::amd::cmd;
namespace event = iommu::amd::event;

namespace {

constexpr const char* kPrefix = "AMD-Vi";
constexpr std::uint32_t kBufferBytes = 8192;
constexpr std::uint64_t kBufferLength = 9;  // 512 entries
constexpr std::uint64_t kLoopTimeout = 2'000'000;
/// A command buffer is left alone when no more than this many bytes are free.
constexpr std::uint32_t kReservedBytes = 0x20;
/// Looks at an untimed machine's hardware before it is believed to hang: its clock may stand still.
constexpr std::uint64_t kMaxLooks = 1'000'000;
constexpr std::uint64_t kInvalidationTimeout1s = 4;  // CTRL_INV_TO_1S

constexpr std::uint64_t opcode(amd::Opcode op) { return cmd::OPCODE.of(static_cast<std::uint64_t>(op)); }

}  // namespace

AmdIommu::AmdIommu(Kernel& the_kernel, const IvrsUnit& the_unit, PageAllocator& the_pages, const Mistakes& the_mistakes)
    : IommuDevice(the_kernel, the_unit.name),
      unit(the_unit),
      pages(the_pages),
      mistakes(the_mistakes),
      regs{the_unit.ivhd->base},
      lock_(the_kernel, "iommu->lock") {}

std::uint64_t AmdIommu::readq(std::uint32_t offset) { return kernel().machine.mmio_read(regs + offset, 8); }
std::uint32_t AmdIommu::readl(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(regs + offset, 4));
}
void AmdIommu::writeq(std::uint32_t offset, std::uint64_t value) {
    kernel().machine.mmio_write(regs + offset, 8, value);
}
void AmdIommu::writel(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(regs + offset, 4, value);
}
void AmdIommu::iommu_feature_enable(Field bit) { writeq(reg::CONTROL, readq(reg::CONTROL) | bit.mask()); }
void AmdIommu::iommu_feature_disable(Field bit) { writeq(reg::CONTROL, readq(reg::CONTROL) & ~bit.mask()); }

int AmdIommu::alloc_buffers() {
    const auto commands = pages.alloc_zeroed(kBufferBytes);
    const auto events = pages.alloc_zeroed(kBufferBytes);
    const auto semaphore = pages.alloc_zeroed(pages.page_bytes());
    if (!commands || !events || !semaphore) return -kENOMEM;
    cmd_buf_ = *commands;
    evt_buf_ = *events;
    cmd_sem_ = *semaphore;
    features = readq(reg::EXT_FEAT);
    features2 = readq(reg::EXT_FEAT2);
    cap = kernel().machine.iommu_capability(unit.node, amd::kCapabilityHeader);
    return 0;
}

void AmdIommu::iommu_disable() {
    iommu_feature_disable(control::CMDBUF);
    iommu_feature_disable(control::EVTINT);
    iommu_feature_disable(control::EVTLOG);
    iommu_feature_disable(control::GALOG);
    iommu_feature_disable(control::GAINT);
    iommu_feature_disable(control::EN);
}

void AmdIommu::iommu_init_flags() {
    constexpr std::array kOrder{control::HTTUN, control::PASSPW, control::RESPASSPW, control::ISOC};
    for (unsigned bit = 0; bit < kOrder.size(); ++bit) {
        if ((unit.ivhd->flags >> bit & 1) != 0) {
            iommu_feature_enable(kOrder[bit]);
        } else {
            iommu_feature_disable(kOrder[bit]);
        }
    }
    iommu_feature_enable(control::COH);
    writeq(reg::CONTROL, control::INVTO.set(readq(reg::CONTROL), kInvalidationTimeout1s));
}

void AmdIommu::iommu_enable_command_buffer() {
    writeq(reg::CMDBUF, cmd_buf_.value | amd::ring::LENGTH.of(kBufferLength));
    iommu_feature_disable(control::CMDBUF);
    writel(reg::CMD_HEAD, 0);
    writel(reg::CMD_TAIL, 0);
    cmd_buf_head_ = cmd_buf_tail_ = 0;
    iommu_feature_enable(control::CMDBUF);
}

void AmdIommu::iommu_enable_event_buffer() {
    writeq(reg::EVTLOG, evt_buf_.value | amd::ring::LENGTH.of(kBufferLength));
    writel(reg::EVT_HEAD, 0);
    writel(reg::EVT_TAIL, 0);
    iommu_feature_enable(control::EVTLOG);
}

void AmdIommu::early_enable_iommu() {
    Frame frame{kernel(), "early_enable_iommu"};
    iommu_disable();
    iommu_init_flags();
    writeq(reg::DEVTAB, dev_table.value | ((dev_table_bytes >> 12) - 1));
    iommu_enable_command_buffer();
    iommu_enable_event_buffer();
    iommu_feature_enable(control::EN);
    iommu_flush_all_caches();
}

// Linux does so wherever there are guest tables; without a device that has some it changes nothing.
void AmdIommu::iommu_enable_gt() {
    Frame frame{kernel(), "iommu_enable_gt"};
    iommu_feature_enable(control::GT);
}

void AmdIommu::iommu_init_irq() {
    Frame frame{kernel(), "iommu_init_irq"};
    irq_.emplace(kernel(), "irq/" + unit.name, 0);
    kernel().machine.connect_interrupt(unit.node, "0", irq_->entry([this] { amd_iommu_int_thread(); }));
    iommu_feature_enable(control::EVTINT);
}

void AmdIommu::iommu_flush_all_caches() {
    Frame frame{kernel(), "iommu_flush_all_caches"};
    if (iommu_feature(amd::feat::IA)) {
        iommu_queue_command({opcode(amd::Opcode::invalidate_iommu_all), 0});
        iommu_completion_wait();
        return;
    }
    for (std::uint32_t devid = 0; devid <= last_bdf; ++devid) iommu_flush_dte(static_cast<std::uint16_t>(devid));
    iommu_completion_wait();
    for (std::uint32_t devid = 0; devid <= last_bdf; ++devid) iommu_flush_irt(static_cast<std::uint16_t>(devid));
    iommu_completion_wait();
    for (std::uint32_t domain = 0; domain <= last_bdf; ++domain) {
        build_inv_iommu_pages(static_cast<std::uint16_t>(domain), 0, ~std::uint64_t{0});
    }
    iommu_completion_wait();
}

/// Linux __iommu_queue_command_sync(), under the lock.
int AmdIommu::iommu_queue_command_sync(const amd::EntryWords& command, bool sync) {
    const std::uint32_t next = (cmd_buf_tail_ + amd::kEntryBytes) % kBufferBytes;
    for (std::uint64_t count = 0; (cmd_buf_head_ - next) % kBufferBytes <= kReservedBytes; ++count) {
        if (count == kLoopTimeout || count == kMaxLooks) {
            kernel().console.err(kPrefix, "Command buffer timeout");
            return -kEIO;
        }
        if (count != 0) kernel().machine.pass(us(1));
        cmd_buf_head_ = readl(reg::CMD_HEAD);
    }
    pages.write_words(cmd_buf_ + cmd_buf_tail_, command.data(), command.size());
    cmd_buf_tail_ = next;
    writel(reg::CMD_TAIL, cmd_buf_tail_);
    need_sync_ = sync;
    return 0;
}

void AmdIommu::iommu_queue_command(const amd::EntryWords& command) {
    lock_.lock("AQC");
    iommu_queue_command_sync(command, true);
    lock_.unlock("AQC");
}

int AmdIommu::iommu_completion_wait() {
    Frame frame{kernel(), "iommu_completion_wait"};
    if (!need_sync_) return 0;
    lock_.lock("ACW");
    const std::uint64_t data = ++cmd_sem_val_;
    const int err = iommu_queue_command_sync(
        {opcode(amd::Opcode::completion_wait) | cmd::STORE.of(1) | cmd_sem_.value, data}, false);
    lock_.unlock("ACW");
    if (err != 0 || mistakes.has(Mistake::return_before_sync)) return err;
    // wait_on_sem: the store of a later one will do.
    for (std::uint64_t count = 0; pages.read_u64(cmd_sem_) < data; ++count) {
        if (count == kLoopTimeout || count == kMaxLooks) {
            kernel().console.warn(kPrefix, "Completion-Wait loop timed out");
            return -kEIO;
        }
        kernel().machine.pass(us(1));
    }
    return 0;
}

void AmdIommu::iommu_flush_dte(std::uint16_t devid) {
    if (mistakes.has(Mistake::ste_without_cfgi)) return;
    iommu_queue_command({opcode(amd::Opcode::invalidate_devtab_entry) | cmd::DEVICE.of(devid), 0});
}
void AmdIommu::iommu_flush_irt(std::uint16_t devid) {
    iommu_queue_command({opcode(amd::Opcode::invalidate_interrupt_table) | cmd::DEVICE.of(devid), 0});
}

// Entries of 4 bytes (no GA), 512 of them. What of the device's entry is the interrupts' stands in a word of its own.
bool AmdIommu::alloc_irq_table(std::uint16_t devid, unsigned cpu) {
    Frame frame{kernel(), "alloc_irq_table"};
    constexpr unsigned kLog2Entries = 9;
    constexpr std::uint32_t kVector = 0x21;
    const auto table = pages.alloc_zeroed(4u << kLog2Entries);
    if (!table) return false;
    if (!mistakes.has(Mistake::irte_not_written)) {
        const std::uint64_t entry = amd::irte::EN.of(1) | amd::irte::DEST8.of(cpu) | amd::irte::VECTOR8.of(kVector);
        std::uint8_t bytes[4];
        store_le(bytes, 4, entry);
        kernel().machine.memory_write(*table, bytes, 4);
    }
    namespace dte = amd::dte;
    pages.write_u64(dev_table + std::uint64_t{devid} * amd::kDteBytes + 16,
                    table->value | dte::IV.of(1) | dte::INT_TAB_LEN.of(kLog2Entries) | dte::INT_CTL.of(dte::INT_REMAP));
    iommu_flush_dte(devid);
    iommu_flush_irt(devid);
    iommu_completion_wait();
    return true;
}

void AmdIommu::build_inv_iommu_pages(std::uint16_t domain, std::uint64_t first, std::uint64_t last, bool guest) {
    if (mistakes.has(Mistake::wrong_asid)) ++domain;
    if (mistakes.has(Mistake::short_range) && last != ~std::uint64_t{0}) {
        constexpr std::uint64_t kPage = std::uint64_t{1} << amd::kPageBits;
        if (last - first < kPage) return;  // of one page nothing is left
        last = first + align_down((last - first) / 2, kPage) + kPage - 1;
    }
    iommu_queue_command({opcode(amd::Opcode::invalidate_iommu_pages) | cmd::DOMAIN_ID.of(domain),
                         amd::page_range_word(first, last) | cmd::PDE.of(1) | cmd::GN.of(guest ? 1 : 0)});
}

void AmdIommu::build_inv_iotlb_pages(std::uint16_t devid, std::uint64_t first, std::uint64_t last) {
    constexpr std::uint64_t kQueueDepth = 32;
    iommu_queue_command({opcode(amd::Opcode::invalidate_iotlb_pages) | cmd::DEVICE.of(devid) |
                             cmd::QDEP.of(kQueueDepth) | cmd::QUEUE.of(devid),
                         amd::page_range_word(first, last)});
}

std::uint64_t AmdIommu::dte(std::uint16_t devid, unsigned word) {
    return pages.read_u64(dev_table + std::uint64_t{devid} * amd::kDteBytes + 8 * word);
}

/// The hardware reads an entry of 32 bytes at once, and software has no store of that size: the word with V goes last.
void AmdIommu::write_dte(std::uint16_t devid, const amd::DteWords& words) {
    const PhysAddr at = dev_table + std::uint64_t{devid} * amd::kDteBytes;
    pages.write_u64(at + 8, words[1]);
    pages.write_u64(at, words[0]);
}

void AmdIommu::amd_iommu_int_thread() {
    Frame frame{kernel(), "amd_iommu_int_thread"};
    constexpr std::uint32_t kMask = static_cast<std::uint32_t>(status::EVT_OVF.mask() | status::EVTINT.mask() |
                                                               status::PPRINT.mask() | status::GALOG_INT.mask());
    for (std::uint32_t state = readl(reg::STATUS) & kMask; state != 0; state = readl(reg::STATUS) & kMask) {
        writel(reg::STATUS, kMask);
        if (status::EVTINT.test(state)) iommu_poll_events();
        if (!status::EVT_OVF.test(state)) continue;
        kernel().console.info(kPrefix, "IOMMU Event log restarting");
        iommu_feature_disable(control::EVTLOG);
        iommu_feature_enable(control::EVTLOG);
    }
}

void AmdIommu::iommu_poll_events() {
    std::uint32_t head = readl(reg::EVT_HEAD);
    const std::uint32_t tail = readl(reg::EVT_TAIL);
    for (; head != tail; head = (head + amd::kEntryBytes) % kBufferBytes) {
        const PhysAddr at = evt_buf_ + head;
        iommu_print_event({pages.read_u64(at), pages.read_u64(at + 8)});
        const std::uint64_t nothing[2] = {};
        pages.write_words(at, nothing, 2);
    }
    writel(reg::EVT_HEAD, head);
}

void AmdIommu::iommu_print_event(const amd::EntryWords& words) {
    const auto devid = static_cast<std::uint16_t>(event::DEVICE.get(words[0]));
    const std::uint64_t flags = words[0] >> 48 & 0xFFF, domain = event::DOMAIN_ID.get(words[0]);
    const std::uint64_t pasid = domain | event::PASID_19_16.get(words[0]) << 16;
    Console& console = kernel().console;
    const std::string device =
        fmt::format("{:04x}:{:02x}:{:02x}.{:x}", unit.ivhd->segment, devid >> 8, devid >> 3 & 31, devid & 7);
    switch (static_cast<amd::Event>(event::CODE.get(words[0]))) {
        case amd::Event::io_page_fault: {
            const std::string prefix = prefix_of ? prefix_of(devid) : "";
            if (!prefix.empty()) {
                console.err(prefix,
                            "AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x{:04x} address=0x{:x} flags=0x{:04x}]",
                            domain, words[1], flags);
            } else {
                console.err(kPrefix,
                            "Event logged [IO_PAGE_FAULT device={} domain=0x{:04x} address=0x{:x} flags=0x{:04x}]",
                            device, domain, words[1], flags);
            }
            return;
        }
        case amd::Event::illegal_dev_table_entry:
            console.err(kPrefix,
                        "Event logged [ILLEGAL_DEV_TABLE_ENTRY device={} pasid=0x{:05x} address=0x{:x} flags=0x{:04x}]",
                        device, pasid, words[1], flags);
            for (unsigned i = 0; i < 4; ++i) console.err(kPrefix, "DTE[{}]: {:016x}", i, dte(devid, i));
            return;
        case amd::Event::dev_tab_hw_error:
            console.err(kPrefix, "Event logged [DEV_TAB_HARDWARE_ERROR device={} address=0x{:x} flags=0x{:04x}]",
                        device, words[1], flags);
            return;
        case amd::Event::page_tab_hw_error:
            console.err(kPrefix,
                        "Event logged [PAGE_TAB_HARDWARE_ERROR device={} pasid=0x{:04x} address=0x{:x} flags=0x{:04x}]",
                        device, pasid, words[1], flags);
            return;
        case amd::Event::illegal_command:
            console.err(kPrefix, "Event logged [ILLEGAL_COMMAND_ERROR address=0x{:x}]", words[1]);
            return;
        case amd::Event::command_hw_error:
            console.err(kPrefix, "Event logged [COMMAND_HARDWARE_ERROR address=0x{:x} flags=0x{:04x}]", words[1],
                        flags);
            return;
        case amd::Event::iotlb_inv_timeout:
            console.err(kPrefix, "Event logged [IOTLB_INV_TIMEOUT device={} address=0x{:x}]", device, words[1]);
            return;
        case amd::Event::invalid_device_request:
            console.err(kPrefix,
                        "Event logged [INVALID_DEVICE_REQUEST device={} pasid=0x{:05x} address=0x{:x} flags=0x{:04x}]",
                        device, pasid, words[1], flags);
            return;
        default:
            console.err(kPrefix,
                        "Event logged [UNKNOWN event[0]=0x{:08x} event[1]=0x{:08x} event[2]=0x{:08x} "
                        "event[3]=0x{:08x}",
                        words[0] & low_mask(32), words[0] >> 32, words[1] & low_mask(32), words[1] >> 32);
    }
}

}  // namespace xlate::kernel
