// One RISC-V IOMMU as Linux's driver sees it: registers, the two queues that it uses, the device directory. Function
// names are Linux's.
// Source: docs/spec/iommu-hardware.md section 9 ("Driver"); Linux drivers/iommu/riscv/iommu.c and iommu-platform.c as
// of 6.13, the first release with them. Not modelled: kdump, fixed queue and directory addresses, the page-request
// queue (Linux does not use it), hot removal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "iommu/riscv/layout.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

/// Linux struct riscv_iommu_queue. Positions count since the queue was enabled; an index is a position modulo the size.
struct RiscvQueue {
    std::uint32_t qbr = 0, qcr = 0, head_register = 0, tail_register = 0;
    unsigned qid = 0;  ///< its bit of ipsr
    std::uint32_t entry_bytes = 0;
    std::uint32_t mask = 0;  ///< entries less one
    PhysAddr phys{};
    std::uint32_t prod = 0, head = 0, tail = 0;  ///< of the command queue: reserved, consumed, published
};

/// Linux struct riscv_iommu_device. Task side only; the handlers are called by IrqThread.
class RiscvIommu final : public HeapObject {
public:
    RiscvIommu(Kernel& the_kernel, Device& the_dev, PageAllocator& the_pages, const Mistakes& the_mistakes);

    Device& dev;
    PageAllocator& pages;
    const Mistakes mistakes;
    const std::string prefix;  ///< "riscv,iommu 10010000.iommu"
    PhysAddr regs{};
    std::uint64_t caps = 0;
    std::uint32_t fctl = 0;
    std::uint64_t icvec = 0;
    unsigned irqs_count = 0;
    unsigned ddt_mode = 0;      ///< as ddtp has it
    std::uint64_t iohgatp = 0;  ///< of its device contexts: 0, or riscv_below_guest.hpp
    Ptr<IommuDevice> iommu;

    /// 0, or -errno; what is wrong has been printed.
    int riscv_iommu_init();
    void riscv_iommu_disable();

    /// Where the device context of `devid` stands; missing tables are made. Nothing: the id does not fit, or there is
    /// no memory.
    std::optional<PhysAddr> riscv_iommu_get_dc(std::uint32_t devid);
    void riscv_iommu_cmd_send(const iommu::riscv::CommandWords& command);
    /// A fence, and waits for it.
    void riscv_iommu_cmd_sync();

    bool has(Field capability) const { return capability.test(caps); }
    std::uint32_t read(std::uint32_t offset);
    std::uint64_t read64(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);
    void write64(std::uint32_t offset, std::uint64_t value);

private:
    int riscv_iommu_init_check();
    int riscv_iommu_iodir_alloc();
    int riscv_iommu_iodir_set_mode(unsigned ddtp_mode);
    std::uint64_t riscv_iommu_read_ddtp();
    int riscv_iommu_queue_alloc(RiscvQueue& queue);
    int riscv_iommu_queue_enable(RiscvQueue& queue);
    void riscv_iommu_queue_disable(RiscvQueue& queue);
    std::optional<std::uint32_t> riscv_iommu_queue_send(const iommu::riscv::CommandWords& command);
    bool riscv_iommu_queue_wait(std::uint32_t index);
    std::uint32_t riscv_iommu_queue_cons();
    void request_irqs();
    void riscv_iommu_interrupt(unsigned vector);
    void riscv_iommu_cmdq_process();
    void riscv_iommu_fltq_process();
    template <typename Done>
    bool poll(Done&& done, std::uint64_t period_us, std::uint64_t timeout_us);

    PhysAddr ddt_phys_{};
    RiscvQueue cmdq_, fltq_;
    std::vector<IrqThread> irqs_;
    bool connected_ = false;
    bool command_timeout_told_ = false;
};

}  // namespace xlate::kernel
