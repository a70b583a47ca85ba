#include "study/init/kernel_log.hpp"

#include <algorithm>
#include <bitset>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "study/init/qemu_pci.hpp"

namespace xlate::study {
namespace {

/// Where a function sits: domain, bus, device and function in one number, which orders them.
struct Place {
    std::uint32_t number = 0;

    unsigned domain() const { return number >> 16; }
    unsigned bus() const { return number >> 8 & 0xff; }
    unsigned device() const { return number >> 3 & 0x1f; }
    unsigned function() const { return number & 7; }
    bool operator<(const Place& other) const { return number < other.number; }
};

struct Found {
    unsigned header = 0;  ///< 0: a function, 1: a bridge
    std::string id;
    std::uint32_t class_code = 0;
    std::string says;  ///< "PCIe Root Port"; empty: this kernel does not
    std::string driver;
    unsigned first_bus = 0, last_bus = 0;  ///< behind a bridge; 0: not said
};

/// `digits` hexadecimal ones at `at`.
std::optional<std::uint32_t> hex(std::string_view line, std::size_t at, std::size_t digits) {
    if (at > line.size() || line.size() - at < digits) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : line.substr(at, digits)) {
        if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return std::nullopt;
        const int lower = std::tolower(static_cast<unsigned char>(c));
        value = value << 4 | static_cast<std::uint32_t>(lower <= '9' ? lower - '0' : lower - 'a' + 10);
    }
    return value;
}

constexpr std::size_t kPlaceText = 12;  // "0000:00:01.0"

std::optional<Place> place_at(std::string_view line, std::size_t at) {
    const auto domain = hex(line, at, 4), bus = hex(line, at + 5, 2), device = hex(line, at + 8, 2),
               function = hex(line, at + 11, 1);
    if (!domain || !bus || !device || !function || line[at + 4] != ':' || line[at + 7] != ':' || line[at + 10] != '.' ||
        *device > 0x1f || *function > 7)
        return std::nullopt;
    return Place{*domain << 16 | *bus << 8 | *device << 3 | *function};
}

/// A line without what dmesg ("[    2.24] ") or a journal ("Nov 30 18:00:01 host kernel: ") puts before it.
std::string_view message_of(std::string_view line) {
    constexpr std::string_view kJournal = " kernel: ";
    if (const std::size_t at = line.find(kJournal); at != std::string_view::npos && at < 64)
        line.remove_prefix(at + kJournal.size());
    while (!line.empty() && line[0] == '[') {  // the time, and the thread where the kernel prints it
        const std::size_t end = line.find("] ");
        if (end == std::string_view::npos || end > 24) break;
        line.remove_prefix(end + 2);
    }
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) line.remove_suffix(1);
    return line;
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
        connect();
        for (const auto& [place, found] : found_) {
            if (is_root(place)) log_.functions.push_back(function(place, found));
        }
        if (placed_ < found_.size())
            log_.notes.push_back(fmt::format("{} functions are left out: no line says which bridge leads to their bus",
                                             found_.size() - placed_));
        if (guessed_)
            log_.notes.emplace_back(
                "this kernel does not print what kind its bridges are: taken from what is behind each");
        const bool ports =
            std::any_of(found_.begin(), found_.end(), [](const auto& one) { return one.second.header == 1; });
        if (ports)
            log_.notes.emplace_back(
                "no log says which ports have access control services (ACS): taken that root ports have them and "
                "others "
                "do not; 'lspci -vv' says it, and `acs: true` or `false` here");
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
        take_iommu_line(line, log_.iommus);
        take_function(line);
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
        const auto place = place_at(line, space + 1);
        const std::size_t rest_at = space + 1 + kPlaceText;
        if (!place || line.substr(rest_at, 2) != ": ") return;
        const std::string_view speaker = line.substr(0, space);
        std::string_view rest = line.substr(rest_at + 2);
        if (speaker != "pci") {
            const auto known = found_.find(*place);
            const bool name = std::all_of(speaker.begin(), speaker.end(), [](char c) {
                return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
            });
            if (known != found_.end() && name) known->second.driver = speaker;
        }
        if (const auto buses = behind(rest, "PCI bridge to [bus ")) {
            const auto known = found_.find(*place);
            const auto first = hex(*buses, 0, 2);
            if (known == found_.end() || !first || *first <= place->bus()) return;
            known->second.first_bus = *first;
            known->second.last_bus = std::max(*first, hex(*buses, 3, 2).value_or(*first));
            return;
        }
        constexpr std::string_view kType = "] type ";
        const auto vendor = hex(rest, 1, 4), product = hex(rest, 6, 4), header = hex(rest, 17, 2);
        const auto code = hex(rest, 28, 6);
        if (!vendor || !product || !header || !code || rest[0] != '[' || rest.substr(10, kType.size()) != kType ||
            rest.substr(19, 9) != " class 0x" || *header > 1)
            return;
        Found found;
        found.header = *header;
        found.id = fmt::format("{:04x}:{:04x}", *vendor, *product);
        found.class_code = *code;
        if (rest.size() > 35) found.says = rest.substr(35);
        found_.emplace(*place, std::move(found));  // one that is found again is the same
    }

    /// Who leads to which bus: of several bridges that name one, the first.
    void connect() {
        for (const auto& [place, found] : found_) {
            if (found.first_bus == 0) continue;
            bridges_.emplace(place.domain() << 8 | found.first_bus, place);
            std::bitset<256>& covered = covered_[place.domain()];
            for (unsigned bus = found.first_bus; bus <= found.last_bus; ++bus) covered.set(bus);
        }
    }
    bool is_root(const Place& place) const {
        const auto covered = covered_.find(place.domain());
        return covered == covered_.end() || !covered->second[place.bus()];
    }
    std::vector<std::pair<Place, const Found*>> behind_bridge(const Place& bridge, const Found& of) const {
        std::vector<std::pair<Place, const Found*>> all;
        const auto leads = bridges_.find(bridge.domain() << 8 | of.first_bus);
        if (of.first_bus == 0 || leads == bridges_.end() || leads->second.number != bridge.number) return all;
        const std::uint32_t bus = bridge.domain() << 16 | of.first_bus << 8;
        for (auto at = found_.lower_bound(Place{bus}); at != found_.end() && at->first.number < bus + 0x100; ++at)
            all.emplace_back(at->first, &at->second);
        return all;
    }

    /// As a config spells it.
    std::string kind_of(const Place& place, const Found& found) {
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
        constexpr std::uint32_t kHostBridge = 0x0600, kSubtractive = 0x060401;
        if (found.class_code >> 8 == kHostBridge) return "host-bridge";
        if (const auto known = kKinds.find(found.says); known != kKinds.end()) return std::string(known->second);
        if (found.header == 0) return "endpoint";
        if (const std::string_view model = qemu_bridge_kind(found.id); !model.empty()) return std::string(model);
        guessed_ = true;
        if (found.class_code == kSubtractive) return "pci-bridge";
        if (is_root(place)) return "root-port";
        const auto above = bridges_.find(place.domain() << 8 | place.bus());
        if (above != bridges_.end() && kind_of(above->second, found_.at(above->second)) == "switch-upstream")
            return "switch-downstream";
        // Behind the port that leads into a switch there are ports alone.
        const auto below = behind_bridge(place, found);
        const bool ports =
            std::all_of(below.begin(), below.end(), [](const auto& one) { return one.second->header == 1; });
        return ports ? "switch-upstream" : "pcie-pci-bridge";
    }

    StarterFunction function(const Place& place, const Found& found) {
        ++placed_;
        StarterFunction one;
        one.domain = place.domain();
        one.bus = place.bus();
        one.device = place.device();
        one.function = place.function();
        one.kind = kind_of(place, found);
        one.id = found.id;
        one.class_code = found.class_code;
        if (one.kind == "host-bridge") {
            one.driver = "none";
        } else if (found.header == 0) {
            one.driver = found.driver;
        }
        for (const auto& [at, below] : behind_bridge(place, found)) one.below.push_back(function(at, *below));
        return one;
    }

    KernelLog log_;
    std::string command_line_;  ///< of lines so far, where more is to come
    std::map<Place, Found> found_;
    std::map<std::uint32_t, Place> bridges_;        ///< by domain and bus, those that lead to it
    std::map<unsigned, std::bitset<256>> covered_;  ///< by domain, the buses behind bridges
    std::size_t placed_ = 0;
    bool guessed_ = false;  ///< the kind of a bridge
};

}  // namespace

KernelLog read_kernel_log(const std::string& text, const std::string& file) { return LogReader(file).read(text); }

}  // namespace xlate::study
