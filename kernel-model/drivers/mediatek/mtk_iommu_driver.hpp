// The Linux driver mtk-iommu: binds to M4Us and infrastructure IOMMUs, and is the IOMMU core's driver for the masters
// behind them. Function names are Linux's.
// Source: docs/spec/kernel-probe.md section 5.2, row mediatek; docs/findings.md F16; docs/spec/linux-findings.md 39 to
// 42.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "kernel-model/drivers/mediatek/mtk_iommu.hpp"

namespace xlate::kernel {

/// Linux mtk_iommu_ops. One for all instances.
class MtkIommuOps final : public IommuOps {
public:
    MtkIommuOps(IommuCore& core, BusType& platform, RuntimePm& power, PageAllocator& pages);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    std::vector<ReservedRegion> get_resv_regions(Device& dev) override;
    bool capable_deferred_flush() const override { return false; }

private:
    IommuCore& core_;
    BusType& platform_;
    RuntimePm& power_;
    PageAllocator& pages_;
    Ptr<IommuDomain> identity_;
};

/// The platform driver.
class MtkIommuDriver final : public Driver {
public:
    MtkIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

    MtkIommuOps& ops() { return ops_; }

private:
    int probe_steps(Device& dev, MtkIommu& data, const firmware::Node& node);
    int read_4gb_mode(MtkIommu& data, const firmware::Node& node);
    int mtk_iommu_mm_dts_parse(MtkIommu& data, const firmware::Node& node);
    void mtk_iommu_bind(MtkIommu& data);
    /// Of those that share its tables; device_group and the domains look there.
    void add_to_list(MtkIommu& data);
    static void remove_from_list(MtkIommu& data);
    std::optional<firmware::NodeIndex> syscon(std::string_view compatible) const;

    IommuCore& core_;
    RuntimePm& power_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    MtkIommuOps ops_;
    std::vector<MtkIommu*> m4ulist_;               ///< those that share their tables, in order of probing
    std::list<std::vector<MtkIommu*>> own_lists_;  ///< of the others, one each
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_mtk_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
