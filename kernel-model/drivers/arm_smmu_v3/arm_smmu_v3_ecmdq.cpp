// Enhanced command queues: found by IDR1, IDR6 and the control pages, one for each CPU.
// Source: IHI 0070 sections 3.5.6 and 6.2.5.
#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_device.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace reg = iommu::smmuv3::reg;

namespace {

/// Of each queue: room for a batch and its SYNC from each CPU that shares it.
constexpr unsigned kEcmdqMaxLog2 = 8;

}  // namespace

void ArmSmmuDevice::probe_ecmdqs() {
    ecmdq_registers_.clear();
    const std::uint32_t id6 = read(reg::IDR6);
    const auto log2_queues = static_cast<unsigned>(smmu::idr6::CMDQ_CONTROL_PAGE_LOG2NUMQ.get(id6));
    const std::uint64_t control_pages = std::uint64_t{1} << smmu::idr6::CMDQ_CONTROL_PAGE_LOG2NUMP.get(id6);
    const std::uint64_t wanted = std::min<std::uint64_t>(std::max(params.cpus, 1U), control_pages << log2_queues);
    const std::uint64_t step = smmu::kControlPageBytes >> log2_queues;
    for (std::uint64_t i = 0; i < wanted; ++i) {
        const auto page = static_cast<std::uint32_t>(i >> log2_queues);
        const std::uint64_t control =
            machine().mmio_read(at(reg::CMDQ_CONTROL_PAGE_BASE + page * reg::kControlPageStride), 8);
        const std::uint64_t offset = smmu::cmdq_control_page_base::ADDR.get(control) << 16;
        if (offset + smmu::kControlPageBytes > window_bytes_) {
            kernel().console.warn(prefix, "MMIO region too small for ECMDQs ({:#x} bytes)", window_bytes_);
            ecmdq_registers_.clear();
            return;
        }
        ecmdq_registers_.push_back(base_ + (offset + (i & low_mask(log2_queues)) * step));
    }
}

int ArmSmmuDevice::init_ecmdqs() {
    for (const PhysAddr registers : ecmdq_registers_) {
        auto queue = std::make_unique<ArmSmmuCmdq>(kernel(), pages, prefix);
        if (const int err = queue->init_ecmdq(registers, std::min(kEcmdqMaxLog2, cmdq_max_log2_)); err != 0) return err;
        queue->msi_polling = cmdq.msi_polling;
        queue->wait_for_event = cmdq.wait_for_event;
        ecmdqs.push_back(std::move(queue));
    }
    if (!ecmdqs.empty()) {
        kernel().console.info(prefix, "allocated {} ecmdqs of {} entries", ecmdqs.size(),
                              std::uint64_t{1} << ecmdqs.front()->log2_entries());
    }
    return 0;
}

int ArmSmmuDevice::enable_ecmdqs() {
    for (const auto& queue : ecmdqs) {
        if (const int err = queue->enable_ecmdq(); err != 0) {
            kernel().console.err(prefix, "failed to enable ecmdq");
            return err;
        }
    }
    return 0;
}

ArmSmmuCmdq& ArmSmmuDevice::get_cmdq() {
    if (ecmdqs.empty()) return cmdq;
    return *ecmdqs[kernel().sched.current().cpu % ecmdqs.size()];
}

}  // namespace xlate::kernel
