#include "study/config/acs_parameters.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/hex.hpp"

namespace xlate::study {
namespace {

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    for (std::size_t from = 0; from <= text.size();) {
        const std::size_t to = std::min(text.find(at, from), text.size());
        parts.push_back(text.substr(from, to - from));
        from = to + 1;
    }
    return parts;
}

std::string trimmed(const std::string& text) {
    const std::size_t first = text.find_first_not_of(' ');
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::optional<unsigned> devfn(const std::string& text) {
    const std::size_t dot = text.find('.');
    if (dot == std::string::npos) return std::nullopt;
    const auto device = parse_hex(text.substr(0, dot), 31);
    const auto function = parse_hex(text.substr(dot + 1), 7);
    if (!device || !function) return std::nullopt;
    return static_cast<unsigned>(*device << 3 | *function);
}

/// "pci:8086:1901" (ids of the subsystem are not modelled), "[0000:]00:1c.0[/00.0]".
std::optional<kernel::PciMatch> match_of(const std::string& text) {
    kernel::PciMatch match;
    if (text.rfind("pci:", 0) == 0) {
        const std::vector<std::string> parts = split(text.substr(4), ':');
        if (parts.size() != 2) return std::nullopt;
        const auto vendor = parse_hex(parts[0], 0xFFFF);
        const auto device = parse_hex(parts[1], 0xFFFF);
        if (!vendor || !device) return std::nullopt;
        match.id = {static_cast<std::uint16_t>(*vendor), static_cast<std::uint16_t>(*device)};
        return match;
    }
    const std::vector<std::string> steps = split(text, '/');
    const std::vector<std::string> place = split(steps.front(), ':');
    if (place.size() < 2 || place.size() > 3) return std::nullopt;
    const auto domain = place.size() == 3 ? parse_hex(place[0], 0xFFFF) : std::optional<std::uint64_t>(0);
    const auto bus = parse_hex(place[place.size() - 2], 0xFF);
    const auto first = devfn(place.back());
    if (!domain || !bus || !first) return std::nullopt;
    match.domain = static_cast<unsigned>(*domain);
    match.bus = static_cast<unsigned>(*bus);
    match.path.push_back(*first);
    for (std::size_t i = 1; i < steps.size(); ++i) {
        const auto next = devfn(steps[i]);
        if (!next) return std::nullopt;
        match.path.push_back(*next);
    }
    return match;
}

bool read_devices(const std::string& text, std::vector<kernel::PciMatch>& devices, std::string& finding) {
    for (const std::string& part : split(text, ';')) {
        const auto match = match_of(trimmed(part));
        if (!match) {
            finding = fmt::format("'{}' is no PCI device", part);
            return false;
        }
        devices.push_back(*match);
    }
    return true;
}

/// "x0x1": the last character is bit 0; x leaves a bit as it is.
bool read_flags(const std::string& text, kernel::AcsRule& rule) {
    constexpr std::size_t kBits = 7;
    if (text.empty() || text.size() > kBits) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::uint32_t bit = 1U << (text.size() - 1 - i);
        if (text[i] == 'x' || text[i] == 'X') continue;
        if (text[i] != '0' && text[i] != '1') return false;
        rule.mask |= bit;
        if (text[i] == '1') rule.value |= bit;
    }
    return true;
}

}  // namespace

bool read_pci_parameter(const std::string& text, kernel::AcsParameters& acs, std::string& finding) {
    for (const std::string& option : split(text, ',')) {
        const std::size_t equals = option.find('=');
        const std::string name = option.substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
        kernel::AcsRule rule;
        if (name == "disable_acs_redir") {
            rule.mask = kernel::kAcsRequestRedirect | kernel::kAcsCompletionRedirect | kernel::kAcsEgressControl;
            if (!read_devices(value, rule.devices, finding)) return false;
            // It is applied before config_acs, whatever the order of the command line.
            acs.rules.insert(acs.rules.begin(), rule);
        } else if (name == "config_acs") {
            // Each device has flags of its own (Linux 6.14; 6.12.107 has it, too); without them it is "ACS Flags
            // missing".
            for (const std::string& part : split(value, ';')) {
                kernel::AcsRule one;
                one.since = kernel::kFirstReleaseWithConfigAcs;
                const std::size_t at = part.find('@');
                if (at == std::string::npos || !read_flags(trimmed(part.substr(0, at)), one)) {
                    finding = fmt::format("'{}' has no flags of 0, 1 and x before an @", part);
                    return false;
                }
                if (!read_devices(part.substr(at + 1), one.devices, finding)) return false;
                acs.rules.push_back(std::move(one));
            }
        } else if (name == "noats") {
            finding = "pci=noats is not modelled: leave out 'atc' of soc.pci[], or give it quirks: [no-ats]";
            return false;
        } else {
            finding = fmt::format("the option '{}' of pci= has no meaning here", name);
            return false;
        }
    }
    return true;
}

bool read_acs_override(const std::string& text, kernel::AcsOverrides& overrides, std::string& finding) {
    for (const std::string& option : split(text, ',')) {
        if (option == "downstream") {
            overrides.downstream = true;
        } else if (option == "multifunction") {
            overrides.multifunction = true;
        } else if (option.rfind("id:", 0) == 0) {
            const auto match = match_of("pci:" + option.substr(3));
            if (!match) {
                finding = fmt::format("'{}' is no vendor and device", option);
                return false;
            }
            overrides.devices.push_back(*match);
        } else {
            finding = fmt::format("the option '{}' of pcie_acs_override= has no meaning", option);
            return false;
        }
    }
    return true;
}

}  // namespace xlate::study
