#include "iommu/tegra/ptc.hpp"

#include <algorithm>

#include "base/random.hpp"

namespace xlate::iommu::tegra {

Ptc::Ptc(const CacheParams& params, unsigned atom_bytes, std::uint64_t seed, std::string_view name)
    : enabled_(params.enabled && params.entries > 0),
      atom_bytes_(atom_bytes),
      ways_(enabled_ ? params : CacheParams{}, Rng{seed, name}),
      tags_(enabled_ ? params.entries : 0, kFree),
      atoms_(tags_.size()) {}

const Ptc::Atom* Ptc::lookup(std::uint64_t address, bool quiet) {
    if (!enabled_) return nullptr;
    const std::uint64_t tag = base_of(address);
    if (!quiet) ++counters_.lookups;
    const std::uint32_t first = ways_.first(tag);
    for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
        if (tags_[i] != tag) continue;
        if (!quiet) {
            ++counters_.hits;
            ways_.used(i);
        }
        return &atoms_[i];
    }
    return nullptr;
}

void Ptc::fill(std::uint64_t address, const Atom& atom) {
    if (!enabled_) return;
    const std::uint64_t tag = base_of(address);
    const std::uint32_t first = ways_.first(tag);
    std::uint32_t at = first + ways_.ways();
    for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
        if (tags_[i] == tag) {
            at = i;
            break;
        }
        if (tags_[i] == kFree && at == first + ways_.ways()) at = i;
    }
    if (at == first + ways_.ways()) at = ways_.victim(first);
    tags_[at] = tag;
    atoms_[at] = atom;
    ways_.used(at);
    ++counters_.fills;
}

void Ptc::drop(std::uint64_t address) {
    const std::uint64_t tag = base_of(address);
    for (std::uint64_t& one : tags_) {
        if (one != tag) continue;
        one = kFree;
        ++counters_.invalidated;
    }
}

void Ptc::clear() {
    for (std::uint64_t& one : tags_) {
        if (one != kFree) ++counters_.invalidated;
        one = kFree;
    }
}

}  // namespace xlate::iommu::tegra
