// How much a shared resource was used, and how long it was waited for: integrals over time.
// What is under way counts too: an integral takes away the time at which something begins and adds that at which it
// ends, modulo 2^64; who reads it adds `now` for each that has not ended. So it costs one addition at either end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace xlate::soc {

enum class ResourceKind : std::uint8_t {
    memory,         ///< a channel's data bus
    memory_banks,   ///< of a channel
    system_cache,   ///< lines that a slice fetches
    crossbar,       ///< the layer to a target
    crossbar_back,  ///< the layer back to an initiator
    network_link,   ///< of a ring or mesh
    bridge,         ///< accesses on their way over one
    regulator,      ///< the door of one
    link_up,        ///< a PCIe link, to memory
    link_down,      ///< and back
    port,           ///< of an IOMMU: its beats
    port_slots,     ///< its translation slots
    write_buffer,   ///< its beats of writes
    micro_tlb,      ///< look-ups and fills
    main_tlb,
    link_to_core,
    link_from_core,
    bus_port,  ///< an IOMMU's beats to the interconnect
    core_slots,
    walk_slots,
    config_cache,  ///< look-ups in the core
    core_tlb,
    ipa_cache,
    walk_cache,
    walker,  ///< its cycles
    registers,
    commands,  ///< a queue that takes commands, while it has some
    drain,     ///< waiting for one: a CMD_SYNC
    cpu,       ///< tasks that run, and those that are ready and wait for it
};
inline constexpr std::size_t kResourceKinds = 29;
/// "walk_slots".
const char* name(ResourceKind kind);

/// Names live as long as the SoC.
struct ResourceUse {
    ResourceKind kind{};
    std::string_view component;   ///< "9050000.smmuv3", "memory_1", "pcie.4010000000.pcie"
    std::string_view part;        ///< of it: "0000:01:00.0", "memory"; empty: there is one
    std::uint64_t places = 1;     ///< how many can use it at once
    std::uint64_t busy_fs = 0;    ///< time with a place in use, summed over places
    std::uint64_t full_fs = 0;    ///< time with all places in use, or with an access at a door that is closed
    std::uint64_t waited_fs = 0;  ///< summed over those who waited
};

/// Of something with one place, or of which no place is told from another: full when busy.
inline ResourceUse single(ResourceKind kind, std::string_view component, std::string_view part, std::uint64_t busy_fs,
                          std::uint64_t waited_fs) {
    return {kind, component, part, 1, busy_fs, busy_fs, waited_fs};
}

}  // namespace xlate::soc
