#include "study/init/machine/log_iommus.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "base/quantity.hpp"

namespace xlate::study {
namespace {

/// A bit of the features that arm-smmu-v3 prints, and the key that says the same here.
struct Feature {
    unsigned bit;
    const char* key;
};
constexpr Feature kFeatures[] = {{5, "ats"}, {4, "pri"}, {7, "msi"}, {6, "sev"}, {15, "ril"}};
constexpr unsigned kOutputSizes[] = {32, 36, 40, 42, 44, 48};  // that `oas` takes

std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view key) {
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    const std::size_t start = at + key.size();
    std::size_t end = start;
    while (end < text.size() && std::isalnum(static_cast<unsigned char>(text[end])) != 0) ++end;
    const Parsed<std::uint64_t> value = parse_integer(std::string(text.substr(start, end - start)));
    return value ? std::optional(value.value()) : std::nullopt;
}

std::optional<std::string_view> said_by(std::string_view line, std::string_view driver, std::string& device) {
    if (line.substr(0, driver.size()) != driver) return std::nullopt;
    // "arm-smmu-v3 9050000.iommu: ", and "arm-smmu-v3.0.auto: ", which has no name before
    const bool own = line.size() > driver.size() && line[driver.size()] == '.';
    if (!own && line.substr(driver.size(), 1) != " ") return std::nullopt;
    const std::size_t start = own ? 0 : driver.size() + 1, colon = line.find(": ", start);
    const std::size_t tab = line.find(":\t", start), end = std::min(colon, tab);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view name = line.substr(start, end - start);
    if (name.empty() || name.size() > 64 || name.find(' ') != std::string_view::npos) return std::nullopt;
    device = name;
    return line.substr(end + 1);
}

/// Another key of a map "smmuv2: { a: 1 }" that may have begun.
void add_to(std::string& entry, std::string_view map, const std::string& key) {
    if (entry.find(key.substr(0, key.find(':'))) != std::string::npos) return;  // told again
    if (entry.empty()) {
        entry = fmt::format("{}: {{ {} }}", map, key);
    } else {
        entry.replace(entry.size() - 2, 2, fmt::format(", {} }}", key));
    }
}

}  // namespace

void take_iommu_line(std::string_view line, LogIommus& iommus) {
    std::string device;
    if (const auto text = said_by(line, "arm-smmu-v3", device)) {
        const auto oas = number_behind(*text, "oas "), features = number_behind(*text, "(features ");
        if (!features) return;
        std::string keys;
        for (const Feature& one : kFeatures)
            keys += fmt::format("{}{}: {}", keys.empty() ? "" : ", ", one.key, (*features >> one.bit & 1) != 0);
        if (oas && std::find(std::begin(kOutputSizes), std::end(kOutputSizes), *oas) != std::end(kOutputSizes))
            keys = fmt::format("oas: {}, {}", *oas, keys);
        iommus[device] = fmt::format("features: {{ {} }}", keys);
        return;
    }
    if (const auto text = said_by(line, "arm-smmu", device)) {
        constexpr std::string_view kBanks = " context banks (";
        if (const auto groups = number_behind(*text, "stream matching with "))
            add_to(iommus[device], "smmuv2", fmt::format("stream_groups: {}", std::min<std::uint64_t>(*groups, 128)));
        if (const std::size_t at = text->find(kBanks); at != std::string_view::npos) {
            std::size_t start = at;
            while (start > 0 && std::isdigit(static_cast<unsigned char>((*text)[start - 1])) != 0) --start;
            const Parsed<std::uint64_t> banks = parse_integer(std::string(text->substr(start, at - start)));
            if (banks)
                add_to(iommus[device], "smmuv2",
                       fmt::format("context_banks: {}", std::min<std::uint64_t>(banks.value(), 128)));
        }
    }
}

}  // namespace xlate::study
