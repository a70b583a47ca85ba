// Where the time of one transaction went. Every femtosecond between issue and completion belongs to exactly one part.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace xlate::soc {

/// The parts of a transaction's way, in the order in which they are usually passed.
/// A resource's part covers both waiting for it and using it, except where waiting has a part of its own.
enum class Part : std::uint8_t {
    issue,        ///< in the master: from the decision to send until it is on the wire (port beats)
    link,         ///< wires: PCIe link and root, TBU to TCU and back
    iommu_queue,  ///< waiting for a slot or a credit of the IOMMU, or for another miss on the same page
    micro_tlb,
    main_tlb,
    tcu_tlb,
    config_cache,
    ste,  ///< fetching stream table entries
    cd,   ///< fetching context descriptors
    walk_cache,
    s1_level0,
    s1_level1,
    s1_level2,
    s1_level3,
    s2_level0,
    s2_level1,
    s2_level2,
    s2_level3,
    httu,          ///< writing access flags and dirty state
    ats,           ///< in an endpoint's ATC: looking up, and waiting for the answer to a translation request
    walk_other,    ///< walker cycles that belong to no access
    stall,         ///< until software answered: stalled by the IOMMU, or in an ATC with a page request under way
    memory,        ///< interconnect and memory, from the last master or IOMMU to the target
    response,      ///< interconnect back to the master
    system_cache,  ///< looking up in the cache before memory
    regulator,     ///< held by a bandwidth regulator until its next window
};
inline constexpr std::size_t kParts = 26;
const char* name(Part part);

/// The coarse parts of `breakdown_ns` in a result (design.md section 4).
enum class Group : std::uint8_t { issue, link, iommu_queue, tlb, walk, memory, response, software };
inline constexpr std::size_t kGroups = 8;
Group group_of(Part part);
/// "issue", "link", "iommu_queue", "tlb", "walk", "memory", "return", "software".
const char* name(Group group);

/// One transaction's account. Whoever holds the transaction charges the time up to now to a part; so the parts
/// always add up to (last charge - start): sum() == elapsed(), by construction and by test.
class Ledger {
public:
    void start(SimTime at) {
        parts_.fill(0);
        start_ = at;
        charged_ = at;
    }
    /// The time since the last charge belongs to `part`. `now` never goes back.
    void charge(Part part, SimTime now) {
        parts_[static_cast<std::size_t>(part)] += now.fs - charged_.fs;
        charged_ = now;
    }
    std::uint64_t fs(Part part) const { return parts_[static_cast<std::size_t>(part)]; }
    std::uint64_t sum_fs() const {
        std::uint64_t sum = 0;
        for (const std::uint64_t part : parts_) sum += part;
        return sum;
    }
    SimTime started() const { return start_; }
    SimTime charged() const { return charged_; }
    SimTime elapsed() const { return charged_ - start_; }

private:
    std::array<std::uint64_t, kParts> parts_{};
    SimTime start_;
    SimTime charged_;
};

}  // namespace xlate::soc
