#include "study/init/init_qemu.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "firmware/iommu_families.hpp"
#include "study/init/qemu_command.hpp"
#include "study/init/qemu_pci.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::Node;
using firmware::NodeIndex;

constexpr std::string_view kDefaultVariant = "linux-6.12";

/// As YAML's double-quoted style writes it, on one line.
std::string in_quotes(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            result += fmt::format("\\x{:02x}", byte);
            continue;
        }
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + "\"";
}

/// Text for a comment: one line, whatever it held.
std::string remark(std::string_view text) {
    std::string result = printable(text);
    while (!result.empty() && result.front() == ' ') result.erase(0, 1);
    return result;
}

class ConfigWriter {
public:
    ConfigWriter(const Description& description, const std::vector<std::string>& paths)
        : in_(description), paths_(paths) {}

    std::string write(const QemuCommand* command) {
        head(command);
        firmware();
        out_ += "\nsoc:\n";
        iommus();
        if (command != nullptr) {
            const QemuPci pci = place_qemu_devices(*command);
            functions(pci);
            virtio_mmio(pci);
        } else {
            no_functions();
        }
        kernel(command);
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

    void iommus() {
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
    }

    void functions(const QemuPci& pci) {
        for (const std::string& note : pci.notes) line("  # note: " + remark(note));
        if (pci.functions.empty()) {
            line("  pci: []");
            return;
        }
        line(
            "  pci:                                     # as it sits on the bus; what is behind a port or bridge hangs "
            "below it");
        for (const QemuPciFunction& function : pci.functions) {
            write(function, fmt::format("{:02x}:{:02x}.{}", function.bus, function.device, function.function), 4);
        }
    }

    void write(const QemuPciFunction& function, const std::string& slot, std::size_t indent) {
        std::vector<std::string> fields{"slot: " + in_quotes(slot), "kind: " + function.kind};
        const bool plain = function.kind == "endpoint" || function.kind == "host-bridge";
        if (plain && !function.driver.empty()) fields.push_back("driver: " + function.driver);
        if (!function.id.empty()) fields.push_back("id: " + in_quotes(function.id));
        if (!function.id.empty()) fields.push_back("class: " + in_quotes(fmt::format("{:#08x}", function.class_code)));
        if (function.kind == "root-port") fields.emplace_back(function.acs ? "acs: true" : "acs: false");
        if (!function.hotplug) fields.emplace_back("hotplug: false");
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
        for (const QemuPciFunction& below : function.below) {
            write(below, fmt::format("{:02x}.{}", below.device, below.function), indent + 4);
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

    void virtio_mmio(const QemuPci& pci) {
        if (pci.virtio_mmio_populated.empty()) return;
        std::string numbers;
        for (const unsigned number : pci.virtio_mmio_populated)
            numbers += fmt::format("{}{}", numbers.empty() ? "" : ", ", number);
        line(fmt::format("  # virtio-mmio transports with a device behind them: {}; Linux's driver declines the others",
                         numbers));
    }

    static std::string variant_of(const std::string& kernel) {
        const std::string name = kernel.substr(kernel.find_last_of('/') + 1);
        const std::size_t digits = name.find_first_of("0123456789");
        if (digits == std::string::npos) return std::string(kDefaultVariant);
        const std::string version = name.substr(digits);
        const auto is = [&](std::string_view release) {
            return version.compare(0, release.size(), release) == 0 &&
                   (version.size() == release.size() ||
                    std::isdigit(static_cast<unsigned char>(version[release.size()])) == 0);
        };
        if (is("6.12")) return "linux-6.12";
        if (is("6.1")) return "linux-6.1";
        return std::string(kDefaultVariant);
    }

    void kernel(const QemuCommand* command) {
        line("\nkernel:");
        const std::string variant = command != nullptr ? variant_of(command->kernel) : std::string(kDefaultVariant);
        const bool named = command != nullptr && !command->kernel.empty();
        line(fmt::format("  variant: {}{}", variant, named ? "   # " + remark(command->kernel) : ""));
        if (command == nullptr) {
            line("  # cpus: 4                              # default: as many as the firmware has");
            line("  # parameters: { iommu.passthrough: 0, iommu.strict: 1, deferred_probe_timeout: 10 }");
            return;
        }
        line(fmt::format("  cpus: {}", command->cpus.value_or(1)));
        modules(variant);
        parameters(*command);
    }

    /// Debian's kernels: what is a module, in the order in which an init script loads it.
    void modules(const std::string& variant) {
        struct Module {
            const char* name;
            bool in_6_1;
            bool in_6_12;
        };
        static constexpr Module kModules[] = {{"virtio-pci", true, false},  // built in
                                              {"virtio-mmio", true, true}, {"virtio-iommu", false, true},
                                              {"virtio-net", true, true},  {"virtio-blk", true, true},
                                              {"e1000e", true, true},      {"nvme", true, true}};
        line("  modules:                               # one after the other, as the init script loads them");
        bool first = true;
        for (const Module& module : kModules) {
            if (variant == "linux-6.1" && !module.in_6_1) continue;
            if (variant == "linux-6.12" && !module.in_6_12) continue;
            line(fmt::format("    - {{ name: {}, at: 0 ns{} }}", module.name, first ? "" : ", after_previous: true"));
            first = false;
        }
    }

    void parameters(const QemuCommand& command) {
        static constexpr std::array<std::string_view, 4> kKnown{"deferred_probe_timeout", "iommu.passthrough",
                                                                "iommu.strict", "arm-smmu-v3.disable_bypass"};
        std::string list;
        std::vector<std::string_view> done;
        for (auto at = command.append.rbegin(); at != command.append.rend(); ++at) {  // the last one counts
            const auto same = [&](std::string_view known) {
                return known.size() == at->first.size() &&
                       std::equal(known.begin(), known.end(), at->first.begin(),
                                  [](char a, char b) { return (a == '_' ? '-' : a) == (b == '_' ? '-' : b); });
            };
            const auto* const known = std::find_if(kKnown.begin(), kKnown.end(), same);
            if (known == kKnown.end() || std::find(done.begin(), done.end(), *known) != done.end()) continue;
            done.push_back(*known);
            const bool simple = !at->second.empty() && at->second.find_first_not_of("0123456789") == std::string::npos;
            const std::string entry =
                fmt::format("{}: {}", *known, simple ? at->second : in_quotes(at->second.empty() ? "1" : at->second));
            list = fmt::format("{}{}{}", entry, list.empty() ? "" : ", ", list);
        }
        if (!list.empty()) line("  parameters: { " + list + " }");
    }

    void tail() {
        line("\n# traffic:                               # default: a little of everything that is translated");
        line(
            "#   - { device: \"0000:00:01.0\", pattern: random, read: 70%, size: 64 B, working_set: 16 MiB, "
            "outstanding: 32, transfers: 100000 }");
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

}  // namespace xlate::study
