#include "study/inspect/firmware_facts.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "firmware/acpi/tables.hpp"
#include "firmware/device_name.hpp"
#include "firmware/id_limits.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_functions.hpp"
#include "firmware/remote_processors.hpp"
#include "kernel-model/dma/reserved_regions.hpp"
#include "kernel-model/drivers/firmware_regions.hpp"
#include "kernel-model/of/fw_devlink.hpp"
#include "study/config/firmware_parameters.hpp"

namespace xlate::study {
namespace {

namespace acpi = firmware::acpi;
using firmware::Description;
using firmware::DeviceReservation;
using firmware::NodeIndex;

std::string ids_of(const DeviceReservation& one) {
    if (one.first_id == one.last_id) return fmt::format("id {:#x}", one.first_id);
    return fmt::format("ids {:#x}-{:#x}", one.first_id, one.last_id);
}

/// Properties by supplier, of an IOMMU.
std::map<NodeIndex, std::string> awaited(const Description& description, NodeIndex iommu) {
    std::map<NodeIndex, std::string> properties;
    for (const kernel::Supplier& supplier : kernel::suppliers_of(description, iommu)) {
        if (supplier.optional) continue;
        std::string& text = properties[supplier.node];
        text += (text.empty() ? "" : ", ") + supplier.property;
    }
    return properties;
}

/// Some PCI function's id may be one of them.
bool of_pci(const Description& description, const DeviceReservation& one) {
    return std::any_of(description.nodes.begin(), description.nodes.end(), [&](const firmware::Node& node) {
        if (!node.iommu_map) return false;
        return std::any_of(node.iommu_map->rows.begin(), node.iommu_map->rows.end(), [&](const auto& row) {
            const std::uint64_t end = std::uint64_t{row.out} + row.length;
            return row.provider == one.provider && row.length != 0 && one.last_id >= row.out && one.first_id < end;
        });
    });
}

/// "0000:00:1c.0/00.0": from the bus of the scope down.
std::string scope_text(std::uint16_t segment, const acpi::DeviceScope& scope) {
    std::string text = fmt::format("{:04x}:{:02x}:", segment, scope.start_bus);
    for (std::size_t i = 0; i < scope.path.size(); ++i)
        text += fmt::format("{}{:02x}.{:x}", i == 0 ? "" : "/", scope.path[i].first, scope.path[i].second);
    return text;
}

/// The IOMMU whose driver is to keep it; none: and why.
struct InFront {
    std::optional<NodeIndex> iommu;
    std::string none;
};

/// The addresses are those of a bus' own device, and what is behind its map has nodes of its own, or none.
bool is_of_the_bus_itself(const Description& description, NodeIndex master) {
    const firmware::Node& node = description.node(master);
    return !firmware::is_pci_function(description, master) && node.iommu_map && !node.iommu_map->rows.empty() &&
           !description.effective_iommus(master).translated;
}

InFront in_front_of_function(const Description& description, NodeIndex function) {
    const NodeIndex host = firmware::host_of_pci_function(description, function);
    const firmware::Node& bridge = description.node(host);
    if (!bridge.iommu_map || bridge.iommu_map->rows.empty())
        return {{}, fmt::format("no IOMMU is in front of the function: {} has no iommu-map", bridge.path)};
    const std::optional<std::uint32_t> id = firmware::requester_of_pci_function(description, function);
    if (!id) return {bridge.iommu_map->rows.front().provider, "no IOMMU is in front of the function"};
    const firmware::MapLookup found = description.map_id(host, *id);
    if (found.result == firmware::MapResult::ok) return {found.provider, ""};
    return {{},
            fmt::format("no IOMMU is in front of the function: the iommu-map of {} has none for its id {:#x} ({})",
                        bridge.path, *id, name(found.result))};
}

InFront in_front_of(const Description& description, const DeviceReservation& one) {
    const std::string none = "no IOMMU is in front of the device";
    if (!one.master) return {one.provider, none};
    if (firmware::is_pci_function(description, *one.master)) return in_front_of_function(description, *one.master);
    const Description::Effective effective = description.effective_iommus(*one.master);
    if (effective.translated && !effective.entries.empty()) return {effective.entries.front()->provider, none};
    if (is_of_the_bus_itself(description, *one.master))
        return {
            {},
            "of the bus' own device, in front of which no IOMMU is: what is behind it has nodes of its own or none, "
            "and gets neither mapping nor reservation"};
    return {{}, none};
}

bool is_direct(const DeviceReservation& one) {
    return one.memory && one.memory->base == one.base && one.memory->size == one.size;
}

constexpr unsigned kMinors = 100;

std::string release_text(unsigned release) { return fmt::format("{}.{}", release / kMinors, release % kMinors); }

/// The first release that reads it where this driver asks for what firmware reserves; 0: every one that is modelled.
unsigned first_reader(const DeviceReservation& one, unsigned driver_since) {
    return one.master ? std::max(driver_since, kernel::kReleaseWithTreeRegions) : driver_since;
}

std::string ignored_before(unsigned since) {
    return fmt::format("ignored by this kernel, which does not read it (from {} on)", release_text(since));
}

/// What Linux makes of it; `release`: that one's.
std::string fate_of(const Description& description, const DeviceReservation& one, std::optional<unsigned> release) {
    const bool direct = is_direct(one);
    const std::string what = direct ? "memory since firmware, " : "";
    const InFront front = in_front_of(description, one);
    if (!front.iommu) {
        const bool of_bus = one.master && is_of_the_bus_itself(description, *one.master);
        return what + (direct && !of_bus ? "and " : "") + front.none;
    }
    const std::string_view driver = firmware::iommu_kind(description.node(*front.iommu)).driver;
    const std::optional<unsigned> asks = kernel::asks_for_firmware_regions(driver);
    if (!asks)
        return fmt::format("{}{} by Linux: {} does not ask for it", what,
                           direct ? "not mapped" : "not kept free of DMA addresses",
                           driver.empty() ? "no driver" : fmt::format("its driver {}", driver));
    const std::string kept = !direct         ? "kept free of DMA addresses"
                             : one.relaxable ? "mapped one to one in the domain that Linux gives it; may be dropped "
                                               "when a guest or a user's program gets the device"
                                             : "mapped one to one";
    const unsigned since = first_reader(one, *asks);
    if (release) return what + (*release < since ? ignored_before(since) : kept);
    if (since == 0) return what + kept;
    return fmt::format("{}{} from Linux {} on (before, {})", what, kept, release_text(since),
                       since == *asks ? fmt::format("{} does not ask for it", driver) : "it does not read it");
}

/// What a run of that release makes of a row of the tree other than one would think; empty: nothing of that kind.
std::string warning_of(const Description& description, const DeviceReservation& one, unsigned release) {
    const InFront front = in_front_of(description, one);
    if (one.size == 0) {
        if (!front.iommu || release < kernel::kReleaseWithTreeRegions || release >= kernel::kReleaseWithSizeCheck)
            return "";
        return fmt::format(
            "its size is 0, which spoils the IOVAs of kernels from {} up to {} (in stable ones up to the fix): not "
            "modelled, nothing is reserved",
            release_text(kernel::kReleaseWithTreeRegions), release_text(kernel::kReleaseWithSizeCheck));
    }
    if (is_of_the_bus_itself(description, *one.master)) return front.none;
    if (!front.iommu) return "";
    const auto asks = kernel::asks_for_firmware_regions(firmware::iommu_kind(description.node(*front.iommu)).driver);
    if (!asks || release >= first_reader(one, *asks)) return "";
    return ignored_before(first_reader(one, *asks));
}

void add_rmrrs(const acpi::Dmar& dmar, std::vector<FirmwareFact>& facts) {
    for (const acpi::DmarStructure& one : dmar.structures) {
        const auto* const rmrr = std::get_if<acpi::Rmrr>(&one.body);
        if (rmrr == nullptr || rmrr->end < rmrr->base) continue;
        std::vector<std::string> devices;
        for (const acpi::DeviceScope& scope : rmrr->scopes) devices.push_back(scope_text(rmrr->segment, scope));
        facts.push_back({devices.empty() ? "no device" : fmt::format("{}", fmt::join(devices, ", ")),
                         fmt::format("{:#x}-{:#x}: memory since firmware, mapped one to one; Linux gives the device "
                                     "to no guest (VFIO) unless it is USB or graphics (RMRR at {:#x} of DMAR)",
                                     rmrr->base, rmrr->end, one.offset)});
    }
}

void add_ivmds(const acpi::Ivrs& ivrs, std::vector<FirmwareFact>& facts) {
    constexpr std::uint8_t kUnity = 1, kExclusion = 8, kAll = 0x20, kRange = 0x22;
    for (const acpi::IvrsBlock& one : ivrs.blocks) {
        const auto* const memory = std::get_if<acpi::Ivmd>(&one.body);
        if (memory == nullptr || (memory->flags & (kUnity | kExclusion)) == 0 || memory->length == 0) continue;
        const std::uint16_t last = memory->type == kRange ? memory->last : memory->devid;
        facts.push_back({memory->type == kAll    ? "all devices"
                         : last == memory->devid ? fmt::format("id {:#x}", memory->devid)
                                                 : fmt::format("ids {:#x}-{:#x}", memory->devid, last),
                         fmt::format("{:#x}-{:#x}: memory since firmware, mapped one to one; from 6.6 on Linux gives "
                                     "such a device to no guest (VFIO) (IVMD at {:#x} of IVRS)",
                                     memory->base, memory->base + (memory->length - 1), one.offset)});
    }
}

}  // namespace

std::vector<FirmwareFact> boot_argument_facts(const Description& description) {
    std::vector<FirmwareFact> facts;
    for (std::string& one : firmware_parameter_facts(description)) facts.push_back({"/chosen", std::move(one)});
    return facts;
}

std::vector<FirmwareFact> reservation_facts(const Description& description, std::optional<unsigned> release) {
    std::vector<FirmwareFact> facts;
    if (description.tables && description.tables->dmar) add_rmrrs(*description.tables->dmar, facts);
    if (description.tables && description.tables->ivrs) add_ivmds(*description.tables->ivrs, facts);
    for (const DeviceReservation& one : description.device_reservations) {
        if (one.size == 0) continue;  // an oddity
        FirmwareFact fact;
        fact.path = description.node(one.master ? *one.master : one.provider.value_or(NodeIndex{0})).path;
        fact.what = fmt::format("{}{:#x}-{:#x}: {} ({})", one.master ? "" : ids_of(one) + ": ", one.base,
                                one.base + one.size - 1, fate_of(description, one, release), one.where);
        facts.push_back(std::move(fact));
    }
    return facts;
}

std::vector<FirmwareFact> supplier_facts(const Description& description) {
    std::vector<FirmwareFact> facts;
    for (const NodeIndex iommu : description.providers()) {
        if (!description.node(iommu).reachable) continue;
        for (const auto& [supplier, properties] : awaited(description, iommu)) {
            facts.push_back({description.node(iommu).path, fmt::format("waits for the driver of {} ({})",
                                                                       description.node(supplier).path, properties)});
        }
    }
    return facts;
}

std::vector<std::string> firmware_warnings(const Description& description,
                                           const std::vector<kernel::ModuleLoad>& modules,
                                           std::optional<unsigned> release) {
    std::vector<std::string> warnings;
    for (const NodeIndex iommu : description.providers()) {
        if (!description.node(iommu).reachable) continue;
        for (const auto& [supplier, properties] : awaited(description, iommu)) {
            const std::string& path = description.node(supplier).path;
            const std::string name = firmware::linux_device_name(description, supplier);
            const bool known = std::any_of(modules.begin(), modules.end(), [&](const kernel::ModuleLoad& load) {
                return load.device == path || load.device == name;
            });
            if (known) continue;
            warnings.push_back(fmt::format(
                "{} waits for {} ({}): taken as there from the start; kernel.modules[] with device: {} says "
                "when its driver comes",
                description.node(iommu).path, path, properties, path));
        }
    }
    for (const firmware::IdBeyond& one : firmware::ids_beyond(description))
        warnings.push_back(fmt::format("{}: {}", description.node(one.iommu).path, one.what));
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const auto channel = firmware::remote_channel(description, static_cast<NodeIndex>(i));
        if (!channel || !description.node(*channel).reachable) continue;
        warnings.push_back(fmt::format(
            "{}: Linux makes devices of what is below it when the remote processor has booted its firmware: here "
            "after the last module",
            description.node(*channel).path));
    }
    for (const firmware::Node& node : description.nodes) {
        if (!node.reachable || !firmware::is_management_complex(node)) continue;
        warnings.push_back(
            fmt::format("{}: the objects of DPAA2 that its management complex makes, network interfaces among them, "
                        "are not simulated: no group, no traffic",
                        node.path));
    }
    const auto& reservations = description.device_reservations;
    for (const DeviceReservation& one : reservations) {
        if (!release || !one.master || !description.node(*one.master).reachable) continue;
        const std::string what = warning_of(description, one, *release);
        if (what.empty()) continue;
        warnings.push_back(fmt::format("{}: iommu-addresses for {} ({:#x}{}): {}", one.where,
                                       description.node(*one.master).path, one.base,
                                       one.size == 0 ? "" : fmt::format("-{:#x}", one.base + one.size - 1), what));
    }
    const auto pci = std::find_if(reservations.begin(), reservations.end(), [&](const DeviceReservation& one) {
        return one.provider && of_pci(description, one);
    });
    if (pci != reservations.end()) {
        warnings.push_back(
            fmt::format("{}: reserved memory of PCI functions ({}) counts in Linux only where the host bridge's _DSM "
                        "keeps firmware's PCI "
                        "configuration: taken as given",
                        pci->where, ids_of(*pci)));
    }
    return warnings;
}

}  // namespace xlate::study
