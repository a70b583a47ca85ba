// What model drivers make of firmware: of_xlate, and the drivers that parse by themselves.
// Source: docs/spec/kernel-probe.md section 5.
#include <algorithm>
#include <utility>

#include "kernel-model/drivers/model/model_driver.hpp"
#include "kernel-model/of/of_core.hpp"

namespace xlate::kernel {

namespace {

// rockchip's of_xlate resets the instance's domain; 6.12.107 has the repair.
constexpr unsigned kReleaseWithReset = 607;
constexpr unsigned kReleaseOf612 = 612;

}  // namespace

Ptr<ModelIommu> ModelIommuOps::instance_by_node(FwNode node, const char* step) {
    Frame frame{core_.k, "instance_by_node"};
    const Device* dev = properties.instance_lookup == InstanceLookup::bound
                            ? core_.driver_core.driver_find_device_by_fwnode(driver_, node, step)
                            : core_.driver_core.bus_find_device_by_fwnode(bus_, node, step);
    return Ptr<ModelIommu>(dev != nullptr ? static_cast<ModelIommu*>(dev->driver_data) : nullptr);
}

int ModelIommuOps::xlate_priv(Device& dev, Ptr<ModelIommu> instance, const OfPhandleArgs& args) {
    using Priv = ModelDriverRow::Priv;
    switch (row.xlate_priv) {
        case Priv::none:
        case Priv::first_master:
            return 0;
        case Priv::instance:
            if (row.one_instance) {
                const Ptr<HeapObject> old = core_.dev_iommu_priv_get(dev, "OX2");
                if (old && old.get() != instance.get()) return -kEINVAL;
            }
            core_.dev_iommu_priv_set(dev, instance, "OX3");
            return 0;
        case Priv::instance_once:
            if (!core_.dev_iommu_priv_get(dev, "OX2")) core_.dev_iommu_priv_set(dev, instance, "OX3");
            return 0;
        case Priv::data_once:
        case Priv::data_each: {
            Ptr<ModelMaster> data;
            if (row.xlate_priv == Priv::data_once) data = ptr_cast<ModelMaster>(core_.dev_iommu_priv_get(dev, "OX2"));
            if (!data) {
                data = core_.k.heap.make<ModelMaster>("OX2");
                if (!data) return -kENOMEM;
                // devm memory of the platform device: freed with it, so the last one wins without a leak.
                if (row.xlate_priv == Priv::data_each) core_.k.heap.set_immortal(*data);
                core_.dev_iommu_priv_set(dev, data, "OX3");
            }
            auto& instances = data.deref("OX4")->instances;
            const auto add_stream = [&] {
                if (row.group != ModelDriverRow::Group::streams || args.args.empty()) return;
                const std::uint32_t id = args.args.front();
                for (const ModelMaster::Stream& one : data->streams) {
                    if (one.instance == instance && one.id == id) return;
                }
                data->streams.push_back({instance, id});
            };
            if (std::find(instances.begin(), instances.end(), instance) != instances.end()) {
                add_stream();
                return 0;
            }
            if (const int err = check_alike(*data, *instance); err != 0) return err;
            if (instances.size() >= row.max_instances) return -kEINVAL;
            instances.push_back(instance);
            add_stream();
            return 0;
        }
    }
    return 0;
}

int ModelIommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "of_xlate"};
    check_loaded("OX1");
    if (row.xlate_priv != ModelDriverRow::Priv::none) {
        const Ptr<ModelIommu> instance = instance_by_node(args.np, "OX1");
        if (!instance) return row.missing_instance;
        if (const int err = check_xlate(dev, args, *instance); err != 0) return err;
        // X1: its data are allocated for a device that a global names, which the first probe sets at its end.
        if (row.xlate_priv == ModelDriverRow::Priv::data_each && !any_registered && meets_walk_half_made())
            check_pointer(nullptr, "OX2");
        if (row.xlate_priv == ModelDriverRow::Priv::first_master)
            return first_master(dev, instance, id_of_cells(row, args.args));
        if (const int err = xlate_priv(dev, instance, args); err != 0) return err;
    }
    int err = 0;
    const unsigned release = core_.variant.release;
    if (row.resets_domain && release >= kReleaseWithReset && release != kReleaseOf612) {
        const Ptr<ModelMaster> data = ptr_cast<ModelMaster>(core_.dev_iommu_priv_get(dev, "OX4"));
        data.deref("OX4")->instances.front().deref("OX4")->attached->write(nullptr, "OX4");
    }
    if (row.xlate_ids && !args.args.empty()) err = core_.iommu_fwspec_add_ids(dev, {id_of_cells(row, args.args)});
    check_loaded("OX5");  // back in the driver's code
    return err;
}

int ModelIommuOps::of_xlate_fwspec(Ptr<IommuFwspec> fwspec, Device&, const OfPhandleArgs& args) {
    Frame frame{core_.k, "of_xlate_fwspec"};
    check_loaded("OX1");
    if (args.args.empty()) return -kEINVAL;
    const int err = core_.iommu_fwspec_append_ids(fwspec, {id_of_cells(row, args.args)});
    check_loaded("OX5");
    return err;
}

/// Drivers that walk `iommus` themselves, under L2: omap (phandles only), tegra and mtk-v1 (with fwspec and id).
int ModelIommuOps::parse_in_probe(Device& dev) {
    Frame frame{core_.k, "parse_in_probe"};
    if (!dev.of_node) return -kENODEV;
    const auto& entries = core_.description.node(*dev.of_node).iommus;
    if (entries.empty()) return -kENODEV;
    if (row.lookup == InstanceLookup::phandle) return collect_instances(dev, entries);
    for (const firmware::IommuEntry& entry : entries) {
        if (!entry.provider) return -kEINVAL;
        const Ptr<ModelIommu> instance = instance_by_node(entry.provider, "PP1");
        if (!instance) continue;
        // Up to 6.8 tegra names the client itself as its IOMMU: nobody looks it up.
        const bool own = row.names_client && !core_.variant.has(Cap::fwspec_resolves_ops);
        if (const int err = core_.iommu_fwspec_init(dev, own ? dev.of_node : entry.provider, this); err != 0)
            return err;
        core_.dev_iommu_priv_set(dev, instance, "PP3");
        if (const int err = core_.iommu_fwspec_add_ids(dev, {entry.args.empty() ? 0 : entry.args.front()}); err != 0) {
            if (row.frees_fwspec_on_error && !core_.variant.has(Cap::no_driver_fwspec_free)) {
                core_.iommu_fwspec_free(dev);
            }
            return err;
        }
    }
    return 0;
}

/// The SMMU that lists the master, if it is bound, and the ids that stand there. From 6.8 on such an SMMU registers
/// without a firmware node, and its masters' fwspecs have none.
PtrOrErr<ModelIommu> ModelIommuOps::register_legacy_master(Device& dev) {
    Frame frame{core_.k, "register_legacy_master"};
    for (std::size_t i = 0; i < core_.description.nodes.size(); ++i) {
        for (const firmware::LegacyMaster& master : core_.description.nodes[i].mmu_masters) {
            if (!dev.of_node || master.master != dev.of_node) continue;
            const auto node = static_cast<firmware::NodeIndex>(i);
            const Ptr<ModelIommu> instance = instance_by_node(node, "LM1");
            if (!instance) return {{}, -kENODEV};
            const FwNode named = core_.variant.has(Cap::fwspec_resolves_ops) ? FwNode{} : FwNode{node};
            if (const int err = core_.iommu_fwspec_init(dev, named, this); err != 0) return {{}, err};
            const int err = core_.iommu_fwspec_add_ids(dev, master.stream_ids);
            return {instance, err};
        }
    }
    return {{}, -kENODEV};
}

/// omap: every phandle's instance, or nothing; one that is not probed yet aborts the whole walk with -EINVAL.
int ModelIommuOps::collect_instances(Device& dev, const std::vector<firmware::IommuEntry>& entries) {
    std::vector<Ptr<ModelIommu>> instances;
    for (const firmware::IommuEntry& entry : entries) {
        if (!entry.provider) return -kEINVAL;
        const Ptr<ModelIommu> instance = instance_by_node(entry.provider, "PP1");
        if (!instance) return -kEINVAL;
        instances.push_back(instance);
    }
    const Ptr<ModelMaster> data = core_.k.heap.make<ModelMaster>("PP2");
    if (!data) return -kENOMEM;
    data->instances = std::move(instances);
    core_.dev_iommu_priv_set(dev, data, "PP2");
    return 0;
}

}  // namespace xlate::kernel
