#include "explore/scenario/scenario_program.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "explore/scenario/scenario_tables.hpp"
#include "explore/scenario/scenario_world.hpp"
#include "firmware/acpi/describe.hpp"
#include "kernel-model/drivers/standalone_drivers.hpp"

namespace xlate::explore {

namespace {

// Of the board that real drivers meet.
constexpr std::uint64_t kRegisters = 0x0900'0000;
constexpr std::uint64_t kRegisterStride = 0x0010'0000;
constexpr std::uint64_t kMemory = 0x4000'0000;
constexpr std::uint64_t kMemoryBytes = 64 << 20;

/// Of the IOMMU with this number.
constexpr std::uint64_t registers_of(std::size_t iommu) { return kRegisters + kRegisterStride * (iommu + 2); }

}  // namespace

const IommuSpec& iommu_named(const Scenario& scenario, const std::string& name) {
    return *std::find_if(scenario.iommus.begin(), scenario.iommus.end(),
                         [&](const IommuSpec& one) { return one.name == name; });
}

bool found_by_table(const Scenario& scenario, const EntrySpec& entry) {
    if (entry.iommu.empty()) return false;
    return kernel::find_model_driver(iommu_named(scenario, entry.iommu).driver)->lookup ==
           kernel::IommuOps::InstanceLookup::table;
}

ScenarioProgram::ScenarioProgram(Scenario scenario, kernel::Variant variant)
    : scenario_(std::move(scenario)), variant_(std::move(variant)) {
    real_ = std::any_of(scenario_.iommus.begin(), scenario_.iommus.end(), [](const auto& iommu) { return iommu.real; });
    if (has_tables(scenario_)) {
        read_tables();
    } else {
        if (scenario_.firmware == Firmware::acpi) description_.origin = firmware::Description::Origin::acpi;
        firmware::Node root;
        root.path = "/";
        description_.nodes.push_back(root);
        describe_iommus();
        for (const DeviceSpec& device : scenario_.devices) describe_device(device);
    }
    description_.source = scenario_.name;
    if (real_) description_.memory = {{kMemory, kMemoryBytes}};
}

firmware::Node& ScenarioProgram::add(const std::string& name) {
    firmware::Node node;
    node.name = name;
    node.path = "/" + name;
    node.parent = firmware::NodeIndex{0};
    description_.nodes[0].children.push_back(static_cast<firmware::NodeIndex>(description_.nodes.size()));
    node.phandle = static_cast<std::uint32_t>(description_.nodes.size());
    description_.nodes.push_back(std::move(node));
    return description_.nodes.back();
}

/// A machine's ACPI tables, read as any others; what no table can say of a platform device is added: an alias that
/// nothing maps (only PCI functions have some), and what is in no table at all.
void ScenarioProgram::read_tables() {
    std::vector<std::uint64_t> registers;
    for (std::size_t i = 0; i < scenario_.iommus.size(); ++i) registers.push_back(registers_of(i));
    description_ = firmware::acpi::read_acpi(write_tables(scenario_, registers));
    const auto at_address = [&](std::uint64_t address) -> firmware::Node* {
        const auto found = std::find_if(
            description_.nodes.begin(), description_.nodes.end(),
            [&](const firmware::Node& node) { return !node.regs.empty() && node.regs.front().address == address; });
        return found == description_.nodes.end() ? nullptr : &*found;
    };
    for (std::size_t i = 0; i < scenario_.iommus.size(); ++i) {
        const IommuSpec& iommu = scenario_.iommus[i];
        firmware::Node& node = *at_address(registers[i]);
        node.name = iommu.name;
        if (iommu.real && node.interrupts.empty()) kernel::find_standalone_driver(iommu.driver)->describe(node);
        if (!iommu.real) node.compatible = {std::string(kernel::find_model_driver(iommu.driver)->compatible)};
    }
    for (std::size_t i = 0; i < scenario_.devices.size(); ++i) {
        const DeviceSpec& device = scenario_.devices[i];
        firmware::Node* const endpoint = at_address(endpoint_registers(i));
        const auto found = std::find_if(description_.nodes.begin(), description_.nodes.end(),
                                        [&](const auto& node) { return node.path == namespace_path(i); });
        firmware::Node* node = found != description_.nodes.end() ? &*found : endpoint;
        if (node == nullptr) node = &add(device.name);
        if (endpoint != nullptr && endpoint != node) node->viot = endpoint->viot;
        node->name = device.name;
        node->dma_coherent = device.coherent;
        for (std::size_t entry = 0; entry < device.iommus.size(); ++entry) {
            if (device.iommus[entry].iommu.empty())
                node->iommus.insert(node->iommus.begin() + static_cast<std::ptrdiff_t>(entry), firmware::IommuEntry{});
        }
    }
}

void ScenarioProgram::describe_iommus() {
    for (std::size_t i = 0; i < scenario_.iommus.size(); ++i) {
        const IommuSpec& iommu = scenario_.iommus[i];
        const kernel::ModelDriverRow& row = *kernel::find_model_driver(iommu.driver);
        firmware::Node& node = add(iommu.name);
        node.compatible = {std::string(row.compatible)};
        node.available = node.reachable = iommu.available;
        node.iommu_cells = row.cells;
        if (!iommu.real) continue;
        const kernel::StandaloneFamily& family = *kernel::find_standalone_driver(iommu.driver);
        firmware::Reg registers;
        registers.address = registers_of(i);
        registers.size = family.register_bytes;
        registers.cpu_address = registers.address;
        node.regs = {registers};
        // arm-smmu's old binding has to stand in all of them.
        static const firmware::Property kOldBinding{"mmu-masters", {}};
        const bool old = std::any_of(scenario_.devices.begin(), scenario_.devices.end(), [](const DeviceSpec& device) {
            return std::any_of(device.iommus.begin(), device.iommus.end(), [](const auto& one) { return one.legacy; });
        });
        if (old) node.properties = {&kOldBinding, 1};
        family.describe(node);
        if (family.surround != nullptr) {
            family.surround(description_, static_cast<firmware::NodeIndex>(description_.nodes.size() - 1));
        }
    }
}

void ScenarioProgram::describe_device(const DeviceSpec& device) {
    if (device.behind_controller()) return map_behind_controller(device);
    firmware::Node& node = add(device.name);
    node.compatible = {"xlate,client"};
    node.dma_coherent = device.coherent;
    for (const EntrySpec& entry : device.iommus) {
        if (found_by_table(scenario_, entry)) continue;
        firmware::IommuEntry parsed;
        if (entry.iommu.empty()) {
            node.iommus.push_back(std::move(parsed));
            continue;
        }
        parsed.provider = node_of(entry.iommu);
        parsed.phandle = description_.node(*parsed.provider).phandle;
        parsed.args = entry.args;
        if (!description_.node(*parsed.provider).available) parsed.result = firmware::EntryResult::provider_disabled;
        if (entry.legacy) {
            firmware::Node& smmu = description_.nodes[firmware::index(*parsed.provider)];
            const auto master = static_cast<firmware::NodeIndex>(description_.nodes.size() - 1);
            smmu.mmu_masters.push_back({node.phandle, master, entry.args});
            continue;
        }
        if (entry.viot) {
            node.viot = std::move(parsed);
            continue;
        }
        node.has_iommus = true;
        node.iommus.push_back(std::move(parsed));
    }
}

/// One controller a bus; its map has a row for each of its devices.
void ScenarioProgram::map_behind_controller(const DeviceSpec& device) {
    const std::string name = device.bus + "-controller";
    const bool known = std::any_of(description_.nodes.begin(), description_.nodes.end(),
                                   [&](const firmware::Node& node) { return node.name == name; });
    if (!known) {
        firmware::Node& node = add(name);
        node.compatible = {"xlate," + device.bus};
        node.iommu_map.emplace();
        node.dma_ranges.emplace();
        node.dma_ranges->kind = firmware::DmaRanges::Kind::list;
        node.dma_ranges->windows = {{0, 0, std::uint64_t{1} << 40, std::nullopt}};
    }
    if (device.iommus.empty()) return;
    const EntrySpec& entry = device.iommus.front();
    firmware::IommuMapRow row;
    row.base = row.out = entry.args.front();
    row.length = 1;
    row.provider = node_of(entry.iommu);
    row.phandle = description_.node(*row.provider).phandle;
    description_.nodes[firmware::index(node_of(name))].iommu_map->rows.push_back(row);
}

firmware::NodeIndex ScenarioProgram::node_of(const std::string& name) const {
    for (std::size_t i = 0; i < description_.nodes.size(); ++i) {
        if (description_.nodes[i].name == name) return static_cast<firmware::NodeIndex>(i);
    }
    XLATE_CHECK(false, name);
    return {};
}

std::string ScenarioProgram::limits() const {
    const auto real = [](const IommuSpec& iommu) { return iommu.real; };
    if (!real_) {
        return "IOMMU drivers are data-driven models of kernel-probe.md section 5: what they store and check, in which "
               "order; no hardware behind them, no DMA is translated.";
    }
    std::string text =
        "IOMMU drivers are real ones, and DMA is translated by the hardware behind them, which takes no "
        "time: what a register or memory access starts, has happened at once";
    text += scenario_.schedules_mmio ? "." : "; no task comes in between two register accesses.";
    if (!std::all_of(scenario_.iommus.begin(), scenario_.iommus.end(), real))
        text += " Drivers without hardware are data-driven models.";
    if (scenario_.stores_late) {
        text +=
            " Stores to memory may be late, as far as Linux's memory model lets them; a driver's loads take their "
            "value "
            "when their turn comes, none early, so that a barrier that is missing between two loads does not show.";
    }
    return text;
}

std::unique_ptr<World> ScenarioProgram::make(kernel::Kernel& kernel) const {
    return std::make_unique<ScenarioWorld>(*this, kernel);
}

kernel::IommuParameters ScenarioProgram::parameters() const {
    kernel::IommuParameters parameters;
    for (const IommuSpec& iommu : scenario_.iommus) {
        if (!iommu.driver_built) parameters.not_built.push_back(node_of(iommu.name));
    }
    if (!scenario_.arch.empty()) {
        parameters.arch = kernel::find_arch(scenario_.arch)->arch;
        return parameters;
    }
    for (const DeviceSpec& device : scenario_.devices) {
        for (const EntrySpec& entry : device.iommus) {
            if (found_by_table(scenario_, entry)) parameters.arch = kernel::Arch::x86;
        }
    }
    return parameters;
}

}  // namespace xlate::explore
