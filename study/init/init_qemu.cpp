#include "study/init/init_qemu.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "firmware/device_name.hpp"
#include "firmware/id_path.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_hosts.hpp"
#include "iommu/families.hpp"
#include "study/init/init_kernel.hpp"
#include "study/init/init_text.hpp"
#include "study/init/kernel_log.hpp"
#include "study/init/qemu_command.hpp"
#include "study/init/qemu_pci.hpp"
#include "study/init/qemu_platform.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::Node;
using firmware::NodeIndex;

/// Where QEMU's virt machine has its virtio-mmio transports.
constexpr std::uint64_t kVirtioMmioBase = 0xa000000;
constexpr std::uint64_t kVirtioMmioStep = 0x200;

class ConfigWriter {
public:
    ConfigWriter(const Description& description, const std::vector<std::string>& paths)
        : in_(description), paths_(paths) {}

    std::string write(const KernelLog& log) {
        head(nullptr);
        line(fmt::format("# Made from {}", remark(log.file)));
        firmware();
        out_ += "\nsoc:\n";
        iommus({});
        found_iommus(log);
        for (const std::string& note : log.notes) line("  # note: " + remark(note));
        if (log.functions.empty()) {
            no_functions();
        } else {
            functions(log.functions);
        }
        out_ += init_kernel(log, in_);
        tail();
        return std::move(out_);
    }

    std::string write(const QemuCommand* command) {
        head(command);
        firmware();
        out_ += "\nsoc:\n";
        if (command != nullptr) {
            const std::string directory = std::filesystem::path(command->file).parent_path().string();
            const QemuPci pci = place_qemu_devices(*command);
            const QemuPlatform platform = read_qemu_platform(*command, in_, directory);
            iommus(platform);
            left_out(*command, pci, platform);
            functions(pci.functions);
            virtio_mmio(pci);
        } else {
            iommus({});
            no_functions();
        }
        out_ += init_kernel(command, in_);
        tail();
        return std::move(out_);
    }

private:
    void line(std::string_view text) { (out_ += text) += '\n'; }

    void head(const QemuCommand* command) {
        line("# A starter config for xlate. Everything has a default; a file says only what differs.");
        line("# `xlate config show FILE` lists every parameter with its sentence; quantities carry units.");
        if (command == nullptr) return;
        line(fmt::format("# Made from {}{}{}", remark(command->file), command->comment.empty() ? "" : ": ",
                         remark(command->comment)));
        if (!command->machine.text.empty()) line(fmt::format("# Machine: {}", remark(command->machine.text)));
    }

    void firmware() {
        if (in_.origin == Description::Origin::device_tree) {
            line(fmt::format("\nfirmware: {{ devicetree: {} }}",
                             in_quotes(paths_.empty() ? in_.source : paths_.front())));
            return;
        }
        out_ += "\nfirmware:\n  acpi: [";
        for (std::size_t i = 0; i < paths_.size(); ++i) out_ += (i == 0 ? "" : ", ") + in_quotes(paths_[i]);
        line("]");
    }

    void iommus(const QemuPlatform& platform) {
        line("  # clocks:       { system: 1 GHz }");
        line("  # memory:       { kind: dram, latency: 60 ns, bandwidth: 25.6 GB/s, banks: 16 }");
        bool any = false;
        for (const NodeIndex at : in_.providers()) {
            const Node& node = in_.node(at);
            if (!node.reachable) continue;
            if (!any) line("  # iommus:       # speeds and sizes of the IOMMUs that the firmware has");
            any = true;
            line(fmt::format("  #   {}: {{ tcu: {{ tlb: {{ entries: 2048, ways: 4 }} }} }}   # {}",
                             in_quotes(remark(node.path)), firmware::iommu_kind(node).family));
        }
        const bool features = std::any_of(platform.smmus.begin(), platform.smmus.end(),
                                          [](const QemuSmmu& smmu) { return !smmu.features.empty(); });
        if (features || !platform.presets.empty()) line("  iommus:");
        for (const QemuSmmu& smmu : platform.smmus) {
            if (smmu.features.empty()) continue;
            line(fmt::format("    {}: {{ features: {{ {} }} }}   # {}", in_quotes(smmu.iommu),
                             fmt::join(smmu.features, ", "), remark(smmu.remark)));
        }
        for (const QemuPreset& preset : platform.presets) {
            line(fmt::format("    {}:   # {}", in_quotes(preset.iommu), kind_of(preset.iommu)));
            for (const std::string& one : options_of(preset)) line(one);
            line("      registers:                         # that a loader presets");
            std::map<std::uint64_t, std::uint32_t> last;  // of one that two options load
            for (const auto& [offset, word] : preset.registers) last[offset] = word;
            for (const auto& [offset, word] : last) line(fmt::format("        {:#x}: {:#010x}", offset, word));
        }
    }

    /// What their drivers printed of them.
    void found_iommus(const KernelLog& log) {
        bool any = false;
        for (const NodeIndex at : in_.providers()) {
            const auto said = log.iommus.find(firmware::linux_device_name(in_, at));
            if (said == log.iommus.end()) continue;
            if (!any) line("  iommus:                                  # as their drivers found them");
            any = true;
            line(fmt::format("    {}: {{ {} }}", in_quotes(in_.node(at).path), said->second));
        }
    }

    /// What its ID registers come to in the keys of their family, a line a block.
    std::vector<std::string> options_of(const QemuPreset& preset) const {
        const std::optional<NodeIndex> node = in_.find_path(preset.iommu);
        const iommu::Family* const family =
            node ? iommu::find_family(firmware::iommu_kind(in_.node(*node)).family) : nullptr;
        if (family == nullptr) return {};
        std::vector<iommu::RegisterWord> words;
        for (const auto& [offset, word] : preset.registers) words.push_back({offset, word});
        std::map<std::string, std::string> blocks;
        for (const iommu::OptionSpec& option : family->options) {
            const auto value = option.of_registers == nullptr ? std::nullopt : option.of_registers(words);
            if (!value) continue;
            const std::string text =
                option.choices.empty() ? fmt::format("{}", *value) : in_quotes(std::string(option.choices[*value]));
            std::string& block = blocks[option.block];
            block += fmt::format("{}{}: {}", block.empty() ? "" : ", ", option.key, text);
        }
        std::vector<std::string> lines;
        for (const auto& [block, keys] : blocks)
            lines.push_back(fmt::format("      {}: {{ {} }}   # as its registers say", block, keys));
        return lines;
    }

    std::string_view kind_of(const std::string& path) const {
        const std::optional<NodeIndex> at = in_.find_path(path);
        return at ? firmware::iommu_kind(in_.node(*at)).family : "unknown";
    }

    void functions(const std::vector<StarterFunction>& list) {
        const bool no_host = in_.nodes.size() > 1 && firmware::pci_hosts(in_).empty();
        if (no_host) {
            std::vector<std::string> models;
            for (const StarterFunction& function : list)
                models.push_back(!function.model.empty() ? function.model
                                 : function.id.empty()   ? "the machine's own"
                                                         : function.id);
            line(fmt::format("  # note: the firmware has no PCI host bridge; left out: {}",
                             remark(fmt::format("{}", fmt::join(models, ", ")))));
        }
        if (no_host || list.empty()) {
            line("  pci: []");
            return;
        }
        line(
            "  pci:                                     # as it sits on the bus; what is behind a port or bridge hangs "
            "below it");
        for (const StarterFunction& function : list) {
            const std::string slot = fmt::format("{:02x}:{:02x}.{}", function.bus, function.device, function.function);
            const std::optional<unsigned> domain = domain_of(function);
            write(function, domain ? fmt::format("{:04x}:{}", *domain, slot) : slot, 4);
        }
    }

    /// Where the firmware has several host bridges, as expanders are its own: of the one for this root bus.
    std::optional<unsigned> domain_of(const StarterFunction& function) const {
        const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(in_);
        if (function.domain) return hosts.size() > 1 || *function.domain != 0 ? function.domain : std::nullopt;
        const auto own =
            std::find_if(hosts.begin(), hosts.end(), [&](const auto& one) { return one.first_bus == function.bus; });
        return hosts.size() > 1 && own != hosts.end() ? std::optional(own->domain) : std::nullopt;
    }

    void write(const StarterFunction& function, const std::string& slot, std::size_t indent) {
        std::vector<std::string> fields{"slot: " + in_quotes(slot), "kind: " + function.kind};
        constexpr std::string_view kPlain[] = {"endpoint", "conventional", "host-bridge", "event-collector"};
        const bool plain = std::find(std::begin(kPlain), std::end(kPlain), function.kind) != std::end(kPlain);
        if (plain && !function.driver.empty()) fields.push_back("driver: " + function.driver);
        if (!function.id.empty()) fields.push_back("id: " + in_quotes(function.id));
        if (!function.id.empty()) fields.push_back("class: " + in_quotes(fmt::format("{:#08x}", function.class_code)));
        if (function.acs && (function.kind == "root-port" || *function.acs))
            fields.emplace_back(*function.acs ? "acs: true" : "acs: false");
        if (function.isolated) fields.emplace_back("quirks: [isolated]");
        if (!function.hotplug) fields.emplace_back("hotplug: false");
        if (function.ats)
            fields.emplace_back(function.pri ? "atc: { enabled: true, pri: true }" : "atc: { enabled: true }");
        const std::string margin(indent, ' ');
        const std::string comment = function.model.empty() ? "" : "   # " + remark(function.model);
        out_ += margin + "- ";
        if (function.below.empty()) {
            line(fmt::format("{{ {} }}{}", fmt::join(fields, ", "), comment));
            return;
        }
        for (std::size_t i = 0; i < fields.size(); ++i) {
            line((i == 0 ? "" : margin + "  ") + fields[i] + (i == 0 ? comment : ""));
        }
        line(margin + "  below:");
        for (const StarterFunction& below : function.below) {
            const std::string bus = below.bus == 0 ? "" : fmt::format("{:02x}:", below.bus);
            write(below, fmt::format("{}{:02x}.{}", bus, below.device, below.function), indent + 4);
        }
    }

    void no_functions() {
        for (const Node& node : in_.nodes) {
            if (!node.iommu_map || !node.reachable) continue;
            line(fmt::format("  # {} is a PCI host bridge; no firmware says what is plugged in:", remark(node.path)));
            line("  # pci:");
            line("  #   - { slot: \"00:01.0\", kind: endpoint, driver: nvme }");
            line(
                "  #   - { slot: \"00:05.0\", kind: root-port, below: [ { slot: \"00.0\", kind: endpoint, driver: "
                "virtio-net } ] }");
            break;
        }
        line("  payload: timing-only                     # full: the masters' data moves through simulated memory");
    }

    /// The transports of a virt machine are nodes of the firmware: which have a device, and what is in front of each.
    void virtio_mmio(const QemuPci& pci) {
        if (pci.virtio_mmio.empty()) return;
        std::vector<std::string> lines;
        bool any = false;
        for (const QemuVirtioMmio& one : pci.virtio_mmio) {
            const std::uint64_t address = kVirtioMmioBase + kVirtioMmioStep * one.number;
            std::string state;
            for (std::size_t i = 0; i < in_.nodes.size(); ++i) {
                const Node& node = in_.nodes[i];
                if (node.regs.empty() || node.regs.front().cpu_address != address) continue;
                const firmware::IdPath path = firmware::id_path(in_, static_cast<NodeIndex>(i));
                state = path.end == firmware::PathEnd::behind ? "behind " + in_.node(*path.provider).path
                                                              : "not translated: " + path.why;
            }
            if (state.empty()) {
                lines.push_back(fmt::format("    # {:x}.virtio_mmio: {}, the firmware has no node at that address",
                                            address, remark(one.model)));
                continue;
            }
            any = true;
            constexpr std::string_view kSuffix = "-device";
            std::string model = one.model;
            if (model.size() > kSuffix.size() && model.substr(model.size() - kSuffix.size()) == kSuffix)
                model.resize(model.size() - kSuffix.size());
            lines.push_back(fmt::format("    - {{ slot: {:x}.virtio_mmio, model: {}{} }}   # {}{}", address,
                                        in_quotes(model), one.uses_dma_api ? "" : ", access_platform: false",
                                        remark(state),
                                        one.uses_dma_api ? ""
                                                         : "; without iommu_platform=on its driver hands out physical "
                                                           "addresses, here it maps"));
        }
        if (any) line("  virtio_mmio:                             # Linux's driver declines all other transports");
        for (const std::string& one : lines) line(one);
    }

    void left_out(const QemuCommand& command, const QemuPci& pci, const QemuPlatform& platform) {
        for (const std::string& note : pci.notes) line("  # note: " + remark(note));
        for (const std::string& note : platform.notes) line("  # note: " + remark(note));
        if (!pci.physical_virtio.empty())
            line(
                fmt::format("  # note: without iommu_platform=on these drivers hand out physical addresses; here they "
                            "map: {}",
                            remark(fmt::format("{}", fmt::join(pci.physical_virtio, ", ")))));
        if (!command.memory.empty() && in_.memory.empty())
            line(fmt::format("  # the firmware names no memory; -m was {}: say it as 'memory: {{ size: ... }}'",
                             remark(command.memory)));
        std::vector<std::string> plain;
        for (const std::string& option : command.unused) {
            // Devices and their properties may stand in these; all others have nothing to do with DMA.
            const bool matters = option.rfind("-readconfig", 0) == 0 || option.rfind("-set", 0) == 0 ||
                                 option.find("iommu") != std::string::npos || option.find("smmu") != std::string::npos;
            if (matters) {
                line(fmt::format("  # note: '{}' is left out", remark(option)));
            } else {
                plain.push_back(option);
            }
        }
        if (!plain.empty())
            line("  # options that describe nothing here: " + remark(fmt::format("{}", fmt::join(plain, " "))));
    }

    void tail() {
        line("\n# traffic:                               # default: a little of everything that is translated");
        const std::vector<firmware::PciHost> hosts = firmware::pci_hosts(in_);
        const std::string function =
            hosts.empty() ? "0000:00:01.0"
                          : firmware::pci_name(hosts.front().domain, hosts.front().first_bus << 8 | 1U << 3);
        line(
            fmt::format("#   - {{ device: \"{}\", pattern: random, read: 70%, size: 64 B, working_set: 16 MiB, "
                        "outstanding: 32, transfers: 100000 }}",
                        function));
        line("expect:");
        line("  - kernel.oops == 0");
    }

    const Description& in_;
    const std::vector<std::string>& paths_;
    std::string out_;
};

}  // namespace

std::string init_config(const Description& description, const std::vector<std::string>& firmware_paths,
                        const std::optional<std::string>& qemu_command_text, const std::string& qemu_file_name) {
    if (!qemu_command_text) return ConfigWriter(description, firmware_paths).write(nullptr);
    const QemuCommand command = parse_qemu_command(*qemu_command_text, qemu_file_name);
    return ConfigWriter(description, firmware_paths).write(&command);
}

std::string init_config(const Description& description, const std::string& dtb_path,
                        const std::optional<std::string>& qemu_command_text, const std::string& qemu_file_name) {
    return init_config(description, std::vector<std::string>{dtb_path}, qemu_command_text, qemu_file_name);
}

std::string init_config(const Description& description, const std::vector<std::string>& firmware_paths,
                        const KernelLog& log) {
    return ConfigWriter(description, firmware_paths).write(log);
}

}  // namespace xlate::study
