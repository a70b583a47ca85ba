// Runs an SMMU at once against a plain memory: for unit tests and fuzzing.
#pragma once

#include "iommu/memory_port.hpp"
#include "iommu/smmuv2/smmu.hpp"

namespace xlate::iommu::smmuv2 {

/// Translates `request` to its end (or until it stalls).
inline const Result& translate(Translation& translation, Smmu& smmu, MemoryPort& memory, const Request& request) {
    translation.start(smmu, request);
    return run([&](const Reply& reply) -> const Step& { return translation.step(smmu, reply); }, memory).result;
}
/// Everything that hardware does by itself after a register write: drains, operations.
inline void settle(Smmu& smmu, MemoryPort& memory) {
    if (smmu.operation_pending()) {
        run([&](const Reply& reply) -> const Step& { return smmu.step_operation(reply); }, memory);
    }
    if (smmu.sync_pending()) run([&](const Reply& reply) -> const Step& { return smmu.step_sync(reply); }, memory);
}

}  // namespace xlate::iommu::smmuv2
