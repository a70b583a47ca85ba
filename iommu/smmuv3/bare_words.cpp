#include "iommu/smmuv3/bare_words.hpp"

#include "iommu/smmuv3/event_reading.hpp"
#include "iommu/smmuv3/layout.hpp"

namespace xlate::iommu::smmuv3 {
namespace {

using records::Words;

bool plausible_command(const Words& words) {
    return std::string_view(name(static_cast<Opcode>(words[0] & 0xFF))) != "reserved";
}

bool plausible_ste(const Words& words) {
    const std::uint64_t config = (words[0] >> 1) & 7;
    return (words[0] & 1) != 0 && (config == 0 || config >= 4);
}

bool plausible_cd(const Words& words) { return (words[0] >> 31 & 1) != 0 && (words[0] >> 41 & 1) != 0; }

}  // namespace

std::vector<std::string_view> bare_kinds(const Words& words, std::size_t digits, bool by_number) {
    const std::size_t count = words.size();
    if (by_number) {
        if (count == 4) return {"event"};
        if (count == 2) return {"page-request"};
        if (count == 8) return {"ste", "cd"};
        return {};
    }
    std::vector<std::string_view> kinds;
    const auto all = [&](std::size_t of, bool (*plausible)(const Words&)) {
        if (count % of != 0) return false;
        for (auto at = words.begin(); at != words.end(); at += static_cast<std::ptrdiff_t>(of)) {
            if (!plausible(Words(at, at + static_cast<std::ptrdiff_t>(of)))) return false;
        }
        return true;
    };
    if (all(4, plausible_event)) kinds.emplace_back("event");
    if (all(8, plausible_ste)) kinds.emplace_back("ste");
    if (all(8, plausible_cd)) kinds.emplace_back("cd");
    if (kinds.empty() && count % 4 != 0 && all(2, plausible_command)) kinds.emplace_back("command");
    if (count == 1) {
        kinds.emplace_back("pte");
        if (digits <= 8 && words[0] != 0 && words[0] < 0x400) kinds.emplace_back("gerror");
    }
    return kinds;
}

}  // namespace xlate::iommu::smmuv3
