#include "soc/unit.hpp"

#include <utility>

#include "iommu/families.hpp"
#include "iommu/inert.hpp"

namespace xlate::soc {

const IommuParams& params_of(const SocConfig& config, const IommuSite& site) {
    const auto own = config.iommus.find(site.path);
    return own == config.iommus.end() ? config.iommu : own->second;
}

std::unique_ptr<iommu::Instance> make_unit(const SocConfig& config, const IommuSite& site) {
    const IommuParams& params = params_of(config, site);
    iommu::InstanceParams unit;
    unit.hardware = params.hardware;
    unit.facts = site.facts;
    unit.seed = config.seed;
    unit.name = site.name;
    const CoreParams& core = params.tcu;
    unit.commands_per_fetch = static_cast<std::uint8_t>(core.commands_per_fetch);
    unit.prefetch_commands = core.prefetch_commands;
    unit.caches.config = core.config_cache.shape;
    unit.caches.tlb = core.tlb.shape;
    unit.caches.ipa = core.ipa_cache.shape;
    unit.caches.walk_enabled = core.walk_cache.enabled;
    const auto level = [&](std::uint32_t entries) {
        iommu::CacheParams cache{entries != 0, entries, core.walk_cache.ways, core.walk_cache.replacement};
        if (entries == 0) cache.entries = core.walk_cache.ways;
        return cache;
    };
    for (unsigned i = 0; i < 4; ++i) {
        unit.caches.walk_s1[i] = level(core.walk_cache.s1_entries[i]);
        unit.caches.walk_s2[i] = level(core.walk_cache.s2_entries[i]);
    }
    const auto own = config.engines.find(site.family);
    auto made = own != config.engines.end() ? own->second(unit) : iommu::find_family(site.family)->make(unit);
    if (params.inert) return std::make_unique<iommu::Inert>(std::move(made));
    return made;
}

}  // namespace xlate::soc
