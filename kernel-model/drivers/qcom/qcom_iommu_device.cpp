#include "kernel-model/drivers/qcom/qcom_iommu_device.hpp"

#include "iommu/qcom/layout.hpp"
#include "iommu/smmuv2/layout.hpp"

namespace xlate::kernel {

namespace cb = iommu::smmuv2::cb;

namespace {

/// ARM_SMMU_FSR_FAULT: what a fault sets, MULTI and SS included.
constexpr std::uint32_t kFsrFault = 0xC00001FE;
constexpr std::uint32_t kResumeTerminate = 1;
constexpr unsigned kRelease61 = 601;

}  // namespace

std::optional<std::uint32_t> qcom_get_asid(const firmware::Node& context, unsigned release) {
    if (context.regs.empty()) return std::nullopt;
    const auto given = release > kRelease61 ? context.u32("qcom,ctx-asid") : std::nullopt;
    return iommu::qcom::asid_of(context.regs.front().address, given);
}

QcomIommuCtx::QcomIommuCtx(Kernel& the_kernel, Device& the_dev)
    : HeapObject(the_kernel, "qcom_iommu_ctx"),
      dev(the_dev),
      prefix("qcom-iommu-ctx " + the_dev.name),
      irq_(the_kernel, "irq/" + the_dev.name, 0) {}

std::uint32_t QcomIommuCtx::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(base + offset, 4));
}
void QcomIommuCtx::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(base + offset, 4, value);
}
void QcomIommuCtx::writeq(std::uint32_t offset, std::uint64_t value) {
    kernel().machine.mmio_write(base + offset, 8, value);
}

void QcomIommuCtx::request_irq(const firmware::Node& node) {
    kernel().machine.connect_interrupt(*dev.of_node, node.interrupts.front().name,
                                       irq_.entry([this] { qcom_iommu_fault(); }));
}

// Linux prints of a fault only if a handler of the client has taken it, so that one without a handler is silent.
void QcomIommuCtx::qcom_iommu_fault() {
    Frame frame{kernel(), "qcom_iommu_fault"};
    const std::uint32_t fsr = read(cb::FSR);
    if ((fsr & kFsrFault) == 0) return;
    read(cb::FSYNR0);
    kernel().machine.mmio_read(base + cb::FAR, 8);
    write(cb::FSR, fsr);
    write(cb::RESUME, kResumeTerminate);
}

QcomIommuDev::QcomIommuDev(Kernel& the_kernel, Device& the_dev, RuntimePm& the_power, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "qcom_iommu_dev"),
      dev(the_dev),
      power(the_power),
      mistakes(the_mistakes),
      prefix("qcom-iommu " + the_dev.name) {}

QcomIommuCtx* QcomIommuDev::ctx(std::uint32_t asid) const {
    const auto found = ctxs.find(asid);
    return found == ctxs.end() ? nullptr : found->second.get();
}

}  // namespace xlate::kernel
