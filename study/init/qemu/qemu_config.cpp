#include "study/init/qemu/qemu_config.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "firmware/id_path.hpp"
#include "firmware/iommu_families.hpp"
#include "iommu/families.hpp"
#include "study/init/qemu/qemu_command.hpp"
#include "study/init/qemu/qemu_kernel.hpp"
#include "study/init/qemu/qemu_pci.hpp"
#include "study/init/qemu/qemu_platform.hpp"
#include "study/init/starter_config.hpp"
#include "study/init/starter_text.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::Node;
using firmware::NodeIndex;

/// Where QEMU's virt machine has its virtio-mmio transports.
constexpr std::uint64_t kVirtioMmioBase = 0xa000000;
constexpr std::uint64_t kVirtioMmioStep = 0x200;

std::vector<std::string> head_of(const QemuCommand& command) {
    std::vector<std::string> lines{fmt::format("Made from {}{}{}", remark(command.file),
                                               command.comment.empty() ? "" : ": ", remark(command.comment))};
    if (!command.machine.text.empty()) lines.push_back("Machine: " + remark(command.machine.text));
    return lines;
}

class QemuWriter {
public:
    QemuWriter(const Description& description, const std::vector<std::string>& paths, const QemuCommand& command)
        : in_(description), command_(command), config_(description, paths, head_of(command)) {}

    std::string write() {
        const QemuPci pci = place_qemu_devices(command_);
        const std::string directory = std::filesystem::path(command_.file).parent_path().string();
        const QemuPlatform platform = read_qemu_platform(command_, in_, directory);
        iommus(platform);
        left_out(pci, platform);
        config_.functions(pci.functions);
        virtio_mmio(pci);
        return config_.finish(qemu_kernel(command_, in_));
    }

private:
    void line(std::string_view text) { config_.line(text); }

    void iommus(const QemuPlatform& platform) {
        const bool features = std::any_of(platform.smmus.begin(), platform.smmus.end(),
                                          [](const QemuSmmu& smmu) { return !smmu.features.empty(); });
        if (features || !platform.units.empty() || !platform.presets.empty()) line("  iommus:");
        for (const QemuSmmu& smmu : platform.smmus) {
            if (smmu.features.empty()) continue;
            line(fmt::format("    {}: {{ features: {{ {} }} }}   # {}", in_quotes(smmu.iommu),
                             fmt::join(smmu.features, ", "), remark(smmu.remark)));
        }
        for (const QemuUnit& unit : platform.units)
            line(fmt::format("    {}: {{ {}: {{ {} }} }}   # {}", in_quotes(unit.iommu), unit.block,
                             fmt::join(unit.keys, ", "), remark(unit.remark)));
        for (const QemuPreset& preset : platform.presets) {
            line(fmt::format("    {}:   # {}", in_quotes(preset.iommu), kind_of(preset.iommu)));
            for (const std::string& one : options_of(preset)) line(one);
            line("      registers:                         # that a loader presets");
            std::map<std::uint64_t, std::uint32_t> last;  // of one that two options load
            for (const auto& [offset, word] : preset.registers) last[offset] = word;
            for (const auto& [offset, word] : last) line(fmt::format("        {:#x}: {:#010x}", offset, word));
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

    /// Whether some device of the machine has this property for all of its kind.
    bool finds_device(const QemuGlobal& global, const QemuPci& pci) const {
        const auto covers = [&](const QemuOption& device) { return global.covers(device.head); };
        if (std::any_of(command_.devices.begin(), command_.devices.end(), covers)) return true;
        const std::function<bool(const StarterFunction&)> is = [&](const StarterFunction& one) {
            return global.covers(one.model) || std::any_of(one.below.begin(), one.below.end(), is);
        };
        return std::any_of(pci.functions.begin(), pci.functions.end(), is);
    }

    void left_out(const QemuPci& pci, const QemuPlatform& platform) {
        for (const std::string& note : pci.notes) line("  # note: " + remark(note));
        for (const std::string& note : platform.notes) line("  # note: " + remark(note));
        if (!pci.physical_virtio.empty())
            line(
                fmt::format("  # note: without iommu_platform=on these drivers hand out physical addresses; here they "
                            "map: {}",
                            remark(fmt::format("{}", fmt::join(pci.physical_virtio, ", ")))));
        if (!command_.memory.empty() && in_.memory.empty())
            line(fmt::format("  # the firmware names no memory; -m was {}: say it as 'memory: {{ size: ... }}'",
                             remark(command_.memory)));
        std::vector<std::string> plain;
        std::vector<std::string> options = command_.unused;
        for (const QemuGlobal& global : command_.globals) {
            if (!finds_device(global, pci)) options.push_back("-global " + global.text);
        }
        for (const std::string& option : options) {
            if (option.rfind("-name ", 0) == 0) {  // whatever it is called
                plain.push_back(option);
                continue;
            }
            // Devices and their properties may stand in these; all others have nothing to do with DMA.
            const bool matters = option[0] == '$' || option.rfind("-readconfig", 0) == 0 ||
                                 option.rfind("-set", 0) == 0 || option.find("iommu") != std::string::npos ||
                                 option.find("smmu") != std::string::npos || option.find("acs") != std::string::npos ||
                                 option.find(".ats=") != std::string::npos;
            if (matters) {
                line(fmt::format("  # note: '{}' is left out", remark(option)));
            } else {
                plain.push_back(option);
            }
        }
        if (!plain.empty())
            line("  # options that describe nothing here: " + remark(fmt::format("{}", fmt::join(plain, " "))));
    }

    const Description& in_;
    const QemuCommand& command_;
    StarterConfig config_;
};

}  // namespace

std::string qemu_config(const Description& description, const std::vector<std::string>& firmware_paths,
                        const std::string& command_text, const std::string& command_file) {
    const QemuCommand command = parse_qemu_command(command_text, command_file);
    return QemuWriter(description, firmware_paths, command).write();
}

}  // namespace xlate::study
