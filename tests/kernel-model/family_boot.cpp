#include "tests/kernel-model/family_boot.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "firmware/iommu_families.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"

namespace xlate::kernel::tests {

std::vector<std::filesystem::path> boots_that(const std::vector<std::string>& parts,
                                              const std::function<bool(const std::filesystem::path&)>& wanted) {
    std::vector<std::filesystem::path> found;
    const auto root = xlate::tests::corpus();
    if (!root) return found;
    for (const std::string& part : parts) {
        if (!std::filesystem::is_directory(*root / part)) continue;
        for (const auto& entry : std::filesystem::directory_iterator(*root / part)) {
            if (!std::filesystem::exists(entry.path() / "truth.json")) continue;
            if (std::filesystem::exists(entry.path() / "board.dtb") && wanted(entry.path()))
                found.push_back(entry.path());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::vector<std::filesystem::path> family_cases(const std::vector<std::string>& prefixes) {
    return boots_that({"linux-boot", "linux-boot-families"}, [&](const std::filesystem::path& folder) {
        const std::string name = folder.filename().string();
        return std::any_of(prefixes.begin(), prefixes.end(),
                           [&](const std::string& prefix) { return name.rfind(prefix, 0) == 0; });
    });
}

std::vector<std::filesystem::path> boots_with(const std::function<bool(const firmware::Node&)>& wanted) {
    return boots_that(
        {"linux-boot", "linux-boot-newer", "linux-boot-families"}, [&](const std::filesystem::path& folder) {
            const firmware::Description tree =
                firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb");
            return std::any_of(tree.nodes.begin(), tree.nodes.end(), wanted);
        });
}

Json read_json(const std::filesystem::path& path) {
    std::ifstream file(path);
    return Json::parse(file);
}

std::vector<std::string> words_of(const Json& truth, const std::string& key) {
    const std::string line = " " + truth["cmdline_extra"].get<std::string>() + " ";
    std::smatch match;
    std::vector<std::string> words;
    if (!std::regex_search(line, match, std::regex(" " + key + "=([^ ]*)"))) return words;
    std::string rest = match[1];
    for (std::size_t at = 0; at <= rest.size();) {
        const std::size_t end = std::min(rest.find(',', at), rest.size());
        if (end > at) words.push_back(rest.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

std::vector<std::string> rng_slots(const std::filesystem::path& folder) {
    std::ifstream file(folder / "qemu-command.txt");
    const std::string command((std::istreambuf_iterator<char>(file)), {});
    const std::regex device("virtio-rng-device,bus=virtio-mmio-bus\\.([0-9]+),iommu_platform=on");
    std::vector<std::string> slots;
    for (std::sregex_iterator at(command.begin(), command.end(), device), end; at != end; ++at) {
        slots.push_back(fmt::format("{:x}.virtio_mmio", 0xA000000 + 0x200 * std::stoul((*at)[1])));
    }
    return slots;
}

FamilyBoot::FamilyBoot(const std::filesystem::path& the_folder, const std::function<void(RegisterMachine&)>& emulate,
                       bool always)
    : FamilyBoot(the_folder, read_json(the_folder / "truth.json"), emulate, always) {}

FamilyBoot::FamilyBoot(const std::filesystem::path& the_folder, const Json& the_truth,
                       const std::function<void(RegisterMachine&)>& emulate, bool always)
    : folder(the_folder),
      truth(the_truth),
      description(firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb")),
      variant(find_variant(variant_of(truth))),
      k(machine, variant),
      system(k, description, boot_config(truth)),
      rng(k, system.dma, rng_slots(folder)) {
    machine.preset(folder);
    // QEMU's own SMMUv3 beside them.
    machine.engines.add(description, [&](const firmware::Node& node) {
        const std::uint64_t at = node.regs.front().cpu_address.value_or(node.regs.front().address);
        return at < machine.first || at > machine.last;
    });
    const std::string kind = truth["kernel"].value("package", "");
    if (emulate && (always || kind.find("emulate") != std::string::npos)) emulate(machine);
    configure();
    boot = std::make_unique<LinuxBoot>(k, description, system.boot_config());
    boot->start();
    machine.run(k.sched);
    after_boot();
    k.finish();
}

BootConfig FamilyBoot::boot_config(const Json& truth) {
    BootConfig config = config_of(truth);
    config.drivers.clear();
    // Debian's flavours of ARM32.
    if (truth["kernel"].value("release", "").find("armmp") != std::string::npos) config.arch = Arch::arm;
    return config;
}

void FamilyBoot::configure() {
    BootConfig& config = system.boot_config();
    const std::vector<std::string> slots = rng_slots(folder);
    if (!slots.empty()) {
        config.client = &rng;
        config.drivers.push_back(rng.driver());
    }
    config.modules.emplace();
    const auto load = [&](const std::string& name) { config.modules->push_back({name, {}, true, 0}); };
    // A driver that the kernel does not have, or that its command line switches off, comes as a module.
    const std::string kind = truth["kernel"].value("package", "");
    const bool as_module = !words_of(truth, "initcall_blacklist").empty() ||
                           kind.find("built as a module") != std::string::npos ||
                           kind.find("loaded as a module") != std::string::npos;
    // Modules of the driver text itself have what the case is about; Debian's kernels do not.
    config.parameters.arm_smmu_legacy_bindings =
        as_module && std::any_of(description.nodes.begin(), description.nodes.end(),
                                 [](const firmware::Node& node) { return node.has("mmu-masters"); });
    // predelay=MODULE:SECONDS: the init script waits before it loads that one, which is then the last.
    SimTime delay{};
    for (const std::string& one : words_of(truth, "predelay")) {
        const std::size_t colon = one.find(':');
        const bool client = one.rfind("virtio", 0) == 0;
        if (colon != std::string::npos && !client) delay = us(1'000'000 * std::stoull(one.substr(colon + 1)));
    }
    const auto load_drivers = [&] {
        // Another driver's module finds the memory controllers bound: tegra-mc is built in, unless it is switched
        // off.
        const std::vector<std::string> off = words_of(truth, "initcall_blacklist");
        const bool own = std::find(off.begin(), off.end(), "tegra_mc_init") != off.end();
        std::set<std::string_view> loaded;  // two drivers may share a module
        for (const IommuDriver& driver : iommu_drivers()) {
            if (driver.module == "tegra-mc" && !off.empty() && !own) continue;
            if (loaded.insert(driver.module).second) load(std::string(driver.module));
        }
    };
    if (as_module && delay == SimTime{}) load_drivers();
    load("virtio_mmio");
    // Between two modules the init script leaves time enough for a cache of an IPMMU that waited for its root.
    const bool waits = std::any_of(description.nodes.begin(), description.nodes.end(), [](const firmware::Node& node) {
        return !firmware::iommu_kind(node).main.empty() && node.has(firmware::iommu_kind(node).main);
    });
    if (as_module && waits) {
        config.modules->back().at = us(50'000);
        machine.scheduler = &k.sched;
    }
    if (!slots.empty()) load("virtio_rng");
    for (const char* const client : {"omap3_isp", "omap_remoteproc"}) load(client);
    if (as_module && delay != SimTime{}) {
        const std::size_t before = config.modules->size();
        load_drivers();
        for (std::size_t i = before; i < config.modules->size(); ++i) {
            (*config.modules)[i].at = delay;
            (*config.modules)[i].after_previous = i > before;
        }
    }
}

void FamilyBoot::after_boot() {
    step([this] {
        for (const std::string& name : words_of(truth, "pmon")) {
            if (Device* dev = boot->find_device(name)) system.power.get_sync(*dev);
        }
    });
    for (const std::string& name : words_of(truth, "rebind")) {
        Device* dev = boot->find_device(name);
        if (dev == nullptr) continue;
        step([this, dev] { boot->drivers().device_release_driver(*dev); });
        step([this, dev] { boot->drivers().device_attach(*dev); });
    }
}

void FamilyBoot::step(const std::function<void()>& body) {
    k.spawn("init", 0, body);
    machine.run(k.sched);
}

Json events_only(const Json& truth) {
    Json copy = truth;
    copy["timeline"] = Json::array();
    for (const Json& event : truth["timeline"]) {
        if (event["event"] != "marker") copy["timeline"].push_back(event);
    }
    return copy;
}

std::vector<std::string> pages_of(const Json& trace) {
    std::vector<std::string> pages;
    for (const Json& one : trace) {
        const auto number = [&](const char* key) {
            return one[key].is_string() ? std::stoull(one[key].get<std::string>(), nullptr, 0)
                                        : one[key].get<unsigned long long>();
        };
        if (one["event"] == "map" && number("iova") == number("paddr")) continue;  // a direct map of firmware's
        for (std::uint64_t at = 0; at < number("size"); at += 4096) {
            pages.push_back(fmt::format("{}{:x}", one["event"] == "map" ? '+' : '-', number("iova") + at));
        }
    }
    return pages;
}

std::vector<std::string> pages_of(const std::vector<ClientMapping>& mappings) {
    std::vector<std::string> pages;
    for (const ClientMapping& one : mappings) {
        if (!one.unmap && one.iova.value == one.memory.value) continue;  // no IOMMU, no trace
        for (std::uint64_t at = 0; at < one.size; at += 4096) {
            pages.push_back(fmt::format("{}{:x}", one.unmap ? '-' : '+', one.iova.value + at));
        }
    }
    return pages;
}

}  // namespace xlate::kernel::tests
