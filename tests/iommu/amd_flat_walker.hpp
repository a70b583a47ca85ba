// What AMD-Vi's structures in memory say of one access, without caches, steps or queues: written from
// docs/spec/iommu-hardware.md section 4 alone, with numbers where the model has names.
#pragma once

#include <cstdint>
#include <optional>

#include "iommu/memory_port.hpp"

namespace xlate::iommu::amd {

/// Registers that matter to it.
struct FlatUnit {
    std::uint64_t devtab = 0;           ///< offset 0x00
    std::uint64_t exclusion = 0;        ///< offset 0x20
    std::uint64_t exclusion_limit = 0;  ///< offset 0x28
    bool guest = false;                 ///< CONTROL.GT with EXT_FEAT.GT
};

struct FlatAccess {
    std::uint32_t device = 0;
    std::optional<std::uint32_t> pasid;
    std::uint64_t address = 0;
    bool write = false, execute = false, privileged = false;
};

struct FlatAnswer {
    bool passes = false;
    std::uint64_t pa = 0;
    bool logged = false;
    std::uint32_t event[4] = {};  ///< if logged
};

FlatAnswer flat_walk(const FlatUnit& unit, const FlatAccess& access, MemoryPort& memory);

}  // namespace xlate::iommu::amd
