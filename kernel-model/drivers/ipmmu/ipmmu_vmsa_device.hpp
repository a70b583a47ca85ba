// One IPMMU as its driver sees it: its registers, the contexts of a root, what a fault's interrupt does. Function names
// are Linux's. Source: docs/spec/iommu-hardware.md section 16.4, docs/spec/linux-findings.md 33 to 37 (register logs of
// 6.12.107); Linux drivers/iommu/ipmmu-vmsa.c. Not modelled: suspend and resume.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "iommu/ipmmu/layout.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

class IpmmuVmsaDomain;

/// Linux struct ipmmu_features, beside what the hardware's layout says.
struct IpmmuFeatures {
    iommu::ipmmu::Generation generation = iommu::ipmmu::Generation::gen3;
    bool setup_imbuscr = false;
    bool reserved_context = true;  ///< context 0 is not used
    bool cache_snoop = false;      ///< walks are inner shareable, write-back

    iommu::ipmmu::Shape shape() const { return iommu::ipmmu::shape(generation); }
    bool has_cache_leaf_nodes() const { return shape().leaves; }
};
/// By the first of the node's compatibles that the driver knows; none: it does not bind.
std::optional<IpmmuFeatures> ipmmu_features(const firmware::Node& node);

/// Linux struct ipmmu_vmsa_device. Task side only; ipmmu_irq is called by IrqThread.
class IpmmuVmsaDevice final : public HeapObject {
public:
    static constexpr unsigned kContexts = 16;  ///< IPMMU_CTX_MAX

    IpmmuVmsaDevice(Kernel& the_kernel, Device& the_dev, const IpmmuFeatures& the_features,
                    const Mistakes& the_mistakes);

    Device& dev;
    const IpmmuFeatures features;
    const Mistakes mistakes;
    const std::string prefix;   ///< "ipmmu-vmsa e67b0000.iommu"
    PhysAddr regs{};            ///< the window's start
    Ptr<IpmmuVmsaDevice> root;  ///< itself, or whose cache it is
    Ptr<IommuDevice> iommu;     ///< roots of Gen3 and Gen4 have none: nothing is behind them

    bool is_root() const { return root.get() == this; }
    unsigned num_ctx() const { return features.shape().contexts; }
    void ipmmu_device_reset();
    void request_irq(const firmware::Node& node);
    void reserve_context(unsigned context) { used_[context] = true; }
    /// A root's. -EBUSY: all are in use.
    int ipmmu_domain_allocate_context(IpmmuVmsaDomain& domain);
    void ipmmu_domain_free_context(unsigned context);

    std::uint32_t ipmmu_ctx_read(unsigned context, std::uint32_t reg);
    void ipmmu_ctx_write(unsigned context, std::uint32_t reg, std::uint32_t value);
    void ipmmu_imuctr_write(unsigned utlb, std::uint32_t value);
    void ipmmu_imuasid_write(unsigned utlb, std::uint32_t value);

    void visit_pointers(PointerVisitor& visitor) const override { visitor.visit(root.get()); }

private:
    void write(std::uint32_t offset, std::uint32_t value);
    void ipmmu_irq();
    void ipmmu_domain_irq(IpmmuVmsaDomain& domain);

    SpinLock lock_;
    std::array<bool, kContexts> used_{};
    std::array<IpmmuVmsaDomain*, kContexts> domains_{};
    IrqThread irq_;
};

}  // namespace xlate::kernel
