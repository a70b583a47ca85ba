#include "study/init/machine/kernel_log.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "study/init/machine/found_functions.hpp"

namespace xlate::study {
namespace {

/// A line without what dmesg ("[    2.24] ", -T "[Mon Nov 30 18:00:01 2026] ", -x "kern  :info  : ", -r "<6>"), a
/// journal
/// ("Nov 30 18:00:01 host kernel: ") and mails ("> ") put before it.
std::string_view message_of(std::string_view line) {
    constexpr std::size_t kLongestStart = 64, kLongestTime = 32;
    const auto starts = [&](std::string_view with) { return line.substr(0, with.size()) == with; };
    const auto skip_spaces = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
    const auto drop_through = [&](std::string_view what, std::size_t within) {
        const std::size_t at = line.find(what);
        if (at == std::string_view::npos || at > within) return false;
        line.remove_prefix(at + what.size());
        return true;
    };
    skip_spaces();
    while (starts(">")) line.remove_prefix(starts("> ") ? 2 : 1);
    drop_through(" kernel: ", kLongestStart);
    if (starts("kern ")) drop_through(" : ", kLongestStart);
    if (starts("<")) drop_through(">", 2);
    while (starts("[") && drop_through("] ", kLongestTime))
        skip_spaces();  // the time, and the thread where it is printed
    return line.substr(0, line.find_last_not_of(" \t\r") + 1);
}

std::optional<std::string_view> behind(std::string_view line, std::string_view start) {
    if (line.substr(0, start.size()) != start) return std::nullopt;
    return line.substr(start.size());
}

/// The number that begins `text`.
unsigned decimal(std::string_view text) {
    unsigned value = 0;
    for (const char c : text) {
        if (std::isdigit(static_cast<unsigned char>(c)) == 0 || value > 100'000) break;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value;
}

/// Of what pci_setup_device() prints behind the class, as a config spells it.
std::string_view kind_of(std::string_view words) {
    static const std::map<std::string_view, std::string_view> kKinds{
        {"conventional PCI endpoint", "conventional"},
        {"conventional PCI bridge", "pci-bridge"},
        {"PCIe Endpoint", "endpoint"},
        {"PCIe Legacy Endpoint", "endpoint"},
        {"PCIe Root Complex Integrated Endpoint", "endpoint"},
        {"PCIe Root Complex Event Collector", "event-collector"},
        {"PCIe Root Port", "root-port"},
        {"PCIe Switch Upstream Port", "switch-upstream"},
        {"PCIe Switch Downstream Port", "switch-downstream"},
        {"PCIe to PCI/PCI-X bridge", "pcie-pci-bridge"},
        {"PCI/PCI-X to PCIe bridge", "pci-pcie-bridge"}};
    const auto known = kKinds.find(words);
    return known == kKinds.end() ? std::string_view{} : known->second;
}

class LogReader {
public:
    explicit LogReader(std::string file) { log_.file = std::move(file); }

    KernelLog read(const std::string& text) {
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);) take(message_of(line));
        if (log_.release.empty()) {
            throw InputError(Diagnostic{{log_.file, {}, {}, {}},
                                        "",
                                        "no line names the kernel ('Linux version ...')",
                                        "a kernel's log from its start, as dmesg or 'journalctl -k' prints it",
                                        ""});
        }
        if (acpi_iommu_) found_.infer_acs();
        log_.functions = found_.tree(log_.file, log_.notes);
        return std::move(log_);
    }

private:
    void take(std::string_view line) {
        if (const auto release = behind(line, "Linux version ")) {
            if (log_.release.empty()) log_.release = release->substr(0, release->find(' '));
            return;
        }
        if (const auto words = behind(line, "Kernel command line: ")) return take_words(*words);
        if (const auto words = behind(line, "Command line: ")) {  // x86, as the loader gave it; the other one follows
            if (log_.words.empty()) log_.words = split_command_line(std::string(*words));
            return;
        }
        if (line.find("Brought up ") != std::string_view::npos) {
            const std::size_t comma = line.find(", ");
            if (comma != std::string_view::npos && line.find(" CPU", comma) != std::string_view::npos) {
                const unsigned cpus = decimal(line.substr(comma + 2));
                if (cpus != 0) log_.cpus = cpus;
            }
            return;
        }
        take_defaults(line);
        const bool of_iort = behind(line, "arm-smmu") && line.find(".auto: ") != std::string_view::npos;
        acpi_iommu_ = acpi_iommu_ || of_iort || behind(line, "DMAR: ") || behind(line, "AMD-Vi: ");
        constexpr std::string_view kOlder = "iommu: Adding device ";  // before 5.3
        if (const auto device = behind(line, kOlder)) {
            std::size_t size = 0;
            const auto place = pci_place_of(*device, size);
            take_group(place, device->substr(place ? size : 0), " to group ");
            return;
        }
        take_iommu_line(line, log_.iommus);
        take_function(line);
    }

    /// iommu_subsys_init() prints what holds, which the kernel's build may have decided.
    void take_defaults(std::string_view line) {
        if (line.find("(set via kernel command line)") != std::string_view::npos) return;
        if (const auto type = behind(line, "iommu: Default domain type: "))
            log_.passthrough = type->substr(0, type->find(' ')) == "Passthrough";
        if (const auto policy = behind(line, "iommu: DMA domain TLB invalidation policy: "))
            log_.strict = policy->substr(0, policy->find(' ')) == "strict";
    }

    /// Kernels from 6.19 on break a long one into lines, which end with a backslash where there is more.
    void take_words(std::string_view words) {
        constexpr std::string_view kMore = " \\";
        const bool more = words.size() >= kMore.size() && words.substr(words.size() - kMore.size()) == kMore;
        if (more) words.remove_suffix(1);
        command_line_ += words;
        log_.words = split_command_line(command_line_);
        if (!more) command_line_.clear();
    }

    /// "pci 0000:00:05.0: [1b36:000c] type 01 class 0x060400 PCIe Root Port", "... PCI bridge to [bus 03-06]",
    /// "nvme 0000:00:04.0: ..."
    void take_function(std::string_view line) {
        const std::size_t space = line.find(' ');
        if (space == std::string_view::npos) return;
        std::size_t size = 0;
        const auto place = pci_place_of(line.substr(space + 1), size);
        const std::size_t rest_at = space + 1 + size;
        if (!place || line.substr(rest_at, 2) != ": ") return;
        const std::string_view speaker = line.substr(0, space);
        std::string_view rest = line.substr(rest_at + 2);
        if (speaker != "pci") {
            FoundFunction* const known = found_.find(*place);
            const bool name = std::all_of(speaker.begin(), speaker.end(), [](char c) {
                return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
            });
            if (known != nullptr && name) known->driver = speaker;
        }
        if (rest.find("root port ACS workaround enabled") != std::string_view::npos) {
            if (FoundFunction* const port = found_.find(*place)) port->isolated = true;
        }
        take_group(place, rest, "Adding to iommu group ");
        if (const auto buses = behind(rest, "PCI bridge to [bus ")) {
            FoundFunction* const known = found_.find(*place);
            const auto first = hex_at(*buses, 0, 2);
            if (known != nullptr && first)
                FoundFunctions::set_buses(*place, *known, *first, hex_at(*buses, 3, 2).value_or(*first));
            return;
        }
        constexpr std::string_view kType = "] type ";
        const auto vendor = hex_at(rest, 1, 4), product = hex_at(rest, 6, 4), header = hex_at(rest, 17, 2);
        const auto code = hex_at(rest, 28, 6);
        if (!vendor || !product || !header || !code || rest[0] != '[' || rest.substr(10, kType.size()) != kType ||
            rest.substr(19, 9) != " class 0x" || *header > 1)
            return;
        FoundFunction found;
        found.bridge = *header == 1;
        found.id = fmt::format("{:04x}:{:04x}", *vendor, *product);
        found.class_code = *code;
        if (rest.size() > 35) found.kind = kind_of(rest.substr(35));
        found_.add(*place, std::move(found));
    }

    void take_group(const std::optional<PciPlace>& place, std::string_view text, std::string_view key) {
        const auto number = behind(text, key);
        FoundFunction* const known = place && number ? found_.find(*place) : nullptr;
        if (known != nullptr && !number->empty() && std::isdigit(static_cast<unsigned char>(number->front())) != 0)
            known->group = decimal(*number);
    }

    KernelLog log_;
    std::string command_line_;  ///< of lines so far, where more is to come
    FoundFunctions found_;
    bool acpi_iommu_ = false;  ///< DMAR, IVRS or IORT has one: the kernel asks for ACS before it scans PCI
};

}  // namespace

KernelLog read_kernel_log(const std::string& text, const std::string& file) { return LogReader(file).read(text); }

}  // namespace xlate::study
