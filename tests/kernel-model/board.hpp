// Small boards made by hand: SMMUs and platform clients, without a blob.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/bits.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pci/pci_core.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/core_test_world.hpp"

namespace xlate::kernel::tests {

/// Grows a Description: node 0 is the root.
class Board {
public:
    Board() {
        firmware::Node root;
        root.path = "/";
        description.nodes.push_back(root);
        description.memory = {{0x40000000, 0x40000000}};
    }
    firmware::NodeIndex add(const std::string& name, std::uint64_t address, std::vector<std::string> compatible) {
        firmware::Node node;
        node.name = name;
        node.path = "/" + name;
        node.parent = firmware::NodeIndex{0};
        node.compatible = std::move(compatible);
        node.regs.push_back({address, 0x1000, address, ""});
        const auto at = static_cast<firmware::NodeIndex>(description.nodes.size());
        node.phandle = static_cast<std::uint32_t>(firmware::index(at));
        description.nodes.push_back(node);
        description.nodes[0].children.push_back(at);
        return at;
    }
    firmware::NodeIndex smmu(std::uint64_t address = 0x9050000) {
        const auto at = add(fmt::format("smmuv3@{:x}", address), address, {"arm,smmu-v3"});
        description.nodes[firmware::index(at)].iommu_cells = 1;
        description.nodes[firmware::index(at)].regs.front().size = 0x20000;
        return at;
    }
    /// An IOMMU that no driver of the model takes.
    firmware::NodeIndex foreign(std::uint64_t address) {
        const auto at = add(fmt::format("iommu@{:x}", address), address, {"acme,iommu"});
        description.nodes[firmware::index(at)].iommu_cells = 1;
        return at;
    }
    firmware::NodeIndex client(std::uint64_t address,
                               const std::vector<std::pair<firmware::NodeIndex, std::uint32_t>>& iommus) {
        const auto at = add(fmt::format("dma@{:x}", address), address, {"acme,dma"});
        firmware::Node& node = description.nodes[firmware::index(at)];
        node.has_iommus = true;
        for (const auto& [provider, id] : iommus) {
            firmware::IommuEntry entry;
            entry.provider = provider;
            entry.phandle = description.node(provider).phandle;
            entry.args = {id};
            if (!description.node(provider).available) entry.result = firmware::EntryResult::provider_disabled;
            node.iommus.push_back(entry);
        }
        return at;
    }
    firmware::NodeIndex host(std::uint64_t address, firmware::NodeIndex provider, std::uint32_t out_base = 0) {
        const auto at = add(fmt::format("pcie@{:x}", address), address, {"pci-host-ecam-generic"});
        firmware::Node& node = description.nodes[firmware::index(at)];
        node.iommu_map.emplace();
        node.iommu_map->rows.push_back({0, description.node(provider).phandle, provider, out_base, 0x10000});
        return at;
    }
    firmware::Description description;
};

/// Defers itself so many times before it binds; notes what it sees when it does.
struct DeferringClient : ClientDriver {
    int deferrals = 0;
    int probe(Device& dev, const TrafficPlan*) override {
        if (deferrals > 0) {
            --deferrals;
            return -kEPROBE_DEFER;
        }
        bound.push_back(dev.name);
        return 0;
    }
    void remove(Device&) override {}
    std::vector<std::string> bound;
};

/// A kernel on a board, not started: real drivers, and their hardware behind the registers. `description` outlives it.
struct BoardKernel {
    BoardKernel(const std::string& variant, const firmware::Description& description, BootConfig config)
        : world(variant),
          system(world.k, description, std::move(config)),
          boot(world.k, description, system.boot_config()) {
        world.machine.engines.add(description, [](const firmware::Node&) { return true; });
    }
    ~BoardKernel() { world.k.sched.kill_all(); }
    void run() {
        boot.start();
        world.run();
    }
    DeviceResult device(const std::string& name) const {
        for (const DeviceResult& result : boot.devices())
            if (result.name == name) return result;
        return {};
    }
    World world;
    KernelSystem system;
    LinuxBoot boot;
};

/// A finished boot of a hand-made board. Clients are bound by the generic driver, loaded after everything else.
struct BoardBoot : private Board, public BoardKernel {
    BoardBoot(const std::string& variant, const Board& on, BootConfig config = {}, ClientDriver* client = nullptr)
        : Board(on), BoardKernel(variant, description, with_client(std::move(config), client)) {
        run();
    }
    static BootConfig with_client(BootConfig config, ClientDriver* client) {
        config.client = client;
        return config;
    }
};

/// Modules as a configuration lists them: all at once, each on a CPU of its own.
inline std::vector<ModuleLoad> modules(const std::vector<std::string>& names) {
    std::vector<ModuleLoad> list;
    for (const std::string& name : names) list.push_back({name, {}, false, static_cast<unsigned>(list.size())});
    return list;
}

}  // namespace xlate::kernel::tests
