// Instances for a search over schedules: with caches and queues small enough to be copied for every schedule. A family
// says how one is made in its own file, iommu/<folder>/<name>_family.cpp, which defines beside <name>_family()
//     SmallFamily <name>_small();
// in xlate::iommu; the build gathers them as it gathers families (iommu/families.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "iommu/instance.hpp"

namespace xlate::iommu {

/// Entries of each cache of such an instance.
inline constexpr std::uint32_t kSmallCache = 8;

/// What firmware and a scenario say of one.
struct SmallInstance {
    std::string name;
    std::string compatible;
    std::vector<std::uint64_t> register_bytes;  ///< of each register bank
    unsigned interrupts = 0;
    unsigned id_bits = 5;         ///< that the ids of the masters need: a small table is written faster
    unsigned entries = 0;         ///< of a table in the hardware that holds a master's id; 0: as usual
    bool matches_streams = true;  ///< false: the id is the entry's number
    bool large_pages = false;     ///< its page is larger than the CPU's, where hardware has one size
    bool bypass = true;           ///< it can pass accesses through, where hardware differs in that
};

struct SmallFamily {
    std::string_view name;  ///< as firmware/iommu_families has it
    std::unique_ptr<Instance> (*make)(const SmallInstance& wanted) = nullptr;
};

/// nullptr: no engine.
const SmallFamily* find_small_family(std::string_view name);

}  // namespace xlate::iommu
