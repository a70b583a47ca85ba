#include "soc/measure/ledger.hpp"

namespace xlate::soc {

const char* name(Part part) {
    constexpr const char* kNames[kParts] = {
        "issue",     "link",      "iommu_queue", "micro_tlb",    "main_tlb",  "tcu_tlb",   "config_cache",
        "ste",       "cd",        "walk_cache",  "s1_level0",    "s1_level1", "s1_level2", "s1_level3",
        "s2_level0", "s2_level1", "s2_level2",   "s2_level3",    "httu",      "ats",       "walk_other",
        "stall",     "memory",    "return",      "system_cache", "regulator"};
    static_assert(kNames[kParts - 1] != nullptr, "each part has a name");
    return kNames[static_cast<std::size_t>(part)];
}

Group group_of(Part part) {
    switch (part) {
        case Part::issue:
        case Part::regulator:
            return Group::issue;
        case Part::link:
            return Group::link;
        case Part::iommu_queue:
            return Group::iommu_queue;
        case Part::stall:
            return Group::software;
        case Part::micro_tlb:
        case Part::main_tlb:
        case Part::tcu_tlb:
            return Group::tlb;
        case Part::memory:
        case Part::system_cache:
            return Group::memory;
        case Part::response:
            return Group::response;
        default:
            return Group::walk;
    }
}

const char* name(Group group) {
    constexpr const char* kNames[kGroups] = {"issue", "link",   "iommu_queue", "tlb",
                                             "walk",  "memory", "return",      "software"};
    return kNames[static_cast<std::size_t>(group)];
}

}  // namespace xlate::soc
