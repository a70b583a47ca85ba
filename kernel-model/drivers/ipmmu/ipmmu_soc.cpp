#include "kernel-model/drivers/ipmmu/ipmmu_soc.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace xlate::kernel {

namespace {

/// SoCs of the families R-Car Gen3, R-Car Gen4 and RZ/G2.
constexpr std::string_view kOptIn[] = {
    "r8a774a1", "r8a774b1", "r8a774c0", "r8a774e1", "r8a7795",  "r8a77951", "r8a7796",  "r8a77960",
    "r8a77961", "r8a77965", "r8a77970", "r8a77980", "r8a77990", "r8a77995", "r8a779a0", "r8a779f0",
    "r8a779g0", "r8a779g3", "r8a779h0", "r8a779h2", "r8a779m0", "r8a779m1", "r8a779m2", "r8a779m3",
    "r8a779m4", "r8a779m5", "r8a779m6", "r8a779m7", "r8a779m8", "r8a779mb",
};
constexpr std::string_view kDenied[] = {"r8a774a1", "r8a7796", "r8a77960"};
constexpr std::string_view kAllowed[] = {"ee100000.mmc", "ee120000.mmc", "ee140000.mmc", "ee160000.mmc"};
constexpr std::string_view kVendor = "renesas,";
constexpr unsigned kLastWithoutPci = 607;

template <std::size_t N>
bool has(const std::string_view (&list)[N], std::string_view one) {
    return std::find(std::begin(list), std::end(list), one) != std::end(list);
}

}  // namespace

IpmmuSoc ipmmu_soc(const firmware::Description& description) {
    if (description.nodes.empty()) return {};
    for (const std::string& compatible : description.nodes.front().compatible) {
        if (compatible.compare(0, kVendor.size(), kVendor) != 0) continue;
        const std::string id = compatible.substr(kVendor.size());
        if (has(kOptIn, id)) return {id, has(kDenied, id)};
    }
    return {};
}

bool ipmmu_device_is_allowed(const IpmmuSoc& soc, std::string_view device, bool pci, unsigned release) {
    if (soc.id.empty()) return true;
    if (soc.denied) return false;
    if (pci && release > kLastWithoutPci) return true;
    return has(kAllowed, device);
}

std::string ipmmu_turns_away(const firmware::Description& description, std::string_view device, bool pci,
                             unsigned release) {
    const IpmmuSoc soc = ipmmu_soc(description);
    if (ipmmu_device_is_allowed(soc, device, pci, release)) return {};
    if (soc.denied)
        return fmt::format("the driver ipmmu-vmsa uses no IPMMU of {}: the SoC is on its deny list", soc.id);
    return fmt::format("on {} the driver ipmmu-vmsa takes four SDHI controllers{}, and not {}", soc.id,
                       release > kLastWithoutPci ? " and PCI functions" : "", device);
}

}  // namespace xlate::kernel
