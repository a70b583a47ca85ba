// The Linux driver of Tegra's memory controllers with an SMMU (tegra-mc: Tegra30, 114, 124, 132, 210) and the
// operations of tegra-smmu, which it probes. Function names are Linux's. The operations parse `iommus` by themselves in
// probe_device, so that a client's ids are stored twice where the core had parsed it before.
// Not modelled: clocks, timings of the EMC, resets, interconnect, the RAM code. Source: as tegra_smmu.hpp.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/tegra/tegra_smmu_as.hpp"

namespace xlate::kernel {

/// Linux struct tegra_mc. tegra30_mc_handle_irq is called by IrqThread.
class TegraMc final : public HeapObject {
public:
    TegraMc(Kernel& the_kernel, Device& the_dev, const iommu::tegra::Soc& the_soc, PhysAddr the_regs);

    Device& dev;
    const iommu::tegra::Soc& soc;
    const PhysAddr regs;
    const std::string prefix;     ///< "tegra-mc 70019000.memory-controller"
    Shared<Ptr<TegraSmmu>> smmu;  ///< none: its probe failed, or has not come to it

    /// Debug features off, latency allowances at their reset values.
    void tegra30_mc_probe();
    void request_irq(const firmware::Node& node);

    void visit_pointers(PointerVisitor& visitor) const override { visitor.visit(smmu.peek().get()); }

private:
    std::uint32_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);
    void tegra_mc_setup_latency_allowance();
    void tegra30_mc_handle_irq();
    void report(unsigned cause);

    IrqThread irq_;
};

/// Linux tegra_smmu_ops. One for all instances.
class TegraSmmuOps final : public IommuOps {
public:
    TegraSmmuOps(IommuCore& core, BusType& platform, PageAllocator& pages,
                 std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device&) override {}
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    DomainType def_domain_type(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    bool capable_deferred_flush() const override { return false; }

private:
    Ptr<TegraMc> find_mc(FwNode np, const char* step);
    int tegra_smmu_configure(Ptr<TegraSmmu> smmu, Device& dev, const OfPhandleArgs& args);
    static void tegra_smmu_group_release(TegraSmmu& smmu, unsigned group_id);

    IommuCore& core_;
    BusType& platform_;
    PageAllocator& pages_;
    const std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group_;
    Ptr<IommuDomain> identity_;
};

/// The platform driver.
class TegraMcDriver final : public Driver {
public:
    TegraMcDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                  std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device&) override {}

    TegraSmmuOps& ops() { return ops_; }

private:
    int tegra_smmu_probe(TegraMc& mc);

    IommuCore& core_;
    const Mistakes mistakes_;
    TegraSmmuOps ops_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_tegra_mc(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
