// A boot of corpus/linux-boot-families: IOMMU registers that are plain RAM, preset by QEMU's `-device loader`, real
// page tables, virtio-mmio consumers; and what the real kernel did.
// The consumers of the test map what the real ones did, to the same physical pages, so that tables can be compared.
#pragma once

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/bits.hpp"
#include "firmware/description.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/dma_iommu.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "tests/kernel-model/corpus_boot.hpp"
#include "tests/kernel-model/register_machine.hpp"

namespace xlate::kernel::tests {

/// A consumer of these boots: virtio-rng behind virtio-mmio. A ring of 1024 entries, then a buffer of a page that the
/// device only writes; at an unbind the ring is unmapped, the buffer stays.
class ReplayedClients final : public ClientDriver {
public:
    ReplayedClients(DmaIommu& dma, const Json& truth, std::uint64_t page) : dma_(dma), page_(page) {
        for (const Json& event : truth.value("dma_trace", Json::array())) {
            if (event["event"] != "map") continue;
            const std::uint64_t iova = number(event["iova"]);
            const std::uint64_t paddr = number(event["paddr"]);
            if (iova != paddr) maps_.push_back({iova, paddr, event["size"].get<std::uint64_t>()});
        }
        const std::uint64_t ring = align_up(16 * 1024 + 6 + 2 * 1024, page) + 6 + 8 * 1024;
        ring_bytes_ = align_up(ring, page);
    }
    static std::uint64_t number(const Json& text) { return std::stoull(text.get<std::string>(), nullptr, 16); }

    int probe(Device& dev, const TrafficPlan*) override {
        const DmaOps ops = dev.dma_ops.peek();
        if (dev.bus->name != "platform" || (ops != DmaOps::iommu && ops != DmaOps::arm_mapping)) return 0;
        dev.dma_mask = dev.coherent_dma_mask = ~std::uint64_t{0};  // virtio_mmio_probe
        std::vector<DmaBuffer> ring = map(dev, ring_bytes_, DmaDirection::bidirectional);
        if (ring.empty()) return 0;
        rings_[dev.name] = ring;
        map(dev, page_, DmaDirection::from_device);
        return 0;
    }
    void remove(Device& dev) override {
        const auto ring = rings_.find(dev.name);
        if (ring == rings_.end()) return;
        dma_.dma_unmap_sg(dev, ring->second);
        rings_.erase(ring);
    }

    /// IOVAs that differ from the trace's.
    std::vector<std::string> differences;
    std::size_t left() const { return maps_.size(); }

private:
    struct Map {
        std::uint64_t iova, paddr, size;
    };
    std::vector<DmaBuffer> map(Device& dev, std::uint64_t bytes, DmaDirection direction) {
        std::vector<DmaSegment> segments;
        std::uint64_t first = 0;
        std::uint64_t found = 0;
        while (found < bytes && !maps_.empty()) {
            if (found == 0) first = maps_.front().iova;
            segments.push_back({PhysAddr{maps_.front().paddr}, maps_.front().size});
            found += maps_.front().size;
            maps_.pop_front();
        }
        if (segments.empty()) return {};
        const std::vector<DmaBuffer> mapped = dma_.dma_map_sg(dev, segments, direction);
        if (mapped.empty() || mapped.front().iova.value != first) {
            differences.push_back(fmt::format("{}: {:#x} at {:#x}, ours {:#x}", dev.name, bytes, first,
                                              mapped.empty() ? 0 : mapped.front().iova.value));
        }
        return mapped;
    }

    DmaIommu& dma_;
    std::uint64_t page_;
    std::uint64_t ring_bytes_;
    std::deque<Map> maps_;
    std::map<std::string, std::vector<DmaBuffer>> rings_;
};

/// Folders of boots with a device tree whose tree satisfies `wanted`, in order of name.
inline std::vector<std::filesystem::path> boots_with(const std::function<bool(const firmware::Node&)>& wanted) {
    std::vector<std::filesystem::path> found;
    for (const char* const folder : {"linux-boot", "linux-boot-newer", "linux-boot-families"}) {
        const std::filesystem::path root = *xlate::tests::corpus() / folder;
        if (!std::filesystem::is_directory(root)) continue;
        for (const auto& entry : std::filesystem::directory_iterator(root)) {
            const std::filesystem::path board = entry.path() / "board.dtb";
            if (!std::filesystem::exists(board) || !std::filesystem::exists(entry.path() / "truth.json")) continue;
            const firmware::Description tree =
                firmware::read_device_tree(firmware::read_file(board.string()), "board.dtb");
            if (std::any_of(tree.nodes.begin(), tree.nodes.end(), wanted)) found.push_back(entry.path());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

/// "linux-6.12" of "6.12.107+deb13-arm64".
inline std::string variant_of_release(const std::string& release) {
    const std::size_t second = release.find('.', release.find('.') + 1);
    return "linux-" + release.substr(0, second);
}
inline bool has_variant(const std::string& name) {
    const auto& all = variants();
    return std::any_of(all.begin(), all.end(), [&](const Variant& one) { return one.name == name && one.runnable; });
}

struct ReplayBoot {
    /// `module`: of the driver that a boot with a traced driver loads by itself.
    ReplayBoot(const std::filesystem::path& the_folder, const std::string& the_module)
        : folder(the_folder),
          module(the_module),
          truth(Json::parse(std::ifstream(folder / "truth.json"))),
          release(truth["kernel"]["release"]),
          description(firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb")),
          variant(find_variant(variant_of_release(release))),
          k(machine, variant),
          pages(k, description, page_params()),
          dma(k, pages, description, dma_params()),
          clients(dma, truth, pages.page_bytes()),
          boot(k, description, config()) {
        machine.preset(folder);
    }
    ~ReplayBoot() { k.sched.kill_all(); }

    void run() {
        boot.start();
        machine.run(k.sched);
        if (const auto name = option("rebind")) {
            // Each to its end, timers (the flush queue's) included.
            after([this, name] { boot.drivers().device_release_driver(*boot.find_device(*name)); });
            after([this, name] { boot.drivers().device_attach(*boot.find_device(*name)); });
        }
        k.finish();
    }

    static bool contains(const std::string& text, const std::string& what) {
        return text.find(what) != std::string::npos;
    }
    /// The value of `key=` on the part of the command line that the case adds.
    std::optional<std::string> option(const std::string& key) const {
        std::istringstream words(truth["cmdline_extra"].get<std::string>());
        std::string word;
        while (words >> word) {
            if (word.rfind(key + "=", 0) == 0) return word.substr(key.size() + 1);
        }
        return std::nullopt;
    }
    std::string package() const { return truth["kernel"]["package"]; }

    std::filesystem::path folder;
    std::string module;
    Json truth;
    std::string release;
    firmware::Description description;
    Variant variant;
    RegisterMachine machine;
    Kernel k;
    PageAllocator pages;
    DmaIommu dma;
    ReplayedClients clients;
    RuntimePm power;
    LinuxBoot boot;

private:
    static DmaParams dma_params() {
        DmaParams params;
        params.cpus = 2;
        return params;
    }
    void after(std::function<void()> body) {
        k.spawn("init", 0, std::move(body));
        machine.run(k.sched);
    }
    PageAllocatorParams page_params() const {
        PageAllocatorParams params;
        if (contains(release, "-16k")) params.page_bytes = 16384;
        if (contains(release, "-64k")) params.page_bytes = 65536;
        return params;
    }
    BootConfig config() {
        BootConfig config;
        config.pci = topology_of(truth);
        if (contains(release, "armmp")) {
            config.arch = Arch::arm;
            config.parameters.arm_lpae = contains(release, "lpae");
        }
        if (const auto value = option("iommu.passthrough")) config.parameters.iommu_passthrough = *value != "0";
        if (const auto value = option("iommu.strict")) config.parameters.iommu_strict = *value != "0";
        if (const auto value = option("deferred_probe_timeout")) {
            config.parameters.deferred_probe_timeout_s = static_cast<unsigned>(std::stoul(*value));
        }
        if (const auto value = option("arm-smmu.disable_bypass")) {
            config.parameters.arm_smmu_disable_bypass = *value != "0";
        }
        if (const auto value = option("arm-smmu.force_stage")) {
            config.parameters.arm_smmu_force_stage = static_cast<unsigned>(std::stoul(*value));
        }
        const bool as_module = contains(package(), "loaded as a module");
        config.parameters.arm_smmu_legacy_bindings = contains(module, "smmu") && has_legacy_masters() && as_module;
        config.client = &clients;
        config.dma = &dma;
        const IommuDriverParts parts{pages, power, {}, {}};
        config.drivers = iommu_driver_sources(description, parts);
        // SMMUv3 has no registers in RAM: its policy only.
        for (DriverSource& source : config.drivers) {
            if (source.name == "arm-smmu-v3") source = fake_smmu_v3();
        }
        if (as_module) {
            config.modules = std::vector<ModuleLoad>{};
            for (const char* const name : {module.c_str(), "virtio_pci", "virtio_mmio", "generic_client"}) {
                config.modules->push_back({name, {}, !config.modules->empty(), 1});
            }
        }
        return config;
    }
    bool has_legacy_masters() const {
        return std::any_of(description.nodes.begin(), description.nodes.end(),
                           [](const firmware::Node& node) { return node.has("mmu-masters"); });
    }
};

}  // namespace xlate::kernel::tests
