#include "kernel-model/drivers/model/model_driver.hpp"

#include <algorithm>
#include <utility>

namespace xlate::kernel {

namespace {

constexpr unsigned kReleaseWithoutOpsCheck = 612;  // fwspec->ops comparison: in 6.1 and 6.7, not in 6.12
constexpr unsigned kReleaseOf61 = 601;
constexpr unsigned kReleaseWithBusLookup = 615;

/// A domain that is attached and freed, and translates nothing.
class ModelDomain : public IommuDomain {
public:
    ModelDomain(Kernel& kernel, DomainType domain_type, ModelIommuOps& ops)
        : IommuDomain(kernel, domain_type), ops_(ops) {
        pgsize_bitmap = 0x1000;
        aperture_end = 0xFFFF'FFFF;
    }
    int attach_dev(Device& dev) override {
        Frame frame{ops_.core().k, "attach_dev"};
        IommuCore& core = ops_.core();
        if (ops_.row.resets_domain) return attach_instance(dev);
        if (ops_.row.attach_reads_ids) {
            const Ptr<IommuFwspec> fwspec = core.dev_iommu_fwspec_get(dev, "AT1");
            const unsigned count = fwspec.deref("AT1")->num_ids("AT1");
            const Ptr<ModelMaster> master = ops_.row.units == ModelDriverRow::Units::endpoints
                                                ? ptr_cast<ModelMaster>(core.dev_iommu_priv_get(dev, "AT1"))
                                                : Ptr<ModelMaster>{};
            for (unsigned i = 0; i < count; ++i) {
                const std::uint32_t id = fwspec.deref("AT1")->id(i, "AT1");
                if (!master) continue;
                const int err = ops_.attach_request(*master.deref("AT1")->instances.front().deref("AT1"), id);
                if (err != 0) return err;
            }
        } else if (ops_.row.allocates_in_probe) {
            core.dev_iommu_priv_get(dev, "AT2").deref("AT2");
        }
        return 0;
    }
    int map(Iova, PhysAddr, std::uint64_t, bool, bool) override { return 0; }
    std::uint64_t unmap(Iova, std::uint64_t size) override { return size; }
    void iotlb_sync(Iova, std::uint64_t) override {}
    void flush_iotlb_all() override {}
    std::optional<PhysAddr> iova_to_phys(Iova) override { return std::nullopt; }

private:
    /// rockchip: nothing to do if the instance has this domain already; else it leaves its domain's list of instances
    /// and joins this one's. An instance without a domain (identity) is on none.
    int attach_instance(Device& dev) {
        IommuCore& core = ops_.core();
        const Ptr<ModelMaster> data = ptr_cast<ModelMaster>(core.dev_iommu_priv_get(dev, "AT2"));
        ModelIommu& instance = *data.deref("AT2")->instances.front().deref("AT2");
        IommuDomain* const wanted = type == DomainType::identity ? nullptr : this;
        IommuDomain* const old = instance.attached->read("AT3");
        if (old == wanted) return 0;
        if (old != nullptr) instance.listed = false;
        instance.attached->write(wanted, "AT3");
        if (wanted == nullptr) return 0;
        if (instance.listed)
            core.k.reports.warn("list_add double add: the instance is on a domain's list already", "AT4");
        instance.listed = true;
        return 0;
    }
    ModelIommuOps& ops_;
};

}  // namespace

ModelIommu::ModelIommu(Kernel& kernel, std::string name)
    : IommuDevice(kernel, name), streams_mutex(kernel, "streams_mutex", std::move(name)) {}

void ModelMaster::visit_pointers(PointerVisitor& visitor) const {
    for (const Ptr<ModelIommu> instance : instances) visitor.visit(instance.get());
}

const ModelPolicy::OfDevice* ModelPolicy::find(const std::string& device) const {
    for (const OfDevice& one : devices) {
        if (one.device == device) return &one;
    }
    return nullptr;
}

ModelIommuOps::ModelIommuOps(IommuCore& core, OfCore&, BusType& bus, Driver& driver, const ModelDriverRow& the_row,
                             const ModelPolicy& policy)
    : IommuOps(std::string(the_row.name)), row(the_row), core_(core), bus_(bus), driver_(driver), policy_(policy) {
    properties.checks_fwspec = row.checks_fwspec;
    properties.checks_priv = row.checks_priv;
    properties.uses_ids_after_probe = row.attach_reads_ids || row.release_reads_fwspec;
    properties.xlate_sets_priv = row.xlate_priv != ModelDriverRow::Priv::none;
    properties.null_checks_instance = row.null_checks_instance;
    properties.converted_by_series = row.converted;
    properties.instance_lookup = row.lookup;
    if (row.lookup == InstanceLookup::bound && core.variant.release >= kReleaseWithBusLookup &&
        !meets_walk_half_made()) {
        properties.instance_lookup = InstanceLookup::bus;
    }
    for (const firmware::Node& node : core.description.nodes)
        if (!node.mmu_masters.empty() && node.is_compatible(row.compatible)) legacy_binding_ = true;
    if (row.group == ModelDriverRow::Group::streams)
        groups_mutex_ = std::make_unique<Mutex>(core.k, "groups_lock", std::string(row.name));
}

void ModelIommuOps::check_loaded(const char* step) const {
    if (module) module.deref(step);
    if (!unloaded) return;
    Report report;
    report.kind = ReportKind::use_after_free;
    report.what = "call of iommu_ops of an unloaded module (" + name + ")";
    report.place = place_of(core_.k.sched.current_or_null(), step);
    core_.k.reports.oops(std::move(report));
}

bool ModelIommuOps::has_of_xlate() const {
    return core_.variant.release >= row.of_xlate_since && !(row.converted && core_.variant.has(Cap::xlate_fwspec_op));
}
bool ModelIommuOps::has_of_xlate_fwspec() const { return row.converted && core_.variant.has(Cap::xlate_fwspec_op); }

PtrOrErr<IommuDevice> ModelIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "probe_device"};
    check_loaded("PR1");
    Ptr<ModelIommu> instance;
    if (legacy_binding_) {
        const PtrOrErr<ModelIommu> lister = register_legacy_master(dev);
        if (lister.err != 0) return {{}, lister.err};
        instance = lister.value;
    }
    if (row.frees_fwspec_first && core_.dev_iommu_fwspec_get(dev, "PR1")) core_.iommu_fwspec_free(dev);
    if (row.parses_in_probe) {
        if (const int err = parse_in_probe(dev); err != 0) return {{}, err};
    }
    Ptr<IommuFwspec> fwspec;
    if (row.checks_fwspec) {
        fwspec = core_.dev_iommu_fwspec_get(dev, "PR1");
        if (!fwspec) return {{}, -kENODEV};
        if (core_.variant.release < kReleaseWithoutOpsCheck && core_.iommu_fwspec_ops(fwspec, "PR1") != this) {
            return {{}, -kENODEV};
        }
    }
    if (row.refuses_priv && core_.dev_iommu_priv_get(dev, "PR2")) {
        core_.k.reports.warn("probe_device: the device has private data already", "PR2");
        return {{}, -kEBUSY};
    }
    switch (row.lookup) {
        case InstanceLookup::bound:
        case InstanceLookup::bus: {
            if (!instance) instance = instance_by_node(fwspec.deref("PR3")->iommu_fwnode.read("PR3"), "PR3");
            if (instance) break;
            if (row.null_checks_instance) return {{}, -kENODEV};
            if (core_.variant.release == kReleaseOf61 || core_.variant.release >= kReleaseWithoutOpsCheck) {
                return {{}, -kEPROBE_DEFER};
            }
            break;  // followed below
        }
        case InstanceLookup::priv: {
            const Ptr<HeapObject> priv = core_.dev_iommu_priv_get(dev, "PR4");
            if (row.checks_priv && !priv) return {{}, -kENODEV};
            if (!row.checks_priv && !row.uses_priv && !priv) return {{}, -kENODEV};
            priv.deref("PR4");
            instance = ptr_cast<ModelIommu>(priv);
            if (const Ptr<ModelMaster> data = ptr_cast<ModelMaster>(priv)) {
                if (data->instances.empty()) return {{}, -kENODEV};
                instance = data->instances.front();
            }
            break;
        }
        case InstanceLookup::list:
            for (const Ptr<IommuDevice> one : core_.registered()) {
                if (one->ops.read("PR5") == this) instance = ptr_cast<ModelIommu>(one);
            }
            if (!instance || !core_.dev_iommu_fwspec_get(dev, "PR5")) return {{}, -kENODEV};
            break;
        case InstanceLookup::table:
            instance = instance_by_table(dev);
            if (!instance) return {{}, -kENODEV};
            if (row.accepts_priv && core_.dev_iommu_priv_get(dev, "PR4")) return {instance, 0};
            break;
        case InstanceLookup::phandle: {
            const Ptr<ModelMaster> data = ptr_cast<ModelMaster>(core_.dev_iommu_priv_get(dev, "PR6"));
            if (!data || data->instances.empty()) return {{}, -kENODEV};
            instance = data->instances.front();
            break;
        }
    }
    return probe_with(dev, instance);
}

/// DMAR, IVRS: the unit that covers the device, if it is registered.
Ptr<ModelIommu> ModelIommuOps::instance_by_table(const Device& dev) {
    const ModelPolicy::OfDevice* known = policy_.find(dev.name);
    if (known == nullptr) return {};
    for (const Ptr<IommuDevice> one : core_.registered()) {
        if (one->ops.read("PR6") == this && one->sysfs_name == known->unit) return ptr_cast<ModelIommu>(one);
    }
    return {};
}

PtrOrErr<IommuDevice> ModelIommuOps::probe_with(Device& dev, Ptr<ModelIommu> instance) {
    instance.deref("PR7");
    if (row.units == ModelDriverRow::Units::larbs) {
        if (const int err = check_hardware(dev, *instance); err != 0) return {{}, err};
    }
    if (!row.allocates_in_probe || row.parses_in_probe) return {instance, 0};
    const Ptr<ModelMaster> master = core_.k.heap.make<ModelMaster>("PR8");
    if (!master) return {{}, -kENOMEM};
    master->instances.push_back(instance);
    core_.dev_iommu_priv_set(dev, master, "PR8");
    int err = row.units == ModelDriverRow::Units::endpoints ? check_hardware(dev, *instance) : 0;
    if (err == 0) err = insert_streams(dev, *instance);
    if (err != 0) {
        core_.k.heap.release(master, "PR9");
        if (!core_.variant.has(Cap::assert_priv)) core_.dev_iommu_priv_set(dev, {}, "PR9");
        // The core frees it a moment later; until patch 14 this driver does so itself.
        if (row.frees_fwspec_on_error && !core_.variant.has(Cap::no_driver_fwspec_free)) core_.iommu_fwspec_free(dev);
        return {{}, err};
    }
    return {instance, 0};
}

void ModelIommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "release_device"};
    if (row.release_reads_fwspec) core_.dev_iommu_fwspec_get(dev, "RL2").deref("RL2");
    const Ptr<HeapObject> priv = core_.dev_iommu_priv_get(dev, "RL1");
    const Ptr<ModelMaster> master = ptr_cast<ModelMaster>(priv);
    if (!master) return;
    if (row.owns_streams && !master.deref("RL1")->instances.empty()) {
        remove_streams(dev, *master->instances.front().deref("RL1"));
    }
    if (row.stream_map) unmap_streams(*master.deref("RL1")->instances.front().deref("RL1"), *master, "RL1");
    if (row.nulls_priv && !core_.variant.has(Cap::assert_priv)) core_.dev_iommu_priv_set(dev, {}, "RL1");
    if (row.xlate_priv != ModelDriverRow::Priv::data_each) core_.k.heap.release(master, "RL1");
}

/// x86 has no arch_setup_dma_ops: its drivers set the DMA operations themselves, until the core does.
void ModelIommuOps::probe_finalize(Device& dev) {
    using Finalize = ModelDriverRow::Finalize;
    if (row.finalize == Finalize::nothing || core_.variant.has(Cap::core_sets_dma_ops)) return;
    if (row.finalize == Finalize::dma_ops_without_arch_setup && arch_row(core_.parameters.arch).has_setup) return;
    Frame frame{core_.k, "probe_finalize"};
    core_.iommu_setup_dma_ops(dev, 0, ~std::uint64_t{0});
}

DomainType ModelIommuOps::def_domain_type(Device& dev) {
    if (const ModelPolicy::OfDevice* wish = policy_.find(dev.name)) {
        if (wish->wanted != DomainType::none) return wish->wanted;
    }
    if (legacy_binding_) return DomainType::identity;
    if (row.mixes_alike_only) {
        const Ptr<ModelMaster> data = ptr_cast<ModelMaster>(core_.dev_iommu_priv_get(dev, "SDD1"));
        if (data && !data.deref("SDD1")->instances.empty()) {
            const ModelHardware& hardware = data->instances.front().deref("SDD1")->hardware;
            if (hardware.large_pages) return DomainType::identity;
            if (!hardware.bypass) return DomainType::dma;
        }
    }
    if (row.default_domain == "identity") return DomainType::identity;
    if (row.default_domain == "DMA") return DomainType::dma;
    return DomainType::none;
}

Ptr<IommuDomain> ModelIommuOps::domain_alloc(DomainType type) {
    if (row.unmanaged_only_6_1 && core_.variant.release == kReleaseOf61 && type != DomainType::unmanaged) return {};
    return core_.k.heap.make<ModelDomain>("SDD2", type, *this);
}

ModelIommuDriver::ModelIommuDriver(IommuCore& core, OfCore& of, BusType& on_bus, const ModelDriverRow& row,
                                   const ModelPolicy& policy)
    : Driver(std::string(row.name), on_bus), core_(core), ops_(core, of, on_bus, *this, row, policy) {
    driver_managed_dma = true;
}

bool ModelIommuDriver::match(const Device& device) const {
    return device.of_node && core_.description.node(*device.of_node).is_compatible(ops_.row.compatible);
}

int ModelIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "iommu_driver_probe"};
    const Ptr<ModelIommu> instance = core_.k.heap.make<ModelIommu>("IP1", dev.name);
    if (!instance) return -kENOMEM;
    for (const auto& one : ops_.policy().hardware) {
        if (one.first == dev.name) instance->hardware = one.second;
    }
    if (ops_.row.resets_domain) {
        instance->attached = std::make_unique<Shared<IommuDomain*>>(*instance.get(), "iommu->domain");
    }
    if (ops_.row.stream_map) {
        const unsigned entries = instance->hardware.entries;
        instance->entries.resize(entries != 0 ? entries : ops_.row.entries);
    }
    // From 6.15 on a walk of its own has to find the instance.
    const bool late = (ops_.row.sets_data_after_register && core_.variant.release < kReleaseWithBusLookup) ||
                      (ops_.row.name == "ipmmu-vmsa" && ops_.meets_walk_half_made());  // X2
    if (!late) dev.driver_data = instance.get();
    const bool by_table = ops_.row.lookup == IommuOps::InstanceLookup::table;
    const bool nodeless = by_table || (ops_.legacy_binding() && core_.variant.has(Cap::no_bus_ops));
    int err = core_.iommu_device_register(instance, &ops_, nodeless ? Ptr<Device>{} : Ptr<Device>(&dev));
    if (err == 0 && std::find(failing.begin(), failing.end(), dev.name) != failing.end()) {
        core_.iommu_device_unregister(instance);
        err = -kEINVAL;
    }
    if (err != 0) {
        dev.driver_data = nullptr;
        core_.k.heap.release(instance, "IP2");
        if (std::find(failing.begin(), failing.end(), dev.name) != failing.end()) ops_.unloaded = true;
        return err;
    }
    dev.driver_data = instance.get();
    ops_.any_registered = true;
    core_.k.heap.set_immortal(*instance);  // driver data, which the leak check does not see
    return 0;
}

void ModelIommuDriver::remove(Device& dev) {
    Frame frame{core_.k, "iommu_driver_remove"};
    const Ptr<ModelIommu> instance(static_cast<ModelIommu*>(dev.driver_data));
    core_.iommu_device_unregister(instance);
    core_.k.heap.release(instance, "IP3");
}

}  // namespace xlate::kernel
