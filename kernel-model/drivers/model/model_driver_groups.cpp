// Who shares a group: what a driver's device_group answers, and what it remembers of its answers.
// Source: docs/spec/kernel-probe.md section 5, columns "group".
#include <algorithm>

#include "kernel-model/drivers/model/model_driver.hpp"

namespace xlate::kernel {

namespace {

Ptr<IommuGroup> find_kept(const ModelIommu& instance, std::uint32_t key) {
    for (const ModelIommu::KeptGroup& one : instance.kept_groups) {
        if (one.key == key) return one.group;
    }
    return {};
}

void keep(ModelIommu& instance, std::uint32_t key, Ptr<IommuGroup> group) {
    for (ModelIommu::KeptGroup& one : instance.kept_groups) {
        if (one.key != key) continue;
        one.group = group;
        return;
    }
    instance.kept_groups.push_back({key, group});
}

}  // namespace

PtrOrErr<IommuGroup> ModelIommuOps::device_group(Device& dev) {
    using Group = ModelDriverRow::Group;
    Frame frame{core_.k, "device_group"};
    if (const ModelPolicy::OfDevice* wish = policy_.find(dev.name); wish != nullptr && !wish->shares_group_of.empty()) {
        for (const Ptr<Device> other : bus_.devices) {
            if (!other || other->name != wish->shares_group_of) continue;
            const Ptr<IommuGroup> group = core_.iommu_group_get(*other, "ID6");
            if (group) return {group, 0};
        }
        return core_.generic_device_group(dev);
    }
    if (row.stream_map) return stream_map_group(dev);
    switch (row.group) {
        case Group::generic:
            break;
        case Group::single:
            return core_.generic_single_device_group(dev);
        case Group::single_with_dma:
            if (core_.parameters.arch == Arch::arm && !core_.has_generic_dma()) break;
            return core_.generic_single_device_group(dev);
        case Group::streams:
            return streams_group(dev);
        case Group::swgroups:
        case Group::regions:
            return first_id_group(dev);
    }
    return core_.generic_device_group(dev);
}

/// The group of its stream-map entries; two of them: -EINVAL; none: a new one, which the entries remember.
PtrOrErr<IommuGroup> ModelIommuOps::stream_map_group(Device& dev) {
    const Ptr<ModelMaster> master = ptr_cast<ModelMaster>(core_.dev_iommu_priv_get(dev, "ID6"));
    ModelIommu& instance = *master.deref("ID6")->instances.front().deref("ID6");
    PtrOrErr<IommuGroup> chosen;
    instance.streams_mutex.lock("ID6");
    for (const unsigned at : master->entries) {
        const Ptr<IommuGroup> group = instance.entries[at].group;
        if (group && chosen.value && group != chosen.value) chosen.err = -kEINVAL;
        if (group) chosen.value = group;
    }
    if (chosen.err == 0) {
        if (chosen.value) {
            core_.iommu_group_ref_get(chosen.value, "ID6");
        } else {
            chosen = core_.generic_device_group(dev);
        }
        for (const unsigned at : master->entries) instance.entries[at].group = chosen.value;
    }
    instance.streams_mutex.unlock("ID6");
    return chosen;
}

/// apple-dart: one table of groups a stream for all instances, under one lock of the driver. A group's end clears its
/// places, under the lock again: between its last reference and that, somebody may still find it.
PtrOrErr<IommuGroup> ModelIommuOps::streams_group(Device& dev) {
    const Ptr<ModelMaster> master = ptr_cast<ModelMaster>(core_.dev_iommu_priv_get(dev, "ID6"));
    const std::vector<ModelMaster::Stream> streams = master.deref("ID6")->streams;
    PtrOrErr<IommuGroup> chosen;
    groups_mutex_->lock("ID6");
    for (const ModelMaster::Stream& stream : streams) {
        const Ptr<IommuGroup> group = find_kept(*stream.instance.deref("ID6"), stream.id);
        if (chosen.value && group != chosen.value) chosen.err = -kEINVAL;
        chosen.value = group;
    }
    if (chosen.err == 0) {
        if (chosen.value) {
            core_.iommu_group_ref_get(chosen.value, "ID6");
        } else {
            chosen = core_.generic_device_group(dev);
            if (chosen.err == 0) {
                chosen.value->on_release = [this, streams] {
                    groups_mutex_->lock("GR");
                    for (const ModelMaster::Stream& stream : streams) keep(*stream.instance.deref("GR"), stream.id, {});
                    groups_mutex_->unlock("GR");
                };
            }
        }
        if (chosen.err == 0) {
            for (const ModelMaster::Stream& stream : streams) keep(*stream.instance, stream.id, chosen.value);
        }
    }
    groups_mutex_->unlock("ID6");
    return chosen;
}

/// By the first id, under a lock of the instance. tegra-smmu: ids that the SoC puts together, else each by itself; a
/// group's end takes it out of the list. mtk-iommu: one a region of the instance, and never forgotten.
PtrOrErr<IommuGroup> ModelIommuOps::first_id_group(Device& dev) {
    const bool by_region = row.group == ModelDriverRow::Group::regions;
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "ID6");
    const std::uint32_t id =
        by_region && fwspec.deref("ID6")->num_ids("ID6") == 0 ? 0 : fwspec.deref("ID6")->id(0, "ID6");
    const Ptr<ModelIommu> instance = ptr_cast<ModelIommu>(core_.dev_iommu_priv_get(dev, "ID6"));
    const auto& sets = instance.deref("ID6")->hardware.groups;
    const auto set = std::find_if(sets.begin(), sets.end(), [&](const std::vector<std::uint32_t>& ids) {
        return std::find(ids.begin(), ids.end(), id) != ids.end();
    });
    // Keys of sets lie above those of ids; this one is of the rest.
    constexpr std::uint32_t kSet = 0x80000000U;
    const std::uint32_t outside = by_region ? kSet : id;
    const std::uint32_t key = set != sets.end() ? kSet + 1 + static_cast<std::uint32_t>(set - sets.begin()) : outside;

    instance->streams_mutex.lock("ID6");
    PtrOrErr<IommuGroup> chosen{find_kept(*instance, key), 0};
    if (chosen.value) {
        core_.iommu_group_ref_get(chosen.value, "ID6");
    } else {
        chosen = core_.generic_device_group(dev);
        if (chosen.err == 0) {
            keep(*instance, key, chosen.value);
            if (!by_region || core_.variant.has(Cap::m4u_forgets_group)) {
                chosen.value->on_release = [instance, key] {
                    instance.deref("GR")->streams_mutex.lock("GR");
                    keep(*instance, key, {});
                    instance->streams_mutex.unlock("GR");
                };
            }
        }
    }
    instance->streams_mutex.unlock("ID6");
    return chosen;
}

}  // namespace xlate::kernel
