#include "study/config/families/smmuv3_needs.hpp"

#include <optional>

#include <fmt/format.h>

#include "firmware/iommu_families.hpp"
#include "firmware/iommu_needs.hpp"
#include "study/config/yaml/read.hpp"

namespace xlate::study {
namespace {

using firmware::Description;

constexpr unsigned kOasBits[] = {32, 36, 40, 42, 44, 48, 52};  // IDR5.OAS

/// Where the config says how wide something is, if it does: of this IOMMU, else of all.
std::optional<std::string> place_of(const Config& config, const std::string& iommu, const char* key) {
    for (const std::string& path : {fmt::format("{}.features.{}", yaml::join_path("soc.iommus", iommu), key),
                                    fmt::format("soc.iommu.features.{}", key)}) {
        if (config.given(path)) return path;
    }
    return std::nullopt;
}

}  // namespace

std::vector<std::string> derive_smmuv3(Config& config, const Description& description) {
    std::vector<std::string> contradictions;
    for (const auto& [at, needs] : firmware::iommu_needs(description)) {
        const firmware::Node& node = description.node(at);
        if (!node.reachable || firmware::iommu_kind(node).family != "smmuv3") continue;
        const auto given = config.soc.iommus.find(node.path);
        IommuConfig iommu = given == config.soc.iommus.end() ? config.soc.iommu : given->second;
        ::xlate::iommu::smmuv3::Features& features = iommu.params.hardware.smmuv3;
        bool changed = false;
        if (needs.id_bits > features.sidsize) {
            if (const auto place = place_of(config, node.path, "sid_bits")) {
                contradictions.push_back(fmt::format(
                    "{} has stream ids of {} bits ({}), but {} leads to id {:#x}, which takes {}: the driver "
                    "refuses what is beyond",
                    node.path, features.sidsize, config.where(*place).text(), needs.id_where, needs.highest_id,
                    needs.id_bits));
            } else {
                features.sidsize = static_cast<std::uint8_t>(needs.id_bits);
                changed = true;
            }
        }
        if (needs.address_bits > kOasBits[features.oas]) {
            if (const auto place = place_of(config, node.path, "oas")) {
                contradictions.push_back(fmt::format(
                    "{} has output addresses of {} bits ({}), but there is {}, which takes {}", node.path,
                    kOasBits[features.oas], config.where(*place).text(), needs.address_where, needs.address_bits));
            } else {
                while (features.oas < 5 && kOasBits[features.oas] < needs.address_bits) ++features.oas;
                changed = true;
                if (kOasBits[features.oas] < needs.address_bits) {
                    contradictions.push_back(
                        fmt::format("{}: no modelled SMMUv3 reaches {}", node.path, needs.address_where));
                }
            }
        }
        if (changed) config.soc.iommus[node.path] = iommu;
    }
    return contradictions;
}

}  // namespace xlate::study
