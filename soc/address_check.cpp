#include "soc/address_check.hpp"

#include <algorithm>
#include <string>
#include <tuple>

#include <fmt/format.h>

#include "firmware/iommu_families.hpp"
#include "soc/unit.hpp"

namespace xlate::soc {

namespace {

struct Place {
    std::uint64_t base = 0, last = 0;
    std::string what;  ///< "registers of /soc/iommu@9050000"
    std::string path;

    std::string text() const { return fmt::format("{} ({:#x} to {:#x})", what, base, last); }
};

}  // namespace

std::vector<Diagnostic> check_addresses(const SocConfig& config, const firmware::Description& description,
                                        const Topology& topology) {
    std::vector<Place> places;
    const auto add = [&](std::uint64_t base, std::uint64_t bytes, std::string what, const std::string& path) {
        if (bytes != 0) places.push_back({base, base + (bytes - 1), std::move(what), path});
    };
    for (const IommuSite& site : topology.iommus) {
        if (params_of(config, site).inert) continue;
        if (firmware::reserves_registers(firmware::iommu_kind(description.node(site.node)))) continue;
        for (const IommuSite::Bank& bank : site.banks)
            add(bank.base, bank.bytes, "registers of " + site.path, site.path);
    }
    for (const MsiFrame& frame : topology.msi_frames) {
        const std::string& path = description.node(frame.node).path;
        add(frame.base, frame.size, "message page of " + path, path);
    }
    std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
        return std::tie(a.base, b.last, a.what) < std::tie(b.base, a.last, b.what);
    });
    std::vector<Diagnostic> findings;
    const Place* highest = nullptr;  // of those before, the one that ends last
    for (const Place& place : places) {
        if (highest != nullptr && place.base <= highest->last) {
            Diagnostic finding;
            finding.path = place.path;
            finding.what = "two at one address: " + place.text() + ", " + highest->text();
            finding.expected = "addresses of its own";
            findings.push_back(std::move(finding));
        }
        if (highest == nullptr || place.last > highest->last) highest = &place;
    }
    return findings;
}

}  // namespace xlate::soc
