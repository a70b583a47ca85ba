#include "iommu/families.hpp"

#include <algorithm>

#include <fmt/format.h>

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

std::vector<std::string> preset_registers(Instance& instance, const Hardware& hardware,
                                          Span<std::uint32_t> id_registers) {
    std::vector<std::string> lost;
    struct Place {
        unsigned bank = 0;
        std::uint64_t offset = 0;
    };
    const auto place_of = [&](std::uint64_t offset) {
        Place place{0, offset};
        while (place.bank + 1 < instance.register_banks() && place.offset >= instance.register_bytes(place.bank)) {
            place.offset -= instance.register_bytes(place.bank++);
        }
        return place;
    };
    for (const auto& [offset, word] : hardware.registers) {
        if (std::find(id_registers.begin(), id_registers.end(), offset) != id_registers.end()) continue;
        const Place place = place_of(offset);
        instance.write_register(place.offset, 4, word, place.bank);
        if (instance.settling()) instance.settle();
    }
    for (const auto& [offset, word] : hardware.registers) {
        const Place place = place_of(offset);
        const auto found = static_cast<std::uint32_t>(instance.read_register(place.offset, 4, place.bank));
        if (found != word) lost.push_back(fmt::format("+{:#x} reads {:#x}, not {:#x}", offset, found, word));
    }
    return lost;
}

}  // namespace xlate::iommu
