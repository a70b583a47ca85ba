// What a VT-d remapping unit has: its capability registers and the shape of its caches.
// Source: docs/spec/iommu-hardware.md section 3.1. Cache shapes are estimates, except that there is one page-table
// cache for each upper level (docs/spec/published-figures.md A).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "iommu/cache.hpp"
#include "iommu/intel/layout_registers.hpp"

namespace xlate::iommu::vtd {

/// By level as ledgers count them: 2 keeps entries of level 2 (of 2 MiB), 1 of level 3, 0 of level 4.
inline constexpr unsigned kWalkCaches = 3;

/// Plain values, already validated.
struct VtdParams {
    std::uint32_t version = 0x10;
    std::uint64_t cap = 0;
    std::uint64_t ecap = 0;
    unsigned host_bits = 0;  ///< of physical addresses; 0: as many as CAP.MGAW says
    /// A fault of a device that has an unread record already is not recorded once more (the specification allows it).
    bool collapse_faults = false;
    /// IH of a flush is heeded: upper-level entries stay (a hint: hardware may drop them, too).
    bool leaf_hint = true;
    CacheParams context_cache{true, 64, 4}, pasid_cache{true, 64, 4}, interrupt_cache{true, 64, 4}, tlb{true, 512, 4},
        nested_cache{true, 128, 4};
    CacheParams walk_s1[kWalkCaches] = {{true, 32, 0}, {true, 32, 0}, {true, 32, 0}};
    CacheParams walk_s2[kWalkCaches] = {{true, 32, 0}, {true, 32, 0}, {true, 32, 0}};
    unsigned descriptors_per_fetch = 1;  ///< of the invalidation queue, 1..4; at most what a line of 64 bytes holds
    std::uint64_t seed = 1;
    std::string name = "dmar";  ///< names its streams of random numbers

    bool has(Field bit) const { return bit.test(ecap); }
    unsigned guest_bits() const { return static_cast<unsigned>(cap::MGAW.get(cap)) + 1; }
    unsigned physical_bits() const { return std::min(host_bits != 0 ? host_bits : guest_bits(), 52U); }
    /// An address, as a table or a register has it, that no memory of this machine has.
    bool beyond(std::uint64_t address) const { return address >> physical_bits() != 0; }
    /// A second level of so many levels (3 to 5).
    bool has_levels(unsigned levels) const {
        return levels >= 3 && levels <= 5 && (cap::SAGAW.get(cap) >> (levels - 2) & 1) != 0;
    }
    /// AW of the most levels that there are.
    std::uint64_t largest_aw() const { return has_levels(5) ? 3 : has_levels(4) ? 2 : 1; }
    unsigned domain_bits() const { return 4 + 2 * static_cast<unsigned>(cap::ND.get(cap)); }
    unsigned fault_records() const { return static_cast<unsigned>(cap::NFR.get(cap)) + 1; }
    std::uint32_t fault_offset() const { return static_cast<std::uint32_t>(cap::FRO.get(cap)) * 16; }
    std::uint32_t iotlb_offset() const { return static_cast<std::uint32_t>(ecap::IRO.get(ecap)) * 16; }
};

/// Capability registers by name.
struct Capabilities {
    std::uint32_t version = 0;
    std::uint64_t cap = 0, ecap = 0;
};
/// "qemu": as QEMU's intel-iommu shows itself with aw-bits=48 (legacy mode, one fault record); "server": legacy mode of
/// a server of 2019: 8 fault records, 4 levels, snoop control, device TLBs; "scalable": all that is modelled.
/// Which bits the last two have is an estimate.
Capabilities capabilities_by_name(const std::string& name);

}  // namespace xlate::iommu::vtd
