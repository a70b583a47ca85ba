// DMA of clients behind real drivers: a page is mapped when the client's driver is bound, and accessed with each of the
// client's ids, then and in the end; what was unmapped and who was removed must not reach memory.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "explore/scenario/scenario_tables.hpp"
#include "explore/scenario/scenario_world.hpp"
#include "kernel-model/core/late_memory.hpp"

namespace xlate::explore {

using kernel::Device;

namespace {

std::string list_text(const std::vector<std::uint32_t>& list) { return fmt::format("[{}]", fmt::join(list, ", ")); }

}  // namespace

/// That the client's requests through this IOMMU carry.
std::uint32_t ScenarioWorld::id_of(const DeviceSpec& device, const EntrySpec& entry) const {
    if (!entry.args.empty()) return entry.args.front();
    if (!found_by_table(program_.scenario(), entry)) return 0;
    const std::vector<DeviceSpec>& all = program_.scenario().devices;
    return requester_id(static_cast<std::size_t>(&device - all.data()));
}

bool ScenarioWorld::behind_real(const Client& client) const {
    if (!real_ || client.spec->iommus.empty()) return false;
    return std::all_of(client.spec->iommus.begin(), client.spec->iommus.end(), [&](const EntrySpec& entry) {
        return !entry.iommu.empty() && iommu_named(program_.scenario(), entry.iommu).real;
    });
}

int ScenarioWorld::map_buffer(Client& client) {
    Device& dev = *client.dev;
    if (const int err = real_->power.get_sync(dev); err != 0) return err;
    client.powered = true;
    const kernel::StandaloneFamily& family =
        *kernel::find_standalone_driver(iommu_named(program_.scenario(), client.spec->iommus.front().iommu).driver);
    dev.dma_mask = low_mask(family.dma_bits);
    client.address =
        real_->dma.dma_map_single(dev, *client.buffer, real_->pages.page_bytes(), kernel::DmaDirection::bidirectional);
    client.translated = dev.dma_ops.peek() != kernel::DmaOps::direct;
    if (client.address) return 0;
    power_off(client);
    k_.reports.semantic("its DMA cannot be mapped", dev.name);
    return -kernel::kEIO;
}

void ScenarioWorld::unmap_buffer(Client& client) {
    if (!client.address) return;
    const bool translated = client.translated;
    real_->dma.dma_unmap_single(*client.dev, *client.address, real_->pages.page_bytes());
    for (const EntrySpec& entry : client.spec->iommus) {
        const Landing landing = access(client, entry);
        if (!translated || !landing.in_memory || !(landing.address == *client.buffer)) continue;
        k_.reports.semantic(
            fmt::format("stream {}: a page that is unmapped is still reached", id_of(*client.spec, entry)),
            client.spec->name);
    }
    client.address.reset();
    power_off(client);
}

void ScenarioWorld::power_off(Client& client) {
    if (std::exchange(client.powered, false)) real_->power.put(*client.dev);
}

/// To the buffer, by its address; before its DMA has started, by the buffer's own.
Landing ScenarioWorld::access(const Client& client, const EntrySpec& entry) {
    const Iova address = client.address.value_or(Iova{client.buffer->value});
    return hardware_->access(program_.node_of(entry.iommu), StreamId{id_of(*client.spec, entry)}, address, true);
}

/// Hardware that a boot loader has left running, or that goes astray.
void ScenarioWorld::access_of_device(const std::string& name) {
    for (const Client& client : clients_) {
        if (client.spec->name != name || !behind_real(client)) continue;
        for (const EntrySpec& entry : client.spec->iommus) {
            k_.sched.point(
                {kernel::PointKind::mmio, "DMA", (kernel::Resource{7} << 61) | kernel::kFieldBits, "memory"});
            const Landing landing = access(client, entry);
            // A stream without a table is refused (C_BAD_STREAMID); half of one, or of what it points to, is not to be
            // seen.
            if (landing.fault_name != "C_BAD_STE" && landing.fault_name != "C_BAD_CD") continue;
            k_.reports.semantic(fmt::format("stream {}: its IOMMU reads an entry that is not written yet ({})",
                                            id_of(*client.spec, entry), landing.fault_name),
                                name);
        }
    }
}

/// The device has its domain, so that its first access must be translated. Whether it is a finding of its own shows in
/// the end.
void ScenarioWorld::first_access(Client& client) {
    kernel::smp_mb(k_.machine);  // its driver's doorbell is a register write
    const Device& dev = *client.dev.get();
    client.first_refused.clear();
    const kernel::IommuGroup* group = dev.iommu_group.peek().get();
    for (const EntrySpec& entry : client.spec->iommus) {
        const Landing landing = access(client, entry);
        if (group == nullptr || group->freed() || !all_iommus_bound(*client.spec)) continue;
        if (landing.in_memory && landing.address == *client.buffer) continue;
        if (client.first_refused.empty())
            client.first_refused =
                fmt::format("its first DMA, of stream {}, {}", id_of(*client.spec, entry), landing.text());
    }
}

/// In the end: what each id's accesses come to, for the outcome.
void ScenarioWorld::judge_dma(Client& client) {
    if (!behind_real(client)) return;
    if (client.removed) judge_removed(client);
    if (!client.address) return;
    for (const EntrySpec& entry : client.spec->iommus) {
        const Landing landing = access(client, entry);
        std::string text = "refused";
        if (landing.in_memory) text = landing.address == *client.buffer ? "buffer" : "elsewhere";
        if (!landing.fault_name.empty()) text = landing.fault_name;
        client.dma += fmt::format("{}{}:{}", client.dma.empty() ? "" : ",", id_of(*client.spec, entry), text);
    }
}

/// A bound device's ids that its IOMMU has been told of must reach its buffer.
void ScenarioWorld::judge_streams(const Client& client, const kernel::IommuGroup& group,
                                  const kernel::IommuFwspec* fwspec) {
    if (!client.address || !group.domain.peek() || !all_iommus_bound(*client.spec)) return;
    const kernel::ModelDriverRow& row =
        *kernel::find_model_driver(iommu_named(program_.scenario(), client.spec->iommus.front().iommu).driver);
    // A driver that keeps its streams in data of its own does without the fwspec (D-11).
    const bool known = fwspec != nullptr && !fwspec->freed();
    const bool needs_none = row.xlate_priv == kernel::ModelDriverRow::Priv::data_once ||
                            row.lookup == kernel::IommuOps::InstanceLookup::table;
    if (!known && (row.xlate_ids || !needs_none)) return;
    std::vector<std::uint32_t> ids = known ? fwspec->peek_ids() : std::vector<std::uint32_t>{};
    if (!row.xlate_ids) {
        for (const EntrySpec& entry : client.spec->iommus) ids.push_back(id_of(*client.spec, entry));
    }
    std::vector<std::string> named;
    std::vector<std::string> reached;
    std::vector<std::uint32_t> landed;
    std::string refused;
    bool recorded = false;
    std::size_t seen = 0;
    for (const EntrySpec& entry : client.spec->iommus) {
        if (std::find(ids.begin(), ids.end(), id_of(*client.spec, entry)) == ids.end()) continue;
        ++seen;
        if (std::find(named.begin(), named.end(), entry.iommu) == named.end()) named.push_back(entry.iommu);
        const Landing landing = access(client, entry);
        if (landing.in_memory && landing.address == *client.buffer) {
            landed.push_back(id_of(*client.spec, entry));
            if (std::find(reached.begin(), reached.end(), entry.iommu) == reached.end()) reached.push_back(entry.iommu);
        } else {
            recorded = recorded || !landing.fault_name.empty() || landing.in_memory;
            refused = fmt::format("the DMA of stream {} {}", id_of(*client.spec, entry), landing.text());
        }
    }
    const Device& dev = *client.dev.get();
    if (landed.size() == seen) {
        if (seen == client.spec->iommus.size() && !client.first_refused.empty() && !client.started_without_group)
            k_.reports.semantic(client.first_refused, dev.name);
        return;
    }
    if (group.domain.peek().get()->type == kernel::DomainType::dma && dev.dma_ops.peek() == kernel::DmaOps::direct) {
        k_.reports.semantic("DMA operations are direct though the domain translates: every access faults", dev.name);
    } else if (client.started_without_group) {
        return;  // said already
    } else if (row.xlate_priv == kernel::ModelDriverRow::Priv::data_once && reached.size() < named.size()) {
        k_.reports.semantic(
            fmt::format("firmware puts it behind {} IOMMUs, its driver knows {}", named.size(), reached.size()),
            dev.name);
    } else if (!recorded || !landed.empty()) {
        k_.reports.semantic("its IOMMU was given the ids " + list_text(landed) + " of " + list_text(ids) +
                                ": what the others do, faults",
                            dev.name);
    } else {
        k_.reports.semantic(refused, dev.name);
    }
}

void ScenarioWorld::judge_removed(const Client& client) {
    if (!all_iommus_bound(*client.spec)) return;
    for (const EntrySpec& entry : client.spec->iommus) {
        const bool taken = std::any_of(clients_.begin(), clients_.end(), [&](const Client& other) {
            return &other != &client && !other.removed &&
                   std::any_of(other.spec->iommus.begin(), other.spec->iommus.end(), [&](const EntrySpec& one) {
                       return one.iommu == entry.iommu && id_of(*other.spec, one) == id_of(*client.spec, entry);
                   });
        });
        const Landing landing = access(client, entry);
        if (taken || !landing.in_memory) continue;
        k_.reports.semantic(
            fmt::format("its device is gone, and stream {} {:s}", id_of(*client.spec, entry), landing.text()),
            client.spec->name);
    }
}

}  // namespace xlate::explore
