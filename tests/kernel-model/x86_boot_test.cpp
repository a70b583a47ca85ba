// x86 machines with VT-d or AMD-Vi units: recorded boots (corpus/linux-boot*, whatever cases are there), and the groups
// of QEMU's q35 with the full PCI topology of the other recordings, of which docs/spec/probe-reports.md 77 says how
// many there are.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <set>

#include "firmware/acpi/table_writer.hpp"
#include "tests/kernel-model/corpus_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
using firmware::acpi::TableWriter;

namespace {

/// Words of x86's parameters that the command line has: "intel_iommu=on,strict".
bool has_option(const Json& truth, const std::string& key, const std::string& option) {
    const std::string line = " " + truth["cmdline_extra"].get<std::string>() + " ";
    for (std::size_t at = line.find(" " + key + "="); at != std::string::npos;
         at = line.find(" " + key + "=", at + 1)) {
        const std::size_t from = at + key.size() + 2;
        std::string words = "," + line.substr(from, line.find(' ', from) - from) + ",";
        if (words.find("," + option + ",") != std::string::npos) return true;
    }
    return false;
}

BootConfig x86_config(const Json& truth) {
    BootConfig config = config_of(truth);
    config.arch = Arch::x86;
    if (has_option(truth, "iommu", "pt")) config.parameters.iommu_passthrough = true;
    if (has_option(truth, "iommu", "off")) config.parameters.x86.iommu = false;
    if (has_option(truth, "intel_iommu", "off")) config.parameters.x86.intel = false;
    if (has_option(truth, "intel_iommu", "strict")) config.parameters.iommu_strict = true;
    if (has_option(truth, "intel_iommu", "sm_on")) config.parameters.x86.intel_scalable = true;
    if (has_option(truth, "amd_iommu", "off")) config.parameters.x86.amd = false;
    if (has_option(truth, "amd_iommu", "fullflush")) config.parameters.iommu_strict = true;
    if (has_option(truth, "amd_iommu", "pgtbl_v1")) config.parameters.x86.amd_v2 = false;
    if (has_option(truth, "amd_iommu", "pgtbl_v2")) config.parameters.x86.amd_v2 = true;
    if (has_option(truth, "intremap", "off")) config.parameters.x86.intremap = false;
    return config;
}

/// With the tables of these signatures, as far as the case has them.
firmware::Description x86_tables(const std::filesystem::path& folder, const Json& truth) {
    std::vector<firmware::acpi::NamedBytes> tables;
    for (const char* const name : {"DMAR", "IVRS", "MCFG"}) {
        const std::filesystem::path file = folder / "acpi" / (std::string(name) + ".dat");
        if (std::filesystem::exists(file)) tables.emplace_back(name, firmware::read_file(file.string()));
    }
    firmware::Description description = firmware::acpi::read_acpi(tables);
    description.memory = {{0x1000000, 0x30000000}};
    for (const PciRoot& root : topology_of(truth)) {
        if (root.host.rfind("pci", 0) != 0) continue;
        const auto number = [&](std::size_t at, std::size_t digits) {
            return static_cast<unsigned>(std::stoul(root.host.substr(at, digits), nullptr, 16));
        };
        firmware::acpi::ensure_pci_root(description, number(3, 4), number(8, 2));
    }
    return description;
}

struct X86Boot {
    X86Boot(const Json& the_truth, firmware::Description board)
        : truth(the_truth),
          description(std::move(board)),
          world(variant_of(truth)),
          system(world.k, description, x86_config(truth)),
          boot(world.k, description, system.boot_config()) {
        world.machine.engines.add(description, [](const firmware::Node&) { return true; });
        boot.start();
        world.run();
    }
    ~X86Boot() { world.k.sched.kill_all(); }
    Json truth;
    firmware::Description description;
    World world;
    KernelSystem system;
    LinuxBoot boot;
};

std::vector<std::filesystem::path> x86_cases() {
    std::vector<std::filesystem::path> found;
    const auto root = xlate::tests::corpus();
    if (!root) return found;
    for (const char* const part : {"linux-boot", "linux-boot-newer", "linux-boot-families"}) {
        if (!std::filesystem::is_directory(*root / part)) continue;
        for (const auto& entry : std::filesystem::directory_iterator(*root / part)) {
            const bool units = std::filesystem::exists(entry.path() / "acpi" / "DMAR.dat") ||
                               std::filesystem::exists(entry.path() / "acpi" / "IVRS.dat");
            if (units && std::filesystem::exists(entry.path() / "truth.json")) found.push_back(entry.path());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

TEST_CASE("x86: recorded boots with VT-d or AMD-Vi have the same groups and events as the real kernel",
          "[kernel][corpus][vtd][amd]") {
    if (xlate::tests::skip_without_corpus()) return;
    const auto cases = x86_cases();
    if (cases.empty()) {
        WARN("skipped: the corpus has no boot with a DMAR or IVRS");
        SUCCEED("skipped");
        return;
    }
    for (const std::filesystem::path& folder : cases) {
        INFO(folder.string());
        std::ifstream file(folder / "truth.json");
        const Json truth = Json::parse(file);
        const X86Boot run(truth, x86_tables(folder, truth));
        INFO(run.world.k.console.text());
        CHECK(groups_of(run.boot) == groups_of(truth));
        const Sequences expected = sequences_of(truth), found = sequences_of(run.world.k.events);
        for (const auto& [device, lines] : expected) {
            INFO(device);
            const auto ours = found.find(device);
            std::string wanted, have;
            for (const std::string& line : lines) wanted += line + "\n";
            if (ours != found.end())
                for (const std::string& line : ours->second) have += line + "\n";
            CHECK(have == wanted);
        }
    }
}

TEST_CASE("x86: the full PCI topology on q35 makes 17 groups of 26 devices", "[kernel][corpus][vtd][amd]") {
    if (xlate::tests::skip_without("linux-boot")) return;
    const std::string name = GENERATE("acpi-smmuv3-6.1", "acpi-smmuv3-6.12");
    if (!std::filesystem::exists(*xlate::tests::corpus() / "linux-boot" / name)) {
        SUCCEED("no such case");
        return;
    }
    Json truth = load_truth(name);
    // What q35 has besides: the functions of its south bridge.
    for (const auto& [function, id, code] :
         {std::tuple{"0", "8086:2918", "0x060100"}, {"2", "8086:2922", "0x010601"}, {"3", "8086:2930", "0x0c0500"}}) {
        Json device = truth["devices"][0];
        for (const Json& one : truth["devices"])
            if (one["bus"] == "pci" && one["name"] == "0000:00:00.0") device = one;
        device["name"] = std::string("0000:00:1f.") + function;
        device["sysfs"] = std::string("/sys/devices/pci0000:00/0000:00:1f.") + function;
        device["id"] = id;
        device["class"] = code;
        truth["devices"].push_back(device);
    }
    // As QEMU writes them: everything is behind the one unit. AMD's is a function of its own, in no group.
    const bool amd = GENERATE(false, true);
    INFO((amd ? "AMD-Vi" : "VT-d"));
    TableWriter dmar("DMAR", 1), ivrs("IVRS", 1);
    dmar.u8(38).u8(1).zeros(10).u16(0).u16(16).u8(1).u8(0).u16(0).u64(0xFED90000);
    ivrs.u32(0x282000).zeros(8).u8(0x10).u8(0).u16(24 + 16).u16(0x58).u16(0x40).u64(0xFED80000).u16(0).u16(0).u32(0);
    ivrs.u8(3).u16(0).u8(0).u8(4).u16(0xFFFF).u8(0).u8(0x48).u16(0).u8(0).u8(0).u16(0xA0).u8(1);
    if (amd) {
        Json unit = truth["devices"].back();
        unit["name"] = "0000:00:0b.0";
        unit["sysfs"] = "/sys/devices/pci0000:00/0000:00:0b.0";
        unit["id"] = "1022:1419";
        unit["class"] = "0x080600";
        truth["devices"].push_back(unit);
    }
    firmware::Description description = firmware::acpi::read_acpi(
        {amd ? firmware::acpi::NamedBytes{"ivrs", ivrs.finish()} : firmware::acpi::NamedBytes{"dmar", dmar.finish()}});
    firmware::acpi::ensure_pci_root(description, 0, 0);
    description.memory = {{0x1000000, 0x30000000}};
    const X86Boot run(truth, std::move(description));
    INFO(run.world.k.console.text());
    std::size_t devices = 0;
    for (const GroupResult& group : run.boot.groups()) {
        devices += group.devices.size();
        CHECK(group.type == DomainType::dma_fq);
    }
    CHECK(devices == 26);
    CHECK(run.boot.groups().size() == 17);
}
