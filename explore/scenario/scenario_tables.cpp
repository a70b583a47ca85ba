#include "explore/scenario/scenario_tables.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "explore/scenario/scenario_program.hpp"
#include "firmware/acpi/table_writer.hpp"

namespace xlate::explore {

namespace {

using firmware::acpi::NamedBytes;
using firmware::acpi::TableWriter;

constexpr std::string_view kSmmuV3 = "arm-smmu-v3", kVirtio = "virtio-iommu", kVtd = "intel-iommu", kAmd = "amd-iommu";
constexpr std::uint32_t kIortRevision = 6;
constexpr std::uint32_t kFirstInterrupt = 100;
constexpr std::uint32_t kSmmuOfPci = 0xFF00;    ///< a unit's own function: behind those of all clients
constexpr unsigned kAmdUnitFlags = 0;           ///< no ATS: clients are no PCI functions
constexpr unsigned kHostAddressBits = 45;       ///< minus one
constexpr unsigned kAmdAddressBits = 0x303040;  ///< VASize 48, PASize 48, GVASize 0

bool is(const IommuSpec& iommu, std::string_view driver) { return iommu.driver == driver; }

/// IOMMUs of this driver by name, with their registers.
std::map<std::string, std::uint64_t> units_of(const Scenario& scenario, std::string_view driver,
                                              const std::vector<std::uint64_t>& registers) {
    std::map<std::string, std::uint64_t> units;
    for (std::size_t i = 0; i < scenario.iommus.size(); ++i) {
        if (is(scenario.iommus[i], driver)) units[scenario.iommus[i].name] = registers[i];
    }
    return units;
}

/// Behind the header a table's fields; here those of a node that is put into another table.
std::vector<std::uint8_t> fields_of(const TableWriter& writer) {
    const std::vector<std::uint8_t> whole = writer.finish();
    return {whole.begin() + firmware::acpi::kHeaderBytes, whole.end()};
}

TableWriter iort(const Scenario& scenario, const std::vector<std::uint64_t>& registers) {
    TableWriter table("IORT", kIortRevision);
    table.u32(0).u32(48).u32(0);
    std::uint32_t nodes = 0;
    std::map<std::string, std::size_t> offsets;
    for (std::size_t i = 0; i < scenario.iommus.size(); ++i) {
        if (!is(scenario.iommus[i], kSmmuV3)) continue;
        const auto line = static_cast<std::uint32_t>(kFirstInterrupt + 4 * i);
        offsets[scenario.iommus[i].name] = table.size();
        table.u8(4).u16(68).u8(4).u32(nodes++).u32(0).u32(0);
        table.u64(registers[i]).u32(1).u32(0).u64(0).u32(0);
        table.u32(line).u32(line + 1).u32(line + 3).u32(line + 2).u32(0).u32(0);
    }
    for (std::size_t i = 0; i < scenario.devices.size(); ++i) {
        const DeviceSpec& device = scenario.devices[i];
        std::vector<const EntrySpec*> mapped;
        for (const EntrySpec& entry : device.iommus) {
            if (offsets.count(entry.iommu) != 0) mapped.push_back(&entry);
        }
        if (mapped.empty()) continue;
        TableWriter body("BODY", 0);
        body.u32(0).u32(device.coherent ? 1 : 0).u8(0).u16(0).u8(device.coherent ? 3 : 0).u8(64);
        body.text(namespace_path(i));
        std::vector<std::uint8_t> fields = fields_of(body);
        fields.resize((fields.size() + 3) / 4 * 4);
        table.u8(1).u16(16 + fields.size() + 20 * mapped.size()).u8(4).u32(nodes++);
        table.u32(mapped.size()).u32(16 + fields.size()).raw(fields);
        for (const EntrySpec* entry : mapped)
            table.u32(0).u32(0).u32(entry->args.front()).u32(offsets.at(entry->iommu)).u32(1);
    }
    table.patch(firmware::acpi::kHeaderBytes, 4, nodes);
    return table;
}

TableWriter viot(const Scenario& scenario, const std::vector<std::uint64_t>& registers) {
    TableWriter table("VIOT", 0);
    table.u16(0).u16(48).zeros(8);
    std::map<std::string, std::size_t> offsets;
    std::uint32_t nodes = 0;
    for (const auto& [name, base] : units_of(scenario, kVirtio, registers)) {
        offsets[name] = table.size();
        table.u8(4).u8(0).u16(16).u32(0).u64(base);
        ++nodes;
    }
    for (std::size_t i = 0; i < scenario.devices.size(); ++i) {
        for (const EntrySpec& entry : scenario.devices[i].iommus) {
            if (!entry.viot) continue;
            table.u8(2).u8(0).u16(24).u32(entry.args.front()).u64(endpoint_registers(i));
            table.u16(offsets.at(entry.iommu)).zeros(6);
            ++nodes;
        }
    }
    table.patch(firmware::acpi::kHeaderBytes, 2, nodes);
    return table;
}

/// Devices of the namespace are numbered by ANDD structures, whose numbers the scopes name.
TableWriter dmar(const Scenario& scenario, const std::vector<std::uint64_t>& registers) {
    TableWriter table("DMAR", 1);
    table.u8(kHostAddressBits).u8(0).zeros(10);
    for (std::size_t unit = 0; unit < scenario.iommus.size(); ++unit) {
        if (!is(scenario.iommus[unit], kVtd)) continue;
        TableWriter scopes("BODY", 0);
        for (std::size_t i = 0; i < scenario.devices.size(); ++i) {
            const DeviceSpec& device = scenario.devices[i];
            if (device.iommus.empty() || device.iommus.front().iommu != scenario.iommus[unit].name) continue;
            const std::uint32_t id = requester_id(i);
            scopes.u8(5).u8(8).u8(0).u8(0).u8(i + 1).u8(id >> 8).u8(id >> 3 & 31).u8(id & 7);
        }
        const std::vector<std::uint8_t> fields = fields_of(scopes);
        table.u16(0).u16(16 + fields.size()).u8(0).u8(0).u16(0).u64(registers[unit]).raw(fields);
    }
    for (std::size_t i = 0; i < scenario.devices.size(); ++i) {
        const std::string path = namespace_path(i);
        table.u16(4).u16(8 + path.size() + 1).zeros(3).u8(i + 1).text(path);
    }
    return table;
}

TableWriter ivrs(const Scenario& scenario, const std::vector<std::uint64_t>& registers) {
    constexpr unsigned kHeaderOfUnit = 40;
    TableWriter table("IVRS", 2);
    table.u32(kAmdAddressBits).zeros(8);
    for (std::size_t unit = 0; unit < scenario.iommus.size(); ++unit) {
        if (!is(scenario.iommus[unit], kAmd)) continue;
        TableWriter entries("BODY", 0);
        for (std::size_t i = 0; i < scenario.devices.size(); ++i) {
            const DeviceSpec& device = scenario.devices[i];
            if (device.iommus.empty() || device.iommus.front().iommu != scenario.iommus[unit].name) continue;
            // Linux knows a device by the hardware id that begins its name.
            const std::string path = namespace_path(i);
            entries.u8(0xF0).u16(requester_id(i)).u8(0).text(device.name.substr(0, 8), 8).zeros(8);
            entries.u8(2).u8(path.size());
            entries.raw({path.begin(), path.end()});
        }
        const std::vector<std::uint8_t> fields = fields_of(entries);
        table.u8(0x40).u8(kAmdUnitFlags).u16(kHeaderOfUnit + fields.size()).u16(kSmmuOfPci + unit).u16(0x40);
        table.u64(registers[unit]).u16(0).u16(0).u32(0).u64(0).u64(0).raw(fields);
    }
    return table;
}

bool has(const Scenario& scenario, std::string_view driver) {
    return std::any_of(scenario.iommus.begin(), scenario.iommus.end(),
                       [&](const IommuSpec& iommu) { return is(iommu, driver); });
}

}  // namespace

std::string namespace_path(std::size_t device) { return fmt::format("\\_SB_.D{:03X}", device); }
std::uint32_t requester_id(std::size_t device) { return static_cast<std::uint32_t>(device + 1) << 3; }
std::uint64_t endpoint_registers(std::size_t device) { return 0x0A00'0000 + 0x1000 * device; }

bool has_tables(const Scenario& scenario) {
    const auto known = [](const IommuSpec& iommu) {
        return iommu.available && (is(iommu, kSmmuV3) || is(iommu, kVirtio) || is(iommu, kVtd) || is(iommu, kAmd));
    };
    const auto real = [](const IommuSpec& iommu) { return iommu.real; };
    return scenario.firmware == Firmware::acpi && std::any_of(scenario.iommus.begin(), scenario.iommus.end(), real) &&
           std::all_of(scenario.iommus.begin(), scenario.iommus.end(), known);
}

std::vector<NamedBytes> write_tables(const Scenario& scenario, const std::vector<std::uint64_t>& registers) {
    std::vector<NamedBytes> tables;
    if (has(scenario, kSmmuV3)) tables.emplace_back("IORT", iort(scenario, registers).finish());
    if (has(scenario, kVirtio)) tables.emplace_back("VIOT", viot(scenario, registers).finish());
    if (has(scenario, kVtd)) tables.emplace_back("DMAR", dmar(scenario, registers).finish());
    if (has(scenario, kAmd)) tables.emplace_back("IVRS", ivrs(scenario, registers).finish());
    return tables;
}

}  // namespace xlate::explore
