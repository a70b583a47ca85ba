// Performance counters: which of them an event makes go up.
// Source: RISC-V IOMMU specification, "Performance-monitoring event selector".
#pragma once

#include <cstdint>
#include <optional>

#include "iommu/riscv/registers.hpp"
#include "iommu/riscv/walk.hpp"

namespace xlate::iommu::riscv {

/// Whose event it is, as far as it is known.
struct HpmSubject {
    Requester requester;
    std::optional<DeviceContext> device;  ///< known, with its GSCID if nested
    std::optional<std::uint64_t> space;   ///< known, with its PSCID
    HpmSubject(const Requester& of) : requester(of) {}
    HpmSubject(const Requester& of, const DeviceContext& context) : requester(of), device(context) {}
    HpmSubject(const Requester& of, const DeviceContext& context, std::uint64_t of_space)
        : requester(of), device(context), space(of_space) {}
};

/// The selector lets the event pass. `word`: of iohpmevt.
bool hpm_matches(std::uint64_t word, HpmEvent event, const HpmSubject& subject);
/// One more of `event`. True: a counter without OF has overflowed.
bool hpm_count(Registers& registers, const RiscvParams& params, HpmEvent event, const HpmSubject& subject);

}  // namespace xlate::iommu::riscv
