#include "kernel-model/drivers/rockchip/rk_iommu.hpp"

#include <fmt/format.h>

#include "kernel-model/drivers/rockchip/rk_iommu_domain.hpp"

namespace xlate::kernel {

namespace rk = iommu::rockchip;
namespace reg = iommu::rockchip::reg;
namespace status = iommu::rockchip::status;
using rk::Command;

namespace {

constexpr std::uint32_t kDteAddrDummy = 0xCAFEBABE;
constexpr std::uint64_t kPollPeriodUs = 100, kPollTimeoutUs = 1000, kResetPollPeriodUs = 100'000;

}  // namespace

RkIommu::RkIommu(Kernel& the_kernel, Device& the_dev, RuntimePm& the_power, rk::Version the_version,
                 const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "rk_iommu"),
      dev(the_dev),
      power(the_power),
      version(the_version),
      mistakes(the_mistakes),
      prefix("rk_iommu " + the_dev.name),
      domain(*this, "iommu->domain") {}

int RkIommu::find_resources(const firmware::Node& node) {
    for (const firmware::Reg& window : node.regs) bases.push_back(PhysAddr{window.address});
    reset_disabled = node.has("rockchip,disable-mmu-reset");
    return bases.empty() ? -kEINVAL : 0;
}

// One handler for every interrupt that firmware lists, by its place there.
void RkIommu::request_irqs(const firmware::Node& node) {
    irqs_.reserve(node.interrupts.size());
    for (std::size_t i = 0; i < node.interrupts.size(); ++i) {
        irqs_.emplace_back(kernel(), "irq/" + dev.name, 0);
        kernel().machine.connect_interrupt(*dev.of_node, std::to_string(i),
                                           irqs_.back().entry([this] { rk_iommu_irq(); }));
    }
}

std::uint32_t RkIommu::read(std::size_t file, std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(bases[file] + offset, 4));
}
void RkIommu::write(std::size_t file, std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(bases[file] + offset, 4, value);
}
void RkIommu::base_command(std::size_t file, Command command) {
    write(file, reg::COMMAND, static_cast<std::uint32_t>(command));
}
void RkIommu::rk_iommu_command(Command command) {
    for (std::size_t file = 0; file < bases.size(); ++file) base_command(file, command);
}

bool RkIommu::all_have(const Field& bit) {
    bool all = true;
    for (std::size_t file = 0; file < bases.size(); ++file) all = bit.test(read(file, reg::STATUS)) && all;
    return all;
}
bool RkIommu::rk_iommu_is_stall_active() { return all_have(status::STALL_ACTIVE); }
bool RkIommu::rk_iommu_is_paging_enabled() { return all_have(status::PAGING); }
bool RkIommu::rk_iommu_is_reset_done() {
    bool done = true;
    for (std::size_t file = 0; file < bases.size(); ++file) done = read(file, reg::DTE_ADDR) == 0 && done;
    return done;
}

// Linux readx_poll_timeout(): one more look after the time is over.
bool RkIommu::poll(const std::function<bool()>& done, std::uint64_t period_us, std::uint64_t timeout_us) {
    Machine& machine = kernel().machine;
    const SimTime limit = machine.now() + us(timeout_us);
    for (;;) {
        if (done()) return true;
        if (machine.now() > limit) return done();
        machine.sleep(us(period_us));
    }
}

int RkIommu::change(const char* what, Command command, const std::function<bool()>& done) {
    rk_iommu_command(command);
    if (poll(done, kPollPeriodUs, kPollTimeoutUs)) return 0;
    for (std::size_t file = 0; file < bases.size(); ++file) {
        kernel().console.err(prefix, "{} request timed out, status: {:#08x}", what, read(file, reg::STATUS));
    }
    return -kETIMEDOUT;
}

// The hardware stalls only while paging is on.
int RkIommu::rk_iommu_enable_stall() {
    if (rk_iommu_is_stall_active() || !rk_iommu_is_paging_enabled()) return 0;
    return change("Enable stall", Command::enable_stall, [this] { return rk_iommu_is_stall_active(); });
}
int RkIommu::rk_iommu_disable_stall() {
    if (!rk_iommu_is_stall_active()) return 0;
    return change("Disable stall", Command::disable_stall, [this] { return !rk_iommu_is_stall_active(); });
}
int RkIommu::rk_iommu_enable_paging() {
    if (rk_iommu_is_paging_enabled()) return 0;
    return change("Enable paging", Command::enable_paging, [this] { return rk_iommu_is_paging_enabled(); });
}
int RkIommu::rk_iommu_disable_paging() {
    if (!rk_iommu_is_paging_enabled()) return 0;
    return change("Disable paging", Command::disable_paging, [this] { return !rk_iommu_is_paging_enabled(); });
}

// DTE_ADDR keeps address bits only, which tells a register file that works from one that is not there.
int RkIommu::rk_iommu_force_reset() {
    if (reset_disabled) return 0;
    for (std::size_t file = 0; file < bases.size(); ++file) {
        const auto address = static_cast<std::uint32_t>(rk::address(kDteAddrDummy, version));
        write(file, reg::DTE_ADDR, address);
        if (read(file, reg::DTE_ADDR) != address) {
            kernel().console.err(prefix, "Error during raw reset. MMU_DTE_ADDR is not functioning");
            return -kEFAULT;
        }
    }
    rk_iommu_command(Command::force_reset);
    if (poll([this] { return rk_iommu_is_reset_done(); }, kResetPollPeriodUs, kPollTimeoutUs)) return 0;
    kernel().console.err(prefix, "FORCE_RESET command timed out");
    return -kETIMEDOUT;
}

int RkIommu::rk_iommu_enable() {
    Frame frame{kernel(), "rk_iommu_enable"};
    const RkIommuDomain* attached = domain.peek();
    if (const int err = rk_iommu_enable_stall(); err != 0) return err;
    int err = rk_iommu_force_reset();
    if (err == 0) {
        for (std::size_t file = 0; file < bases.size(); ++file) {
            write(file, reg::DTE_ADDR, attached->dte_addr());
            if (!mistakes.has(Mistake::attach_without_zap)) base_command(file, Command::zap_cache);
            write(file, reg::INT_MASK, rk::interrupt::kAll);
        }
        err = rk_iommu_enable_paging();
        if (err == 0) annotate_flushed();
    }
    rk_iommu_disable_stall();
    return err;
}

// Whatever changed while it was off is in no TLB.
void RkIommu::annotate_flushed() {
    Annotation annotation;
    annotation.kind = Annotation::Kind::flushed;
    annotation.iommu = bases.front();
    annotation.since = kernel().now();
    for (std::uint32_t file = 0; file < bases.size(); ++file) {
        annotation.context = file;
        kernel().machine.annotate(annotation);
    }
}

void RkIommu::rk_iommu_disable() {
    Frame frame{kernel(), "rk_iommu_disable"};
    rk_iommu_enable_stall();
    rk_iommu_disable_paging();
    for (std::size_t file = 0; file < bases.size(); ++file) {
        write(file, reg::INT_MASK, 0);
        write(file, reg::DTE_ADDR, 0);
    }
    rk_iommu_disable_stall();
}

int RkIommu::resume() {
    Frame frame{kernel(), "rk_iommu_resume"};
    return domain.peek() == nullptr ? 0 : rk_iommu_enable();
}
void RkIommu::suspend() {
    Frame frame{kernel(), "rk_iommu_suspend"};
    if (domain.peek() != nullptr) rk_iommu_disable();
}

void RkIommu::rk_iommu_zap_lines(std::uint64_t iova, std::uint64_t size) {
    constexpr std::uint64_t kPage = std::uint64_t{1} << rk::kPageBits;
    const std::size_t files = mistakes.has(Mistake::zap_first_file_only) ? 1 : bases.size();
    for (std::size_t file = 0; file < files; ++file) {
        for (std::uint64_t at = iova; at < iova + size; at += kPage) {
            write(file, reg::ZAP_ONE_LINE, static_cast<std::uint32_t>(at));
        }
    }
}

void RkIommu::rk_iommu_irq() {
    Frame frame{kernel(), "rk_iommu_irq"};
    if (!power.in_use(dev)) return;
    Console& console = kernel().console;
    for (std::size_t file = 0; file < bases.size(); ++file) {
        const std::uint32_t interrupts = read(file, reg::INT_STATUS);
        if (interrupts == 0) continue;
        const std::uint32_t iova = read(file, reg::PAGE_FAULT_ADDR);
        if (rk::interrupt::PAGE_FAULT.test(interrupts)) {
            const bool write_access = status::FAULT_IS_WRITE.test(read(file, reg::STATUS));
            console.err(prefix, "Page fault at {:#018x} of type {}", iova, write_access ? "write" : "read");
            log_iova(file, iova);
            // A domain's handler would be told here; no client of ours installs one.
            if (domain.peek() == nullptr) console.err(prefix, "Page fault while iommu not attached to domain?");
            base_command(file, Command::zap_cache);
            base_command(file, Command::page_fault_done);
        }
        if (rk::interrupt::BUS_ERROR.test(interrupts)) console.err(prefix, "BUS_ERROR occurred at {:#018x}", iova);
        if ((interrupts & ~rk::interrupt::kAll) != 0) {
            console.err(prefix, "unexpected int_status: {:#08x}", interrupts);
        }
        write(file, reg::INT_CLEAR, interrupts);
    }
}

std::uint32_t RkIommu::read_word(std::uint64_t address) {
    std::uint8_t bytes[rk::kWordBytes] = {};
    kernel().machine.memory_read(PhysAddr{address}, bytes, sizeof bytes);
    return static_cast<std::uint32_t>(load_le(bytes, sizeof bytes));
}

void RkIommu::log_iova(std::size_t file, std::uint32_t iova) {
    const std::uint32_t directory = rk::directory_index(iova), table = rk::table_index(iova);
    const std::uint64_t root = rk::address(read(file, reg::DTE_ADDR), version);
    const std::uint64_t dte_address = root + std::uint64_t{directory} * rk::kWordBytes;
    const std::uint32_t dte = read_word(dte_address);
    std::uint64_t pte_address = 0, page = 0;
    std::uint32_t pte = 0, flags = 0;
    if (rk::dte::VALID.test(dte)) {
        pte_address = rk::address(dte, version) + std::uint64_t{table} * rk::kWordBytes;
        pte = read_word(pte_address);
        if (rk::pte::VALID.test(pte)) {
            page = rk::address(pte, version) + (iova & 0xFFF);
            flags = pte & 0xFFF;
        }
    }
    Console& console = kernel().console;
    console.err(prefix, "iova = {:#018x}: dte_index: {:#03x} pte_index: {:#03x} page_offset: {:#03x}", iova, directory,
                table, iova & 0xFFF);
    console.err(prefix,
                "mmu_dte_addr: {:#018x} dte@{:#018x}: {:#08x} valid: {} pte@{:#018x}: {:#08x} valid: {} page@{:#018x} "
                "flags: {:#03x}",
                root, dte_address, dte, rk::dte::VALID.get(dte), pte_address, pte, rk::pte::VALID.get(pte), page,
                flags);
}

}  // namespace xlate::kernel
