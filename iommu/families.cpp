#include "iommu/families.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "iommu/dart/dart.hpp"
#include "iommu/simple/rockchip.hpp"
#include "iommu/simple/sun50i.hpp"
#include "iommu/smmuv2/register_files.hpp"
#include "iommu/smmuv2/sheet.hpp"
#include "iommu/smmuv3/smmu.hpp"

namespace xlate::iommu {

namespace {

std::unique_ptr<Instance> make_smmuv3(const InstanceParams& params) {
    smmuv3::SmmuParams own;
    own.features = params.hardware.smmuv3;
    own.seed = params.seed;
    own.name = params.name;
    own.commands_per_fetch = params.commands_per_fetch;
    own.prefetch_commands = params.prefetch_commands;
    own.caches.config = params.caches.config;
    own.caches.tlb = params.caches.tlb;
    own.caches.ipa = params.caches.ipa;
    own.caches.walk_enabled = params.caches.walk_enabled;
    std::copy(std::begin(params.caches.walk_s1), std::end(params.caches.walk_s1), std::begin(own.caches.walk_s1));
    std::copy(std::begin(params.caches.walk_s2), std::end(params.caches.walk_s2), std::begin(own.caches.walk_s2));
    return std::make_unique<smmuv3::Smmu>(own);
}

/// What a compatible says of the ID registers, in names of smmuv2::features_by_name().
std::string smmuv2_features(const std::string& compatible) {
    constexpr struct {
        std::string_view compatible, features;
    } kRows[] = {
        {"arm,smmu-v1", "smmu-v1"},
        {"arm,mmu-400", "mmu-400-like"},
        {"arm,mmu-401", "mmu-401-like"},
        {"arm,smmu-v2", "smmu-v2"},
        {"arm,mmu-500", "mmu-500-like"},
        {"cavium,smmu-v2", "cavium-smmu-v2-like"},
        {"marvell,ap806-smmu-500", "marvell-smmu-500-like"},
        {"nvidia,smmu-500", "nvidia-smmu-500-like"},
        {"qcom,smmu-v2", "qcom-smmu-500-like"},
        {"qcom,smmu-500", "qcom-smmu-500-like"},
        {"qcom,adreno-smmu", "qcom-smmu-500-like"},
    };
    for (const auto& row : kRows) {
        if (row.compatible == compatible) return std::string(row.features);
    }
    return "mmu-500-like";
}

std::unique_ptr<Instance> make_smmuv2(const InstanceParams& params) {
    const InstanceFacts& facts = params.facts;
    smmuv2::SmmuParams own;
    own.features = smmuv2::features_by_name(params.hardware.smmuv2.empty() ? smmuv2_features(facts.compatible)
                                                                           : params.hardware.smmuv2);
    // The next smaller size that the architecture has.
    constexpr std::uint64_t kLeast = 0x4000, kMost = 0x2000000;
    const std::uint64_t bytes = facts.register_bytes.empty() ? kLeast : facts.register_bytes.front();
    smmuv2::fit_space(own.features, bytes < kLeast ? kLeast : std::min(kMost, std::uint64_t{1} << log2_floor(bytes)));
    own.seed = params.seed;
    own.name = params.name;
    smmuv2::fit_interrupts(own.features,
                           facts.interrupts > facts.global_interrupts ? facts.interrupts - facts.global_interrupts : 0);
    own.global_interrupts = static_cast<std::uint8_t>(std::min(facts.global_interrupts, facts.interrupts));
    own.context_interrupts = static_cast<std::uint16_t>(facts.interrupts - own.global_interrupts);
    own.caches.tlb = params.caches.tlb;
    own.caches.ipa = params.caches.ipa;
    own.caches.walk_enabled = params.caches.walk_enabled;
    std::copy(std::begin(params.caches.walk_s1), std::end(params.caches.walk_s1), std::begin(own.caches.walk_s1));
    std::copy(std::begin(params.caches.walk_s2), std::end(params.caches.walk_s2), std::begin(own.caches.walk_s2));
    const auto files = static_cast<unsigned>(facts.register_bytes.size());
    if (facts.compatible == "nvidia,smmu-500" && files > 1) {
        return std::make_unique<smmuv2::RegisterFiles>(own, std::min(files, 4U));
    }
    return std::make_unique<smmuv2::Smmu>(own);
}

const InstanceSpec& rockchip_sheet() { return rockchip::kSpec; }

std::unique_ptr<Instance> make_rockchip(const InstanceParams& params) {
    rockchip::Parameters own;
    const bool first = params.facts.compatible == "rockchip,iommu" || params.facts.compatible.empty();
    own.version = first ? rockchip::Version::v1 : rockchip::Version::v2;
    own.banks = static_cast<unsigned>(std::max<std::size_t>(params.facts.register_bytes.size(), 1));
    own.wires = std::max(params.facts.interrupts, 1U);
    own.tlb = params.caches.tlb;
    own.directory = params.caches.walk_s1[2];
    own.directory.enabled = own.directory.enabled && params.caches.walk_enabled;
    own.seed = params.seed;
    return std::make_unique<rockchip::Rockchip>(own);
}

std::unique_ptr<Instance> make_dart(const InstanceParams& params) {
    const std::string& compatible = params.facts.compatible;
    dart::DartParams own = compatible == "apple,t8110-dart"   ? dart::t8110_dart()
                           : compatible == "apple,t6000-dart" ? dart::t6000_dart()
                                                              : dart::t8103_dart();
    own.page_log2 = params.hardware.dart_page_log2;
    own.tlb = params.caches.tlb;
    own.walk = params.caches.walk_s1[2];
    own.walk.enabled = own.walk.enabled && params.caches.walk_enabled;
    own.seed = params.seed;
    own.name = params.name;
    return std::make_unique<dart::Dart>(own);
}

const InstanceSpec& sun50i_sheet() { return sun50i::kSpec; }

std::unique_ptr<Instance> make_sun50i(const InstanceParams& params) {
    sun50i::Parameters own;
    own.tlb = params.caches.tlb;
    own.directory = params.caches.walk_s1[2];
    own.directory.enabled = own.directory.enabled && params.caches.walk_enabled;
    own.seed = params.seed;
    return std::make_unique<sun50i::Sun50i>(own);
}

constexpr Family kFamilies[] = {
    {"smmuv3", "mmu-600-like", &smmuv3::sheet, &make_smmuv3},
    {"smmuv1", "mmu-500-like", &smmuv2::sheet, &make_smmuv2},
    {"smmuv2", "mmu-500-like", &smmuv2::sheet, &make_smmuv2},
    {"rockchip", "rockchip-like", &rockchip_sheet, &make_rockchip},
    {"dart", "dart-like", &dart::sheet, &make_dart},
    {"sun50i", "sun50i-like", &sun50i_sheet, &make_sun50i},
};

}  // namespace

Span<Family> families() { return {kFamilies, std::size(kFamilies)}; }

const Family* find_family(std::string_view name) {
    for (const Family& family : families()) {
        if (family.name == name) return &family;
    }
    return nullptr;
}

}  // namespace xlate::iommu
