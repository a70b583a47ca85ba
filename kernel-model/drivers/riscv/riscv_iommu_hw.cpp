#include "kernel-model/drivers/riscv/riscv_iommu_hw.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/core/errno.hpp"
#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

namespace rv = iommu::riscv;
namespace reg = iommu::riscv::reg;
namespace csr = iommu::riscv::queue_csr;
namespace ddtp = iommu::riscv::ddtp;

namespace {

constexpr std::uint32_t kCommandEntries = 8192, kFaultEntries = 4096;
constexpr std::uint64_t kDdtpTimeoutUs = 10'000'000, kCsrTimeoutUs = 150'000, kQueueTimeoutUs = 500'000,
                        kSyncTimeoutUs = 90'000'000, kPollUs = 10;
/// Looks at an untimed machine's hardware before it is believed to hang: its clock may stand still.
constexpr std::uint64_t kMaxLooks = 1'000'000;
constexpr SimTime kCpuRelax = ns(10);
constexpr unsigned kCommandQueue = 0, kFaultQueue = 1;  // bits of ipsr

RiscvQueue make_queue(std::uint32_t qbr, std::uint32_t qcr, unsigned qid, std::uint32_t bytes, std::uint32_t entries) {
    RiscvQueue queue;
    queue.qbr = qbr;
    queue.qcr = qcr;
    queue.head_register = qbr + 8;
    queue.tail_register = qbr + 12;
    queue.qid = qid;
    queue.entry_bytes = bytes;
    queue.mask = entries - 1;
    return queue;
}

constexpr std::uint32_t bits(std::initializer_list<Field> fields) {
    std::uint64_t word = 0;
    for (const Field& field : fields) word |= field.mask();
    return static_cast<std::uint32_t>(word);
}

}  // namespace

RiscvIommu::RiscvIommu(Kernel& the_kernel, Device& the_dev, PageAllocator& the_pages, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "riscv_iommu_device"),
      dev(the_dev),
      pages(the_pages),
      mistakes(the_mistakes),
      prefix("riscv,iommu " + the_dev.name),
      cmdq_(make_queue(reg::CQB, reg::CQCSR, kCommandQueue, rv::kCommandBytes, kCommandEntries)),
      fltq_(make_queue(reg::FQB, reg::FQCSR, kFaultQueue, rv::kFaultBytes, kFaultEntries)) {}

std::uint32_t RiscvIommu::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(regs + offset, 4));
}
std::uint64_t RiscvIommu::read64(std::uint32_t offset) { return kernel().machine.mmio_read(regs + offset, 8); }
void RiscvIommu::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(regs + offset, 4, value);
}
void RiscvIommu::write64(std::uint32_t offset, std::uint64_t value) {
    kernel().machine.mmio_write(regs + offset, 8, value);
}

template <typename Done>
bool RiscvIommu::poll(Done&& done, std::uint64_t period_us, std::uint64_t timeout_us) {
    const SimTime since = kernel().machine.now();
    for (std::uint64_t looks = 0; looks < kMaxLooks; ++looks) {
        if (done()) return true;
        if (kernel().machine.now() - since > us(timeout_us)) return done();
        kernel().machine.pass(period_us == 0 ? kCpuRelax : us(period_us));
    }
    return false;
}

int RiscvIommu::riscv_iommu_init() {
    Frame frame{kernel(), "riscv_iommu_init"};
    if (const int err = riscv_iommu_init_check(); err != 0) {
        kernel().console.err(prefix, "error {}: unexpected device state", err);
        return err;
    }
    if (const int err = riscv_iommu_iodir_alloc(); err != 0) return err;
    if (const int err = riscv_iommu_queue_alloc(cmdq_); err != 0) return err;
    if (const int err = riscv_iommu_queue_alloc(fltq_); err != 0) return err;
    if (const int err = riscv_iommu_queue_enable(cmdq_); err != 0) return err;
    if (const int err = riscv_iommu_queue_enable(fltq_); err != 0) {
        riscv_iommu_queue_disable(cmdq_);
        return err;
    }
    const int err = riscv_iommu_iodir_set_mode(ddtp::LVL3);
    if (err != 0) {
        riscv_iommu_queue_disable(fltq_);
        riscv_iommu_queue_disable(cmdq_);
    }
    return err;
}

// Off or passing, as firmware leaves it; one vector a source, as far as there are lines.
int RiscvIommu::riscv_iommu_init_check() {
    Frame frame{kernel(), "riscv_iommu_init_check"};
    const std::uint64_t state = read64(reg::DDTP);
    if (ddtp::BUSY.test(state) || ddtp::MODE.get(state) > ddtp::BARE) return -kEBUSY;
    if (rv::fctl::BE.test(fctl)) {
        if (!has(rv::caps::END)) return -kEINVAL;
        fctl &= ~static_cast<std::uint32_t>(rv::fctl::BE.mask());
        write(reg::FCTL, fctl);
    }
    icvec = rv::icvec::FIV.of(1 % irqs_count) | rv::icvec::PIV.of(2 % irqs_count) | rv::icvec::PMIV.of(3 % irqs_count);
    write64(reg::ICVEC, icvec);
    icvec = read64(reg::ICVEC);
    for (const Field& field : {rv::icvec::CIV, rv::icvec::FIV, rv::icvec::PIV, rv::icvec::PMIV}) {
        if (field.get(icvec) >= irqs_count) return -kEINVAL;
    }
    return 0;
}

std::uint64_t RiscvIommu::riscv_iommu_read_ddtp() {
    std::uint64_t value = 0;
    poll(
        [&] {
            value = read64(reg::DDTP);
            return !ddtp::BUSY.test(value);
        },
        kPollUs, kDdtpTimeoutUs);
    return value;
}

int RiscvIommu::riscv_iommu_iodir_alloc() {
    Frame frame{kernel(), "riscv_iommu_iodir_alloc"};
    std::uint64_t value = riscv_iommu_read_ddtp();
    if (ddtp::BUSY.test(value)) return -kEBUSY;
    // A page number that reads back is the hardware's own directory.
    write64(reg::DDTP, ddtp::MODE.of(ddtp::MODE.get(value)));
    value = riscv_iommu_read_ddtp();
    if (ddtp::BUSY.test(value)) return -kEBUSY;
    const auto page = pages.alloc_zeroed(pages.page_bytes());
    if (!page) return -kENOMEM;
    ddt_phys_ = *page;
    return 0;
}

// The base register keeps as many size bits as the hardware has entries for.
int RiscvIommu::riscv_iommu_queue_alloc(RiscvQueue& queue) {
    Frame frame{kernel(), "riscv_iommu_queue_alloc"};
    write64(queue.qbr, rv::queue_base::LOG2SZ.mask());
    const auto most = static_cast<unsigned>(rv::queue_base::LOG2SZ.get(read64(queue.qbr)));
    unsigned log2 = std::min(log2_floor(queue.mask), most);
    std::optional<PhysAddr> memory;
    for (;; --log2) {
        memory = pages.alloc_zeroed(std::uint64_t{queue.entry_bytes} << (log2 + 1));
        if (memory || log2 == 0) break;
    }
    if (!memory) return -kENOMEM;
    queue.phys = *memory;
    const std::uint64_t base =
        rv::queue_base::PPN.of(queue.phys.value >> rv::kPageBits) | rv::queue_base::LOG2SZ.of(log2);
    write64(queue.qbr, base);
    if (read64(queue.qbr) != base) {
        kernel().console.err(prefix, "queue #{} allocation failed", queue.qid);
        return -kENODEV;
    }
    queue.mask = (2U << log2) - 1;
    return 0;
}

int RiscvIommu::riscv_iommu_queue_enable(RiscvQueue& queue) {
    Frame frame{kernel(), "riscv_iommu_queue_enable"};
    request_irqs();
    write(queue.qid == kCommandQueue ? queue.tail_register : queue.head_register, 0);
    write(queue.qcr, bits({csr::EN, csr::IE, csr::MF}));
    std::uint32_t state = 0;
    poll(
        [&] {
            state = read(queue.qcr);
            return !csr::BUSY.test(state);
        },
        kPollUs, kCsrTimeoutUs);
    constexpr std::uint32_t kLooked = bits({csr::ON, csr::BUSY, csr::MF});
    if ((state & kLooked) != csr::ON.mask()) {
        riscv_iommu_queue_disable(queue);
        kernel().console.err(prefix, "queue #{} failed to start", queue.qid);
        return -kEBUSY;
    }
    write(reg::IPSR, 1U << queue.qid);
    return 0;
}

void RiscvIommu::riscv_iommu_queue_disable(RiscvQueue& queue) {
    write(queue.qcr, 0);
    std::uint32_t state = 0;
    poll(
        [&] {
            state = read(queue.qcr);
            return !csr::BUSY.test(state);
        },
        kPollUs, kCsrTimeoutUs);
    if ((state & bits({csr::ON, csr::BUSY})) != 0) {
        kernel().console.err(prefix, "fail to disable hardware queue #{}, csr 0x{:x}", queue.qid, state);
    }
}

// The largest number of levels that the hardware takes.
int RiscvIommu::riscv_iommu_iodir_set_mode(unsigned ddtp_mode) {
    Frame frame{kernel(), "riscv_iommu_iodir_set_mode"};
    std::uint64_t value = riscv_iommu_read_ddtp();
    if (ddtp::BUSY.test(value)) return -kEBUSY;
    std::uint64_t mode = ddtp::MODE.get(value);
    if (mode > ddtp::BARE && ddtp_mode > ddtp::BARE) return -kEINVAL;
    unsigned wanted = ddtp_mode;
    for (;;) {
        std::uint64_t next = ddtp::MODE.of(wanted);
        if (wanted > ddtp::BARE) next |= ddtp::PPN.of(ddt_phys_.value >> rv::kPageBits);
        write64(reg::DDTP, next);
        value = riscv_iommu_read_ddtp();
        if (ddtp::BUSY.test(value)) {
            kernel().console.err(prefix, "timeout when setting ddtp (ddt mode: {}, read: {:x})", wanted, value);
            return -kEBUSY;
        }
        mode = ddtp::MODE.get(value);
        if (mode == wanted) break;
        if (wanted < ddtp::LVL1 && next != value) {
            kernel().console.err(prefix, "DDTP update failed hw: {:x} vs {:x}", value, next);
            return -kEINVAL;
        }
        if (mode < ddtp::LVL1 && wanted > ddtp::LVL1) {
            --wanted;
            continue;
        }
        kernel().console.err(prefix, "DDTP hw mode {}, failed to set {}", mode, ddtp_mode);
        return -kEINVAL;
    }
    ddt_mode = static_cast<unsigned>(mode);
    riscv_iommu_cmd_send({rv::cmd::OPCODE.of(static_cast<unsigned>(rv::Opcode::IODIR)), 0});
    riscv_iommu_cmd_send({rv::cmd::OPCODE.of(static_cast<unsigned>(rv::Opcode::IOTINVAL)), 0});
    riscv_iommu_cmd_sync();
    return 0;
}

void RiscvIommu::riscv_iommu_disable() {
    Frame frame{kernel(), "riscv_iommu_disable"};
    write64(reg::DDTP, ddtp::MODE.of(ddtp::BARE));
    write(reg::CQCSR, 0);
    write(reg::FQCSR, 0);
    write(reg::PQCSR, 0);
}

std::optional<PhysAddr> RiscvIommu::riscv_iommu_get_dc(std::uint32_t devid) {
    Frame frame{kernel(), "riscv_iommu_get_dc"};
    const bool extended = has(rv::caps::MSI_FLAT);
    if (ddt_mode < ddtp::LVL1 || ddt_mode > ddtp::LVL3) return std::nullopt;
    const auto depth = static_cast<unsigned>(ddt_mode - ddtp::LVL1);
    const rv::IdField top = rv::device_index(depth, extended);
    if (devid >> (top.lsb + top.width) != 0) return std::nullopt;
    PhysAddr at = ddt_phys_;
    for (unsigned level = depth; level > 0; --level) {
        at = at + rv::device_index(level, extended).of(devid) * rv::kDirectoryEntryBytes;
        std::uint64_t entry = pages.read_u64(at);
        if (!rv::directory::V.test(entry)) {
            const auto page = pages.alloc_zeroed(pages.page_bytes());
            if (!page) return std::nullopt;
            // Another CPU may have been here meanwhile: it was first.
            entry = pages.read_u64(at);
            if (rv::directory::V.test(entry)) {
                pages.free(*page, pages.page_bytes());
            } else {
                entry = rv::directory::PPN.of(page->value >> rv::kPageBits) | rv::directory::V.of(1);
                pages.write_u64(at, entry);
            }
        }
        at = PhysAddr{rv::directory::PPN.get(entry) << rv::kPageBits};
    }
    const std::uint32_t bytes = extended ? rv::kExtendedContextBytes : rv::kBaseContextBytes;
    return at + rv::device_index(0, extended).of(devid) * bytes;
}

// Positions are reserved, filled and published in order, each by the task that reserved it.
std::optional<std::uint32_t> RiscvIommu::riscv_iommu_queue_send(const rv::CommandWords& command) {
    Frame frame{kernel(), "riscv_iommu_queue_send"};
    RiscvQueue& queue = cmdq_;
    const std::uint32_t prod = queue.prod++;
    if (prod - queue.head > queue.mask) {
        if (!poll([&] { return prod - queue.head < queue.mask; }, 0, kQueueTimeoutUs)) return std::nullopt;
    } else if (prod - queue.head == queue.mask) {
        const std::uint32_t last = queue.head & queue.mask;
        std::uint32_t head = 0;
        const bool moved = poll(
            [&] {
                head = read(queue.head_register);
                return (head & ~queue.mask) == 0 && head != last;
            },
            0, kQueueTimeoutUs);
        if (!moved) return std::nullopt;
        queue.head += (head - last) & queue.mask;
    }
    pages.write_words(queue.phys + std::uint64_t{prod & queue.mask} * queue.entry_bytes, command.data(),
                      command.size());
    if (!poll([&] { return queue.tail == prod; }, 0, kQueueTimeoutUs)) return std::nullopt;
    write(queue.tail_register, (prod + 1) & queue.mask);
    ++queue.tail;
    return prod;
}

std::uint32_t RiscvIommu::riscv_iommu_queue_cons() {
    const std::uint32_t cons = cmdq_.head;
    const std::uint32_t head = read(cmdq_.head_register);
    if ((head & ~cmdq_.mask) != 0) return cons;
    return cons + ((head - cons) & cmdq_.mask);
}

bool RiscvIommu::riscv_iommu_queue_wait(std::uint32_t index) {
    const auto passed = [index](std::uint32_t cons) { return static_cast<std::int32_t>(cons - index) > 0; };
    if (passed(cmdq_.head)) return true;
    return poll([&] { return passed(riscv_iommu_queue_cons()); }, 0, kSyncTimeoutUs);
}

void RiscvIommu::riscv_iommu_cmd_send(const rv::CommandWords& command) {
    if (!riscv_iommu_queue_send(command)) kernel().console.err(prefix, "Hardware error: command enqueue failed");
}

void RiscvIommu::riscv_iommu_cmd_sync() {
    Frame frame{kernel(), "riscv_iommu_cmd_sync"};
    const rv::CommandWords fence{
        rv::cmd::OPCODE.of(static_cast<unsigned>(rv::Opcode::IOFENCE)) | rv::cmd::PR.of(1) | rv::cmd::PW.of(1), 0};
    const auto index = riscv_iommu_queue_send(fence);
    if (mistakes.has(Mistake::return_before_sync)) return;
    if ((!index || !riscv_iommu_queue_wait(*index)) && !command_timeout_told_) {
        command_timeout_told_ = true;
        kernel().console.err(prefix, "Hardware error: command execution timeout");
    }
}

// A line that several sources share has one handler here, which asks each (IRQF_SHARED).
void RiscvIommu::request_irqs() {
    if (connected_) return;
    connected_ = true;
    irqs_.reserve(irqs_count);
    for (unsigned vector = 0; vector < irqs_count; ++vector) {
        irqs_.emplace_back(kernel(), "irq/" + dev.name + "-" + std::to_string(vector), 0);
        kernel().machine.connect_interrupt(*dev.of_node, std::to_string(vector),
                                           irqs_.back().entry([this, vector] { riscv_iommu_interrupt(vector); }));
    }
}

/// Linux riscv_iommu_queue_ipsr(), for the queues of this vector.
void RiscvIommu::riscv_iommu_interrupt(unsigned vector) {
    const std::uint32_t pending = read(reg::IPSR);
    if (rv::icvec::CIV.get(icvec) == vector && rv::ipsr::CIP.test(pending)) riscv_iommu_cmdq_process();
    if (rv::icvec::FIV.get(icvec) == vector && rv::ipsr::FIP.test(pending)) riscv_iommu_fltq_process();
}

void RiscvIommu::riscv_iommu_cmdq_process() {
    Frame frame{kernel(), "riscv_iommu_cmdq_process"};
    const std::uint32_t state = read(reg::CQCSR);
    if ((state & bits({csr::MF, csr::CMD_TO, csr::CMD_ILL, csr::FENCE_W_IP})) != 0) {
        write(reg::CQCSR, state);
        kernel().console.warn(prefix, "Queue #{} error; fault:{} timeout:{} illegal:{} fence_w_ip:{}", cmdq_.qid,
                              csr::MF.get(state), csr::CMD_TO.get(state), csr::CMD_ILL.get(state),
                              csr::FENCE_W_IP.get(state));
    }
    write(reg::IPSR, static_cast<std::uint32_t>(rv::ipsr::CIP.mask()));
}

void RiscvIommu::riscv_iommu_fltq_process() {
    Frame frame{kernel(), "riscv_iommu_fltq_process"};
    write(reg::IPSR, static_cast<std::uint32_t>(rv::ipsr::FIP.mask()));
    for (;;) {
        const std::uint32_t tail = read(fltq_.tail_register);
        if ((tail & ~fltq_.mask) != 0) break;
        std::uint32_t head = fltq_.head & fltq_.mask;
        const std::uint32_t count = (tail - head) & fltq_.mask;
        if (count == 0) break;
        for (std::uint32_t i = 0; i < count; ++i, head = (head + 1) & fltq_.mask) {
            const PhysAddr at = fltq_.phys + std::uint64_t{head} * fltq_.entry_bytes;
            const std::uint64_t header = pages.read_u64(at);
            const std::uint64_t cause = rv::fault::CAUSE.get(header);
            if (cause == 0) continue;
            kernel().console.warn(prefix, "Fault {} devid: 0x{:x} iotval: {:x} iotval2: {:x}", cause,
                                  rv::fault::DID.get(header), pages.read_u64(at + 16), pages.read_u64(at + 24));
        }
        fltq_.head += count;
        write(fltq_.head_register, fltq_.head & fltq_.mask);
    }
    const std::uint32_t state = read(reg::FQCSR);
    if ((state & bits({csr::MF, csr::OVERFLOW})) != 0) {
        write(reg::FQCSR, state);
        kernel().console.warn(prefix, "Queue #{} error; memory fault: {} overflow: {}", fltq_.qid, csr::MF.get(state),
                              csr::OVERFLOW.get(state));
    }
}

}  // namespace xlate::kernel
