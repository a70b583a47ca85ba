// What model drivers ask of their instance's hardware: stream ids, stream-map entries, larbs, banks, endpoints.
// Source: docs/spec/kernel-probe.md section 5.
#include <algorithm>

#include "kernel-model/drivers/model/model_driver.hpp"

namespace xlate::kernel {

namespace {

constexpr std::uint32_t kIdMask = 0xFFFF;
constexpr unsigned kMaskShift = 16;
constexpr std::uint32_t kPortsPerLarb = 32;

bool contains(const std::vector<std::uint32_t>& list, std::uint32_t one) {
    return std::find(list.begin(), list.end(), one) != list.end();
}

}  // namespace

const std::vector<std::string>& virtio_statuses() {
    static const std::vector<std::string> names{"IOERR", "UNSUPP", "DEVERR", "INVAL",
                                                "RANGE", "NOENT",  "FAULT",  "NOMEM"};
    return names;
}

int virtio_status_error(const std::string& status) {
    if (status == "UNSUPP") return -kENOSYS;
    if (status == "INVAL") return -kEINVAL;
    if (status == "RANGE") return -kERANGE;
    if (status == "NOENT") return -kENOENT;
    if (status == "FAULT") return -kEFAULT;
    if (status == "NOMEM") return -kENOMEM;
    return -kEIO;
}

std::uint32_t id_of_cells(const ModelDriverRow& row, const std::vector<std::uint32_t>& cells) {
    if (!row.xlate_mask || cells.size() < 2) return cells.front();
    return (cells[0] & kIdMask) | (cells[1] << kMaskShift);
}

int ModelIommuOps::check_xlate(const Device& dev, const OfPhandleArgs& args, const ModelIommu& instance) const {
    const ModelPolicy::OfDevice* known = policy_.find(dev.name);
    if (row.allow_list && known != nullptr && !known->listed) return -kENODEV;
    if (row.units != ModelDriverRow::Units::banks || args.args.empty()) return 0;
    const unsigned banks = instance.hardware.entries != 0 ? instance.hardware.entries : row.entries;
    const std::uint32_t bank = args.args.front();
    return bank >= banks || contains(instance.hardware.absent, bank) ? -kEINVAL : 0;
}

int ModelIommuOps::check_alike(const ModelMaster& data, const ModelIommu& instance) const {
    if (!row.mixes_alike_only || data.instances.empty()) return 0;
    const ModelHardware& first = data.instances.front().deref("OX4")->hardware;
    const bool alike = first.large_pages == instance.hardware.large_pages && first.bypass == instance.hardware.bypass;
    return alike ? 0 : -kEINVAL;
}

/// msm: the first device behind an instance gets a master; a second one follows private data that it does not have.
int ModelIommuOps::first_master(Device& dev, Ptr<ModelIommu> instance, std::uint32_t id) {
    if (!instance.deref("OX2")->has_master) {
        const Ptr<ModelMaster> made = core_.k.heap.make<ModelMaster>("OX2");
        if (!made) return -kENOMEM;
        made->instances.push_back(instance);
        core_.k.heap.set_immortal(*made);  // on the instance's list
        instance->has_master = true;
        core_.dev_iommu_priv_set(dev, made, "OX3");
    }
    const Ptr<ModelMaster> master = ptr_cast<ModelMaster>(core_.dev_iommu_priv_get(dev, "OX4"));
    std::vector<std::uint32_t>& ids = master.deref("OX4")->ids;
    if (contains(ids, id)) {
        core_.k.console.warn(dev.prefix(), "Stream ID {:#x} repeated; ignoring", id);
        return 0;
    }
    ids.push_back(id);
    return 0;
}

/// What probe_device asks before it stores anything: the larbs of all ids, or the first endpoint.
int ModelIommuOps::check_hardware(Device& dev, ModelIommu& instance) {
    using Units = ModelDriverRow::Units;
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "PR8");
    const unsigned count = fwspec.deref("PR8")->num_ids("PR8");
    if (count == 0) return row.units == Units::endpoints ? -kEINVAL : 0;
    const std::uint32_t first = fwspec.deref("PR8")->id(0, "PR8");
    if (row.units == Units::endpoints) return attach_request(instance, first);
    const unsigned larbs = instance.hardware.entries != 0 ? instance.hardware.entries : row.entries;
    const std::uint32_t larb = first / kPortsPerLarb;
    if (larb >= larbs) return -kEINVAL;
    for (unsigned i = 1; i < count; ++i) {
        if (fwspec.deref("PR8")->id(i, "PR8") / kPortsPerLarb != larb) return -kEINVAL;
    }
    return contains(instance.hardware.absent, larb) ? -kEINVAL : 0;
}

int ModelIommuOps::attach_request(const ModelIommu& instance, std::uint32_t id) const {
    return contains(instance.hardware.absent, id) ? virtio_status_error(instance.hardware.refusal) : 0;
}

/// Per id, in order: out of range -ERANGE; another device's -EINVAL; the own duplicate is skipped; any error undoes
/// all.
int ModelIommuOps::insert_streams(Device& dev, ModelIommu& instance) {
    Frame frame{core_.k, "insert_streams"};
    if (row.lookup == InstanceLookup::table) return 0;  // no fwspec: the requester id is the device's own
    if (!row.stream_map && !row.owns_streams && row.id_limit_bits >= 32) return 0;
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "PR9");
    const unsigned count = fwspec.deref("PR9")->num_ids("PR9");
    int err = 0;
    std::vector<std::uint32_t> ids;
    instance.streams_mutex.lock("PR9");
    for (unsigned i = 0; i < count && err == 0; ++i) {
        const std::uint32_t id = fwspec.deref("PR9")->id(i, "PR9");
        if (row.stream_map) {
            ids.push_back(id);
            const std::uint32_t outside = ~((std::uint32_t{1} << row.id_limit_bits) - 1) & kIdMask;
            if ((id & outside) != 0 || ((id >> kMaskShift) & outside) != 0) err = -kEINVAL;
            continue;
        }
        if (row.id_limit_bits < 32 && (id >> row.id_limit_bits) != 0) {
            err = -kERANGE;
            break;
        }
        if (!row.owns_streams) continue;
        const auto found = std::find_if(instance.streams.begin(), instance.streams.end(),
                                        [&](const ModelIommu::Stream& stream) { return stream.id == id; });
        if (found == instance.streams.end()) {
            instance.streams.push_back({id, &dev});
        } else if (found->owner != &dev) {
            err = -kEINVAL;
        }
    }
    if (row.stream_map && err == 0) {
        const Ptr<ModelMaster> master = ptr_cast<ModelMaster>(core_.dev_iommu_priv_get(dev, "PR9"));
        err = map_streams(instance, *master.deref("PR9"), ids);
    }
    instance.streams_mutex.unlock("PR9");
    if (err != 0 && row.owns_streams) remove_streams(dev, instance);
    return err;
}

void ModelIommuOps::remove_streams(Device& dev, ModelIommu& instance) {
    instance.streams_mutex.lock("RL1");
    instance.streams.erase(std::remove_if(instance.streams.begin(), instance.streams.end(),
                                          [&](const ModelIommu::Stream& stream) { return stream.owner == &dev; }),
                           instance.streams.end());
    instance.streams_mutex.unlock("RL1");
}

/// streams_mutex held. An entry that covers the id is shared; one that overlaps it otherwise: -EINVAL; none left:
/// -ENOSPC; any error undoes all.
int ModelIommuOps::map_streams(ModelIommu& instance, ModelMaster& master, const std::vector<std::uint32_t>& ids) {
    const auto place = [&](std::uint32_t id, std::uint32_t mask) -> int {
        auto& entries = instance.entries;
        if (!instance.hardware.stream_matching) return id < entries.size() ? static_cast<int>(id) : -kENOSPC;
        int free = -kENOSPC;
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const ModelIommu::MapEntry& entry = entries[i];
            if (entry.users == 0) {
                if (free < 0) free = static_cast<int>(i);
                continue;
            }
            if ((mask & entry.mask) == mask && ((id ^ entry.id) & ~entry.mask) == 0) return static_cast<int>(i);
            if (((id ^ entry.id) & ~(entry.mask | mask)) == 0) return -kEINVAL;
        }
        return free;
    };
    for (const std::uint32_t one : ids) {
        const std::uint32_t id = one & kIdMask;
        const std::uint32_t mask = one >> kMaskShift;
        const int at = place(id, mask);
        if (at < 0) {
            for (const unsigned taken : master.entries) --instance.entries[taken].users;
            master.entries.clear();
            return at;
        }
        ModelIommu::MapEntry& entry = instance.entries[static_cast<std::size_t>(at)];
        if (entry.users++ == 0) {
            entry.id = id;
            entry.mask = mask;
            entry.group = {};
        }
        master.entries.push_back(static_cast<unsigned>(at));
    }
    return 0;
}

void ModelIommuOps::unmap_streams(ModelIommu& instance, ModelMaster& master, const char* step) {
    instance.streams_mutex.lock(step);
    for (const unsigned taken : master.entries) --instance.entries[taken].users;
    master.entries.clear();
    instance.streams_mutex.unlock(step);
}

}  // namespace xlate::kernel
