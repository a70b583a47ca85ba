// The IOMMU core's objects, as drivers, the OF parser and the DMA layer see them.
// Source: docs/spec/kernel-probe.md sections 1.1, 1.4 and 5. Errors are negative errno ints (core/errno.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "firmware/description.hpp"
#include "kernel-model/driver-core/device.hpp"

namespace xlate::kernel {

class IommuCore;
class IommuDevice;
class IommuDomain;
class IommuFwspec;
class IommuGroup;
class WalkList;
struct ReservedRegion;

/// Identity of a firmware node. DT: the node. ACPI: the table node's place in the same Description.
using FwNode = std::optional<firmware::NodeIndex>;

/// One parsed `iommus` entry or iommu-map answer.
struct OfPhandleArgs {
    firmware::NodeIndex np{};
    std::vector<std::uint32_t> args;
};

/// Ids behind each other, each a shared field of its own (from kIdFields on, they share the last one).
class IdSlots {
public:
    static constexpr std::size_t kIdFields = 48;  ///< an object has room for 63 fields
    IdSlots(HeapObject& owner, const char* field, std::size_t size);
    std::size_t size() const { return size_; }
    std::uint32_t read(std::size_t i, const char* step) const;
    void write(std::size_t i, std::uint32_t id, const char* step);
    std::uint32_t peek(std::size_t i) const;
    void poke(std::size_t i, std::uint32_t id);

private:
    std::size_t size_;
    std::vector<std::unique_ptr<Shared<std::uint32_t>>> slots_;
    std::vector<std::uint32_t> more_;
};

/// The ids array when it is an allocation of its own (`cap: ids_separate`).
class FwspecIds : public HeapObject {
public:
    FwspecIds(Kernel& kernel, std::size_t size) : HeapObject(kernel, "fwspec ids"), slot(*this, "ids[]", size) {}
    IdSlots slot;
};

/// `struct iommu_fwspec`. In base one allocation with room for its ids, grown by reallocating the whole struct:
/// the object's identity changes. Read ids through num_ids()/id(), which know where they stand in this variant.
class IommuFwspec : public HeapObject {
public:
    IommuFwspec(Kernel& kernel, std::size_t capacity);

    Shared<IommuOps*> ops;        ///< nullptr: a marker that waits for its IOMMU (base, 6.1)
    Shared<FwNode> iommu_fwnode;  ///< of the first IOMMU
    Shared<std::uint32_t> flags;  ///< kFwspecPciRcAts
    Shared<unsigned> count;       ///< num_ids
    Shared<Ptr<FwspecIds>> ids;   ///< `ids_separate`: none while there is one id or none
    IdSlots inline_ids;           ///< base: behind the struct; `ids_separate`: [0] is single_id

    bool parsing = false;  ///< still private to the parser that made it (only read by the repair of D-8c)

    unsigned num_ids(const char* step) const { return count.read(step); }
    /// The i-th id, in firmware order.
    std::uint32_t id(unsigned i, const char* step) const;
    /// For oracles and printing: no point, no check.
    std::vector<std::uint32_t> peek_ids() const;
};
inline constexpr std::uint32_t kFwspecPciRcAts = 1;

/// `struct dev_iommu`, the container. Freed only by dev_iommu_free, which frees the fwspec with it but not priv.
class DevIommu : public HeapObject {
public:
    explicit DevIommu(Kernel& kernel);

    Shared<Ptr<IommuFwspec>> fwspec;
    Shared<Ptr<IommuDevice>> iommu_dev;
    Shared<Ptr<HeapObject>> priv;  ///< the driver's per-device data: use dev_iommu_priv_get/set
    Shared<std::uint32_t> max_pasids;
    Shared<bool> attach_deferred;
    Shared<bool> require_direct;
};

/// One registered IOMMU instance (`struct iommu_device`). Made by its driver, on the registration list
/// between iommu_device_register and iommu_device_unregister.
class IommuDevice : public HeapObject {
public:
    IommuDevice(Kernel& kernel, std::string name_in_sysfs);

    const std::string sysfs_name;  ///< "smmu3.0x0000000009050000"
    Shared<IommuOps*> ops;
    Shared<FwNode> fwnode;  ///< none: registered without a hardware device
    Ptr<Device> dev;        ///< the IOMMU's own device
    Shared<Ptr<IommuGroup>> singleton_group;
    Shared<bool> ready;  ///< `cap: instance_ready`
    std::uint32_t max_pasids = 0;
};

enum class DomainType : std::uint8_t { none, blocked, identity, unmanaged, dma, dma_fq };
/// As truth.json and result.json print it: "DMA", "DMA-FQ", "identity", "blocked", "unmanaged", "none".
std::string_view name(DomainType type);

struct ReservedRegion {
    /// In Linux's order. sw_msi: the window in which a driver of user space places doorbells; the DMA layer's own.
    enum class Kind { direct, direct_relaxable, reserved, msi, sw_msi } kind = Kind::reserved;
    std::uint64_t start = 0;
    std::uint64_t length = 0;
    std::string remark{};  ///< what the kernel says where it looks at it; empty: nothing

    bool is_direct() const { return kind == Kind::direct || kind == Kind::direct_relaxable; }
};
/// As sysfs prints it: "direct", "direct-relaxable", "reserved", "msi".
std::string_view name(ReservedRegion::Kind kind);

/// The tags of a domain's translations in its IOMMU's caches.
struct AddressSpace {
    PhysAddr iommu{};  ///< its registers
    std::uint16_t asid = 0;
};

/// `struct iommu_domain` with its domain ops. Drivers derive from it. Errors: -errno.
/// map/unmap: addresses and sizes are multiples of the smallest page in pgsize_bitmap.
class IommuDomain : public HeapObject {
public:
    IommuDomain(Kernel& kernel, DomainType domain_type);

    DomainType type;
    std::uint64_t pgsize_bitmap = 0;
    std::uint64_t aperture_start = 0;
    std::uint64_t aperture_end = ~std::uint64_t{0};
    bool is_static = false;               ///< identity/blocked singletons of a driver: never freed by the core
    Shared<Ptr<HeapObject>> iova_cookie;  ///< the DMA layer's

    virtual int attach_dev(Device& dev) = 0;
    /// 6.1 only: `dev` leaves, and its group has no default domain to go to.
    virtual void detach_dev(Device& /*dev*/) {}
    /// Makes the tables for the instance of `dev` before any attach, where the driver can (domain_alloc_paging with a
    /// device). 0 also where it cannot: map then fails until a device is attached.
    virtual int finalise_for(Device& /*dev*/) { return 0; }
    virtual int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) = 0;
    /// Bytes unmapped. TLB invalidation waits for iotlb_sync/flush_iotlb_all.
    virtual std::uint64_t unmap(Iova iova, std::uint64_t size) = 0;
    virtual void iotlb_sync(Iova iova, std::uint64_t size) = 0;
    virtual void flush_iotlb_all() = 0;
    virtual std::optional<PhysAddr> iova_to_phys(Iova iova) = 0;
    /// Whose tags its translations carry; nothing: nobody can tell. For claims.
    virtual std::optional<AddressSpace> address_space() const { return std::nullopt; }
    /// Last chance to free what the domain owns; the object itself is released by the core.
    virtual void free() {}
};

/// The module that a driver's code and its iommu_ops lie in (`struct module`). Made only where a module may be
/// unloaded: a look that nobody else disturbs is no step worth exploring.
class Module : public HeapObject {
public:
    explicit Module(Kernel& kernel) : HeapObject(kernel, "module"), count(*this, "module->refcnt", 0) {}
    Shared<int> count;  ///< who may not be left without it; kGoing: its exit function has begun
    static constexpr int kGoing = -1;
};

/// Result of probe_device / device_group: an object, or -errno with no object.
template <typename T>
struct PtrOrErr {
    Ptr<T> value{};
    int err = 0;
};

/// `struct iommu_ops`. One object a driver (not an instance), valid while its module is loaded.
/// Called with: probe_device, release_device (PD11), device_group under L2; of_xlate under L2 only from
/// `cap: xlate_locked` on. The flags are the properties of kernel-probe.md section 5, "Rules for drivers".
class IommuOps {
public:
    enum class InstanceLookup : std::uint8_t { bound, bus, priv, list, phandle, table };
    struct Properties {
        bool checks_fwspec = true;
        bool checks_priv = false;
        bool uses_ids_after_probe = false;
        bool xlate_sets_priv = false;
        bool null_checks_instance = true;
        InstanceLookup instance_lookup = InstanceLookup::bound;
        bool converted_by_series = false;  ///< has of_xlate_fwspec at series-v1@15 (SMMU, SMMUv3, virtio)
    };
    explicit IommuOps(std::string driver_name) : name(std::move(driver_name)) {}
    virtual ~IommuOps() = default;
    IommuOps(const IommuOps&) = delete;
    IommuOps& operator=(const IommuOps&) = delete;

    const std::string name;  ///< "arm-smmu-v3"
    Properties properties;

    /// False for drivers without an OF parser of their own (omap, and SMMUs once they have of_xlate_fwspec).
    virtual bool has_of_xlate() const { return true; }
    /// Typically: core.iommu_fwspec_add_ids(dev, args).
    virtual int of_xlate(Device& dev, const OfPhandleArgs& args) = 0;
    virtual bool has_of_xlate_fwspec() const { return false; }
    /// Typically: core.iommu_fwspec_append_ids(fwspec, args). Touches nothing of the device.
    virtual int of_xlate_fwspec(Ptr<IommuFwspec>, Device&, const OfPhandleArgs&) { return 0; }

    virtual PtrOrErr<IommuDevice> probe_device(Device& dev) = 0;
    virtual void release_device(Device& dev) = 0;
    virtual void probe_finalize(Device&) {}
    /// Typically: pci_device_group or generic_device_group of the core.
    virtual PtrOrErr<IommuGroup> device_group(Device& dev) = 0;
    /// `none`: no wish.
    virtual DomainType def_domain_type(Device&) { return DomainType::none; }
    virtual bool is_attach_deferred(Device&) { return false; }
    /// A new domain of this type; null: the driver cannot. Static domains come from identity_domain/…
    virtual Ptr<IommuDomain> domain_alloc(DomainType type) = 0;
    /// `dev`: the member for whose instance a paging domain is wanted (domain_alloc_paging); may be ignored.
    virtual Ptr<IommuDomain> domain_alloc_for(Device& /*dev*/, DomainType type) { return domain_alloc(type); }
    virtual Ptr<IommuDomain> identity_domain() { return {}; }
    virtual Ptr<IommuDomain> blocked_domain() { return {}; }
    virtual Ptr<IommuDomain> default_domain() { return {}; }
    virtual std::vector<ReservedRegion> get_resv_regions(Device&) { return {}; }
    virtual bool capable_deferred_flush() const { return true; }

    Ptr<Module> module;  ///< none: built in, or never unloaded
    /// False: the module is going. Follows ops->owner: a use after free if the module has gone.
    bool try_module_get(const char* step) {
        if (!module) return true;
        return module.get()->count.update([](int n) { return n < 0 ? n : n + 1; }, step) > 0;
    }
    void module_put(const char* step) {
        if (module) module.get()->count.update([](int n) { return n - 1; }, step);
    }
};

/// A registration walk's list of groups that need a default domain: on the walk's stack, gone when it returns.
class WalkList : public HeapObject {
public:
    explicit WalkList(Kernel& kernel) : HeapObject(kernel, "group list") {}
    std::vector<Ptr<IommuGroup>> groups;
    void visit_pointers(PointerVisitor& visitor) const override;
};

/// A member of a group.
class GroupDevice : public HeapObject {
public:
    GroupDevice(Kernel& kernel, Ptr<Device> device) : HeapObject(kernel, "group_device"), dev(device) {}
    Ptr<Device> dev;
    void visit_pointers(PointerVisitor& visitor) const override { visitor.visit(dev.get()); }
};

/// `struct iommu_group`: refcounted; each member holds a reference.
class IommuGroup : public HeapObject {
public:
    IommuGroup(Kernel& kernel, unsigned number);

    const unsigned id;
    Mutex mutex;                            ///< L3
    RefCount refs;                          ///< each member holds one; the last put frees the group
    std::vector<Ptr<GroupDevice>> devices;  ///< protected by mutex
    Shared<Ptr<IommuDomain>> default_domain;
    Shared<Ptr<IommuDomain>> domain;  ///< current
    Shared<Ptr<IommuDomain>> blocking_domain;
    Shared<unsigned> owner_cnt;
    Shared<bool> has_owner;            ///< exclusive owner (VFIO)
    std::function<void()> on_release;  ///< the driver's, if set: the last reference is gone, the group not yet
    Shared<Ptr<WalkList>> on_list;     ///< linked to a walk's "needs a default domain" list

    void visit_pointers(PointerVisitor& visitor) const override;
};

/// What the generic IOMMU DMA layer (dma/) does for the core; null pieces mean "built without it".
class DmaLayer {
public:
    virtual ~DmaLayer() = default;
    /// iommu_get_dma_cookie: called when a DMA-type domain is made. 0 or -ENOMEM.
    virtual int get_dma_cookie(Ptr<IommuDomain> domain) = 0;
    virtual void put_dma_cookie(Ptr<IommuDomain> domain) = 0;
    /// iommu_dma_init_domain: IOVA range for `dev`, called at the first member and checked for later ones.
    /// [base, limit] is the device's dma-ranges window (6.1, base) or the whole space. 0 or -errno.
    virtual int init_domain(Ptr<IommuDomain> domain, std::uint64_t base, std::uint64_t limit, Device& dev) = 0;
};

}  // namespace xlate::kernel
