// Every family that has an engine, in one list: what makes an instance of it, and its parameters.
// Which family a node of firmware is, firmware/iommu_families says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/span.hpp"
#include "iommu/cache.hpp"
#include "iommu/instance.hpp"
#include "iommu/smmuv3/parameters.hpp"

namespace xlate::iommu {

/// What the ID registers say, by family.
struct Hardware {
    smmuv3::Features smmuv3 = smmuv3::qemu_like();
    std::string smmuv2;  ///< SMMUv1 and v2: name of smmuv2::features_by_name(); empty: what `compatible` says
    std::uint8_t dart_page_log2 = 14;  ///< DART: 12 or 14
};

/// What firmware says of one instance.
struct InstanceFacts {
    std::string compatible;                     ///< "arm,smmu-v3"
    std::vector<std::uint64_t> register_bytes;  ///< of each register bank
    unsigned interrupts = 0;                    ///< in `interrupts`
    unsigned global_interrupts = 1;             ///< of those, the first ones (SMMUv1, v2)
};

/// Caches of the core. A family takes those that its sheet names.
struct CoreCaches {
    CacheParams config, tlb, ipa;
    bool walk_enabled = true;
    CacheParams walk_s1[4], walk_s2[4];  ///< by level
};

/// Everything about one instance. Plain values, already validated.
struct InstanceParams {
    Hardware hardware;
    InstanceFacts facts;
    CoreCaches caches;
    std::uint64_t seed = 1;
    std::string name;                     ///< names its streams of random numbers
    std::uint8_t commands_per_fetch = 1;  ///< 1..4
    bool prefetch_commands = false;
};

using MakeInstance = std::function<std::unique_ptr<Instance>(const InstanceParams&)>;

struct Family {
    std::string_view name;    ///< as firmware/iommu_families has it
    std::string_view preset;  ///< of timing parameters, by which its instances go if a config says nothing
    const InstanceSpec& (*sheet)();
    std::unique_ptr<Instance> (*make)(const InstanceParams&);
};
Span<Family> families();
/// nullptr: no engine.
const Family* find_family(std::string_view name);

}  // namespace xlate::iommu
