// Numbers of different kinds never mix: an IOVA does not become a physical address without a walk.
#pragma once

#include <cstdint>

namespace xlate {

/// An address as a DMA master sends it, before translation.
struct Iova {
    std::uint64_t value = 0;
    friend constexpr bool operator==(Iova a, Iova b) { return a.value == b.value; }
    friend constexpr bool operator!=(Iova a, Iova b) { return a.value != b.value; }
    friend constexpr bool operator<(Iova a, Iova b) { return a.value < b.value; }
};

/// An address on the system bus.
struct PhysAddr {
    std::uint64_t value = 0;
    friend constexpr bool operator==(PhysAddr a, PhysAddr b) { return a.value == b.value; }
    friend constexpr bool operator!=(PhysAddr a, PhysAddr b) { return a.value != b.value; }
    friend constexpr bool operator<(PhysAddr a, PhysAddr b) { return a.value < b.value; }
    friend constexpr PhysAddr operator+(PhysAddr a, std::uint64_t n) { return {a.value + n}; }
};

/// Names a master to its IOMMU: SMMU stream ID, PCI requester ID after iommu-map, and so on.
enum class StreamId : std::uint32_t {};
constexpr std::uint32_t value(StreamId id) { return static_cast<std::uint32_t>(id); }

/// Names an address space of a master (SubstreamID, PASID). 20 bits.
enum class SubstreamId : std::uint32_t {};
constexpr std::uint32_t value(SubstreamId id) { return static_cast<std::uint32_t>(id); }

}  // namespace xlate
