// The IOMMU core: registration, fwspecs, probe, groups, default domains, release, ownership.
// Linux drivers/iommu/iommu.c. Source: docs/spec/kernel-probe.md sections 2.4..2.8 and 4.1, 6, 10.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "kernel-model/arch/arch.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/iommu-core/objects.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel {

class DriverCore;

/// What the command line says to the core.
struct IommuParameters {
    bool passthrough = false;
    bool strict = true;
    Arch arch = Arch::arm64;                     ///< whose arch_setup_dma_ops runs; which default domains there can be
    std::vector<firmware::NodeIndex> not_built;  ///< IOMMUs whose driver this kernel lacks: ACPI does not wait for them
    /// iommu_def_domain_type.
    DomainType default_type() const {
        return passthrough ? DomainType::identity : strict ? DomainType::dma : DomainType::dma_fq;
    }
};

/// A firmware node that somebody can hold a reference to.
class FwNodeObject : public HeapObject {
public:
    explicit FwNodeObject(Kernel& kernel) : HeapObject(kernel, "device_node"), refs(*this, "fwnode->refs", 1) {}
    RefCount refs;
};

/// One per kernel. Steps in comments and point names are those of the specification.
/// Errors: -errno. Locks: L2 = iommu_probe_device_lock, L3 = group->mutex; who takes them depends on the variant.
class IommuCore : public HeapObject {
public:
    IommuCore(Kernel& kernel, const firmware::Description& description, DriverCore& driver_core, DmaLayer* dma_layer,
              IommuParameters parameters);

    Kernel& k;
    const Variant& variant;
    const firmware::Description& description;
    DriverCore& driver_core;
    DmaLayer* const dma;
    IommuParameters parameters;
    /// Linux iommu_set_dma_strict(): what a driver of a virtual IOMMU asks for, before it registers.
    void iommu_set_dma_strict() { parameters.strict = true; }

    Mutex iommu_probe_device_lock;  ///< L2
    SpinLock iommu_device_lock;     ///< leaf: the registration list

    /// The buses that the core knows, in Linux's order. Hooks N1 and N2 in (subsys_initcall).
    void bus_register(BusType& bus);
    void install_notifiers();

    // Registration (register.cpp).
    int iommu_device_register(Ptr<IommuDevice> iommu, IommuOps* ops, Ptr<Device> hwdev);
    void iommu_device_unregister(Ptr<IommuDevice> iommu);
    IommuOps* iommu_ops_from_fwnode(FwNode fwnode, const char* step);
    Ptr<IommuDevice> iommu_from_fwnode(FwNode fwnode, const char* step);
    const std::vector<Ptr<IommuDevice>>& registered() const { return iommu_device_list_; }

    // fwspecs (fwspec.cpp).
    int iommu_fwspec_init(Device& dev, FwNode fwnode, IommuOps* ops);
    int iommu_fwspec_add_ids(Device& dev, const std::vector<std::uint32_t>& ids);
    int iommu_fwspec_append_ids(Ptr<IommuFwspec> fwspec, const std::vector<std::uint32_t>& ids);
    void iommu_fwspec_free(Device& dev);
    Ptr<IommuFwspec> iommu_fwspec_alloc(const char* step);
    void iommu_fwspec_dealloc(Ptr<IommuFwspec> fwspec, const char* step);
    int iommu_fwspec_assign_iommu(Ptr<IommuFwspec> fwspec, Device& dev, FwNode fwnode);
    int iommu_fwspec_of_xlate(Ptr<IommuFwspec> fwspec, Device& dev, FwNode fwnode, const OfPhandleArgs& args);
    int of_xlate_in_container(Ptr<IommuFwspec> fwspec, Device& dev, IommuOps& ops, const OfPhandleArgs& args);
    Ptr<IommuFwspec> dev_iommu_fwspec_get(Device& dev, const char* step);
    IommuOps* iommu_fwspec_ops(Ptr<IommuFwspec> fwspec, const char* step);
    Ptr<DevIommu> dev_iommu_get(Device& dev, const char* step);
    void dev_iommu_free(Device& dev, const char* step);
    Ptr<HeapObject> dev_iommu_priv_get(Device& dev, const char* step);
    void dev_iommu_priv_set(Device& dev, Ptr<HeapObject> priv, const char* step);
    void of_node_get(FwNode node, const char* step);
    void of_node_put(FwNode node, const char* step);

    // Probe and release (probe.cpp).
    /// `caller`: for the event log. With `probe_takes_fwspec` it owns `fwspec` from the call on, whatever happens.
    int iommu_probe_device(Device& dev, const char* caller, Ptr<IommuFwspec> fwspec = {});
    void iommu_release_device(Device& dev);
    /// The walk of one registration (BIP).
    int bus_iommu_probe(BusType& bus);
    /// A walk's call of the probe function, which is no event of its own: kept while events are.
    struct WalkedDevice {
        std::string device;
        int ret = 0;
        std::size_t first_event = 0, end_event = 0;  ///< what was logged meanwhile, by any task
    };
    /// Those that found ids, or failed with other than -ENODEV.
    const std::vector<WalkedDevice>& walked() const { return walked_; }

    // Groups (group.cpp).
    PtrOrErr<IommuGroup> iommu_group_alloc();
    Ptr<IommuGroup> iommu_group_get(Device& dev, const char* step);
    void iommu_group_ref_get(Ptr<IommuGroup> group, const char* step);
    void iommu_group_put(Ptr<IommuGroup> group, const char* step);
    PtrOrErr<IommuGroup> generic_device_group(Device& dev);
    PtrOrErr<IommuGroup> generic_single_device_group(Device& dev);
    int iommu_device_use_default_domain(Device& dev);
    void iommu_device_unuse_default_domain(Device& dev);
    Ptr<IommuDomain> iommu_get_domain_for_dev(Device& dev, const char* step);

    // Default domains (domain.cpp).
    int iommu_setup_default_domain(Ptr<IommuGroup> group);
    int do_iommu_attach_device(Ptr<IommuDomain> domain, Device& dev);
    /// What its IOMMU's driver reserves for a device; empty while it has none. Also from outside of a task.
    std::vector<ReservedRegion> iommu_get_resv_regions(Device& dev) const;
    /// Of all members, as sysfs lists them. Also from outside of a task.
    std::vector<ReservedRegion> iommu_get_group_resv_regions(const IommuGroup& group) const;
    // Domains of others (attach.cpp).
    /// A domain that its maker manages. Null: no memory, or no driver for the device.
    Ptr<IommuDomain> iommu_domain_alloc(Device& dev, const char* step);
    void iommu_domain_free(Ptr<IommuDomain> domain, const char* step);
    /// -ENODEV: no group; -EINVAL: not alone in it; -EBUSY: somebody else's domain is attached.
    int iommu_attach_device(Ptr<IommuDomain> domain, Device& dev);
    void iommu_detach_device(Ptr<IommuDomain> domain, Device& dev);

    /// iommu_setup_dma_ops: [base, limit] of the device's bus (older kernels).
    void iommu_setup_dma_ops(Device& dev, std::uint64_t base, std::uint64_t limit);

    /// The kernel is built with the generic IOMMU DMA layer.
    bool has_generic_dma() const { return arch_row(parameters.arch).has_generic_dma(variant.release); }
    void visit_pointers(PointerVisitor& visitor) const override;

private:
    // probe.cpp
    int probe_and_finalize(Device& dev, Ptr<IommuFwspec> fwspec);
    int do_iommu_probe_device(Device& dev, Ptr<WalkList> list, Ptr<IommuFwspec> given);
    int probe_locked(Device& dev, IommuOps* ops, Ptr<WalkList> list, Ptr<IommuFwspec> given, Ptr<IommuFwspec> fwspec);
    int iommu_init_device(Device& dev, IommuOps*& ops, Ptr<IommuFwspec> fwspec);
    int parse_in_probe(Device& dev, IommuOps*& ops);
    void iommu_deinit_device(Device& dev, IommuOps* ops);
    IommuOps* ops_for_probe(Device& dev, const char* step);
    void probe_finalize(Device& dev, const char* step);
    void announce_member(Device& dev, const IommuGroup& group);
    void remove_member(Ptr<IommuGroup> group, Device& dev, const char* step);
    void free_group_domains(Ptr<IommuGroup> group, const char* step);
    int walk_device(Device& dev, Ptr<WalkList> list);
    void note_walked(const Device& dev, int ret, std::size_t first_event);
    // probe_6_1.cpp
    int iommu_probe_device_6_1(Device& dev);
    int do_iommu_probe_device_6_1(Device& dev, Ptr<WalkList> list);
    int join_group_6_1(Device& dev, IommuOps* ops);
    void put_on_list_6_1(Device& dev, Ptr<WalkList> list);
    void iommu_release_device_6_1(Device& dev);
    void allocate_group_domain_6_1(Ptr<IommuGroup> group, DomainType wish, Device& dev);
    int setup_listed_group_6_1(Ptr<IommuGroup> group);
    // domain.cpp
    DomainType wanted_type(Ptr<IommuGroup> group, int& err);
    Ptr<IommuDomain> alloc_default_domain(Ptr<IommuGroup> group, DomainType forced);
    Ptr<IommuDomain> domain_alloc(IommuOps* ops, Device& dev, DomainType type);
    void say_fallback(DomainType type);
    void domain_free(Ptr<IommuDomain> domain, const char* step);
    int device_set_domain(Ptr<IommuGroup> group, Device& dev, Ptr<IommuDomain> domain);
    int iommu_create_device_direct_mappings(Ptr<IommuDomain> domain, Device& dev);
    int group_set_domain(Ptr<IommuGroup> group, Ptr<IommuDomain> domain, const char* step);

    std::vector<BusType*> buses_;
    std::vector<Ptr<IommuDevice>> iommu_device_list_;  ///< under iommu_device_lock
    std::vector<WalkedDevice> walked_;
    std::map<firmware::NodeIndex, std::unique_ptr<FwNodeObject>> fwnodes_;
    std::set<unsigned> group_ids_;
};

/// Is L2 taken by the callers of PD in this variant (one-lock fix and later), or by PD itself?
inline bool callers_take_probe_lock(const Variant& variant) { return variant.has(Cap::l2_covers_parse); }

}  // namespace xlate::kernel
