#include "iommu/records/log_line.hpp"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <limits>

#include "base/hex.hpp"

namespace xlate::iommu::records {

std::optional<Token> token_of(std::string_view text) {
    const bool prefixed = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const std::string_view digits = prefixed ? text.substr(2) : text;
    if (digits.empty() || digits.size() > 16 || (!prefixed && digits.size() < 8)) return std::nullopt;
    const auto value = parse_hex(digits, std::numeric_limits<std::uint64_t>::max());
    if (!value) return std::nullopt;
    Token token;
    token.digits = digits.size();
    token.value = *value;
    return token;
}

std::optional<std::uint64_t> number_after(std::string_view line, std::string_view key) {
    const std::size_t found = line.find(key);
    if (found == std::string_view::npos) return std::nullopt;
    std::size_t at = found + key.size();
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
    std::size_t end = at;
    while (end < line.size() && std::isxdigit(static_cast<unsigned char>(line[end])) != 0) ++end;
    if (end == at + 1 && line[at] == '0' && end < line.size() && (line[end] == 'x' || line[end] == 'X')) {
        at = ++end;
        while (end < line.size() && std::isxdigit(static_cast<unsigned char>(line[end])) != 0) ++end;
    }
    if (end == at) return std::nullopt;
    const auto token = token_of("0x" + std::string(line.substr(at, end - at)));
    return token ? std::optional(token->value) : std::nullopt;
}

std::optional<std::uint64_t> decimal_after(std::string_view line, std::string_view key) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 48;
    const std::size_t found = line.find(key);
    if (found == std::string_view::npos) return std::nullopt;
    const std::size_t start = found + key.size();
    std::uint64_t value = 0;
    std::size_t at = start;
    for (; at < line.size() && line[at] >= '0' && line[at] <= '9' && value < kMost; ++at)
        value = value * 10 + static_cast<std::uint64_t>(line[at] - '0');
    return at == start ? std::nullopt : std::optional(value);
}

bool has(std::string_view line, std::string_view what) { return line.find(what) != std::string_view::npos; }

std::uint64_t pci_id(std::string_view text) {
    for (std::size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.', dot + 1)) {
        constexpr std::size_t kDigits = 2;
        if (dot + 1 >= text.size() || dot < kDigits) continue;
        const std::size_t device = dot - kDigits;
        std::size_t colon = device;
        if (colon >= kDigits && text.substr(colon - kDigits, kDigits) == "0x") colon -= kDigits;
        if (colon < kDigits + 1 || text[colon - 1] != ':') continue;
        const auto hex = [&](std::size_t at, std::size_t count) {
            return parse_hex(text.substr(at, count), 0xff).value_or(0);
        };
        return hex(colon - 1 - kDigits, kDigits) << 8 | (hex(device, kDigits) & 31) << 3 | (hex(dot + 1, 1) & 7);
    }
    return 0;
}

namespace {

bool has_one(std::string_view line, std::initializer_list<std::string_view> all) {
    return std::any_of(all.begin(), all.end(), [&](std::string_view one) { return has(line, one); });
}

std::string lower_case(std::string_view line) {
    std::string lower(line);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return lower;
}

/// "nvme 0000:01:00.0: ", "usb 1-1: ": a driver's name, and a device's, which has a digit.
bool names_device(std::string_view line) {
    const std::size_t end = line.find(": "), space = line.find(' ');
    if (end == std::string_view::npos || space == 0 || space > end) return false;
    const std::string_view driver = line.substr(0, space), device = line.substr(space + 1, end - space - 1);
    const auto in_name = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    };
    const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
    return std::islower(static_cast<unsigned char>(driver.front())) != 0 &&
           std::all_of(driver.begin(), driver.end(), in_name) &&
           std::all_of(device.begin(), device.end(), [&](char c) { return in_name(c) || c == ':' || c == '.'; }) &&
           std::any_of(device.begin(), device.end(), is_digit);
}

}  // namespace

bool names_iommu(std::string_view line) {
    return has_one(lower_case(line), {"mmu", "dmar", "intr-remap", "amd-vi", "-dart", "tegra-mc"});
}

bool is_rest_of_line(std::string_view line) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t>"), line.size()));
    if (line.empty() || line.front() == '[' || line.front() == '<') return false;
    if (has_one(line, {"kernel:", "(XEN)", "*** "}) || names_device(line)) return false;
    const std::size_t colon = line.find(':');
    return colon == std::string_view::npos || !names_iommu(line.substr(0, colon));
}

bool tells_of_fault(std::string_view line) {
    if (!names_iommu(line)) return false;
    const std::string lower = lower_case(line);
    if (!has_one(lower, {"fault", "error", "violation", "timed out", "timeout", "overflow", "blocked ", "rejected",
                         "unexpected", "events lost", "pri request", "dmar: reason", "intr-remap: reason",
                         "event logged [unknown", "qi head: ", "qi prior: "}))
        return false;
    return !has_one(lower, {"global fault, this could be serious", "fsr    =", "fsynr0 =", "callbacks suppressed",
                            "command in error state", "allocated ", "failed to probe"});
}

std::string_view speaker_of(std::string_view line) {
    const std::size_t start = line.find("arm-smmu-v3 ");
    if (start == std::string_view::npos) return {};
    const std::size_t end = line.find(": ", start);
    return end == std::string_view::npos ? std::string_view{} : line.substr(start, end + 1 - start);
}

}  // namespace xlate::iommu::records
