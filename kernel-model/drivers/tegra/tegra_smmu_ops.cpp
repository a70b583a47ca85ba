// tegra_smmu_ops: how clients come to an instance, and their groups.
#include <algorithm>

#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/tegra/tegra_mc.hpp"

namespace xlate::kernel {

namespace {

constexpr unsigned kRelease61 = 601;

bool is_pci(const Device& dev) { return dev.bus != nullptr && dev.bus->name == "pci"; }

}  // namespace

TegraSmmuOps::TegraSmmuOps(IommuCore& core, BusType& platform, PageAllocator& pages,
                           std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group)
    : IommuOps("tegra-smmu"),
      core_(core),
      platform_(platform),
      pages_(pages),
      pci_device_group_(std::move(pci_device_group)) {
    properties.checks_fwspec = false;
    properties.checks_priv = true;
    properties.uses_ids_after_probe = true;
    properties.xlate_sets_priv = true;
    properties.instance_lookup = InstanceLookup::priv;
}

/// The controller at a node; null: no device, or not probed.
Ptr<TegraMc> TegraSmmuOps::find_mc(FwNode np, const char* step) {
    const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, np, step));
    if (!provider) return {};
    return Ptr<TegraMc>(static_cast<TegraMc*>(provider.deref(step)->driver_data));
}

int TegraSmmuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "tegra_smmu_of_xlate"};
    const Ptr<TegraMc> mc = find_mc(args.np, "OX1");
    core_.dev_iommu_priv_set(dev, mc.deref("OX1")->smmu.read("OX2"), "OX3");
    return core_.iommu_fwspec_add_ids(dev, {args.args.empty() ? 0 : args.args.front()});
}

// Until 6.8 a fwspec that is made here names the client itself as its IOMMU's node, which no look-up finds.
int TegraSmmuOps::tegra_smmu_configure(Ptr<TegraSmmu> smmu, Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "tegra_smmu_configure"};
    const bool names_client = !core_.variant.has(Cap::fwspec_resolves_ops);
    const FwNode node = names_client ? *dev.of_node : *smmu.deref("TGC1")->dev.of_node;
    if (const int err = core_.iommu_fwspec_init(dev, node, this); err != 0) {
        core_.k.console.err(dev.prefix(), "failed to initialize fwspec: {}", err);
        return err;
    }
    if (const int err = of_xlate(dev, args); err != 0) {
        core_.k.console.err(dev.prefix(), "failed to parse SW group ID: {}", err);
        if (!core_.variant.has(Cap::no_driver_fwspec_free)) core_.iommu_fwspec_free(dev);
        return err;
    }
    return 0;
}

// Its own parse, whoever has parsed the client before: an entry of another IOMMU is passed over.
PtrOrErr<IommuDevice> TegraSmmuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "tegra_smmu_probe_device"};
    if (dev.of_node) {
        for (const firmware::IommuEntry& entry : core_.description.node(*dev.of_node).iommus) {
            if (!entry.provider) break;
            const Ptr<TegraMc> mc = find_mc(entry.provider, "PP1");
            const Ptr<TegraSmmu> smmu = mc ? mc.deref("PP1")->smmu.read("PP2") : Ptr<TegraSmmu>{};
            if (!smmu) continue;
            if (const int err = tegra_smmu_configure(smmu, dev, {*entry.provider, entry.args}); err != 0) {
                return {{}, err};
            }
        }
    }
    const Ptr<TegraSmmu> smmu = ptr_cast<TegraSmmu>(core_.dev_iommu_priv_get(dev, "PR2"));
    if (!smmu) return {{}, -kENODEV};
    return {smmu.deref("PR3")->iommu, 0};
}

void TegraSmmuOps::tegra_smmu_group_release(TegraSmmu& smmu, unsigned group_id) {
    smmu.lock.lock("GRR1");
    smmu.groups.erase(std::remove_if(smmu.groups.begin(), smmu.groups.end(),
                                     [&](const TegraSmmuGroup& one) { return one.id == group_id; }),
                      smmu.groups.end());
    smmu.lock.unlock("GRR2");
}

// By the first id. The lock does not keep a group alive whose last reference is going (F15).
PtrOrErr<IommuGroup> TegraSmmuOps::device_group(Device& dev) {
    Frame frame{core_.k, "tegra_smmu_device_group"};
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "GR1");
    const Ptr<TegraSmmu> priv = ptr_cast<TegraSmmu>(core_.dev_iommu_priv_get(dev, "GR1"));
    TegraSmmu& smmu = *priv.deref("GR1");
    const std::uint32_t swgroup = fwspec.deref("GR1")->id(0, "GR1");
    const iommu::tegra::GroupSoc* const soc = smmu.tegra_smmu_find_group(swgroup);

    smmu.lock.lock("GR2");
    const auto found = std::find_if(smmu.groups.begin(), smmu.groups.end(), [&](const TegraSmmuGroup& one) {
        return one.swgroup == swgroup || (soc != nullptr && one.soc == soc);
    });
    PtrOrErr<IommuGroup> result;
    if (found != smmu.groups.end()) {
        result.value = found->group;
        core_.iommu_group_ref_get(result.value, "GR3");
    } else {
        result = is_pci(dev) && pci_device_group_ ? pci_device_group_(dev) : core_.generic_device_group(dev);
        if (result.err == 0) {
            const unsigned id = result.value.deref("GR4")->id;
            smmu.groups.push_back({id, swgroup, soc, result.value});
            result.value.deref("GR5")->on_release = [priv, id] { tegra_smmu_group_release(*priv.deref("GRR1"), id); };
        }
    }
    smmu.lock.unlock("GR6");
    return result;
}

DomainType TegraSmmuOps::def_domain_type(Device&) {
    return core_.variant.release <= kRelease61 ? DomainType::none : DomainType::identity;
}

Ptr<IommuDomain> TegraSmmuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "tegra_smmu_domain_alloc_paging"};
    const bool paging = type == DomainType::dma || type == DomainType::dma_fq;
    const bool older = core_.variant.release <= kRelease61;  // 6.1: unmanaged alone
    if (type != DomainType::unmanaged && (older || !paging)) return {};
    const Ptr<TegraSmmuAs> as = core_.k.heap.make<TegraSmmuAs>("TGD1", type, core_, pages_);
    if (!as) return {};
    if (as->init() != 0) {
        core_.k.heap.release(as, "TGD2");
        return {};
    }
    return as;
}

Ptr<IommuDomain> TegraSmmuOps::identity_domain() {
    if (core_.variant.release <= kRelease61) return {};
    if (!identity_) {
        identity_ = core_.k.heap.make<TegraSmmuAs>("TGD3", DomainType::identity, core_, pages_);
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

}  // namespace xlate::kernel
