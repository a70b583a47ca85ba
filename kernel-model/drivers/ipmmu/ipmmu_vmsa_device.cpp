#include "kernel-model/drivers/ipmmu/ipmmu_vmsa_device.hpp"

#include "firmware/iommu_families.hpp"
#include "kernel-model/drivers/ipmmu/ipmmu_vmsa_domain.hpp"

namespace xlate::kernel {

namespace hw = iommu::ipmmu;
namespace reg = iommu::ipmmu::reg;

std::optional<IpmmuFeatures> ipmmu_features(const firmware::Node& node) {
    const firmware::IommuKind& kind = firmware::iommu_kind(node);
    if (kind.driver != "ipmmu-vmsa" || kind.compatible.empty()) return std::nullopt;
    IpmmuFeatures features;
    features.generation = hw::generation_of(kind.compatible);
    if (features.generation == hw::Generation::gen2) {
        features.setup_imbuscr = features.cache_snoop = true;
        features.reserved_context = false;
    }
    return features;
}

IpmmuVmsaDevice::IpmmuVmsaDevice(Kernel& the_kernel, Device& the_dev, const IpmmuFeatures& the_features,
                                 const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "ipmmu_vmsa_device"),
      dev(the_dev),
      features(the_features),
      mistakes(the_mistakes),
      prefix("ipmmu-vmsa " + the_dev.name),
      lock_(the_kernel, "mmu->lock"),
      irq_(the_kernel, "irq/" + the_dev.name, 0) {}

void IpmmuVmsaDevice::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(regs + offset, 4, value);
}
std::uint32_t IpmmuVmsaDevice::ipmmu_ctx_read(unsigned context, std::uint32_t reg) {
    return static_cast<std::uint32_t>(
        kernel().machine.mmio_read(regs + hw::context_register(features.shape(), context, reg), 4));
}
void IpmmuVmsaDevice::ipmmu_ctx_write(unsigned context, std::uint32_t reg, std::uint32_t value) {
    write(hw::context_register(features.shape(), context, reg), value);
}
void IpmmuVmsaDevice::ipmmu_imuctr_write(unsigned utlb, std::uint32_t value) {
    write(hw::utlb_register(features.shape(), utlb, reg::IMUCTR), value);
}
void IpmmuVmsaDevice::ipmmu_imuasid_write(unsigned utlb, std::uint32_t value) {
    write(hw::utlb_register(features.shape(), utlb, reg::IMUASID), value);
}

void IpmmuVmsaDevice::ipmmu_device_reset() {
    Frame frame{kernel(), "ipmmu_device_reset"};
    for (unsigned context = 0; context < num_ctx(); ++context) ipmmu_ctx_write(context, reg::IMCTR, 0);
}

void IpmmuVmsaDevice::request_irq(const firmware::Node& node) {
    kernel().machine.connect_interrupt(*dev.of_node, node.interrupts.front().name, irq_.entry([this] { ipmmu_irq(); }));
}

int IpmmuVmsaDevice::ipmmu_domain_allocate_context(IpmmuVmsaDomain& domain) {
    lock_.lock("IPC1");
    int found = -kEBUSY;
    for (unsigned context = 0; context < num_ctx() && found < 0; ++context) {
        if (used_[context]) continue;
        used_[context] = true;
        domains_[context] = &domain;
        found = static_cast<int>(context);
    }
    lock_.unlock("IPC2");
    return found;
}

void IpmmuVmsaDevice::ipmmu_domain_free_context(unsigned context) {
    lock_.lock("IPC3");
    used_[context] = false;
    domains_[context] = nullptr;
    lock_.unlock("IPC4");
}

void IpmmuVmsaDevice::ipmmu_irq() {
    Frame frame{kernel(), "ipmmu_irq"};
    lock_.lock("IPI1");
    for (IpmmuVmsaDomain* const domain : domains_) {
        if (domain != nullptr) ipmmu_domain_irq(*domain);
    }
    lock_.unlock("IPI2");
}

// The address first: writing the status clears it.
void IpmmuVmsaDevice::ipmmu_domain_irq(IpmmuVmsaDomain& domain) {
    const unsigned context = domain.context_id();
    const std::uint32_t status = ipmmu_ctx_read(context, reg::IMSTR);
    if ((status & hw::imstr::kAll) == 0) return;
    std::uint64_t iova = ipmmu_ctx_read(context, reg::IMELAR);
    iova |= std::uint64_t{ipmmu_ctx_read(context, reg::IMEUAR)} << 32;
    ipmmu_ctx_write(context, reg::IMSTR, 0);
    const std::string& of = domain.device_prefix();
    if (hw::imstr::MHIT.test(status)) kernel().console.err(of, "Multiple TLB hits @0x{:x}", iova);
    if (hw::imstr::ABORT.test(status)) kernel().console.err(of, "Page Table Walk Abort @0x{:x}", iova);
    if (!hw::imstr::PF.test(status) && !hw::imstr::TF.test(status)) return;
    kernel().console.err(of, "Unhandled fault: status 0x{:08x} iova 0x{:x}", status, iova);
}

}  // namespace xlate::kernel
