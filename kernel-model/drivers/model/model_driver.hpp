// IOMMU drivers as data: what each does with firmware and devices, in which order, and nothing of its hardware.
// Good enough to explore probe races; not for DMA: a domain of these translates nothing.
// Source: docs/spec/kernel-probe.md section 5 (one row a driver) and its "Rules for drivers".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel-model/core/errno.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/model/model_hardware.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

class OfCore;

/// One driver's behaviour.
struct ModelDriverRow {
    /// What of_xlate leaves in dev->iommu->priv.
    enum class Priv : std::uint8_t {
        none,           ///< nothing: probe_device allocates it
        instance,       ///< the instance, each time anew
        instance_once,  ///< the instance, if there is none yet
        data_once,      ///< its own data, allocated at the first entry; instances are appended
        data_each,      ///< its own data, allocated at every entry: the last one wins
        first_master,   ///< its own data, if the instance has no master yet; followed without a test (msm)
    };
    enum class Group : std::uint8_t {
        generic,
        single,
        single_with_dma,  ///< single; a group each on ARM32 without the generic DMA layer
        streams,          ///< who shares a stream of an instance shares a group (apple-dart)
        swgroups,         ///< who shares the first id, or the SoC's set of ids that it is in (tegra)
        regions,          ///< the same by sets only: the rest of the instance shares one (mtk)
    };
    /// What the cells of an entry name besides ids, and who tests that it is there.
    enum class Units : std::uint8_t {
        none,
        larbs,      ///< id / 32; probe_device: too big, of two larbs, or not there: -EINVAL
        banks,      ///< the id; of_xlate: too big or not there: -EINVAL
        endpoints,  ///< the id; probe_device asks for the first, attach for each: the device's status
    };
    /// Who sets dev->dma_ops where arch_setup_dma_ops does not.
    enum class Finalize : std::uint8_t {
        nothing,
        dma_ops,                     ///< probe_finalize does
        dma_ops_without_arch_setup,  ///< the same on architectures without arch_setup_dma_ops
    };

    static constexpr unsigned kNever = ~0U;

    std::string_view name;        ///< "arm-smmu-v3"
    std::string_view compatible;  ///< one of its table
    unsigned cells = 1;
    unsigned of_xlate_since = 0;  ///< the first release whose driver has one; kNever: none has
    Priv xlate_priv = Priv::none;
    bool xlate_ids = true;            ///< of_xlate adds the first cell as an id
    unsigned max_instances = 64;      ///< that one device may have; more: -EINVAL (data_once, instance)
    int missing_instance = -kEINVAL;  ///< of_xlate: the IOMMU's device is not there
    bool one_instance = false;        ///< a second, different instance: -EINVAL
    bool checks_fwspec = true;        ///< probe_device: fwspec missing or of another driver: -ENODEV
    bool checks_priv = false;         ///< probe_device: no priv: -ENODEV
    bool uses_priv = false;           ///< probe_device follows priv without a test
    bool refuses_priv = false;        ///< probe_device: priv there already: warning, -EBUSY
    bool accepts_priv = false;        ///< probe_device: priv there already: all is done
    IommuOps::InstanceLookup lookup = IommuOps::InstanceLookup::bound;
    bool null_checks_instance = true;
    bool parses_in_probe = false;     ///< probe_device walks `iommus` itself
    bool names_client = false;        ///< and makes the fwspec for the client's own node (until 6.11)
    bool allocates_in_probe = false;  ///< probe_device allocates the priv
    bool owns_streams = false;        ///< a stream id of another device: -EINVAL
    unsigned id_limit_bits = 32;      ///< an id above: -ERANGE
    bool attach_reads_ids = false;    ///< uses_ids_after_probe
    bool release_reads_fwspec = false;
    bool converted = false;  ///< gets of_xlate_fwspec at series-v1@15
    bool sets_data_after_register = false;
    /// The first kernel with it is no longer met half made by the walk of its own registration (X1, X2, X7); kCount:
    /// never was.
    Cap ready_before_walk = Cap::kCount;
    bool resets_domain = false;  ///< of_xlate resets the instance's domain to identity, from 6.7 on (rockchip)
    bool stream_map = false;     ///< ids are matched by entries of an instance, which may cover each other
    bool xlate_mask = false;     ///< the second cell is a mask, in the upper half of the id
    Units units = Units::none;
    unsigned entries = 0;                ///< ModelHardware::entries where that says 0
    bool frees_fwspec_on_error = false;  ///< probe_device's error path frees the fwspec, until series-v1@14
    bool frees_fwspec_first = false;     ///< probe_device frees any fwspec that it finds, and starts again
    bool nulls_priv = false;             ///< release_device stores NULL in priv, until series-v1@17
    bool allow_list = false;             ///< of_xlate: -ENODEV for a device that the SoC's list does not name
    bool mixes_alike_only = false;       ///< of_xlate: instances of other page size or bypass: -EINVAL
    bool unmanaged_only_6_1 = false;     ///< 6.1: no default domain of any type
    Finalize finalize = Finalize::nothing;
    Group group = Group::generic;
    std::string_view default_domain = "";  ///< "identity", "DMA" or the global one
    std::string_view remark;
};

/// All rows, in the specification's order (5.1, then 5.2).
const std::vector<ModelDriverRow>& model_drivers();
/// nullptr: no such row.
const ModelDriverRow* find_model_driver(std::string_view name);
/// The id that the row's driver stores for an entry's cells: the first; with a mask, SID and mask in one.
std::uint32_t id_of_cells(const ModelDriverRow& row, const std::vector<std::uint32_t>& cells);

/// One instance of a model driver.
class ModelIommu : public IommuDevice {
public:
    ModelIommu(Kernel& kernel, std::string sysfs_name);
    struct Stream {
        std::uint32_t id;
        const Device* owner;
    };
    /// One stream-map entry: it matches every id that differs from `id` in bits of `mask` only.
    struct MapEntry {
        std::uint32_t id = 0;
        std::uint32_t mask = 0;
        unsigned users = 0;  ///< 0: free
        Ptr<IommuGroup> group;
    };
    /// What device_group answered, by stream, id or set of ids.
    struct KeptGroup {
        std::uint32_t key = 0;
        Ptr<IommuGroup> group;
    };
    std::vector<KeptGroup> kept_groups;
    /// Rows with resets_domain: what is attached (null: identity), and whether a domain's list has the instance.
    std::unique_ptr<Shared<IommuDomain*>> attached;
    bool listed = false;
    std::vector<Stream> streams;    ///< under streams_mutex
    std::vector<MapEntry> entries;  ///< under streams_mutex
    Mutex streams_mutex;
    ModelHardware hardware;
    bool has_master = false;  ///< Priv::first_master
};

/// Per-device data: which instances.
class ModelMaster : public HeapObject {
public:
    explicit ModelMaster(Kernel& kernel) : HeapObject(kernel, "master") {}
    struct Stream {
        Ptr<ModelIommu> instance;
        std::uint32_t id = 0;
    };
    std::vector<Ptr<ModelIommu>> instances;
    std::vector<Stream> streams;     ///< Group::streams: in order, each once
    std::vector<unsigned> entries;   ///< of the instance's stream map, in the order of its ids
    std::vector<std::uint32_t> ids;  ///< Priv::first_master: the driver's own list
    void visit_pointers(PointerVisitor& visitor) const override;
};

/// A scenario's wishes for single devices (exploration only).
struct ModelPolicy {
    struct OfDevice {
        std::string device;
        std::string shares_group_of;  ///< device_group answers that device's group if it has one
        DomainType wanted = DomainType::none;
        bool listed = true;  ///< on the SoC's allow list (ipmmu)
        std::string unit;    ///< DMAR, IVRS: the IOMMU that the firmware's table puts it behind
    };
    std::vector<OfDevice> devices;
    std::vector<std::pair<std::string, ModelHardware>> hardware;  ///< by the instance's device
    const OfDevice* find(const std::string& device) const;
};

/// iommu_ops of one row.
class ModelIommuOps : public IommuOps {
public:
    ModelIommuOps(IommuCore& core, OfCore& of, BusType& bus, Driver& driver, const ModelDriverRow& row,
                  const ModelPolicy& policy);
    bool has_of_xlate() const override;
    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    bool has_of_xlate_fwspec() const override;
    int of_xlate_fwspec(Ptr<IommuFwspec> fwspec, Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    void probe_finalize(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    DomainType def_domain_type(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;

    const ModelDriverRow& row;
    IommuCore& core() { return core_; }
    /// The tree has the old binding of arm-smmu: masters in the SMMU's `mmu-masters`, and no other.
    bool legacy_binding() const { return legacy_binding_; }
    /// virtio's ATTACH request for one id; 0 where the driver sends none.
    int attach_request(const ModelIommu& instance, std::uint32_t id) const;
    const ModelPolicy& policy() const { return policy_; }
    /// A walk parses firmware, and of drivers with ready_before_walk what it needs is not there yet.
    bool meets_walk_half_made() const {
        return row.ready_before_walk != Cap::kCount && core_.variant.has(Cap::parse_in_probe) &&
               !core_.variant.has(row.ready_before_walk);
    }
    bool any_registered = false;  ///< an instance has finished its probe
    /// The driver's module is unloaded: whoever still calls these ops runs into freed memory.
    bool unloaded = false;

private:
    void check_loaded(const char* step) const;
    Ptr<ModelIommu> instance_by_node(FwNode node, const char* step);
    int xlate_priv(Device& dev, Ptr<ModelIommu> instance, const OfPhandleArgs& args);
    int parse_in_probe(Device& dev);
    int collect_instances(Device& dev, const std::vector<firmware::IommuEntry>& entries);
    Ptr<ModelIommu> instance_by_table(const Device& dev);
    PtrOrErr<ModelIommu> register_legacy_master(Device& dev);
    PtrOrErr<IommuDevice> probe_with(Device& dev, Ptr<ModelIommu> instance);
    int check_hardware(Device& dev, ModelIommu& instance);
    int check_xlate(const Device& dev, const OfPhandleArgs& args, const ModelIommu& instance) const;
    int check_alike(const ModelMaster& data, const ModelIommu& instance) const;
    int first_master(Device& dev, Ptr<ModelIommu> instance, std::uint32_t id);
    int insert_streams(Device& dev, ModelIommu& instance);
    void remove_streams(Device& dev, ModelIommu& instance);
    int map_streams(ModelIommu& instance, ModelMaster& master, const std::vector<std::uint32_t>& ids);
    void unmap_streams(ModelIommu& instance, ModelMaster& master, const char* step);
    PtrOrErr<IommuGroup> stream_map_group(Device& dev);
    PtrOrErr<IommuGroup> streams_group(Device& dev);
    PtrOrErr<IommuGroup> first_id_group(Device& dev);

    IommuCore& core_;
    BusType& bus_;
    Driver& driver_;
    const ModelPolicy& policy_;
    bool legacy_binding_ = false;
    std::unique_ptr<Mutex> groups_mutex_;  ///< Group::streams
};

/// The platform driver of one row: probe makes an instance and registers it.
class ModelIommuDriver : public Driver {
public:
    ModelIommuDriver(IommuCore& core, OfCore& of, BusType& bus, const ModelDriverRow& row, const ModelPolicy& policy);
    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;
    /// Device names whose registration is undone and answered by -EINVAL.
    std::vector<std::string> failing;
    ModelIommuOps& ops() { return ops_; }

private:
    IommuCore& core_;
    ModelIommuOps ops_;
};

}  // namespace xlate::kernel
