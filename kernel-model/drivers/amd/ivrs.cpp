#include "kernel-model/drivers/amd/ivrs.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "firmware/acpi/tables.hpp"
#include "firmware/iommu_families.hpp"

namespace xlate::kernel {

using firmware::acpi::Ivhd;
using firmware::acpi::IvhdEntry;
using firmware::acpi::Ivmd;
using Kind = IvhdEntry::Kind;

namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint8_t kIvmdAll = 0x20, kIvmdRange = 0x22;
constexpr std::uint8_t kIoApic = 1;                                    // variety of a special device
constexpr unsigned kUnity = 1, kRead = 2, kWrite = 4, kExclusion = 8;  // flags of an IVMD

/// find_last_devid_from_ivhd.
std::uint16_t last_devid(const Ivhd& ivhd) {
    std::uint16_t last = 0;
    for (const IvhdEntry& entry : ivhd.entries) {
        if (entry.kind == Kind::all) return 0xFFFF;
        if (entry.kind == Kind::padding || entry.kind == Kind::special || entry.kind == Kind::unknown) continue;
        last = std::max(last, entry.last);
    }
    return last;
}

void take_entry(IvrsTables& tables, IvrsSegment& segment, std::size_t unit, const IvhdEntry& entry) {
    const auto set = [&](std::uint32_t devid) {
        const auto id = static_cast<std::uint16_t>(devid);
        segment.rlookup[id] = unit;
        segment.settings[id] = entry.settings;
    };
    switch (entry.kind) {
        case Kind::all:
            for (std::uint32_t id = 0; id <= segment.last_bdf; ++id) set(id);
            return;
        case Kind::select:
        case Kind::extended_select:
        case Kind::range:
        case Kind::extended_range:
            for (std::uint32_t id = entry.devid; id <= entry.last; ++id) set(id);
            return;
        case Kind::alias_select:
        case Kind::alias_range:
            for (std::uint32_t id = entry.devid; id <= entry.last; ++id) {
                segment.alias[static_cast<std::uint16_t>(id)] = entry.alias;
                set(id);
            }
            set(entry.alias);
            return;
        case Kind::special:
            if (entry.variety == kIoApic) tables.io_apics.emplace(entry.handle, entry.devid);
            set(entry.devid);
            return;
        case Kind::acpi_hid:
            tables.acpi_devices[entry.hid] = {entry.devid, unit};
            set(entry.devid);
            return;
        case Kind::padding:
        case Kind::unknown:
            return;
    }
}

}  // namespace

IvrsTables read_ivrs_tables(const firmware::Description& description) {
    IvrsTables tables;
    if (!description.tables || !description.tables->ivrs) return tables;
    const firmware::acpi::Ivrs& ivrs = *description.tables->ivrs;
    for (const firmware::acpi::IvrsBlock& block : ivrs.blocks) {
        const auto* const ivhd = std::get_if<Ivhd>(&block.body);
        if (ivhd == nullptr || ivhd->type != ivrs.used_type()) continue;
        IvrsUnit unit{ivhd, {}, "ivhd" + std::to_string(tables.units.size())};
        for (const firmware::NodeIndex at : description.providers()) {
            const firmware::Node& node = description.node(at);
            if (firmware::iommu_kind(node).family == "amd-vi" && !node.regs.empty() &&
                node.regs.front().address == ivhd->base) {
                unit.node = at;
            }
        }
        IvrsSegment& segment = tables.segments[ivhd->segment];
        segment.last_bdf = std::max(segment.last_bdf, last_devid(*ivhd));
        tables.units.push_back(unit);
    }
    for (std::size_t i = 0; i < tables.units.size(); ++i) {
        const Ivhd& ivhd = *tables.units[i].ivhd;
        IvrsSegment& segment = tables.segments[ivhd.segment];
        for (const IvhdEntry& entry : ivhd.entries) take_entry(tables, segment, i, entry);
    }
    // No unit translates itself, whatever the table says.
    for (const IvrsUnit& unit : tables.units) tables.segments[unit.ivhd->segment].rlookup.erase(unit.ivhd->devid);
    for (const firmware::acpi::IvrsBlock& block : ivrs.blocks) {
        const auto* const memory = std::get_if<Ivmd>(&block.body);
        if (memory == nullptr || (memory->flags & (kUnity | kExclusion)) == 0) continue;
        UnityMap map;
        map.first = memory->type == kIvmdAll ? 0 : memory->devid;
        map.last = memory->type == kIvmdAll ? 0xFFFF : memory->type == kIvmdRange ? memory->last : memory->devid;
        map.start = align_up(memory->base, kPageBytes);
        map.end = map.start + align_up(memory->length, kPageBytes);
        // An exclusion range is for reading and writing.
        map.read = (memory->flags & (kRead | kExclusion)) != 0;
        map.write = (memory->flags & (kWrite | kExclusion)) != 0;
        tables.unity_maps.push_back(map);
    }
    return tables;
}

}  // namespace xlate::kernel
