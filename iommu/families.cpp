#include "iommu/families.hpp"

namespace xlate::iommu {

std::vector<Family> gathered_families();  // made by the build of the *_family.cpp

std::uint64_t Hardware::option(const OptionSpec& option) const {
    const auto said = options.find(std::string(option.block) + "." + option.key);
    if (said != options.end()) return said->second;
    return option.choices.empty() ? option.usual : 0;
}

std::string_view Hardware::choice(const OptionSpec& option) const { return option.choices[this->option(option)]; }

CacheParams CoreCaches::walk(unsigned level) const {
    CacheParams cache = walk_s1[level];
    cache.enabled = cache.enabled && walk_enabled;
    return cache;
}

const std::vector<Family>& families() {
    static const std::vector<Family> all = gathered_families();
    return all;
}

const Family* find_family(std::string_view name) {
    for (const Family& family : families()) {
        if (family.name == name) return &family;
    }
    return nullptr;
}

}  // namespace xlate::iommu
